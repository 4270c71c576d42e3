// Integer expressions: bounds, linear forms, divisibility and proofs about them.
//
// A variable of which the assumptions say nothing is taken for an extent or a loop variable: at
// least 0. The range of a `let` variable must be given (an empty Interval when nothing is known). A
// variable with an extent exists only where that extent is at least 1. Index arithmetic is assumed
// not to leave 64 bits; folding itself is exact.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "ir/node.h"

namespace tenon::ir {

/// Inclusive; the extreme int64 values mean unbounded on that side.
struct Interval {
  int64_t lo = INT64_MIN, hi = INT64_MAX;
  [[nodiscard]] bool has_lo() const { return lo != INT64_MIN; }
  [[nodiscard]] bool has_hi() const { return hi != INT64_MAX; }
};

/// What is known about variables: ranges (also symbolic: 0 <= i < n) and facts such as i + j < n.
class Assumptions {
 public:
  void range(Expr var, Interval bounds);  // numeric
  void below(Expr var, Expr extent);      // 0 <= var < extent
  void fact(Expr condition);              // a bool expression known to hold
  // Implementation detail, read by simplify.cc.
  std::unordered_map<Expr, Interval> ranges;
  std::unordered_map<Expr, Expr> extents;
  std::vector<Expr> facts;
};

/// An equal expression in canonical form, as small as the rules find: linear terms collected,
/// floordiv and mod of multiples split, min/max/select/comparisons decided where bounds prove it.
/// Idempotent. Works on i64 and bool scalars; other expressions are simplified inside their integer
/// parts, and statements in their indices, extents and conditions (loop variables are assumed in
/// range).
[[nodiscard]] Expr simplify(Context& c, Expr e, const Assumptions& known = {});

/// Smallest interval that the rules can show. Symbolic extents are assumed >= 0.
[[nodiscard]] Interval bounds(Expr e, const Assumptions& known = {});

/// What holds wherever a kernel runs: its sizes are not negative, nor are the extents of its params
/// (the runtime refuses others before anything runs).
[[nodiscard]] Assumptions assume_extents(const Kernel& kernel);

/// True only if the boolean expression holds for all values that the assumptions allow.
[[nodiscard]] bool prove(Context& c, Expr condition, const Assumptions& known = {});

/// Coefficients of e as a sum over `vars` plus a rest free of them; empty when e is not linear in
/// them. Coefficients may be symbolic (free of vars).
struct Linear {
  std::vector<Expr> coefficients;  // one for each var
  Expr rest;
};
[[nodiscard]] std::optional<Linear> linear_in(Context& c, Expr e, std::span<const Expr> vars);

/// Largest known d >= 1 such that d divides e for all values (0 for the literal 0).
[[nodiscard]] int64_t divisor(Expr e);

/// Symbolic lower and upper bound (inclusive) of e when `inner` variables run over their extents in
/// `known`, other variables staying symbolic. Empty when e is not monotone enough to tell.
struct SymbolicRange {
  Expr lo, hi;
};
[[nodiscard]] std::optional<SymbolicRange> range_over(Context& c, Expr e,
                                                      std::span<const Expr> inner,
                                                      const Assumptions& known);

/// The integer value of e under an assignment; empty when a variable has none or e is not an
/// integer or boolean expression over variables.
[[nodiscard]] std::optional<int64_t> evaluate(Expr e,
                                              const std::unordered_map<Expr, int64_t>& values);

}  // namespace tenon::ir
