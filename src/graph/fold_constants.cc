// fold_constants: nodes whose operands are all constants are evaluated by their reference.
#include <algorithm>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/expr.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

constexpr int64_t kMaxElements = int64_t{1} << 26;  // of one folded result
constexpr int64_t kMaxGrowth =
    16;  // a result that repeats its operands (broadcast) more stays an operator

std::optional<std::vector<int64_t>> static_shape(Type type) {
  std::vector<int64_t> shape;
  if (!type->is_tensor()) return std::nullopt;
  for (Expr e : type->shape) {
    const auto n = as_int(e);
    if (!n) return std::nullopt;
    shape.push_back(*n);
  }
  return shape;
}

int64_t count(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t e : shape) n = e == 0 ? 0 : (n > kMaxElements / e ? kMaxElements + 1 : n * e);
  return n;
}

/// An operand of `n` as a value: a constant or, beside a constant of the full shape, one that an
/// elementwise node reads repeated (batch norm adds its epsilon so).
std::optional<ops::Tensor> operand_value(Expr n, Expr operand) {
  if (!static_shape(operand->type)) return std::nullopt;
  if (operand->op == Op::constant) return ops::tensor_of(operand);
  if (operand->op != Op::broadcast || operand->operand(0)->op != Op::constant ||
      !is_elementwise(n->op))
    return std::nullopt;
  const auto whole = [](Expr e) { return e->op == Op::constant; };
  if (std::none_of(n->operands.begin(), n->operands.end(), whole)) return std::nullopt;
  const ops::Tensor small = ops::tensor_of(operand->operand(0));
  const ops::Tensor* const pointer = &small;
  const ops::EvalArgs args{operand, {&pointer, 1}, *static_shape(operand->type), [](Expr e) {
                             return as_int(e).value_or(0);
                           }};
  Result<std::vector<ops::Tensor>> repeated = ops::find_op(Op::broadcast)->eval(args);
  if (!repeated) return std::nullopt;
  return std::move((*repeated)[0]);
}

Expr fold(Rewriter& r, Expr n) {
  Context& c = r.context();
  const ops::OpRow* row = ops::find_op(n->op);
  if (row == nullptr || row->eval == nullptr || !n->type->is_tensor()) return nullptr;
  if (n->op == Op::iota || n->op == Op::broadcast || n->op == Op::random) return nullptr;
  const auto shape = static_shape(n->type);
  if (!shape) return nullptr;
  if (n->op == Op::from_scalars) {
    for (Expr e : n->operands)
      if (!as_int(e)) return nullptr;
  } else if (n->operands.empty()) {
    return nullptr;
  }
  int64_t largest = 1;
  std::vector<ops::Tensor> values;
  if (n->op != Op::from_scalars) {
    for (Expr operand : n->operands) {
      // A repeated constant is read through its broadcast.
      const bool repeated = operand->op == Op::broadcast;
      if (operand->op != Op::constant && !repeated) return nullptr;
      const auto extents = static_shape(repeated ? operand->operand(0)->type : operand->type);
      if (!extents) return nullptr;
      largest = std::max(largest, count(*extents));
    }
    if (count(*shape) > kMaxElements ||
        count(*shape) > kMaxGrowth * std::max<int64_t>(largest, 4096))
      return nullptr;
    for (Expr operand : n->operands) {
      std::optional<ops::Tensor> value = operand_value(n, operand);
      if (!value) return nullptr;
      values.push_back(std::move(*value));
    }
  }
  std::vector<const ops::Tensor*> pointers;
  for (const ops::Tensor& t : values) pointers.push_back(&t);
  const ops::EvalArgs args{n, pointers, *shape, [](Expr e) { return as_int(e).value_or(0); }};
  Result<std::vector<ops::Tensor>> result = row->eval(args);
  if (!result) return nullptr;  // an error stays for run time, where it is reported
  return ops::constant_of(c, (*result)[0], std::string(c.location(n)));
}

/// Elementwise on constants of which some are repeated: compute on the small ones, then repeat.
Expr fold_through_broadcast(Rewriter& r, Expr n) {
  Expr shape_of = nullptr;
  for (Expr operand : n->operands) {
    if (operand->op != Op::broadcast || operand->operand(0)->op != Op::constant) return nullptr;
    if (shape_of == nullptr) shape_of = operand;
    if (operand->ints_attr(Key::dims) != shape_of->ints_attr(Key::dims) ||
        operand->operand(0)->shape() != shape_of->operand(0)->shape())
      return nullptr;
  }
  if (shape_of == nullptr) return nullptr;
  std::vector<Expr> small;
  for (Expr operand : n->operands) small.push_back(operand->operand(0));
  const Type type = r.context().tensor(n->dtype(), small[0]->shape());
  const Expr value =
      r.make(n->op, small, std::vector<Attr>(n->attrs.begin(), n->attrs.end()), type);
  return r.make(Op::broadcast, {value}, {{Key::dims, shape_of->ints_attr(Key::dims)}}, n->type);
}

bool any_op(Op op) { return op != Op::param && op != Op::constant && op != Op::call_kernel; }

constexpr Rule kRules[] = {
    {"fold", any_op, fold},
    {"fold_through_broadcast", is_elementwise, fold_through_broadcast},
};

}  // namespace

Status fold_constants(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

}  // namespace tenon::graph
