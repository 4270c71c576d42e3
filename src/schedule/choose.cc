// Who decides a kernel's schedule: its trace lines, its own form, or the defaults.
#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "schedule/program.h"
#include "schedule/schedule.h"
#include "schedule/space.h"

namespace tenon::schedule {
namespace {

/// The program with nothing in its trace.
Program without_trace(const ir::Kernel& kernel) {
  auto bare = std::make_shared<ir::Kernel>(kernel);
  bare->trace.clear();
  return bare;
}

/// What the lines of a trace start from.
Program start_of(const ir::Kernel& kernel, bool canonical) {
  const Program bare = without_trace(kernel);
  return canonical ? primitives::canonical(bare) : primitives::normalize(bare);
}

}  // namespace

namespace {

/// The error with the line, and the place where there is one, before it.
tl::unexpected<Error> at_line(Error error, std::span<const std::string> trace,
                              std::span<const std::string> places, size_t i) {
  for (Diagnostic& d : error.diagnostics) {
    d.message = "`" + trace[i] + "` does not apply: " + d.message;
    if (i < places.size()) d.message = places[i] + ": " + d.message;
  }
  return tl::make_unexpected(std::move(error));
}

/// The line that decides `name`.
size_t line_of(std::span<const std::string> trace, const std::string& name) {
  for (size_t i = 0; i < trace.size(); ++i)
    if (const auto d = parse_decision(trace[i]); d && *d && (*d)->name == name) return i;
  return 0;
}

/// The schedule after the lines.
Result<Schedule> after(const Program& program, std::span<const std::string> trace,
                       std::span<const std::string> places) {
  Schedule schedule(without_trace(*program));
  for (size_t i = 0; i < trace.size(); ++i)
    if (Status done = schedule.apply(trace[i]); !done)
      return at_line(std::move(done).error(), trace, places, i);
  return schedule;
}

/// True if no primitive was applied: the trace is a version at most.
bool only_decides(const Schedule& s) {
  return s.program()->trace.empty() ||
         (s.program()->trace.size() == 1 && s.program()->trace[0].find('(') == std::string::npos);
}

}  // namespace

Result<Program> replay(const Program& program, std::span<const std::string> trace,
                       std::span<const std::string> places) {
  TENON_TRY(const Schedule schedule, after(program, trace, places));
  const Decision* unused = schedule.unused_decision();
  if (unused == nullptr || only_decides(schedule)) return schedule.program();
  const Status refusal =
      fail("schedule.decision", "no line refers to '" + unused->name +
                                    "', so deciding it changes nothing; leave it out, or leave "
                                    "the lines out that are no decisions");
  return at_line(refusal.error(), trace, places, line_of(trace, unused->name));
}

Result<Choice> follow(const Program& program, const machine::Machine& machine,
                      std::span<const std::string> trace, std::span<const std::string> places) {
  TENON_TRY(const Schedule schedule, after(program, trace, places));
  if (!only_decides(schedule)) {
    TENON_TRY(Program scheduled, replay(program, trace, places));
    const bool headed = trace[0] == scheduled->trace[0] && trace[0].find('(') == std::string::npos;
    return Choice{std::move(scheduled), start_of(*program, headed), Origin::trace, "trace"};
  }
  Result<Choice> choice =
      realize(without_trace(*program), machine, assignment(schedule.decisions()));
  if (choice) {
    choice->origin = Origin::trace;
    choice->name = "trace";
    return choice;
  }
  // The line at fault is that of the decision which the message names, if it names one.
  size_t line = schedule.decisions().empty() ? 0 : line_of(trace, schedule.decisions()[0].name);
  for (const Decision& d : schedule.decisions())
    if (choice.error().text().find("'" + d.name + "'") != std::string::npos)
      line = line_of(trace, d.name);
  return at_line(std::move(choice).error(), trace, places, line);
}

bool is_definition(const ir::Kernel& kernel) {
  if (ir::stage_of(kernel) != 'L') return false;
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

Choice as_written(const Program& program) {
  const Program as_it_stands = Schedule(program).program();
  return {as_it_stands, as_it_stands, Origin::written, "written"};
}

Result<Choice> choose(const Program& program, const machine::Machine& machine, const Book* book) {
  if (!program->trace.empty()) return follow(program, machine, program->trace);
  if (!is_definition(*program)) return as_written(program);
  const Book::Page* page = book == nullptr ? nullptr : book->find(ir::canonical_text(*program));
  if (page == nullptr || page->kernel->trace.empty()) {
    TENON_TRY(Choice choice, default_schedule(program, machine));
    if (page != nullptr) choice.file = page->file;
    return choice;
  }
  // The page's own kernel is scheduled: its lines may speak of its names.
  TENON_TRY(Choice choice, follow(page->kernel, machine, page->kernel->trace, page->places));
  choice.origin = Origin::book;
  choice.name = "file";
  choice.file = page->file;
  return choice;
}

std::string print_scheduled(const ir::Kernel& kernel) {
  std::string text;
  for (const std::string& line : kernel.trace) text += "; " + line + "\n";
  return text + ir::print(*without_trace(kernel));
}

}  // namespace tenon::schedule
