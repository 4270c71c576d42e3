// A rule of canonicalize: dot(cast<i32>(a), cast<i32>(b)) of bytes reads bytes, which are a quarter
// of the memory and what the dot-product instructions of a machine take; so too products in f32 of
// halves.
#include "graph/rules.h"
#include "graph/transpose_util.h"
#include "ops/contraction/contraction.h"
#include "ops/tensor.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

/// What moves elements and may as well move them before they are widened.
bool moves_only(Op op) { return op == Op::transpose || op == Op::reshape || op == Op::broadcast; }

/// The cast or constant that the value is but for the order of its elements; nullptr: neither.
Expr widened(Expr x) {
  while (moves_only(x->op)) x = x->operand(0);
  return x->op == Op::cast || x->op == Op::constant ? x : nullptr;
}

/// The constant with elements of that type, which represents them all; nullptr where it does not.
Expr narrow_constant(Context& c, Expr constant, DType to) {
  const ops::Tensor wide = ops::tensor_of(constant);
  ops::Tensor narrow = ops::Tensor::zeros(to, wide.shape);
  const std::vector<double> values = ops::all_f(wide);
  ops::write_f(narrow, 0, values);
  return ops::all_f(narrow) == values ? ops::constant_of(c, narrow) : nullptr;
}

/// What `widened` found with elements of type `to`; nullptr where it is of another type.
Expr narrow(Context& c, Expr x, DType to) {
  if (x->op == Op::constant) return narrow_constant(c, x, to);
  return x->operand(0)->dtype() == to ? x->operand(0) : nullptr;
}

/// `x` with `leaf` in place of what `widened` found in it.
Expr moved(Rewriter& r, Expr x, Expr leaf) {
  std::vector<Expr> moves;
  for (; moves_only(x->op); x = x->operand(0)) moves.push_back(x);
  for (size_t i = moves.size(); i-- > 0;)
    leaf = r.make(moves[i]->op, {leaf},
                  std::vector<Attr>(moves[i]->attrs.begin(), moves[i]->attrs.end()),
                  r.context().tensor(leaf->dtype(), moves[i]->shape()));
  return leaf;
}

}  // namespace

Expr narrow_product(Rewriter& r, Expr n) {
  constexpr DType kNarrow[] = {DType::i8, DType::u8, DType::bf16, DType::f16};
  if (n->find(Key::accumulate) != nullptr || n->string_attr_or(Key::product, "f32") != "f32")
    return nullptr;
  const Expr wide[2] = {widened(n->operand(0)), widened(n->operand(1))};
  if (wide[0] == nullptr || wide[1] == nullptr ||
      (wide[0]->op == Op::constant && wide[1]->op == Op::constant))
    return nullptr;
  // The cast first: constants are looked through only where its type has a partner.
  const size_t first = wide[0]->op == Op::cast ? 0 : 1;
  const DType type = wide[first]->operand(0)->dtype();
  for (const DType partner : kNarrow) {
    if (!ops::accumulates(first == 0 ? type : partner, first == 0 ? partner : type, n->dtype()))
      continue;
    const Expr other = narrow(r.context(), wide[1 - first], partner);
    if (other == nullptr) continue;
    const Expr leaves[2] = {first == 0 ? wide[0]->operand(0) : other,
                            first == 0 ? other : wide[1]->operand(0)};
    std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
    attrs.push_back({Key::accumulate, std::string(info(n->dtype()).name)});
    return r.make(n->op, {moved(r, n->operand(0), leaves[0]), moved(r, n->operand(1), leaves[1])},
                  std::move(attrs), n->type);
  }
  return nullptr;
}

}  // namespace tenon::graph
