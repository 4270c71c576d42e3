// The Builder's extents, shapes and data movement.
#include <algorithm>

#include "ir/simplify.h"
#include "ops/build.h"

namespace tenon::ops {

using ir::DType;
using ir::Key;
using ir::Op;

// ---- extents

namespace {
/// Factors of a product, literals multiplied into `literal`.
void factors_of(Expr e, std::vector<Expr>& factors, int64_t& literal) {
  std::vector<Expr> stack{e};
  while (!stack.empty()) {
    const Expr top = stack.back();
    stack.pop_back();
    if (const auto value = ir::as_int(top)) {
      (void)__builtin_mul_overflow(literal, *value, &literal);
    } else if (top->op == Op::mul) {
      stack.push_back(top->operand(1));
      stack.push_back(top->operand(0));
    } else {
      factors.push_back(top);
    }
  }
}
}  // namespace

Expr Builder::extent(Expr x, int64_t axis) const {
  const int64_t rank = x->rank();
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? x->shape()[static_cast<size_t>(axis)] : c.i64(1);
}

Expr Builder::simplify(Expr extent) {
  if (extent->operands.empty()) return extent;
  const auto [found, is_new] = simplified_.try_emplace(extent, nullptr);
  if (is_new) found->second = ir::simplify(c, extent);
  return found->second;
}

bool Builder::same(Expr a, Expr b) {
  if (a == b) return true;
  if (ir::as_int(a) && ir::as_int(b)) return false;
  return simplify(a) == simplify(b) || ir::is_int(simplify(ir::sub(c, a, b)), 0);
}

Expr Builder::divide_exactly(Exprs total, Exprs part) {
  std::vector<Expr> up, down;
  int64_t a = 1;
  int64_t b = 1;
  for (Expr e : total) factors_of(e, up, a);
  for (Expr e : part) factors_of(e, down, b);
  if (b == 0) return c.i64(0);
  std::erase_if(down, [&](Expr d) {
    const auto found = std::find_if(up.begin(), up.end(), [&](Expr u) { return same(u, d); });
    if (found == up.end()) return false;
    up.erase(found);
    return true;
  });
  if (a % b == 0) {
    a /= b;
    b = 1;
  }
  const Expr num = ir::mul(c, ir::product(c, up), c.i64(a));
  const Expr den = ir::mul(c, ir::product(c, down), c.i64(b));
  return simplify(ir::floordiv(c, num, den));
}

std::vector<Expr> Builder::i64s(std::span<const int64_t> values) {
  std::vector<Expr> out;
  for (int64_t value : values) out.push_back(c.i64(value));
  return out;
}
std::vector<Expr> Builder::i64s(std::initializer_list<int64_t> values) {
  return i64s(std::span(values.begin(), values.size()));
}

Expr Builder::merge_extents(Expr a, Expr b) { return unify(c, a, b).value_or(nullptr); }

std::vector<Expr> Builder::merge_shapes(std::initializer_list<Exprs> shapes) {
  size_t rank = 0;
  for (const Exprs from : shapes) rank = std::max(rank, from.size());
  std::vector<Expr> merged(rank, c.i64(1));
  for (const Exprs from : shapes) {
    for (size_t i = 0; i < from.size(); ++i) {
      Expr& have = merged[rank - from.size() + i];
      if (ir::is_int(from[i], 1) || have == from[i]) continue;
      const Expr both = ir::is_int(have, 1) ? from[i] : merge_extents(have, from[i]);
      if (both == nullptr) {
        std::string all;
        for (const Exprs shape : shapes) all += (all.empty() ? "" : " and ") + show(shape);
        refuse("broadcast.C3", "shapes " + all + " do not broadcast: axis " +
                                   std::to_string(rank - from.size() + i) +
                                   " of the result would have two different extents");
        return merged;
      }
      have = both;
    }
  }
  return merged;
}

// ---- shapes

Expr Builder::broadcast_in(Expr x, Exprs shape, Ints dims) {
  return node(Op::broadcast, {x}, {{Key::dims, std::move(dims)}}, c.tensor(x->dtype(), shape));
}

Expr Builder::broadcast_to(Expr x, Exprs shape) {
  if (!ok()) return x;
  if (x->shape().size() > shape.size()) {
    refuse("broadcast.C1", "broadcast: " + show(x->type) + " has more axes than " + show(shape));
    return x;
  }
  x = stretch(x, shape);
  if (std::equal(shape.begin(), shape.end(), x->shape().begin(), x->shape().end())) return x;
  // A single known value becomes a literal, so that passes see it.
  if (const Expr literal = x->op == Op::constant ? splat_value(c, x) : nullptr) x = literal;
  const auto rank = static_cast<int64_t>(shape.size());
  Ints dims;
  for (int64_t i = rank - x->rank(); i < rank; ++i) dims.push_back(i);
  return broadcast_in(x, shape, std::move(dims));
}

Expr Builder::reshape(Expr x, Exprs shape) {
  std::vector<Expr> extents;
  for (Expr extent : shape) extents.push_back(simplify(extent));
  if (extents == x->shape()) return x;
  return node(Op::reshape, {x}, {}, c.tensor(x->dtype(), extents));
}

Expr Builder::transpose(Expr x, Ints perm) {
  return node(Op::transpose, {x}, {{Key::perm, std::move(perm)}});
}

Expr Builder::squeeze(Expr x, const Ints& axes) {
  std::vector<bool> drop(x->shape().size(), false);
  for (int64_t axis : axes) {
    const auto at = static_cast<size_t>(axis_of(x, axis));
    if (!ok()) return x;
    if (provably_differ(c, x->shape()[at], c.i64(1))) {
      refuse("squeeze.C1", "squeeze: axis " + std::to_string(axis) + " of " + show(x->type) +
                               " does not have extent 1");
      return x;
    }
    drop[at] = true;
  }
  std::vector<Expr> shape;
  for (size_t i = 0; i < drop.size(); ++i)
    if (!drop[i]) shape.push_back(x->shape()[i]);
  return reshape(x, shape);
}

Expr Builder::unsqueeze(Expr x, const Ints& axes) {
  const size_t rank = x->shape().size() + axes.size();
  std::vector<bool> added(rank, false);
  for (int64_t axis : axes) {
    const auto at = static_cast<size_t>(axis_of(x, axis, static_cast<int64_t>(axes.size())));
    if (!ok()) return x;
    if (added[at]) {
      refuse("unsqueeze.C1", "unsqueeze: axis " + std::to_string(axis) + " is named twice");
      return x;
    }
    added[at] = true;
  }
  std::vector<Expr> shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) shape.push_back(added[i] ? c.i64(1) : x->shape()[next++]);
  return reshape(x, shape);
}

