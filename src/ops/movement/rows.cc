// Rows of the data movement family: all exact.
#include <array>

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

std::span<const OpRow> movement_rows() {
  static const std::array rows{
      along(row(Op::broadcast, broadcast_type, broadcast_eval, broadcast_point, Pattern::broadcast),
            broadcast_axes),
      row(Op::reshape, reshape_type, reshape_eval, reshape_point),
      along(row(Op::transpose, transpose_type, transpose_eval, transpose_point), transpose_axes),
      row(Op::slice, slice_type, slice_eval, slice_point),
      row(Op::pad, pad_type, pad_eval, pad_point),
      row(Op::concat, concat_type, concat_eval, concat_point, Pattern::pieces),
      row(Op::iota, iota_type, iota_eval, iota_point, Pattern::elementwise),
      row(Op::from_scalars, from_scalars_type, from_scalars_eval, from_scalars_point),
      checked(row(Op::gather, gather_type, gather_eval, gather_point), gather_check),
      checked(row(Op::gather_elements, gather_elements_type, gather_elements_eval,
                  gather_elements_point),
              gather_check),
      checked(row(Op::gather_nd, gather_nd_type, gather_nd_eval, gather_nd_point), gather_check),
      row(Op::dynamic_slice, dynamic_slice_type, dynamic_slice_eval, dynamic_slice_point),
  };
  return rows;
}

}  // namespace tenon::ops
