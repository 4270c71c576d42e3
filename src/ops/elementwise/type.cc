// Type rules of the elementwise family.
#include "ops/elementwise/elementwise.h"
#include "ops/rule.h"

namespace tenon::ops {

using ir::DType;
using ir::Op;
Result<Type> elementwise_type(const TypeArgs& args) {
  const Rule rule(args);
  const bool has_condition = args.op == Op::select;
  const size_t first = has_condition ? 1 : 0;
  const DType type = rule.operand(first)->dtype();
  if (has_condition && rule.operand(0)->dtype() != DType::boolean)
    return rule.refuse(1, "the condition is " + show(rule.operand(0)->type) + ", not bool");
  for (size_t i = first + 1; i < args.operands.size(); ++i) {
    if (rule.operand(i)->dtype() != type)
      return rule.refuse(1, "operands differ in element type: " + show(rule.operand(first)->type) +
                                " and " + show(rule.operand(i)->type) + "; cast one of them");
  }
  std::vector<Expr> shape = rule.shape(0);
  for (size_t i = 1; i < args.operands.size(); ++i) {
    auto both = rule.unify(shape, rule.shape(i));
    if (!both)
      return rule.refuse(2, "operands differ in shape: " + show(shape) + " and " +
                                show(rule.shape(i)) + "; broadcast one of them");
    shape = *std::move(both);
  }
  if (!ir::is_defined(args.op, type))
    return rule.refuse(3, "not defined for " + std::string(ir::info(type).name));
  return args.c.tensor(ir::is_predicate(args.op) ? DType::boolean : type, shape);
}

Result<Type> cast_type(const TypeArgs& args) {
  const Rule rule(args);
  if (args.wanted == nullptr || !args.wanted->is_tensor())
    return rule.refuse(4, "the element type to cast to is not given");
  const auto shape = rule.unify(rule.shape(0), args.wanted->shape);
  if (!shape)
    return rule.refuse(
        4, "shape " + show(rule.shape(0)) + " cannot become " + show(args.wanted->shape));
  return args.c.tensor(args.wanted->dtype, *shape);
}

}  // namespace tenon::ops
