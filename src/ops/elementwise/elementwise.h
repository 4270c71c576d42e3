// The elementwise family: unary, binary and ternary operators, cast included. One type rule, one
// evaluation and one lowering serve them all; what differs stands in scalar.h.
//
// Constraints, with the operator's own name in the code:
//   C1  operands have one element type (select: a bool condition, equal arms)
//   C2  operands have one shape
//   C3  the operator is defined for the element type
//   C4  cast: the proposed type has the operand's shape
#pragma once

#include "ops/op.h"

namespace tenon::ops {

[[nodiscard]] Result<Type> elementwise_type(const TypeArgs& args);
[[nodiscard]] Result<Type> cast_type(const TypeArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> elementwise_eval(const EvalArgs& args);
[[nodiscard]] Expr elementwise_point(const PointArgs& args);

}  // namespace tenon::ops
