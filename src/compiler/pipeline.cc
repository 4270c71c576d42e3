// From a model file to code: import, graph passes, fusion, schedules, emission. One table of passes
// (compiler/passes.h), each with a name, a switch, a timer and a verifier.

#include <algorithm>
#include <cctype>
#include <charconv>
#include <mutex>
#include <sstream>

#include "compiler/compiler.h"
#include "compiler/contain.h"
#include "compiler/kernel_model.h"
#include "compiler/passes.h"
#include "frontend/onnx/import.h"
#include "graph/index_bounds.h"
#include "graph/pass.h"
#include "ir/kernel_calls.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "machine/instruction.h"
#include "ops/verify.h"
#include "schedule/kernel_pass.h"
#include "support/file.h"
#include "support/stopwatch.h"
#include "support/text.h"
#include "support/threads.h"

namespace tenon::compiler {

namespace {

/// Tells the caller where the work is; refuses to go on once the caller asked for an end.
Status advance(const Options& options, std::string_view what, size_t done, size_t total) {
  if (options.stop.stop_requested())
    return fail("compile.stopped", cat("stopped as asked, before ", what));
  if (options.progress) options.progress(what, done, total);
  return {};
}

Result<ImportedModel> read_text(std::string_view text, const std::string& path,
                                const Options& options) {
  TENON_TRY(ir::Module module, ir::parse(text, path));
  TENON_TRY(const machine::Machine* const machine, check(options));
  TENON_TRY_VOID(check_kernels(module, machine));
  if (module.functions.empty()) return model_of_kernel(module, path);
  // Passes rely on the rules that a hand-written text may break.
  TENON_TRY_VOID(ir::verify(*module.functions.back()));
  TENON_TRY_VOID(ops::verify(*module.context, *module.functions.back()));
  ImportedModel source{module.context, *module.functions.back(), {}, path, {}};
  std::vector<std::string>& names = source.function.result_names;
  while (names.size() < source.function.results.size())
    names.push_back(cat("output", names.size()));
  std::vector<ir::Expr> roots = source.function.params;
  roots.insert(roots.end(), source.function.results.begin(), source.function.results.end());
  for (ir::Expr e : ir::post_order(roots, /*with_exprs=*/true))
    if (e->op == ir::Op::var) source.symbols.emplace_back(e->string_attr(ir::Key::name), e);
  return source;
}

/// "image=1x3x640x640": a name and its extents, numbers or names of symbols.
Status add_reshape(onnx_import::ImportOptions& options, const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    return fail("compile.reshape", cat("reshape '", text, "' ", why,
                                       "; it is INPUT=1x3x640x640, where a name in place of a "
                                       "number, one without an x, makes an axis symbolic"));
  };
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) return refuse("names no input");
  std::vector<onnx_import::Extent> extents;
  std::istringstream words(text.substr(equals + 1));
  for (std::string word; std::getline(words, word, 'x');) {
    onnx_import::Extent extent;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), extent.value);
    const bool number = read.ec == std::errc{} && read.ptr == word.data() + word.size();
    if (number ? extent.value < 0
               : word.empty() || std::isalpha(static_cast<unsigned char>(word[0])) == 0)
      return refuse(cat("has the extent '", word, "'"));
    if (!number) extent = {0, word};
    extents.push_back(extent);
  }
  if (text.back() == 'x') return refuse("has the extent ''");
  if (!options.shapes.emplace(text.substr(0, equals), std::move(extents)).second)
    return refuse("gives that input's shape a second time");
  return {};
}

Result<ImportedModel> read_source(const Source& source, const Options& options) {
  if (!source.bytes && source.name.ends_with(".tenon"))
    return fail("model.compiled", source.name +
                                      ": is compiled already; `run`, `bench`, `profile` and "
                                      "`inspect` read it, this needs the .onnx or .tir file");
  onnx_import::ImportOptions import;
  for (const std::string& shape : options.reshape) TENON_TRY_VOID(add_reshape(import, shape));
  import.operators = options.operators;
  if (source.format == Format::text) {
    if (!options.reshape.empty())
      return fail("compile.reshape", cat(source.name,
                                         ": the shapes of a text model stand in it; "
                                         "reshape is for .onnx files"));
    if (source.bytes)
      return read_text({reinterpret_cast<const char*>(source.bytes->data()), source.bytes->size()},
                       source.name, options);
    TENON_TRY(const std::string text, read_file(source.name));
    return read_text(text, source.name, options);
  }
  TENON_TRY(onnx_import::Imported imported,
            source.bytes
                ? onnx_import::import_bytes(*source.bytes, source.folder, source.name, import)
                : onnx_import::import_file(source.name, import));
  if (options.warn)
    for (const std::string& warning : imported.warnings) options.warn(warning);
  ImportedModel model{imported.context, *imported.function, {}, source.name, {}};
  for (const auto& [name, var] : imported.symbols) model.symbols.emplace_back(name, var);
  return model;
}

