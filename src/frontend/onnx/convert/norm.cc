// Normalizations: composites of the same meaning.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

/// Training: statistics come from the batch, and running ones are blended with them.
Exprs batch_norm_training(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  Ints axes{0};
  for (int64_t i = 2; i < x->rank(); ++i) axes.push_back(i);
  const Expr wide = b.cast(x, k.in(3)->dtype());
  const Expr mean = b.mean(wide, axes);
  const Expr centered = b.sub(wide, b.unsqueeze(mean, count_up(1, x->rank() - 1)));
  const Expr variance = b.mean(b.mul(centered, centered), axes);
  const double momentum = k.float_attr("momentum");
  const auto blend = [&](Expr running, Expr current) {
    return b.add(b.mul(running, b.like(running, momentum)),
                 b.mul(current, b.like(current, 1 - momentum)));
  };
  const Expr operands[] = {x, b.cast(k.in(1), x->dtype()), b.cast(k.in(2), x->dtype()),
                           b.cast(mean, x->dtype()), b.cast(variance, x->dtype())};
  return {b.composite("batch_norm", operands, k.options({"epsilon"}))[0], blend(k.in(3), mean),
          blend(k.in(4), variance)};
}

Exprs batch_norm(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  if (k.int_attr("spatial", 1) == 0) k.fail("attribute 'spatial' is 0, which is not supported");
  if (k.int_attr("training_mode", 0) != 0) return batch_norm_training(k);
  Expr y = x;
  if (x->rank() == 1) y = b.unsqueeze(x, {1});
  Exprs operands{y};
  for (size_t i = 1; i < 5; ++i) operands.push_back(b.cast(k.in(i), x->dtype()));
  y = b.composite("batch_norm", operands, k.options({"epsilon"}))[0];
  return {b.reshape(y, x->shape())};
}

Exprs layer_norm(Call& k) {
  const Expr operands[] = {k.in(0), k.opt(1), k.opt(2)};
  ops::Options options = k.options({"axis", "epsilon"});
  if (!k.wants(1) && !k.wants(2)) options.emplace_back("statistics", "0");
  return k.b.composite("layer_norm", operands, options);
}

Exprs rms_norm(Call& k) {
  return {k.b.apply("rms_norm", {k.in(0), k.opt(1)}, k.options({"axis", "epsilon"}))};
}

Exprs group_norm(Call& k) {
  return {
      k.b.apply("group_norm", {k.in(0), k.in(1), k.in(2)}, k.options({"num_groups", "epsilon"}))};
}

Exprs instance_norm(Call& k) {
  return {k.b.apply("instance_norm", {k.in(0), k.in(1), k.in(2)}, k.options({"epsilon"}))};
}

Exprs lp_norm(Call& k) { return {k.b.apply("lp_norm", {k.in(0)}, k.options({"axis", "p"}))}; }

Exprs mean_variance_norm(Call& k) {
  return {k.b.apply("mean_variance_norm", {k.in(0)}, k.options({"axes"}))};
}

Exprs lrn(Call& k) {
  return {k.b.apply("lrn", {k.in(0)}, k.options({"size", "alpha", "beta", "bias"}))};
}

constexpr ConverterRow kRows[] = {
    {"", "BatchNormalization", batch_norm},
    {"", "LayerNormalization", layer_norm},
    {"", "RMSNormalization", rms_norm},
    {"", "GroupNormalization", group_norm},
    {"", "InstanceNormalization", instance_norm},
    {"", "LpNormalization", lp_norm},
    {"", "MeanVarianceNormalization", mean_variance_norm},
    {"", "LRN", lrn},
};

}  // namespace

std::span<const ConverterRow> norm_converters() { return kRows; }

}  // namespace tenon::onnx_import
