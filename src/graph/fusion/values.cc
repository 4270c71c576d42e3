#include "graph/fusion/groups.h"
#include "ir/rewrite.h"
#include "ops/walk.h"

namespace tenon::graph {
namespace fusion {

Values::Values(const ir::Function& f) {
  std::vector<Expr> roots;
  for (const ir::Binding& b : f.bindings) {
    roots.push_back(b.tensor);
    bound.emplace(b.var, b.tensor);
  }
  roots.insert(roots.end(), f.results.begin(), f.results.end());
  order = ops::value_order(roots);
  for (size_t i = 0; i < order.size(); ++i) index[order[i]] = i;
  for (Expr n : order)
    for (Expr operand : ops::value_operands(n)) users[operand].push_back(n);
  for (Expr r : roots) needed.insert(r);
  stored_free = fusion::stored_free(*this);
}

std::vector<Expr> Values::inputs(Expr n) const {
  const std::span<const Expr> read = ops::value_operands(n);
  if (read.size() == n->operands.size()) return {read.begin(), read.end()};
  std::vector<Expr> all;
  for (Expr e : ir::post_order(n->operands))
    if (const auto found = bound.find(e); found != bound.end()) all.push_back(found->second);
  return all;
}

}  // namespace fusion

std::vector<Group> find_groups(const ir::Function& f, const FusionOptions& options) {
  const fusion::Values values(f);
  fusion::Groups groups(values);
  fusion::place_all(groups, options);
  if (options.streams) fusion::stream_all(groups, options);
  return fusion::collect(groups);
}

}  // namespace tenon::graph
