#include "ops/composite/body.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "ir/rewrite.h"
#include "ops/tensor.h"
#include "support/check.h"

namespace tenon::ops::composite {

using ir::DType;
using ir::Key;
using ir::Op;

std::vector<Expr> Val::shape() const { return e == nullptr ? std::vector<Expr>{} : e->shape(); }

Expr Val::dim(int64_t axis) const {
  if (e == nullptr) return body->c.i64(1);
  return e->shape()[static_cast<size_t>(wrap_axis(axis, e->rank()))];
}

// ---- Body

Val Body::fail(std::string code, std::string message) {
  if (!error) error = Error{{{std::move(code), std::move(message)}}};
  return {this, nullptr};
}

Val Body::make(Op op, std::initializer_list<Val> operands, std::vector<ir::Attr> attrs,
               Type wanted) {
  return make(op, std::span<const Val>(operands.begin(), operands.size()), std::move(attrs),
              wanted);
}

Val Body::make(Op op, std::span<const Val> operands, std::vector<ir::Attr> attrs, Type wanted) {
  if (error) return {this, nullptr};
  Exprs nodes;
  for (const Val& v : operands) {
    if (!v) return {this, nullptr};
    nodes.push_back(v.e);
  }
  auto built = build(c, op, nodes, std::move(attrs), wanted);
  if (!built) {
    error = std::move(built).error();
    return {this, nullptr};
  }
  return {this, *built};
}

Val Body::lit(DType type, double value) {
  const Type scalar = c.scalar(type);
  if (ir::is_float(type)) return wrap(c.imm_f(scalar, value));
  return wrap(c.imm(scalar, static_cast<int64_t>(value)));
}

Val Body::lit(DType type, double value, const Exprs& shape) {
  return broadcast_in(lit(type, value), shape, {});
}

Val Body::number(Expr extent, DType type) {
  if (const auto known = ir::as_int(extent)) return lit(type, static_cast<double>(*known));
  const Val whole = make(Op::from_scalars, {wrap(extent)}, {}, c.index());
  return cast(type, whole);
}

Val Body::numbers(const Exprs& values) {
  std::vector<Val> operands;
  for (Expr e : values) operands.push_back(wrap(e));
  const Expr count = c.i64(static_cast<int64_t>(values.size()));
  return make(Op::from_scalars, operands, {},
              c.tensor(DType::i64, std::span<const Expr>(&count, 1)));
}

Val Body::iota(DType type, Exprs shape, int64_t axis) {
  return make(Op::iota, {}, {{Key::axis, wrap_axis(axis, static_cast<int64_t>(shape.size()))}},
              c.tensor(type, shape));
}

// ---- elementwise

Exprs broadcast_shape(Context& c, const Exprs& a, const Exprs& b) {
  const Exprs& longer = a.size() >= b.size() ? a : b;
  const Exprs& shorter = a.size() >= b.size() ? b : a;
  Exprs shape = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Expr& extent = shape[offset + i];
    if (ir::is_int(extent, 1)) extent = shorter[i];
  }
  (void)c;
  return shape;
}

Val unary(Op op, Val a) { return a.body->make(op, {a}); }

Val binary(Op op, Val a, Val b) {
  if (!a || !b) return {a.body, nullptr};
  if (a.shape() == b.shape()) return a.body->make(op, {a, b});
  const Exprs shape = broadcast_shape(a.body->c, a.shape(), b.shape());
  return a.body->make(op, {broadcast_to(a, shape), broadcast_to(b, shape)});
}

#define TENON_VAL_BINARY(name, op)                                                   \
  Val name(Val a, Val b) { return binary(Op::op, a, b); }                            \
  Val name(Val a, double b) { return binary(Op::op, a, a.body->lit(a.dtype(), b)); } \
  Val name(double a, Val b) { return binary(Op::op, b.body->lit(b.dtype(), a), b); }
