// Local folds: what a node is when its operands alone say so. Exact rules only: x + 0.0 is not x
// for x = -0.0, x * 0 is not 0 for NaN. Constant folding is a graph pass.
#include <algorithm>
#include <cmath>

#include "ops/build.h"
#include "ops/tensor.h"

namespace tenon::ops {
namespace {

using ir::Key;
using ir::Op;

template <class T>
const T* attr(std::span<const ir::Attr> attrs, Key key) {
  for (const ir::Attr& a : attrs)
    if (a.key == key) return std::get_if<T>(&a.value);
  return nullptr;
}

bool is_literal(Expr e, double value) {
  if (e == nullptr) return false;
  if (!ir::is_float(e->dtype())) return static_cast<double>(e->int_attr(Key::value)) == value;
  const double have = e->float_attr(Key::value);
  return have == value && std::signbit(have) == std::signbit(value);
}

/// x op k == x.
bool is_right_neutral(Op op, Expr k) {
  const bool real = ir::is_float(k->dtype());
  switch (op) {
    case Op::add:
      return is_literal(k, real ? -0.0 : 0);
    case Op::sub:
      return is_literal(k, 0);
    case Op::mul:
    case Op::div:
    case Op::pow:
      return is_literal(k, 1);
    case Op::or_:
    case Op::xor_:
    case Op::shl:
    case Op::shr:
      return is_literal(k, 0);
    case Op::and_:
      return k->dtype() == ir::DType::boolean && is_literal(k, 1);
    default:
      return false;
  }
}

Expr fold_binary(Context& c, Op op, Type type, Expr a, Expr b) {
  if (a == b && a->type == type &&
      (op == Op::max || op == Op::min || op == Op::and_ || op == Op::or_))
    return a;
  if (a->type == type)
    if (const Expr k = splat_value(c, b); k != nullptr && is_right_neutral(op, k)) return a;
  const bool commutes =
      op == Op::add || op == Op::mul || op == Op::and_ || op == Op::or_ || op == Op::xor_;
  if (commutes && b->type == type)
    if (const Expr k = splat_value(c, a); k != nullptr && is_right_neutral(op, k)) return b;
  return nullptr;
}

bool is_identity(const Ints& perm) {
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != static_cast<int64_t>(i)) return false;
  return true;
}

Expr fold_broadcast(Context& c, Type type, Expr x, const Ints& dims) {
  if (x->type == type) return x;  // dims are ascending and cover all axes
  if (x->op != Op::broadcast) return nullptr;
  Ints joined;
  for (int64_t d : x->ints_attr(Key::dims)) joined.push_back(dims[static_cast<size_t>(d)]);
  // The inner node's own stretching must not be lost: each joined axis is 1 inside or equal
  // outside.
  for (size_t i = 0; i < joined.size(); ++i) {
    const Expr inner = x->operand(0)->shape()[i];
    if (!ir::is_int(inner, 1) && inner != type->shape[static_cast<size_t>(joined[i])])
      return nullptr;
  }
  return c.make(Op::broadcast, type, {x->operand(0)}, {{Key::dims, std::move(joined)}});
}

Expr fold_transpose(Context& c, Type type, Expr x, const Ints& perm) {
  if (is_identity(perm)) return x;
  if (x->op != Op::transpose) return nullptr;
  const Ints& inner = x->ints_attr(Key::perm);
  Ints joined;
  for (int64_t d : perm) joined.push_back(inner[static_cast<size_t>(d)]);
  if (is_identity(joined)) return x->operand(0);
  return c.make(Op::transpose, type, {x->operand(0)}, {{Key::perm, std::move(joined)}});
}

Expr fold_slice(Type type, Expr x, std::span<const ir::Attr> attrs) {
  if (x->type != type) return nullptr;
  for (Expr s : *attr<std::vector<Expr>>(attrs, Key::starts))
    if (!ir::is_int(s, 0)) return nullptr;
  for (int64_t s : *attr<Ints>(attrs, Key::strides))
    if (s != 1) return nullptr;
  return x;
}

Expr fold_pad(Type type, Expr x, std::span<const ir::Attr> attrs) {
  if (x->type != type) return nullptr;
  for (Key key : {Key::low, Key::high})
    for (Expr e : *attr<std::vector<Expr>>(attrs, key))
      if (!ir::is_int(e, 0)) return nullptr;
  for (int64_t n : *attr<Ints>(attrs, Key::interior))
    if (n != 0) return nullptr;
  return x;
}

Expr fold_concat(Exprs parts, std::span<const ir::Attr> attrs, Context& c, Type type) {
  if (parts.size() == 1) return parts[0];
  const auto axis = static_cast<size_t>(*attr<int64_t>(attrs, Key::axis));
  std::vector<Expr> kept;
  for (Expr p : parts)
    if (!ir::is_int(p->shape()[axis], 0)) kept.push_back(p);
  if (kept.size() == parts.size() || kept.empty()) return nullptr;
  if (kept.size() == 1) return kept[0]->type == type ? kept[0] : nullptr;
  return c.make(Op::concat, type, kept, {attrs.begin(), attrs.end()});
}

/// A reshape of x, or of what x is a reshape of where both shapes can hold at once: one of them may
/// rely on an extent that the other rules out.
Expr reshaped(Context& c, Type type, Expr x) {
  if (x->op == Op::reshape &&
      !provably_differ(c, ir::product(c, x->operand(0)->shape()), ir::product(c, type->shape)))
    x = x->operand(0);
  return x->type == type ? x : c.make(Op::reshape, type, {x});
}

/// A reduction over axes of extent 1 only keeps the values.
Expr fold_reduce(Context& c, Type type, Expr x, const Ints& axes) {
  if (axes.empty()) return x;
  for (int64_t axis : axes)
    if (!ir::is_int(x->shape()[static_cast<size_t>(axis)], 1)) return nullptr;
  return reshaped(c, type, x);
}

Expr fold_select(Context& c, Type type, Exprs operands) {
  const Expr k = splat_value(c, operands[0]);
  const Expr a = operands[1];
  const Expr b = operands[2];
  if (k != nullptr) {
    const Expr chosen = is_literal(k, 1) ? a : b;
    if (chosen->type == type) return chosen;
  }
  return a == b && a->type == type ? a : nullptr;
}

/// Known scalars are a constant.
Expr fold_from_scalars(Context& c, Type type, Exprs operands) {
  Tensor t = Tensor::zeros(
      type->dtype, Ints(static_cast<size_t>(type->rank()), static_cast<int64_t>(operands.size())));
  for (size_t i = 0; i < operands.size(); ++i) {
    const auto value = ir::as_int(operands[i]);
    if (!value) return nullptr;
    t.set_i(static_cast<int64_t>(i), *value);
  }
  return constant_of(c, t);
}

}  // namespace

