#include "compiler/kernel_text.h"

#include "ir/text.h"
#include "support/text.h"
#include "target/target.h"

namespace tenon::compiler {

Result<std::string> stage_text(const schedule::Choice& choice, std::string_view stage,
                               const machine::Machine& machine, const pass::Options& passes) {
  if (stage == "loop") {
    ir::Kernel shown = *choice.definition;
    shown.trace = choice.program->trace;
    return ir::print(shown);
  }
  if (stage == "schedule") return schedule::print_scheduled(*choice.program);
  if (stage != "target" && stage != "llvm" && stage != "asm")
    return fail("kernel.stage", cat("a kernel has no stage '", stage,
                                    "'; its stages are loop, schedule, target, llvm and asm"));
  TENON_TRY(const schedule::Program finalized, schedule::finalize(choice.program, machine, passes));
  if (stage == "target") return schedule::print_scheduled(*finalized);
  return stage == "llvm" ? target::emit_llvm(*finalized, machine)
                         : target::emit_asm(*finalized, machine);
}

}  // namespace tenon::compiler
