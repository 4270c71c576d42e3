// The Builder's shape and data movement part.
#include <algorithm>

#include "ops/build.h"

namespace tenon::ops {

using ir::DType;
using ir::Key;
using ir::Op;

Expr Builder::extent(Expr x, int64_t axis) const {
  const int64_t rank = x->rank();
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? x->shape()[static_cast<size_t>(axis)] : c_.i64(1);
}

Expr Builder::broadcast_in(Expr x, Exprs shape, Ints dims) {
  return node(Op::broadcast, {x}, {{Key::dims, std::move(dims)}}, c_.tensor(x->dtype(), shape));
}

Expr Builder::broadcast_to(Expr x, Exprs shape) {
  if (!ok()) return x;
  const auto rank = static_cast<int64_t>(x->rank());
  const auto out = static_cast<int64_t>(shape.size());
  if (std::equal(shape.begin(), shape.end(), x->shape().begin(), x->shape().end())) return x;
  if (rank > out) {
    refuse("broadcast.C1", "broadcast: " + show(x->type) + " has more axes than " + show(shape));
    return x;
  }
  // An extent that only might equal the result's needs no node.
  bool same = rank == out;
  for (size_t i = 0; same && i < shape.size(); ++i) {
    const Expr extent = x->shape()[i];
    same = extent == shape[i] || (!ir::is_int(extent, 1) && !ir::as_int(shape[i]) &&
                                  !provably_differ(c_, extent, shape[i]));
  }
  if (same) return x;
  Ints dims;
  for (int64_t i = out - rank; i < out; ++i) dims.push_back(i);
  return broadcast_in(x, shape, std::move(dims));
}

Expr Builder::reshape(Expr x, Exprs shape) {
  return node(Op::reshape, {x}, {}, c_.tensor(x->dtype(), shape));
}
Expr Builder::reshape(Expr x, const Ints& shape) {
  std::vector<Expr> extents;
  for (int64_t n : shape) extents.push_back(c_.i64(n));
  return reshape(x, extents);
}

Expr Builder::transpose(Expr x, Ints perm) {
  return node(Op::transpose, {x}, {{Key::perm, std::move(perm)}});
}

Expr Builder::squeeze(Expr x, const Ints& axes) {
  std::vector<bool> drop(x->shape().size(), false);
  for (int64_t axis : axes) {
    const auto at = static_cast<size_t>(axis_of(x, axis));
    if (!ok()) return x;
    if (provably_differ(c_, x->shape()[at], c_.i64(1))) {
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
  for (size_t i = 0; i < rank; ++i) shape.push_back(added[i] ? c_.i64(1) : x->shape()[next++]);
  return reshape(x, shape);
}

Expr Builder::flatten(Expr x, int64_t axis) {
  if (axis != x->rank()) axis = axis_of(x, axis);
  if (!ok()) return x;
  const Exprs shape = x->shape();
  const auto at = static_cast<size_t>(axis);
  const std::vector<Expr> flat{tidy(c_, ir::product(c_, shape.first(at))),
                               tidy(c_, ir::product(c_, shape.subspan(at)))};
  return reshape(x, flat);
}

Expr Builder::slice(Expr x, std::vector<Expr> starts, Exprs extents, Ints strides) {
  return node(Op::slice, {x},
              {{Key::starts, std::move(starts)}, {Key::strides, std::move(strides)}},
              c_.tensor(x->dtype(), extents));
}

Expr Builder::slice_axis(Expr x, int64_t axis, Expr start, Expr extent, int64_t stride) {
  axis = axis_of(x, axis);
  if (!ok()) return x;
  std::vector<Expr> starts(x->shape().size(), c_.i64(0));
  std::vector<Expr> extents = x->shape();
  Ints strides(x->shape().size(), 1);
  starts[static_cast<size_t>(axis)] = start;
  extents[static_cast<size_t>(axis)] = extent;
  strides[static_cast<size_t>(axis)] = stride;
  return slice(x, std::move(starts), extents, std::move(strides));
}
Expr Builder::slice_axis(Expr x, int64_t axis, int64_t start, int64_t extent, int64_t stride) {
  return slice_axis(x, axis, c_.i64(start), c_.i64(extent), stride);
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
  return node(Op::iota, {}, {{Key::axis, axis}}, c_.tensor(type, shape));
}

Expr Builder::from_scalars(Exprs scalars) { return node(Op::from_scalars, scalars); }
Expr Builder::from_scalar(Expr scalar) { return node(Op::from_scalars, {scalar}, {}, c_.index()); }
Expr Builder::shape_of(Expr x) { return from_scalars(x->shape()); }

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
  return node(Op::dynamic_slice, operands, {}, c_.tensor(x->dtype(), extents));
}

}  // namespace tenon::ops
