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

Expr Val::dim(int64_t axis) const { return e == nullptr ? body->c.i64(1) : body->extent(e, axis); }

Val Body::fail(std::string code, std::string message) {
  refuse(std::move(code), std::move(message));
  return {this, nullptr};
}

Val Body::make(Op op, std::initializer_list<Val> operands, std::vector<ir::Attr> attrs,
               Type wanted) {
  return make(op, std::span<const Val>(operands.begin(), operands.size()), std::move(attrs),
              wanted);
}

namespace {
/// The nodes of the values; empty where one of them is.
std::optional<Exprs> nodes_of(std::span<const Val> values) {
  Exprs nodes;
  for (const Val& v : values) {
    if (!v) return std::nullopt;
    nodes.push_back(v.e);
  }
  return nodes;
}

/// What a function of the builder makes of a value; empty where the value is.
template <class... P, class... A>
Val call(Expr (Builder::*function)(Expr, P...), Val x, A&&... more) {
  return x ? x.body->wrap((x.body->*function)(x.e, std::forward<A>(more)...)) : x;
}
template <class... P, class... A>
Val call(Expr (Builder::*function)(Expr, Expr, P...), Val x, Val y, A&&... more) {
  if (!x || !y) return {x.body, nullptr};
  return x.body->wrap((x.body->*function)(x.e, y.e, std::forward<A>(more)...));
}
}  // namespace

Val Body::make(Op op, std::span<const Val> operands, std::vector<ir::Attr> attrs, Type wanted) {
  const auto nodes = nodes_of(operands);
  return nodes ? wrap(node(op, *nodes, std::move(attrs), wanted)) : Val{this, nullptr};
}

// ---- elementwise

Val unary(Op op, Val a) { return a ? a.body->wrap(a.body->unary(op, a.e)) : a; }

Val binary(Op op, Val a, Val b) {
  return a && b ? a.body->wrap(a.body->binary(op, a.e, b.e)) : Val{a.body, nullptr};
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
  return cond.body->wrap(cond.body->select(cond.e, a.e, b.e));
}
Val select(Val cond, Val a, double b) { return select(cond, a, cond.body->lit(a.dtype(), b)); }
Val select(Val cond, double a, Val b) { return select(cond, cond.body->lit(b.dtype(), a), b); }

Val cast(DType to, Val a, bool saturate) { return call(&Builder::cast, a, to, saturate); }

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
  constexpr int64_t kTooMany = kMaxSettled + 1;
  std::unordered_map<Expr, Tensor> values;
  int64_t elements = 0;
  for (Expr e : ir::post_order(std::span(&v.e, 1))) {
    const auto shape = known_shape(e);
    if (!shape) return v;
    int64_t count = 1;
    for (const int64_t extent : *shape)
      count = std::min(count * std::min(extent, kTooMany), kTooMany);
    elements += count;
    if (elements > kMaxSettled) return v;
    auto value = evaluate(e, values);
    if (!value) return v;
    values.emplace(e, *std::move(value));
  }
  return v.body->wrap(constant_of(v.body->c, values.at(v.e)));
}

// ---- shape and movement

Val broadcast_in(Val x, const Exprs& shape, const Ints& dims) {
  return call(&Builder::broadcast_in, x, shape, dims);
}
Val broadcast_to(Val x, const Exprs& shape) { return call(&Builder::broadcast_to, x, shape); }

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

Val reshape(Val x, const Exprs& shape) { return call(&Builder::reshape, x, shape); }
Val unsqueeze(Val x, int64_t axis) { return call(&Builder::unsqueeze, x, Ints{axis}); }
Val squeeze(Val x, int64_t axis) { return call(&Builder::squeeze, x, Ints{axis}); }
Val transpose(Val x, const Ints& perm) { return call(&Builder::transpose, x, perm); }

Val move_axis(Val x, int64_t from, int64_t to) {
  if (!x) return x;
  Ints perm;
  for (int64_t i = 0; i < x.rank(); ++i) perm.push_back(i);
  perm.erase(perm.begin() + wrap_axis(from, x.rank()));
  perm.insert(perm.begin() + wrap_axis(to, x.rank()), wrap_axis(from, x.rank()));
  return transpose(x, perm);
}

