// Canonical integer arithmetic: sums in one order, floordiv and mod split at what divides, digits
// of one number put together again.
#include <algorithm>
#include <cstdlib>
#include <functional>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify_impl.h"
#include "support/checked.h"

namespace tenon::ir {
namespace {

Expr emit_term(Context& c, const Term& t, int64_t coeff) {
  Expr out = t.atoms[0];
  for (size_t i = 1; i < t.atoms.size(); ++i) out = mul(c, out, t.atoms[i]);
  return mul(c, out, c.i64(coeff));
}

/// Divisors of d that a unit split may use, largest first.
std::vector<int64_t> units_of(const Poly& a, int64_t d) {
  std::vector<int64_t> all;
  std::vector<int64_t> sizes;
  for (const Term& t : a.terms) sizes.push_back(gcd_of(t.coeff, d));
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  int64_t common = 0;
  for (int64_t u : sizes) {
    common = gcd_of(common, u);
    all.push_back(u);
    all.push_back(common);
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::erase_if(all, [&](int64_t u) { return u <= 1 || u == d; });
  return all;
}

/// Greatest monomial that divides both terms.
Term common_part(const Term& a, const Term& b) {
  Term out{gcd_of(a.coeff, b.coeff), {}};
  std::set_intersection(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end(),
                        std::back_inserter(out.atoms),
                        [](Expr x, Expr y) { return x->id < y->id; });
  return out;
}

Poly of_term(const Term& t) {
  Poly p;
  if (t.atoms.empty()) {
    p.constant = t.coeff;
  } else {
    p.terms.push_back(t);
  }
  return p;
}

/// Size of the tree below a node, capped.
int64_t weight(Expr root, NodeMap<int64_t>& known) {
  const Expr roots[] = {root};
  for (Expr e : post_order(roots)) {
    int64_t sum = 1;
    for (Expr x : e->operands) sum = std::min<int64_t>(sum + *known.find(x), 1 << 20);
    known.insert(e, sum);
  }
  return *known.find(root);
}
int64_t weight(const Poly& p, NodeMap<int64_t>& known) {
  int64_t sum = p.constant != 0 ? 1 : 0;
  for (const Term& t : p.terms) {
    sum += t.coeff == 1 || t.coeff == -1 ? 1 : 2;
    for (Expr a : t.atoms) sum += weight(a, known);
  }
  return sum;
}

bool has_atom(const Poly& p, Op op) {
  return std::any_of(p.terms.begin(), p.terms.end(), [&](const Term& t) {
    return std::any_of(t.atoms.begin(), t.atoms.end(), [&](Expr a) { return a->op == op; });
  });
}

/// The term without one occurrence of the atom.
Poly cofactor(const Term& t, Expr atom) {
  Term rest = t;
  rest.atoms.erase(std::find(rest.atoms.begin(), rest.atoms.end(), atom));
  return of_term(rest);
}

}  // namespace

Expr emit(Context& c, const Poly& p) {
  Expr sum = nullptr;
  for (const Term& t : p.terms)
    if (t.coeff > 0)
      sum = sum == nullptr ? emit_term(c, t, t.coeff) : add(c, sum, emit_term(c, t, t.coeff));
  for (const Term& t : p.terms) {
    if (t.coeff > 0) continue;
    if (sum == nullptr || t.coeff == INT64_MIN) {
      const Expr term = emit_term(c, t, t.coeff);
      sum = sum == nullptr ? term : add(c, sum, term);
    } else {
      sum = sub(c, sum, emit_term(c, t, -t.coeff));
    }
  }
  return sum == nullptr ? c.i64(p.constant) : add(c, sum, c.i64(p.constant));
}

Poly Simplifier::raw(Op op, const Poly& a, const Poly& b) {
  const Expr x = emit(c_, a);
  const Expr y = emit(c_, b);
  return solver_.poly(op == Op::floordiv ? ir::floordiv(c_, x, y) : ir::mod(c_, x, y));
}

/// a = d * whole + rest; coefficients of rest keep their sign and are smaller than d, its constant
/// is in [0, d).
Simplifier::Parts Simplifier::split_multiples(const Poly& a, int64_t d) const {
  Parts out;
  out.whole.constant = floor_div(a.constant, d);
  out.rest.constant = floor_mod(a.constant, d);
  for (const Term& t : a.terms) {
    if (t.coeff / d != 0) out.whole.terms.push_back({t.coeff / d, t.atoms});
    if (t.coeff % d != 0) out.rest.terms.push_back({t.coeff % d, t.atoms});
  }
  return out;
}

std::optional<Simplifier::Parts> Simplifier::split_by_unit(const Poly& a, int64_t unit) {
  Parts out;
  out.rest.constant = a.constant;
  for (const Term& t : a.terms) {
    if (t.coeff % unit == 0) {
      out.whole.terms.push_back({t.coeff / unit, t.atoms});
    } else {
      out.rest.terms.push_back(t);
    }
  }
  if (out.whole.terms.empty()) return std::nullopt;
  const Interval rest = solver_.interval(out.rest);
  if (!rest.has_lo() || !rest.has_hi()) return std::nullopt;
  const int64_t k = floor_div(rest.lo, unit);
  if (floor_div(rest.hi, unit) != k) return std::nullopt;
  out.whole = out.whole + k;
  out.rest = out.rest - Poly::number(unit) * k;
  if (out.whole.poisoned || out.rest.poisoned) return std::nullopt;
  return out;
}

std::optional<Simplifier::Parts> Simplifier::split_by_unit(const Poly& a, const Term& unit) {
  Parts out;
  out.rest.constant = a.constant;
  for (const Term& t : a.terms) {
    if (auto q = divide(t, unit)) {
      out.whole = out.whole + of_term(*q);
    } else {
      out.rest.terms.push_back(t);
    }
  }
  if (unit.atoms.empty() && a.constant % unit.coeff == 0) {
    out.whole = out.whole + a.constant / unit.coeff;
    out.rest.constant = 0;
  }
  const Poly u = of_term(unit);
  if (out.whole.is_number() || out.whole.poisoned || !solver_.positive(u)) return std::nullopt;
  if (!solver_.nonnegative(out.rest) || !solver_.nonnegative(u - out.rest + -1))
    return std::nullopt;
  return out;
}

// ---- floordiv

Poly Simplifier::floordiv(const Poly& a, const Poly& b) {
  if (a.is_zero() || b.is_zero()) return Poly::number(0);
  if (!b.is_number()) return floordiv_symbolic(a, b);
  if (b.constant == INT64_MIN) return raw(Op::floordiv, a, b);
  if (b.constant > 0) return floordiv_number(a, b.constant);
  const Poly negated = -a;
  return negated.poisoned ? raw(Op::floordiv, a, b) : floordiv_number(negated, -b.constant);
}

Poly Simplifier::floordiv_number(const Poly& a, int64_t d) {
  if (d == 1) return a;
  const auto [whole, rest] = split_multiples(a, d);
  if (rest.terms.empty()) return whole;
  const Interval range = solver_.interval(rest);
  if (range.has_lo() && range.has_hi() && floor_div(range.lo, d) == floor_div(range.hi, d))
    return whole + floor_div(range.lo, d);
  for (int64_t unit : units_of(rest, d))
    if (const auto parts = split_by_unit(rest, unit))
      return whole + floordiv_number(parts->whole, d / unit);
  if (rest.terms.size() == 1 && rest.terms[0].coeff == 1 && rest.terms[0].atoms.size() == 1) {
    const Expr atom = rest.terms[0].atoms[0];
    if (atom->op == Op::floordiv) {
      // (x // e + k) // d = (x + k * e) // (e * d)
      const Poly& e = solver_.poly(atom->operand(1));
      const Poly x = solver_.poly(atom->operand(0)) + e * rest.constant;
      const Poly by = e * d;
      const bool fits = !x.poisoned && !by.poisoned;
      if (fits && e.is_number() && e.constant > 0) return whole + floordiv_number(x, by.constant);
      if (fits && rest.constant == 0 && solver_.nonnegative(e))
        return whole + floordiv_symbolic(x, by);
    }
    if (atom->op == Op::mod && rest.constant == 0) {
      // (x mod (k * d)) // d = (x // d) mod k
      const Poly& e = solver_.poly(atom->operand(1));
      if (e.is_number() && e.constant > 0 && e.constant % d == 0)
        return whole +
               mod_number(floordiv_number(solver_.poly(atom->operand(0)), d), e.constant / d);
    }
  }
  return whole + raw(Op::floordiv, rest, Poly::number(d));
}

Poly Simplifier::floordiv_symbolic(const Poly& a, const Poly& b) {
  if (solver_.nonnegative(b)) {
    if (const Expr atom = a.as_atom(); atom != nullptr && atom->op == Op::floordiv) {
      const Poly& e = solver_.poly(atom->operand(1));
      const Poly by = e * b;
      if (!by.poisoned && solver_.nonnegative(e))
        return floordiv(solver_.poly(atom->operand(0)), by);
    }
  }
  if (!solver_.positive(b)) return raw(Op::floordiv, a, b);
  const Division d = divide(a, b);
  if (!d.quotient.is_zero()) return d.quotient + floordiv(d.rest, b);
  if (solver_.nonnegative(d.rest) && solver_.nonnegative(b - d.rest + -1)) return d.quotient;
  if (solver_.nonnegative(-d.rest + -1) && solver_.nonnegative(d.rest + b)) return d.quotient + -1;
  if (b.terms.size() == 1 && b.constant == 0) {
    for (const Term& t : a.terms) {
      const Term unit = common_part(t, b.terms[0]);
      if (unit.coeff == 1 && unit.atoms.empty()) continue;
      const auto by = divide(b.terms[0], unit);
      if (const auto parts = split_by_unit(a, unit); parts && by)
        return floordiv(parts->whole, of_term(*by));
    }
  }
  return raw(Op::floordiv, a, b);
}

// ---- mod

Poly Simplifier::mod(const Poly& a, const Poly& b) {
  if (a.is_zero() || b.is_zero()) return Poly::number(0);
  if (!b.is_number()) return mod_symbolic(a, b);
  if (b.constant == INT64_MIN) return raw(Op::mod, a, b);
  if (b.constant > 0) return mod_number(a, b.constant);
  const Poly negated = -a;  // x mod -d = -(-x mod d)
  return negated.poisoned ? raw(Op::mod, a, b) : -mod_number(negated, -b.constant);
}

Poly Simplifier::mod_number(const Poly& a, int64_t d) {
  if (d == 1) return Poly::number(0);
  const Poly rest = split_multiples(a, d).rest;
  if (rest.terms.empty()) return rest;
  const Interval range = solver_.interval(rest);
  if (range.has_lo() && range.has_hi() && floor_div(range.lo, d) == floor_div(range.hi, d)) {
    const Poly inside = rest - Poly::number(d) * floor_div(range.lo, d);
    if (!inside.poisoned) return inside;
  }
  // c * (x mod e) is c * x up to multiples of c * e.
  for (const Term& t : rest.terms) {
    if (t.atoms.size() != 1 || t.atoms[0]->op != Op::mod) continue;
    const Poly& e = solver_.poly(t.atoms[0]->operand(1));
    const auto multiple = checked_mul(t.coeff, e.constant);
    if (!e.is_number() || e.constant <= 0 || !multiple || *multiple % d != 0) continue;
    const Poly opened = rest - of_term(t) + solver_.poly(t.atoms[0]->operand(0)) * t.coeff;
    if (!opened.poisoned) return mod_number(opened, d);
  }
  for (int64_t unit : units_of(rest, d))
    if (const auto parts = split_by_unit(rest, unit))
      return mod_number(parts->whole, d / unit) * unit + parts->rest;
  return raw(Op::mod, rest, Poly::number(d));
}

Poly Simplifier::mod_symbolic(const Poly& a, const Poly& b) {
  if (!solver_.positive(b)) return raw(Op::mod, a, b);
  const Poly rest = divide(a, b).rest;
  if (rest.is_zero()) return rest;
  if (solver_.nonnegative(rest) && solver_.nonnegative(b - rest + -1)) return rest;
  if (solver_.nonnegative(-rest + -1) && solver_.nonnegative(rest + b)) return rest + b;
  if (b.terms.size() == 1 && b.constant == 0) {
    for (const Term& t : rest.terms) {
      const Term unit = common_part(t, b.terms[0]);
      if (unit.coeff == 1 && unit.atoms.empty()) continue;
      const auto by = divide(b.terms[0], unit);
      if (const auto parts = split_by_unit(rest, unit); parts && by)
        return mod(parts->whole, of_term(*by)) * of_term(unit) + parts->rest;
    }
  }
  return raw(Op::mod, rest, b);
}

// ---- digits

Poly Simplifier::recombine(Poly p) {
  for (int step = 0; step < 64; ++step) {
    if (p.poisoned || p.terms.size() < 2 || !has_atom(p, Op::mod)) break;
    if (!merge_digits(p) && !merge_quotient(p)) break;
  }
  return p;
}

/// ((x // a) mod b) * a + x mod a = x mod (a * b)
bool Simplifier::merge_digits(Poly& p) {
  for (const Term& low : p.terms) {
    for (Expr m : low.atoms) {
      if (m->op != Op::mod) continue;
      const Poly x = solver_.poly(m->operand(0));
      const Poly a = solver_.poly(m->operand(1));
      const Poly scale = cofactor(low, m);
      Expr quotient = nullptr;
      for (const Term& high : p.terms) {
        for (Expr n : high.atoms) {
          if (n == m || n->op != Op::mod) continue;
          if (!(of_term(high) == scale * a * Poly::atom(n))) continue;
          if (!solver_.positive(a)) continue;
          if (quotient == nullptr) quotient = emit(c_, floordiv(x, a));
          const Poly b = solver_.poly(n->operand(1));
          if (n->operand(0) != quotient || !solver_.positive(b)) continue;
          const Poly merged = p - of_term(low) - of_term(high) + scale * mod(x, a * b);
          if (merged.poisoned) continue;
          p = merged;
          return true;
        }
      }
    }
  }
  return false;
}

/// (x // d) * d + x mod d = x, where that makes the sum smaller.
bool Simplifier::merge_quotient(Poly& p) {
  if (!has_atom(p, Op::floordiv)) return false;
  NodeMap<int64_t> weights;
  const int64_t before = weight(p, weights);
  for (const Term& t : p.terms) {
    for (Expr m : t.atoms) {
      if (m->op != Op::mod) continue;
      const Poly x = solver_.poly(m->operand(0));
      const Poly d = solver_.poly(m->operand(1));
      if (d.is_zero() || (!d.is_number() && !solver_.positive(d))) continue;  // x mod 0 is 0, not x
      const Poly identity = x - Poly::atom(m) - d * floordiv(x, d);           // always zero
      const Poly merged = p + cofactor(t, m) * identity;
      if (merged.poisoned || weight(merged, weights) >= before) continue;
      p = merged;
      return true;
    }
  }
  return false;
}

// ---- min and max

Expr Simplifier::minmax(Op op, Expr a, Expr b) {
  const auto wins = [&](Expr x, Expr y) {
    const Poly d = solver_.poly(y) - solver_.poly(x);
    return solver_.nonnegative(op == Op::min ? d : -d);
  };
  if (wins(a, b)) return a;
  if (wins(b, a)) return b;
  for (const auto& [outer, inner] : {std::pair{a, b}, std::pair{b, a}}) {
    if (inner->op != op) continue;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      if (wins(outer, inner->operand(i))) return minmax(op, outer, inner->operand(1 - i));
      if (wins(inner->operand(i), outer)) return inner;
    }
  }
  return op == Op::min ? min(c_, a, b) : max(c_, a, b);
}

}  // namespace tenon::ir
