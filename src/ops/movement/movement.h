// The data movement family: operators whose every output element is one element of an operand (or a
// filling, an index, a shape's extent).
//
// Constraints:
//   broadcast  C1 dims name one ascending output axis for each input axis  C2 the type is proposed,
//              same element type  C3 each input extent is 1 or the output's
//   reshape    C1 a type of the same element type is proposed  C2 equal element counts
//   transpose  C1 perm is a permutation of the axes
//   slice      C1 one start and one stride for each axis, the type proposed, of the same rank and
//              element type  C2 strides are not 0  C3 the range lies within the operand
//   pad        C1 low, high, interior for each axis, interior >= 0  C2 the filling is a scalar of
//   the
//              same element type  C3 no extent becomes negative
//   concat     C1 axis in range  C2 equal element types and ranks  C3 other extents agree
//   iota       C1 a numeric type is proposed  C2 axis in range
//   from_scalars C1 operands are i64 scalars  C2 the type is i64, of rank 1 with as many elements
//   as
//              operands, or of rank 0 with one operand
//   gather     C1 axis in range  C2 integer indices
//   gather_elements  C1 axis in range  C2 integer indices  C3 equal ranks  C4 indices reach no
//              further than the operand off the axis
//   gather_nd  C1 integer indices of rank >= 1  C2 their last extent is a literal  C3 batch axes
//   plus
//              index depth fit both ranks  C4 batch extents agree
//   dynamic_slice  C1 one i64 rank-0 start for each axis  C2 the type is proposed, of the same rank
//              and element type  C3 it is no larger than the operand
#pragma once

#include "ops/op.h"

namespace tenon::ops {

/// What is known about the indices of a gather, gather_elements or gather_nd.
enum class IndexRange : uint8_t {
  unknown,  // data, a symbolic extent, or literals one of which lies outside: a run checks them
  front,    // literals, all in [0, extent)
  any_end,  // literals, all in [-extent, extent)
};
/// Of operands `x` and `indices`; `first_axis` is the axis that is indexed (gather_nd: the batch
/// count, and one axis for each of the last extent of the indices).
[[nodiscard]] IndexRange index_range(ir::Op op, Expr x, Expr indices, int64_t first_axis);
[[nodiscard]] IndexRange index_range(Expr node);

// Type rules.
[[nodiscard]] Result<Type> broadcast_type(const TypeArgs& args);
[[nodiscard]] Result<Type> reshape_type(const TypeArgs& args);
[[nodiscard]] Result<Type> transpose_type(const TypeArgs& args);
[[nodiscard]] Result<Type> slice_type(const TypeArgs& args);
[[nodiscard]] Result<Type> pad_type(const TypeArgs& args);
[[nodiscard]] Result<Type> concat_type(const TypeArgs& args);
[[nodiscard]] Result<Type> iota_type(const TypeArgs& args);
[[nodiscard]] Result<Type> from_scalars_type(const TypeArgs& args);
[[nodiscard]] Result<Type> gather_type(const TypeArgs& args);
[[nodiscard]] Result<Type> gather_elements_type(const TypeArgs& args);
[[nodiscard]] Result<Type> gather_nd_type(const TypeArgs& args);
[[nodiscard]] Result<Type> dynamic_slice_type(const TypeArgs& args);

// Reference evaluation.
[[nodiscard]] Result<std::vector<Tensor>> broadcast_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> reshape_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> transpose_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> slice_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> pad_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> concat_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> iota_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> from_scalars_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> gather_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> gather_elements_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> gather_nd_eval(const EvalArgs& args);
[[nodiscard]] Result<std::vector<Tensor>> dynamic_slice_eval(const EvalArgs& args);

// Lowering.
[[nodiscard]] Expr broadcast_point(const PointArgs& args);
[[nodiscard]] Expr reshape_point(const PointArgs& args);
[[nodiscard]] Expr transpose_point(const PointArgs& args);
[[nodiscard]] Expr slice_point(const PointArgs& args);
[[nodiscard]] Expr pad_point(const PointArgs& args);
[[nodiscard]] Expr concat_point(const PointArgs& args);
[[nodiscard]] Expr iota_point(const PointArgs& args);
[[nodiscard]] Expr from_scalars_point(const PointArgs& args);
[[nodiscard]] Expr gather_point(const PointArgs& args);
[[nodiscard]] Expr gather_elements_point(const PointArgs& args);
[[nodiscard]] Expr gather_nd_point(const PointArgs& args);
[[nodiscard]] Expr dynamic_slice_point(const PointArgs& args);

// Run-time checks of indices.
[[nodiscard]] Expr gather_check(const CheckArgs& args);

}  // namespace tenon::ops
