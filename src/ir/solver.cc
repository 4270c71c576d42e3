#include "ir/solver.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "support/check.h"
#include "support/checked.h"

namespace tenon::ir {
namespace {

constexpr int kDepth = 6;         // of eliminations in a row
constexpr int kBudget = 160;      // eliminations a question
constexpr size_t kMaxTerms = 48;  // of a polynomial
constexpr size_t kMaxFacts = 64;  // looked at for one polynomial

bool unknown(int64_t lower) { return lower == INT64_MIN; }

/// An upper bound on p from a lower bound on -p.
int64_t mirrored(int64_t lower) { return unknown(lower) ? INT64_MAX : -lower; }

/// ceil(bound / s) of a lower bound on s * p.
int64_t unscale(int64_t bound, int64_t s) { return unknown(bound) ? bound : ceil_div(bound, s); }

Interval of_dtype(DType t) {
  const DTypeInfo& row = info(t);
  if (row.kind == DTypeKind::boolean) return {0, 1};
  if (row.kind == DTypeKind::real || row.bits >= 64) return {};
  if (row.kind == DTypeKind::uint) return {0, (int64_t{1} << row.bits) - 1};
  return {-(int64_t{1} << (row.bits - 1)), (int64_t{1} << (row.bits - 1)) - 1};
}

}  // namespace

bool is_index(Expr e) {
  return e->type->is_scalar() && !e->type->is_vector() && e->dtype() == DType::i64;
}

Solver::Solver(const Assumptions& known, Budget& budget) : known_(known), work_(budget) {
  std::vector<std::pair<Expr, Expr>> extents(known.extents.begin(), known.extents.end());
  std::sort(extents.begin(), extents.end(),
            [](const auto& a, const auto& b) { return a.first->id < b.first->id; });
  // A variable that runs below an extent exists, so that extent is at least 1. Below 0 none does:
  // of what never runs nothing is known, since anything would follow.
  for (const auto& [var, extent] : extents)
    if (as_int(extent).value_or(1) >= 1) assume_nonnegative(poly(extent) + -1, true);
  for (Expr f : known.facts) assume(f, true);
  for (Expr f : known.facts) assume_factor(f, extents);
  intervals_ = {};  // some may have been found before all facts were known
}

/// Where a loop runs, the factors of its extent that are not negative are at least 1.
void Solver::assume_factor(Expr fact, const std::vector<std::pair<Expr, Expr>>& extents) {
  const auto factor = as_nonnegative(fact);
  if (!factor || factor->terms.size() + (factor->constant != 0 ? 1 : 0) < 2) return;
  const auto is_variable = [&](Expr e) { return e->op == Op::var && variable(e).lo >= 0; };
  std::vector<Expr> work;
  for (const auto& [var, extent] : extents) work.push_back(extent);
  for (size_t i = 0; i < work.size(); ++i) {
    if (work[i]->op == Op::min) {
      work.insert(work.end(), work[i]->operands.begin(), work[i]->operands.end());
      continue;
    }
    Poly p = poly(work[i]);  // at least 1, and so without what is taken from it
    std::erase_if(p.terms, [&](const Term& t) {
      return t.coeff < 0 && t.atoms.size() == 1 && is_variable(t.atoms[0]) &&
             known_.extents.contains(t.atoms[0]);
    });
    const Division d = divide(p, *factor);
    if (!d.rest.is_zero() || d.quotient.is_zero() || lower(d.quotient, 0) < 0) continue;
    return assume_nonnegative(*factor + -1, true);
  }
}

void Solver::assume(Expr condition) {
  assume(condition, true);
  intervals_ = {};
}

void Solver::assume(Expr condition, bool lasting) {
  if (condition->op == Op::and_ && condition->dtype() == DType::boolean) {
    assume(condition->operand(0), lasting);
    assume(condition->operand(1), lasting);
  } else if (condition->op == Op::eq && is_index(condition->operand(0))) {
    const Poly d = poly(condition->operand(0)) - poly(condition->operand(1));
    assume_nonnegative(d, lasting);
    assume_nonnegative(-d, lasting);
  } else if (condition->op == Op::not_ && condition->operand(0)->operands.size() == 2) {
    if (const auto p = as_nonnegative(condition->operand(0))) assume_nonnegative(-*p + -1, lasting);
  } else if (const auto p = as_nonnegative(condition)) {
    assume_nonnegative(*p, lasting);
  }
}

std::optional<Poly> Solver::as_nonnegative(Expr e) {
  if (!is_comparison(e->op) || e->op == Op::eq || e->op == Op::ne || !is_index(e->operand(0)))
    return std::nullopt;
  const bool swapped = e->op == Op::gt || e->op == Op::ge;
  const Poly a = poly(e->operand(swapped ? 1 : 0));
  const Poly b = poly(e->operand(swapped ? 0 : 1));
  const Poly p = e->op == Op::lt || e->op == Op::gt ? b - a + -1 : b - a;
  if (p.poisoned) return std::nullopt;
  return p;
}

/// Takes coeff * var + constant >= 0 into the variable's range.
void Solver::narrow(Expr var, int64_t coeff, int64_t constant) {
  if (coeff == INT64_MIN || constant <= INT64_MIN + 1) return;
  const auto [found, added] = narrowed_.try_emplace(var);
  Interval& range = found->second;
  if (added) {
    const auto given = known_.ranges.find(var);
    range = given != known_.ranges.end() ? given->second : Interval{0, INT64_MAX};
  }
  if (coeff > 0) range.lo = std::max(range.lo, ceil_div(-constant, coeff));
  if (coeff < 0) range.hi = std::min(range.hi, floor_div(constant, -coeff));
}

void Solver::assume_nonnegative(const Poly& p, bool lasting) {
  if (p.poisoned || p.is_number()) return;
  if (lasting && p.terms.size() == 1) {
    const Term& t = p.terms[0];
    const bool variables = std::all_of(t.atoms.begin(), t.atoms.end(), [&](Expr e) {
      return e->op == Op::var && variable(e).lo >= 0;
    });
    if (t.atoms.size() == 1 && t.atoms[0]->op == Op::var) narrow(t.atoms[0], t.coeff, p.constant);
    // A product of extents that is at least 1 has factors of at least 1.
    if (t.atoms.size() > 1 && variables && t.coeff > 0 && p.constant < 0)
      for (Expr e : t.atoms) narrow(e, 1, -1);
  }
  facts_.push_back(p);
  if (!lasting) return;
  lasting_ = facts_.size();
  open_floordiv(p);
}

/// floor(x / d) >= m says x >= m * d, and floor(x / d) <= m says x <= m * d + d - 1.
void Solver::open_floordiv(const Poly& p) {
  if (p.terms.size() != 1 || p.terms[0].atoms.size() != 1 || p.constant <= INT64_MIN + 1) return;
  const Expr q = p.terms[0].atoms[0];
  const int64_t c = p.terms[0].coeff;
  if (q->op != Op::floordiv || c == INT64_MIN) return;
  const Poly d = poly(q->operand(1));
  if (!d.is_number() || d.constant <= 0) return;
  const Poly x = poly(q->operand(0));
  if (c > 0) return assume_nonnegative(x - d * ceil_div(-p.constant, c), true);
  assume_nonnegative(d * floor_div(p.constant, -c) + (d.constant - 1) - x, true);
}

// ---- polynomials

const Poly& Solver::poly(Expr e) {
  if (const Poly* const* found = polys_.find(e)) return **found;
  TENON_CHECK(is_index(e), "only i64 scalars have a polynomial");
  const Expr roots[] = {e};
  for (Expr n : post_order(roots)) {
    if (!is_index(n) || polys_.contains(n)) continue;
    poly_store_.push_back(make_poly(n));
    polys_.insert(n, &poly_store_.back());
  }
  return **polys_.find(e);
}

Poly Solver::make_poly(Expr e) {
  if (const auto v = as_int(e)) return Poly::number(*v);
  Poly out;
  const auto operand = [&](size_t i) -> const Poly& { return **polys_.find(e->operand(i)); };
  switch (e->op) {
    case Op::add:
      out = operand(0) + operand(1);
      break;
    case Op::sub:
      out = operand(0) - operand(1);
      break;
    case Op::neg:
      out = -operand(0);
      break;
    case Op::mul:
      if (operand(0).terms.size() * operand(1).terms.size() > kMaxTerms) return Poly::atom(e);
      out = operand(0) * operand(1);
      break;
    default:
      return Poly::atom(e);
  }
  if (out.poisoned || out.terms.size() > kMaxTerms) return Poly::atom(e);
  return work_.spend_on_sum(out.terms.size()) ? out : Poly::atom(e);
}

// ---- intervals

Interval Solver::variable(Expr e) {
  if (!is_index(e)) return of_dtype(e->dtype());
  Interval out{0, INT64_MAX};
  if (const auto narrowed = narrowed_.find(e); narrowed != narrowed_.end()) {
    out = narrowed->second;
  } else if (const auto given = known_.ranges.find(e); given != known_.ranges.end()) {
    out = given->second;
  }
  const auto extent = known_.extents.find(e);
  if (extent == known_.extents.end()) return out;
  out.lo = std::max<int64_t>(out.lo, 0);
  const Poly& p = poly(extent->second);
  if (p.is_number()) {
    if (p.constant >= 1) out.hi = std::min(out.hi, p.constant - 1);
  } else if (const Interval most = of(extent->second); most.has_hi()) {
    out.hi = std::min(out.hi, std::max<int64_t>(most.hi, 1) - 1);
  }
  return out;
}

Interval Solver::of(Expr e) {
  if (const Interval* found = intervals_.find(e)) return *found;
  const Budget::Level level(work_);
  if (!level) return e->type->is_scalar() ? of_dtype(e->dtype()) : Interval{};
  // Cases under examination must not reach what is remembered.
  std::vector<Poly> aside(facts_.begin() + static_cast<std::ptrdiff_t>(lasting_), facts_.end());
  facts_.resize(lasting_);
  const int budget = budget_;
  const Expr roots[] = {e};
  for (Expr n : post_order(roots)) {
    if (intervals_.contains(n) || !n->type->is_scalar()) continue;
    intervals_.insert(n, {});  // a question about n within this one gets no answer
    budget_ = kBudget / 4;
    intervals_.put(n, make_interval(n));
  }
  budget_ = budget;
  facts_.insert(facts_.end(), aside.begin(), aside.end());
  const Interval* found = intervals_.find(e);
  return found != nullptr ? *found : Interval{};
}

Interval Solver::make_interval(Expr e) {
  if (const auto v = as_int(e)) return {*v, *v};
  if (e->op == Op::var) return variable(e);
  if (is_float(e->dtype())) return {};
  const auto operand = [&](size_t i) { return *intervals_.find(e->operand(i)); };
  if (is_index(e)) {
    switch (e->op) {
      case Op::add:
      case Op::sub:
      case Op::neg:
      case Op::mul: {
        const Poly& p = poly(e);
        if (p.as_atom() == e) return e->op == Op::mul ? mul(operand(0), operand(1)) : Interval{};
        return {search(p, INT64_MAX, kDepth), mirrored(search(-p, INT64_MAX, kDepth))};
      }
      case Op::floordiv:
        return floordiv(operand(0), operand(1));
      case Op::mod:
        return mod(operand(0), operand(1));
      case Op::min:
        return {std::min(operand(0).lo, operand(1).lo), std::min(operand(0).hi, operand(1).hi)};
      case Op::max:
        return {std::max(operand(0).lo, operand(1).lo), std::max(operand(0).hi, operand(1).hi)};
      case Op::cast:
        if (is_integer(e->operand(0)->dtype()) || e->operand(0)->dtype() == DType::boolean)
          if (e->operand(0)->dtype() != DType::u64) return operand(0);
        return {};
      default:
        break;
    }
  }
  if (e->op == Op::select)
    return {std::min(operand(1).lo, operand(2).lo), std::max(operand(1).hi, operand(2).hi)};
  return of_dtype(e->dtype());
}

int64_t Solver::plain_lower(const Poly& p) {
  if (p.poisoned) return INT64_MIN;
  Interval sum{p.constant, p.constant};
  for (const Term& t : p.terms) {
    Interval product = of(t.atoms[0]);
    for (size_t i = 1; i < t.atoms.size(); ++i) product = mul(product, of(t.atoms[i]));
    sum = add(sum, scale(product, t.coeff));
    if (!sum.has_lo()) return INT64_MIN;
  }
  return sum.lo;
}

// ---- search

int64_t Solver::lower(const Poly& p, int64_t enough) {
  budget_ = kBudget;
  return search(p, enough, kDepth);
}

int64_t Solver::upper(const Poly& p, int64_t enough) {
  budget_ = kBudget;
  const int64_t below = search(-p, enough == INT64_MIN ? INT64_MAX : -enough, kDepth);
  return mirrored(below);
}

int Solver::sign(const Poly& p) {
  if (plain_lower(p) >= 0) return 1;
  if (plain_lower(-p) >= 0) return -1;
  return 0;
}

/// A variable that meets nothing else in p, in the extents of p's variables or in the facts:
/// eliminating it loses nothing.
bool Solver::is_free_variable(const Poly& p, Expr v) {
  if (v->op != Op::var) return false;
  const auto may_meet = [&](const Poly& q) {
    return std::any_of(q.terms.begin(), q.terms.end(), [&](const Term& t) {
      return std::any_of(t.atoms.begin(), t.atoms.end(),
                         [&](Expr a) { return a == v || a->op != Op::var; });
    });
  };
  for (Expr a : atoms_of(p)) {
    if (a == v) continue;
    if (a->op != Op::var) return false;
    const auto extent = known_.extents.find(a);
    if (extent != known_.extents.end() && may_meet(poly(extent->second))) return false;
  }
  return std::none_of(facts_.begin(), facts_.end(), may_meet);
}

int64_t Solver::search(const Poly& p, int64_t enough, int depth) {
  int64_t best = plain_lower(p);
  if (best >= enough || depth == 0 || p.poisoned || p.terms.empty() || budget_ <= 0) return best;
  if (!work_.spend(static_cast<int64_t>(p.terms.size()))) return best;
  --budget_;
  for (Expr v : atoms_of(p)) {
    const int64_t found = try_atom(p, v, enough, depth);
    best = std::max(best, found);
    if (best >= enough || (!unknown(found) && is_free_variable(p, v))) return best;
  }
  const size_t facts = std::min(facts_.size(), kMaxFacts);
  for (size_t i = 0; i < facts && best < enough; ++i) {
    const Poly fact = facts_[facts_.size() - 1 - i];
    best = std::max(best, try_fact(p, fact, enough, depth));
  }
  return best;
}

int64_t Solver::try_atom(const Poly& p, Expr v, int64_t enough, int depth) {
  const std::optional<Split> s = split_by(p, v);
  if (!s) return INT64_MIN;
  int64_t best = INT64_MIN;
  switch (v->op) {
    case Op::var:
      best = try_extent(v, *s, enough, depth);
      break;
    case Op::floordiv:
      best = try_floordiv(v, *s, enough, depth);
      break;
    case Op::mod:
      best = try_mod(v, *s, enough, depth);
      break;
    case Op::min:
    case Op::max:
    case Op::select:
      best = try_choice(v, *s, enough, depth);
      break;
    default:
      break;
  }
  if (best < enough && !s->slope.is_number()) best = std::max(best, try_factor(v, *s, depth));
  return best;
}

/// v <= extent - 1 where the slope is not positive.
int64_t Solver::try_extent(Expr v, const Split& s, int64_t enough, int depth) {
  const auto extent = known_.extents.find(v);
  if (extent == known_.extents.end() || poly(extent->second).is_number()) return INT64_MIN;
  if (sign(s.slope) != -1) return INT64_MIN;
  return search(s.rest + s.slope * (poly(extent->second) + -1), enough, depth - 1);
}

/// d * floor(x / d) lies in [x - d + 1, x].
int64_t Solver::try_floordiv(Expr v, const Split& s, int64_t enough, int depth) {
  const Poly x = poly(v->operand(0));
  const Poly d = poly(v->operand(1));
  if (d.is_number()) {
    if (d.constant <= 0 || !s.slope.is_number() || s.slope.constant == INT64_MIN) return INT64_MIN;
    const int64_t c = s.slope.constant;
    const int64_t g = gcd_of(c, d.constant);
    const int64_t up = d.constant / g;
    const Poly bound = c > 0 ? x + (1 - d.constant) : x;
    const auto target = checked_mul(enough, up);
    return unscale(search(s.rest * up + bound * (c / g), target.value_or(INT64_MAX), depth - 1),
                   up);
  }
  if (plain_lower(d) < 1) return INT64_MIN;
  const Division k = divide(s.slope, d);
  if (!k.rest.is_zero()) return INT64_MIN;
  const int sign_k = sign(k.quotient);
  if (sign_k == 0) return INT64_MIN;
  const Poly bound = sign_k > 0 ? x - d + 1 : x;
  return search(s.rest + k.quotient * bound, enough, depth - 1);
}

/// x mod d <= d - 1 for a symbolic d, and <= x where x >= 0.
int64_t Solver::try_mod(Expr v, const Split& s, int64_t enough, int depth) {
  if (sign(s.slope) != -1) return INT64_MIN;
  const Poly x = poly(v->operand(0));
  const Poly d = poly(v->operand(1));
  int64_t best = INT64_MIN;
  if (!d.is_number() && plain_lower(d) >= 1)
    best = search(s.rest + s.slope * (d + -1), enough, depth - 1);
  if (best < enough && plain_lower(x) >= 0 && plain_lower(d) >= 0)
    best = std::max(best, search(s.rest + s.slope * x, enough, depth - 1));
  return best;
}

/// min, max and select: one of two values; both must do unless the slope lets one stand for them.
int64_t Solver::try_choice(Expr v, const Split& s, int64_t enough, int depth) {
  const size_t first = v->op == Op::select ? 1 : 0;
  const Poly a = poly(v->operand(first));
  const Poly b = poly(v->operand(first + 1));
  const Poly with_a = s.rest + s.slope * a;
  const Poly with_b = s.rest + s.slope * b;
  const int slope = v->op == Op::select ? 0 : sign(s.slope);
  if (slope == (v->op == Op::min ? -1 : 1)) {
    const int64_t best = search(with_a, enough, depth - 1);
    return best >= enough ? best : std::max(best, search(with_b, enough, depth - 1));
  }
  const size_t mark = facts_.size();
  const auto consider = [&](const Poly& p, const Poly& chosen, const Poly& other, bool holds) {
    if (v->op == Op::select) {
      if (holds) {
        assume(v->operand(0), false);
      } else if (const auto c = as_nonnegative(v->operand(0))) {
        assume_nonnegative(-*c + -1, false);
      }
    } else {
      assume_nonnegative(v->op == Op::min ? other - chosen : chosen - other, false);
    }
    const int64_t found = search(p, enough, depth - 1);
    facts_.resize(mark);
    return found;
  };
  const int64_t left = consider(with_a, a, b, true);
  return unknown(left) ? left : std::min(left, consider(with_b, b, a, false));
}

/// v * slope >= lower(v) * lower(slope) where both are at least 0.
int64_t Solver::try_factor(Expr v, const Split& s, int depth) {
  const int64_t least = of(v).lo;
  if (least < 0) return INT64_MIN;
  const int64_t slope = search(s.slope, INT64_MAX, depth - 1);
  if (slope < 0) return INT64_MIN;
  const int64_t rest = search(s.rest, INT64_MAX, depth - 1);
  if (unknown(rest)) return rest;
  const auto product = checked_mul(least, slope);
  return product ? checked_add(*product, rest).value_or(rest) : rest;
}

/// s * p - k * fact bounds s * p from below; s and k make a term cancel.
int64_t Solver::try_fact(const Poly& p, const Poly& fact, int64_t enough, int depth) {
  int64_t best = INT64_MIN;
  for (const Term& f : fact.terms) {
    const auto same = std::find_if(p.terms.begin(), p.terms.end(), [&](const Term& t) {
      return compare_atoms(t.atoms, f.atoms) == 0 && (t.coeff < 0) == (f.coeff < 0);
    });
    if (same == p.terms.end() || f.coeff == INT64_MIN || same->coeff == INT64_MIN) continue;
    const int64_t g = gcd_of(f.coeff, same->coeff);
    const int64_t s = std::abs(f.coeff / g);
    const int64_t k = std::abs(same->coeff / g);
    const auto target = checked_mul(enough, s);
    best =
        std::max(best, unscale(search(p * s - fact * k, target.value_or(INT64_MAX), depth - 1), s));
    if (best >= enough) break;
  }
  return best;
}

}  // namespace tenon::ir
