#include "ir/round.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "support/check.h"

namespace tenon::ir {
namespace {

/// A binary float format with at most 16 bits. `finite_only`: no infinities ("fn");
/// `unsigned_zero`: the pattern of -0 is the only NaN ("uz").
struct Format {
  int exponent_bits, mantissa_bits, bias;
  bool finite_only, unsigned_zero, has_nan;
  [[nodiscard]] int bits() const { return 1 + exponent_bits + mantissa_bits; }
  [[nodiscard]] uint64_t top_exponent() const { return (uint64_t{1} << exponent_bits) - 1; }
};

const Format* narrow(DType type) {
  static constexpr Format kF16{5, 10, 15, false, false, true};
  static constexpr Format kBf16{8, 7, 127, false, false, true};
  static constexpr Format kE4m3fn{4, 3, 7, true, false, true};
  static constexpr Format kE4m3fnuz{4, 3, 8, true, true, true};
  static constexpr Format kE5m2{5, 2, 15, false, false, true};
  static constexpr Format kE5m2fnuz{5, 2, 16, true, true, true};
  static constexpr Format kE2m1{2, 1, 1, true, false, false};
  switch (type) {
    case DType::f16:
      return &kF16;
    case DType::bf16:
      return &kBf16;
    case DType::f8e4m3fn:
      return &kE4m3fn;
    case DType::f8e4m3fnuz:
      return &kE4m3fnuz;
    case DType::f8e5m2:
      return &kE5m2;
    case DType::f8e5m2fnuz:
      return &kE5m2fnuz;
    case DType::f4e2m1:
      return &kE2m1;
    default:
      return nullptr;
  }
}

uint64_t nan_bits(const Format& f) {
  if (f.unsigned_zero) return uint64_t{1} << (f.bits() - 1);
  if (!f.has_nan) return (uint64_t{1} << (f.bits() - 1)) - 1;
  if (f.finite_only) return (uint64_t{1} << (f.bits() - 1)) - 1;
  return (f.top_exponent() << f.mantissa_bits) | (uint64_t{1} << (f.mantissa_bits - 1));
}

/// Bit pattern of the largest finite magnitude.
uint64_t max_bits(const Format& f) {
  if (f.unsigned_zero || !f.has_nan) return (uint64_t{1} << (f.bits() - 1)) - 1;
  if (f.finite_only) return (uint64_t{1} << (f.bits() - 1)) - 2;
  return (f.top_exponent() << f.mantissa_bits) - 1;
}

double decode(const Format& f, uint64_t bits) {
  const bool negative = (bits >> (f.bits() - 1)) & 1;
  const uint64_t magnitude = bits & ((uint64_t{1} << (f.bits() - 1)) - 1);
  if (f.unsigned_zero && negative && magnitude == 0)
    return std::numeric_limits<double>::quiet_NaN();
  const uint64_t exponent = magnitude >> f.mantissa_bits;
  const uint64_t mantissa = magnitude & ((uint64_t{1} << f.mantissa_bits) - 1);
  if (f.has_nan && !f.unsigned_zero) {
    if (f.finite_only && magnitude == nan_bits(f)) return std::numeric_limits<double>::quiet_NaN();
    if (!f.finite_only && exponent == f.top_exponent()) {
      const double inf = std::numeric_limits<double>::infinity();
      return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : (negative ? -inf : inf);
    }
  }
  const double value =
      exponent == 0 ? std::ldexp(static_cast<double>(mantissa), 1 - f.bias - f.mantissa_bits)
                    : std::ldexp(static_cast<double>(mantissa | (uint64_t{1} << f.mantissa_bits)),
                                 static_cast<int>(exponent) - f.bias - f.mantissa_bits);
  return negative ? -value : value;
}

uint64_t encode(const Format& f, double value, bool saturate) {
  const uint64_t sign = uint64_t{std::signbit(value)} << (f.bits() - 1);
  if (std::isnan(value))
    return f.has_nan ? (nan_bits(f) | (f.unsigned_zero ? 0 : sign)) : sign | max_bits(f);
  const double magnitude = std::fabs(value);
  const double largest = decode(f, max_bits(f));
  uint64_t bits = 0;
  if (!std::isinf(magnitude) && magnitude != 0) {
    int exponent = 0;
    std::frexp(magnitude, &exponent);  // magnitude in [2^(e-1), 2^e)
    const int step = std::max(exponent - 1, 1 - f.bias) - f.mantissa_bits;
    const double units = std::nearbyint(std::ldexp(magnitude, -step));
    const double rounded = std::ldexp(units, step);
    if (rounded <= largest) {
      if (rounded == 0) return f.unsigned_zero ? 0 : sign;
      std::frexp(rounded, &exponent);
      const int e = std::max(exponent - 1, 1 - f.bias);
      const auto mantissa = static_cast<uint64_t>(std::ldexp(rounded, f.mantissa_bits - e));
      const bool normal = (mantissa >> f.mantissa_bits) != 0;
      bits = normal ? (static_cast<uint64_t>(e + f.bias) << f.mantissa_bits) +
                          (mantissa - (uint64_t{1} << f.mantissa_bits))
                    : mantissa;
      return sign | bits;
    }
  } else if (magnitude == 0) {
    return f.unsigned_zero ? 0 : sign;
  }
  if (saturate || !f.has_nan) return sign | max_bits(f);
  if (f.finite_only) return f.unsigned_zero ? nan_bits(f) : (nan_bits(f) | sign);
  return sign | (f.top_exponent() << f.mantissa_bits);
}

}  // namespace

int64_t wrap_to(DType type, int64_t value) {
  if (type == DType::boolean) return value != 0 ? 1 : 0;
  const DTypeInfo& row = info(type);
  if (row.bits == 64) return value;
  const uint64_t mask = (uint64_t{1} << row.bits) - 1;
  uint64_t bits = static_cast<uint64_t>(value) & mask;
  if (row.kind == DTypeKind::sint && (bits >> (row.bits - 1)) != 0) bits |= ~mask;
  return static_cast<int64_t>(bits);
}

double round_to(DType type, double value) {
  if (type == DType::f64) return value;
  if (type == DType::f32) return static_cast<double>(static_cast<float>(value));
  return decode_float(type, encode_float(type, value));
}

uint64_t encode_float(DType type, double value, bool saturate) {
  if (type == DType::f64) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  if (type == DType::f32) {
    const auto narrow_value = static_cast<float>(value);
    uint32_t bits = 0;
    std::memcpy(&bits, &narrow_value, sizeof bits);
    return bits;
  }
  const Format* f = narrow(type);
  TENON_CHECK(f != nullptr, "not a float type");
  return encode(*f, value, saturate);
}

double decode_float(DType type, uint64_t bits) {
  if (type == DType::f64) {
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  if (type == DType::f32) {
    const auto low = static_cast<uint32_t>(bits);
    float value = 0;
    std::memcpy(&value, &low, sizeof value);
    return value;
  }
  const Format* f = narrow(type);
  TENON_CHECK(f != nullptr, "not a float type");
  return decode(*f, bits);
}

}  // namespace tenon::ir
