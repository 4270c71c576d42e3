// Integer arithmetic that says when it leaves 64 bits, and the floor and ceiling forms of division.
#pragma once

#include <cstdint>
#include <numeric>
#include <optional>

namespace tenon {

[[nodiscard]] inline std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional<int64_t>(out);
}
[[nodiscard]] inline std::optional<int64_t> checked_sub(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_sub_overflow(a, b, &out) ? std::nullopt : std::optional<int64_t>(out);
}
[[nodiscard]] inline std::optional<int64_t> checked_mul(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional<int64_t>(out);
}

/// Rounded toward minus infinity; b must not be 0, nor a the smallest integer with b = -1.
[[nodiscard]] constexpr int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
/// Rounded toward plus infinity; same conditions.
[[nodiscard]] constexpr int64_t ceil_div(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) == (b < 0) ? q + 1 : q;
}
/// The rest of floor_div: has the sign of b.
[[nodiscard]] constexpr int64_t floor_mod(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
/// `value` rounded up to a multiple of `unit` > 0.
[[nodiscard]] constexpr int64_t round_up(int64_t value, int64_t unit) {
  return ceil_div(value, unit) * unit;
}
/// Greatest common divisor of magnitudes; 0 for (0, 0). The smallest integer counts as 1.
[[nodiscard]] inline int64_t gcd_of(int64_t a, int64_t b) {
  if (a == INT64_MIN || b == INT64_MIN) return 1;
  return std::gcd(a, b);
}

}  // namespace tenon
