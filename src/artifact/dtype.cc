#include "artifact/dtype.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace tenon::artifact {
namespace {

using enum DTypeKind;
constexpr std::array<DTypeInfo, kDTypeCount> kRows{{
    {"bool", boolean, 1, 1}, {"i8", sint, 8, 1},         {"i16", sint, 16, 2},
    {"i32", sint, 32, 4},    {"i64", sint, 64, 8},       {"u8", uint, 8, 1},
    {"u16", uint, 16, 2},    {"u32", uint, 32, 4},       {"u64", uint, 64, 8},
    {"f16", real, 16, 2},    {"bf16", real, 16, 2},      {"f32", real, 32, 4},
    {"f64", real, 64, 8},    {"f8e4m3fn", real, 8, 1},   {"f8e4m3fnuz", real, 8, 1},
    {"f8e5m2", real, 8, 1},  {"f8e5m2fnuz", real, 8, 1}, {"i4", sint, 4, 1},
    {"u4", uint, 4, 1},      {"i2", sint, 2, 1},         {"u2", uint, 2, 1},
    {"f4e2m1", real, 4, 1},
}};

/// Floats narrower than 32 bits. `top` is the largest finite pattern without sign.
struct Narrow {
  DType type;
  int exponent_bits, mantissa_bits, bias;
  uint32_t top;
  bool has_infinity, negative_zero_is_nan;
};
constexpr Narrow kNarrow[] = {
    {DType::f16, 5, 10, 15, 0x7bff, true, false},
    {DType::bf16, 8, 7, 127, 0x7f7f, true, false},
    {DType::f8e4m3fn, 4, 3, 7, 0x7e, false, false},
    {DType::f8e4m3fnuz, 4, 3, 8, 0x7f, false, true},
    {DType::f8e5m2, 5, 2, 15, 0x7b, true, false},
    {DType::f8e5m2fnuz, 5, 2, 16, 0x7f, false, true},
    {DType::f4e2m1, 2, 1, 1, 0x7, false, false},
};
const Narrow& narrow(DType type) {
  for (const Narrow& n : kNarrow)
    if (n.type == type) return n;
  return kNarrow[0];
}

template <class T>
T get(const std::byte* at) {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}
template <class T>
void put(std::byte* at, T v) {
  std::memcpy(at, &v, sizeof v);
}

double decode(const Narrow& n, uint32_t bits) {
  const int width = 1 + n.exponent_bits + n.mantissa_bits;
  const uint32_t sign = bits >> (width - 1) & 1;
  const uint32_t magnitude = bits & ((1U << (width - 1)) - 1);
  const double s = sign != 0 ? -1.0 : 1.0;
  if (n.negative_zero_is_nan && sign != 0 && magnitude == 0)
    return std::numeric_limits<double>::quiet_NaN();
  if (magnitude > n.top) {
    const bool infinite = n.has_infinity && magnitude == n.top + 1;
    return infinite ? s * std::numeric_limits<double>::infinity()
                    : std::numeric_limits<double>::quiet_NaN();
  }
  const int exponent = static_cast<int>(magnitude >> n.mantissa_bits);
  const auto mantissa = static_cast<double>(magnitude & ((1U << n.mantissa_bits) - 1));
  if (exponent == 0) return s * std::ldexp(mantissa, 1 - n.bias - n.mantissa_bits);
  return s * std::ldexp(mantissa + (1U << n.mantissa_bits), exponent - n.bias - n.mantissa_bits);
}

uint32_t encode(const Narrow& n, double x) {
  const int width = 1 + n.exponent_bits + n.mantissa_bits;
  const uint32_t sign = std::signbit(x) ? 1U << (width - 1) : 0;
  if (std::isnan(x)) return n.negative_zero_is_nan ? 1U << (width - 1) : (1U << (width - 1)) - 1;
  const uint32_t over = n.has_infinity ? n.top + 1 : n.top;
  if (std::isinf(x)) return sign | over;
  const double a = std::fabs(x);
  if (a == 0) return n.negative_zero_is_nan ? 0 : sign;
  const int exponent = std::max(std::ilogb(a), 1 - n.bias);
  const auto q = static_cast<int64_t>(std::nearbyint(std::ldexp(a, n.mantissa_bits - exponent)));
  const int64_t bits = (static_cast<int64_t>(exponent + n.bias - 1) << n.mantissa_bits) + q;
  if (bits > static_cast<int64_t>(n.top)) return sign | over;
  if (bits == 0 && n.negative_zero_is_nan) return 0;
  return sign | static_cast<uint32_t>(bits);
}

}  // namespace

const DTypeInfo& info(DType type) { return kRows[static_cast<size_t>(type)]; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

double load_double(DType type, const std::byte* at) {
  if (type == DType::f32) return get<float>(at);
  if (type == DType::f64) return get<double>(at);
  if (type == DType::u64) return static_cast<double>(get<uint64_t>(at));
  if (!is_float(type)) return static_cast<double>(load_int(type, at));
  return decode(narrow(type), info(type).bytes == 2 ? get<uint16_t>(at) : get<uint8_t>(at));
}

int64_t load_int(DType type, const std::byte* at) {
  switch (type) {
    case DType::boolean:
      return get<uint8_t>(at) != 0 ? 1 : 0;
    case DType::i8:
      return get<int8_t>(at);
    case DType::i16:
      return get<int16_t>(at);
    case DType::i32:
      return get<int32_t>(at);
    case DType::i64:
      return get<int64_t>(at);
    case DType::u8:
      return get<uint8_t>(at);
    case DType::u16:
      return get<uint16_t>(at);
    case DType::u32:
      return get<uint32_t>(at);
    case DType::u64:
      return static_cast<int64_t>(get<uint64_t>(at));
    case DType::i4:
      return static_cast<int8_t>(get<uint8_t>(at) << 4) >> 4;
    case DType::i2:
      return static_cast<int8_t>(get<uint8_t>(at) << 6) >> 6;
    case DType::u4:
      return get<uint8_t>(at) & 0xf;
    case DType::u2:
      return get<uint8_t>(at) & 0x3;
    default:
      return static_cast<int64_t>(load_double(type, at));
  }
}

void store_double(DType type, std::byte* at, double value) {
  if (type == DType::f32) return put(at, static_cast<float>(value));
  if (type == DType::f64) return put(at, value);
  if (!is_float(type)) return store_int(type, at, static_cast<int64_t>(value));
  const uint32_t bits = encode(narrow(type), value);
  if (info(type).bytes == 2) return put(at, static_cast<uint16_t>(bits));
  put(at, static_cast<uint8_t>(bits));
}

void store_int(DType type, std::byte* at, int64_t value) {
  if (is_float(type)) return store_double(type, at, static_cast<double>(value));
  if (type == DType::boolean) return put(at, static_cast<uint8_t>(value != 0 ? 1 : 0));
  switch (info(type).bits) {
    case 64:
      return put(at, value);
    case 32:
      return put(at, static_cast<int32_t>(value));
    case 16:
      return put(at, static_cast<int16_t>(value));
    case 8:
      return put(at, static_cast<int8_t>(value));
    default: {  // sub-byte: sign or zero extended in its byte
      const int shift = 8 - info(type).bits;
      const auto low = static_cast<uint8_t>(static_cast<uint8_t>(value) << shift);
      if (info(type).kind == DTypeKind::sint)
        return put(at, static_cast<int8_t>(static_cast<int8_t>(low) >> shift));
      return put(at, static_cast<uint8_t>(low >> shift));
    }
  }
}

}  // namespace tenon::artifact
