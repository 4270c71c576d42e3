// Which part of a buffer a set of accesses touches, seen from a loop level.
#pragma once

#include <optional>

#include "schedule/finalize/passes.h"

namespace tenon::schedule::finalizing {

/// Per axis an inclusive range over the variables of outer loops and sizes; empty where unknown.
using Region = std::vector<std::optional<ir::SymbolicRange>>;

/// Loops that all accesses share.
[[nodiscard]] size_t common_loops(const std::vector<const Access*>& accesses);
/// What is known inside the loops of an access.
[[nodiscard]] ir::Assumptions assume_loops(const ir::Assumptions& sizes, const Access& access);
/// The union over `accesses` (not empty), the first `outer` loops of each staying symbolic.
[[nodiscard]] Region region_of(ir::Context& c, const std::vector<const Access*>& accesses,
                               size_t outer, const ir::Assumptions& sizes);
/// True if what is read is written before, within one iteration of the first `outer` loops.
[[nodiscard]] bool written_before_read(ir::Context& c, const std::vector<const Access*>& accesses,
                                       size_t outer, const ir::Assumptions& sizes);

}  // namespace tenon::schedule::finalizing
