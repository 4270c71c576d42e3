// Losses: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

/// -log_prob[n, target, d..] * weight[target]; targets equal to ignore_index count for nothing.
Expr nll(Call& k, Expr log_prob, Expr target, Expr weight) {
  Builder& b = k.b;
  const DType type = log_prob->dtype();
  target = b.cast(target, DType::i64);
  Expr ignored = nullptr;
  if (k.has("ignore_index")) {
    ignored = b.binary(Op::eq, target, b.c.i64(k.int_attr("ignore_index")));
    target = b.select(ignored, b.c.i64(0), target);
  }
  const Expr at = b.unsqueeze(target, {1});
  const Expr picked = b.squeeze(b.gather_elements(log_prob, at, 1), {1});
  Expr weights = weight != nullptr ? b.gather(weight, target, 0)
                                   : b.broadcast_to(b.scalar(type, 1), target->shape());
  if (ignored != nullptr) weights = b.select(ignored, b.scalar(type, 0), weights);
  const Expr loss = b.mul(b.unary(Op::neg, picked), weights);
  const std::string reduction = k.string_attr("reduction", "mean");
  if (reduction == "none") return loss;
  const Ints all = count_up(0, loss->rank());
  const Expr total = b.reduce("sum", loss, all, false);
  if (reduction == "sum") return total;
  if (reduction != "mean") k.fail("attribute 'reduction' is '" + reduction + "'");
  return b.div(total, b.reduce("sum", weights, all, false));
}

Exprs negative_log_likelihood(Call& k) { return {nll(k, k.in(0), k.in(1), k.opt(2))}; }

Exprs softmax_cross_entropy(Call& k) {
  const Expr log_prob = k.b.apply("log_softmax", {k.in(0)}, {{"axis", "1"}});
  return {nll(k, log_prob, k.in(1), k.opt(2)), log_prob};
}

constexpr ConverterRow kRows[] = {
    {"", "NegativeLogLikelihoodLoss", negative_log_likelihood},
    {"", "SoftmaxCrossEntropyLoss", softmax_cross_entropy},
};

}  // namespace

std::span<const ConverterRow> loss_converters() { return kRows; }

}  // namespace tenon::onnx_import
