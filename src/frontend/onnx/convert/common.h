// Helpers that converters of several families share.
#pragma once

#include "frontend/onnx/call.h"

namespace tenon::onnx_import {

/// 0, 1, .., n - 1 as attribute values, from `first`.
[[nodiscard]] Ints count_up(int64_t first, int64_t last);

/// Operand 1 placed as the `broadcast` and `axis` attributes of opsets before 7 ask for.
[[nodiscard]] Expr legacy_operand(Call& k, Expr x, Expr y);

/// A tensor of one element as rank 0.
[[nodiscard]] Expr as_scalar(Call& k, Expr x);

/// Padding of one spatial axis as ONNX's auto_pad and pads give it.
struct Padding {
  Exprs low, high;
};
/// `size` is the window's extent on each spatial axis, `input` the input's.
[[nodiscard]] Padding read_padding(Call& k, std::span<const Expr> input, std::span<const Expr> size,
                                   const Ints& strides, const Ints& dilations);

/// The spatial attribute `name`, one positive value an axis, 1 where it is absent.
[[nodiscard]] Ints spatial_ints(Call& k, std::string_view name, size_t axes);

/// NCHW-like to NHWC-like and back.
[[nodiscard]] Expr channels_last(Builder& b, Expr x);
[[nodiscard]] Expr channels_first(Builder& b, Expr x);

/// How to convolve besides operands.
struct ConvSpec {
  Ints strides, dilations, input_dilation;
  Padding padding;
  int64_t groups = 1;
};
/// x[n, c, s..] with w[m, c / groups, s..], as ONNX lays them out; the result is channels last.
[[nodiscard]] Expr conv_channels_last(Call& k, Expr x, Expr w, const ConvSpec& spec);
/// The attributes of Conv and kin.
[[nodiscard]] ConvSpec read_conv(Call& k, Expr x, Expr w);

/// A float as an option's value, exact.
[[nodiscard]] std::string option_text(double value);

}  // namespace tenon::onnx_import
