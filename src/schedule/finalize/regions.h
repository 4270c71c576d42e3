// Which part of a buffer a set of uses touches, seen from a loop level.
#pragma once

#include <optional>

#include "schedule/finalize/passes.h"

namespace tenon::schedule::finalizing {

/// The way from the root that all uses (there are some) share; valid as long as they are.
[[nodiscard]] std::span<const ir::Step> common_path(const std::vector<const Use*>& uses);
/// Loops that all uses share.
[[nodiscard]] size_t common_loops(const std::vector<const Use*>& uses);
/// The union over `uses` (not empty), the first `outer` loops of each staying symbolic: bounds over
/// their variables and sizes.
[[nodiscard]] ir::Box region_of(ir::Context& c, const std::vector<const Use*>& uses, size_t outer,
                                const ir::Assumptions& sizes);
/// True if what is read is written before, within one iteration of the first `outer` loops.
[[nodiscard]] bool written_before_read(ir::Context& c, const std::vector<const Use*>& uses,
                                       size_t outer, const ir::Assumptions& sizes);

}  // namespace tenon::schedule::finalizing
