// Index maps of graph operators, as far as they are simple: what fusion reasons on instead of
// operators' names.
#pragma once

#include <optional>
#include <vector>

#include "ir/node.h"

namespace tenon::ops {

/// For each axis of operand `k` the axis of the node's points whose index it takes: the axes of the
/// result, then those that the node sums or works over. Empty where an index is anything else (it
/// slides, comes from data, or is computed). An axis of extent 1 that a broadcast repeats counts as
/// following its axis.
[[nodiscard]] std::optional<std::vector<int>> read_axes(ir::Expr n, size_t k);

}  // namespace tenon::ops
