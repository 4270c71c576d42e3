// Which inputs of a model are indices, so that made-up values can be valid ones.
#pragma once

#include <vector>

#include "ir/node.h"

namespace tenon::graph {

/// For each param the extent that its elements index (gather, scatter), the smallest where there
/// are several, seen through nodes that only move elements or convert them; nullptr where there is
/// none. Works on a graph before fusion; extents met in the bodies of calls, branches and loops
/// may speak of variables of those bodies.
[[nodiscard]] std::vector<ir::Expr> index_bounds(ir::Context& c, const ir::Function& f);

}  // namespace tenon::graph
