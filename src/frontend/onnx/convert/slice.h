// Slice of ONNX, for its own converter and for others that cut ranges.
#pragma once

#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {

/// Ranges as ONNX gives them: integer vectors `starts` and `ends` with one element for each of
/// `axes`.
struct SliceSpec {
  Expr starts = nullptr, ends = nullptr;
  Ints axes, steps;
};
[[nodiscard]] Expr slice_axes(Call& k, Expr x, const SliceSpec& spec);
[[nodiscard]] Exprs convert_slice(Call& k);

}  // namespace tenon::onnx_import