Val slice_at(Val x, int64_t axis, Expr start, Expr extent, int64_t stride) {
  return call(&Builder::slice_axis, x, axis, start, extent, stride);
}
Val slice(Val x, int64_t axis, int64_t start, Expr extent, int64_t stride) {
  return slice_at(x, axis, x.body->c.i64(start), extent, stride);
}
Val flip(Val x, int64_t axis) { return call(&Builder::flip, x, axis); }

Val pad(Val x, const Exprs& low, const Exprs& high, double value, const Ints& interior) {
  return x ? x.body->wrap(x.body->pad(x.e, x.body->like(x.e, value), low, high, interior)) : x;
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
  Body& b = *parts[0].body;
  const auto nodes = nodes_of(parts);
  return nodes ? b.wrap(b.concat(*nodes, axis)) : Val{&b, nullptr};
}

Val gather(Val x, Val indices, int64_t axis) { return call(&Builder::gather, x, indices, axis); }
Val gather_elements(Val x, Val indices, int64_t axis) {
  return call(&Builder::gather_elements, x, indices, axis);
}

Val reduce(const char* kind, Val x, const Ints& axes) {
  return x ? x.body->wrap(x.body->reduce(kind, x.e, axes)) : x;
}
Val mean(Val x, const Ints& axes) { return call(&Builder::mean, x, axes, false); }
Val arg_max(Val x, int64_t axis) {
  return x ? x.body->wrap(x.body->arg_reduce("max", x.e, axis)) : x;
}
Val cumulative(const char* kind, Val x, int64_t axis, bool exclusive, bool reverse) {
  return x ? x.body->wrap(x.body->cumulative(kind, x.e, axis, exclusive, reverse)) : x;
}

Val dot(Val a, Val b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b) {
  return call(&Builder::dot, a, b, std::move(batch_a), std::move(batch_b), std::move(contract_a),
              std::move(contract_b), "", "");
}
Val window(const char* kind, Val x, WindowAttrs attrs) {
  return x ? x.body->wrap(x.body->window(kind, x.e, std::move(attrs))) : x;
}

Sorted sort(Val x, int64_t axis, bool descending) {
  const Val pair = call(&Builder::sort, x, axis, descending);
  return {get(pair, 0), get(pair, 1)};
}

Val get(Val tuple, int64_t index) { return call(&Builder::get, tuple, index); }

Val gather_at(Val x, const std::vector<Val>& indices) {
  Body& b = *x.body;
  Val flat = b.lit(DType::i64, 0);
  for (int i = 0; i < x.rank(); ++i)
    flat = flat * b.number(x.dim(i)) + indices[static_cast<size_t>(i)];
  return gather(reshape(x, {ir::product(b.c, x.shape())}), flat, 0);
}

Val take(Val x, Val index) {
  if (!x || !index) return {x.body, nullptr};
  Context& c = x.body->c;
  Exprs shape = x.shape(), starts(shape.size(), c.i64(0));
  shape[0] = c.i64(1);
  starts[0] = index.e;
  return squeeze(x.body->wrap(x.body->dynamic_slice(x.e, starts, shape)), 0);
}

namespace {
/// The body of a loop, whose refusals are those of the body around it.
class StepBody : public Body {
 public:
  explicit StepBody(Body& outer) : Body(outer.c), outer_(outer) {}

 protected:
  void on_refusal(Error error) override {
    Body::on_refusal(error);
    outer_.refuse(std::move(error));
  }

 private:
  Body& outer_;
};

LoopResult build_loop(Body& b, Expr extent, Val trip, const std::vector<Val>& carried,
                      const std::vector<Val>& captured, const LoopStep& step) {
  LoopResult out{std::vector<Val>(carried.size(), {&b, nullptr}), {}};
  if (!b.ok()) return out;
  Context& c = b.c;
  auto function = std::make_unique<ir::Function>();
  function->name = "step";
  StepBody inner(b);
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
  if (!inner.ok()) return out;
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
  Exprs operands{trip.e, c.bool_imm(true)};
  for (const Val& v : carried) operands.push_back(v.e);
  for (const Val& v : captured) operands.push_back(v.e);
  const Val all = b.wrap(b.loop(operands, c.add(std::move(function)), carried.size(),
                                results.size() - carried.size(), types));
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
