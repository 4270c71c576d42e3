#include "ops/build.h"

#include <algorithm>

#include "ops/tensor.h"
#include "support/check.h"

namespace tenon::ops {

using ir::DType;
using ir::Key;
using ir::Op;

Result<Expr> build(Context& c, Op op, std::span<const Expr> operands, std::vector<ir::Attr> attrs,
                   Type wanted) {
  const OpRow* row = find_op(op);
  const ir::OpInfo& info = ir::info(op);
  TENON_CHECK(row != nullptr, std::string(info.name) + " is not a graph operator");
  const auto count = static_cast<int>(operands.size());
  if (count < info.min_operands || (info.max_operands >= 0 && count > info.max_operands))
    return fail(
        std::string(info.name) + ".arity",
        std::string(info.name) + ": " + std::to_string(count) + " operands are not allowed");
  const bool takes_tuple = op == Op::get || op == Op::tuple;
  for (Expr e : operands)
    if (!takes_tuple && !e->type->is_tensor())
      return fail(std::string(info.name) + ".operand",
                  std::string(info.name) + ": an operand is " + show(e->type) + ", not a tensor");
  TENON_TRY(const Type type, row->type({c, op, operands, attrs, wanted}));
  if (const Expr simpler = fold_local(c, op, type, operands, attrs)) return simpler;
  return c.make(op, type, operands, std::move(attrs));
}

void Builder::expect() const {
  TENON_CHECK(status_.has_value(), status_.has_value() ? "" : status_.error().text());
}

void Builder::refuse(std::string code, std::string message) {
  if (ok()) status_ = fail(std::move(code), std::move(message));
}

Expr Builder::fallback(Exprs operands) const { return operands.empty() ? c_.i64(0) : operands[0]; }

int64_t Builder::axis_of(Expr x, int64_t axis, int64_t extra) {
  const int64_t rank = x->rank() + extra;
  if (axis < -rank || axis >= rank) {
    refuse("axis.C1", "axis " + std::to_string(axis) + " is outside of " + show(x->type));
    return 0;
  }
  return axis < 0 ? axis + rank : axis;
}

Expr Builder::node(Op op, Exprs operands, std::vector<ir::Attr> attrs, Type wanted) {
  if (!ok()) return fallback(operands);
  Result<Expr> built = build(c_, op, operands, std::move(attrs), wanted);
  if (built) return *built;
  status_ = tl::make_unexpected(std::move(built).error());
  return fallback(operands);
}

Expr Builder::node(Op op, std::initializer_list<Expr> operands, std::vector<ir::Attr> attrs,
                   Type wanted) {
  return node(op, Exprs(operands.begin(), operands.size()), std::move(attrs), wanted);
}

// ---- literals

Expr Builder::scalar(DType type, double value) {
  Tensor t = Tensor::zeros(type, {});
  if (ir::is_float(type)) {
    t.set_f(0, value);
  } else {
    t.set_i(0, float_to_int(DType::i64, value));
  }
  return constant_of(c_, t);
}
Expr Builder::scalar_i(DType type, int64_t value) {
  Tensor t = Tensor::zeros(type, {});
  t.set_i(0, value);
  return constant_of(c_, t);
}
Expr Builder::scalar_like(Expr x, double value) { return scalar(x->dtype(), value); }
Expr Builder::full(DType type, double value, Exprs shape) {
  return broadcast_to(scalar(type, value), shape);
}
Expr Builder::constant(DType type, const Ints& shape, std::span<const double> values) {
  Tensor t = Tensor::zeros(type, shape);
  TENON_CHECK(t.count() == static_cast<int64_t>(values.size()), "constant: wrong number of values");
  write_f(t, 0, values);
  return constant_of(c_, t);
}
Expr Builder::constant_i(DType type, const Ints& shape, std::span<const int64_t> values) {
  Tensor t = Tensor::zeros(type, shape);
  TENON_CHECK(t.count() == static_cast<int64_t>(values.size()), "constant: wrong number of values");
  write_i(t, 0, values);
  return constant_of(c_, t);
}

// ---- elementwise

Expr Builder::unary(Op op, Expr x) { return node(op, {x}); }

Expr Builder::binary(Op op, Expr a, Expr b) {
  if (!ok()) return a;
  auto shape = broadcast_shapes(c_, a->shape(), b->shape());
  if (!shape) {
    status_ = tl::make_unexpected(std::move(shape).error());
    return a;
  }
  return node(op, {broadcast_to(a, *shape), broadcast_to(b, *shape)});
}

Expr Builder::select(Expr condition, Expr a, Expr b) {
  if (!ok()) return a;
  auto shape = broadcast_shapes(c_, condition->shape(), a->shape());
  if (shape) shape = broadcast_shapes(c_, *shape, b->shape());
  if (!shape) {
    status_ = tl::make_unexpected(std::move(shape).error());
    return a;
  }
  return node(Op::select,
              {broadcast_to(condition, *shape), broadcast_to(a, *shape), broadcast_to(b, *shape)});
}

Expr Builder::cast(Expr x, DType to, bool saturate) {
  std::vector<ir::Attr> attrs;
  if (saturate) attrs.push_back({Key::saturate, int64_t{1}});
  return node(Op::cast, {x}, std::move(attrs), c_.tensor(to, x->shape()));
}

// ---- structure

Expr Builder::tuple(Exprs fields) { return node(Op::tuple, fields); }
Expr Builder::get(Expr tuple, int64_t index) {
  return node(Op::get, {tuple}, {{Key::index, index}});
}

// ---- contractions and windows

Expr Builder::dot(Expr a, Expr b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b,
                  std::string product, std::string accumulate) {
  std::vector<ir::Attr> attrs{{Key::batch_a, std::move(batch_a)},
                              {Key::batch_b, std::move(batch_b)},
                              {Key::contract_a, std::move(contract_a)},
                              {Key::contract_b, std::move(contract_b)}};
  if (!product.empty() && product != "f32") attrs.push_back({Key::product, std::move(product)});
  if (!accumulate.empty()) attrs.push_back({Key::accumulate, std::move(accumulate)});
  return node(Op::dot, {a, b}, std::move(attrs));
}

Expr Builder::matmul(Expr a, Expr b) {
  if (!ok()) return a;
  if (a->rank() == 0 || b->rank() == 0) {
    refuse("matmul.C1",
           "matmul: " + show(a->type) + " and " + show(b->type) + " must have rank 1 or more");
    return a;
  }
  const int64_t ra = a->rank();
  const int64_t rb = b->rank();
  if (ra == 1 || rb <= 2) {
    // No batch axes of b (or none of a): one contraction, a vector's axis disappears.
    const int64_t contract_b = rb == 1 ? 0 : rb - 2;
    return dot(a, b, {}, {}, {ra - 1}, {contract_b});
  }
  // Both carry matrices; leading axes broadcast.
  const int64_t ba = std::max<int64_t>(ra - 2, 0);
  const int64_t bb = rb - 2;
  auto batch = broadcast_shapes(c_, Exprs(a->shape()).first(static_cast<size_t>(ba)),
                                Exprs(b->shape()).first(static_cast<size_t>(bb)));
  if (!batch) {
    status_ = tl::make_unexpected(std::move(batch).error());
    return a;
  }
  const auto stretch = [&](Expr x, int64_t rank) {
    std::vector<Expr> shape = *batch;
    shape.push_back(x->shape()[static_cast<size_t>(rank - 2)]);
    shape.push_back(x->shape()[static_cast<size_t>(rank - 1)]);
    return broadcast_to(x, shape);
  };
  const Expr wide_a = stretch(a, ra);
  const Expr wide_b = stretch(b, rb);
  const auto n = static_cast<int64_t>(batch->size());
  Ints axes;
  for (int64_t i = 0; i < n; ++i) axes.push_back(i);
  return dot(wide_a, wide_b, axes, axes, {n + 1}, {n});
}

namespace {
void or_ones(Ints& values, size_t n) {
  if (values.empty()) values.assign(n, 1);
}
void or_zeros(Context& c, std::vector<Expr>& values, size_t n) {
  if (values.empty()) values.assign(n, c.i64(0));
}
}  // namespace

Expr Builder::conv(Expr x, Expr w, ConvAttrs attrs) {
  const size_t spatial = static_cast<size_t>(std::max(x->rank() - 2, 0));
  or_ones(attrs.strides, spatial);
  or_ones(attrs.dilation, spatial);
  or_ones(attrs.input_dilation, spatial);
  or_zeros(c_, attrs.low, spatial);
  or_zeros(c_, attrs.high, spatial);
  std::vector<ir::Attr> list{{Key::strides, std::move(attrs.strides)},
                             {Key::low, std::move(attrs.low)},
                             {Key::high, std::move(attrs.high)},
                             {Key::dilation, std::move(attrs.dilation)},
                             {Key::input_dilation, std::move(attrs.input_dilation)},
                             {Key::groups, attrs.groups}};
  if (!attrs.product.empty() && attrs.product != "f32")
    list.push_back({Key::product, std::move(attrs.product)});
  if (!attrs.accumulate.empty()) list.push_back({Key::accumulate, std::move(attrs.accumulate)});
  return node(Op::conv, {x, w}, std::move(list));
}

Expr Builder::window(std::string_view kind, Expr x, WindowAttrs attrs) {
  const size_t rank = x->shape().size();
  or_ones(attrs.size, rank);
  or_ones(attrs.strides, rank);
  or_ones(attrs.dilation, rank);
  or_zeros(c_, attrs.low, rank);
  or_zeros(c_, attrs.high, rank);
  return node(Op::window, {x},
              {{Key::kind, std::string(kind)},
               {Key::size, std::move(attrs.size)},
               {Key::strides, std::move(attrs.strides)},
               {Key::low, std::move(attrs.low)},
               {Key::high, std::move(attrs.high)},
               {Key::dilation, std::move(attrs.dilation)}});
}

// ---- reductions

Expr Builder::reduce(std::string_view kind, Expr x, Ints axes, bool keep) {
  for (int64_t& axis : axes) axis = axis_of(x, axis);
  if (!ok()) return x;
  std::sort(axes.begin(), axes.end());
  const Expr reduced = node(Op::reduce, {x}, {{Key::kind, std::string(kind)}, {Key::axes, axes}});
  return keep ? unsqueeze(reduced, axes) : reduced;
}

Expr Builder::count(Expr x, const Ints& axes, DType type) {
  Expr n = c_.i64(1);
  for (int64_t axis : axes) n = ir::mul(c_, n, extent(x, axis));
  if (const auto known = ir::as_int(n)) return scalar_i(type, *known);
  return cast(from_scalar(n), type);
}

Expr Builder::reduce_mean(Expr x, Ints axes, bool keep) {
  for (int64_t& axis : axes) axis = axis_of(x, axis);
  if (!ok()) return x;
  const Expr n = count(x, axes, x->dtype());
  return div(reduce_sum(x, axes, keep), n);
}

Expr Builder::arg_reduce(std::string_view kind, Expr x, int64_t axis, bool keep, bool last) {
  axis = axis_of(x, axis);
  const Expr found =
      node(Op::arg_reduce, {x},
           {{Key::kind, std::string(kind)}, {Key::axis, axis}, {Key::last, int64_t{last ? 1 : 0}}});
  return keep && ok() ? unsqueeze(found, {axis}) : found;
}

}  // namespace tenon::ops
