// Who decides a kernel's schedule: its trace lines, its own form, or the defaults.
#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "schedule/schedule.h"

namespace tenon::schedule {
namespace {

/// The program with nothing in its trace.
Program without_trace(const ir::Kernel& kernel) {
  auto bare = std::make_shared<ir::Kernel>(kernel);
  bare->trace.clear();
  return bare;
}

}  // namespace

Result<Program> replay(const Program& program, std::span<const std::string> trace,
                       std::span<const std::string> places) {
  Schedule schedule(without_trace(*program));
  for (size_t i = 0; i < trace.size(); ++i) {
    Status done = schedule.apply(trace[i]);
    if (done) continue;
    Error error = std::move(done).error();
    for (Diagnostic& d : error.diagnostics) {
      d.message = "`" + trace[i] + "` does not apply: " + d.message;
      if (i < places.size()) d.message = places[i] + ": " + d.message;
    }
    return tl::make_unexpected(std::move(error));
  }
  return schedule.program();
}

bool is_definition(const ir::Kernel& kernel) {
  const ir::Expr roots[] = {kernel.body};
  const std::vector<ir::Expr> all = ir::post_order(roots);
  return std::none_of(all.begin(), all.end(), [](ir::Expr s) {
    return s->op == ir::Op::instr || (s->op == ir::Op::for_ && ir::ForView{s}.kind() != "serial");
  });
}

Result<Choice> choose(const Program& program, const machine::Machine& machine) {
  if (!program->trace.empty()) {
    TENON_TRY(Program scheduled, replay(program, program->trace));
    return Choice{std::move(scheduled), Origin::trace};
  }
  if (!is_definition(*program)) return Choice{Schedule(program).program(), Origin::written};
  TENON_TRY(Program scheduled, default_schedule(program, machine));
  return Choice{std::move(scheduled), Origin::standard};
}

std::string print_scheduled(const ir::Kernel& kernel) {
  std::string text;
  for (const std::string& line : kernel.trace) text += "; " + line + "\n";
  return text + ir::print(*without_trace(kernel));
}

}  // namespace tenon::schedule
