// Scalar operators; see ops.def for their meaning.
#include "ops/scalar.h"

#include <cmath>
#include <limits>

#include "ir/combiner.h"
#include "ir/dtype.h"
#include "support/check.h"

namespace tenon::ops {
namespace {
using ir::DType;
using ir::Op;

double round_fast(DType type, double v) {
  if (type == DType::f32) return static_cast<double>(static_cast<float>(v));
  if (type == DType::f64) return v;
  return ir::round_to(type, v);
}

double unary_float(Op op, double x) {
  switch (op) {
    case Op::neg:
      return -x;
    case Op::abs:
      return std::fabs(x);
    case Op::sign:
      return std::isnan(x) ? x : (x > 0 ? 1.0 : (x < 0 ? -1.0 : 0.0));
    case Op::exp:
      return std::exp(x);
    case Op::log:
      return std::log(x);
    case Op::log1p:
      return std::log1p(x);
    case Op::sqrt:
      return std::sqrt(x);
    case Op::sin:
      return std::sin(x);
    case Op::cos:
      return std::cos(x);
    case Op::tan:
      return std::tan(x);
    case Op::asin:
      return std::asin(x);
    case Op::acos:
      return std::acos(x);
    case Op::atan:
      return std::atan(x);
    case Op::sinh:
      return std::sinh(x);
    case Op::cosh:
      return std::cosh(x);
    case Op::tanh:
      return std::tanh(x);
    case Op::asinh:
      return std::asinh(x);
    case Op::acosh:
      return std::acosh(x);
    case Op::atanh:
      return std::atanh(x);
    case Op::erf:
      return std::erf(x);
    case Op::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case Op::floor:
      return std::floor(x);
    case Op::ceil:
      return std::ceil(x);
    case Op::round:
      return std::nearbyint(x);
    case Op::trunc:
      return std::trunc(x);
    default:
      TENON_UNREACHABLE("not a float operator");
  }
}

double python_mod(double x, double y) {
  const double m = std::fmod(x, y);
  if (m == 0) return std::copysign(0.0, y);
  return (m < 0) != (y < 0) ? m + y : m;
}

double nan_max(double a, double b) {
  return std::isnan(a) ? a : (std::isnan(b) ? b : std::fmax(a, b));
}
double nan_min(double a, double b) {
  return std::isnan(a) ? a : (std::isnan(b) ? b : std::fmin(a, b));
}

double binary_float(Op op, double x, double y) {
  switch (op) {
    case Op::add:
      return x + y;
    case Op::sub:
      return x - y;
    case Op::mul:
      return x * y;
    case Op::div:
      return x / y;
    case Op::floordiv:
      return std::floor(x / y);
    case Op::mod:
      return python_mod(x, y);
    case Op::fmod:
      return std::fmod(x, y);
    case Op::pow:
      return std::pow(x, y);
    case Op::max:
      return nan_max(x, y);
    case Op::min:
      return nan_min(x, y);
    case Op::atan2:
      return std::atan2(x, y);
    default:
      TENON_UNREACHABLE("not a float operator");
  }
}

template <class T>
bool compare(Op op, T x, T y) {
  switch (op) {
    case Op::eq:
      return x == y;
    case Op::ne:
      return x != y;
    case Op::lt:
      return x < y;
    case Op::le:
      return x <= y;
    case Op::gt:
      return x > y;
    case Op::ge:
      return x >= y;
    default:
      TENON_UNREACHABLE("not a comparison");
  }
}

int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  const int64_t q = a / b;
  return (a % b != 0 && ((a % b < 0) != (b < 0))) ? q - 1 : q;
}

int64_t power(int64_t base, int64_t exponent, bool is_unsigned) {
  if (exponent < 0 && !is_unsigned) {
    if (base == 1) return 1;
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
    return 0;
  }
  uint64_t result = 1;
  auto b = static_cast<uint64_t>(base);
  for (auto e = static_cast<uint64_t>(exponent); e != 0; e >>= 1, b *= b)
    if ((e & 1) != 0) result *= b;
  return static_cast<int64_t>(result);
}

int64_t divide_signed(Op op, int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (op == Op::floordiv) return floor_quotient(a, b);
  if (op == Op::mod)
    return static_cast<int64_t>(static_cast<uint64_t>(a) -
                                static_cast<uint64_t>(floor_quotient(a, b)) *
                                    static_cast<uint64_t>(b));
  if (b == -1) return op == Op::div ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : 0;
  return op == Op::div ? a / b : a % b;
}

int64_t shift(Op op, DType type, int64_t a, int64_t b) {
  const uint64_t count = static_cast<uint64_t>(b);
  const bool over = count >= ir::info(type).bits;
  if (op == Op::shl) return over ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << count);
  if (ir::is_signed(type)) return over ? (a < 0 ? -1 : 0) : a >> count;
  return over ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) >> count);
}

