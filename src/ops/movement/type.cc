// Type rules of broadcast, reshape, transpose, slice, pad, concat, iota, from_scalars.
#include <algorithm>

#include "ops/movement/movement.h"
#include "ops/rule.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;

/// The proposed type is a tensor of element type `dtype`.
bool proposes(const TypeArgs& args, DType dtype) {
  return args.wanted != nullptr && args.wanted->is_tensor() && args.wanted->dtype == dtype;
}

}  // namespace

Result<Type> broadcast_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* dims = rule.ints(Key::dims);
  if (dims == nullptr) return rule.missing(Key::dims);
  if (!proposes(args, rule.operand(0)->dtype()))
    return rule.refuse(2, "a type of the operand's element type must be proposed");
  if (static_cast<int>(dims->size()) != rule.rank(0))
    return rule.refuse(1, "dims " + show(*dims) + " do not name one axis for each axis of " +
                              show(rule.operand(0)->type));
  TENON_TRY_VOID(rule.check_axes(1, *dims, args.wanted->rank()));
  if (!std::is_sorted(dims->begin(), dims->end()))
    return rule.refuse(1, "dims " + show(*dims) + " are not ascending");
  std::vector<Expr> shape = args.wanted->shape;
  for (size_t i = 0; i < dims->size(); ++i) {
    const Expr extent = rule.shape(0)[i];
    if (ir::is_int(extent, 1)) continue;
    Expr& out = shape[static_cast<size_t>((*dims)[i])];
    const auto both = rule.unify(out, extent);
    if (!both)
      return rule.refuse(3, "axis " + std::to_string(i) + " of " + show(rule.operand(0)->type) +
                                " is neither 1 nor the extent of axis " +
                                std::to_string((*dims)[i]) + " of " + show(args.wanted));
    out = *both;
  }
  return args.c.tensor(args.wanted->dtype, shape);
}

Result<Type> reshape_type(const TypeArgs& args) {
  const Rule rule(args);
  if (!proposes(args, rule.operand(0)->dtype()))
    return rule.refuse(1, "a type of the operand's element type must be proposed");
  if (!rule.may_equal(ir::product(args.c, rule.shape(0)), ir::product(args.c, args.wanted->shape)))
    return rule.refuse(2, show(rule.operand(0)->type) + " and " + show(args.wanted) +
                              " have different numbers of elements");
  return args.wanted;
}

Result<Type> transpose_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* perm = rule.ints(Key::perm);
  if (perm == nullptr) return rule.missing(Key::perm);
  if (static_cast<int>(perm->size()) != rule.rank(0))
    return rule.refuse(
        1, "perm " + show(*perm) + " does not list the axes of " + show(rule.operand(0)->type));
  TENON_TRY_VOID(rule.check_axes(1, *perm, rule.rank(0)));
  std::vector<Expr> shape;
  for (int64_t axis : *perm) shape.push_back(rule.shape(0)[static_cast<size_t>(axis)]);
  return args.c.tensor(rule.operand(0)->dtype(), shape);
}

Result<Type> slice_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* starts = rule.exprs(Key::starts);
  const auto* strides = rule.ints(Key::strides);
  if (starts == nullptr) return rule.missing(Key::starts);
  if (strides == nullptr) return rule.missing(Key::strides);
  const size_t rank = rule.shape(0).size();
  if (starts->size() != rank || strides->size() != rank ||
      !proposes(args, rule.operand(0)->dtype()) || args.wanted->shape.size() != rank)
    return rule.refuse(1, "starts, strides and the proposed type must cover the axes of " +
                              show(rule.operand(0)->type));
  Context& c = args.c;
  for (size_t i = 0; i < rank; ++i) {
    if ((*strides)[i] == 0)
      return rule.refuse(2, "the stride of axis " + std::to_string(i) + " is 0");
    const Expr extent = args.wanted->shape[i];
    if (ir::is_int(extent, 0)) continue;
    const Expr first = (*starts)[i];
    const Expr last =
        ir::add(c, first, ir::mul(c, c.i64((*strides)[i]), ir::sub(c, extent, c.i64(1))));
    const bool known = ir::as_int(extent).has_value();
    const bool below =
        provably_less(c, first, c.i64(0)) || (known && provably_less(c, last, c.i64(0)));
    const bool above = provably_less(c, ir::sub(c, rule.shape(0)[i], c.i64(1)), first) ||
                       (known && provably_less(c, ir::sub(c, rule.shape(0)[i], c.i64(1)), last));
    if (below || (above && known) || provably_less(c, extent, c.i64(0)))
      return rule.refuse(3, "axis " + std::to_string(i) + " of " + show(rule.operand(0)->type) +
                                " does not hold the range that gives " + show(args.wanted));
    const bool ascending = (*strides)[i] > 0;
    const Expr inside = ir::logical_and(c, ir::le(c, c.i64(0), ascending ? first : last),
                                        ir::lt(c, ascending ? last : first, rule.shape(0)[i]));
    const Expr none = ir::le(c, extent, c.i64(0));
    rule.rely_on(c.make(ir::Op::or_, c.boolean(), {none, inside}));
  }
  return args.wanted;
}

