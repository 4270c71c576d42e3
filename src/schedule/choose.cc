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

Status Book::add(Page page) {
  std::string text = ir::canonical_text(*without_trace(*page.kernel));
  const std::string file = page.file;
  const auto [at, fresh] = pages_.emplace(std::move(text), std::move(page));
  if (!fresh)
    return fail("schedule.twice",
                file + ": schedules what " + at->second.file + " does too; leave one out");
  return {};
}

const Book::Page* Book::find(const std::string& canonical) const {
  const auto found = pages_.find(canonical);
  return found == pages_.end() ? nullptr : &found->second;
}

Result<Choice> choose(const Program& program, const machine::Machine& machine, const Book* book) {
  if (!program->trace.empty()) {
    TENON_TRY(Program scheduled, replay(program, program->trace));
    return Choice{std::move(scheduled), Origin::trace, "trace"};
  }
  if (!is_definition(*program))
    return Choice{Schedule(program).program(), Origin::written, "written"};
  const Book::Page* page = book == nullptr ? nullptr : book->find(ir::canonical_text(*program));
  if (page == nullptr) return default_schedule(program, machine);
  if (page->kernel->trace.empty()) {
    TENON_TRY(Choice choice, default_schedule(program, machine));
    choice.file = page->file;
    return choice;
  }
  // The page's own kernel is scheduled: its lines speak of its names.
  TENON_TRY(Program scheduled, replay(page->kernel, page->kernel->trace, page->places));
  return Choice{std::move(scheduled), Origin::book, "file", page->file};
}

std::string print_scheduled(const ir::Kernel& kernel) {
  std::string text;
  for (const std::string& line : kernel.trace) text += "; " + line + "\n";
  return text + ir::print(*without_trace(kernel));
}

}  // namespace tenon::schedule
