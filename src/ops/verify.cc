#include "ops/verify.h"

#include <unordered_set>

#include "ops/call.h"
#include "ops/op.h"
#include "ops/rule.h"
#include "ops/shape.h"
#include "ops/walk.h"

namespace tenon::ops {
namespace {

using ir::Function;
using ir::Op;

/// Whether a node may carry `have` where its rule gives `want`.
bool agrees(const Rule& rule, Type have, Type want) {
  std::vector<std::pair<Type, Type>> work{{have, want}};
  while (!work.empty()) {
    const auto [a, b] = work.back();
    work.pop_back();
    if (a == b) continue;
    if (a->kind != b->kind || a->dtype != b->dtype || a->fields.size() != b->fields.size())
      return false;
    if (!rule.unify(a->shape, b->shape)) return false;
    for (size_t i = 0; i < a->fields.size(); ++i) work.emplace_back(a->fields[i], b->fields[i]);
  }
  return true;
}

Status verify_node(Context& c, Expr n, const std::unordered_set<Expr>& params) {
  if (n->op == Op::param && !params.contains(n))
    return fail("graph.param",
                "param '" + n->string_attr(ir::Key::name) + "' is used outside of its function");
  if (n->op == Op::call && !has_own_body(c, n))
    return fail("graph.composite",
                "@" + std::string(label(n)) +
                    " is the name of a built-in composite, and this is not its body; give the "
                    "function another name");
  std::vector<Expr> ignored;
  return relied_on(c, n, ignored);
}

}  // namespace

Status relied_on(Context& c, Expr n, std::vector<Expr>& conditions) {
  const std::string name(ir::info(n->op).name);
  const OpRow* row = find_op(n->op);
  if (row == nullptr) return fail("graph.operator", name + " is not a graph operator");
  const TypeArgs args{c, n->op, n->operands, n->attrs, n->type, &conditions};
  TENON_TRY(const Type type, row->type(args));
  if (agrees(Rule(args), n->type, type)) return {};
  return fail("graph.type",
              name + " carries type " + show(n->type) + " where its rule gives " + show(type));
}

Status verify(Context& c, const Function& f) {
  std::vector<const Function*> work{&f};
  std::unordered_set<const Function*> seen{&f};
  while (!work.empty()) {
    const Function& g = *work.back();
    work.pop_back();
    const std::unordered_set<Expr> params(g.params.begin(), g.params.end());
    for (Expr n : value_order(g)) {
      TENON_TRY_VOID(verify_node(c, n, params));
      for (const ir::Attr& a : n->attrs)
        if (const auto* body = std::get_if<const Function*>(&a.value);
            body && seen.insert(*body).second)
          work.push_back(*body);
    }
  }
  return {};
}

}  // namespace tenon::ops
