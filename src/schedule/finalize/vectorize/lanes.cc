#include "schedule/finalize/vectorize/lanes.h"

#include <cstdlib>
#include <numeric>
#include <tuple>

#include "ir/expr.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

namespace {

/// What `find` gives, found once for each node: operands are shared, and each way that leads to one
/// would multiply.
template <class Value, class Find>
Value once(NodeMap<Value>& seen, Expr e, const Find& find) {
  if (const Value* found = seen.find(e)) return *found;
  Value value = find();
  seen.put(e, value);
  return value;
}

int64_t floor_division(int64_t v, int64_t k) { return v >= 0 ? v / k : -((k - 1 - v) / k); }

}  // namespace

void LaneFacts::define(Expr var, Expr value) { definitions_[var] = value; }

Expr LaneFacts::definition(Expr var) const {
  const auto at = definitions_.find(var);
  return at == definitions_.end() ? nullptr : at->second;
}

bool LaneFacts::is_uniform(Expr e) {
  return once(uniform_, e, [&] {
    if (e == var_) return false;
    if (const Expr value = definition(e); value != nullptr) return is_uniform(value);
    bool all = true;
    for (Expr operand : e->operands) all = all && is_uniform(operand);
    return all;
  });
}

/// d > 0 such that d divides e for every value of its variables; 0 for the literal 0.
int64_t LaneFacts::divisor(Expr e) {
  return once(divisors_, e, [&] { return find_divisor(e); });
}

int64_t LaneFacts::find_divisor(Expr e) {
  if (const auto k = as_int(e)) return *k == INT64_MIN ? 1 : std::abs(*k);
  switch (e->op) {
    case Op::add:
    case Op::sub:
    case Op::mod:
      return std::gcd(divisor(e->operand(0)), divisor(e->operand(1)));
    case Op::mul: {
      int64_t product = 0;
      if (__builtin_mul_overflow(divisor(e->operand(0)), divisor(e->operand(1)), &product))
        return 1;
      return product;
    }
    case Op::var: {
      const Expr value = definition(e);
      return value == nullptr ? 1 : divisor(value);
    }
    default:
      return 1;
  }
}

LaneFacts::Found& LaneFacts::found(const Chunk& chunk) {
  return chunks_.try_emplace(chunk, Found{chunk, {}, {}, {}}).first->second;
}

std::optional<int64_t> LaneFacts::step(Expr e, const Chunk& chunk) { return step(e, found(chunk)); }

std::optional<int64_t> LaneFacts::step(Expr e, Found& seen) {
  return once(seen.steps, e, [&] { return find_step(e, seen); });
}

std::optional<int64_t> LaneFacts::find_step(Expr e, Found& seen) {
  if (e == var_) return 1;
  if (is_uniform(e)) return 0;
  if (const Expr value = definition(e); value != nullptr) return step(value, seen);
  bool same = true;
  for (size_t i = is_load(e->op) ? 1 : 0; i < e->operands.size() && same; ++i)
    same = step(e->operand(i), seen) == 0;
  if (same) return 0;
  if (e->dtype() != DType::i64 || e->operands.size() != 2 || is_load(e->op)) return std::nullopt;
  const auto x = step(e->operand(0), seen);
  const auto y = step(e->operand(1), seen);
  if (!x || !y) return std::nullopt;
  if (e->op == Op::add) return *x + *y;
  if (e->op == Op::sub) return *x - *y;
  if (e->op == Op::mul) {
    if (const auto k = as_int(e->operand(1)); k && *y == 0) return *x * *k;
    if (const auto k = as_int(e->operand(0)); k && *x == 0) return *y * *k;
    return std::nullopt;
  }
  const auto k = as_int(e->operand(1));
  if ((e->op != Op::floordiv && e->op != Op::mod) || !k || *k <= 0) return std::nullopt;
  if (*x % *k == 0) return e->op == Op::floordiv ? *x / *k : 0;
  // The first lane stands at `at` within a multiple of g: no lane crosses a multiple of k.
  const auto [g, at] = phase(e->operand(0), *k, seen);
  const int64_t reach = *x * (static_cast<int64_t>(seen.chunk.width) - 1);
  if (g == 0 || at + reach < 0 || at + reach >= g) return std::nullopt;
  return e->op == Op::floordiv ? 0 : *x;
}

/// (g, phase): e in the chunk's first lane is a multiple of g plus the phase, and g divides k.
std::pair<int64_t, int64_t> LaneFacts::phase(Expr e, int64_t k, Found& seen) {
  const auto [rest, offset] = origin(e, seen);
  const int64_t g = std::gcd(rest, k);
  return {g, g == 0 ? 0 : ((offset % g) + g) % g};
}

/// (divisor of the rest, offset) of e in the chunk's first lane.
std::pair<int64_t, int64_t> LaneFacts::origin(Expr e, Found& seen) {
  if (const auto c = as_int(e)) return {0, *c};
  if (e == var_) return {0, seen.chunk.offset};
  return once(seen.origins, e, [&]() -> std::pair<int64_t, int64_t> {
    if (e->op == Op::add) {
      const auto p = origin(e->operand(0), seen);
      const auto q = origin(e->operand(1), seen);
      return {std::gcd(p.first, q.first), p.second + q.second};
    }
    if (step(e, seen) == 0) return {divisor(e), 0};
    if (e->op == Op::mul && as_int(e->operand(1))) {
      const auto p = origin(e->operand(0), seen);
      const int64_t c = *as_int(e->operand(1));
      return {std::abs(p.first * c), p.second * c};
    }
    return {1, 0};
  });
}

std::vector<int64_t> LaneFacts::offsets(Expr e, const Chunk& chunk) {
  return offsets(e, found(chunk));
}

std::vector<int64_t> LaneFacts::offsets(Expr e, Found& seen) {
  return once(seen.offsets, e, [&] { return find_offsets(e, seen); });
}

std::vector<int64_t> LaneFacts::find_offsets(Expr e, Found& seen) {
  std::vector<int64_t> out(static_cast<size_t>(seen.chunk.width), 0);
  if (const auto even = step(e, seen)) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = *even * static_cast<int64_t>(i);
    return out;
  }
  if (const Expr value = definition(e); value != nullptr) return offsets(value, seen);
  if (e->dtype() != DType::i64 || e->operands.size() != 2 || is_load(e->op)) return {};
  const std::vector<int64_t> x = offsets(e->operand(0), seen);
  const std::vector<int64_t> y = offsets(e->operand(1), seen);
  if (x.empty() || y.empty()) return {};
  const auto k = as_int(e->operand(1));
  int64_t at = 0;
  if (e->op == Op::floordiv || e->op == Op::mod) {
    if (!k || *k <= 0) return {};
    int64_t g = 0;
    std::tie(g, at) = phase(e->operand(0), *k, seen);
    if (g != *k) return {};
  } else if (e->op != Op::add && e->op != Op::sub && (e->op != Op::mul || !k)) {
    return {};
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (e->op == Op::add) out[i] = x[i] + y[i];
    if (e->op == Op::sub) out[i] = x[i] - y[i];
    if (e->op == Op::mul) out[i] = x[i] * *k;
    if (e->op != Op::floordiv && e->op != Op::mod) continue;
    const int64_t quotient = floor_division(at + x[i], *k);
    out[i] =
        e->op == Op::floordiv ? quotient - floor_division(at, *k) : at + x[i] - quotient * *k - at;
  }
  return out;
}

}  // namespace tenon::schedule::finalizing
