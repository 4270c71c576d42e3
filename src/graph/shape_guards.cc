// shape_guards: what operators' rules rely on but cannot prove becomes a guard of the function,
// before other passes use it.
#include <unordered_set>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/expr.h"
#include "ir/text.h"
#include "ops/call.h"
#include "ops/verify.h"
#include "ops/walk.h"
#include "support/text.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

std::string message_of(const Context& c, Expr n, Expr condition) {
  const std::string_view where = c.location(n);
  return cat(where.empty() ? info(n->op).name : where, " needs ", print(condition),
             ", which does not hold for these inputs");
}

/// What the node's rule relies on; of a kept composite what the nodes of its body do.
Status relied_on(Context& c, Expr n, std::vector<Expr>& conditions) {
  if (n->op != Op::call) return ops::relied_on(c, n, conditions);
  const std::vector<Expr> results = ops::inline_call(c, n);
  const std::unordered_set<Expr> outside(n->operands.begin(), n->operands.end());
  std::unordered_set<Expr> seen;
  std::vector<Expr> stack = results;
  while (!stack.empty()) {
    const Expr e = stack.back();
    stack.pop_back();
    if (outside.contains(e) || !seen.insert(e).second) continue;
    TENON_TRY_VOID(relied_on(c, e, conditions));
    const std::span<const Expr> read = ops::value_operands(e);
    stack.insert(stack.end(), read.begin(), read.end());
  }
  return {};
}

}  // namespace

Status shape_guards(PassContext& p, Function& f) {
  Context& c = p.nodes;
  std::unordered_set<Expr> known, bound;
  for (const Guard& g : f.guards) known.insert(g.condition);
  for (const Binding& b : f.bindings) bound.insert(b.var);
  std::vector<Expr> conditions;
  for (Expr n : ops::value_order(f)) {
    conditions.clear();
    TENON_TRY_VOID(relied_on(c, n, conditions));
    // Rules take variables to be no less than 0, which data need not be.
    if (n->type->is_tensor())
      for (Expr e : n->shape())
        if (bound.contains(e)) conditions.push_back(le(c, c.i64(0), e));
    for (Expr condition : conditions)
      if (known.insert(condition).second)
        f.guards.push_back({condition, message_of(c, n, condition)});
  }
  return {};
}

}  // namespace tenon::graph
