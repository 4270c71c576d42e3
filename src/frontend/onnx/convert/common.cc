#include "frontend/onnx/convert/common.h"

#include <cstdio>

namespace tenon::onnx_import {

Ints count_up(int64_t first, int64_t last) {
  Ints out;
  for (int64_t i = first; i < last; ++i) out.push_back(i);
  return out;
}

Expr legacy_operand(Call& k, Expr x, Expr y) {
  if (k.version() >= 7 || k.int_attr("broadcast", 0) == 0 || y->rank() == 0) return y;
  const int64_t axis =
      k.has("axis") ? k.axis(k.int_attr("axis"), x->rank()) : x->rank() - y->rank();
  const int64_t after = x->rank() - axis - y->rank();
  if (after < 0)
    k.fail("operand of rank " + std::to_string(y->rank()) + " does not fit at axis " +
           std::to_string(axis));
  return k.b.unsqueeze(y, count_up(y->rank(), y->rank() + after));
}

Expr as_scalar(Call& k, Expr x) {
  if (x->rank() == 0) return x;
  if (static_count(x->type).value_or(1) != 1)
    k.fail("an operand must have one element, it has " + std::to_string(*static_count(x->type)),
           "onnx.shape");
  return k.b.reshape(x, {});
}

Ints spatial_ints(Call& k, std::string_view name, size_t axes) {
  const Ints values = k.ints_attr(name, Ints(axes, 1));
  if (values.empty()) return Ints(axes, 1);
  if (values.size() != axes)
    k.fail("attribute '" + std::string(name) + "' has " + std::to_string(values.size()) +
           " values for " + std::to_string(axes) + " spatial axes");
  for (int64_t v : values)
    if (v < 1) k.fail("attribute '" + std::string(name) + "' has the value " + std::to_string(v));
  return values;
}

Padding read_padding(Call& k, std::span<const Expr> input, std::span<const Expr> size,
                     const Ints& strides, const Ints& dilations) {
  Context& c = k.b.c;
  const size_t axes = input.size();
  const std::string mode = k.string_attr("auto_pad", "NOTSET");
  Padding out;
  if (mode == "VALID") {
    out.low = out.high = Exprs(axes, c.i64(0));
    return out;
  }
  if (mode == "NOTSET" || mode.empty()) {
    Ints pads = k.ints_attr("pads");
    if (pads.empty()) pads.assign(2 * axes, 0);
    if (pads.size() != 2 * axes)
      k.fail("attribute 'pads' has " + std::to_string(pads.size()) + " values for " +
             std::to_string(axes) + " spatial axes");
    for (size_t i = 0; i < axes; ++i) {
      out.low.push_back(c.i64(pads[i]));
      out.high.push_back(c.i64(pads[axes + i]));
    }
    return out;
  }
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER")
    k.fail("attribute 'auto_pad' is '" + mode + "'");
  for (size_t i = 0; i < axes; ++i) {
    const Expr stride = c.i64(strides[i]);
    const Expr reach =
        ir::add(c, ir::mul(c, ir::add(c, size[i], c.i64(-1)), c.i64(dilations[i])), c.i64(1));
    const Expr count = ir::add(c, ir::ceildiv(c, input[i], stride), c.i64(-1));
    const Expr total =
        ir::max(c, ir::sub(c, ir::add(c, ir::mul(c, count, stride), reach), input[i]), c.i64(0));
    const Expr less = k.b.simplify(ir::floordiv(c, total, c.i64(2)));
    const Expr more = k.b.simplify(ir::sub(c, total, less));
    out.low.push_back(mode == "SAME_UPPER" ? less : more);
    out.high.push_back(mode == "SAME_UPPER" ? more : less);
  }
  return out;
}

Expr channels_last(Builder& b, Expr x) {
  Ints perm{0};
  for (int64_t i = 2; i < x->rank(); ++i) perm.push_back(i);
  perm.push_back(1);
  return b.transpose(x, perm);
}

Expr channels_first(Builder& b, Expr x) {
  Ints perm{0, x->rank() - 1};
  for (int64_t i = 1; i + 1 < x->rank(); ++i) perm.push_back(i);
  return b.transpose(x, perm);
}

ConvSpec read_conv(Call& k, Expr x, Expr w) {
  if (x->rank() < 3 || w->rank() != x->rank())
    k.fail("input of rank " + std::to_string(x->rank()) + " and weights of rank " +
               std::to_string(w->rank()) + " must have one rank of 3 or more",
           "onnx.shape");
  const auto axes = static_cast<size_t>(x->rank() - 2);
  ConvSpec spec;
  spec.strides = spatial_ints(k, "strides", axes);
  spec.dilations = spatial_ints(k, "dilations", axes);
  spec.input_dilation = Ints(axes, 1);
  spec.groups = k.int_attr("group", 1);
  const Exprs size(w->shape().begin() + 2, w->shape().end());
  const Ints kernel = k.ints_attr("kernel_shape");
  for (size_t i = 0; i < kernel.size() && i < axes; ++i)
    if (ir::as_int(size[i]).value_or(kernel[i]) != kernel[i] || kernel.size() != axes)
      k.fail("attribute 'kernel_shape' does not match the weights");
  const Exprs input(x->shape().begin() + 2, x->shape().end());
  spec.padding = read_padding(k, input, size, spec.strides, spec.dilations);
  return spec;
}

Expr conv_channels_last(Call& k, Expr x, Expr w, const ConvSpec& spec) {
  Builder& b = k.b;
  Ints perm;
  for (int64_t i = 2; i < w->rank(); ++i) perm.push_back(i);
  perm.push_back(1);
  perm.push_back(0);
  return b.conv(channels_last(b, x), b.transpose(w, perm),
                {spec.strides, spec.dilations, spec.input_dilation, spec.padding.low,
                 spec.padding.high, spec.groups});
}

std::string option_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

}  // namespace tenon::onnx_import
