// Integer arithmetic of size programs, the same wherever they run: it wraps, and nothing traps.
#pragma once

#include <cstdint>

#include "artifact/tables.h"

namespace tenon::artifact {

namespace detail {
inline int64_t wrap_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t wrap_sub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t wrap_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
inline int64_t trunc_div(int64_t a, int64_t b) {
  return b == 0 ? 0 : b == -1 ? wrap_sub(0, a) : a / b;
}
inline int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = trunc_div(a, b);
  return b != 0 && wrap_mul(q, b) != a && ((a < 0) != (b < 0)) ? q - 1 : q;
}
inline int64_t floor_mod(int64_t a, int64_t b) {
  return b == 0 ? 0 : wrap_sub(a, wrap_mul(floor_div(a, b), b));
}
inline int64_t shift_left(int64_t a, int64_t b) {
  return b < 0 || b >= 64 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
}
inline int64_t shift_right(int64_t a, int64_t b) {
  return b < 0 || b >= 64 ? (a < 0 ? -1 : 0) : a >> b;
}
}  // namespace detail

/// The result of an operation on two registers; 0 of one that is none.
[[nodiscard]] inline int64_t arithmetic(SizeOpCode code, int64_t a, int64_t b) {
  using namespace detail;
  switch (code) {
    case SizeOpCode::add:
      return wrap_add(a, b);
    case SizeOpCode::sub:
      return wrap_sub(a, b);
    case SizeOpCode::mul:
      return wrap_mul(a, b);
    case SizeOpCode::floordiv:
      return floor_div(a, b);
    case SizeOpCode::mod:
      return floor_mod(a, b);
    case SizeOpCode::div:
      return trunc_div(a, b);
    case SizeOpCode::min:
      return a < b ? a : b;
    case SizeOpCode::max:
      return a < b ? b : a;
    case SizeOpCode::eq:
      return a == b ? 1 : 0;
    case SizeOpCode::ne:
      return a != b ? 1 : 0;
    case SizeOpCode::lt:
      return a < b ? 1 : 0;
    case SizeOpCode::le:
      return a <= b ? 1 : 0;
    case SizeOpCode::and_:
      return a & b;
    case SizeOpCode::or_:
      return a | b;
    case SizeOpCode::xor_:
      return a ^ b;
    case SizeOpCode::shl:
      return shift_left(a, b);
    case SizeOpCode::shr:
      return shift_right(a, b);
    default:
      return 0;
  }
}

}  // namespace tenon::artifact
