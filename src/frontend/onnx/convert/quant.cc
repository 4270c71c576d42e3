// Quantization: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, QLinearMatMul.
#include <algorithm>

#include "frontend/onnx/convert/common.h"
#include "frontend/onnx/convert/integer.h"

namespace tenon::onnx_import {
namespace {

/// Attributes that name element types become words.
ops::Options quant_options(Call& k) {
  ops::Options options = k.options({"axis", "block_size", "saturate"});
  for (const char* name : {"output_dtype", "precision"})
    if (k.has(name) && k.int_attr(name) != 0)
      options.emplace_back(name, ir::info(k.dtype_attr(name)).name);
  return options;
}

Exprs quantize(Call& k) {
  return {k.b.apply("quantize_linear", {k.in(0), k.in(1), k.opt(2)}, quant_options(k))};
}
Exprs dequantize(Call& k) {
  return {k.b.apply("dequantize_linear", {k.in(0), k.in(1), k.opt(2)}, quant_options(k))};
}

Exprs dynamic_quantize(Call& k) {
  const Expr x = k.in(0);
  return k.b.composite("dynamic_quantize_linear", std::span(&x, 1));
}

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point.
Exprs qlinear_matmul(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const Expr w = k.in(3);
  const Expr sum = integer_matmul(k, x, k.opt(2), w, k.opt(5));
  const Expr x_scale = along_axis(k, k.in(1), x->rank(), std::max<int64_t>(x->rank() - 2, 0));
  const Expr w_scale = along_axis(k, k.in(4), w->rank(), w->rank() - 1);
  const Expr scale = b.mul(x_scale, w_scale);
  const Expr real = b.mul(b.cast(sum, scale->dtype()), scale);
  return {b.apply("quantize_linear", {real, as_scalar(k, k.in(6)), as_scalar(k, k.in(7))})};
}

constexpr ConverterRow kRows[] = {
    {"", "QuantizeLinear", quantize},
    {"", "DequantizeLinear", dequantize},
    {"", "DynamicQuantizeLinear", dynamic_quantize},
    {"", "QLinearMatMul", qlinear_matmul},
};

}  // namespace

std::span<const ConverterRow> quant_converters() { return kRows; }

}  // namespace tenon::onnx_import