Expr Builder::flatten(Expr x, int64_t axis) {
  if (axis != x->rank()) axis = axis_of(x, axis);
  if (!ok()) return x;
  const Exprs shape = x->shape();
  const auto at = static_cast<size_t>(axis);
  const Expr flat[] = {product(shape.first(at)), product(shape.subspan(at))};
  return reshape(x, flat);
}

// ---- movement

Expr Builder::slice(Expr x, Exprs starts, Exprs extents, Ints strides) {
  std::vector<Expr> from, shape;
  for (Expr start : starts) from.push_back(simplify(start));
  for (Expr extent : extents) shape.push_back(simplify(extent));
  return node(Op::slice, {x}, {{Key::starts, std::move(from)}, {Key::strides, std::move(strides)}},
              c.tensor(x->dtype(), shape));
}

Expr Builder::slice_axis(Expr x, int64_t axis, Expr start, Expr extent, int64_t stride) {
  const auto at = static_cast<size_t>(axis_of(x, axis));
  if (!ok()) return x;
  std::vector<Expr> starts(x->shape().size(), c.i64(0));
  std::vector<Expr> extents = x->shape();
  Ints strides(x->shape().size(), 1);
  starts[at] = start;
  extents[at] = extent;
  strides[at] = stride;
  return slice(x, starts, extents, std::move(strides));
}

Expr Builder::flip(Expr x, int64_t axis) {
  const Expr n = extent(x, axis);
  return slice_axis(x, axis, ir::sub(c, n, c.i64(1)), n, -1);
}

Expr Builder::pad(Expr x, Expr filling, std::vector<Expr> low, std::vector<Expr> high,
                  Ints interior) {
  if (interior.empty()) interior.assign(x->shape().size(), 0);
  return node(Op::pad, {x, filling},
              {{Key::low, std::move(low)},
               {Key::high, std::move(high)},
               {Key::interior, std::move(interior)}});
}

Expr Builder::concat(Exprs parts, int64_t axis) {
  if (!ok()) return fallback(parts);
  if (!parts.empty()) axis = axis_of(parts[0], axis);
  return node(Op::concat, parts, {{Key::axis, axis}});
}

Expr Builder::iota(DType type, Exprs shape, int64_t axis) {
  if (axis < 0) axis += static_cast<int64_t>(shape.size());
  return node(Op::iota, {}, {{Key::axis, axis}}, c.tensor(type, shape));
}

Expr Builder::gather(Expr x, Expr indices, int64_t axis) {
  axis = axis_of(x, axis);
  return node(Op::gather, {x, indices}, {{Key::axis, axis}});
}
Expr Builder::gather_elements(Expr x, Expr indices, int64_t axis) {
  axis = axis_of(x, axis);
  return node(Op::gather_elements, {x, indices}, {{Key::axis, axis}});
}
Expr Builder::gather_nd(Expr x, Expr indices, int64_t batch) {
  return node(Op::gather_nd, {x, indices}, {{Key::batch, batch}});
}

Expr Builder::dynamic_slice(Expr x, Exprs starts, Exprs extents) {
  std::vector<Expr> operands{x};
  operands.insert(operands.end(), starts.begin(), starts.end());
  return node(Op::dynamic_slice, operands, {}, c.tensor(x->dtype(), extents));
}

}  // namespace tenon::ops
