// Scalar meaning of the elementwise operators in graphs and loop programs: floats in double,
// rounded once to the declared type; integers in 64 bits, wrapped to their width.
#pragma once

#include "ir/node.h"

namespace tenon::ops {

/// A scalar: `f` for float types, `i` for integers and booleans (u64 as its bits).
union Scalar {
  double f;
  int64_t i;
};

/// Result of an elementwise operator other than select and cast. `type` is the operands' type; for
/// predicates the result is a boolean.
[[nodiscard]] Scalar apply(ir::Op op, ir::DType type, const Scalar* args);
[[nodiscard]] Scalar cast(ir::DType from, ir::DType to, Scalar value, bool saturate);

/// One step of a reduction of `combine` (sum, prod, max, min, and, or).
[[nodiscard]] Scalar combine(std::string_view kind, ir::DType type, Scalar a, Scalar b);
/// a * b + c with one rounding.
[[nodiscard]] Scalar fused_multiply_add(ir::DType type, Scalar a, Scalar b, Scalar c);

}  // namespace tenon::ops
