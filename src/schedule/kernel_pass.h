// The passes on kernels, from scheduled program to target stage, as rows (pass/pass.h): finalize
// runs them in the order of finalize/passes.def.
#pragma once

#include <span>
#include <string_view>

#include "pass/pass.h"
#include "schedule/schedule.h"

namespace tenon::schedule {

/// The pass behind which kernels have operations on lanes. What comes before it leaves loops over
/// elements, which analyses of accesses read.
inline constexpr std::string_view kLanesPass = "vectorize";

[[nodiscard]] std::span<const pass::Pass> kernel_passes();

/// For finalize: keeps the program as it is before that pass.
[[nodiscard]] OnPass keep_loops(Program& loops);

/// The program after one pass. One with lanes is past all of them and stays as it is.
[[nodiscard]] Result<Program> run_pass(const pass::Pass& pass, const Program& program,
                                       const machine::Machine& machine);

}  // namespace tenon::schedule
