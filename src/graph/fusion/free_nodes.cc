#include "graph/fusion/groups.h"
#include "graph/lower.h"
#include "ops/op.h"

namespace tenon::graph::fusion {

namespace {

constexpr size_t kUsersLimit = 64;  // looked at before a value counts as used elsewhere

/// Does the user take one element after the other, so that it can compute a free operand as it
/// goes? A contraction packs what it reads.
bool reads_by_point(Expr user) {
  if (!is_computed(user)) return false;
  const ops::OpRow& row = *ops::kernel_row(user);
  return row.pattern != ops::Pattern::opaque && row.pattern != ops::Pattern::contraction &&
         row.opaque == nullptr;
}

}  // namespace

bool is_free(Expr n) {
  const ops::OpRow* row = ops::find_op(n->op);
  if (row == nullptr) return false;
  return row->pattern == ops::Pattern::broadcast ||
         (row->pattern == ops::Pattern::elementwise && n->operands.empty());
}

std::unordered_set<Expr> stored_free(const Values& values) {
  std::unordered_set<Expr> all;
  for (Expr n : values.order) {
    if (!is_free(n)) continue;
    bool memory = values.needed.contains(n);
    if (const auto* found = values.users.find(n); found != nullptr)
      for (Expr u : *found) memory = memory || !reads_by_point(u);
    if (memory) all.insert(n);
  }
  return all;
}

bool Groups::used_only_in(Expr v, int g, Expr extra) const {
  std::vector<Expr> stack{v};
  size_t steps = 0;
  while (!stack.empty()) {
    const Expr e = stack.back();
    stack.pop_back();
    if (values.needed.contains(e)) return false;
    const auto* found = values.users.find(e);
    if (found == nullptr) continue;
    for (Expr u : *found) {
      if (++steps > kUsersLimit) return false;
      if (is_free(u)) {
        stack.push_back(u);
      } else if (u != extra && of(u) != g) {
        return false;
      }
    }
  }
  return true;
}

bool Groups::read_outside(Expr user, int id) const {
  std::vector<Expr> stack{user};
  std::unordered_set<Expr> seen{user};
  while (!stack.empty()) {
    const Expr u = stack.back();
    stack.pop_back();
    if (!is_free(u) || values.stored_free.contains(u)) {
      if (of(u) != id) return true;
      if (!is_free(u)) continue;
    }
    const auto* found = values.users.find(u);
    if (found == nullptr) continue;
    for (Expr next : *found)
      if (seen.insert(next).second) stack.push_back(next);
  }
  return false;
}

std::vector<Expr> Groups::with_free(const State& s) const {
  std::vector<Expr> all;
  std::unordered_set<Expr> seen;
  std::vector<std::pair<Expr, bool>> stack;
  for (Expr n : s.nodes) {
    stack.emplace_back(n, false);
    while (!stack.empty()) {
      const auto [e, done] = stack.back();
      stack.pop_back();
      if (done) {
        all.push_back(e);
        continue;
      }
      if (!seen.insert(e).second) continue;
      stack.emplace_back(e, true);
      for (Expr operand : e->operands)
        if (is_free(operand) && !seen.contains(operand) &&
            (!values.stored_free.contains(operand) || of(operand) == of(n)))
          stack.emplace_back(operand, false);
    }
  }
  return all;
}

}  // namespace tenon::graph::fusion
