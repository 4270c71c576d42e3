// Contractions: dot (general products of tensors) and conv (channels-last cross-correlation).
//
// Constraints:
//   dot   C1 operands have one numeric element type, which is the result's, or types whose products
//         the result's type `accumulate` holds  C2 axes in range and distinct  C3 batch axes pair
//         up with equal extents  C4 contracted axes pair up with equal extents  C5 product is f32,
//         bf16x6 or bf16, and only f32 operands have a choice
//   conv  C1 as dot's C1  C2 both have rank 3 or more, the same  C3 strides, low, high, dilation,
//         input_dilation cover the spatial axes  C4 groups divide the channels: c = groups * w's
//         channels  C5 groups divide the output channels  C6 strides and dilations are positive,
//         groups too  C7 the kernel fits into the padded input  C8 product as dot's C5
#pragma once

#include "ops/op.h"

namespace tenon::ops {

[[nodiscard]] Result<Type> dot_type(const TypeArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> dot_eval(const EvalArgs& args);
[[nodiscard]] Expr dot_point(const PointArgs& args);
[[nodiscard]]  /// Where the axes of each operand go: index_map.h.
[[nodiscard]] std::vector<int>
dot_axes(Expr node, size_t operand);
ReduceInfo dot_info(Context& graph, Expr node);

[[nodiscard]] Result<Type> conv_type(const TypeArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> conv_eval(const EvalArgs& args);
[[nodiscard]] Expr conv_point(const PointArgs& args);
[[nodiscard]] ReduceInfo conv_info(Context& graph, Expr node);

/// True if products of elements of types a and b may be accumulated in `wide`, another type: it
/// holds each of them exactly.
[[nodiscard]] bool accumulates(ir::DType a, ir::DType b, ir::DType wide);

/// The axes of operand `which` (0: a, 1: b) of a dot that are neither batch nor contracted,
/// ascending.
[[nodiscard]] std::vector<int64_t> dot_free_axes(Expr dot, int which);

/// Extent of one axis after sliding a kernel of extent `size` over it: conv and window share it.
/// input_dilation spreads the input, dilation the kernel.
[[nodiscard]] Expr sliding_extent(Context& c, Expr input, Expr size, int64_t stride, Expr low,
                                  Expr high, int64_t dilation, int64_t input_dilation = 1);

}  // namespace tenon::ops
