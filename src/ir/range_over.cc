// Symbolic bounds of an expression while some of its variables run over their extents.
#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify_impl.h"

namespace tenon::ir {
namespace {

constexpr size_t kMaxTerms = 64;  // of a bound

/// Operators whose result follows from bounds on their operands; what memory holds is not known.
bool has_bounds(Op op) {
  return op == Op::floordiv || op == Op::mod || op == Op::min || op == Op::max || op == Op::select;
}

class RangeOver {
 public:
  RangeOver(Context& c, std::span<const Expr> inner, const Assumptions& known)
      : known_(known), inner_(inner), budget_(c), simplifier_(c, known, budget_) {}

  struct Bounds {
    Poly lo, hi;
  };

  std::optional<Bounds> of(const Poly& p, int depth) {
    if (depth == 0 || p.poisoned || p.terms.size() > kMaxTerms) return std::nullopt;
    Bounds out{p, p};
    // An extent may mention another inner variable, so the newest variable goes first.
    for (int round = 0; round < 16; ++round) {
      const bool lo = eliminate(out.lo, false, depth);
      const bool hi = eliminate(out.hi, true, depth);
      if (!lo || !hi) return std::nullopt;
      if (!mentions_inner(out.lo) && !mentions_inner(out.hi)) return out;
    }
    return std::nullopt;
  }

 private:
  bool is_inner(Expr e) const { return std::find(inner_.begin(), inner_.end(), e) != inner_.end(); }
  bool depends(Expr atom) const {
    const Expr roots[] = {atom};
    const std::vector<Expr> all = post_order(roots);
    return std::any_of(all.begin(), all.end(), [&](Expr n) { return is_inner(n); });
  }
  bool mentions_inner(const Poly& p) const {
    const std::vector<Expr> atoms = atoms_of(p);
    return std::any_of(atoms.begin(), atoms.end(), [&](Expr a) { return depends(a); });
  }

  /// Replaces one atom that depends on inner variables by its bound; true when none is left or it
  /// succeeded.
  bool eliminate(Poly& p, bool upwards, int depth) {
    const std::vector<Expr> atoms = atoms_of(p);
    if (!budget_.spend(static_cast<int64_t>(atoms.size()))) return false;
    for (size_t i = atoms.size(); i-- > 0;) {
      if (!depends(atoms[i])) continue;
      const std::optional<Split> s = split_by(p, atoms[i]);
      if (!s) return false;
      if (const auto whole = over_choice(atoms[i], *s, upwards, depth)) {
        p = *whole;
        return !p.poisoned;
      }
      const bool up = simplifier_.solver().nonnegative(s->slope);
      if (!up && !simplifier_.solver().nonnegative(-s->slope)) {
        if (i == 0) return false;
        continue;
      }
      const std::optional<Bounds> b = atom(atoms[i], depth);
      if (!b) return false;
      p = s->rest + s->slope * (up == upwards ? b->hi : b->lo);
      return !p.poisoned;
    }
    return !mentions_inner(p);
  }

  /// A bound of rest + min(a, b) where the rest depends on the same variables: that of
  /// min(rest + a, rest + b), in which they may cancel. The same for max, and for a difference.
  std::optional<Poly> over_choice(Expr e, const Split& s, bool upwards, int depth) {
    const bool plus = s.slope == Poly::number(1);
    if ((e->op != Op::min && e->op != Op::max) || !mentions_inner(s.rest) ||
        (!plus && !(s.slope == Poly::number(-1))))
      return std::nullopt;
    Solver& solver = simplifier_.solver();
    const auto a = of(s.rest + s.slope * solver.poly(e->operand(0)), depth - 1);
    const auto b = of(s.rest + s.slope * solver.poly(e->operand(1)), depth - 1);
    if (!a || !b) return std::nullopt;
    const Op op = plus == (e->op == Op::min) ? Op::min : Op::max;
    return upwards ? choose(op, a->hi, b->hi) : choose(op, a->lo, b->lo);
  }

  std::optional<Bounds> atom(Expr e, int depth) {
    if (is_inner(e)) return variable(e);
    if (!has_bounds(e->op)) return std::nullopt;
    Solver& solver = simplifier_.solver();
    const size_t first = e->op == Op::select ? 1 : 0;
    const auto a = of(solver.poly(e->operand(first)), depth - 1);
    const auto b = of(solver.poly(e->operand(first + 1)), depth - 1);
    if (!a || !b) return std::nullopt;
    switch (e->op) {
      case Op::floordiv:
        if (!(b->lo == b->hi) || !solver.positive(b->lo)) return std::nullopt;
        return Bounds{simplifier_.floordiv(a->lo, b->lo), simplifier_.floordiv(a->hi, b->lo)};
      case Op::mod:
        return remainder(*a, *b);
      case Op::min:
      case Op::max:
        return Bounds{choose(e->op, a->lo, b->lo), choose(e->op, a->hi, b->hi)};
      case Op::select:
        return Bounds{choose(Op::min, a->lo, b->lo), choose(Op::max, a->hi, b->hi)};
      default:
        return std::nullopt;
    }
  }

  std::optional<Bounds> variable(Expr e) {
    if (const auto extent = known_.extents.find(e); extent != known_.extents.end())
      return Bounds{Poly::number(0), simplifier_.solver().poly(extent->second) + -1};
    const auto range = known_.ranges.find(e);
    if (range == known_.ranges.end() || !range->second.has_lo() || !range->second.has_hi())
      return std::nullopt;
    return Bounds{Poly::number(range->second.lo), Poly::number(range->second.hi)};
  }

  /// Exact when the dividend stays within one multiple of the divisor, else the full range.
  std::optional<Bounds> remainder(const Bounds& a, const Bounds& b) {
    if (!(b.lo == b.hi) || !simplifier_.solver().positive(b.lo)) return std::nullopt;
    if (simplifier_.floordiv(a.lo, b.lo) == simplifier_.floordiv(a.hi, b.lo))
      return Bounds{simplifier_.mod(a.lo, b.lo), simplifier_.mod(a.hi, b.lo)};
    return Bounds{Poly::number(0), b.lo + -1};
  }

  Poly choose(Op op, const Poly& a, const Poly& b) {
    Context& c = simplifier_.context();
    return simplifier_.solver().poly(simplifier_.minmax(op, emit(c, a), emit(c, b)));
  }

  const Assumptions& known_;
  std::span<const Expr> inner_;
  Budget budget_;
  Simplifier simplifier_;
};

}  // namespace

std::optional<SymbolicRange> range_over(Context& c, Expr e, std::span<const Expr> inner,
                                        const Assumptions& known) {
  if (!is_index(e)) return std::nullopt;
  const Expr simple = simplify(c, e, known);
  Budget budget;
  Solver solver(known, budget);
  const auto found = RangeOver(c, inner, known).of(solver.poly(simple), 16);
  if (!found) return std::nullopt;
  return SymbolicRange{simplify(c, emit(c, found->lo), known),
                       simplify(c, emit(c, found->hi), known)};
}

}  // namespace tenon::ir
