// The order in which the reference interpreter evaluates a graph function, and what each node waits
// for.
#pragma once

#include <unordered_map>
#include <vector>

#include "ir/node.h"

namespace tenon::interp {

struct Order {
  std::vector<ir::Expr> nodes;  // operands, and producers of needed variables, before users
  std::unordered_map<ir::Expr, int>
      uses;  // reads by nodes, results and bindings: frees values early
  std::unordered_map<ir::Expr, std::vector<const ir::Binding*>> bindings;  // by their tensor
  /// By the last node that gives one of their variables a value; nullptr: known at the beginning.
  std::unordered_map<ir::Expr, std::vector<const ir::Guard*>> guards;
};

/// Nodes that are values: operands of from_scalars and expressions in attributes are integer
/// programs and left out. A node whose extents speak of a bound variable comes after what binds it.
[[nodiscard]] Order evaluation_order(const ir::Function& f);

}  // namespace tenon::interp
