// Lowering of the elementwise family: the operator itself on the operands' elements.
#include "ops/elementwise/elementwise.h"

namespace tenon::ops {

using ir::Op;

Expr elementwise_point(const PointArgs& args) {
  const Op op = args.node->op;
  std::vector<Expr> values;
  for (size_t k = 0; k < args.node->operands.size(); ++k) values.push_back(args.load(k, args.out));
  if (op == Op::select) return ir::select(args.c, values[0], values[1], values[2]);
  if (op == Op::cast) {
    if (args.node->int_attr_or(ir::Key::saturate, 0) == 0)
      return ir::cast(args.c, args.node->dtype(), values[0]);
    return args.c.make(Op::cast, args.c.scalar(args.node->dtype()), values,
                       {{ir::Key::saturate, int64_t{1}}});
  }
  if (values.size() == 1) return ir::unary(args.c, op, values[0]);
  if (values.size() == 2) return ir::binary(args.c, op, values[0], values[1]);
  return args.c.make(op, values[0]->type, values);
}

}  // namespace tenon::ops
