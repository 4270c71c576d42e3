// Exact integer products, for the integer and the quantized operators.
#pragma once

#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {

/// x as i32 minus its zero point (may be nullptr; a vector lies along `axis`).
[[nodiscard]] Expr without_zero_point(Call& k, Expr x, Expr zero_point, int64_t axis);
/// A vector placed along `axis` of `rank`; a single element becomes rank 0.
[[nodiscard]] Expr along_axis(Call& k, Expr v, int64_t rank, int64_t axis);
/// The product in i32.
[[nodiscard]] Expr integer_matmul(Call& k, Expr a, Expr a_zero, Expr b, Expr b_zero);

}  // namespace tenon::onnx_import
