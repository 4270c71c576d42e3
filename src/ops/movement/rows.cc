// Rows of the data movement family: all exact.
#include "ops/families.h"
#include "ops/movement/movement.h"

namespace tenon::ops {
namespace {

using ir::Op;

OpRow row(Op op, TypeFn type, EvalFn eval, PointFn point, Pattern pattern = Pattern::injective) {
  return {op, pattern, type, eval, point};
}

/// Operand axis i is axis dims[i] of the result.
std::vector<int> broadcast_axes(Expr n, size_t) {
  const std::vector<int64_t>& dims = n->ints_attr(ir::Key::dims);
  return {dims.begin(), dims.end()};
}

/// Axis i of the result is operand axis perm[i].
std::vector<int> transpose_axes(Expr n, size_t) {
  const std::vector<int64_t>& perm = n->ints_attr(ir::Key::perm);
  std::vector<int> axes(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) axes[static_cast<size_t>(perm[i])] = static_cast<int>(i);
  return axes;
}

OpRow along(OpRow r, AxesFn axes) {
  r.axes = axes;
  return r;
}

OpRow checked(OpRow r, CheckFn check) {
  r.check = check;
  r.checked_operand = 1;
  return r;
}

}  // namespace

template <>
OpRow tensor_row<Op::broadcast>() {
  return along(
      row(Op::broadcast, broadcast_type, broadcast_eval, broadcast_point, Pattern::broadcast),
      broadcast_axes);
}

template <>
OpRow tensor_row<Op::reshape>() {
  return row(Op::reshape, reshape_type, reshape_eval, reshape_point);
}

template <>
OpRow tensor_row<Op::transpose>() {
  return along(row(Op::transpose, transpose_type, transpose_eval, transpose_point), transpose_axes);
}

template <>
OpRow tensor_row<Op::slice>() {
  return row(Op::slice, slice_type, slice_eval, slice_point);
}

template <>
OpRow tensor_row<Op::pad>() {
  return row(Op::pad, pad_type, pad_eval, pad_point);
}

template <>
OpRow tensor_row<Op::concat>() {
  return row(Op::concat, concat_type, concat_eval, concat_point, Pattern::pieces);
}

template <>
OpRow tensor_row<Op::iota>() {
  return row(Op::iota, iota_type, iota_eval, iota_point, Pattern::elementwise);
}

template <>
OpRow tensor_row<Op::from_scalars>() {
  return row(Op::from_scalars, from_scalars_type, from_scalars_eval, from_scalars_point);
}

template <>
OpRow tensor_row<Op::gather>() {
  return checked(row(Op::gather, gather_type, gather_eval, gather_point), gather_check);
}

template <>
OpRow tensor_row<Op::gather_elements>() {
  return checked(
      row(Op::gather_elements, gather_elements_type, gather_elements_eval, gather_elements_point),
      gather_check);
}

template <>
OpRow tensor_row<Op::gather_nd>() {
  return checked(row(Op::gather_nd, gather_nd_type, gather_nd_eval, gather_nd_point), gather_check);
}

template <>
OpRow tensor_row<Op::dynamic_slice>() {
  return row(Op::dynamic_slice, dynamic_slice_type, dynamic_slice_eval, dynamic_slice_point);
}

}  // namespace tenon::ops