Result<Type> pad_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* low = rule.exprs(Key::low);
  const auto* high = rule.exprs(Key::high);
  const auto* interior = rule.ints(Key::interior);
  if (low == nullptr) return rule.missing(Key::low);
  if (high == nullptr) return rule.missing(Key::high);
  if (interior == nullptr) return rule.missing(Key::interior);
  const size_t rank = rule.shape(0).size();
  if (low->size() != rank || high->size() != rank || interior->size() != rank ||
      std::any_of(interior->begin(), interior->end(), [](int64_t n) { return n < 0; }))
    return rule.refuse(1, "low, high and interior (not negative) must cover the axes of " +
                              show(rule.operand(0)->type));
  if (rule.operand(1)->type != args.c.scalar(rule.operand(0)->dtype()))
    return rule.refuse(2, "the filling " + show(rule.operand(1)->type) +
                              " is not a scalar of the type of " + show(rule.operand(0)->type));
  Context& c = args.c;
  std::vector<Expr> shape;
  for (size_t i = 0; i < rank; ++i) {
    Expr inner = rule.shape(0)[i];
    if ((*interior)[i] != 0) {
      const Expr gaps = ir::max(c, ir::sub(c, inner, c.i64(1)), c.i64(0));
      inner = ir::add(c, inner, ir::mul(c, gaps, c.i64((*interior)[i])));
    }
    shape.push_back(tidy(c, ir::add(c, ir::add(c, inner, (*low)[i]), (*high)[i])));
    if (provably_less(c, shape.back(), c.i64(0)))
      return rule.refuse(3, "axis " + std::to_string(i) + " of " + show(rule.operand(0)->type) +
                                " is cropped by more than its extent");
  }
  return c.tensor(rule.operand(0)->dtype(), shape);
}

Result<Type> concat_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  const auto at = static_cast<size_t>(*axis);
  std::vector<Expr> shape = rule.shape(0);
  for (size_t k = 1; k < args.operands.size(); ++k) {
    const Type type = rule.operand(k)->type;
    if (type->dtype != rule.operand(0)->dtype() || type->rank() != rule.rank(0))
      return rule.refuse(2, show(rule.operand(0)->type) + " and " + show(type) +
                                " differ in element type or rank");
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i == at) {
        shape[i] = ir::add(args.c, shape[i], type->shape[i]);
        continue;
      }
      const auto both = rule.unify(shape[i], type->shape[i]);
      if (!both)
        return rule.refuse(3, show(rule.operand(0)->type) + " and " + show(type) +
                                  " differ off axis " + std::to_string(*axis));
      shape[i] = *both;
    }
  }
  shape[at] = tidy(args.c, shape[at]);
  return args.c.tensor(rule.operand(0)->dtype(), shape);
}

Result<Type> iota_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  if (args.wanted == nullptr || !args.wanted->is_tensor() || args.wanted->dtype == DType::boolean)
    return rule.refuse(1, "a numeric tensor type must be proposed");
  TENON_TRY_VOID(rule.check_axis(2, *axis, args.wanted->rank()));
  return args.wanted;
}

Result<Type> from_scalars_type(const TypeArgs& args) {
  const Rule rule(args);
  // A condition over extents, for a branch.
  if (args.wanted == args.c.boolean() && args.operands.size() == 1 &&
      rule.operand(0)->type == args.c.boolean())
    return args.wanted;
  for (Expr e : args.operands)
    if (e->type != args.c.index())
      return rule.refuse(1, "operand of type " + show(e->type) + " is not an i64 scalar");
  const auto count = static_cast<int64_t>(args.operands.size());
  const Type vector = args.c.tensor(DType::i64, {count});
  if (args.wanted == nullptr || args.wanted == vector) return vector;
  if (args.wanted == args.c.index() && count == 1) return args.wanted;
  return rule.refuse(2, std::to_string(count) + " scalars do not make " + show(args.wanted));
}

}  // namespace tenon::ops
