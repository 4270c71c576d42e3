// Convolutions. The graph's conv is channels last, so each converter transposes around it; passes
// cancel the transposes between convolutions.
#include <algorithm>

#include "frontend/onnx/convert/common.h"
#include "frontend/onnx/convert/integer.h"

namespace tenon::onnx_import {
namespace {

/// Checks what the messages should say in ONNX's terms.
void check_channels(Call& k, Expr x, Expr w, int64_t groups) {
  const auto channels = ir::as_int(x->shape()[1]);
  const auto each = ir::as_int(w->shape()[1]);
  const auto maps = ir::as_int(w->shape()[0]);
  if (groups < 1) k.fail("attribute 'group' is " + std::to_string(groups));
  if (channels && each && *channels != *each * groups)
    k.fail("the input has " + std::to_string(*channels) + " channels, weights and groups ask for " +
               std::to_string(*each * groups),
           "onnx.conv");
  if (maps && *maps % groups != 0)
    k.fail("group " + std::to_string(groups) + " does not divide " + std::to_string(*maps) +
               " output channels",
           "onnx.conv");
}

Exprs conv(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const Expr w = k.in(1);
  const ConvSpec spec = read_conv(k, x, w);
  check_channels(k, x, w, spec.groups);
  Expr y = conv_channels_last(k, x, w, spec);
  if (k.opt(2) != nullptr) y = b.add(y, k.in(2));
  return {channels_first(b, y)};
}

/// Padding of the convolution that undoes one with the transposed one's padding, and output
/// padding.
Padding transposed_padding(Call& k, Expr x, Expr w, const Ints& strides, const Ints& dilations) {
  Context& c = k.b.c;
  const size_t axes = strides.size();
  const Ints extra = k.ints_attr("output_padding", Ints(axes, 0));
  const Ints wanted = k.ints_attr("output_shape");
  const std::string mode = k.string_attr("auto_pad", "NOTSET");
  Ints pads = k.ints_attr("pads", Ints(2 * axes, 0));
  if (pads.empty()) pads.assign(2 * axes, 0);
  if (pads.size() != 2 * axes || extra.size() != axes || (!wanted.empty() && wanted.size() < axes))
    k.fail("attributes have a wrong number of values");
  Padding out;
  for (size_t i = 0; i < axes; ++i) {
    const Expr input = x->shape()[2 + i];
    const Expr stride = c.i64(strides[i]);
    const Expr reach = ir::mul(c, ir::add(c, w->shape()[2 + i], c.i64(-1)), c.i64(dilations[i]));
    Expr low = c.i64(pads[i]);
    Expr high = c.i64(pads[axes + i]);
    const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (!wanted.empty() || same) {
      const size_t skip = wanted.size() > axes ? wanted.size() - axes : 0;
      const Expr target = wanted.empty() ? ir::mul(c, input, stride) : c.i64(wanted.at(skip + i));
      const Expr full = ir::add(
          c, ir::add(c, ir::mul(c, stride, ir::add(c, input, c.i64(-1))), c.i64(extra[i] + 1)),
          reach);
      const Expr total = ir::sub(c, full, target);
      const Expr half = ir::floordiv(c, total, c.i64(2));
      low = mode == "SAME_UPPER" ? half : ir::sub(c, total, half);
      high = ir::sub(c, total, low);
    } else if (mode == "VALID") {
      low = high = c.i64(0);
    }
    out.low.push_back(k.b.simplify(ir::sub(c, reach, low)));
    out.high.push_back(k.b.simplify(ir::add(c, ir::sub(c, reach, high), c.i64(extra[i]))));
  }
  return out;
}

/// The weights [c, m / g, s..] of the transposed convolution as those of the convolution, [m, c /
/// g, s..] with the spatial axes reversed.
Expr transposed_weights(Call& k, Expr w, int64_t groups) {
  Builder& b = k.b;
  Context& c = b.c;
  const auto channels = ir::as_int(w->shape()[0]);
  if (groups < 1 || (channels && *channels % groups != 0))
    k.fail("group " + std::to_string(groups) + " does not divide the input channels", "onnx.conv");
  const Expr each = ir::floordiv(c, w->shape()[0], c.i64(groups));
  const Expr maps = w->shape()[1];
  Exprs spatial(w->shape().begin() + 2, w->shape().end());
  Exprs grouped{c.i64(groups), each, maps};
  grouped.insert(grouped.end(), spatial.begin(), spatial.end());
  Ints perm{0, 2, 1};
  for (size_t i = 0; i < spatial.size(); ++i) perm.push_back(static_cast<int64_t>(3 + i));
  Exprs joined{ir::mul(c, maps, c.i64(groups)), each};
  joined.insert(joined.end(), spatial.begin(), spatial.end());
  Expr out = b.reshape(b.transpose(b.reshape(w, grouped), perm), joined);
  Exprs starts(out->shape().size(), c.i64(0));
  Ints strides(out->shape().size(), 1);
  for (size_t i = 2; i < starts.size(); ++i) {
    starts[i] = ir::add(c, out->shape()[i], c.i64(-1));
    strides[i] = -1;
  }
  return b.slice(out, starts, out->shape(), strides);
}

Exprs conv_transpose(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const Expr w = k.in(1);
  if (x->rank() < 3 || w->rank() != x->rank())
    k.fail("input and weights must have one rank of 3 or more", "onnx.shape");
  if (ir::as_int(x->shape()[1]) && ir::as_int(w->shape()[0]) && x->shape()[1] != w->shape()[0])
    k.fail("input and weights have different numbers of channels", "onnx.conv");
  const auto axes = static_cast<size_t>(x->rank() - 2);
  ConvSpec spec;
  spec.strides = Ints(axes, 1);
  spec.dilations = spatial_ints(k, "dilations", axes);
  spec.input_dilation = spatial_ints(k, "strides", axes);
  spec.groups = k.int_attr("group", 1);
  spec.padding = transposed_padding(k, x, w, spec.input_dilation, spec.dilations);
  Expr y = conv_channels_last(k, x, transposed_weights(k, w, spec.groups), spec);
  if (k.opt(2) != nullptr) y = b.add(y, k.in(2));
  return {channels_first(b, y)};
}

/// The sums in i32, channels last. sum((x - z) * w) = sum(x * w) - z * sum(w), where padding of x
/// holds z.
Expr integer_conv(Call& k, Expr x, Expr x_zero, Expr w, Expr w_zero) {
  Builder& b = k.b;
  ConvSpec spec = read_conv(k, x, w);
  check_channels(k, x, w, spec.groups);
  const Expr wide_w = without_zero_point(k, w, w_zero, 0);
  const bool one = x_zero != nullptr && static_count(x_zero->type) == 1;
  if (is_zero(k, x_zero) || !one)
    return conv_channels_last(k, without_zero_point(k, x, x_zero, 1), wide_w, spec);
  const Expr zero = b.reshape(x_zero, {});
  const auto around = [&](const Exprs& spatial) {
    Exprs all(2, b.c.i64(0));
    all.insert(all.end(), spatial.begin(), spatial.end());
    return all;
  };
  const Expr padded = b.pad(x, zero, around(spec.padding.low), around(spec.padding.high));
  spec.padding.low = spec.padding.high = Exprs(spec.strides.size(), b.c.i64(0));
  const Expr sum = conv_channels_last(k, b.cast(padded, DType::i32), wide_w, spec);
  const Expr of_weights = b.reduce("sum", wide_w, count_up(1, w->rank()), false);
  return b.sub(sum, b.mul(b.cast(zero, DType::i32), of_weights));
}

Exprs conv_integer(Call& k) {
  return {channels_first(k.b, integer_conv(k, k.in(0), k.opt(2), k.in(1), k.opt(3)))};
}

/// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias (i32).
Exprs qlinear_conv(Call& k) {
  Builder& b = k.b;
  Expr sum = integer_conv(k, k.in(0), k.opt(2), k.in(3), k.opt(5));
  if (k.opt(8) != nullptr) sum = b.add(sum, k.in(8));
  const Expr w_scale = along_axis(k, k.in(4), 1, 0);
  const Expr scale = b.mul(as_scalar(k, k.in(1)), w_scale);
  const Expr real = b.mul(b.cast(sum, scale->dtype()), scale);
  return {channels_first(
      b, b.apply("quantize_linear", {real, as_scalar(k, k.in(6)), as_scalar(k, k.in(7))}))};
}

constexpr ConverterRow kRows[] = {
    {"", "Conv", conv},
    {"", "ConvTranspose", conv_transpose},
    {"", "ConvInteger", conv_integer},
    {"", "QLinearConv", qlinear_conv},
};

}  // namespace

std::span<const ConverterRow> conv_converters() { return kRows; }

}  // namespace tenon::onnx_import
