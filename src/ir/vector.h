// Builders of the target stage's values with lanes (node.h, `lanes`). One lane is a scalar: where a
// builder is asked for one, or given scalars alone, it makes scalar nodes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ir/node.h"

namespace tenon::ir {

/// The scalar in each of so many lanes.
[[nodiscard]] Expr splat(Context& c, Expr scalar, int lanes);
/// base + i * step in lane i; base is an integer scalar.
[[nodiscard]] Expr ramp(Context& c, Expr base, int64_t step, int lanes);
/// Lane i is lane pattern[i] of v and w behind each other; w may be nullptr.
[[nodiscard]] Expr shuffle(Context& c, Expr v, Expr w, std::vector<int64_t> pattern);
[[nodiscard]] Expr lane(Context& c, Expr v, Expr index);
/// kind sum|prod|max|min|and|or|xor, over a power of two lanes.
[[nodiscard]] Expr reduce_lanes(Context& c, std::string kind, Expr v);
/// An elementwise node like `like` on operands of one number of lanes or one lane, which are splat;
/// the condition of a select may stay a scalar.
[[nodiscard]] Expr elementwise(Context& c, Expr like, std::span<const Expr> operands);

/// Indices of one number of lanes or one lane, one a axis, or a single row-major offset; `mask` may
/// be nullptr: every lane.
[[nodiscard]] Expr load_lanes(Context& c, Expr buffer, Expr mask, std::span<const Expr> indices);
[[nodiscard]] Expr store_lanes(Context& c, Expr buffer, Expr value, Expr mask,
                               std::span<const Expr> indices);

/// A load, store or update of either form, taken apart.
struct AccessView {
  Expr node;
  [[nodiscard]] Expr buffer() const { return node->operand(0); }
  [[nodiscard]] Expr value() const { return node->operand(1); }  // of a store
  [[nodiscard]] Expr mask() const;                               // or nullptr
  [[nodiscard]] std::span<const Expr> indices() const { return node->operands.subspan(first()); }
  /// True if the one index is a row-major offset and not that of the only axis.
  [[nodiscard]] bool is_offset() const;
  /// Lanes of the indices: 1 for one element.
  [[nodiscard]] int lanes() const;

 private:
  [[nodiscard]] size_t first() const;
};

}  // namespace tenon::ir
