// shape_guards: what operators' rules rely on but cannot prove becomes a guard of the function,
// before other passes use it.
#include <unordered_set>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/expr.h"
#include "ir/text.h"
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

}  // namespace

Status shape_guards(PassContext& p, Function& f) {
  Context& c = p.nodes;
  std::unordered_set<Expr> known, bound;
  for (const Guard& g : f.guards) known.insert(g.condition);
  for (const Binding& b : f.bindings) bound.insert(b.var);
  std::vector<Expr> conditions;
  for (Expr n : ops::value_order(f)) {
    conditions.clear();
    TENON_TRY_VOID(ops::relied_on(c, n, conditions));
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
