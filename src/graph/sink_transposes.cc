// sink_transposes: how a convolution network gets its channels-last layout. The importer wraps each
// convolution in transposes; they move towards the results through pointwise operators, windows,
// reductions, pads, slices and concatenations until they meet their inverse, and products absorb
// them.
#include <algorithm>

#include "graph/pass.h"
#include "graph/transpose_util.h"
#include "ir/expr.h"
#include "ops/op.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

const Perm& perm_of(Expr n) { return n->ints_attr(Key::perm); }

/// transpose(x, perm) without a data movement, or nullptr.
Expr free_transpose(Rewriter& r, Expr x, const Perm& perm) {
  if (is_identity(perm)) return x;
  if (x->op == Op::transpose && is_identity(compose(perm_of(x), perm))) return x->operand(0);
  if (x->op == Op::constant) return transpose(r, x, perm);  // folded later
  if (x->op == Op::broadcast && (x->operand(0)->rank() <= 1 || x->operand(0)->op == Op::constant)) {
    const auto [order, dims] = transposed_broadcast(x->ints_attr(Key::dims), perm);
    const Type type = r.context().tensor(x->dtype(), permuted(x->shape(), perm));
    return r.make(Op::broadcast, {transpose(r, x->operand(0), order)}, {{Key::dims, dims}}, type);
  }
  return nullptr;
}

bool is_channel_move(const Perm& perm) {
  const auto rank = static_cast<int64_t>(perm.size());
  if (rank < 4) return false;  // of rank 3 the move is its own inverse and says nothing
  Perm to_first{0, rank - 1};
  for (int64_t i = 1; i + 1 < rank; ++i) to_first.push_back(i);
  return perm == to_first;
}

/// f(transpose(x), ...) = transpose(f(x, ...)).
Expr through_elementwise(Rewriter& r, Expr n) {
  if (n->rank() < 2) return nullptr;
  const Perm* perm = nullptr;
  for (Expr x : n->operands)
    if (x->op == Op::transpose && (perm == nullptr || is_channel_move(perm_of(x))))
      perm = &perm_of(x);
  if (perm == nullptr) return nullptr;
  const Perm keep = *perm;
  const Perm back = inverse(keep);
  std::vector<Expr> operands;
  for (Expr x : n->operands) {
    if (x->rank() != n->rank()) return nullptr;
    Expr moved = free_transpose(r, x, back);
    // Channels go last at the price of moving another operand: the next convolution wants them
    // there.
    if (moved == nullptr && is_channel_move(keep)) moved = transpose(r, x, back);
    if (moved == nullptr) return nullptr;
    operands.push_back(moved);
  }
  const Type type = r.context().tensor(n->dtype(), permuted(n->shape(), back));
  return transpose(
      r, r.make(n->op, operands, std::vector<Attr>(n->attrs.begin(), n->attrs.end()), type), keep);
}

Expr through_pad(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->op != Op::transpose) return nullptr;
  const Perm keep = perm_of(x);
  const Perm back = inverse(keep);
  std::vector<Attr> attrs{{Key::low, permuted(n->exprs_attr(Key::low), back)},
                          {Key::high, permuted(n->exprs_attr(Key::high), back)}};
  if (n->find(Key::interior) != nullptr)
    attrs.push_back({Key::interior, permuted(n->ints_attr(Key::interior), back)});
  const Type type = r.context().tensor(n->dtype(), permuted(n->shape(), back));
  return transpose(r, r.make(Op::pad, {x->operand(0), n->operand(1)}, std::move(attrs), type),
                   keep);
}

Expr through_window(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->op != Op::transpose) return nullptr;
  const Perm keep = perm_of(x);
  const Perm back = inverse(keep);
  std::vector<Attr> attrs;
  for (const Attr& a : n->attrs) {
    if (const auto* ints = std::get_if<std::vector<int64_t>>(&a.value)) {
      attrs.push_back({a.key, permuted(*ints, back)});
    } else if (const auto* exprs = std::get_if<std::vector<Expr>>(&a.value)) {
      attrs.push_back({a.key, permuted(*exprs, back)});
    } else {
      attrs.push_back(a);
    }
  }
  const Type type = r.context().tensor(n->dtype(), permuted(n->shape(), back));
  return transpose(r, r.make(Op::window, {x->operand(0)}, std::move(attrs), type), keep);
}

