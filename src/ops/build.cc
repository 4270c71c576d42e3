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
  refuse(Error{{{std::move(code), std::move(message)}}});
}
void Builder::refuse(Error error) { on_refusal(std::move(error)); }
void Builder::on_refusal(Error error) {
  if (ok()) status_ = tl::make_unexpected(std::move(error));
}

Expr Builder::fallback(Exprs operands) const { return operands.empty() ? c.i64(0) : operands[0]; }

int64_t Builder::axis_of(Expr x, int64_t axis, int64_t extra) {
  const int64_t rank = x->rank() + extra;
  if (axis < -rank || axis >= rank) {
    refuse("axis.C1", "axis " + std::to_string(axis) + " is outside of " + show(x->type));
    return 0;
  }
  return axis < 0 ? axis + rank : axis;
}

Expr Builder::checked(Op op, Exprs operands, std::vector<ir::Attr> attrs, Type wanted) {
  if (!ok()) return fallback(operands);
  const size_t before = c.node_count();
  Result<Expr> built = build(c, op, operands, std::move(attrs), wanted);
  if (!built) {
    refuse(std::move(built).error());
    return fallback(operands);
  }
  if ((*built)->id >= before) on_new(*built);
  return *built;
}

Expr Builder::node(Op op, Exprs operands, std::vector<ir::Attr> attrs, Type wanted) {
  const Expr built = checked(op, operands, std::move(attrs), wanted);
  return ok() ? known_form(built) : built;
}
Expr Builder::node(Op op, std::initializer_list<Expr> operands, std::vector<ir::Attr> attrs,
                   Type wanted) {
  return node(op, Exprs(operands.begin(), operands.size()), std::move(attrs), wanted);
}

// ---- literals

Expr Builder::scalar(DType type, double value) {
  return ir::is_float(type) ? c.imm_f(c.scalar(type), value)
                            : c.imm(c.scalar(type), float_to_int(DType::i64, value));
}
Expr Builder::scalar_i(DType type, int64_t value) {
  return ir::is_float(type) ? c.imm_f(c.scalar(type), static_cast<double>(value))
                            : c.imm(c.scalar(type), value);
}
Expr Builder::full(DType type, double value, Exprs shape) {
  return broadcast_in(scalar(type, value), shape, {});
}
Expr Builder::constant(const Tensor& value, std::string name) {
  if (value.shape.empty())
    return ir::is_float(value.dtype) ? scalar(value.dtype, value.get_f(0))
                                     : scalar_i(value.dtype, value.get_i(0));
  const size_t before = c.node_count();
  const Expr node = constant_of(c, value, std::move(name));
  if (node->id >= before) on_new(node);
  return node;
}
Expr Builder::from_scalars(Exprs scalars) { return node(Op::from_scalars, scalars); }
Expr Builder::from_scalar(Expr scalar, DType type) {
  if (const auto known = ir::as_int(scalar)) return scalar_i(type, *known);
  return cast(node(Op::from_scalars, {scalar}, {}, c.index()), type);
}

// ---- elementwise

Expr Builder::binary(Op op, Expr a, Expr b) {
  const std::vector<Expr> shape = merge_shapes({a->shape(), b->shape()});
  return node(op, {broadcast_to(a, shape), broadcast_to(b, shape)});
}

Expr Builder::select(Expr condition, Expr a, Expr b) {
  const std::vector<Expr> shape = merge_shapes({condition->shape(), a->shape(), b->shape()});
  return node(Op::select,
              {broadcast_to(condition, shape), broadcast_to(a, shape), broadcast_to(b, shape)});
}

Expr Builder::cast(Expr x, DType to, bool saturate) {
  if (x->dtype() == to) return x;
  std::vector<ir::Attr> attrs;
  if (saturate) attrs.push_back({Key::saturate, int64_t{1}});
  return node(Op::cast, {x}, std::move(attrs), c.tensor(to, x->shape()));
}

// ---- structure

