// Shapes as the operators' rules see them: equality of symbolic extents, broadcasting, and how
// types are shown in messages.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/expr.h"
#include "ir/node.h"
#include "support/result.h"

namespace tenon::ops {

/// True only if the two extents are known to differ, whatever the variables are.
[[nodiscard]] bool provably_differ(ir::Context& c, ir::Expr a, ir::Expr b);
/// True only if a < b for all values of the variables.
[[nodiscard]] bool provably_less(ir::Context& c, ir::Expr a, ir::Expr b);
/// The extent that a and b share: a literal if one is; empty when they provably differ. Extents
/// that cannot be told apart are taken to be equal (Rule::unify notes that they are).
[[nodiscard]] std::optional<ir::Expr> unify(ir::Context& c, ir::Expr a, ir::Expr b);
/// The same for whole shapes; empty when ranks or an extent differ.
[[nodiscard]] std::optional<std::vector<ir::Expr>> unify(ir::Context& c,
                                                         std::span<const ir::Expr> a,
                                                         std::span<const ir::Expr> b);

/// A computed extent in its smallest form, so that equal ones are the same node.
[[nodiscard]] ir::Expr tidy(ir::Context& c, ir::Expr extent);

/// A type and a shape as messages show them: f32[2, n].
[[nodiscard]] std::string show(ir::Type type);
[[nodiscard]] std::string show(std::span<const ir::Expr> shape);
[[nodiscard]] std::string show(std::span<const int64_t> values);

}  // namespace tenon::ops
