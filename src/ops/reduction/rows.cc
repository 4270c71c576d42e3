// Rows of the reduction family. Tolerance of sums: a compiled f32 sum adds in several partial sums,
// so its error grows with the length; 1e-5 covers thousands of terms of one sign.
#include <algorithm>

#include "ops/families.h"
#include "ops/reduction/reduction.h"

namespace tenon::ops {

using ir::Op;

namespace {

/// Operand axes that stay are the result's in order, the others come behind.
std::vector<int> reduce_axes(Expr n, size_t) {
  const std::vector<int64_t>& over = n->ints_attr(ir::Key::axes);
  std::vector<int> axes;
  int kept = 0, summed = n->rank();
  for (int64_t i = 0; i < n->operand(0)->rank(); ++i)
    axes.push_back(std::find(over.begin(), over.end(), i) == over.end() ? kept++ : summed++);
  return axes;
}

}  // namespace

template <>
OpRow tensor_row<Op::reduce>() {
  OpRow reduce{Op::reduce, Pattern::reduction, reduce_type, reduce_eval, reduce_point, reduce_info};
  reduce.axes = reduce_axes;
  reduce.tolerance = 1e-5;
  return reduce;
}

template <>
OpRow tensor_row<Op::arg_reduce>() {
  OpRow arg{Op::arg_reduce, Pattern::opaque, arg_reduce_type, arg_reduce_eval};
  arg.opaque = arg_reduce_opaque;
  return arg;
}

}  // namespace tenon::ops
