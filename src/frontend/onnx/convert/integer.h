// Exact integer products, for the integer and the quantized operators.
#pragma once

#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {

/// True if there is no zero point, or it is known to be 0 throughout.
[[nodiscard]] bool is_zero(Call& k, Expr zero_point);
/// x as i32 minus its zero point (may be nullptr; a vector lies along `axis`).
[[nodiscard]] Expr without_zero_point(Call& k, Expr x, Expr zero_point, int64_t axis);
/// A vector placed along `axis` of `rank`; a single element becomes rank 0.
[[nodiscard]] Expr along_axis(Call& k, Expr v, int64_t rank, int64_t axis);
/// The zero point as i32 along the axis of an operand of that rank.
[[nodiscard]] Expr zero_along(Call& k, Expr zero_point, int64_t rank, int64_t axis);
/// The product in i32: that of the operands as they are, less what the zero points contribute.
[[nodiscard]] Expr integer_matmul(Call& k, Expr a, Expr a_zero, Expr b, Expr b_zero);

}  // namespace tenon::onnx_import
