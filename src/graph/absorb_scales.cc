// absorb_scales: mul(conv(x, w), s) = conv(x, w * s) and the same for dot, when w and s are
// constants; with a bias between, mul(add(conv, b), s) = add(conv * s, b * s). This is how batch
// norm vanishes.
#include <algorithm>

#include "graph/pass.h"
#include "graph/transpose_util.h"
#include "ir/expr.h"
#include "ops/op.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

/// A constant that is the same for all output positions: broadcast of a scalar or of a vector along
/// the last axis. Returns the small constant.
Expr channel_constant(Expr n) {
  if (n->op != Op::broadcast || n->operand(0)->op != Op::constant) return nullptr;
  const Expr small = n->operand(0);
  if (small->rank() == 0) return small;
  const std::vector<int64_t>& dims = n->ints_attr(Key::dims);
  for (size_t i = 0; i < dims.size(); ++i)
    if (!is_int(small->shape()[i], 1) && dims[i] != n->rank() - 1) return nullptr;
  return small;
}

/// A constant, or the reshape of one, which is folded later.
bool is_weights(Expr w) {
  return w->op == Op::constant || (w->op == Op::reshape && w->operand(0)->op == Op::constant);
}

/// The constant weights of a contraction whose output's last axis is the last axis of its weights,
/// which hold the scale's type.
bool has_scalable_weights(Expr n) {
  if (n->op != Op::conv && n->op != Op::dot) return false;
  const Expr w = n->operand(1);
  if (!is_weights(w) || w->dtype() != n->dtype()) return false;
  if (n->op == Op::conv) return true;
  const int64_t last = w->rank() - 1;
  const auto holds = [&](Key key) {
    const std::vector<int64_t>& axes = n->ints_attr(key);
    return std::find(axes.begin(), axes.end(), last) != axes.end();
  };
  return w->rank() > 0 && !holds(Key::contract_b) && !holds(Key::batch_b);
}

Expr scale_weights(Rewriter& r, Expr n, Expr scale) {
  const Expr w = n->operand(1);
  std::vector<int64_t> dims;
  for (int i = 0; i < scale->rank(); ++i) dims.push_back(w->rank() - scale->rank() + i);
  if (scale->rank() > 1) {
    // Extents of 1 in front of the channel axis say nothing.
    Context& c = r.context();
    scale = r.make(Op::reshape, {scale}, {},
                   c.tensor(scale->dtype(), std::vector<Expr>{scale->shape().back()}));
    dims = {w->rank() - 1};
  }
  const Expr repeated = r.make(Op::broadcast, {scale}, {{Key::dims, dims}}, w->type);
  const Expr operands[2] = {n->operand(0), r.make(Op::mul, {w, repeated})};
  return r.with_operands(n, operands);
}

Expr absorb(Rewriter& r, Expr n) {
  for (size_t k = 0; k < 2; ++k) {
    const Expr x = n->operand(k);
    const Expr factor = n->operand(1 - k);
    const Expr scale = channel_constant(factor);
    if (scale == nullptr || r.uses(x) != 1) continue;
    if (has_scalable_weights(x)) return scale_weights(r, x, scale);
    if (x->op != Op::add && x->op != Op::sub) continue;
    for (size_t j = 0; j < (x->op == Op::add ? 2 : 1); ++j) {
      const Expr product = x->operand(j);
      const Expr bias = x->operand(1 - j);
      if (!has_scalable_weights(product) || r.uses(product) != 1 ||
          channel_constant(bias) == nullptr)
        continue;
      const Expr scaled = scale_weights(r, product, scale);
      const Expr shifted = r.make(Op::mul, {bias, factor});
      return r.make(x->op, {scaled, shifted});
    }
  }
  return nullptr;
}

/// Two constants added one after the other are one: (x + a) + b = x + (a + b).
Expr merge_biases(Rewriter& r, Expr n) {
  if (!is_float(n->dtype())) return nullptr;
  for (size_t k = 0; k < 2; ++k) {
    const Expr inner = n->operand(k);
    const Expr outer_bias = n->operand(1 - k);
    if (inner->op != Op::add || r.uses(inner) != 1 || channel_constant(outer_bias) == nullptr)
      continue;
    for (size_t j = 0; j < 2; ++j)
      if (channel_constant(inner->operand(j)) != nullptr &&
          has_scalable_weights(inner->operand(1 - j)))
        return r.make(Op::add,
                      {inner->operand(1 - j), r.make(Op::add, {inner->operand(j), outer_bias})});
  }
  return nullptr;
}

constexpr Rule kRules[] = {
    {"absorb_scale", is<Op::mul>, absorb},
    {"merge_biases", is<Op::add>, merge_biases},
};

}  // namespace

Status absorb_scales(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

}  // namespace tenon::graph
