// Scheduled program to target stage; see schedule.h and the passes in finalize/.
#include <array>

#include "ir/verify.h"
#include "schedule/finalize/passes.h"
#include "schedule/kernel_pass.h"
#include "schedule/schedule.h"

namespace tenon::schedule {
namespace {

/// A program with lanes is past all passes.
template <void (*kFunction)(finalizing::Work&)>
Status on_kernel(pass::PassContext& p, ir::Kernel& kernel) {
  finalizing::Work work{*kernel.context, kernel, p.machine};
  if (ir::stage_of(kernel) != 'T') kFunction(work);
  return {};
}

}  // namespace

std::span<const pass::Pass> kernel_passes() {
  static constexpr std::array kTable{
#define TENON_KERNEL_PASS(name, function, required, doc) \
  pass::Pass{#name,       doc,     pass::Stage::kernel,  \
             !(required), nullptr, on_kernel<finalizing::function>},
#include "schedule/finalize/passes.def"
  };
  return kTable;
}

OnPass keep_loops(Program& loops) {
  return [&loops](const pass::Pass& pass, double, const ir::Kernel& after) {
    if (pass.name != kLanesPass) loops = std::make_shared<ir::Kernel>(after);
  };
}

Result<Program> run_pass(const pass::Pass& pass, const Program& program,
                         const machine::Machine& machine) {
  auto out = std::make_shared<ir::Kernel>(*program);
  const pass::Options options;
  pass::PassContext context{*out->context, machine, options};
  TENON_TRY_VOID(pass::run(pass, context, *out));
  return Program(std::move(out));
}

Result<Program> finalize(const Program& program, const machine::Machine& machine,
                         const pass::Options& options, const OnPass& on_pass) {
  auto out = std::make_shared<ir::Kernel>(*program);
  pass::PassContext context{*out->context, machine, options};
  TENON_TRY_VOID(pass::run_all(kernel_passes(), context, *out,
                               {.after = [&](const pass::Pass& pass, double seconds) {
                                 if (on_pass) on_pass(pass, seconds, *out);
                                 return options.verify ? ir::verify(*out, 'T') : Status{};
                               }}));
  return Program(std::move(out));
}

}  // namespace tenon::schedule
