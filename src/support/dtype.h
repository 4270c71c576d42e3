// Element types, as every library knows them: one row each; everything else about a type follows
// from its row. The one place that knows the encodings of the narrow floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tenon {

enum class DType : uint8_t {
  boolean,  // one byte, 0 or 1
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  f16,
  bf16,
  f32,
  f64,
  f8e4m3fn,
  f8e4m3fnuz,
  f8e5m2,
  f8e5m2fnuz,
  i4,
  u4,
  i2,
  u2,
  f4e2m1,  // sub-byte, as i4 to u2: packed in constants (packed.h), else a byte each
};
inline constexpr int kDTypeCount = 22;

enum class DTypeKind : uint8_t { boolean, sint, uint, real };

/// A binary float format of at most 16 bits. `finite_only`: no infinities ("fn"); `unsigned_zero`:
/// the pattern of -0 is the only NaN ("uz"). Codes are bit patterns without the sign.
struct FloatFormat {
  int exponent_bits = 0, mantissa_bits = 0, bias = 0;
  bool finite_only = false, unsigned_zero = false, has_nan = true;
  [[nodiscard]] constexpr int magnitude_bits() const { return exponent_bits + mantissa_bits; }
  [[nodiscard]] constexpr uint32_t magnitude_mask() const { return (1U << magnitude_bits()) - 1; }
  /// The largest finite value.
  [[nodiscard]] constexpr uint32_t max_code() const {
    if (unsigned_zero || !has_nan) return magnitude_mask();
    if (finite_only) return magnitude_mask() - 1;
    return infinity_code() - 1;
  }
  /// Of formats with infinities; what lies above are NaNs.
  [[nodiscard]] constexpr uint32_t infinity_code() const {
    return ((1U << exponent_bits) - 1) << mantissa_bits;
  }
  /// The NaN that is written, with its sign bit where that is part of it; the largest value where
  /// the format has none.
  [[nodiscard]] constexpr uint32_t nan_code() const {
    if (unsigned_zero) return 1U << magnitude_bits();
    if (!has_nan || finite_only) return magnitude_mask();
    return infinity_code() | 1U << (mantissa_bits - 1);
  }
};

struct DTypeInfo {
  std::string_view name;  // as the text form spells it
  DTypeKind kind;
  uint8_t bits;             // of information
  uint8_t element_bytes;    // of one element that is addressed alone
  FloatFormat format = {};  // of floats narrower than 32 bits
};

[[nodiscard]] const DTypeInfo& info(DType type);
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view name);

[[nodiscard]] inline bool is_float(DType t) { return info(t).kind == DTypeKind::real; }
[[nodiscard]] inline bool is_integer(DType t) {
  return info(t).kind == DTypeKind::sint || info(t).kind == DTypeKind::uint;
}
[[nodiscard]] inline bool is_signed(DType t) { return info(t).kind == DTypeKind::sint; }
[[nodiscard]] inline bool is_narrow_float(DType t) { return is_float(t) && info(t).bits < 32; }

/// True if every value of `part` is one of `whole`, a NaN too, so that a cast there and back
/// changes nothing: integers among integers, integers among floats, floats among floats.
[[nodiscard]] bool holds_all(DType whole, DType part);

/// `value` wrapped to the width of an integer type; 0 or 1 for boolean.
[[nodiscard]] int64_t wrap_to(DType type, int64_t value);
/// `value` rounded once, to nearest even, to a float type (identity for f64).
[[nodiscard]] double round_to(DType type, double value);
/// Storage bits of a float value rounded to `type`, and back. Out of range: infinity where the
/// format has one, else NaN; the largest finite value when `saturate`, as ONNX's Cast has it, or
/// where there is neither.
[[nodiscard]] uint64_t encode_float(DType type, double value, bool saturate = false);
[[nodiscard]] double decode_float(DType type, uint64_t bits);

}  // namespace tenon
