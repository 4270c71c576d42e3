// Matrix products: MatMul, Gemm, Einsum, Det, and the integer ones.
#include <algorithm>

#include "frontend/onnx/convert/common.h"
#include "frontend/onnx/convert/integer.h"

namespace tenon::onnx_import {

bool is_zero(Call& k, Expr zero_point) {
  if (zero_point == nullptr) return true;
  const ops::Tensor* known = k.b.known(zero_point);
  for (int64_t i = 0; known != nullptr && i < known->count(); ++i)
    if (known->get_i(i) != 0) return false;
  return known != nullptr;
}

Expr without_zero_point(Call& k, Expr x, Expr zero_point, int64_t axis) {
  Builder& b = k.b;
  const Expr wide = b.cast(x, DType::i32);
  if (is_zero(k, zero_point)) return wide;
  return b.sub(wide, b.cast(along_axis(k, zero_point, x->rank(), axis), DType::i32));
}

Expr along_axis(Call& k, Expr v, int64_t rank, int64_t axis) {
  if (v->rank() == 1 && ir::is_int(v->shape()[0], 1)) return k.b.reshape(v, {});
  if (v->rank() != 1) return v;
  return k.b.unsqueeze(v, count_up(1, rank - axis));
}

Expr zero_along(Call& k, Expr zero_point, int64_t rank, int64_t axis) {
  return k.b.cast(along_axis(k, zero_point, rank, axis), DType::i32);
}

Expr integer_matmul(Call& k, Expr a, Expr a_zero, Expr b, Expr b_zero) {
  Builder& build = k.b;
  const int64_t row_axis = std::max<int64_t>(a->rank() - 2, 0), column_axis = b->rank() - 1;
  if (a->rank() < 2 || b->rank() < 2)
    return build.matmul(without_zero_point(k, a, a_zero, row_axis),
                        without_zero_point(k, b, b_zero, column_axis));
  // sum((a - za) * (b - zb)) = sum(a * b) - za * sum(b) - zb * sum(a - za)
  const Expr wide_a = build.cast(a, DType::i32), wide_b = build.cast(b, DType::i32);
  Expr sum = build.matmul(wide_a, wide_b);
  if (!is_zero(k, a_zero)) {
    const Expr of_columns = build.reduce("sum", wide_b, {b->rank() - 2}, true);
    sum = build.sub(sum, build.mul(zero_along(k, a_zero, a->rank(), row_axis), of_columns));
  }
  if (!is_zero(k, b_zero)) {
    const Expr centered = without_zero_point(k, a, a_zero, row_axis);
    const Expr of_rows = build.reduce("sum", centered, {a->rank() - 1}, true);
    sum = build.sub(sum, build.mul(of_rows, zero_along(k, b_zero, b->rank(), column_axis)));
  }
  return sum;
}

namespace {

Exprs matmul(Call& k) {
  if (k.in(0)->dtype() != k.in(1)->dtype())
    k.fail("operands have different element types", "onnx.type");
  return {k.b.matmul(k.in(0), k.in(1))};
}

/// alpha * a' * b' + beta * c.
Exprs gemm(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const Expr w = k.in(1);
  if (x->rank() != 2 || w->rank() != 2) k.fail("operands must be matrices", "onnx.shape");
  const int64_t contract_x = k.int_attr("transA", 0) != 0 ? 0 : 1;
  const int64_t contract_w = k.int_attr("transB", 0) != 0 ? 1 : 0;
  Expr y = b.dot(x, w, {}, {}, {contract_x}, {contract_w});
  const double alpha = k.float_attr("alpha", 1);
  const double beta = k.float_attr("beta", 1);
  const auto scale = [&](Expr v, double by) {
    if (by == 1) return v;
    if (ir::is_float(v->dtype())) return b.mul(v, b.like(v, by));
    return b.cast(b.mul(b.cast(v, DType::f64), b.scalar(DType::f64, by)), v->dtype());
  };
  y = scale(y, alpha);
  if (k.opt(2) == nullptr || beta == 0) return {y};
  const Expr bias = b.broadcast_to(scale(k.in(2), beta), y->shape());
  return {b.add(y, bias)};
}

Exprs einsum(Call& k) {
  std::string equation = k.string_attr("equation");
  std::erase_if(equation, [](char ch) { return ch == ' ' || ch == '\t' || ch == '\n'; });
  const Exprs operands = k.all();
  return {k.b.composite("einsum", operands, {{"equation", equation}})[0]};
}

Exprs matmul_integer(Call& k) { return {integer_matmul(k, k.in(0), k.opt(2), k.in(1), k.opt(3))}; }

constexpr ConverterRow kRows[] = {
    {"", "MatMul", matmul},
    {"", "Gemm", gemm},
    {"", "Einsum", einsum},
    {"", "MatMulInteger", matmul_integer},
    {"", "Det", [](Call& k) -> Exprs { return {k.b.apply("det", {k.in(0)})}; }},
};

}  // namespace

std::span<const ConverterRow> matrix_converters() { return kRows; }

}  // namespace tenon::onnx_import
