// Walking a graph by its values. The operands of from_scalars are integer expressions over symbolic
// variables, not tensors: they are built of the same operators, so a plain walk would mistake them
// for elementwise nodes.
#pragma once

#include <span>
#include <vector>

#include "ir/node.h"

namespace tenon::ops {

/// Operands that are values of the graph: all of them, none for from_scalars.
[[nodiscard]] inline std::span<const ir::Expr> value_operands(ir::Expr n) {
  return n->op == ir::Op::from_scalars ? std::span<const ir::Expr>{} : n->operands;
}

/// Values reached from `roots`, operands before users, in a deterministic order; iterative and
/// linear.
[[nodiscard]] std::vector<ir::Expr> value_order(std::span<const ir::Expr> roots);
/// The same from a function's bindings and results.
[[nodiscard]] std::vector<ir::Expr> value_order(const ir::Function& f);

}  // namespace tenon::ops
