// common_subexpressions and dead_code. Equal nodes are one node by interning and unreachable ones
// are not part of a graph; what is left to do is below.
#include <algorithm>
#include <unordered_set>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/expr.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

bool is_commutative(Op op) {
  return op == Op::add || op == Op::mul || op == Op::and_ || op == Op::or_ || op == Op::xor_ ||
         op == Op::eq || op == Op::ne;
}

/// a + b and b + a become one node: constants last, others in order of creation.
Expr order_operands(Rewriter& r, Expr n) {
  const Expr a = n->operand(0);
  const Expr b = n->operand(1);
  const auto key = [](Expr e) { return std::pair(e->op == Op::constant, e->id); };
  return key(b) < key(a) ? r.make(n->op, {b, a}, {}, n->type) : nullptr;
}

constexpr Rule kRules[] = {{"order_operands", is_commutative, order_operands}};

std::vector<Expr> roots_of(const Function& f) {
  std::vector<Expr> roots = f.results;
  for (const Binding& b : f.bindings) roots.push_back(b.tensor);
  return roots;
}

/// Variables that the types and attributes of the function, and of the bodies in it, mention.
void collect_variables(const Function& f, std::unordered_set<Expr>& used) {
  std::vector<Expr> roots = roots_of(f);
  for (const Guard& g : f.guards) roots.push_back(g.condition);
  for (Expr n : post_order(roots, /*with_exprs=*/true)) {
    if (n->op == Op::var) used.insert(n);
    for (const Attr& a : n->attrs)
      if (const auto* body = std::get_if<const Function*>(&a.value))
        collect_variables(**body, used);
  }
}

/// Captured operands that no body reads.
Expr drop_captures(Context& c, Expr n) {
  const size_t first = n->op == Op::loop ? 2 + static_cast<size_t>(n->int_attr(Key::carried)) : 1;
  std::unordered_set<Expr> reached;
  std::vector<const Function*> bodies;
  for (const Attr& a : n->attrs)
    if (const auto* body = std::get_if<const Function*>(&a.value)) bodies.push_back(*body);
  for (const Function* body : bodies)
    for (Expr e : post_order(roots_of(*body))) reached.insert(e);
  std::vector<bool> keep(n->operands.size(), true);
  bool any = false;
  for (size_t i = first; i < n->operands.size(); ++i) {
    keep[i] = std::any_of(bodies.begin(), bodies.end(),
                          [&](const Function* b) { return reached.contains(b->params[i - 1]); });
    any = any || !keep[i];
  }
  if (!any) return nullptr;
  std::vector<Expr> operands;
  for (size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) operands.push_back(n->operand(i));
  std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
  for (Attr& a : attrs) {
    const auto* held = std::get_if<const Function*>(&a.value);
    if (held == nullptr) continue;
    auto body = std::make_unique<Function>(**held);
    body->params.clear();
    for (size_t i = 0; i < (*held)->params.size(); ++i)
      if (keep[i + 1]) body->params.push_back((*held)->params[i]);
    a.value = c.add(std::move(body));
  }
  return c.make(n->op, n->type, operands, std::move(attrs));
}

}  // namespace

Status common_subexpressions(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

Status dead_code(PassContext& p, Function& f) {
  Context& c = p.nodes;
  rewrite_function(c, f, [&](Expr n) -> Expr {
    return n->op == Op::loop || n->op == Op::if_ ? drop_captures(c, n) : nullptr;
  });
  // A binding whose variable nothing mentions keeps its tensor alive for nothing; one may use
  // another.
  for (bool changed = true; changed;) {
    std::unordered_set<Expr> used;
    collect_variables(f, used);
    const size_t before = f.bindings.size();
    std::erase_if(f.bindings, [&](const Binding& b) { return !used.contains(b.var); });
    changed = f.bindings.size() != before;
  }
  return {};
}

}  // namespace tenon::graph
