// simplify_algebra: operators that have a cheaper equal. Every rule keeps NaN and infinities, and
// the result to within the rounding of the operators that it replaces.
#include <algorithm>
#include <cmath>

#include "graph/pass.h"
#include "graph/transpose_util.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

/// The one value of a constant, seen through broadcasts and reshapes; empty otherwise.
std::optional<double> scalar_value(Expr n) {
  while (n->op == Op::broadcast || n->op == Op::reshape) n = n->operand(0);
  if (n->op != Op::constant || !is_float(n->dtype())) return std::nullopt;
  for (Expr e : n->shape())
    if (!is_int(e, 1)) return std::nullopt;
  return ops::tensor_of(n).get_f(0);
}

Expr power(Rewriter& r, Expr n) {
  const auto exponent = scalar_value(n->operand(1));
  if (!exponent || !is_float(n->dtype())) return nullptr;
  const Expr x = n->operand(0);
  if (*exponent == 1) return x;
  if (*exponent == 2) return r.make(Op::mul, {x, x});
  if (*exponent == 3) return r.make(Op::mul, {r.make(Op::mul, {x, x}), x});
  return nullptr;
}

/// x / 2^k = x * 2^-k exactly, as long as the reciprocal is a normal number.
Expr divide_by_power_of_two(Rewriter& r, Expr n) {
  const auto divisor = scalar_value(n->operand(1));
  if (!divisor || !std::isfinite(*divisor) || *divisor == 0) return nullptr;
  int exponent = 0;
  if (std::fabs(std::frexp(*divisor, &exponent)) != 0.5 || exponent > 100 || exponent < -100 ||
      (n->dtype() != DType::f32 && n->dtype() != DType::f64))
    return nullptr;
  Context& c = r.context();
  const uint64_t bits = encode_float(n->dtype(), 1 / *divisor);
  const Expr scale = c.constant(c.scalar(n->dtype()), &bits, info(n->dtype()).element_bytes);
  return r.make(Op::mul, {n->operand(0), r.make(Op::broadcast, {scale},
                                                {{Key::dims, std::vector<int64_t>{}}}, n->type)});
}

Expr multiply_by_one(Rewriter&, Expr n) {
  if (scalar_value(n->operand(1)) == 1.0 && n->operand(0)->type == n->type) return n->operand(0);
  if (scalar_value(n->operand(0)) == 1.0 && n->operand(1)->type == n->type) return n->operand(1);
  return nullptr;
}

bool all_ones(const std::vector<int64_t>& v) {
  return std::all_of(v.begin(), v.end(), [](int64_t x) { return x == 1; });
}

bool zero(Expr n, Key key) {
  if (n->find(key) == nullptr) return true;
  const std::vector<Expr>& values = n->exprs_attr(key);
  return std::all_of(values.begin(), values.end(), [](Expr e) { return is_int(e, 0); });
}

bool ones_or_absent(Expr n, Key key) {
  return n->find(key) == nullptr || all_ones(n->ints_attr(key));
}

constexpr Rule kRules[] = {
    {"drop_padding_taps", is<Op::conv>, drop_padding_taps},
    {"power", is<Op::pow>, power},
    {"divide_by_power_of_two", is<Op::div>, divide_by_power_of_two},
    {"multiply_by_one", is<Op::mul>, multiply_by_one},
    {"pointwise_convolution", is<Op::conv>, pointwise_convolution},
};

}  // namespace

Expr pointwise_convolution(Rewriter& r, Expr n) {
  const Expr w = n->operand(1);
  const size_t spatial = w->shape().size() - 2;
  for (size_t i = 0; i < spatial; ++i)
    if (!is_int(w->shape()[i], 1)) return nullptr;
  if (n->int_attr_or(Key::groups, 1) != 1 || !ones_or_absent(n, Key::strides) ||
      !ones_or_absent(n, Key::input_dilation) || !zero(n, Key::low) || !zero(n, Key::high))
    return nullptr;
  Context& c = r.context();
  const std::vector<Expr> flat{w->shape()[spatial], w->shape()[spatial + 1]};
  const Expr matrix = r.make(Op::reshape, {w}, {}, c.tensor(w->dtype(), flat));
  const std::vector<int64_t> none;
  std::vector<Attr> attrs{
      {Key::batch_a, none},
      {Key::batch_b, none},
      {Key::contract_a, std::vector<int64_t>{static_cast<int64_t>(spatial) + 1}},
      {Key::contract_b, std::vector<int64_t>{0}}};
  for (const Key key : {Key::product, Key::accumulate})
    if (n->find(key) != nullptr) attrs.push_back({key, n->string_attr(key)});
  return r.make(Op::dot, {n->operand(0), matrix}, std::move(attrs), n->type);
}

Status simplify_algebra(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

}  // namespace tenon::graph
