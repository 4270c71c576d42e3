// Combiners of reductions: sum, prod, max, min, and, or; fma adds a product and starts as sum does.
#pragma once

#include <string_view>

#include "ir/node.h"

namespace tenon::ir {

/// The value that changes nothing: 0, 1, the smallest (max) or largest (min) value, all ones, 0.
[[nodiscard]] double identity_f(std::string_view combine);
[[nodiscard]] int64_t identity_i(std::string_view combine, DType type);
/// The identity as a scalar literal.
[[nodiscard]] Expr identity(Context& c, std::string_view combine, DType type);

}  // namespace tenon::ir