Expr Builder::get(Expr tuple, int64_t index) {
  return node(Op::get, {tuple}, {{Key::index, index}});
}
Expr Builder::choose(Exprs operands, const ir::Function* then, const ir::Function* otherwise,
                     std::span<const Type> results) {
  return node(Op::if_, operands, {{Key::then, then}, {Key::else_, otherwise}}, c.tuple(results));
}
Expr Builder::loop(Exprs operands, const ir::Function* body, size_t carried, size_t stacked,
                   std::span<const Type> results) {
  return node(Op::loop, operands,
              {{Key::body, body},
               {Key::carried, static_cast<int64_t>(carried)},
               {Key::stacked, static_cast<int64_t>(stacked)}},
              c.tuple(results));
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
  // No batch axes of b: a[.., k] x b[k, n]; a vector a contracts with the second last axis of b.
  if (a->rank() == 1 || b->rank() <= 2)
    return dot(a, b, {}, {}, {a->rank() - 1}, {std::max(b->rank() - 2, 0)});
  const Exprs of_a = a->shape(), of_b = b->shape();
  const size_t batch_a = of_a.size() - 2, batch_b = of_b.size() - 2;
  Ints added;
  for (int64_t i = a->rank(); i < b->rank(); ++i) added.push_back(i - a->rank());
  // Leading axes of extent 1 of b fold away: a[.., m, k] x b[1, k, n].
  if (std::all_of(of_b.begin(), of_b.end() - 2, [](Expr e) { return ir::is_int(e, 1); }))
    return unsqueeze(dot(a, reshape(b, of_b.last(2)), {}, {}, {a->rank() - 1}, {0}), added);
  // Both carry matrices; leading axes broadcast.
  const std::vector<Expr> batch = merge_shapes({of_a.first(batch_a), of_b.first(batch_b)});
  const auto widen = [&](Expr x) {
    std::vector<Expr> shape = batch;
    shape.insert(shape.end(), x->shape().end() - 2, x->shape().end());
    return broadcast_to(x, shape);
  };
  const Expr wide_a = widen(a), wide_b = widen(b);
  const auto n = static_cast<int64_t>(batch.size());
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
  or_zeros(c, attrs.low, spatial);
  or_zeros(c, attrs.high, spatial);
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
  or_zeros(c, attrs.low, rank);
  or_zeros(c, attrs.high, rank);
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
  if (!ok() || axes.empty()) return x;
  std::sort(axes.begin(), axes.end());
  const Expr reduced = node(Op::reduce, {x}, {{Key::kind, std::string(kind)}, {Key::axes, axes}});
  return keep ? unsqueeze(reduced, axes) : reduced;
}

Expr Builder::count(Expr x, const Ints& axes, DType type) {
  Expr n = c.i64(1);
  for (int64_t axis : axes) n = ir::mul(c, n, extent(x, axis));
  return from_scalar(simplify(n), type);
}

Expr Builder::mean(Expr x, const Ints& axes, bool keep) {
  const Expr sum = reduce("sum", x, axes, keep);
  return ok() ? div(sum, count(x, axes, x->dtype())) : x;
}

Expr Builder::arg_reduce(std::string_view kind, Expr x, int64_t axis, bool keep, bool last) {
  axis = axis_of(x, axis);
  const Expr found =
      node(Op::arg_reduce, {x},
           {{Key::kind, std::string(kind)}, {Key::axis, axis}, {Key::last, int64_t{last ? 1 : 0}}});
  return keep ? unsqueeze(found, {axis}) : found;
}

Expr Builder::cumulative(std::string_view kind, Expr x, int64_t axis, bool exclusive,
                         bool reverse) {
  axis = axis_of(x, axis);
  return node(Op::cumulative, {x},
              {{Key::kind, std::string(kind)},
               {Key::axis, axis},
               {Key::exclusive, int64_t{exclusive}},
               {Key::reverse, int64_t{reverse}}});
}

Expr Builder::sort(Expr x, int64_t axis, bool descending) {
  axis = axis_of(x, axis);
  return node(Op::sort, {x}, {{Key::axis, axis}, {Key::descending, int64_t{descending}}});
}

}  // namespace tenon::ops
