// The rows of graph operators. An operator of class `tensor` has a row of its own, beside its
// functions; those of elementwise and structural operators are made for whole classes.
#pragma once

#include <span>

#include "ops/op.h"

namespace tenon::ops {

[[nodiscard]] std::span<const OpRow> elementwise_rows();
[[nodiscard]] std::span<const OpRow> structure_rows();

/// The row of an operator of class `tensor`: a specialization that its family defines. The registry
/// asks for each of them in ir/ops.def, so that one without does not link.
template <ir::Op>
[[nodiscard]] OpRow tensor_row();
#define TENON_OP_NAME(name) \
  template <>               \
  OpRow tensor_row<ir::Op::name>();
#include "ir/op_names.def"

}  // namespace tenon::ops
