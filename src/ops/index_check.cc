#include "ops/index_check.h"

#include "ir/expr.h"
#include "ops/op.h"
#include "support/kernel_failure.h"

namespace tenon::ops {

using ir::Expr;
using ir::Key;
using ir::Op;

std::vector<size_t> indexed_axes(Expr node) {
  const auto tuple = [&](int64_t first) {
    std::vector<size_t> axes;
    const auto depth = ir::as_int(node->operand(1)->shape().back());
    for (int64_t k = 0; depth && k < *depth; ++k) axes.push_back(static_cast<size_t>(first + k));
    return axes;
  };
  switch (node->op) {
    case Op::gather:
    case Op::gather_elements:
    case Op::scatter_elements:
      return {static_cast<size_t>(node->int_attr(Key::axis))};
    case Op::gather_nd:
      return tuple(node->int_attr(Key::batch));
    case Op::scatter_nd:
      return tuple(0);
    default:
      return {};
  }
}

Expr indexed_extent(ir::Context& c, Expr node, std::span<const Expr> at,
                    const std::function<Expr(Expr)>& extent) {
  const auto& shape = node->operand(0)->shape();
  const std::vector<size_t> axes = indexed_axes(node);
  Expr chosen = extent(shape[axes.back()]);
  for (size_t k = axes.size() - 1; k-- > 0;)
    chosen = ir::select(c, ir::eq(c, at.back(), c.i64(static_cast<int64_t>(k))),
                        extent(shape[axes[k]]), chosen);
  return chosen;
}

Expr index_failure(ir::Context& c, Expr index, Expr extent) {
  const Expr bounded = ir::max(c, ir::min(c, index, c.i64(kMostIndex)), c.i64(-kMostIndex));
  const Expr low = ir::add(c, ir::min(c, extent, c.i64(kMostExtent)), c.i64(1));
  return c.make(Op::fail_, c.void_type(),
                {ir::add(c, ir::mul(c, bounded, c.i64(kExtentCount)), low)});
}

bool checks_indices(Expr node) {
  return needs_check(node) || node->op == Op::scatter_elements || node->op == Op::scatter_nd;
}

}  // namespace tenon::ops
