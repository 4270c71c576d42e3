// The order of kernels: would two of them wait for each other?
#include <algorithm>

#include "graph/fusion/groups.h"

namespace tenon::graph::fusion {

namespace {
constexpr size_t kSearchLimit = 256;  // groups visited by one check before it refuses

bool contains(const std::vector<int>& all, int g) {
  return std::find(all.begin(), all.end(), g) != all.end();
}
}  // namespace

void Groups::producers(Expr n, std::vector<int>& out) const {
  std::vector<Expr> stack{n};
  size_t steps = 0;
  while (!stack.empty()) {
    const Expr e = stack.back();
    stack.pop_back();
    if (const int g = of(e); g != kNone) {
      if (!contains(out, g)) out.push_back(g);
      continue;
    }
    if (++steps > kSearchLimit) return out.push_back(kNone);
    for (Expr operand : values.inputs(e)) stack.push_back(operand);
  }
}

std::vector<int> Groups::producers(const State& g) const {
  std::vector<int> out;
  for (Expr n : g.nodes)
    for (Expr operand : n->operands) producers(operand, out);
  return out;
}

bool Groups::reaches(int from, int target) const {
  if (from == kNone) return true;
  std::vector<int> stack{from};
  std::unordered_set<int> seen{from};
  while (!stack.empty()) {
    const int g = stack.back();
    stack.pop_back();
    if (g == target || g == kNone) return true;
    if (at(g).last < at(target).first) continue;
    if (seen.size() > kSearchLimit) return true;
    for (int p : producers(at(g)))
      if (p != g && seen.insert(p).second) stack.push_back(p);
  }
  return false;
}

bool Groups::would_cycle(std::span<const int> others, int target, int except) const {
  return std::any_of(others.begin(), others.end(),
                     [&](int o) { return o != target && o != except && reaches(o, target); });
}

bool Groups::reads_through_structure(Expr n, int g) const {
  std::vector<Expr> stack(n->operands.begin(), n->operands.end());
  while (!stack.empty()) {
    const Expr e = stack.back();
    stack.pop_back();
    if (of(e) != kNone) continue;
    if (is_free(e)) {
      stack.insert(stack.end(), e->operands.begin(), e->operands.end());
      continue;
    }
    std::vector<int> before;
    producers(e, before);
    if (contains(before, g) || contains(before, kNone)) return true;
  }
  return false;
}

/// A stored broadcast comes after the value that it repeats, and what reads it comes after both.
bool Groups::reads_stored_broadcast(Expr n, int g) const {
  return std::any_of(n->operands.begin(), n->operands.end(), [&](Expr x) {
    return values.stored_free.contains(x) && !x->operands.empty() && of(x->operand(0)) == g;
  });
}

bool Groups::reads_from_memory(Expr n, int g) const {
  return reads_through_structure(n, g) || reads_stored_broadcast(n, g);
}

bool Groups::feeds_anchor(int from, const State& s) const {
  std::vector<int> out;
  for (size_t i = 0; i < s.nodes.size(); ++i)
    if (s.places[i] != schedule::Place::epilogue)
      for (Expr operand : s.nodes[i]->operands) producers(operand, out);
  return std::any_of(out.begin(), out.end(), [&](int g) { return g == from || reaches(g, from); });
}

}  // namespace tenon::graph::fusion
