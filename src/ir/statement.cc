#include "ir/statement.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/node_map.h"

namespace tenon::ir {

// ---- statements

std::ranges::iota_view<size_t, size_t> child_positions(Expr s) {
  const size_t n = s->operands.size();
  size_t first = 0;
  while (first < n && !is_statement(s->operand(first))) ++first;
  size_t end = first;
  while (end < n && is_statement(s->operand(end))) ++end;
  return {first, end};
}

std::span<const Expr> children(Expr s) {
  const auto at = child_positions(s);
  return at.empty() ? std::span<const Expr>{} : s->operands.subspan(at.front(), at.size());
}

std::span<const Expr> in_sequence(const Expr& s) {
  return s->op == Op::seq ? s->operands : std::span(&s, 1);
}

bool is_empty(Expr s) { return s->op == Op::seq && s->operands.empty(); }

Expr with_child(Context& c, Expr s, size_t child, Expr replacement) {
  std::vector<Expr> operands(s->operands.begin(), s->operands.end());
  operands[child] = replacement;
  return s->op == Op::seq ? seq(c, operands) : c.rebuild(s, s->type, operands);
}

Expr map_children(Context& c, Expr s, const std::function<Expr(Expr)>& f) {
  std::vector<Expr> operands(s->operands.begin(), s->operands.end());
  bool changed = false;
  for (size_t i : child_positions(s)) {
    operands[i] = f(operands[i]);
    changed = changed || operands[i] != s->operand(i);
  }
  if (!changed) return s;
  if (s->op == Op::seq) {
    std::erase_if(operands, is_empty);
    return seq(c, operands);
  }
  if (s->op == Op::cond) {
    const Expr otherwise = operands.size() > 2 && !is_empty(operands[2]) ? operands[2] : nullptr;
    if (is_empty(operands[1]) && otherwise == nullptr) return seq(c, {});
    return if_then(c, operands[0], operands[1], otherwise);
  }
  if ((s->op == Op::for_ || s->op == Op::let) && is_empty(operands[2])) return seq(c, {});
  return c.rebuild(s, s->type, operands);
}

namespace {
void visit(Site& at, const std::function<bool(const Site&)>& f) {
  if (!f(at)) return;
  const Expr node = at.node;
  for (size_t child : child_positions(node)) {
    at.path.push_back({node, child});
    at.node = node->operand(child);
    visit(at, f);
    at.path.pop_back();
    at.node = node;
  }
}
}  // namespace

void visit_statements(Expr root, const std::function<bool(const Site&)>& f) {
  Site at{{}, root};
  visit(at, f);
}

// ---- expressions

namespace {
/// True if `f` is true for a node at or below root; each is asked once at most.
template <class F>
bool any_node(Expr root, const F& f) {
  NodeMap<bool> seen;
  std::vector<Expr> work{root};
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (f(e)) return true;
    if (!e->operands.empty() && seen.insert(e, true))
      work.insert(work.end(), e->operands.begin(), e->operands.end());
  }
  return false;
}
}  // namespace

bool mentions(Expr e, Expr node) {
  return any_node(e, [&](Expr n) { return n == node; });
}

bool mentions_any(Expr e, std::span<const Expr> nodes) {
  return !nodes.empty() &&
         any_node(e, [&](Expr n) { return std::ranges::find(nodes, n) != nodes.end(); });
}

bool mentions_any(Expr e, const std::unordered_set<Expr>& nodes) {
  return !nodes.empty() && any_node(e, [&](Expr n) { return nodes.contains(n); });
}

bool has_load(Expr e) {
  return any_node(e, [](Expr n) { return is_load(n->op); });
}

void collect_vars(Expr e, std::unordered_set<Expr>& out) {
  (void)any_node(e, [&](Expr n) {
    if (n->op == Op::var) out.insert(n);
    return false;
  });
}

Expr offset_of(Context& c, std::span<const Expr> shape, std::span<const Expr> indices) {
  Expr offset = c.i64(0);
  for (size_t d = 0; d < indices.size(); ++d) offset = add(c, mul(c, offset, shape[d]), indices[d]);
  return offset;
}

std::vector<Expr> conjuncts(Expr condition) {
  std::vector<Expr> out;
  std::vector<Expr> stack{condition};
  while (!stack.empty()) {
    const Expr e = stack.back();
    stack.pop_back();
    if (e->op == Op::and_) {
      stack.push_back(e->operand(1));
      stack.push_back(e->operand(0));
    } else if (!is_int(e, 1)) {
      out.push_back(e);
    }
  }
  return out;
}

Expr conjunction(Context& c, std::span<const Expr> parts) {
  Expr all = c.bool_imm(true);
  for (Expr part : parts) all = logical_and(c, all, part);
  return all;
}

}  // namespace tenon::ir
