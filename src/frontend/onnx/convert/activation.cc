// Activations: each is a composite of the same meaning. Softmax and kin, whose versions differ.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

/// The composite of that name with the attributes of that name.
Exprs activation(Call& k, std::string_view composite,
                 std::initializer_list<std::string_view> attributes = {}) {
  return {k.b.apply(composite, {k.in(0)}, k.options(attributes))};
}

Exprs gelu(Call& k) {
  const std::string approximate = k.string_attr("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    k.fail("attribute 'approximate' is '" + approximate + "'");
  return {k.b.apply(approximate == "tanh" ? "gelu_tanh" : "gelu", {k.in(0)})};
}

Exprs prelu(Call& k) {
  const Expr x = k.in(0);
  Expr slope = k.in(1);
  // Before opset 7 a vector holds one slope a channel.
  if (k.version() < 7 && slope->rank() == 1 && x->rank() > 1 && !ir::is_int(slope->shape()[0], 1))
    slope = k.b.unsqueeze(slope, count_up(1, x->rank() - 1));
  return {k.b.apply("prelu", {x, slope})};
}

/// Before opset 13 the axes from `axis` on were one: the input was seen as a matrix.
Exprs softmax_like(Call& k, std::string_view composite) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  if (x->rank() == 0) return {b.reshape(b.apply(composite, {b.unsqueeze(x, {0})}), {})};
  const int64_t axis = k.axis(k.int_attr("axis"), x->rank());
  const ops::Options last{{"axis", std::to_string(x->rank() - 1)}};
  if (k.version() >= 13) return {b.apply(composite, {x}, {{"axis", std::to_string(axis)}})};
  if (axis == x->rank() - 1) return {b.apply(composite, {x}, last)};
  const auto split = x->shape().begin() + axis;
  const Exprs before(x->shape().begin(), split);
  const Exprs after(split, x->shape().end());
  const Exprs matrix{b.product(before), b.product(after)};
  return {b.reshape(b.apply(composite, {b.reshape(x, matrix)}, {{"axis", "1"}}), x->shape())};
}

constexpr ConverterRow kRows[] = {
    {"", "Relu", [](Call& k) { return activation(k, "relu"); }},
    {"", "LeakyRelu", [](Call& k) { return activation(k, "leaky_relu", {"alpha"}); }},
    {"", "Elu", [](Call& k) { return activation(k, "elu", {"alpha"}); }},
    {"", "Celu", [](Call& k) { return activation(k, "celu", {"alpha"}); }},
    {"", "Selu", [](Call& k) { return activation(k, "selu", {"alpha", "gamma"}); }},
    {"", "Swish", [](Call& k) { return activation(k, "swish", {"alpha"}); }},
    {"", "Mish", [](Call& k) { return activation(k, "mish"); }},
    {"", "HardSwish", [](Call& k) { return activation(k, "hard_swish"); }},
    {"", "HardSigmoid", [](Call& k) { return activation(k, "hard_sigmoid", {"alpha", "beta"}); }},
    {"", "Softplus", [](Call& k) { return activation(k, "softplus"); }},
    {"", "Softsign", [](Call& k) { return activation(k, "softsign"); }},
    {"", "ThresholdedRelu", [](Call& k) { return activation(k, "thresholded_relu", {"alpha"}); }},
    {"", "Shrink", [](Call& k) { return activation(k, "shrink", {"lambd", "bias"}); }},
    {"", "Gelu", gelu},
    {"", "PRelu", prelu},
    {"", "Softmax", [](Call& k) { return softmax_like(k, "softmax"); }},
    {"", "LogSoftmax", [](Call& k) { return softmax_like(k, "log_softmax"); }},
    {"", "Hardmax", [](Call& k) { return softmax_like(k, "hardmax"); }},
};

}  // namespace

std::span<const ConverterRow> activation_converters() { return kRows; }

}  // namespace tenon::onnx_import
