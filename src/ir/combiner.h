// Combiners of reductions by name: sum, prod, max, min, and, or, xor; fma adds a product and starts
// as sum does.
#pragma once

#include <string_view>

#include "ir/node.h"

namespace tenon::ir {

/// The operator of that name (not fma), and the name of a combining operator ("" for others).
[[nodiscard]] Op combiner(std::string_view name);
[[nodiscard]] std::string_view combiner_name(Op op);
/// The value that changes nothing: 0, 1, the smallest (max) or largest (min) value, all ones, 0.
[[nodiscard]] double identity_f(std::string_view combine);
[[nodiscard]] int64_t identity_i(std::string_view combine, DType type);
/// The identity as a scalar literal.
[[nodiscard]] Expr identity(Context& c, std::string_view combine, DType type);

}  // namespace tenon::ir
