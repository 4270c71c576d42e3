// Rows of the contraction family. Tolerance: a compiled f32 contraction adds thousands of products
// in several partial sums with fused multiply-add; 1e-5 of the sum of magnitudes covers them.
#include "ops/contraction/contraction.h"
#include "ops/families.h"

namespace tenon::ops {

using ir::Op;

template <>
OpRow tensor_row<Op::dot>() {
  OpRow dot{Op::dot, Pattern::contraction, dot_type, dot_eval, dot_point, dot_info};
  dot.axes = dot_axes;
  dot.tolerance = 1e-5;
  return dot;
}

template <>
OpRow tensor_row<Op::conv>() {
  OpRow conv{Op::conv, Pattern::contraction, conv_type, conv_eval, conv_point, conv_info};
  conv.tolerance = 1e-5;
  return conv;
}

}  // namespace tenon::ops
