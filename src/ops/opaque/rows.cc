// Rows of the operators that work on whole buffers: sort, scan, scatter and what has a
// data-dependent result.
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

}  // namespace

template <>
OpRow tensor_row<Op::sort>() {
  return row(Op::sort, sort_type, sort_eval, sort_lower);
}

template <>
OpRow tensor_row<Op::nonzero>() {
  return row(Op::nonzero, nonzero_type, nonzero_eval, nonzero_lower);
}

template <>
OpRow tensor_row<Op::nms>() {
  return row(Op::nms, nms_type, nms_eval, nms_lower);
}

template <>
OpRow tensor_row<Op::unique>() {
  return row(Op::unique, unique_type, unique_eval, unique_lower);
}

/// A running sum in f32 instead of double.
template <>
OpRow tensor_row<Op::cumulative>() {
  return row(Op::cumulative, cumulative_type, cumulative_eval, cumulative_lower, 1e-5);
}

template <>
OpRow tensor_row<Op::scatter_elements>() {
  return row(Op::scatter_elements, scatter_elements_type, scatter_elements_eval,
             scatter_elements_lower, 1e-5);
}

template <>
OpRow tensor_row<Op::scatter_nd>() {
  return row(Op::scatter_nd, scatter_nd_type, scatter_nd_eval, scatter_nd_lower, 1e-5);
}

template <>
OpRow tensor_row<Op::dynamic_update_slice>() {
  OpRow r = row(Op::dynamic_update_slice, dynamic_update_slice_type, dynamic_update_slice_eval,
                dynamic_update_slice_lower);
  r.updated_operand = 0;
  return r;
}

}  // namespace tenon::ops