int64_t binary_int(Op op, DType type, int64_t a, int64_t b) {
  const auto x = static_cast<uint64_t>(a);
  const auto y = static_cast<uint64_t>(b);
  const bool is_unsigned = !ir::is_signed(type);
  switch (op) {
    case Op::add:
      return static_cast<int64_t>(x + y);
    case Op::sub:
      return static_cast<int64_t>(x - y);
    case Op::mul:
      return static_cast<int64_t>(x * y);
    case Op::div:
    case Op::floordiv:
      if (is_unsigned) return y == 0 ? 0 : static_cast<int64_t>(x / y);
      return divide_signed(op, a, b);
    case Op::mod:
    case Op::fmod:
      if (is_unsigned) return y == 0 ? 0 : static_cast<int64_t>(x % y);
      return divide_signed(op, a, b);
    case Op::pow:
      return power(a, b, is_unsigned);
    case Op::max:
      return (is_unsigned ? x > y : a > b) ? a : b;
    case Op::min:
      return (is_unsigned ? x < y : a < b) ? a : b;
    case Op::and_:
      return a & b;
    case Op::or_:
      return a | b;
    case Op::xor_:
      return a ^ b;
    case Op::shl:
    case Op::shr:
      return shift(op, type, a, b);
    default:
      TENON_UNREACHABLE("not an integer operator");
  }
}

int64_t unary_int(Op op, DType type, int64_t x) {
  switch (op) {
    case Op::neg:
      return static_cast<int64_t>(0 - static_cast<uint64_t>(x));
    case Op::abs:
      return ir::is_signed(type) && x < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(x)) : x;
    case Op::sign:
      return ir::is_signed(type) ? (x > 0) - (x < 0) : (x != 0);
    case Op::not_:
      return type == DType::boolean ? (x == 0 ? 1 : 0) : ~x;
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::trunc:
      return x;
    default:
      TENON_UNREACHABLE("not an integer operator");
  }
}

Scalar of_int(int64_t v) {
  Scalar s;
  s.i = v;
  return s;
}
Scalar of_float(double v) {
  Scalar s;
  s.f = v;
  return s;
}

Scalar apply_float(Op op, DType type, const Scalar* args) {
  if (op == Op::is_nan) return of_int(std::isnan(args[0].f) ? 1 : 0);
  if (op == Op::is_inf) return of_int(std::isinf(args[0].f) ? 1 : 0);
  if (ir::is_comparison(op)) return of_int(compare(op, args[0].f, args[1].f) ? 1 : 0);
  if (op == Op::fma) return fused_multiply_add(type, args[0], args[1], args[2]);
  const double value = ir::info(op).max_operands == 1 ? unary_float(op, args[0].f)
                                                      : binary_float(op, args[0].f, args[1].f);
  return of_float(round_fast(type, value));
}

int64_t float_to_int(DType to, double v) {
  const double t = std::trunc(v);
  const bool wide = to == DType::i64 || to == DType::u64 || to == DType::u32;
  if (to == DType::u64 && t >= 9223372036854775808.0 && t < 18446744073709551616.0)
    return static_cast<int64_t>(static_cast<uint64_t>(t));
  if (wide)
    return t >= -9223372036854775808.0 && t < 9223372036854775808.0
               ? static_cast<int64_t>(t)
               : std::numeric_limits<int64_t>::min();
  return t >= -2147483648.0 && t <= 2147483647.0 ? static_cast<int64_t>(t)
                                                 : std::numeric_limits<int32_t>::min();
}

}  // namespace

Scalar fused_multiply_add(DType type, Scalar a, Scalar b, Scalar c) {
  if (!ir::is_float(type))
    return of_int(
        ir::wrap_to(type, binary_int(Op::add, type, binary_int(Op::mul, type, a.i, b.i), c.i)));
  if (type == DType::f32)
    return of_float(static_cast<double>(
        std::fmaf(static_cast<float>(a.f), static_cast<float>(b.f), static_cast<float>(c.f))));
  return of_float(round_fast(type, std::fma(a.f, b.f, c.f)));
}

Scalar apply(Op op, DType type, const Scalar* args) {
  if (ir::is_float(type)) return apply_float(op, type, args);
  if (op == Op::fma) return fused_multiply_add(type, args[0], args[1], args[2]);
  if (op == Op::is_nan || op == Op::is_inf) return of_int(0);
  if (ir::is_comparison(op)) {
    if (ir::is_signed(type)) return of_int(compare(op, args[0].i, args[1].i) ? 1 : 0);
    return of_int(
        compare(op, static_cast<uint64_t>(args[0].i), static_cast<uint64_t>(args[1].i)) ? 1 : 0);
  }
  const int64_t value = ir::info(op).max_operands == 1 ? unary_int(op, type, args[0].i)
                                                       : binary_int(op, type, args[0].i, args[1].i);
  return of_int(ir::wrap_to(type, value));
}

Scalar cast(DType from, DType to, Scalar value, bool saturate) {
  if (from == to) return value;
  if (ir::is_float(from)) {
    if (to == DType::boolean) return of_int(value.f != 0 ? 1 : 0);
    if (!ir::is_float(to)) return of_int(ir::wrap_to(to, float_to_int(to, value.f)));
    if (saturate) return of_float(ir::decode_float(to, ir::encode_float(to, value.f, true)));
    return of_float(round_fast(to, value.f));
  }
  if (!ir::is_float(to)) return of_int(ir::wrap_to(to, value.i));
  const bool big = from == DType::u64;
  if (to == DType::f32)
    return of_float(static_cast<double>(big ? static_cast<float>(static_cast<uint64_t>(value.i))
                                            : static_cast<float>(value.i)));
  const double wide =
      big ? static_cast<double>(static_cast<uint64_t>(value.i)) : static_cast<double>(value.i);
  if (saturate) return of_float(ir::decode_float(to, ir::encode_float(to, wide, true)));
  return of_float(round_fast(to, wide));
}

Scalar combine(std::string_view kind, DType type, Scalar a, Scalar b) {
  const Scalar both[2] = {a, b};
  return apply(ir::combiner(kind), type, both);
}

}  // namespace tenon::ops
