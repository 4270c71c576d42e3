// Rows of the contraction family. Tolerance: a compiled f32 contraction adds thousands of products
// in several partial sums with fused multiply-add; 1e-5 of the sum of magnitudes covers them.
#include <array>

#include "ops/contraction/contraction.h"
#include "ops/families.h"

namespace tenon::ops {

std::span<const OpRow> contraction_rows() {
  static const std::array rows = [] {
    OpRow dot{ir::Op::dot, Pattern::contraction, dot_type, dot_eval, dot_point, dot_info};
    OpRow conv{ir::Op::conv, Pattern::contraction, conv_type, conv_eval, conv_point, conv_info};
    dot.axes = dot_axes;
    dot.tolerance = conv.tolerance = 1e-5;
    return std::array{dot, conv};
  }();
  return rows;
}

}  // namespace tenon::ops
