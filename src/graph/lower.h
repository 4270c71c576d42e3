// A fused group of graph nodes becomes one kernel in definition form: a block for each primitive,
// in order, each with one plain loop an iterator. No order is chosen here; src/schedule does that.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ir/node.h"
#include "ir/node_map.h"
#include "schedule/attach.h"
#include "support/result.h"

namespace tenon::graph {

struct LoweredGroup {
  std::shared_ptr<ir::Kernel> kernel;
  /// Graph nodes for the params that are read (in, constant, inout), in order.
  std::vector<ir::Expr> inputs;
  std::vector<ir::Expr> sizes;  // graph extents for Kernel::sizes: variables and long sums of them
};

/// `nodes` in topological order; `outputs` are nodes of the group (a node with a tuple type stands
/// for all its fields) whose values are used outside, in the order of the kernel's out and inout
/// params. Blocks of nodes that have a place other than their own say so in a note: `place=row`.
[[nodiscard]] LoweredGroup lower_group(ir::Context& graph, std::span<const ir::Expr> nodes,
                                       std::span<const ir::Expr> outputs,
                                       const ir::NodeMap<schedule::Place>& places = {});

/// True for operators that become kernels, calls of kept composites among them; the others (params,
/// constants, tuple, get, if, loop, reshape, from_scalars) are structure that the packager
/// understands.
[[nodiscard]] bool is_computed(ir::Expr node);

}  // namespace tenon::graph
