#include "interp/order.h"

#include <unordered_set>

#include "ir/rewrite.h"
#include "ops/walk.h"

namespace tenon::interp {
namespace {

using ir::Expr;
using ir::Op;

bool makes_extents(Op op) { return op == Op::nonzero || op == Op::if_ || op == Op::loop; }

void collect_types(ir::Type type, std::vector<Expr>& out) {
  out.insert(out.end(), type->shape.begin(), type->shape.end());
  for (ir::Type field : type->fields) collect_types(field, out);
}

/// Integer expressions that a node's type and attributes mention.
std::vector<Expr> expressions(Expr n) {
  std::vector<Expr> all;
  collect_types(n->type, all);
  for (const ir::Attr& a : n->attrs)
    if (const auto* list = std::get_if<std::vector<Expr>>(&a.value))
      all.insert(all.end(), list->begin(), list->end());
  if (n->op == Op::from_scalars) all.insert(all.end(), n->operands.begin(), n->operands.end());
  return all;
}

class Orderer {
 public:
  explicit Orderer(const ir::Function& f) : f_(f) {}

  Order run() {
    for (const ir::Binding& b : f_.bindings) {
      producers_.emplace(b.var, b.tensor);
      order_.bindings[b.tensor].push_back(&b);
      ++order_.uses[b.tensor];
    }
    for (Expr r : f_.results) ++order_.uses[r];
    find_producers();
    for (const ir::Binding& b : f_.bindings) visit(b.tensor);
    for (Expr r : f_.results) visit(r);
    place_guards();
    return std::move(order_);
  }

 private:
  /// Nodes whose own results carry new extents (a count, a number of iterations) produce them.
  void find_producers() {
    for (Expr n : ops::value_order(f_)) {
      if (!makes_extents(n->op)) continue;
      std::vector<Expr> extents;
      collect_types(n->type, extents);
      for (Expr e : extents)
        if (e->op == Op::var) candidates_.emplace_back(e, n);
    }
    if (candidates_.empty()) return;
    // A variable that an argument already carries is not new.
    std::unordered_set<Expr> given;
    for (Expr p : f_.params) {
      std::vector<Expr> extents;
      collect_types(p->type, extents);
      for (Expr e : ir::post_order(extents)) given.insert(e);
    }
    for (const auto& [var, node] : candidates_)
      if (!given.contains(var) && carries_new(node, var)) producers_.emplace(var, node);
  }

  void place_guards() {
    if (f_.guards.empty()) return;
    std::unordered_map<Expr, size_t> position;
    for (size_t i = 0; i < order_.nodes.size(); ++i) position[order_.nodes[i]] = i;
    for (const ir::Guard& g : f_.guards) {
      Expr last = nullptr;
      for (Expr e : ir::post_order(std::span(&g.condition, 1)))
        if (const auto found = producers_.find(e); found != producers_.end())
          if (last == nullptr || position.at(found->second) > position.at(last))
            last = found->second;
      order_.guards[last].push_back(&g);
    }
  }

  static bool carries_new(Expr node, Expr var) {
    for (Expr operand : node->operands) {
      std::vector<Expr> extents;
      collect_types(operand->type, extents);
      for (Expr e : extents)
        if (e == var) return false;
    }
    return true;
  }

  void push(Expr n, std::vector<Expr>& stack) {
    if (!state_.contains(n)) stack.push_back(n);
  }

  void visit(Expr root) {
    std::vector<Expr> stack;
    push(root, stack);
    while (!stack.empty()) {
      const Expr n = stack.back();
      const auto [at, is_new] = state_.emplace(n, false);
      if (is_new) {
        for (Expr needed : producers_of(n)) push(needed, stack);
        for (size_t i = ops::value_operands(n).size(); i-- > 0;) push(n->operand(i), stack);
        continue;
      }
      stack.pop_back();
      if (at->second) continue;
      at->second = true;
      order_.nodes.push_back(n);
      for (Expr operand : ops::value_operands(n)) ++order_.uses[operand];
    }
  }

  std::vector<Expr> producers_of(Expr n) {
    std::vector<Expr> needed;
    if (producers_.empty()) return needed;
    for (Expr e : ir::post_order(expressions(n)))
      if (const auto found = producers_.find(e); found != producers_.end() && found->second != n)
        needed.push_back(found->second);
    return needed;
  }

  const ir::Function& f_;
  Order order_;
  std::unordered_map<Expr, Expr> producers_;
  std::vector<std::pair<Expr, Expr>> candidates_;
  std::unordered_map<Expr, bool> state_;  // false: waits for its operands; true: placed
};

}  // namespace

Order evaluation_order(const ir::Function& f) { return Orderer(f).run(); }

}  // namespace tenon::interp
