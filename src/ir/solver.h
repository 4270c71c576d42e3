// Bounds of integer expressions under assumptions: interval arithmetic, and for what intervals
// cannot see, elimination: a variable with a symbolic bound, a floordiv, a min or a known fact is
// replaced by what bounds it, until a number is left. Search is capped, for each question and by
// the budget, so an answer may be loose, never wrong.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ir/budget.h"
#include "ir/node_map.h"
#include "ir/poly.h"
#include "ir/simplify.h"

namespace tenon::ir {

/// True for i64 scalars, the only expressions that become polynomials.
[[nodiscard]] bool is_index(Expr e);

class Solver {
 public:
  /// Both outlive the solver.
  Solver(const Assumptions& known, Budget& budget);

  /// The i64 scalar as a polynomial; an atom when it would grow too large. Lives as long as the
  /// solver.
  [[nodiscard]] const Poly& poly(Expr e);
  [[nodiscard]] Interval interval(const Poly& p) { return {lower(p), upper(p)}; }
  /// Bounds; INT64_MIN and INT64_MAX when none is found. The search stops at `enough`.
  [[nodiscard]] int64_t lower(const Poly& p, int64_t enough = INT64_MAX);
  [[nodiscard]] int64_t upper(const Poly& p, int64_t enough = INT64_MIN);
  [[nodiscard]] bool nonnegative(const Poly& p) { return lower(p, 0) >= 0; }
  [[nodiscard]] bool positive(const Poly& p) { return lower(p, 1) >= 1; }
  /// Interval of any integer or boolean node.
  [[nodiscard]] Interval of(Expr e);

  /// Adds what a condition says, for as long as the solver lives.
  void assume(Expr condition);

  /// p with p >= 0 exactly where the comparison (lt, le, gt, ge of i64) holds.
  [[nodiscard]] std::optional<Poly> as_nonnegative(Expr comparison);

 private:
  /// Adds p >= 0; `lasting` facts also narrow the ranges of variables.
  void assume_factor(Expr fact, const std::vector<std::pair<Expr, Expr>>& extents);
  void assume_nonnegative(const Poly& p, bool lasting);
  void assume(Expr condition, bool lasting);
  void open_floordiv(const Poly& p);
  void narrow(Expr var, int64_t coeff, int64_t constant);
  [[nodiscard]] int64_t search(const Poly& p, int64_t enough, int depth);
  [[nodiscard]] int64_t plain_lower(const Poly& p);
  [[nodiscard]] int64_t try_atom(const Poly& p, Expr v, int64_t enough, int depth);
  [[nodiscard]] int64_t try_extent(Expr v, const Split& s, int64_t enough, int depth);
  [[nodiscard]] int64_t try_floordiv(Expr v, const Split& s, int64_t enough, int depth);
  [[nodiscard]] int64_t try_mod(Expr v, const Split& s, int64_t enough, int depth);
  [[nodiscard]] int64_t try_choice(Expr v, const Split& s, int64_t enough, int depth);
  [[nodiscard]] int64_t try_factor(Expr v, const Split& s, int depth);
  [[nodiscard]] int64_t try_fact(const Poly& p, const Poly& fact, int64_t enough, int depth);
  /// 1: >= 0, -1: <= 0, 0: not known.
  [[nodiscard]] int sign(const Poly& p);
  [[nodiscard]] bool is_free_variable(const Poly& p, Expr v);
  [[nodiscard]] Poly make_poly(Expr e);
  [[nodiscard]] Interval make_interval(Expr e);
  [[nodiscard]] Interval variable(Expr e);

  const Assumptions& known_;
  Budget& work_;
  std::unordered_map<Expr, Interval> narrowed_;  // ranges that facts make smaller than known_'s
  std::vector<Poly> facts_;
  size_t lasting_ = 0;  // facts beyond that count belong to a case under examination
  std::deque<Poly> poly_store_;
  NodeMap<const Poly*> polys_;
  NodeMap<Interval> intervals_;
  int budget_ = 0;  // eliminations left for the question at hand
};

/// Interval arithmetic; saturating.
[[nodiscard]] Interval add(Interval a, Interval b);
[[nodiscard]] Interval mul(Interval a, Interval b);
[[nodiscard]] Interval scale(Interval a, int64_t k);
[[nodiscard]] Interval floordiv(Interval a, Interval b);
[[nodiscard]] Interval mod(Interval a, Interval b);

}  // namespace tenon::ir
