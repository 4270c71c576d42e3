// Activations: elementwise functions of one tensor. NaN propagates through all of them; narrow
// floats are worked in f32. C3: x is of a float type (relu and clip take any number).
//   relu max(x, 0); leaky_relu alpha; prelu (x, slope); elu alpha; celu alpha; selu alpha, gamma
//   gelu x Phi(x); gelu_tanh its tanh approximation; silu x sigmoid(x); swish x sigmoid(alpha x)
//   mish x tanh(softplus(x)); hard_sigmoid alpha, beta; hard_swish; softplus log(1 + e^x); softsign
//   thresholded_relu alpha; shrink lambd, bias; clip (x, lo?, hi?)
//
//   relu, silu, mish, hard_swish, softplus, softsign, gelu, gelu_tanh (x)
//   leaky_relu (x) alpha[0.01]   elu (x) alpha[1]   celu (x) alpha[1]   selu (x) alpha gamma
//   swish (x) alpha[1]   hard_sigmoid (x) alpha[0.2] beta[0.5]   thresholded_relu (x) alpha[1]
//   shrink (x) lambd[0.5] bias[0]   prelu (x, slope)   clip (x, lo?, hi?), bounds of rank 0
#include <numbers>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

template <class F>
std::vector<Val> apply(Composite& a, F formula) {
  if (!a.require(ir::is_float(a.in[0].dtype()), 3, "x must be of a float type")) return {};
  return {cast(a.in[0].dtype(), formula(up(a.in[0])))};
}

Val stable_softplus(Val x) { return max(x, 0.0) + log1p(exp(-abs(x))); }

std::vector<Val> relu(Composite& a) { return {max(a.in[0], 0.0)}; }

std::vector<Val> leaky_relu(Composite& a) {
  const double alpha = a.real("alpha", 0.01);
  return apply(a, [&](Val x) { return select(lt(x, 0.0), x * alpha, x); });
}

std::vector<Val> prelu(Composite& a) {
  const Val x = a.in[0];
  const Val slope = a.in[1];
  if (!a.require(x.dtype() == slope.dtype(), 3, "x and slope must be of one type")) return {};
  if (!a.require(slope.rank() <= x.rank(), 4, "slope must broadcast to x")) return {};
  return {select(lt(x, 0.0), x * slope, x)};
}

std::vector<Val> elu(Composite& a) {
  const double alpha = a.real("alpha", 1);
  return apply(a, [&](Val x) { return select(lt(x, 0.0), (exp(min(x, 0.0)) - 1.0) * alpha, x); });
}

std::vector<Val> celu(Composite& a) {
  const double alpha = a.real("alpha", 1);
  return apply(a, [&](Val x) { return max(x, 0.0) + (exp(min(x, 0.0) / alpha) - 1.0) * alpha; });
}

std::vector<Val> selu(Composite& a) {
  const double alpha = a.real("alpha", 1.67326319217681884765625);
  const double gamma = a.real("gamma", 1.05070102214813232421875);
  return apply(a, [&](Val x) {
    return select(le(x, 0.0), (exp(min(x, 0.0)) - 1.0) * (alpha * gamma), x * gamma);
  });
}

std::vector<Val> gelu(Composite& a) {
  return apply(a, [](Val x) { return x * 0.5 * (erf(x * (1 / std::numbers::sqrt2)) + 1.0); });
}

std::vector<Val> gelu_tanh(Composite& a) {
  // sqrt(2 / pi) (x + 0.044715 x^3)
  const double k = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  return apply(a, [&](Val x) { return x * 0.5 * (tanh(x * k * (x * x * 0.044715 + 1.0)) + 1.0); });
}

std::vector<Val> silu(Composite& a) {
  return apply(a, [](Val x) { return x * sigmoid(x); });
}

std::vector<Val> swish(Composite& a) {
  const double alpha = a.real("alpha", 1);
  return apply(a, [&](Val x) { return x * sigmoid(alpha == 1 ? x : x * alpha); });
}

std::vector<Val> mish(Composite& a) {
  return apply(a, [](Val x) { return x * tanh(stable_softplus(x)); });
}

Val hard_sigmoid_of(Val x, double alpha, double beta) {
  return max(min(x * alpha + beta, 1.0), 0.0);
}

std::vector<Val> hard_sigmoid(Composite& a) {
  const double alpha = a.real("alpha", 0.2);
  const double beta = a.real("beta", 0.5);
  return apply(a, [&](Val x) { return hard_sigmoid_of(x, alpha, beta); });
}

std::vector<Val> hard_swish(Composite& a) {
  return apply(a, [](Val x) { return x * hard_sigmoid_of(x, 1.0 / 6, 0.5); });
}

std::vector<Val> softplus(Composite& a) { return apply(a, stable_softplus); }

std::vector<Val> softsign(Composite& a) {
  return apply(a, [](Val x) { return x / (abs(x) + 1.0); });
}

std::vector<Val> thresholded_relu(Composite& a) {
  const double alpha = a.real("alpha", 1);
  return apply(a, [&](Val x) { return select(le(x, alpha), 0.0, x); });
}

std::vector<Val> shrink(Composite& a) {
  const double lambd = a.real("lambd", 0.5);
  const double bias = a.real("bias", 0);
  const bool real = ir::is_float(a.in[0].dtype());
  const Val x = real ? up(a.in[0]) : cast(ir::DType::f32, a.in[0]);
  const Val inner = select(is_nan(x), x, x.body->lit(x.dtype(), 0));
  return {cast(a.in[0].dtype(),
               select(lt(x, -lambd), x + bias, select(gt(x, lambd), x - bias, inner)))};
}

std::vector<Val> clip(Composite& a) {
  Val x = a.in[0];
  for (size_t i = 1; i < 3; ++i) {
    if (!a.in[i]) continue;
    if (!a.require(a.in[i].dtype() == x.dtype(), 3, "bounds must be of x's type")) return {};
    if (!a.require(a.in[i].rank() == 0, 4, "bounds must be of rank 0")) return {};
    x = i == 1 ? max(x, a.in[i]) : min(x, a.in[i]);
  }
  return {x};
}

constexpr CompositeRow kRows[] = {
    {"relu", "x", "", relu},
    {"leaky_relu", "x", "alpha", leaky_relu},
    {"prelu", "x,slope", "", prelu},
    {"elu", "x", "alpha", elu},
    {"celu", "x", "alpha", celu},
    {"selu", "x", "alpha,gamma", selu},
    {"gelu", "x", "", gelu},
    {"gelu_tanh", "x", "", gelu_tanh},
    {"silu", "x", "", silu},
    {"swish", "x", "alpha", swish},
    {"mish", "x", "", mish},
    {"hard_sigmoid", "x", "alpha,beta", hard_sigmoid},
    {"hard_swish", "x", "", hard_swish},
    {"softplus", "x", "", softplus},
    {"softsign", "x", "", softsign},
    {"thresholded_relu", "x", "alpha", thresholded_relu},
    {"shrink", "x", "lambd,bias", shrink},
    {"clip", "x,lo?,hi?", "", clip},
};

}  // namespace

std::span<const CompositeRow> activation_rows() { return kRows; }

}  // namespace tenon::ops::composite
