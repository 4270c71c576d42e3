// Lowering of broadcast, transpose, slice, pad, concat, iota, from_scalars, dynamic_slice: each
// output element as an expression of its index.
#include "ops/movement/movement.h"

namespace tenon::ops {
namespace {

using ir::Key;

/// 0 <= value < extent, leaving out what need not be tested.
Expr within(Context& c, Expr value, Expr extent, bool test_low, bool test_high) {
  const Expr low = test_low ? ir::le(c, c.i64(0), value) : c.bool_imm(true);
  const Expr high = test_high ? ir::lt(c, value, extent) : c.bool_imm(true);
  return ir::logical_and(c, low, high);
}

bool is_at_most_zero(Expr e) {
  const auto n = ir::as_int(e);
  return n && *n <= 0;
}

}  // namespace

Expr broadcast_point(const PointArgs& args) {
  const auto& dims = args.node->ints_attr(Key::dims);
  const auto& shape = args.node->operand(0)->shape();
  std::vector<Expr> at;
  for (size_t i = 0; i < dims.size(); ++i)
    at.push_back(ir::is_int(shape[i], 1) ? args.c.i64(0) : args.out[static_cast<size_t>(dims[i])]);
  return args.load(0, at);
}

Expr transpose_point(const PointArgs& args) {
  const auto& perm = args.node->ints_attr(Key::perm);
  std::vector<Expr> at(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) at[static_cast<size_t>(perm[i])] = args.out[i];
  return args.load(0, at);
}

Expr slice_point(const PointArgs& args) {
  Context& c = args.c;
  const auto& starts = args.node->exprs_attr(Key::starts);
  const auto& strides = args.node->ints_attr(Key::strides);
  std::vector<Expr> at;
  for (size_t i = 0; i < starts.size(); ++i)
    at.push_back(ir::add(c, args.extent(starts[i]), ir::mul(c, args.out[i], c.i64(strides[i]))));
  return args.load(0, at);
}

Expr pad_point(const PointArgs& args) {
  Context& c = args.c;
  const auto& low = args.node->exprs_attr(Key::low);
  const auto& high = args.node->exprs_attr(Key::high);
  const auto& interior = args.node->ints_attr(Key::interior);
  const auto& shape = args.node->operand(0)->shape();
  Expr inside = c.bool_imm(true);
  std::vector<Expr> at;
  for (size_t i = 0; i < low.size(); ++i) {
    Expr place = ir::sub(c, args.out[i], args.extent(low[i]));
    bool test_high = !is_at_most_zero(high[i]);
    inside = ir::logical_and(c, inside, within(c, place, place, !is_at_most_zero(low[i]), false));
    if (interior[i] != 0) {
      const Expr step = c.i64(interior[i] + 1);
      inside = ir::logical_and(c, inside, ir::eq(c, ir::mod(c, place, step), c.i64(0)));
      place = ir::floordiv(c, place, step);
      test_high = true;
    }
    if (test_high)
      inside = ir::logical_and(c, inside, within(c, place, args.extent(shape[i]), false, true));
    at.push_back(place);
  }
  if (ir::is_int(inside, 1)) return args.load(0, at);
  return ir::select(c, inside, args.load(0, at), args.load(1, {}));
}

Expr concat_point(const PointArgs& args) {
  Context& c = args.c;
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  const size_t count = args.node->operands.size();
  // offsets[k]: where part k begins.
  std::vector<Expr> offsets{c.i64(0)};
  for (Expr part : args.node->operands)
    offsets.push_back(ir::add(c, offsets.back(), args.extent(part->shape()[axis])));
  std::vector<Expr> values;
  for (size_t k = 0; k < count; ++k) {
    std::vector<Expr> at(args.out.begin(), args.out.end());
    at[axis] = ir::sub(c, at[axis], offsets[k]);
    values.push_back(args.load(k, at));
  }
  // Neighbours join pairwise, so that the selects are only log2(count) deep.
  std::vector<size_t> begins(count);
  for (size_t k = 0; k < count; ++k) begins[k] = k;
  while (values.size() > 1) {
    size_t kept = 0;
    for (size_t k = 0; k < values.size(); k += 2, ++kept) {
      const bool pair = k + 1 < values.size();
      values[kept] = pair ? ir::select(c, ir::lt(c, args.out[axis], offsets[begins[k + 1]]),
                                       values[k], values[k + 1])
                          : values[k];
      begins[kept] = begins[k];
    }
    values.resize(kept);
  }
  return values[0];
}

Expr iota_point(const PointArgs& args) {
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  return ir::cast(args.c, args.node->dtype(), args.out[axis]);
}

Expr from_scalars_point(const PointArgs& args) {
  Context& c = args.c;
  const auto scalars = args.node->operands;
  if (scalars.empty()) return c.i64(0);
  if (args.out.empty()) return args.extent(scalars[0]);
  Expr value = args.extent(scalars.back());
  for (size_t k = scalars.size() - 1; k-- > 0;)
    value = ir::select(c, ir::eq(c, args.out[0], c.i64(static_cast<int64_t>(k))),
                       args.extent(scalars[k]), value);
  return value;
}

Expr dynamic_slice_point(const PointArgs& args) {
  Context& c = args.c;
  const auto& shape = args.node->operand(0)->shape();
  std::vector<Expr> at;
  for (size_t i = 0; i < shape.size(); ++i) {
    const Expr room = ir::sub(c, args.extent(shape[i]), args.extent(args.node->shape()[i]));
    const Expr start = ir::max(c, ir::min(c, args.load(i + 1, {}), room), c.i64(0));
    at.push_back(ir::is_int(room, 0) ? args.out[i] : ir::add(c, start, args.out[i]));
  }
  return args.load(0, at);
}

}  // namespace tenon::ops
