// Parts of the simplifier that share state: arithmetic (simplify_arith.cc), conditions
// (simplify_bool.cc) and the walk over expressions and statements (simplify.cc).
#pragma once

#include "ir/poly.h"
#include "ir/solver.h"

namespace tenon::ir {

/// The expression of a polynomial in canonical order: positive terms, negative ones, the constant.
[[nodiscard]] Expr emit(Context& c, const Poly& p);

class Simplifier {
 public:
  Simplifier(Context& c, const Assumptions& known, Budget& budget)
      : c_(c), known_(known), budget_(budget), solver_(known_, budget) {}
  Simplifier(const Simplifier&) = delete;
  Simplifier& operator=(const Simplifier&) = delete;

  /// Any expression or statement.
  [[nodiscard]] Expr visit(Expr e);
  [[nodiscard]] Solver& solver() { return solver_; }
  [[nodiscard]] Context& context() { return c_; }
  [[nodiscard]] Budget& budget() { return budget_; }

  // ---- simplify_arith.cc: polynomials whose atoms are in canonical form
  [[nodiscard]] Poly floordiv(const Poly& a, const Poly& b);
  [[nodiscard]] Poly mod(const Poly& a, const Poly& b);
  [[nodiscard]] Expr minmax(Op op, Expr a, Expr b);
  /// Quotients and remainders of one expression put together again.
  [[nodiscard]] Poly recombine(Poly p);

  // ---- simplify_bool.cc
  /// The condition p >= 0, and p == 0.
  [[nodiscard]] Expr nonnegative(Poly p);
  [[nodiscard]] Expr zero(Poly p);
  [[nodiscard]] Expr compare(Expr e);
  [[nodiscard]] Expr logic(Expr e);

 private:
  struct Parts {
    Poly whole, rest;
  };
  [[nodiscard]] Parts split_multiples(const Poly& a, int64_t d) const;
  [[nodiscard]] Poly floordiv_number(const Poly& a, int64_t d);
  [[nodiscard]] Poly mod_number(const Poly& a, int64_t d);
  [[nodiscard]] Poly floordiv_symbolic(const Poly& a, const Poly& b);
  [[nodiscard]] Poly mod_symbolic(const Poly& a, const Poly& b);
  /// a = unit * whole + rest with rest in [0, unit); empty when that cannot be shown.
  [[nodiscard]] std::optional<Parts> split_by_unit(const Poly& a, int64_t unit);
  [[nodiscard]] std::optional<Parts> split_by_unit(const Poly& a, const Term& unit);
  [[nodiscard]] Poly raw(Op op, const Poly& a, const Poly& b);
  [[nodiscard]] bool merge_digits(Poly& p);
  [[nodiscard]] bool merge_quotient(Poly& p);

  [[nodiscard]] Expr expression(Expr e);
  [[nodiscard]] Expr node(Expr e);
  /// The simplified select, or nullptr after pushing what has to be done first.
  [[nodiscard]] Expr choose(Expr e, std::vector<Expr>& stack);
  [[nodiscard]] Expr rebuilt(Expr e);
  [[nodiscard]] Expr statement(Expr e);
  [[nodiscard]] Expr loop(Expr e);
  [[nodiscard]] Expr branch(Expr e);
  [[nodiscard]] Expr block(Expr e);
  [[nodiscard]] Expr binding(Expr e);

  Context& c_;
  Assumptions known_;
  Budget& budget_;
  Solver solver_;
  NodeMap<Expr> done_;
};

}  // namespace tenon::ir
