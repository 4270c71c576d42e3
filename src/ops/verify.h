// Rechecks a graph function against the operators' own rules, after passes and parsers.
#pragma once

#include "ir/node.h"
#include "support/result.h"

namespace tenon::ops {

/// Every node's type follows from its operands and attributes by the operator's rule (extents as
/// far as they can be compared), in the function and in the bodies that it reaches. Params belong
/// to the function that uses them.
[[nodiscard]] Status verify(ir::Context& c, const ir::Function& f);

/// Adds to `conditions` what the node's rule relies on: conditions over extents that it can neither
/// prove nor refute and takes to hold, such as the equality of two symbolic extents that are added.
/// Refuses like `verify`.
[[nodiscard]] Status relied_on(ir::Context& c, ir::Expr node, std::vector<ir::Expr>& conditions);

}  // namespace tenon::ops
