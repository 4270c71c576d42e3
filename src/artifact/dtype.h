// Element types as artifacts and the runtime know them. Same order as ir::DType (the packager's
// test compares the two), kept apart so that the runtime links nothing of the compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tenon::artifact {

enum class DType : uint8_t {
  boolean,
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
  f4e2m1,  // one element a byte
};
inline constexpr int kDTypeCount = 22;

enum class DTypeKind : uint8_t { boolean, sint, uint, real };

struct DTypeInfo {
  std::string_view name;
  DTypeKind kind;
  uint8_t bits;
  uint8_t bytes;  // of storage
};
[[nodiscard]] const DTypeInfo& info(DType type);
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view name);
[[nodiscard]] inline bool is_float(DType type) { return info(type).kind == DTypeKind::real; }

/// Element at `at` as double (64-bit integers round), or as integer (floats truncate).
[[nodiscard]] double load_double(DType type, const std::byte* at);
[[nodiscard]] int64_t load_int(DType type, const std::byte* at);
/// Stores rounded to nearest even, or wrapped to the type's width.
void store_double(DType type, std::byte* at, double value);
void store_int(DType type, std::byte* at, int64_t value);

}  // namespace tenon::artifact
