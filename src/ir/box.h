// Boxes: the part of a buffer between symbolic bounds, axis by axis. Every answer is one that was
// proved; "unknown" is an answer too.
#pragma once

#include <optional>
#include <vector>

#include "ir/simplify.h"

namespace tenon::ir {

/// Inclusive bounds of each axis; empty where nothing is known of the axis.
using Box = std::vector<std::optional<SymbolicRange>>;

/// The bounds where all of them are known.
[[nodiscard]] std::optional<std::vector<SymbolicRange>> bounded(const Box& box);
/// Upper bounds that are not below the last element become it: guards keep accesses inside the
/// buffer, whatever the loops around them cover.
void clamp(Context& c, Box& box, const std::vector<Expr>& shape, const Assumptions& known);

/// True if all of `inner` lies in `outer`; false where an axis of either is unknown.
[[nodiscard]] bool contains(Context& c, const Box& outer, const Box& inner,
                            const Assumptions& known);
/// The smallest box around both; an axis is unknown where it is not known which bound is further.
[[nodiscard]] Box unite(Context& c, const Box& a, const Box& b, const Assumptions& known);
/// The same, with the smaller or larger of two bounds as an expression where that is not known.
[[nodiscard]] Box hull(Context& c, const Box& a, const Box& b, const Assumptions& known);
/// What both share, perhaps nothing (a bound above the other one); an axis is unknown as in
/// `unite`.
[[nodiscard]] Box intersect(Context& c, const Box& a, const Box& b, const Assumptions& known);
/// Both as one box where that is no more than both: one holds the other, or they touch along one
/// axis and agree in the others.
[[nodiscard]] std::optional<Box> joined(Context& c, const Box& a, const Box& b,
                                        const Assumptions& known);

}  // namespace tenon::ir
