// canonicalize: one spelling for equal things, so that later passes need one pattern each.
#include <algorithm>
#include <numeric>

#include "graph/pass.h"
#include "graph/rules.h"
#include "graph/transpose_util.h"
#include "ir/dtype.h"
#include "ir/expr.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

Expr merge_reshapes(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->shape() == n->shape()) return x;
  return x->op == Op::reshape ? r.make(Op::reshape, {x->operand(0)}, {}, n->type) : nullptr;
}

Expr merge_transposes(Rewriter& r, Expr n) {
  const std::vector<int64_t>& perm = n->ints_attr(Key::perm);
  const Expr x = n->operand(0);
  if (is_identity(perm)) return x;
  if (x->op == Op::transpose)
    return transpose(r, x->operand(0), compose(x->ints_attr(Key::perm), perm));
  // Moving axes of extent 1 only changes no byte.
  std::vector<int64_t> moved;
  for (int64_t p : perm)
    if (!is_int(x->shape()[static_cast<size_t>(p)], 1)) moved.push_back(p);
  if (std::is_sorted(moved.begin(), moved.end())) return r.make(Op::reshape, {x}, {}, n->type);
  return nullptr;
}

Expr drop_identity_broadcast(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  const std::vector<int64_t>& dims = n->ints_attr(Key::dims);
  if (x->shape() == n->shape()) return x;
  if (x->op == Op::broadcast) {
    std::vector<int64_t> through;
    for (int64_t d : x->ints_attr(Key::dims)) through.push_back(dims[static_cast<size_t>(d)]);
    // An axis that the inner one repeats and the outer one keeps stays repeated.
    return r.make(Op::broadcast, {x->operand(0)}, {{Key::dims, through}}, n->type);
  }
  // broadcast(reshape(x)) where the reshape only adds or drops axes of extent 1 around x's own
  // axes.
  if (x->op == Op::reshape) {
    const Expr y = x->operand(0);
    std::vector<int64_t> axes;
    size_t at = 0;
    for (Expr extent : y->shape()) {
      while (at < x->shape().size() && x->shape()[at] != extent && is_int(x->shape()[at], 1)) ++at;
      if (at == x->shape().size() || x->shape()[at] != extent) return nullptr;
      axes.push_back(dims[at++]);
    }
    while (at < x->shape().size() && is_int(x->shape()[at], 1)) ++at;
    if (at != x->shape().size()) return nullptr;
    return r.make(Op::broadcast, {y}, {{Key::dims, axes}}, n->type);
  }
  return nullptr;
}

Expr drop_whole_slice(Rewriter&, Expr n) {
  const Expr x = n->operand(0);
  if (n->shape() != x->shape()) return nullptr;
  const std::vector<int64_t>& strides = n->ints_attr(Key::strides);
  const bool whole = std::all_of(strides.begin(), strides.end(), [](int64_t s) { return s == 1; });
  return whole ? x : nullptr;
}

Expr drop_empty_pad(Rewriter&, Expr n) {
  const auto zero = [](Expr e) { return is_int(e, 0); };
  const std::vector<Expr>& low = n->exprs_attr(Key::low);
  const std::vector<Expr>& high = n->exprs_attr(Key::high);
  const AttrValue* interior = n->find(Key::interior);
  if (!std::all_of(low.begin(), low.end(), zero) || !std::all_of(high.begin(), high.end(), zero))
    return nullptr;
  if (interior != nullptr)
    for (int64_t i : n->ints_attr(Key::interior))
      if (i != 0) return nullptr;
  return n->operand(0);
}

/// How many parts of a concatenation one kernel writes. Scheduling a kernel takes the square of its
/// blocks, and sizes without a number take as long again to reason about.
size_t most_parts(Expr concat) {
  const auto axis = static_cast<size_t>(concat->int_attr(Key::axis));
  const bool numbers = std::all_of(concat->operands.begin(), concat->operands.end(),
                                   [&](Expr x) { return as_int(x->shape()[axis]).has_value(); });
  return numbers ? 256 : 32;
}

Expr flatten_concat(Rewriter& r, Expr n) {
  if (n->operands.size() == 1) return n->operand(0);
  const int64_t axis = n->int_attr(Key::axis);
  const size_t most = most_parts(n);
  std::vector<Expr> kept;
  size_t waiting = n->operands.size();
  for (Expr x : n->operands) {
    --waiting;
    if (is_int(x->shape()[static_cast<size_t>(axis)], 0)) continue;
    if (x->op == Op::concat && x->int_attr(Key::axis) == axis && r.uses(x) == 1 &&
        kept.size() + x->operands.size() + waiting <= most) {
      kept.insert(kept.end(), x->operands.begin(), x->operands.end());
    } else {
      kept.push_back(x);
    }
  }
  if (kept.empty() || (kept.size() == n->operands.size() &&
                       std::equal(kept.begin(), kept.end(), n->operands.begin())))
    return nullptr;
  return r.make(Op::concat, kept, {{Key::axis, axis}});
}

