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

OpRow checked(OpRow r, CheckFn check) {
  r.check = check;
  r.checked_operand = 1;
  return r;
}

}  // namespace

std::span<const OpRow> movement_rows() {
  static const std::array rows{
      row(Op::broadcast, broadcast_type, broadcast_eval, broadcast_point, Pattern::broadcast),
      row(Op::reshape, reshape_type, reshape_eval, reshape_point),
      row(Op::transpose, transpose_type, transpose_eval, transpose_point),
      row(Op::slice, slice_type, slice_eval, slice_point),
      row(Op::pad, pad_type, pad_eval, pad_point),
      row(Op::concat, concat_type, concat_eval, concat_point),
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
