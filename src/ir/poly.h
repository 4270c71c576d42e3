// Polynomials with integer coefficients over atoms: variables and integer nodes that are not sums
// or products. The canonical form under the simplifier; i * n + j with a symbolic n is a polynomial
// too. Coefficients never wrap: an operation that would leave 64 bits gives a poisoned polynomial.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ir/node.h"

namespace tenon::ir {

struct Term {
  int64_t coeff = 0;
  std::vector<Expr> atoms;  // ascending by id; an atom stands once for each power
};

struct Poly {
  std::vector<Term> terms;  // ascending by atoms, no zero coefficient, no term without atoms
  int64_t constant = 0;
  bool poisoned = false;

  static Poly number(int64_t value);
  static Poly atom(Expr e);

  [[nodiscard]] bool is_number() const { return terms.empty() && !poisoned; }
  [[nodiscard]] bool is_zero() const { return is_number() && constant == 0; }
  /// The atom when the polynomial is one, with coefficient 1.
  [[nodiscard]] Expr as_atom() const;
  bool operator==(const Poly& other) const;
};

[[nodiscard]] Poly operator+(const Poly& a, const Poly& b);
[[nodiscard]] Poly operator-(const Poly& a, const Poly& b);
[[nodiscard]] Poly operator*(const Poly& a, const Poly& b);
[[nodiscard]] Poly operator*(const Poly& a, int64_t k);
[[nodiscard]] Poly operator+(const Poly& a, int64_t k);
[[nodiscard]] inline Poly operator-(const Poly& a) { return a * -1; }

/// Orders terms; negative, zero or positive.
[[nodiscard]] int compare_atoms(const std::vector<Expr>& a, const std::vector<Expr>& b);

/// p = slope * atom + rest with slope and rest free of atom; empty when p is not linear in it.
struct Split {
  Poly slope, rest;
};
[[nodiscard]] std::optional<Split> split_by(const Poly& p, Expr atom);

/// Distinct atoms, ascending by id.
[[nodiscard]] std::vector<Expr> atoms_of(const Poly& p);

/// b / a for single terms where a divides b.
[[nodiscard]] std::optional<Term> divide(const Term& b, const Term& a);

/// Quotient and remainder of long division by the leading term of `by` (highest degree, then
/// first).
struct Division {
  Poly quotient, rest;
};
[[nodiscard]] Division divide(const Poly& p, const Poly& by);

/// Greatest common divisor of the coefficients of the terms; 0 without terms.
[[nodiscard]] int64_t coefficient_gcd(const Poly& p);

}  // namespace tenon::ir
