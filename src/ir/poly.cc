#include "ir/poly.h"

#include <algorithm>

#include "support/checked.h"

namespace tenon::ir {
namespace {

Poly poison() {
  Poly p;
  p.poisoned = true;
  return p;
}

const Term& leading(const Poly& p) {
  const Term* best = &p.terms[0];
  for (const Term& t : p.terms)
    if (t.atoms.size() > best->atoms.size()) best = &t;
  return *best;
}

Poly of_term(Term t) {
  Poly p;
  if (t.atoms.empty()) {
    p.constant = t.coeff;
  } else if (t.coeff != 0) {
    p.terms.push_back(std::move(t));
  }
  return p;
}

}  // namespace

Poly Poly::number(int64_t value) {
  Poly p;
  p.constant = value;
  return p;
}

Poly Poly::atom(Expr e) {
  Poly p;
  p.terms.push_back({1, {e}});
  return p;
}

Expr Poly::as_atom() const {
  if (poisoned || constant != 0 || terms.size() != 1) return nullptr;
  return terms[0].coeff == 1 && terms[0].atoms.size() == 1 ? terms[0].atoms[0] : nullptr;
}

bool Poly::operator==(const Poly& other) const {
  return !poisoned && !other.poisoned && constant == other.constant &&
         std::equal(
             terms.begin(), terms.end(), other.terms.begin(), other.terms.end(),
             [](const Term& a, const Term& b) { return a.coeff == b.coeff && a.atoms == b.atoms; });
}

int compare_atoms(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  const size_t n = std::min(a.size(), b.size());
  for (size_t i = 0; i < n; ++i)
    if (a[i] != b[i]) return a[i]->id < b[i]->id ? -1 : 1;
  return a.size() == b.size() ? 0 : (a.size() < b.size() ? -1 : 1);
}

Poly operator+(const Poly& a, const Poly& b) {
  if (a.poisoned || b.poisoned) return poison();
  Poly out;
  const auto constant = checked_add(a.constant, b.constant);
  if (!constant) return poison();
  out.constant = *constant;
  out.terms.reserve(a.terms.size() + b.terms.size());
  size_t i = 0;
  size_t j = 0;
  while (i < a.terms.size() || j < b.terms.size()) {
    const int order = i == a.terms.size()   ? 1
                      : j == b.terms.size() ? -1
                                            : compare_atoms(a.terms[i].atoms, b.terms[j].atoms);
    if (order < 0) {
      out.terms.push_back(a.terms[i++]);
    } else if (order > 0) {
      out.terms.push_back(b.terms[j++]);
    } else {
      const auto coeff = checked_add(a.terms[i].coeff, b.terms[j].coeff);
      if (!coeff) return poison();
      if (*coeff != 0) out.terms.push_back({*coeff, a.terms[i].atoms});
      ++i;
      ++j;
    }
  }
  return out;
}

Poly operator*(const Poly& a, int64_t k) {
  if (a.poisoned) return poison();
  if (k == 0) return Poly::number(0);
  Poly out = a;
  const auto constant = checked_mul(a.constant, k);
  if (!constant) return poison();
  out.constant = *constant;
  for (Term& t : out.terms) {
    const auto coeff = checked_mul(t.coeff, k);
    if (!coeff) return poison();
    t.coeff = *coeff;
  }
  return out;
}

Poly operator-(const Poly& a, const Poly& b) { return a + b * -1; }
Poly operator+(const Poly& a, int64_t k) { return a + Poly::number(k); }

Poly operator*(const Poly& a, const Poly& b) {
  if (a.poisoned || b.poisoned) return poison();
  Poly out = a * b.constant + b * a.constant + Poly::number(0);
  // a * cb + b * ca counts ca * cb twice.
  const auto twice = checked_mul(a.constant, b.constant);
  if (!twice || out.poisoned) return poison();
  const auto constant = checked_sub(out.constant, *twice);
  if (!constant) return poison();
  out.constant = *constant;
  for (const Term& x : a.terms) {
    for (const Term& y : b.terms) {
      const auto coeff = checked_mul(x.coeff, y.coeff);
      if (!coeff) return poison();
      Term t{*coeff, {}};
      t.atoms.resize(x.atoms.size() + y.atoms.size());
      std::merge(x.atoms.begin(), x.atoms.end(), y.atoms.begin(), y.atoms.end(), t.atoms.begin(),
                 [](Expr p, Expr q) { return p->id < q->id; });
      out = out + of_term(std::move(t));
    }
  }
  return out;
}

std::optional<Split> split_by(const Poly& p, Expr atom) {
  if (p.poisoned) return std::nullopt;
  Split out;
  out.rest.constant = p.constant;
  for (const Term& t : p.terms) {
    const auto first = std::find(t.atoms.begin(), t.atoms.end(), atom);
    if (first == t.atoms.end()) {
      out.rest.terms.push_back(t);
      continue;
    }
    Term less{t.coeff, t.atoms};
    less.atoms.erase(less.atoms.begin() + (first - t.atoms.begin()));
    if (std::find(less.atoms.begin(), less.atoms.end(), atom) != less.atoms.end())
      return std::nullopt;
    out.slope = out.slope + of_term(std::move(less));
  }
  if (out.slope.poisoned) return std::nullopt;
  return out;
}

std::vector<Expr> atoms_of(const Poly& p) {
  std::vector<Expr> all;
  for (const Term& t : p.terms) all.insert(all.end(), t.atoms.begin(), t.atoms.end());
  std::sort(all.begin(), all.end(), [](Expr a, Expr b) { return a->id < b->id; });
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::optional<Term> divide(const Term& b, const Term& a) {
  if (a.coeff == 0 || a.coeff == INT64_MIN || b.coeff == INT64_MIN || b.coeff % a.coeff != 0)
    return std::nullopt;
  const auto by_id = [](Expr p, Expr q) { return p->id < q->id; };
  if (!std::includes(b.atoms.begin(), b.atoms.end(), a.atoms.begin(), a.atoms.end(), by_id))
    return std::nullopt;
  Term out{b.coeff / a.coeff, {}};
  std::set_difference(b.atoms.begin(), b.atoms.end(), a.atoms.begin(), a.atoms.end(),
                      std::back_inserter(out.atoms), by_id);
  return out;
}

Division divide(const Poly& p, const Poly& by) {
  Division out;
  out.rest = p;
  if (by.terms.empty() || by.poisoned || p.poisoned) return out;
  const Term& lead = leading(by);
  for (int step = 0; step < 32; ++step) {
    std::optional<Term> factor;
    for (const Term& t : out.rest.terms)
      if ((factor = divide(t, lead))) break;
    if (!factor) break;
    const Poly q = of_term(*std::move(factor));
    const Poly rest = out.rest - q * by;
    const Poly quotient = out.quotient + q;
    if (rest.poisoned || quotient.poisoned || rest.terms.size() > p.terms.size() + 4) break;
    out.rest = rest;
    out.quotient = quotient;
  }
  return out;
}

int64_t coefficient_gcd(const Poly& p) {
  int64_t g = 0;
  for (const Term& t : p.terms) g = gcd_of(g, t.coeff);
  return g;
}

}  // namespace tenon::ir
