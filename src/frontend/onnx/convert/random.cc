// Random numbers: the seed attribute, or the node's name where there is none, makes the explicit
// key, so that a compiled model gives the same numbers at each run.
#include <bit>

#include "frontend/onnx/convert/common.h"
#include "support/hash.h"

namespace tenon::onnx_import {
namespace {

Expr random_key(Call& k) {
  const std::string& name = k.node.output(0);
  uint64_t seed = hash_bytes(name.data(), name.size());
  if (k.has("seed")) seed = std::bit_cast<uint64_t>(k.float_attr("seed"));
  ops::Tensor key = ops::Tensor::zeros(DType::u64, {2});
  key.set_i(0, static_cast<int64_t>(seed));
  return k.b.constant(key);
}

/// Numbers of a distribution with location and scale, in f32 and then in the wanted type.
Exprs random_tensor(Call& k, const char* kind, std::span<const Expr> shape, DType dtype) {
  Builder& b = k.b;
  const bool uniform = std::string_view(kind) == "uniform";
  const double first = k.float_attr(uniform ? "low" : "mean");
  const double second = k.float_attr(uniform ? "high" : "scale");
  const Expr raw = b.node(Op::random, {random_key(k)}, {{Key::kind, std::string(kind)}},
                          b.c.tensor(DType::f32, shape));
  const Expr scaled = b.mul(raw, b.like(raw, uniform ? second - first : second));
  return {b.cast(b.add(scaled, b.like(raw, first)), dtype)};
}

Exprs random_shape(Call& k, const char* kind) {
  return random_tensor(k, kind, k.b.i64s(k.ints_attr("shape")), k.dtype_attr("dtype"));
}

Exprs random_like(Call& k, const char* kind) {
  const Expr x = k.in(0);
  return random_tensor(k, kind, x->shape(), k.has("dtype") ? k.dtype_attr("dtype") : x->dtype());
}

/// 1 with the probability that the operand gives.
Exprs bernoulli(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const Expr raw = b.node(Op::random, {random_key(k)}, {{Key::kind, std::string("uniform")}},
                          b.c.tensor(DType::f32, x->shape()));
  const DType dtype = k.has("dtype") ? k.dtype_attr("dtype") : x->dtype();
  return {b.cast(b.binary(Op::lt, raw, b.cast(x, DType::f32)), dtype)};
}

constexpr ConverterRow kRows[] = {
    {"", "RandomUniform", [](Call& k) { return random_shape(k, "uniform"); }},
    {"", "RandomNormal", [](Call& k) { return random_shape(k, "normal"); }},
    {"", "RandomUniformLike", [](Call& k) { return random_like(k, "uniform"); }},
    {"", "RandomNormalLike", [](Call& k) { return random_like(k, "normal"); }},
    {"", "Bernoulli", bernoulli},
};

}  // namespace

std::span<const ConverterRow> random_converters() { return kRows; }

}  // namespace tenon::onnx_import
