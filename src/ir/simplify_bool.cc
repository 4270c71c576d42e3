// Conditions: comparisons in one canonical form, decided where bounds decide them.
#include <algorithm>
#include <cstdlib>
#include <functional>

#include "ir/expr.h"
#include "ir/simplify_impl.h"
#include "support/checked.h"

namespace tenon::ir {
namespace {

constexpr size_t kMaxConjuncts = 16;

/// Positive terms of p, and its negative ones negated.
std::pair<Poly, Poly> sides(const Poly& p) {
  std::pair<Poly, Poly> out;
  for (const Term& t : p.terms) {
    if (t.coeff > 0) {
      out.first.terms.push_back(t);
    } else {
      out.second.terms.push_back({-t.coeff, t.atoms});
    }
  }
  return out;
}

bool extreme(const Poly& p) {
  return p.poisoned || p.constant <= INT64_MIN + 1 || p.constant == INT64_MAX ||
         std::any_of(p.terms.begin(), p.terms.end(),
                     [](const Term& t) { return t.coeff == INT64_MIN; });
}

std::vector<int64_t> coefficients(const Poly& p) {
  std::vector<int64_t> all;
  for (const Term& t : p.terms) all.push_back(std::abs(t.coeff));
  std::sort(all.begin(), all.end(), std::greater<>());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::erase_if(all, [](int64_t u) { return u <= 1; });
  return all;
}

void flatten(Expr e, Op op, std::vector<Expr>& out) {
  std::vector<Expr> stack{e};
  while (!stack.empty()) {
    const Expr top = stack.back();
    stack.pop_back();
    if (top->op == op && top->dtype() == DType::boolean) {
      stack.push_back(top->operand(1));
      stack.push_back(top->operand(0));
    } else {
      out.push_back(top);
    }
  }
}

}  // namespace

Expr Simplifier::nonnegative(Poly p) {
  // Dividing first makes the condition sharper: 9 * n - 5 >= 0 is n - 1 >= 0.
  const int64_t g = coefficient_gcd(p);
  if (g > 1) {
    for (Term& t : p.terms) t.coeff /= g;
    p.constant = floor_div(p.constant, g);
  }
  if (solver_.lower(p, 0) >= 0) return c_.bool_imm(true);
  if (solver_.upper(p, -1) < 0) return c_.bool_imm(false);
  for (int64_t unit : coefficients(p))
    if (const auto parts = split_by_unit(p, unit)) return nonnegative(parts->whole);
  auto [plus, minus] = sides(p);
  const int64_t k = p.constant;
  if (minus.terms.empty())
    return k == -1 ? lt(c_, c_.i64(0), emit(c_, plus)) : le(c_, c_.i64(-k), emit(c_, plus));
  if (plus.terms.empty()) return lt(c_, emit(c_, minus), c_.i64(k + 1));
  if (k >= 0) return le(c_, emit(c_, minus), emit(c_, plus + k));
  return lt(c_, emit(c_, minus + (-k - 1)), emit(c_, plus));
}

Expr Simplifier::zero(Poly p) {
  if (p.is_number()) return c_.bool_imm(p.constant == 0);
  const int64_t g = coefficient_gcd(p);
  if (p.constant % g != 0) return c_.bool_imm(false);
  const int64_t sign = p.terms[0].coeff < 0 ? -1 : 1;
  for (Term& t : p.terms) t.coeff = t.coeff / g * sign;
  p.constant = p.constant / g * sign;
  const int64_t lo = solver_.lower(p);
  const int64_t hi = solver_.upper(p);
  if (lo > 0 || hi < 0) return c_.bool_imm(false);
  if (lo == 0 && hi == 0) return c_.bool_imm(true);
  auto [plus, minus] = sides(p);
  if (p.constant > 0 && !minus.terms.empty())
    return eq(c_, emit(c_, plus + p.constant), emit(c_, minus));
  return eq(c_, emit(c_, plus), emit(c_, minus + -p.constant));
}

Expr Simplifier::compare(Expr e) {
  if (e->operands.size() != 2 || !is_index(e->operand(0))) return e;
  if (e->op == Op::eq || e->op == Op::ne) {
    const Poly p = recombine(solver_.poly(e->operand(0)) - solver_.poly(e->operand(1)));
    if (extreme(p)) return e;
    const Expr same = zero(p);
    return e->op == Op::eq ? same : logical_not(c_, same);
  }
  const std::optional<Poly> difference = solver_.as_nonnegative(e);
  if (!difference) return e;
  const Poly p = recombine(*difference);
  return extreme(p) ? e : nonnegative(p);
}

/// Conjuncts (or disjuncts) that others imply are dropped; contradictions decide.
Expr Simplifier::logic(Expr e) {
  std::vector<Expr> all;
  flatten(e, e->op, all);
  if (all.size() > kMaxConjuncts) return e;
  const bool is_and = e->op == Op::and_;
  std::vector<Expr> kept;
  std::vector<std::optional<Poly>> polys;
  for (Expr x : all) {
    std::optional<Poly> p = solver_.as_nonnegative(x);
    if (p && !is_and) p = -*p + -1;  // the negation: a disjunction is a conjunction of negations
    bool drop = std::find(kept.begin(), kept.end(), x) != kept.end();
    for (size_t i = 0; i < kept.size() && p && !drop; ++i) {
      if (!polys[i]) continue;
      if (solver_.nonnegative(-(*p + *polys[i]) + -1)) return c_.bool_imm(!is_and);
      if (solver_.nonnegative(*p - *polys[i])) {
        drop = true;
      } else if (solver_.nonnegative(*polys[i] - *p)) {
        kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
        polys.erase(polys.begin() + static_cast<std::ptrdiff_t>(i));
        --i;
      }
    }
    if (drop) continue;
    kept.push_back(x);
    polys.push_back(std::move(p));
  }
  Expr out = kept[0];
  for (size_t i = 1; i < kept.size(); ++i)
    out = is_and ? logical_and(c_, out, kept[i]) : logical_or(c_, out, kept[i]);
  return out;
}

}  // namespace tenon::ir
