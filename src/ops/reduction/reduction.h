// Reductions: reduce combines along axes, arg_reduce finds the place of an extreme.
//
// Constraints:
//   reduce      C1 axes in range, ascending, distinct  C2 kind is sum, prod, max, min, and, or
//               C3 and, or take bool or integers, the others numbers
//   arg_reduce  C1 axis in range  C2 kind is max or min  C3 numbers  C4 the axis is not empty
#pragma once

#include <string_view>

#include "ops/op.h"

namespace tenon::ops {

/// True for a reduction kind that is defined for the element type.
[[nodiscard]] bool is_reduce_kind(std::string_view kind);
[[nodiscard]] bool is_reduce_kind(std::string_view kind, ir::DType type);
/// The type that sums of `type` are accumulated in: f32 for narrower floats.
[[nodiscard]] ir::DType accumulator(ir::DType type);

[[nodiscard]] Result<Type> reduce_type(const TypeArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> reduce_eval(const EvalArgs& args);
[[nodiscard]] Expr reduce_point(const PointArgs& args);
[[nodiscard]] ReduceInfo reduce_info(Context& graph, Expr node);

[[nodiscard]] Result<Type> arg_reduce_type(const TypeArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> arg_reduce_eval(const EvalArgs& args);
[[nodiscard]] Expr arg_reduce_opaque(const OpaqueArgs& args);

}  // namespace tenon::ops