TENON_VAL_BINARY(operator+, add)
TENON_VAL_BINARY(operator-, sub)
TENON_VAL_BINARY(operator*, mul)
TENON_VAL_BINARY(operator/, div)
TENON_VAL_BINARY(max, max)
TENON_VAL_BINARY(min, min)
TENON_VAL_BINARY(pow, pow)
TENON_VAL_BINARY(floordiv, floordiv)
TENON_VAL_BINARY(mod, mod)
TENON_VAL_BINARY(lt, lt)
TENON_VAL_BINARY(le, le)
TENON_VAL_BINARY(gt, gt)
TENON_VAL_BINARY(ge, ge)
TENON_VAL_BINARY(eq, eq)
TENON_VAL_BINARY(ne, ne)
#undef TENON_VAL_BINARY

Val operator-(Val a) { return unary(Op::neg, a); }
Val logical_and(Val a, Val b) { return binary(Op::and_, a, b); }
Val logical_or(Val a, Val b) { return binary(Op::or_, a, b); }
Val logical_not(Val a) { return unary(Op::not_, a); }
Val exp(Val a) { return unary(Op::exp, a); }
Val log(Val a) { return unary(Op::log, a); }
Val log1p(Val a) { return unary(Op::log1p, a); }
Val sqrt(Val a) { return unary(Op::sqrt, a); }
Val tanh(Val a) { return unary(Op::tanh, a); }
Val erf(Val a) { return unary(Op::erf, a); }
Val sigmoid(Val a) { return unary(Op::sigmoid, a); }
Val abs(Val a) { return unary(Op::abs, a); }
Val sign(Val a) { return unary(Op::sign, a); }
Val floor(Val a) { return unary(Op::floor, a); }
Val ceil(Val a) { return unary(Op::ceil, a); }
Val round(Val a) { return unary(Op::round, a); }
Val trunc(Val a) { return unary(Op::trunc, a); }
Val sin(Val a) { return unary(Op::sin, a); }
Val cos(Val a) { return unary(Op::cos, a); }
Val is_nan(Val a) { return unary(Op::is_nan, a); }
Val is_inf(Val a) { return unary(Op::is_inf, a); }

Val select(Val cond, Val a, Val b) {
  if (!cond || !a || !b) return {cond.body, nullptr};
  Context& c = cond.body->c;
  const Exprs shape = broadcast_shape(c, broadcast_shape(c, cond.shape(), a.shape()), b.shape());
  return cond.body->make(
      Op::select, {broadcast_to(cond, shape), broadcast_to(a, shape), broadcast_to(b, shape)});
}
Val select(Val cond, Val a, double b) { return select(cond, a, cond.body->lit(a.dtype(), b)); }
Val select(Val cond, double a, Val b) { return select(cond, cond.body->lit(b.dtype(), a), b); }

Val cast(DType to, Val a, bool saturate) {
  if (!a || a.dtype() == to) return a;
  std::vector<ir::Attr> attrs;
  if (saturate) attrs.push_back({Key::saturate, int64_t{1}});
  return a.body->make(Op::cast, {a}, std::move(attrs), a.body->c.tensor(to, a.shape()));
}

Val up(Val a) {
  const bool narrow = ir::is_float(a.dtype()) && ir::info(a.dtype()).bits < 32;
  return narrow ? cast(DType::f32, a) : a;
}

namespace {

constexpr int64_t kMaxSettled = int64_t{1} << 22;  // elements of all intermediate values

/// The extents where they are all literals.
std::optional<Ints> known_shape(Expr e) {
  if (!e->type->is_tensor()) return std::nullopt;
  Ints shape;
  for (Expr extent : e->shape()) {
    const auto n = ir::as_int(extent);
    if (!n || *n < 0) return std::nullopt;
    shape.push_back(*n);
  }
  return shape;
}

/// The node's value from those of its operands; empty where it is not known.
std::optional<Tensor> evaluate(Expr e, const std::unordered_map<Expr, Tensor>& values) {
  if (e->op == Op::imm || e->op == Op::constant) return tensor_of(e);
  const OpRow* row = find_op(e->op);
  const auto shape = known_shape(e);
  if (row == nullptr || row->eval == nullptr || !shape) return std::nullopt;
  std::vector<const Tensor*> operands;
  bool known = true;
  if (e->op == Op::from_scalars) {
    for (Expr operand : e->operands) known = known && ir::as_int(operand).has_value();
  } else {
    for (Expr operand : e->operands) {
      const auto found = values.find(operand);
      if (found == values.end()) return std::nullopt;
      operands.push_back(&found->second);
    }
  }
  const EvalArgs args{e, operands, *shape, [&](Expr extent) {
                        const auto value = ir::as_int(extent);
                        known = known && value.has_value();
                        return value.value_or(0);
                      }};
  if (!known) return std::nullopt;
  auto result = row->eval(args);
  if (!result || result->size() != 1 || !known) return std::nullopt;
  return std::move((*result)[0]);
}

}  // namespace

