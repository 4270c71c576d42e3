// Element types. One row each; everything else about a type follows from its row.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tenon::ir {

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
  f4e2m1,  // sub-byte: stored one element a byte until a layout packs them
};
inline constexpr int kDTypeCount = 22;

enum class DTypeKind : uint8_t { boolean, sint, uint, real };

struct DTypeInfo {
  std::string_view name;  // as the text form spells it
  DTypeKind kind;
  uint8_t bits;   // of information
  uint8_t bytes;  // of storage for one element
};

[[nodiscard]] const DTypeInfo& info(DType type);
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view name);

[[nodiscard]] inline bool is_float(DType t) { return info(t).kind == DTypeKind::real; }
[[nodiscard]] inline bool is_integer(DType t) {
  return info(t).kind == DTypeKind::sint || info(t).kind == DTypeKind::uint;
}
[[nodiscard]] inline bool is_signed(DType t) { return info(t).kind == DTypeKind::sint; }

}  // namespace tenon::ir
