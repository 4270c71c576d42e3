// Rows of the operators that work on whole buffers: sort, scan, scatter and what has a
// data-dependent result; and random, which is a function of the output index.
#include <array>

#include "ops/families.h"
#include "ops/opaque/opaque.h"

namespace tenon::ops {
namespace {

using namespace opaque;  // NOLINT: the family's own functions
using ir::Op;

OpRow row(Op op, TypeFn type, EvalFn eval, OpaqueFn lower, double tolerance = 0) {
  OpRow r{op, Pattern::opaque, type, eval};
  r.opaque = lower;
  r.tolerance = tolerance;
  return r;
}

OpRow random_row() {
  OpRow r{Op::random, Pattern::injective, random_type, random_eval, random_point};
  r.tolerance = 1e-5;  // logarithm, root and cosine of Box-Muller are taken in f32
  return r;
}

OpRow update_slice_row() {
  OpRow r = row(Op::dynamic_update_slice, dynamic_update_slice_type, dynamic_update_slice_eval,
                dynamic_update_slice_lower);
  r.updated_operand = 0;
  return r;
}

}  // namespace

std::span<const OpRow> opaque_rows() {
  static const std::array rows{
      row(Op::sort, sort_type, sort_eval, sort_lower),
      // A running sum in f32 instead of double.
      row(Op::cumulative, cumulative_type, cumulative_eval, cumulative_lower, 1e-5),
      row(Op::scatter_elements, scatter_elements_type, scatter_elements_eval,
          scatter_elements_lower, 1e-5),
      row(Op::scatter_nd, scatter_nd_type, scatter_nd_eval, scatter_nd_lower, 1e-5),
      update_slice_row(),
      row(Op::nonzero, nonzero_type, nonzero_eval, nonzero_lower),
      row(Op::nms, nms_type, nms_eval, nms_lower),
      row(Op::unique, unique_type, unique_eval, unique_lower),
      random_row(),
  };
  return rows;
}

}  // namespace tenon::ops