Expr through_slice(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->op != Op::transpose) return nullptr;
  const Perm keep = perm_of(x);
  const Perm back = inverse(keep);
  const Type type = r.context().tensor(n->dtype(), permuted(n->shape(), back));
  return transpose(r,
                   r.make(Op::slice, {x->operand(0)},
                          {{Key::starts, permuted(n->exprs_attr(Key::starts), back)},
                           {Key::strides, permuted(n->ints_attr(Key::strides), back)}},
                          type),
                   keep);
}

/// A list of indices along one axis (a resize that repeats pixels) leaves the axes where they are.
Expr through_gather(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->op != Op::transpose || n->operand(1)->rank() != 1) return nullptr;
  const Perm keep = perm_of(x);
  const int64_t axis = keep[static_cast<size_t>(n->int_attr(Key::axis))];
  return transpose(r, r.make(Op::gather, {x->operand(0), n->operand(1)}, {{Key::axis, axis}}),
                   keep);
}

Expr through_concat(Rewriter& r, Expr n) {
  const Perm* perm = nullptr;
  size_t movable = 0;
  for (Expr x : n->operands) {
    if (x->op != Op::transpose) continue;
    if (perm == nullptr) perm = &perm_of(x);
    if (perm_of(x) == *perm) ++movable;
  }
  if (perm == nullptr || 2 * movable < n->operands.size()) return nullptr;
  const Perm keep = *perm;
  if (movable != n->operands.size() && !is_channel_move(keep)) return nullptr;
  const Perm back = inverse(keep);
  std::vector<Expr> operands;
  for (Expr x : n->operands) operands.push_back(transpose(r, x, back));
  const int64_t axis = keep[static_cast<size_t>(n->int_attr(Key::axis))];
  return transpose(r, r.make(Op::concat, operands, {{Key::axis, axis}}), keep);
}

/// reduce(transpose(x), axes) = transpose(reduce(x, axes')).
Expr through_reduce(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->op != Op::transpose) return nullptr;
  const Perm& perm = perm_of(x);
  const std::vector<int64_t>& axes = n->ints_attr(Key::axes);
  std::vector<int64_t> inner;
  for (int64_t a : axes) inner.push_back(perm[static_cast<size_t>(a)]);
  std::sort(inner.begin(), inner.end());
  // Where the kept axes of the transposed tensor stand among the kept axes of x.
  Perm keep;
  for (size_t i = 0; i < perm.size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end()) continue;
    int64_t position = 0;
    for (int64_t a = 0; a < perm[i]; ++a)
      if (!std::binary_search(inner.begin(), inner.end(), a)) ++position;
    keep.push_back(position);
  }
  return transpose(r,
                   r.make(Op::reduce, {x->operand(0)},
                          {{Key::kind, n->string_attr(Key::kind)}, {Key::axes, inner}}),
                   keep);
}

