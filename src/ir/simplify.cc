// The walk: expressions bottom-up, statements top-down with what loops and conditions establish.
#include "ir/simplify.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify_impl.h"
#include "ir/statement.h"

namespace tenon::ir {
namespace {

/// True when assuming more could decide something inside.
bool has_decisions(Expr e) {
  const Expr roots[] = {e};
  const std::vector<Expr> all = post_order(roots);
  return std::any_of(all.begin(), all.end(), [](Expr n) {
    if (n->op == Op::select) return true;
    if (is_predicate(n->op)) return n->operands.size() == 2 && is_index(n->operand(0));
    return is_index(n) &&
           (n->op == Op::min || n->op == Op::max || n->op == Op::floordiv || n->op == Op::mod);
  });
}

/// True when the condition says something that a solver can use.
bool has_facts(Expr condition) {
  const Expr roots[] = {condition};
  const std::vector<Expr> all = post_order(roots);
  return std::any_of(all.begin(), all.end(), [](Expr n) {
    return is_predicate(n->op) && n->operands.size() == 2 && is_index(n->operand(0));
  });
}

}  // namespace

Expr Simplifier::visit(Expr e) {
  return e->type->kind == TypeKind::void_ ? statement(e) : expression(e);
}

// ---- expressions

/// Iterative; the arms of a select whose condition says something are visited under that condition.
Expr Simplifier::expression(Expr root) {
  std::vector<Expr> stack{root};
  while (!stack.empty()) {
    const Expr e = stack.back();
    if (done_.contains(e)) {
      stack.pop_back();
      continue;
    }
    (void)budget_.spend();
    if (e->op == Op::select) {
      const Expr out = choose(e, stack);
      if (out == nullptr) continue;
      done_.insert(e, out);
      stack.pop_back();
      continue;
    }
    bool ready = true;
    for (Expr x : e->operands) {
      if (done_.contains(x)) continue;
      stack.push_back(x);
      ready = false;
    }
    if (!ready) continue;
    stack.pop_back();
    const Expr out = node(rebuilt(e));
    done_.insert(e, out);
    done_.insert(out, out);
  }
  return *done_.find(root);
}

Expr Simplifier::rebuilt(Expr e) {
  std::vector<Expr> operands;
  for (Expr x : e->operands) operands.push_back(*done_.find(x));
  if (std::equal(operands.begin(), operands.end(), e->operands.begin())) return e;
  return rebuild_folded(c_, e, e->type, operands);
}

Expr Simplifier::choose(Expr e, std::vector<Expr>& stack) {
  const auto done = [&](Expr x) {
    const Expr* found = done_.find(x);
    if (found == nullptr) stack.push_back(x);
    return found != nullptr;
  };
  if (!done(e->operand(0))) return nullptr;
  const Expr cond = *done_.find(e->operand(0));
  if (const auto known = as_int(cond)) {
    const Expr taken = e->operand(*known != 0 ? 1 : 2);
    return done(taken) ? *done_.find(taken) : nullptr;
  }
  // Arms inside arms are visited once for each way that leads to them, as long as the budget lasts;
  // others once, as if anything held.
  const Budget::Level level(budget_);
  const bool assuming = level && known_.facts.size() <= 64 && has_facts(cond);
  const bool special[] = {assuming && has_decisions(e->operand(1)),
                          assuming && has_decisions(e->operand(2))};
  for (const size_t i : {size_t{0}, size_t{1}})
    if (!special[i] && !done(e->operand(i + 1))) return nullptr;
  const auto arm = [&](size_t i, Expr fact) {
    if (!special[i]) return *done_.find(e->operand(i + 1));
    Assumptions inner = known_;
    inner.fact(fact);
    return Simplifier(c_, inner, budget_).visit(e->operand(i + 1));
  };
  const Expr a = arm(0, cond);
  const Expr b = arm(1, logical_not(c_, cond));
  if (e->type == c_.boolean() && is_int(a, 1) && is_int(b, 0)) return cond;
  return select(c_, cond, a, b);
}

/// A node whose operands are simplified.
Expr Simplifier::node(Expr e) {
  if (e->type == c_.boolean()) {
    if (e->op == Op::and_ || e->op == Op::or_) return logic(e);
    if (e->op == Op::not_) {
      const Expr negated = logical_not(c_, e->operand(0));
      return negated->op == Op::not_ ? negated : compare(negated);
    }
    return is_predicate(e->op) ? compare(e) : e;
  }
  if (!is_index(e) || e->op == Op::imm) return e;
  const auto poly = [&](size_t i) -> const Poly& { return solver_.poly(e->operand(i)); };
  Poly out;
  switch (e->op) {
    case Op::var: {
      const Interval range = solver_.of(e);
      // Empty ranges come from conditions that never hold; any value will do there.
      return range.has_lo() && range.lo >= range.hi ? c_.i64(range.lo) : e;
    }
    case Op::add:
    case Op::sub:
    case Op::neg:
    case Op::mul:
      out = solver_.poly(e);
      break;
    case Op::floordiv:
      out = floordiv(poly(0), poly(1));
      break;
    case Op::mod:
      out = mod(poly(0), poly(1));
      break;
    case Op::div:
    case Op::fmod:
      if (!solver_.nonnegative(poly(0)) || !solver_.nonnegative(poly(1))) return e;
      out = e->op == Op::div ? floordiv(poly(0), poly(1)) : mod(poly(0), poly(1));
      break;
    case Op::min:
    case Op::max:
      return minmax(e->op, e->operand(0), e->operand(1));
    case Op::abs:
      if (!solver_.nonnegative(poly(0))) return e;
      return e->operand(0);
    default:
      return e;
  }
  out = recombine(std::move(out));
  if (out.poisoned || out.as_atom() == e || !budget_.spend_on_sum(out.terms.size())) return e;
  return emit(c_, out);
}

// ---- statements

Expr Simplifier::statement(Expr e) {
  switch (e->op) {
    case Op::for_:
      return loop(e);
    case Op::cond:
      return branch(e);
    case Op::block:
      return block(e);
    case Op::let:
      return binding(e);
    case Op::while_: {
      const Expr cond = expression(e->operand(0));
      if (is_int(cond, 0)) return seq(c_, {});
      return while_loop(c_, cond, statement(e->operand(1)));
    }
    case Op::seq: {
      std::vector<Expr> all;
      for (Expr s : e->operands) all.push_back(statement(s));
      return seq(c_, all);
    }
    default:
      break;
  }
  std::vector<Expr> operands;
  for (Expr x : e->operands) operands.push_back(expression(x));
  return c_.rebuild(e, e->type, operands);
}

Expr Simplifier::loop(Expr e) {
  const ForView view{e};
  const Expr extent = expression(view.extent());
  if (const auto n = as_int(extent); n && *n <= 0) return seq(c_, {});
  Assumptions inner = known_;
  inner.ranges.erase(view.var());
  inner.below(view.var(), extent);
  const Expr body = Simplifier(c_, inner, budget_).statement(view.body());
  if (is_empty(body)) return body;
  const Expr operands[] = {view.var(), extent, body};
  return c_.rebuild(e, e->type, operands);
}

Expr Simplifier::branch(Expr e) {
  const Expr cond = expression(e->operand(0));
  const Expr otherwise = e->operands.size() > 2 ? e->operand(2) : nullptr;
  if (const auto known = as_int(cond)) {
    if (*known != 0) return statement(e->operand(1));
    return otherwise != nullptr ? statement(otherwise) : seq(c_, {});
  }
  // What a load gave may change under the statements that follow.
  const bool lasting = !has_load(cond);
  const auto arm = [&](Expr s, Expr fact) {
    if (!lasting) return statement(s);
    Assumptions inner = known_;
    inner.fact(fact);
    return Simplifier(c_, inner, budget_).statement(s);
  };
  const Expr then = arm(e->operand(1), cond);
  const Expr other = otherwise != nullptr ? arm(otherwise, logical_not(c_, cond)) : nullptr;
  if (is_empty(then) && (other == nullptr || is_empty(other))) return then;
  return if_then(c_, cond, then, other != nullptr && is_empty(other) ? nullptr : other);
}

Expr Simplifier::block(Expr e) {
  const BlockView view{e};
  std::vector<BlockIter> iters = view.iters();
  Assumptions inner = known_;
  for (BlockIter& it : iters) {
    it.binding = expression(it.binding);
    inner.ranges[it.var] = solver_.of(it.binding);
    if (it.binding->op == Op::imm) continue;
    if (const auto extent = known_.extents.find(it.binding); extent != known_.extents.end())
      inner.extents[it.var] = extent->second;
    if (!has_load(it.binding)) inner.fact(eq(c_, it.var, it.binding));
  }
  const Expr predicate = Simplifier(c_, inner, budget_).expression(view.predicate());
  if (is_int(predicate, 0)) return seq(c_, {});
  if (!has_load(predicate)) inner.fact(predicate);
  const Expr body = Simplifier(c_, inner, budget_).statement(view.body());
  if (is_empty(body)) return body;
  std::vector<Expr> operands{predicate, body};
  for (const BlockIter& it : iters) {
    operands.push_back(it.var);
    operands.push_back(it.binding);
  }
  return c_.rebuild(e, e->type, operands);
}

Expr Simplifier::binding(Expr e) {
  const Expr var = e->operand(0);
  const Expr value = expression(e->operand(1));
  const Expr body = e->operand(2);
  if (value->op == Op::imm || value->op == Op::var)
    return statement(substitute(c_, body, {{var, value}}));
  Assumptions inner = known_;
  if (is_index(var)) {
    inner.ranges[var] = solver_.of(value);
    if (!has_load(value)) inner.fact(eq(c_, var, value));
  }
  const Expr out = Simplifier(c_, inner, budget_).statement(body);
  return is_empty(out) ? out : let(c_, var, value, out);
}

// ---- entries

Expr simplify(Context& c, Expr e, const Assumptions& known) {
  if (e->op == Op::imm) return e;
  Budget budget(c);
  return Simplifier(c, known, budget).visit(e);
}

bool prove(Context& c, Expr condition, const Assumptions& known) {
  if (const auto v = as_int(condition)) return *v != 0;
  Budget budget(c);
  return is_int(Simplifier(c, known, budget).visit(condition), 1);
}

}  // namespace tenon::ir
