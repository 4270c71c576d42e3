// One kernel as text at the stages between its definition and machine code.
#pragma once

#include <string>
#include <string_view>

#include "machine/machine.h"
#include "pass/pass.h"
#include "schedule/schedule.h"
#include "support/result.h"

namespace tenon::compiler {

/// "loop": the definition with its schedule as trace, which reads back; "schedule": the scheduled
/// program, "target": after the passes on kernels (up to `passes.stop_after`), both with the trace
/// as comments; "llvm" and "asm", alone. Refuses other stages ("kernel.stage").
[[nodiscard]] Result<std::string> stage_text(const schedule::Choice& choice, std::string_view stage,
                                             const machine::Machine& machine,
                                             const pass::Options& passes = {});

}  // namespace tenon::compiler
