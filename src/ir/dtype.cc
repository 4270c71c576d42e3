#include "ir/dtype.h"

#include <array>

namespace tenon::ir {
namespace {
using K = DTypeKind;
constexpr std::array<DTypeInfo, kDTypeCount> kTable{{
    {"bool", K::boolean, 1, 1}, {"i8", K::sint, 8, 1},         {"i16", K::sint, 16, 2},
    {"i32", K::sint, 32, 4},    {"i64", K::sint, 64, 8},       {"u8", K::uint, 8, 1},
    {"u16", K::uint, 16, 2},    {"u32", K::uint, 32, 4},       {"u64", K::uint, 64, 8},
    {"f16", K::real, 16, 2},    {"bf16", K::real, 16, 2},      {"f32", K::real, 32, 4},
    {"f64", K::real, 64, 8},    {"f8e4m3fn", K::real, 8, 1},   {"f8e4m3fnuz", K::real, 8, 1},
    {"f8e5m2", K::real, 8, 1},  {"f8e5m2fnuz", K::real, 8, 1}, {"i4", K::sint, 4, 1},
    {"u4", K::uint, 4, 1},      {"i2", K::sint, 2, 1},         {"u2", K::uint, 2, 1},
    {"f4e2m1", K::real, 4, 1},
}};
}  // namespace

const DTypeInfo& info(DType type) { return kTable[static_cast<size_t>(type)]; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kTable[static_cast<size_t>(i)].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

}  // namespace tenon::ir
