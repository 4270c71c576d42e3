// Type rules, reference evaluation and lowering of the operators that work on whole buffers.
#pragma once

#include "ops/op.h"

namespace tenon::ops::opaque {

#define TENON_OPAQUE(name)                                      \
  [[nodiscard]] Result<Type> name##_type(const TypeArgs& args); \
  [[nodiscard]] Result<std::vector<Tensor>> name##_eval(const EvalArgs& args);

TENON_OPAQUE(sort)
TENON_OPAQUE(cumulative)
TENON_OPAQUE(scatter_elements)
TENON_OPAQUE(scatter_nd)
TENON_OPAQUE(dynamic_update_slice)
TENON_OPAQUE(nonzero)
TENON_OPAQUE(nms)
TENON_OPAQUE(unique)
#undef TENON_OPAQUE

[[nodiscard]] Expr sort_lower(const OpaqueArgs& args);
[[nodiscard]] Expr cumulative_lower(const OpaqueArgs& args);
[[nodiscard]] Expr scatter_elements_lower(const OpaqueArgs& args);
[[nodiscard]] Expr scatter_nd_lower(const OpaqueArgs& args);
[[nodiscard]] Expr dynamic_update_slice_lower(const OpaqueArgs& args);
[[nodiscard]] Expr nonzero_lower(const OpaqueArgs& args);
[[nodiscard]] Expr nms_lower(const OpaqueArgs& args);
[[nodiscard]] Expr unique_lower(const OpaqueArgs& args);

/// Index of the wrapped, checked position or an error: how the references refuse an index.
[[nodiscard]] Result<int64_t> checked_index(std::string_view op, int64_t index, int64_t extent);

}  // namespace tenon::ops::opaque
