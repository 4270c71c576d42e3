// Which loops indices tell apart: the question behind "is each element written once?".
#pragma once

#include <span>
#include <vector>

#include "ir/node.h"

namespace tenon::ir {

/// For each variable, which runs over 0 <= var < extent (nullptr: any values): true if assignments
/// that differ in it never give all of the indices the same values. An index tells its variables
/// apart when it is linear in them and its literal coefficients are the weights of a number of
/// mixed radix; one that reads memory tells nothing.
[[nodiscard]] std::vector<bool> told_apart(Context& c, std::span<const Expr> indices,
                                           std::span<const Expr> vars,
                                           std::span<const Expr> extents);
/// True if that holds for all of them: no two assignments give the same element.
[[nodiscard]] bool is_injective(Context& c, std::span<const Expr> indices,
                                std::span<const Expr> vars, std::span<const Expr> extents);

}  // namespace tenon::ir
