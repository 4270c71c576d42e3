#include "ops/walk.h"

#include "ir/node_map.h"

namespace tenon::ops {

using ir::Expr;

std::vector<Expr> value_order(std::span<const Expr> roots) {
  std::vector<Expr> order;
  ir::NodeMap<char> placed;
  // A node is expanded when it is first seen and placed when its operands have been.
  std::vector<std::pair<Expr, bool>> stack;
  for (Expr root : roots) {
    stack.emplace_back(root, false);
    while (!stack.empty()) {
      const auto [n, expanded] = stack.back();
      stack.pop_back();
      if (expanded) {
        if (placed.insert(n, 1)) order.push_back(n);
        continue;
      }
      if (placed.contains(n)) continue;
      stack.emplace_back(n, true);
      const auto operands = value_operands(n);
      for (size_t i = operands.size(); i-- > 0;)
        if (!placed.contains(operands[i])) stack.emplace_back(operands[i], false);
    }
  }
  return order;
}

std::vector<Expr> value_order(const ir::Function& f) {
  std::vector<Expr> roots;
  for (const ir::Binding& b : f.bindings) roots.push_back(b.tensor);
  roots.insert(roots.end(), f.results.begin(), f.results.end());
  return value_order(roots);
}

}  // namespace tenon::ops