Result<Compilation> run_passes(ImportedModel model, const Options& options) {
  Compilation result;
  TENON_TRY(result.machine, check(options));
  result.context = model.context;
  result.function = std::move(model.function);
  result.index_bounds = graph::index_bounds(*result.context, result.function);
  pass::PassContext context{*result.context, *result.machine, options.passes};
  pass::Hooks hooks;
  Stopwatch start;
  hooks.before = [&](const pass::Pass& pass) {
    start = {};
    return advance(options, pass.name, 0, 0);
  };
  hooks.after = [&](const pass::Pass& pass, double seconds) -> Status {
    result.times.push_back({std::string(pass.name), seconds, false, start.begin()});
    for (const auto& [rule, times] : context.applied)
      result.times.back().rules.emplace_back(rule, times);
    if (!options.passes.verify || pass.name == "fuse") return {};
    TENON_TRY_VOID(ir::verify(result.function));
    return ops::verify(*result.context, result.function);
  };
  TENON_TRY_VOID(pass::run_all(graph::passes(), context, result.function, hooks));
  result.groups = std::move(context.groups);
  return result;
}

/// Schedule and code of one kernel; with Options::verify the program is checked after each stage.
Result<std::shared_ptr<const CompiledKernel>> compile_kernel(schedule::Program definition,
                                                             std::string text,
                                                             const machine::Machine& machine,
                                                             std::string symbol,
                                                             const Options& options) {
  const bool verify = options.passes.verify;
  auto kernel = std::make_shared<CompiledKernel>();
  kernel->text = std::move(text);
  kernel->definition = std::move(definition);
  const auto took = [&](std::string_view stage, const Stopwatch& start) {
    kernel->times.push_back(
        {std::string(stage), start.seconds(), /*of_kernels=*/true, start.begin()});
  };
  if (verify) TENON_TRY_VOID(ir::verify(*kernel->definition, ir::stage_of(*kernel->definition)));
  if (!kernel->definition->host_function.empty()) {
    kernel->choice = schedule::as_written(kernel->definition);
    kernel->loops = kernel->finalized = kernel->definition;
    return kernel;
  }
  Stopwatch start;
  if (options.default_schedules || !kernel->definition->trace.empty()) {
    TENON_TRY(kernel->choice,
              schedule::choose(kernel->definition, machine, options.schedules.get()));
  } else {
    kernel->choice = schedule::as_written(kernel->definition);
  }
  took("schedule", start);
  const schedule::Program& scheduled = kernel->choice.program;
  if (verify) TENON_TRY_VOID(ir::verify(*scheduled, ir::stage_of(*scheduled)));
  if (verify) TENON_TRY_VOID(machine::verify_instructions(*scheduled));
  const schedule::OnPass keep = schedule::keep_loops(kernel->loops);
  const auto passed = [&](const pass::Pass& pass, double seconds, const ir::Kernel& after) {
    kernel->times.push_back({std::string(pass.name), seconds, /*of_kernels=*/true});
    keep(pass, seconds, after);
  };
  TENON_TRY(kernel->finalized, schedule::finalize(scheduled, machine, options.passes, passed));
  if (verify) TENON_TRY_VOID(machine::verify_instructions(*kernel->finalized));
  start = {};
  TENON_TRY(kernel->object, target::emit(*kernel->finalized, machine, std::move(symbol)));
  took("emit", start);
  return kernel;
}

void warn_of_unused_pages(const Compilation& result, const Options& options) {
  if (options.schedules == nullptr || !options.warn) return;
  for (const auto& [text, page] : options.schedules->pages()) {
    const bool used = std::any_of(result.kernels.begin(), result.kernels.end(),
                                  [&](const auto& kernel) { return kernel->text == text; });
    if (!used)
      options.warn(cat(page.file, ": kernel @", page.kernel->name,
                       " computes what no kernel of this model does; its schedule is not used"));
  }
}

