// The questions of simplify.h that build no new form: bounds, divisors, linear forms, evaluation.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "ir/dtype.h"
#include "ir/expr.h"
#include "ir/poly.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/simplify_impl.h"
#include "ir/solver.h"
#include "support/checked.h"

namespace tenon::ir {

void Assumptions::range(Expr var, Interval bounds) { ranges[var] = bounds; }
void Assumptions::below(Expr var, Expr extent) {
  extents[var] = extent;
  if (const auto n = as_int(extent); n && *n > 0) ranges[var] = {0, *n - 1};
}
void Assumptions::fact(Expr condition) { facts.push_back(condition); }

Assumptions assume_extents(const Kernel& kernel) {
  Assumptions known;
  for (Expr v : kernel.sizes) known.range(v, {0, std::numeric_limits<int64_t>::max()});
  Context& c = *kernel.context;
  for (const KernelParam& p : kernel.params)
    for (Expr extent : p.buffer->shape()) {
      if (const Interval b = bounds(extent, known); b.has_lo() && b.lo >= 0) continue;
      const Expr fact = le(c, c.i64(0), extent);
      if (std::find(known.facts.begin(), known.facts.end(), fact) == known.facts.end())
        known.fact(fact);
    }
  return known;
}

Interval bounds(Expr e, const Assumptions& known) {
  Budget budget;
  Solver solver(known, budget);
  return solver.of(e);
}

int64_t divisor(Expr e) {
  const Assumptions none;
  Budget budget;
  Solver solver(none, budget);
  NodeMap<int64_t> found;
  const auto of_poly = [&](const Poly& p) {
    int64_t g = std::abs(std::max(p.constant, -INT64_MAX));
    for (const Term& t : p.terms) {
      int64_t d = t.coeff;
      for (Expr a : t.atoms) d = checked_mul(d, *found.find(a)).value_or(1);
      g = gcd_of(g, d);
    }
    return g;
  };
  const Expr roots[] = {e};
  for (Expr n : post_order(roots)) {
    if (!is_index(n)) continue;
    const auto operand = [&](size_t i) { return *found.find(n->operand(i)); };
    int64_t d = 1;
    if (n->op == Op::mod || n->op == Op::min || n->op == Op::max) {
      d = gcd_of(operand(0), operand(1));
    } else if (n->op == Op::select) {
      d = gcd_of(operand(1), operand(2));
    } else if (const Poly& p = solver.poly(n); p.as_atom() != n) {
      d = of_poly(p);
    }
    found.insert(n, d);
  }
  return is_index(e) ? *found.find(e) : 1;
}

std::optional<Linear> linear_in(Context& c, Expr e, std::span<const Expr> vars) {
  const Assumptions none;
  Budget budget(c);
  Solver solver(none, budget);
  if (!is_index(e)) return std::nullopt;
  Poly rest = solver.poly(e);
  std::vector<Poly> slopes;
  for (Expr v : vars) {
    std::optional<Split> s = split_by(rest, v);
    if (!s) return std::nullopt;
    slopes.push_back(std::move(s->slope));
    rest = std::move(s->rest);
  }
  slopes.push_back(rest);
  std::vector<Expr> roots;
  for (const Poly& p : slopes)
    for (Expr a : atoms_of(p)) roots.push_back(a);
  for (Expr n : post_order(roots))
    if (std::find(vars.begin(), vars.end(), n) != vars.end()) return std::nullopt;
  Linear out;
  out.rest = emit(c, rest);
  slopes.pop_back();
  for (const Poly& p : slopes) out.coefficients.push_back(emit(c, p));
  return out;
}

namespace {

int64_t wrapped(__int128 v) { return static_cast<int64_t>(static_cast<uint64_t>(v)); }

int64_t power(int64_t x, int64_t y) {
  if (y < 0) return x == 1 ? 1 : (x == -1 ? (y % 2 == 0 ? 1 : -1) : 0);
  uint64_t out = 1;
  for (auto base = static_cast<uint64_t>(x); y > 0; y >>= 1, base *= base)
    if (y & 1) out *= base;
  return static_cast<int64_t>(out);
}

int64_t shift(DType t, int64_t x, int64_t y, bool left) {
  const int bits = info(t).bits;
  const bool large = y < 0 || y >= bits;
  if (left) return large ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x) << y);
  if (large) return is_signed(t) && x < 0 ? -1 : 0;
  return is_signed(t) ? x >> y : static_cast<int64_t>(static_cast<uint64_t>(x) >> y);
}