Val settled(Val v) {
  if (!v || v.e->op == Op::constant || v.e->op == Op::imm) return v;
  std::unordered_map<Expr, Tensor> values;
  int64_t elements = 0;
  for (Expr e : ir::post_order(std::span(&v.e, 1))) {
    const auto shape = known_shape(e);
    if (!shape) return v;
    elements += product(*shape);
    if (elements > kMaxSettled) return v;
    auto value = evaluate(e, values);
    if (!value) return v;
    values.emplace(e, *std::move(value));
  }
  return v.body->wrap(constant_of(v.body->c, values.at(v.e)));
}

// ---- shape and movement

Val broadcast_in(Val x, const Exprs& shape, const Ints& dims) {
  if (!x || x.shape() == shape) return x;
  return x.body->make(Op::broadcast, {x}, {{Key::dims, dims}}, x.body->c.tensor(x.dtype(), shape));
}

Val broadcast_to(Val x, const Exprs& shape) {
  Ints dims;
  const int64_t offset = static_cast<int64_t>(shape.size()) - x.rank();
  for (int64_t i = 0; i < x.rank(); ++i) dims.push_back(offset + i);
  return broadcast_in(x, shape, dims);
}

Val spread(Val reduced, Val like, const Ints& axes) {
  if (!reduced || !like) return {reduced.body, nullptr};
  Ints dims;
  for (int64_t i = 0; i < like.rank(); ++i) {
    const bool gone = std::any_of(axes.begin(), axes.end(),
                                  [&](int64_t a) { return wrap_axis(a, like.rank()) == i; });
    if (!gone) dims.push_back(i);
  }
  return broadcast_in(reduced, like.shape(), dims);
}

Val along(Val vector, int64_t axis, int rank) {
  if (!vector) return vector;
  const int64_t at = wrap_axis(axis, rank);
  if (at < 0 || at >= rank)
    return vector.body->fail("axis.C1", "axis " + std::to_string(axis) +
                                            " is out of range for rank " + std::to_string(rank));
  Exprs shape(static_cast<size_t>(rank), vector.body->c.i64(1));
  shape[static_cast<size_t>(wrap_axis(axis, rank))] = vector.dim(0);
  return reshape(vector, shape);
}

Val reshape(Val x, const Exprs& shape) {
  if (!x || x.shape() == shape) return x;
  return x.body->make(Op::reshape, {x}, {}, x.body->c.tensor(x.dtype(), shape));
}

Val unsqueeze(Val x, int64_t axis) {
  if (!x) return x;
  Exprs shape = x.shape();
  shape.insert(shape.begin() + wrap_axis(axis, x.rank() + 1), x.body->c.i64(1));
  return reshape(x, shape);
}

Val squeeze(Val x, int64_t axis) {
  if (!x) return x;
  Exprs shape = x.shape();
  shape.erase(shape.begin() + wrap_axis(axis, x.rank()));
  return reshape(x, shape);
}

Val transpose(Val x, const Ints& perm) {
  if (!x || std::is_sorted(perm.begin(), perm.end())) return x;
  return x.body->make(Op::transpose, {x}, {{Key::perm, perm}});
}

Val move_axis(Val x, int64_t from, int64_t to) {
  if (!x) return x;
  Ints perm;
  for (int64_t i = 0; i < x.rank(); ++i) perm.push_back(i);
  perm.erase(perm.begin() + wrap_axis(from, x.rank()));
  perm.insert(perm.begin() + wrap_axis(to, x.rank()), wrap_axis(from, x.rank()));
  return transpose(x, perm);
}

