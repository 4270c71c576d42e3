// tenon opt: runs named passes on a model or kernel, or a schedule on a kernel, and prints the
// result.
#include <algorithm>
#include <cstdio>

#include "cli/cli.h"
#include "compiler/passes.h"
#include "ir/kernel_calls.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "schedule/kernel_pass.h"
#include "schedule/registry.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

struct OptArgs {
  std::vector<std::string> passes;
  std::string file, schedule, target = "host";
  bool list = false, constants = false;
};

int list_rows() {
  std::printf("passes, in the order of the pipeline (--pass):\n");
  for (const pass::Pass& p : compiler::passes())
    std::printf("  %-26s %s%s%s\n", std::string(p.name).c_str(),
                p.stage == pass::Stage::kernel ? "on kernels: " : "", std::string(p.doc).c_str(),
                p.optional ? "" : " (cannot be switched off)");
  std::printf("schedule primitives (--schedule, and trace lines of kernels):\n");
  for (const schedule::Primitive& p : schedule::primitive_table())
    std::printf("  %s\n", schedule::signature(p).c_str());
  std::printf("other lines of schedules:\n");
  std::printf("  schedule %lld                 version and canonical names, the first line\n",
              static_cast<long long>(schedule::kScheduleVersion));
  std::printf("  NAME = sample([candidate, ...]) -> value\n");
  return 0;
}

/// Lines of a schedule file with their places; `;` starts a comment.
struct Lines {
  std::vector<std::string> lines, places;
};

Result<Lines> read_schedule(const std::string& path) {
  TENON_TRY(const std::string text, read_file(path));
  Lines out;
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    line = line.substr(0, line.find(';'));
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    out.lines.emplace_back(line);
    out.places.push_back(path + ":" + std::to_string(number));
  }
  return out;
}

/// The kernel under the lines of the file, or under those that it carries itself; a kernel that has
/// none stays as it is.
Result<schedule::Program> scheduled(const schedule::Program& kernel, const OptArgs& args) {
  TENON_TRY(const machine::Machine* const row, compiler::check({.target = args.target}));
  Lines lines{kernel->trace, {}};
  if (!args.schedule.empty()) {
    TENON_TRY(lines, read_schedule(args.schedule));
  }
  if (lines.lines.empty()) return schedule::replay(kernel, {});
  TENON_TRY(const schedule::Choice choice,
            schedule::follow(kernel, *row, lines.lines, lines.places));
  TENON_TRY_VOID(ir::verify(*choice.program, ir::stage_of(*choice.program)));
  return choice.program;
}

/// The kernel under its schedule, then after the passes.
Result<std::string> passed_text(schedule::Program kernel, const OptArgs& args) {
  if (!args.schedule.empty())
    return fail("usage", "--pass and --schedule: give the schedule as trace lines in FILE");
  TENON_TRY(const machine::Machine* const row, compiler::check({.target = args.target}));
  TENON_TRY(kernel, scheduled(kernel, args));
  for (const std::string& name : args.passes) {
    TENON_TRY(const pass::Pass* const pass, compiler::find_pass(name));
    if (pass->stage != pass::Stage::kernel)
      return fail("usage", cat(args.file, ": holds one kernel, and pass '", name,
                               "' works on models; `tenon opt --list` names those on kernels"));
    TENON_TRY(kernel, schedule::run_pass(*pass, kernel, *row));
    TENON_TRY_VOID(ir::verify(*kernel, 'T'));
  }
  return schedule::print_scheduled(*kernel);
}

/// The model after the passes; those on kernels work on every kernel that the ones before made.
Status run_passes(compiler::ImportedModel& source, const OptArgs& args) {
  TENON_TRY(const machine::Machine* const row, compiler::check({.target = args.target}));
  const pass::Options options;
  pass::PassContext context{*source.context, *row, options};
  for (const std::string& name : args.passes) {
    TENON_TRY(const pass::Pass* const pass, compiler::find_pass(name));
    if (pass->stage == pass::Stage::graph) {
      TENON_TRY_VOID(pass::run(*pass, context, source.function));
      TENON_TRY_VOID(ir::verify(source.function));
      continue;
    }
    if (ir::kernels_of(source.function).empty())
      return fail("usage", cat("pass '", name,
                               "' works on kernels, and this is a model without any; `fuse` before "
                               "it makes them, and `tenon inspect MODEL --kernel N --stage loop` "
                               "prints one"));
    TENON_TRY_VOID(pass::run_on_kernels(*pass, context, source.function));
    for (const ir::Kernel* kernel : ir::kernels_of(source.function))
      TENON_TRY_VOID(ir::verify(*kernel, 'T'));
  }
  return {};
}

Result<std::string> opt(const OptArgs& args) {
  compiler::Options options = terminal_options();
  options.target = args.target;
  TENON_TRY(compiler::ImportedModel source,
            compiler::read(compiler::Source::file(args.file), options));
  if (source.kernel != nullptr && args.passes.empty())
    return scheduled(source.kernel, args).map([](const schedule::Program& p) {
      return schedule::print_scheduled(*p);
    });
  if (source.kernel != nullptr) return passed_text(source.kernel, args);
  if (!args.schedule.empty())
    return fail("usage", args.file +
                             ": holds a model, and --schedule works on one kernel; `tenon inspect "
                             "MODEL --kernel N --stage loop` prints one");
  TENON_TRY_VOID(run_passes(source, args));
  return ir::print(*source.context, source.function, {.constant_bytes = args.constants});
}

int main_of(const OptArgs& args) {
  if (args.list) return list_rows();
  if (args.file.empty())
    return explain({{{"usage", "give a .tir file, or --list for passes and primitives"}}});
  const Result<std::string> text = opt(args);
  if (!text) return explain(text.error());
  std::printf("%s", text->c_str());
  return 0;
}

}  // namespace

void add_opt(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "opt", "run passes on the text of a model or kernel, or a schedule on a kernel's");
  auto args = std::make_shared<OptArgs>();  // shared: the callback outlives this call
  command->add_option("--pass", args->passes, "passes to run, in order (comma-separated)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--schedule", args->schedule,
                      "a file of trace lines for the one kernel in FILE, in place of its own");
  command
      ->add_option("--target", args->target,
                   "machine row for passes and decisions; `tenon targets` lists them")
      ->capture_default_str();
  command->add_flag("--list", args->list, "list the passes and the schedule primitives");
  command->add_flag("--constants", args->constants, "print the bytes of all constants");
  command->add_option("FILE", args->file, "a .tir (or .onnx) file");
  command->footer(
      "examples:\n  tenon opt --pass fold_constants,simplify_algebra model.tir\n"
      "  tenon opt --pass decompose,fuse,lower_blocks model.tir\n"
      "  tenon opt --schedule schedule.txt kernel.tir       the kernel, scheduled\n"
      "  tenon opt --pass lower_blocks kernel.tir           one step on its way to code");
  command->callback([args, &status] { status = main_of(*args); });
}

}  // namespace tenon::cli
