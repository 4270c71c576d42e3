// Lowering of gather, gather_elements, gather_nd. A negative index counts from the end. An index
// out of range reads nothing: the value is 0 and the check block, lowered beside, leaves the kernel
// with an error. Constant indices are checked when the node is built and need neither.
#include "ops/index_check.h"
#include "ops/movement/movement.h"

namespace tenon::ops {
namespace {

using ir::Key;

/// Collects index expressions and the condition that all are in range.
struct Lookup {
  Context& c;
  IndexRange range;
  Expr inside;

  Expr place(Expr index, Expr extent) {
    index = ir::cast(c, ir::DType::i64, index);
    if (range == IndexRange::front) return index;
    const Expr front = ir::select(c, ir::lt(c, index, c.i64(0)), ir::add(c, index, extent), index);
    if (range == IndexRange::any_end) return front;
    inside = ir::logical_and(c, inside, ir::le(c, c.i64(0), front));
    inside = ir::logical_and(c, inside, ir::lt(c, front, extent));
    return front;
  }
  Expr value(const PointArgs& args, std::span<const Expr> at) const {
    const Expr element = args.load(0, at);
    if (ir::is_int(inside, 1)) return element;
    const Type type = element->type;
    return ir::select(c, inside, element,
                      ir::is_float(type->dtype) ? c.imm_f(type, 0) : c.imm(type, 0));
  }
};

Lookup lookup(const PointArgs& args) {
  return {args.c, index_range(args.node), args.c.bool_imm(true)};
}

/// -extent <= value < extent.
Expr allowed(Context& c, Expr value, Expr extent) {
  value = ir::cast(c, ir::DType::i64, value);
  return ir::logical_and(c, ir::le(c, ir::sub(c, c.i64(0), extent), value),
                         ir::lt(c, value, extent));
}

}  // namespace

Expr gather_point(const PointArgs& args) {
  const int64_t axis = args.node->int_attr(Key::axis);
  const int64_t count = args.node->operand(1)->rank();
  const auto begin = args.out.begin() + axis;
  const std::vector<Expr> where(begin, begin + count);
  Lookup look = lookup(args);
  std::vector<Expr> at(args.out.begin(), begin);
  at.push_back(look.place(args.load(1, where),
                          args.extent(args.node->operand(0)->shape()[static_cast<size_t>(axis)])));
  at.insert(at.end(), begin + count, args.out.end());
  return look.value(args, at);
}

Expr gather_elements_point(const PointArgs& args) {
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  Lookup look = lookup(args);
  std::vector<Expr> at(args.out.begin(), args.out.end());
  at[axis] = look.place(args.load(1, args.out), args.extent(args.node->operand(0)->shape()[axis]));
  return look.value(args, at);
}

Expr gather_nd_point(const PointArgs& args) {
  const Expr x = args.node->operand(0);
  const int64_t batch = args.node->int_attr(Key::batch);
  const int64_t positions = args.node->operand(1)->rank() - 1;
  const int64_t depth = *ir::as_int(args.node->operand(1)->shape().back());
  Lookup look = lookup(args);
  std::vector<Expr> at(args.out.begin(), args.out.begin() + batch);
  std::vector<Expr> where(args.out.begin(), args.out.begin() + positions);
  where.push_back(nullptr);
  for (int64_t j = 0; j < depth; ++j) {
    where.back() = args.c.i64(j);
    at.push_back(
        look.place(args.load(1, where), args.extent(x->shape()[static_cast<size_t>(batch + j)])));
  }
  at.insert(at.end(), args.out.begin() + positions, args.out.end());
  return look.value(args, at);
}

Expr gather_check(const CheckArgs& args) {
  return allowed(args.c, args.value, indexed_extent(args.c, args.node, args.at, args.extent));
}

}  // namespace tenon::ops