/// A repeated tensor that is a transpose: repeat first where the axes stay in order.
Expr through_broadcast(Rewriter& r, Expr n) {
  const Expr x = n->operand(0);
  if (x->op != Op::transpose) return nullptr;
  const std::vector<int64_t>& dims = n->ints_attr(Key::dims);
  if (static_cast<int>(dims.size()) != n->rank()) return nullptr;
  const Perm keep = perm_of(x);
  const Type type = r.context().tensor(n->dtype(), permuted(n->shape(), inverse(keep)));
  std::vector<int64_t> all(dims.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  return transpose(r, r.make(Op::broadcast, {x->operand(0)}, {{Key::dims, all}}, type), keep);
}

/// A product reads its operands through any permutation that leaves the order of its free axes.
Expr into_dot(Rewriter& r, Expr n) {
  static constexpr Key kBatch[2] = {Key::batch_a, Key::batch_b};
  static constexpr Key kContract[2] = {Key::contract_a, Key::contract_b};
  for (size_t k = 0; k < 2; ++k) {
    const Expr x = n->operand(k);
    if (x->op != Op::transpose) continue;
    const Perm& perm = perm_of(x);
    const std::vector<int64_t>& batch = n->ints_attr(kBatch[k]);
    const std::vector<int64_t>& contract = n->ints_attr(kContract[k]);
    std::vector<int64_t> free;
    for (size_t i = 0; i < perm.size(); ++i) {
      const auto axis = static_cast<int64_t>(i);
      const bool bound = std::find(batch.begin(), batch.end(), axis) != batch.end() ||
                         std::find(contract.begin(), contract.end(), axis) != contract.end();
      if (!bound) free.push_back(perm[i]);
    }
    if (!std::is_sorted(free.begin(), free.end())) continue;
    std::vector<Attr> attrs;
    for (const Attr& a : n->attrs) {
      if (a.key != kBatch[k] && a.key != kContract[k]) {
        attrs.push_back(a);
        continue;
      }
      std::vector<int64_t> mapped;
      for (int64_t axis : std::get<std::vector<int64_t>>(a.value))
        mapped.push_back(perm[static_cast<size_t>(axis)]);
      attrs.push_back({a.key, mapped});
    }
    std::vector<Expr> operands(n->operands.begin(), n->operands.end());
    operands[k] = x->operand(0);
    return r.make(Op::dot, operands, std::move(attrs), n->type);
  }
  return nullptr;
}

bool makes_tiles(Expr x) { return x->op == Op::dot || x->op == Op::conv || is_elementwise(x->op); }

/// The operand in the shape of `like`, at no cost: a reshape, or a broadcast along axes that `like`
/// has.
Expr free_reshape(Rewriter& r, Expr y, Expr like) {
  const Type type = r.context().tensor(y->dtype(), like->shape());
  if (y->op != Op::broadcast) return r.make(Op::reshape, {y}, {}, type);
  const Expr small = y->operand(0);
  if (small->rank() == 0) return r.make(Op::broadcast, {small}, {{Key::dims, Perm{}}}, type);
  const bool last = small->rank() == 1 && y->ints_attr(Key::dims)[0] == y->rank() - 1 &&
                    y->shape().back() == like->shape().back() &&
                    small->shape()[0] == like->shape().back();
  return last ? r.make(Op::broadcast, {small}, {{Key::dims, Perm{like->rank() - 1}}}, type)
              : nullptr;
}

/// f(reshape(product), ...) = reshape(f(product, ...)): pointwise work stays next to the product
/// whose epilogue it can be. Reshapes cost nothing, so the other operands follow.
Expr through_reshape(Rewriter& r, Expr n) {
  Expr like = nullptr;
  for (Expr x : n->operands)
    if (x->op == Op::reshape && makes_tiles(x->operand(0)) && x->operand(0)->rank() >= 1 &&
        like == nullptr)
      like = x->operand(0);
  if (like == nullptr) return nullptr;
  std::vector<Expr> operands;
  for (Expr x : n->operands) {
    const Expr moved = free_reshape(r, x, like);
    if (moved == nullptr) return nullptr;
    operands.push_back(moved);
  }
  const Type type = r.context().tensor(n->dtype(), like->shape());
  const Expr inner =
      r.make(n->op, operands, std::vector<Attr>(n->attrs.begin(), n->attrs.end()), type);
  return r.make(Op::reshape, {inner}, {}, n->type);
}

constexpr Rule kSinkRules[] = {
    {"through_reshape", is_elementwise, through_reshape},
    {"through_elementwise", is_elementwise, through_elementwise},
    {"through_pad", is<Op::pad>, through_pad},
    {"through_window", is<Op::window>, through_window},
    {"through_slice", is<Op::slice>, through_slice},
    {"through_gather", is<Op::gather>, through_gather},
    {"through_concat", is<Op::concat>, through_concat},
    {"through_reduce", is<Op::reduce>, through_reduce},
    {"through_broadcast", is<Op::broadcast>, through_broadcast},
    {"into_dot", is<Op::dot>, into_dot},
};

}  // namespace

Status sink_transposes(PassContext& p, Function& f) {
  std::vector<Rule> rules(std::begin(kSinkRules), std::end(kSinkRules));
  rules.insert(rules.end(), canonical_rules().begin(), canonical_rules().end());
  Rewriter(p, rules).run(f);
  return {};
}

}  // namespace tenon::graph
