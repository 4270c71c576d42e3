#include "driver/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>

#include "driver/kernel_model.h"
#include "frontend/onnx/import.h"
#include "graph/index_bounds.h"
#include "graph/pass.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "machine/instruction.h"
#include "ops/verify.h"
#include "support/file.h"
#include "support/threads.h"

namespace tenon::driver {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void report(const CompileOptions& options, std::string_view what, size_t done, size_t total) {
  if (options.progress) options.progress(what, done, total);
}

Result<Source> read_text(const std::string& path) {
  TENON_TRY(const std::string text, read_file(path));
  TENON_TRY(ir::Module module, ir::parse(text, path));
  TENON_TRY_VOID(check_kernels(module));
  if (module.functions.empty()) return model_of_kernel(module, path);
  // Passes rely on the rules that a hand-written text may break.
  TENON_TRY_VOID(ir::verify(*module.functions.back()));
  TENON_TRY_VOID(ops::verify(*module.context, *module.functions.back()));
  Source source{module.context, *module.functions.back(), {}, path, {}};
  std::vector<ir::Expr> roots = source.function.params;
  roots.insert(roots.end(), source.function.results.begin(), source.function.results.end());
  for (ir::Expr e : ir::post_order(roots, /*with_exprs=*/true))
    if (e->op == ir::Op::var) source.symbols.emplace_back(e->string_attr(ir::Key::name), e);
  return source;
}

/// Kernels of a function and of the bodies in it, in order of appearance.
void collect_kernels(const ir::Function& f, std::vector<const ir::Kernel*>& out) {
  std::vector<ir::Expr> roots = f.results;
  for (const ir::Binding& b : f.bindings) roots.push_back(b.tensor);
  for (ir::Expr n : ir::post_order(roots)) {
    if (n->op == ir::Op::call_kernel) out.push_back(n->kernel_attr());
    for (const ir::Attr& a : n->attrs)
      if (const auto* body = std::get_if<const ir::Function*>(&a.value))
        collect_kernels(**body, out);
  }
}

}  // namespace

Result<Source> read_model(const std::string& path) {
  if (path.ends_with(".tir")) return read_text(path);
  if (path.ends_with(".tenon"))
    return fail("model.compiled", path +
                                      ": is already compiled; `run`, `bench` and `inspect` read "
                                      "it, this needs the .onnx or .tir file");
  TENON_TRY(onnx_import::Imported imported, onnx_import::import_file(path));
  for (const std::string& warning : imported.warnings)
    std::fprintf(stderr, "tenon: warning: %s\n", warning.c_str());
  Source source{imported.context, *imported.function, {}, path, {}};
  for (const auto& [name, var] : imported.symbols) source.symbols.emplace_back(name, var);
  return source;
}

Result<Compilation> optimize(Source source, const CompileOptions& options) {
  Compilation result;
  result.context = source.context;
  result.function = std::move(source.function);
  result.index_bounds = graph::index_bounds(*result.context, result.function);
  result.machine = options.machine != nullptr ? options.machine : &machine::host();
  for (const std::string& name : options.disabled_passes) {
    const graph::Pass* pass = graph::find_pass(name);
    if (pass == nullptr)
      return fail("pass.unknown",
                  "no pass is called '" + name + "'; `tenon opt --list` names them");
    if (!pass->optional)
      return fail("pass.required",
                  "pass '" + name +
                      "' cannot be switched off: later stages need it; `tenon opt --list` marks "
                      "those that can");
  }
  for (const graph::Pass& pass : graph::passes()) {
    const bool off = std::find(options.disabled_passes.begin(), options.disabled_passes.end(),
                               pass.name) != options.disabled_passes.end();
    if (!off) {
      report(options, pass.name, 0, 0);
      const Clock::time_point start = Clock::now();
      TENON_TRY_VOID(pass.run(*result.context, result.function));
      result.times.push_back({std::string(pass.name), seconds_since(start)});
      if (options.verify && pass.name != "fuse") {
        TENON_TRY_VOID(ir::verify(result.function));
        TENON_TRY_VOID(ops::verify(*result.context, result.function));
      }
    }
    if (options.stop_after == pass.name) return result;
  }
  return result;
}

Result<std::shared_ptr<const CompiledKernel>> compile_kernel(schedule::Program definition,
                                                             std::string text,
                                                             const machine::Machine& machine,
                                                             std::string symbol, bool verify) {
  auto kernel = std::make_shared<CompiledKernel>();
  kernel->text = std::move(text);
  kernel->definition = std::move(definition);
  if (verify) TENON_TRY_VOID(ir::verify(*kernel->definition, 'L'));
  TENON_TRY(schedule::Choice choice, schedule::choose(kernel->definition, machine));
  kernel->scheduled = std::move(choice.program);
  if (verify) TENON_TRY_VOID(ir::verify(*kernel->scheduled, 'L'));
  if (verify) TENON_TRY_VOID(machine::verify_instructions(*kernel->scheduled));
  TENON_TRY(kernel->finalized, schedule::finalize(kernel->scheduled));
  if (verify) TENON_TRY_VOID(ir::verify(*kernel->finalized, 'T'));
  if (verify) TENON_TRY_VOID(machine::verify_instructions(*kernel->finalized));
  TENON_TRY(kernel->object, target::emit(*kernel->finalized, machine, std::move(symbol)));
  return kernel;
}

Result<Compilation> compile(Source source, const CompileOptions& options) {
  TENON_TRY(Compilation result, optimize(std::move(source), options));
  std::vector<const ir::Kernel*> all;
  collect_kernels(result.function, all);

  Clock::time_point start = Clock::now();
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
  result.times.push_back({"deduplicate", seconds_since(start)});

  start = Clock::now();
  result.kernels.resize(distinct.size());
  std::mutex mutex;
  size_t done = 0;
  Error errors;
  parallel_for(distinct.size(), options.jobs, [&](size_t i) {
    // The context keeps ownership; compilation only reads this one.
    const schedule::Program definition(result.context, distinct[i]);
    auto compiled = compile_kernel(definition, texts[i], *result.machine, "k" + std::to_string(i),
                                   options.verify);
    const std::lock_guard lock(mutex);
    report(options, "compile kernels", ++done, distinct.size());
    if (compiled) {
      result.kernels[i] = *std::move(compiled);
    } else {
      for (Diagnostic& d : compiled.error().diagnostics) {
        d.message = "kernel " + distinct[i]->name + ": " + d.message;
        errors.diagnostics.push_back(std::move(d));
      }
    }
  });
  result.times.push_back({"compile_kernels", seconds_since(start)});
  if (!errors.diagnostics.empty()) return tl::make_unexpected(std::move(errors));
  return result;
}

}  // namespace tenon::driver