Result<Compilation> generate_code(ImportedModel model, const Options& options) {
  TENON_TRY(Compilation result, run_passes(std::move(model), options));
  const std::vector<const ir::Kernel*> all = ir::kernels_of(result.function);

  Stopwatch start;
  std::unordered_map<std::string, size_t> by_text;
  std::vector<const ir::Kernel*> distinct;
  std::vector<std::string> texts;
  for (const ir::Kernel* k : all) {
    if (result.kernel_of.contains(k)) continue;
    // A trace speaks of names, which canonical text leaves out.
    std::string text = k->trace.empty() ? ir::canonical_text(*k) : ir::print(*k);
    const auto [at, fresh] = by_text.emplace(text, distinct.size());
    if (fresh) {
      distinct.push_back(k);
      texts.push_back(std::move(text));
    }
    result.kernel_of.emplace(k, at->second);
  }
  const auto took = [&](std::string name) {
    result.times.push_back({std::move(name), start.seconds(), false, start.begin()});
  };
  took("deduplicate");

  start = {};
  result.kernels.resize(distinct.size());
  std::mutex mutex;
  size_t done = 0;
  Status advanced;
  Error errors;
  parallel_for(distinct.size(), options.jobs, [&](size_t i) {
    {
      const std::lock_guard lock(mutex);
      if (!advanced) return;
    }
    // The context keeps ownership; compilation only reads this one.
    const schedule::Program definition(result.context, distinct[i]);
    auto compiled = contain([&] {
      return compile_kernel(definition, texts[i], *result.machine, "k" + std::to_string(i),
                            options);
    });
    const std::lock_guard lock(mutex);
    if (advanced) advanced = advance(options, "compile kernels", ++done, distinct.size());
    if (compiled) {
      result.kernels[i] = *std::move(compiled);
    } else {
      for (Diagnostic& d : compiled.error().diagnostics) {
        d.message = "kernel " + distinct[i]->name + ": " + d.message;
        errors.diagnostics.push_back(std::move(d));
      }
    }
  });
  took("compile_kernels");
  TENON_TRY_VOID(std::move(advanced));
  const size_t first = result.times.size();
  for (const auto& kernel : result.kernels) {
    if (kernel == nullptr) continue;  // refused: what it took is not of interest
    if (result.times.size() == first)
      result.times.insert(result.times.end(), kernel->times.begin(), kernel->times.end());
    else
      for (size_t i = 0; i < kernel->times.size(); ++i)
        result.times[first + i].seconds += kernel->times[i].seconds;
  }
  if (!errors.diagnostics.empty()) return tl::make_unexpected(std::move(errors));
  warn_of_unused_pages(result, options);
  return result;
}

}  // namespace

Source Source::file(std::string path) {
  const Format format = path.ends_with(".tir") ? Format::text : Format::onnx;
  return {std::move(path), std::nullopt, format};
}

Result<const machine::Machine*> check(const Options& options) {
  const machine::Machine* row =
      options.target == "host" ? &machine::host() : machine::find_row(options.target);
  if (row == nullptr) {
    std::string names;
    for (const machine::Machine& m : machine::rows()) names += " " + m.name;
    return fail("target.unknown",
                cat("no target is called '", options.target, "'; known are host", names));
  }
  if (options.precision != "f32")
    return fail("precision.unsupported",
                cat("precision '", options.precision, "' is not available; use f32"));
  for (const std::string& name : options.passes.disabled) {
    TENON_TRY(const pass::Pass* const pass, find_pass(name));
    if (!pass->optional)
      return fail("pass.required",
                  cat("pass '", name,
                      "' cannot be switched off: later stages need it; `tenon opt --list` marks "
                      "those that can"));
  }
  return row;
}

Result<ImportedModel> read(const Source& source, const Options& options) {
  return contain([&] { return read_source(source, options); });
}

Result<Compilation> optimize(ImportedModel model, const Options& options) {
  return contain([&] { return run_passes(std::move(model), options); });
}

Result<Compilation> generate(ImportedModel model, const Options& options) {
  return contain([&] { return generate_code(std::move(model), options); });
}

Result<artifact::Model> compile(ImportedModel model, const Options& options) {
  TENON_TRY(const Compilation compilation, generate(std::move(model), options));
  TENON_TRY_VOID(advance(options, "package", 0, 0));
  return package(compilation, options);
}

Result<artifact::Model> compile(const Source& source, const Options& options) {
  TENON_TRY_VOID(check(options));
  TENON_TRY_VOID(advance(options, "read", 0, 0));
  TENON_TRY(ImportedModel model, read(source, options));
  return compile(std::move(model), options);
}

}  // namespace tenon::compiler