/// Very many parts are put together in levels: one more copy for each, instead of one huge kernel.
Expr part_wide_concat(Rewriter& r, Expr n) {
  const int64_t axis = n->int_attr(Key::axis);
  const std::vector<Expr> all(n->operands.begin(), n->operands.end());
  const size_t most = most_parts(n);
  if (all.size() <= most) return nullptr;
  std::vector<Expr> parts;
  for (size_t first = 0; first < all.size(); first += most) {
    const size_t count = std::min(most, all.size() - first);
    parts.push_back(r.make(Op::concat, std::span(all).subspan(first, count), {{Key::axis, axis}}));
  }
  return r.make(Op::concat, parts, {{Key::axis, axis}});
}

Expr drop_cast(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->dtype() == n->dtype()) return x;
  if (x->op != Op::cast) return nullptr;
  // A cast to a wider type of the same kind loses nothing, so the inner one may go.
  const DTypeInfo& inner = info(x->operand(0)->dtype());
  const DTypeInfo& middle = info(x->dtype());
  const bool float_exact =
      inner.kind == DTypeKind::real && middle.kind == DTypeKind::real &&
      (x->dtype() == DType::f64 || (x->dtype() == DType::f32 && inner.bits <= 16));
  const bool int_exact =
      inner.kind == middle.kind && inner.kind != DTypeKind::real && inner.bits <= middle.bits;
  if (!float_exact && !int_exact) return nullptr;
  return r.make(Op::cast, {x->operand(0)}, std::vector<Attr>(n->attrs.begin(), n->attrs.end()),
                n->type);
}

Expr get_of_tuple(Rewriter&, Expr n) {
  const Expr x = n->operand(0);
  return x->op == Op::tuple ? x->operand(static_cast<size_t>(n->int_attr(Key::index))) : nullptr;
}

/// A body that captures a constant reads it itself: its weights can then be folded and packed.
Expr constants_into_bodies(Rewriter& r, Expr n) {
  Context& c = r.context();
  const size_t first = n->op == Op::loop ? 2 + static_cast<size_t>(n->int_attr(Key::carried)) : 1;
  std::vector<size_t> drop;
  for (size_t i = first; i < n->operands.size(); ++i)
    if (n->operand(i)->op == Op::constant) drop.push_back(i);
  if (drop.empty()) return nullptr;
  std::vector<Expr> operands;
  for (size_t i = 0; i < n->operands.size(); ++i)
    if (!std::binary_search(drop.begin(), drop.end(), i)) operands.push_back(n->operand(i));
  std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
  for (Attr& a : attrs) {
    const auto* held = std::get_if<const Function*>(&a.value);
    if (held == nullptr) continue;
    auto body = std::make_unique<Function>(**held);
    // Params of a loop body: iteration, carried.., captured..; of a branch: captured only.
    Map map;
    std::vector<Expr> params;
    for (size_t i = 0; i < body->params.size(); ++i) {
      const size_t operand = i + 1;  // the condition (or the trip count) has no param
      if (std::binary_search(drop.begin(), drop.end(), operand)) {
        map.emplace(body->params[i], n->operand(operand));
      } else {
        params.push_back(body->params[i]);
      }
    }
    for (Expr& result : body->results) result = substitute(c, result, map);
    for (Binding& b : body->bindings) b.tensor = substitute(c, b.tensor, map);
    body->params = std::move(params);
    Rewriter(r.pass(), canonical_rules()).run(*body);  // the constants meet the rules there
    a.value = c.add(std::move(body));
  }
  return c.make(n->op, n->type, operands, std::move(attrs));
}

bool is_product(Op op) { return op == Op::dot || op == Op::conv; }

bool has_body(Op op) { return op == Op::loop || op == Op::if_; }

/// Scalar literals become constants, so that passes know one kind of known value.
Expr literal_to_constant(Rewriter& r, Expr n) {
  return ops::constant_of(r.context(), ops::tensor_of(n));
}

constexpr Rule kRules[] = {
    {"literal_to_constant", is<Op::imm>, literal_to_constant},
    {"merge_reshapes", is<Op::reshape>, merge_reshapes},
    {"merge_transposes", is<Op::transpose>, merge_transposes},
    {"drop_identity_broadcast", is<Op::broadcast>, drop_identity_broadcast},
    {"drop_whole_slice", is<Op::slice>, drop_whole_slice},
    {"drop_empty_pad", is<Op::pad>, drop_empty_pad},
    {"flatten_concat", is<Op::concat>, flatten_concat},
    {"part_wide_concat", is<Op::concat>, part_wide_concat},
    {"drop_cast", is<Op::cast>, drop_cast},
    {"narrow_product", is_product, narrow_product},
    {"get_of_tuple", is<Op::get>, get_of_tuple},
    {"constants_into_bodies", has_body, constants_into_bodies},
};

}  // namespace

std::span<const Rule> canonical_rules() { return kRules; }

Status canonicalize(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

}  // namespace tenon::graph