/// Quotient and remainder with the meaning of ops.def; `floor` rounds down.
std::pair<int64_t, int64_t> quotient(DType t, int64_t x, int64_t y, bool floor) {
  if (y == 0) return {0, 0};
  if (t == DType::u64) {
    const auto a = static_cast<uint64_t>(x);
    const auto b = static_cast<uint64_t>(y);
    return {static_cast<int64_t>(a / b), static_cast<int64_t>(a % b)};
  }
  if (y == -1) return {wrapped(-static_cast<__int128>(x)), 0};
  if (floor) return {floor_div(x, y), floor_mod(x, y)};
  return {x / y, x % y};
}

std::optional<bool> compare(Op op, DType t, int64_t x, int64_t y) {
  const bool less = t == DType::u64 ? static_cast<uint64_t>(x) < static_cast<uint64_t>(y) : x < y;
  switch (op) {
    case Op::eq:
      return x == y;
    case Op::ne:
      return x != y;
    case Op::lt:
      return less;
    case Op::le:
      return less || x == y;
    case Op::gt:
      return !less && x != y;
    case Op::ge:
      return !less;
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> apply_unary(Expr e, int64_t x) {
  const DType from = e->operand(0)->dtype();
  switch (e->op) {
    case Op::neg:
      return wrapped(-static_cast<__int128>(x));
    case Op::abs:
      return x < 0 && from != DType::u64 ? wrapped(-static_cast<__int128>(x)) : x;
    case Op::sign:
      return x == 0 ? 0 : (x < 0 && from != DType::u64 ? -1 : 1);
    case Op::not_:
      return from == DType::boolean ? (x == 0 ? 1 : 0) : ~x;
    case Op::cast:
      return x;
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> apply_binary(Expr e, int64_t x, int64_t y) {
  const DType t = e->operand(0)->dtype();
  if (const auto truth = compare(e->op, t, x, y)) return *truth ? 1 : 0;
  switch (e->op) {
    case Op::add:
      return wrapped(static_cast<__int128>(x) + y);
    case Op::sub:
      return wrapped(static_cast<__int128>(x) - y);
    case Op::mul:
      return wrapped(static_cast<__int128>(x) * y);
    case Op::div:
      return quotient(t, x, y, false).first;
    case Op::fmod:
      return quotient(t, x, y, false).second;
    case Op::floordiv:
      return quotient(t, x, y, true).first;
    case Op::mod:
      return quotient(t, x, y, true).second;
    case Op::pow:
      return power(x, y);
    case Op::max:
      return *compare(Op::lt, t, x, y) ? y : x;
    case Op::min:
      return *compare(Op::lt, t, x, y) ? x : y;
    case Op::and_:
      return x & y;
    case Op::or_:
      return x | y;
    case Op::xor_:
      return x ^ y;
    case Op::shl:
      return shift(t, x, y, true);
    case Op::shr:
      return shift(t, x, y, false);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<int64_t> evaluate(Expr e, const std::unordered_map<Expr, int64_t>& values) {
  NodeMap<std::optional<int64_t>> found;
  const auto value = [&](Expr n) -> std::optional<int64_t> {
    if (const auto given = values.find(n); given != values.end()) return given->second;
    if (n->op == Op::imm) return as_int(n);
    if (!n->type->is_scalar() || is_float(n->dtype()) || !is_elementwise(n->op)) return {};
    const auto x = *found.find(n->operand(0));
    if (n->op == Op::select && x) return *found.find(n->operand(*x != 0 ? 1 : 2));
    if (!x || n->operands.size() > 2) return {};
    std::optional<int64_t> out;
    if (n->operands.size() == 1) {
      if (!is_float(n->operand(0)->dtype())) out = apply_unary(n, *x);
    } else if (const auto y = *found.find(n->operand(1))) {
      out = apply_binary(n, *x, *y);
    }
    if (out) out = wrap_to(n->dtype(), *out);
    return out;
  };
  if (const auto given = values.find(e); given != values.end()) return given->second;
  if (e->op == Op::imm) return as_int(e);
  const Expr roots[] = {e};
  for (Expr n : post_order(roots)) found.insert(n, value(n));
  return *found.find(e);
}

}  // namespace tenon::ir
