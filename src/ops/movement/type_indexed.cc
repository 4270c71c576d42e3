// Type rules of gather, gather_elements, gather_nd, dynamic_slice.
#include <algorithm>

#include "ops/movement/movement.h"
#include "ops/rule.h"
#include "ops/tensor.h"

namespace tenon::ops {

using ir::Key;

IndexRange index_range(ir::Op op, Expr x, Expr indices, int64_t first_axis) {
  if (indices->op != ir::Op::constant && indices->op != ir::Op::imm) return IndexRange::unknown;
  const int64_t depth = op == ir::Op::gather_nd ? *ir::as_int(indices->shape().back()) : 1;
  std::vector<int64_t> extents;
  for (int64_t j = 0; j < depth; ++j) {
    const auto extent = ir::as_int(x->shape()[static_cast<size_t>(first_axis + j)]);
    if (!extent) return IndexRange::unknown;
    extents.push_back(*extent);
  }
  IndexRange range = IndexRange::front;
  size_t component = 0;
  for (int64_t index : all_i(tensor_of(indices))) {
    const int64_t extent = extents[component];
    component = component + 1 == extents.size() ? 0 : component + 1;
    if (index < -extent || index >= extent) return IndexRange::unknown;
    if (index < 0) range = IndexRange::any_end;
  }
  return range;
}

IndexRange index_range(Expr node) {
  const Key key = node->op == ir::Op::gather_nd ? Key::batch : Key::axis;
  return index_range(node->op, node->operand(0), node->operand(1), node->int_attr(key));
}

bool needs_check(Expr node) {
  const OpRow* row = find_op(node->op);
  if (row == nullptr || row->check == nullptr) return false;
  return index_range(node) == IndexRange::unknown;
}

Result<Type> gather_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  if (!ir::is_integer(rule.operand(1)->dtype()))
    return rule.refuse(2, "indices " + show(rule.operand(1)->type) + " are not integers");
  const std::vector<Expr>& x = rule.shape(0);
  const std::vector<Expr>& indices = rule.shape(1);
  std::vector<Expr> shape(x.begin(), x.begin() + *axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.begin() + *axis + 1, x.end());
  return args.c.tensor(rule.operand(0)->dtype(), shape);
}

Result<Type> gather_elements_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  if (!ir::is_integer(rule.operand(1)->dtype()))
    return rule.refuse(2, "indices " + show(rule.operand(1)->type) + " are not integers");
  if (rule.rank(0) != rule.rank(1))
    return rule.refuse(3, show(rule.operand(0)->type) + " and indices " +
                              show(rule.operand(1)->type) + " differ in rank");
  for (size_t i = 0; i < rule.shape(0).size(); ++i)
    if (static_cast<int64_t>(i) != *axis && !rule.may_fit(rule.shape(1)[i], rule.shape(0)[i]))
      return rule.refuse(4, "indices " + show(rule.operand(1)->type) + " are longer than " +
                                show(rule.operand(0)->type) + " on axis " + std::to_string(i));
  return args.c.tensor(rule.operand(0)->dtype(), rule.shape(1));
}

Result<Type> gather_nd_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* batch = rule.attr<int64_t>(Key::batch);
  if (batch == nullptr) return rule.missing(Key::batch);
  if (!ir::is_integer(rule.operand(1)->dtype()) || rule.rank(1) < 1)
    return rule.refuse(
        1, "indices " + show(rule.operand(1)->type) + " are not integers of rank 1 or more");
  const std::vector<Expr>& x = rule.shape(0);
  const std::vector<Expr>& indices = rule.shape(1);
  const auto depth = ir::as_int(indices.back());
  if (!depth)
    return rule.refuse(
        2, "the last extent of indices " + show(rule.operand(1)->type) + " is not a literal");
  if (*batch < 0 || *batch >= rule.rank(1) || *depth < 1 || *batch + *depth > rule.rank(0))
    return rule.refuse(3, std::to_string(*batch) + " batch axes and indices of depth " +
                              std::to_string(*depth) + " do not fit " +
                              show(rule.operand(0)->type) + " and " + show(rule.operand(1)->type));
  std::vector<Expr> shape(indices.begin(), indices.end() - 1);
  for (size_t i = 0; i < static_cast<size_t>(*batch); ++i) {
    const auto both = rule.unify(indices[i], x[i]);
    if (!both)
      return rule.refuse(4, show(rule.operand(0)->type) + " and indices " +
                                show(rule.operand(1)->type) + " differ on batch axis " +
                                std::to_string(i));
    shape[i] = *both;
  }
  shape.insert(shape.end(), x.begin() + *batch + *depth, x.end());
  return args.c.tensor(rule.operand(0)->dtype(), shape);
}

Result<Type> dynamic_slice_type(const TypeArgs& args) {
  const Rule rule(args);
  const size_t rank = rule.shape(0).size();
  const bool scalars = std::all_of(args.operands.begin() + 1, args.operands.end(),
                                   [&](Expr e) { return e->type == args.c.index(); });
  if (args.operands.size() != rank + 1 || !scalars)
    return rule.refuse(
        1, "one i64 rank-0 start is needed for each axis of " + show(rule.operand(0)->type));
  if (args.wanted == nullptr || !args.wanted->is_tensor() ||
      args.wanted->dtype != rule.operand(0)->dtype() || args.wanted->shape.size() != rank)
    return rule.refuse(2, "a type of the element type and rank of " + show(rule.operand(0)->type) +
                              " must be proposed");
  for (size_t i = 0; i < rank; ++i)
    if (!rule.may_fit(args.wanted->shape[i], rule.shape(0)[i]))
      return rule.refuse(3, show(args.wanted) + " is longer than " + show(rule.operand(0)->type) +
                                " on axis " + std::to_string(i));
  return args.wanted;
}

}  // namespace tenon::ops