Val slice_at(Val x, int64_t axis, Expr start, Expr extent, int64_t stride) {
  if (!x) return x;
  Context& c = x.body->c;
  const size_t at = static_cast<size_t>(wrap_axis(axis, x.rank()));
  if (ir::is_int(start, 0) && extent == x.dim(axis) && stride == 1) return x;
  Exprs starts(x.shape().size(), c.i64(0));
  Ints strides(x.shape().size(), 1);
  Exprs shape = x.shape();
  starts[at] = start;
  strides[at] = stride;
  shape[at] = extent;
  return x.body->make(Op::slice, {x}, {{Key::starts, starts}, {Key::strides, strides}},
                      c.tensor(x.dtype(), shape));
}

Val slice(Val x, int64_t axis, int64_t start, Expr extent, int64_t stride) {
  return slice_at(x, axis, x.body->c.i64(start), extent, stride);
}

Val flip(Val x, int64_t axis) {
  if (!x) return x;
  return slice_at(x, axis, ir::sub(x.body->c, x.dim(axis), x.body->c.i64(1)), x.dim(axis), -1);
}

Val pad(Val x, const Exprs& low, const Exprs& high, double value) {
  if (!x) return x;
  const auto zero = [](Expr e) { return ir::is_int(e, 0); };
  if (std::all_of(low.begin(), low.end(), zero) && std::all_of(high.begin(), high.end(), zero))
    return x;
  return x.body->make(Op::pad, {x, x.body->lit(x.dtype(), value)},
                      {{Key::low, low}, {Key::high, high}, {Key::interior, Ints(low.size(), 0)}});
}

Val pad(Val x, int64_t axis, Expr low, Expr high, double value) {
  if (!x) return x;
  const size_t at = static_cast<size_t>(wrap_axis(axis, x.rank()));
  Exprs lows(x.shape().size(), x.body->c.i64(0));
  Exprs highs = lows;
  lows[at] = low;
  highs[at] = high;
  return pad(x, lows, highs, value);
}

Val concat(std::vector<Val> parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  return parts[0].body->make(Op::concat, parts, {{Key::axis, wrap_axis(axis, parts[0].rank())}});
}

Val gather(Val x, Val indices, int64_t axis) {
  return x.body->make(Op::gather, {x, indices}, {{Key::axis, wrap_axis(axis, x.rank())}});
}

Val reduce(const char* kind, Val x, const Ints& axes) {
  if (axes.empty()) return x;
  Ints wrapped;
  for (int64_t a : axes) wrapped.push_back(wrap_axis(a, x.rank()));
  std::sort(wrapped.begin(), wrapped.end());
  return x.body->make(Op::reduce, {x}, {{Key::kind, std::string(kind)}, {Key::axes, wrapped}});
}

Val mean(Val x, const Ints& axes) {
  Expr count = x.body->c.i64(1);
  for (int64_t a : axes) count = ir::mul(x.body->c, count, x.dim(a));
  return reduce("sum", x, axes) / x.body->number(count, x.dtype());
}

Val cumulative(const char* kind, Val x, int64_t axis, bool exclusive, bool reverse) {
  return x.body->make(Op::cumulative, {x},
                      {{Key::kind, std::string(kind)},
                       {Key::axis, wrap_axis(axis, x.rank())},
                       {Key::exclusive, int64_t{exclusive}},
                       {Key::reverse, int64_t{reverse}}});
}

Val dot(Val a, Val b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b) {
  return a.body->make(Op::dot, {a, b},
                      {{Key::batch_a, std::move(batch_a)},
                       {Key::batch_b, std::move(batch_b)},
                       {Key::contract_a, std::move(contract_a)},
                       {Key::contract_b, std::move(contract_b)}});
}

Sorted sort(Val x, int64_t axis, bool descending) {
  const Val pair = x.body->make(
      Op::sort, {x},
      {{Key::axis, wrap_axis(axis, x.rank())}, {Key::descending, int64_t{descending}}});
  return {get(pair, 0), get(pair, 1)};
}