Expr splat_value(Context& c, Expr x) {
  for (int steps = 0; steps < 8; ++steps) {
    if (x->op == Op::imm) return x;
    if (x->op == Op::constant) {
      for (Expr e : x->shape())
        if (!ir::is_int(e, 1)) return nullptr;
      const Tensor t = tensor_of(x);
      const Type scalar = c.scalar(t.dtype);
      return ir::is_float(t.dtype) ? c.imm_f(scalar, t.get_f(0)) : c.imm(scalar, t.get_i(0));
    }
    if (x->op != Op::broadcast && x->op != Op::reshape) return nullptr;
    x = x->operand(0);
  }
  return nullptr;
}

Expr fold_local(Context& c, Op op, Type type, Exprs operands, std::span<const ir::Attr> attrs) {
  const Expr x = operands.empty() ? nullptr : operands[0];
  switch (op) {
    case Op::cast:
      return x->type == type ? x : nullptr;
    case Op::neg:
    case Op::not_:
      return x->op == op ? x->operand(0) : nullptr;
    case Op::broadcast:
      return fold_broadcast(c, type, x, *attr<Ints>(attrs, Key::dims));
    case Op::reshape:
      if (x->type == type) return x;
      return x->op == Op::reshape ? reshaped(c, type, x) : nullptr;
    case Op::transpose:
      return fold_transpose(c, type, x, *attr<Ints>(attrs, Key::perm));
    case Op::slice:
      return fold_slice(type, x, attrs);
    case Op::pad:
      return fold_pad(type, x, attrs);
    case Op::concat:
      return fold_concat(operands, attrs, c, type);
    case Op::dynamic_slice:
      return x->type == type ? x : nullptr;
    case Op::from_scalars:
      return fold_from_scalars(c, type, operands);
    case Op::reduce:
      return fold_reduce(c, type, x, *attr<Ints>(attrs, Key::axes));
    case Op::select:
      return fold_select(c, type, operands);
    case Op::get:
      return x->op == Op::tuple ? x->operand(static_cast<size_t>(*attr<int64_t>(attrs, Key::index)))
                                : nullptr;
    default:
      break;
  }
  if (operands.size() == 2 && ir::is_elementwise(op))
    return fold_binary(c, op, type, operands[0], operands[1]);
  return nullptr;
}

}  // namespace tenon::ops
