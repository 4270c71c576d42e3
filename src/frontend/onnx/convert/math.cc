// Arithmetic: unary functions, binary and variadic operators, Pow, Mod, Clip.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

template <Op kOp>
Exprs unary(Call& k) {
  return {k.b.unary(kOp, k.in(0))};
}

template <Op kOp>
Exprs binary(Call& k) {
  return {k.b.binary(kOp, k.in(0), legacy_operand(k, k.in(0), k.in(1)))};
}

/// Max, Min, Sum: any number of operands.
template <Op kOp>
Exprs variadic(Call& k) {
  const Exprs operands = k.all();
  Expr y = operands.at(0);
  for (size_t i = 1; i < operands.size(); ++i) y = k.b.binary(kOp, y, operands[i]);
  return {y};
}

Exprs mean(Call& k) {
  const Expr total = variadic<Op::add>(k)[0];
  if (k.input_count() == 1) return {total};
  return {k.b.div(total, k.b.like(total, static_cast<double>(k.input_count())))};
}

Exprs reciprocal(Call& k) {
  const Expr x = k.in(0);
  return {k.b.div(k.b.like(x, 1), x)};
}

/// Operations on floats that integers take through f64 and back.
Exprs ceil_like(Call& k, Op op) {
  const Expr x = k.in(0);
  return {ir::is_float(x->dtype()) ? k.b.unary(op, x) : x};
}

Exprs modulo(Call& k) {
  const bool truncates = k.int_attr("fmod", 0) != 0;
  return {k.b.binary(truncates ? Op::fmod : Op::mod, k.in(0), k.in(1))};
}

Exprs power(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  Expr y = legacy_operand(k, x, k.in(1));
  // A square is one exact multiplication.
  if (const ops::Tensor* exponent = b.known(y); exponent != nullptr && exponent->count() == 1 &&
                                                y->rank() <= x->rank() && exponent->get_f(0) == 2 &&
                                                ir::is_float(x->dtype()))
    return {b.mul(x, x)};
  if (ir::is_float(x->dtype()) || ir::is_integer(y->dtype()))
    return {b.binary(Op::pow, x, b.cast(y, x->dtype()))};
  return {b.cast(b.binary(Op::pow, b.cast(x, DType::f64), b.cast(y, DType::f64)), x->dtype())};
}

/// NaN stays NaN; where min > max the result is max.
Exprs clip(Call& k) {
  Builder& b = k.b;
  Expr x = k.in(0);
  Expr lo = nullptr;
  Expr hi = nullptr;
  if (k.version() < 11) {
    constexpr double kUnbounded = 3.4e38;
    const double low = k.float_attr("min", -kUnbounded);
    const double high = k.float_attr("max", kUnbounded);
    if (low > -kUnbounded) lo = b.like(x, low);
    if (high < kUnbounded) hi = b.like(x, high);
  } else {
    if (k.opt(1) != nullptr) lo = as_scalar(k, k.in(1));
    if (k.opt(2) != nullptr) hi = as_scalar(k, k.in(2));
  }
  if (lo != nullptr) x = b.binary(Op::max, x, lo);
  if (hi != nullptr) x = b.binary(Op::min, x, hi);
  return {x};
}

constexpr ConverterRow kRows[] = {
    {"", "Abs", unary<Op::abs>},
    {"", "Neg", unary<Op::neg>},
    {"", "Sign", unary<Op::sign>},
    {"", "Exp", unary<Op::exp>},
    {"", "Log", unary<Op::log>},
    {"", "Sqrt", unary<Op::sqrt>},
    {"", "Sin", unary<Op::sin>},
    {"", "Cos", unary<Op::cos>},
    {"", "Tan", unary<Op::tan>},
    {"", "Asin", unary<Op::asin>},
    {"", "Acos", unary<Op::acos>},
    {"", "Atan", unary<Op::atan>},
    {"", "Sinh", unary<Op::sinh>},
    {"", "Cosh", unary<Op::cosh>},
    {"", "Tanh", unary<Op::tanh>},
    {"", "Asinh", unary<Op::asinh>},
    {"", "Acosh", unary<Op::acosh>},
    {"", "Atanh", unary<Op::atanh>},
    {"", "Erf", unary<Op::erf>},
    {"", "Sigmoid", unary<Op::sigmoid>},
    {"", "Floor", [](Call& k) { return ceil_like(k, Op::floor); }},
    {"", "Ceil", [](Call& k) { return ceil_like(k, Op::ceil); }},
    {"", "Round", [](Call& k) { return ceil_like(k, Op::round); }},
    {"", "Reciprocal", reciprocal},
    {"", "Add", binary<Op::add>},
    {"", "Sub", binary<Op::sub>},
    {"", "Mul", binary<Op::mul>},
    {"", "Div", binary<Op::div>},
    {"", "Max", variadic<Op::max>},
    {"", "Min", variadic<Op::min>},
    {"", "Sum", variadic<Op::add>},
    {"", "Mean", mean},
    {"", "Mod", modulo},
    {"", "Pow", power},
    {"", "Clip", clip},
};

}  // namespace

std::span<const ConverterRow> math_converters() { return kRows; }

}  // namespace tenon::onnx_import
