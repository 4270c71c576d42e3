// Checks of indices that a kernel takes from a tensor, and how a failed one is reported.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ir/node.h"

namespace tenon::ops {

/// The axes of operand 0 that the elements of operand 1 point along, for gather and scatter
/// operators; empty for others. Component k of an index tuple points along the k-th.
[[nodiscard]] std::vector<size_t> indexed_axes(ir::Expr node);

/// The same for a kernel: the extent of the axis that the element of operand 1 at position `at`
/// points along. `extent` brings a graph extent into the kernel's context `c`.
[[nodiscard]] ir::Expr indexed_extent(ir::Context& c, ir::Expr node, std::span<const ir::Expr> at,
                                      const std::function<ir::Expr(ir::Expr)>& extent);

/// A statement of a kernel that leaves it: this index (i64) does not lie in an axis of that extent
/// (i64). The runtime reads it as support/kernel_failure.h says.
[[nodiscard]] ir::Expr index_failure(ir::Context& c, ir::Expr index, ir::Expr extent);

/// Whether the node takes indices from a tensor that its kernel has to check.
[[nodiscard]] bool checks_indices(ir::Expr node);

}  // namespace tenon::ops
