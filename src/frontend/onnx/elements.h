// Elements of small tensors as expressions: how the importer follows shape arithmetic (Shape,
// Gather, Concat, Cast, Floor ...) symbolically through graph nodes.
#pragma once

#include <optional>
#include <vector>

#include "ir/node.h"

namespace tenon::onnx_import {

/// One element. Integers and booleans: `num`, a scalar expression. Floats: the exact quotient num /
/// den of integer expressions.
struct Element {
  ir::Expr num = nullptr;
  ir::Expr den = nullptr;  // nullptr: 1
};
using Elements = std::vector<Element>;

/// More elements than this are not followed.
inline constexpr int64_t kElementLimit = 128;

/// The elements of `node` from those of its operands (one for each operand, row-major, not null);
/// empty when the operator does not keep them exact.
[[nodiscard]] std::optional<Elements> infer_elements(ir::Context& c, ir::Expr node,
                                                     const std::vector<const Elements*>& operands);

/// A float literal as an element; empty unless it is a quotient of small integers by a power of
/// two.
[[nodiscard]] std::optional<Element> element_of(ir::Context& c, double value);

}  // namespace tenon::onnx_import
