// Reductions over axes, arg reductions, prefix scans.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

struct Reduction {
  Ints axes;
  bool keep;
};

/// Axes come as an attribute or, from opset 18 on (13 for ReduceSum), as operand 1. None mean all,
/// or nothing where noop_with_empty_axes says so.
Reduction read_reduction(Call& k) {
  const int64_t rank = k.in(0)->rank();
  Reduction r;
  r.keep = k.int_attr("keepdims", 1) != 0;
  const Ints given = k.opt(1) != nullptr ? k.constant_ints(1) : k.ints_attr("axes");
  r.axes = k.axes(given, rank);
  if (r.axes.empty() && k.int_attr("noop_with_empty_axes", 0) == 0) r.axes = count_up(0, rank);
  return r;
}

/// Half-precision sums are kept in f32 until the end, as numpy and ONNX Runtime do.
Expr widen(Builder& b, Expr x) {
  return ir::is_float(x->dtype()) && ir::info(x->dtype()).bits < 32 ? b.cast(x, DType::f32) : x;
}

/// Roots and logarithms of integer sums go through f64.
Expr on_floats(Builder& b, Op op, Expr x) {
  if (ir::is_float(x->dtype())) return b.unary(op, x);
  return b.cast(b.unary(op, b.cast(x, DType::f64)), x->dtype());
}

Expr sum(Call& k, Expr x, const Reduction& r) { return k.b.reduce("sum", x, r.axes, r.keep); }

Exprs reduce_sum(Call& k) { return {sum(k, k.in(0), read_reduction(k))}; }

template <int kMax>
Exprs reduce_extreme(Call& k) {
  const Reduction r = read_reduction(k);
  const bool booleans = k.in(0)->dtype() == DType::boolean;
  const char* kind = booleans ? (kMax ? "or" : "and") : (kMax ? "max" : "min");
  return {k.b.reduce(kind, k.in(0), r.axes, r.keep)};
}

Exprs reduce_prod(Call& k) {
  const Reduction r = read_reduction(k);
  return {k.b.reduce("prod", k.in(0), r.axes, r.keep)};
}

Exprs reduce_mean(Call& k) {
  Builder& b = k.b;
  const Reduction r = read_reduction(k);
  const Expr x = k.in(0);
  const Expr total = sum(k, widen(b, x), r);
  return {b.cast(b.div(total, b.count(x, r.axes, total->dtype())), x->dtype())};
}

Exprs reduce_l1(Call& k) { return {sum(k, k.b.unary(Op::abs, k.in(0)), read_reduction(k))}; }

Expr sum_of_squares(Call& k) {
  const Expr x = widen(k.b, k.in(0));
  return sum(k, k.b.mul(x, x), read_reduction(k));
}

Exprs reduce_l2(Call& k) {
  return {k.b.cast(on_floats(k.b, Op::sqrt, sum_of_squares(k)), k.in(0)->dtype())};
}
Exprs reduce_sum_square(Call& k) { return {k.b.cast(sum_of_squares(k), k.in(0)->dtype())}; }
Exprs reduce_log_sum(Call& k) {
  return {k.b.cast(on_floats(k.b, Op::log, sum(k, widen(k.b, k.in(0)), read_reduction(k))),
                   k.in(0)->dtype())};
}

Exprs reduce_log_sum_exp(Call& k) {
  Builder& b = k.b;
  const Reduction r = read_reduction(k);
  const Expr x = k.in(0);
  const Expr real = ir::is_float(x->dtype()) ? x : b.cast(x, DType::f64);
  if (r.axes.empty()) return {x};
  std::string axes;
  for (int64_t a : r.axes) axes += (axes.empty() ? "" : ",") + std::to_string(a);
  return {b.cast(
      b.apply("reduce_log_sum_exp", {real}, {{"axes", axes}, {"keepdims", r.keep ? "1" : "0"}}),
      x->dtype())};
}

template <int kMax>
Exprs arg_reduce(Call& k) {
  const Expr x = k.in(0);
  return {k.b.arg_reduce(kMax ? "max" : "min", x, k.axis(k.int_attr("axis", 0), x->rank()),
                         k.int_attr("keepdims", 1) != 0, k.int_attr("select_last_index", 0) != 0)};
}

Exprs cumulative(Call& k, const char* kind) {
  const Expr x = k.in(0);
  const int64_t axis = k.axis(k.constant_int(1), x->rank());
  return {k.b.cumulative(kind, x, axis, k.int_attr("exclusive", 0) != 0,
                         k.int_attr("reverse", 0) != 0)};
}

constexpr ConverterRow kRows[] = {
    {"", "ReduceSum", reduce_sum},
    {"", "ReduceMax", reduce_extreme<1>},
    {"", "ReduceMin", reduce_extreme<0>},
    {"", "ReduceProd", reduce_prod},
    {"", "ReduceMean", reduce_mean},
    {"", "ReduceL1", reduce_l1},
    {"", "ReduceL2", reduce_l2},
    {"", "ReduceSumSquare", reduce_sum_square},
    {"", "ReduceLogSum", reduce_log_sum},
    {"", "ReduceLogSumExp", reduce_log_sum_exp},
    {"", "ArgMax", arg_reduce<1>},
    {"", "ArgMin", arg_reduce<0>},
    {"", "CumSum", [](Call& k) { return cumulative(k, "sum"); }},
    {"", "CumProd", [](Call& k) { return cumulative(k, "prod"); }},
};

}  // namespace

std::span<const ConverterRow> reduce_converters() { return kRows; }

}  // namespace tenon::onnx_import
