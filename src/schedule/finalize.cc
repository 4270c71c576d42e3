// Scheduled program to target stage; see schedule.h and the passes in finalize/.
#include <array>

#include "ir/verify.h"
#include "schedule/finalize/passes.h"
#include "schedule/kernel_pass.h"
#include "schedule/schedule.h"
#include "support/stopwatch.h"

namespace tenon::schedule {

std::span<const KernelPass> kernel_passes() {
  static constexpr std::array kTable{
#define TENON_KERNEL_PASS(name, function, doc) KernelPass{#name, doc, finalizing::function},
#include "schedule/finalize/passes.def"
  };
  return kTable;
}

const KernelPass* find_kernel_pass(std::string_view name) {
  for (const KernelPass& p : kernel_passes())
    if (p.name == name) return &p;
  return nullptr;
}

Program run_pass(const KernelPass& pass, const Program& program, const machine::Machine& machine) {
  if (ir::stage_of(*program) == 'T') return program;
  auto out = std::make_shared<ir::Kernel>(*program);
  finalizing::Work work{*out->context, *out, machine};
  pass.run(work);
  return out;
}

Result<Program> finalize(Program program, const machine::Machine& machine,
                         const FinalizeOptions& options) {
  for (const KernelPass& pass : kernel_passes()) {
    const Stopwatch watch;
    program = run_pass(pass, program, machine);
    if (options.on_pass) options.on_pass(pass.name, watch.seconds(), program);
    if (options.verify) TENON_TRY_VOID(ir::verify(*program, 'T'));
    if (options.stop_after == pass.name) break;
  }
  return program;
}

}  // namespace tenon::schedule
