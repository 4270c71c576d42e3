// Kernels and schedules from C.
#include "c_api/objects.h"
#include "c_api_compiler/compile.h"
#include "c_api_compiler/graph.h"
#include "compiler/kernel_model.h"
#include "compiler/kernel_text.h"
#include "ir/kernel_calls.h"
#include "ir/text.h"
#include "schedule/registry.h"
#include "schedule/space.h"
#include "tenon/schedule.h"

struct tenon_kernel {
  std::string about;
  tenon::schedule::Program definition;  // without a trace
  std::vector<std::string> lines;       // applied to it
  tenon::schedule::Schedule schedule;   // what they made of it

  // What the last call gave.
  std::string text;
  std::vector<std::string> names;
  std::vector<const char*> first, second;
};

namespace tenon::c_api {
namespace {

using schedule::Schedule;

/// Lines of a text that are not empty.
std::vector<std::string> lines_of(const char* text) {
  std::vector<std::string> lines;
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (rest.find_first_not_of(" \t\r") < end) lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

/// A kernel of a text. Its places in errors are those of the text.
Result<tenon_kernel*> read_kernel(std::string_view text, const std::string& about) {
  TENON_TRY(ir::Module module, ir::parse(text, about));
  if (module.kernels.size() != 1 || !module.functions.empty())
    return fail("tir.no_model", cat(about, ": holds ", module.kernels.size(), " kernels and ",
                                    module.functions.size(), " models; give one kernel alone"));
  TENON_TRY_VOID(compiler::check_kernels(module, nullptr));
  auto definition = std::make_shared<ir::Kernel>(*module.kernels[0]);
  std::vector<std::string> lines = std::move(definition->trace);
  definition->trace.clear();
  auto kernel = std::make_unique<tenon_kernel>(
      tenon_kernel{about, definition, {}, Schedule(definition), {}, {}, {}, {}});
  for (const std::string& line : lines) TENON_TRY_VOID(kernel->schedule.apply(line));
  kernel->lines = std::move(lines);
  return kernel.release();
}

Result<const machine::Machine*> machine_of(const char* target) {
  compiler::Options options;
  if (target != nullptr) options.target = target;
  return compiler::check(options);
}

/// The default schedule under the decisions of the lines.
Result<schedule::Choice> default_schedule(const tenon_kernel& kernel, const char* target,
                                          const char* decisions) {
  TENON_TRY(const machine::Machine* const machine, machine_of(target));
  schedule::Assignment values;
  for (const std::string& line : lines_of(decisions)) {
    TENON_TRY(const auto decision, schedule::parse_decision(line));
    if (!decision)
      return fail("schedule.trace",
                  cat("`", line, "` is no decision; one reads NAME = sample() -> VALUE"));
    values.insert_or_assign(decision->name, decision->value);
  }
  return schedule::realize(kernel.definition, *machine, values);
}

/// The definition with the lines as its trace.
std::shared_ptr<ir::Kernel> with_trace(const tenon_kernel& kernel) {
  auto out = std::make_shared<ir::Kernel>(*kernel.definition);
  out->trace = kernel.lines;
  return out;
}

Result<std::string> text_at(const tenon_kernel& kernel, std::string_view stage,
                            const char* target) {
  TENON_TRY(const machine::Machine* const machine, machine_of(target));
  if (kernel.lines.empty())
    return compiler::stage_text(schedule::as_written(kernel.definition), stage, *machine);
  TENON_TRY(const schedule::Choice choice, schedule::choose(with_trace(kernel), *machine));
  return compiler::stage_text(choice, stage, *machine);
}

Result<std::shared_ptr<const runtime::Model>> compiled(const tenon_kernel& kernel,
                                                       compiler::Options options) {
  const ir::Module module{kernel.definition->context, {}, {with_trace(kernel)}, {}};
  TENON_TRY(compiler::ImportedModel model, compiler::model_of_kernel(module, kernel.about));
  options.default_schedules = false;
  return to_run(compiler::compile(std::move(model), options));
}

/// A call on a kernel.
template <class Work>
tenon_error* on_kernel(const char* function, tenon_kernel* kernel, const Work& work) noexcept {
  if (kernel == nullptr) return call({function}, [&] { return require(kernel, "kernel"); });
  return call({function, kernel->about}, [&]() -> Status { return work(); });
}

void point_at(std::vector<const char*>& pointers, const std::vector<std::string>& texts) {
  pointers.clear();
  for (const std::string& text : texts) pointers.push_back(text.c_str());
}

}  // namespace
}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_kernel_parse(const char* text, const char* name, tenon_kernel** kernel) {
  if (kernel != nullptr) *kernel = nullptr;
  const std::string about = name == nullptr ? "kernel" : name;
  return call({"tenon_kernel_parse", about}, [&]() -> Status {
    TENON_TRY_VOID(require(text, "text"));
    TENON_TRY_VOID(require(kernel, "kernel"));
    TENON_TRY(*kernel, read_kernel(text, about));
    return {};
  });
}

tenon_error* tenon_graph_kernel(tenon_graph* graph, const tenon_compile_options* options,
                                size_t index, tenon_kernel** kernel) {
  if (kernel != nullptr) *kernel = nullptr;
  return on_graph("tenon_graph_kernel", graph, [&]() -> Status {
    TENON_TRY_VOID(require(kernel, "kernel"));
    TENON_TRY(const compiler::Options o, compile_options(options));
    TENON_TRY(compiler::ImportedModel model, c_api::model_of(*graph));
    TENON_TRY(const compiler::Compilation made, compiler::optimize(std::move(model), o));
    const auto kernels = ir::kernels_of(made.function);
    if (index >= kernels.size())
      return fail("api.index", cat("the graph becomes ", kernels.size(),
                                   " kernels; there is none of index ", index));
    // By its text, so that it shares nothing with the graph.
    TENON_TRY(*kernel, read_kernel(ir::print(*kernels[index]), kernels[index]->name));
    return {};
  });
}

tenon_error* tenon_kernel_copy(tenon_kernel* kernel, tenon_kernel** copy) {
  if (copy != nullptr) *copy = nullptr;
  return on_kernel("tenon_kernel_copy", kernel, [&]() -> Status {
    TENON_TRY_VOID(require(copy, "copy"));
    *copy = new tenon_kernel(*kernel);
    return {};
  });
}

void tenon_kernel_release(tenon_kernel* kernel) { delete kernel; }

tenon_error* tenon_kernel_apply(tenon_kernel* kernel, const char* line, const char** applied) {
  return on_kernel("tenon_kernel_apply", kernel, [&]() -> Status {
    TENON_TRY_VOID(require(line, "line"));
    const size_t before = kernel->schedule.program()->trace.size();
    TENON_TRY_VOID(kernel->schedule.apply(line));
    kernel->lines.emplace_back(line);
    const auto& trace = kernel->schedule.program()->trace;
    kernel->text = trace.size() > before ? trace.back() : line;
    if (applied != nullptr) *applied = kernel->text.c_str();
    return {};
  });
}

tenon_error* tenon_kernel_schedule(tenon_kernel* kernel, const char* target,
                                   const char* decisions) {
  return on_kernel("tenon_kernel_schedule", kernel, [&]() -> Status {
    TENON_TRY(const schedule::Choice choice, default_schedule(*kernel, target, decisions));
    Schedule fresh(kernel->definition);
    for (const std::string& line : choice.program->trace) TENON_TRY_VOID(fresh.apply(line));
    kernel->schedule = std::move(fresh);
    kernel->lines = choice.program->trace;
    return {};
  });
}

tenon_error* tenon_kernel_decisions(tenon_kernel* kernel, const char* target, const char* decisions,
                                    const char** text) {
  return on_kernel("tenon_kernel_decisions", kernel, [&]() -> Status {
    TENON_TRY_VOID(require(text, "text"));
    TENON_TRY(const schedule::Choice choice, default_schedule(*kernel, target, decisions));
    kernel->text.clear();
    for (const schedule::Decision& d : choice.decisions)
      kernel->text += schedule::format_decision(d) + "\n";
    *text = kernel->text.c_str();
    return {};
  });
}

tenon_error* tenon_kernel_describe(tenon_kernel* kernel, tenon_kernel_info* info) {
  return on_kernel("tenon_kernel_describe", kernel, [&]() -> Status {
    const ir::Kernel& program = *kernel->schedule.program();
    kernel->names = kernel->schedule.blocks();
    point_at(kernel->first, program.trace);
    point_at(kernel->second, kernel->names);
    tenon_kernel_info i{};
    i.name = program.name.c_str();
    i.trace = kernel->first.data();
    i.trace_count = kernel->first.size();
    i.blocks = kernel->second.data();
    i.block_count = kernel->second.size();
    return write_struct(info, i);
  });
}

tenon_error* tenon_kernel_loops(tenon_kernel* kernel, const char* block, const char* const** loops,
                                size_t* count) {
  return on_kernel("tenon_kernel_loops", kernel, [&]() -> Status {
    TENON_TRY_VOID(require(block, "block"));
    TENON_TRY_VOID(require(loops, "loops"));
    TENON_TRY_VOID(require(count, "count"));
    kernel->names = kernel->schedule.loops(block);
    point_at(kernel->first, kernel->names);
    *loops = kernel->first.data();
    *count = kernel->first.size();
    return {};
  });
}

tenon_error* tenon_kernel_text(tenon_kernel* kernel, const char* stage, const char* target,
                               const char** text) {
  return on_kernel("tenon_kernel_text", kernel, [&]() -> Status {
    TENON_TRY_VOID(require(stage, "stage"));
    TENON_TRY_VOID(require(text, "text"));
    TENON_TRY(kernel->text, text_at(*kernel, stage, target));
    *text = kernel->text.c_str();
    return {};
  });
}

tenon_error* tenon_kernel_compile(tenon_kernel* kernel, const tenon_compile_options* options,
                                  tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  return on_kernel("tenon_kernel_compile", kernel, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    const auto make = [&](const tenon_compile_options&, const compiler::Options& o) {
      return compiled(*kernel, o);
    };
    TENON_TRY(*model, compile_with(options, kernel->about, make));
    return {};
  });
}

size_t tenon_primitive_count(void) { return schedule::primitive_table().size(); }

tenon_error* tenon_primitive_at(size_t index, tenon_primitive* row) {
  return call({"tenon_primitive_at"}, [&]() -> Status {
    static const std::vector<std::pair<std::string, std::string>> all = [] {
      std::vector<std::pair<std::string, std::string>> texts;
      for (const schedule::Primitive& p : schedule::primitive_table())
        texts.emplace_back(p.name, schedule::signature(p));
      return texts;
    }();
    if (index >= all.size())
      return fail("api.index",
                  cat("there are ", all.size(), " primitives, and none of index ", index));
    return write_struct(row, {0, all[index].first.c_str(), all[index].second.c_str()});
  });
}
