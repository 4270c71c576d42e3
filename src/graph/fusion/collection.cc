// Groups in an order in which they can run, with what each keeps for others.
#include <algorithm>
#include <queue>

#include "graph/fusion/groups.h"
#include "support/check.h"

namespace tenon::graph::fusion {

namespace {

/// Groups met first on every path upwards from what the group reads: like Groups::producers
/// without a limit.
std::vector<int> all_producers(const Groups& groups, const State& s) {
  std::vector<Expr> stack;
  std::unordered_set<Expr> seen;
  std::unordered_set<int> out;
  for (Expr n : s.nodes)
    for (Expr operand : n->operands)
      if (seen.insert(operand).second) stack.push_back(operand);
  while (!stack.empty()) {
    const Expr x = stack.back();
    stack.pop_back();
    if (const int g = groups.of(x); g != kNone) {
      out.insert(g);
      continue;
    }
    for (Expr operand : groups.values.inputs(x))
      if (seen.insert(operand).second) stack.push_back(operand);
  }
  std::vector<int> sorted(out.begin(), out.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

Group finish(const Groups& groups, int id) {
  const State& s = groups.at(id);
  Group g;
  g.nodes = groups.with_free(s);
  for (size_t i = 0; i < s.nodes.size(); ++i) g.places.put(s.nodes[i], s.places[i]);
  for (Expr n : s.nodes) {
    bool outside = groups.values.needed.contains(n);
    if (const auto* found = groups.values.users.find(n); found != nullptr)
      for (Expr u : *found) outside = outside || groups.read_outside(u, id);
    if (outside) g.outputs.push_back(n);
  }
  return g;
}

std::vector<Group> collect(const Groups& groups) {
  std::vector<Group> result;
  std::vector<int> ids;
  for (size_t g = 0; g < groups.states.size(); ++g)
    if (!groups.states[g].dead) ids.push_back(static_cast<int>(g));
  // Kahn's algorithm, smallest last node first: deterministic.
  std::unordered_map<int, std::vector<int>> next;
  std::unordered_map<int, int> waiting;
  using Entry = std::pair<size_t, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (int g : ids) {
    int count = 0;
    for (int p : all_producers(groups, groups.at(g))) {
      if (p == g) continue;
      next[p].push_back(g);
      ++count;
    }
    waiting[g] = count;
    if (count == 0) ready.emplace(groups.at(g).last, g);
  }
  while (!ready.empty()) {
    const int g = ready.top().second;
    ready.pop();
    result.push_back(finish(groups, g));
    for (int u : next[g])
      if (--waiting[u] == 0) ready.emplace(groups.at(u).last, u);
  }
  TENON_CHECK(result.size() == ids.size(), "fusion made a cycle");
  return result;
}

}  // namespace tenon::graph::fusion
