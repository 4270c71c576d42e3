#include "support/dtype.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "support/check.h"

namespace tenon {
namespace {

using K = DTypeKind;
constexpr FloatFormat kF16{5, 10, 15};
constexpr FloatFormat kBf16{8, 7, 127};
constexpr FloatFormat kE4m3fn{4, 3, 7, true};
constexpr FloatFormat kE4m3fnuz{4, 3, 8, true, true};
constexpr FloatFormat kE5m2{5, 2, 15};
constexpr FloatFormat kE5m2fnuz{5, 2, 16, true, true};
constexpr FloatFormat kE2m1{2, 1, 1, true, false, false};

constexpr std::array<DTypeInfo, kDTypeCount> kTable{{
    {"bool", K::boolean, 1, 1},
    {"i8", K::sint, 8, 1},
    {"i16", K::sint, 16, 2},
    {"i32", K::sint, 32, 4},
    {"i64", K::sint, 64, 8},
    {"u8", K::uint, 8, 1},
    {"u16", K::uint, 16, 2},
    {"u32", K::uint, 32, 4},
    {"u64", K::uint, 64, 8},
    {"f16", K::real, 16, 2, kF16},
    {"bf16", K::real, 16, 2, kBf16},
    {"f32", K::real, 32, 4},
    {"f64", K::real, 64, 8},
    {"f8e4m3fn", K::real, 8, 1, kE4m3fn},
    {"f8e4m3fnuz", K::real, 8, 1, kE4m3fnuz},
    {"f8e5m2", K::real, 8, 1, kE5m2},
    {"f8e5m2fnuz", K::real, 8, 1, kE5m2fnuz},
    {"i4", K::sint, 4, 1},
    {"u4", K::uint, 4, 1},
    {"i2", K::sint, 2, 1},
    {"u2", K::uint, 2, 1},
    {"f4e2m1", K::real, 4, 1, kE2m1},
}};

/// Of any float type.
FloatFormat format_of(DType type) {
  if (type == DType::f64) return {11, 52, 1023};
  if (type == DType::f32) return {8, 23, 127};
  return info(type).format;
}

double decode(const FloatFormat& f, uint64_t bits) {
  const bool negative = (bits >> f.magnitude_bits() & 1) != 0;
  const uint64_t magnitude = bits & f.magnitude_mask();
  const double sign = negative ? -1.0 : 1.0;
  if (f.unsigned_zero && negative && magnitude == 0)
    return std::numeric_limits<double>::quiet_NaN();
  if (magnitude > f.max_code()) {
    const bool infinite = !f.finite_only && magnitude == f.infinity_code();
    return infinite ? sign * std::numeric_limits<double>::infinity()
                    : std::numeric_limits<double>::quiet_NaN();
  }
  const auto exponent = static_cast<int>(magnitude >> f.mantissa_bits);
  const auto mantissa = static_cast<double>(magnitude & ((uint64_t{1} << f.mantissa_bits) - 1));
  const int step = std::max(exponent, 1) - f.bias - f.mantissa_bits;
  return sign *
         std::ldexp(exponent == 0 ? mantissa : mantissa + std::ldexp(1.0, f.mantissa_bits), step);
}

uint64_t encode(const FloatFormat& f, double value, bool saturate) {
  const uint64_t sign = uint64_t{std::signbit(value)} << f.magnitude_bits();
  if (std::isnan(value)) return f.nan_code() | (f.unsigned_zero ? 0 : sign);
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return f.unsigned_zero ? 0 : sign;
  if (!std::isinf(magnitude)) {
    // The exponent and the units of its last place add up to the code: a carry out of the units
    // moves on to the next exponent.
    const int exponent = std::max(std::ilogb(magnitude), 1 - f.bias);
    const auto units =
        static_cast<int64_t>(std::nearbyint(std::ldexp(magnitude, f.mantissa_bits - exponent)));
    const int64_t code = (static_cast<int64_t>(exponent + f.bias - 1) << f.mantissa_bits) + units;
    if (code <= static_cast<int64_t>(f.max_code()))
      return code == 0 && f.unsigned_zero ? 0 : sign | static_cast<uint64_t>(code);
  }
  if (saturate || !f.has_nan) return sign | f.max_code();
  if (f.finite_only) return f.nan_code() | (f.unsigned_zero ? 0 : sign);
  return sign | f.infinity_code();
}

}  // namespace

const DTypeInfo& info(DType type) { return kTable[static_cast<size_t>(type)]; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kTable[static_cast<size_t>(i)].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

bool holds_all(DType whole, DType part) {
  if (whole == part) return true;
  const DTypeInfo& w = info(whole);
  const DTypeInfo& p = info(part);
  if (whole == DType::boolean || part == DType::boolean) return false;
  if (is_float(part)) {
    if (!is_float(whole)) return false;
    const FloatFormat from = format_of(part), to = format_of(whole);
    const bool special = to.has_nan && (!to.finite_only || (from.finite_only && !to.unsigned_zero));
    return special && to.mantissa_bits >= from.mantissa_bits && to.unsigned_zero == false &&
           // The largest and the smallest binary exponent, subnormals counted.
           (1 << to.exponent_bits) - to.bias >= (1 << from.exponent_bits) - from.bias &&
           to.bias + to.mantissa_bits >= from.bias + from.mantissa_bits;
  }
  if (is_float(whole)) {
    // Up to 2^magnitude - 1, and -2^magnitude.
    const FloatFormat to = format_of(whole);
    const int magnitude = p.bits - (is_signed(part) ? 1 : 0);
    const int exponent = (1 << to.exponent_bits) - 1 - to.bias - (to.finite_only ? 0 : 1);
    return magnitude <= to.mantissa_bits + 1 && magnitude - (is_signed(part) ? 0 : 1) <= exponent;
  }
  if (is_signed(part) && !is_signed(whole)) return false;
  return w.bits > p.bits || (w.bits == p.bits && is_signed(whole) == is_signed(part));
}

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
  TENON_CHECK(is_narrow_float(type), "not a float type");
  return encode(info(type).format, value, saturate);
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
  TENON_CHECK(is_narrow_float(type), "not a float type");
  return decode(info(type).format, bits);
}

}  // namespace tenon
