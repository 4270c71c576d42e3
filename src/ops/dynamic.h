// Operators whose data decide an extent of their results: the count is bound to a new variable and
// the results have that extent (decision 0002).
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace tenon::ops {

/// A fresh variable that takes the value of `count` (an integer tensor of one element, a node of
/// the graph that the bindings belong to) at run time: how data-dependent extents enter shapes.
[[nodiscard]] Expr bind_extent(Context& c, std::vector<ir::Binding>& bindings, Expr count,
                               std::string name);

/// i64[rank, n]: as ONNX NonZero.
[[nodiscard]] Result<Expr> build_nonzero(Context& c, std::vector<ir::Binding>& bindings, Expr x,
                                         std::string name);
/// i64[n, 3]: as ONNX NonMaxSuppression. Absent operands nullptr; max_output of rank 0 or one
/// element. Without max_output nothing is selected, as ONNX has it.
[[nodiscard]] Result<Expr> build_nms(Context& c, std::vector<ir::Binding>& bindings, Expr boxes,
                                     Expr scores, Expr max_output, Expr iou_threshold,
                                     Expr score_threshold, bool center_point_box, std::string name);
/// values, first indices, inverse, counts: as ONNX Unique; axis -1 means the flattened input
/// (make a negative ONNX axis non-negative first).
[[nodiscard]] Result<std::vector<Expr>> build_unique(Context& c, std::vector<ir::Binding>& bindings,
                                                     Expr x, int64_t axis, bool sorted,
                                                     std::string name);
/// The slices of x along axis (-1: of the flattened x) where condition holds: as ONNX Compress.
[[nodiscard]] Result<Expr> build_compress(Context& c, std::vector<ir::Binding>& bindings, Expr x,
                                          Expr condition, int64_t axis, std::string name);

}  // namespace tenon::ops
