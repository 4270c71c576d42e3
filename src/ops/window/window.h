// window: a reduction over a sliding neighbourhood (pooling), over every axis; padding counts as
// the identity of the kind.
//
// Constraints: C1 size, strides, low, high, dilation cover the axes  C2 kind as reduce  C3 the kind
// is defined for the element type  C4 size, strides, dilation are positive  C5 the window fits into
// the padded input
#pragma once

#include "ops/op.h"

namespace tenon::ops {

[[nodiscard]] Result<Type> window_type(const TypeArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> window_eval(const EvalArgs& args);
[[nodiscard]] Expr window_point(const PointArgs& args);
[[nodiscard]] ReduceInfo window_info(Context& graph, Expr node);

}  // namespace tenon::ops
