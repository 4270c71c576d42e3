// Rounding of values to element types: the one place that knows the encodings of the narrow floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ir/dtype.h"

namespace tenon::ir {

/// `value` wrapped to the width of an integer type; 0 or 1 for boolean.
[[nodiscard]] int64_t wrap_to(DType type, int64_t value);
/// `value` rounded once, to nearest even, to a float type (identity for f64).
[[nodiscard]] double round_to(DType type, double value);
/// Storage bits of a float value rounded to `type`, and back. Out of range: infinity where the
/// format has one, else NaN, or the largest finite value when `saturate`.
[[nodiscard]] uint64_t encode_float(DType type, double value, bool saturate = false);
[[nodiscard]] double decode_float(DType type, uint64_t bits);

}  // namespace tenon::ir