Val get(Val tuple, int64_t index) {
  return tuple.body->make(Op::get, {tuple}, {{Key::index, index}});
}

Val gather_at(Val x, const std::vector<Val>& indices) {
  Body& b = *x.body;
  Val flat = b.lit(DType::i64, 0);
  for (int i = 0; i < x.rank(); ++i)
    flat = flat * b.number(x.dim(i)) + indices[static_cast<size_t>(i)];
  return gather(reshape(x, {ir::product(b.c, x.shape())}), flat, 0);
}

Val gather_elements(Val x, Val indices, int64_t axis) {
  return x.body->make(Op::gather_elements, {x, indices}, {{Key::axis, wrap_axis(axis, x.rank())}});
}

Val take(Val x, Val index) {
  if (!x) return x;
  Context& c = x.body->c;
  Exprs shape = x.shape();
  shape[0] = c.i64(1);
  std::vector<Val> operands{x, index};
  for (int i = 1; i < x.rank(); ++i) operands.push_back(x.body->lit(DType::i64, 0));
  return squeeze(x.body->make(Op::dynamic_slice, operands, {}, c.tensor(x.dtype(), shape)), 0);
}

namespace {
LoopResult build_loop(Body& b, Expr extent, Val trip, const std::vector<Val>& carried,
                      const std::vector<Val>& captured, const LoopStep& step) {
  LoopResult out{std::vector<Val>(carried.size(), {&b, nullptr}), {}};
  if (b.error) return out;
  Context& c = b.c;
  auto function = std::make_unique<ir::Function>();
  function->name = "step";
  Body inner(c);
  const auto param = [&](const std::string& name, Type type) {
    function->params.push_back(c.param(name, type));
    return inner.wrap(function->params.back());
  };
  const Val i = param("i", c.index());
  std::vector<Val> state, constants;
  for (const Val& v : carried)
    state.push_back(param("c" + std::to_string(state.size()), v.e->type));
  for (const Val& v : captured)
    constants.push_back(param("k" + std::to_string(constants.size()), v.e->type));
  const std::vector<Val> results = step(inner, i, state, constants);
  if (inner.error) {
    b.error = std::move(inner.error);
    return out;
  }
  function->results.push_back(c.bool_imm(true));
  std::vector<Type> types;
  for (size_t k = 0; k < results.size(); ++k) {
    TENON_CHECK(results[k].e != nullptr, "a loop's step returned an empty value");
    function->results.push_back(results[k].e);
    Exprs shape = results[k].shape();
    TENON_CHECK(k < carried.size() || extent != nullptr,
                "nothing can be stacked without a known extent");
    if (k >= carried.size()) shape.insert(shape.begin(), extent);
    types.push_back(k < carried.size() ? carried[k].e->type : c.tensor(results[k].dtype(), shape));
  }
  std::vector<Val> operands{trip, b.wrap(c.bool_imm(true))};
  operands.insert(operands.end(), carried.begin(), carried.end());
  operands.insert(operands.end(), captured.begin(), captured.end());
  const Val all = b.make(Op::loop, operands,
                         {{Key::body, c.add(std::move(function))},
                          {Key::carried, static_cast<int64_t>(carried.size())},
                          {Key::stacked, static_cast<int64_t>(results.size() - carried.size())}},
                         c.tuple(types));
  for (size_t k = 0; k < results.size(); ++k) {
    const Val v = get(all, static_cast<int64_t>(k));
    if (k < carried.size()) {
      out.carried[k] = v;
    } else {
      out.stacked.push_back(v);
    }
  }
  return out;
}
}  // namespace

LoopResult loop(Body& b, Expr trip, const std::vector<Val>& carried,
                const std::vector<Val>& captured, const LoopStep& step) {
  return build_loop(b, trip, b.number(trip), carried, captured, step);
}

LoopResult loop(Body& b, Val trip, const std::vector<Val>& carried,
                const std::vector<Val>& captured, const LoopStep& step) {
  return build_loop(b, nullptr, trip, carried, captured, step);
}

}  // namespace tenon::ops::composite
