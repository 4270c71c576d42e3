// Elements of artifacts' tensors in memory, of the types of support/dtype.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/dtype.h"

namespace tenon::artifact {

using tenon::DType;
using tenon::DTypeInfo;
using tenon::DTypeKind;
using tenon::info;
using tenon::is_float;
using tenon::kDTypeCount;
using tenon::parse_dtype;

/// Element at `at` as double (64-bit integers round), or as integer (floats truncate).
[[nodiscard]] double load_double(DType type, const std::byte* at);
[[nodiscard]] int64_t load_int(DType type, const std::byte* at);
/// Stores rounded to nearest even (out of range: infinity, or the largest value of a type without
/// one), or wrapped to the type's width.
void store_double(DType type, std::byte* at, double value);
void store_int(DType type, std::byte* at, int64_t value);

}  // namespace tenon::artifact
