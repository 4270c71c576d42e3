#include "driver/session.h"

#include <chrono>

#include "artifact/file.h"
#include "driver/cache.h"
#include "driver/package.h"
#include "driver/tensors.h"
#include "runtime/executor.h"
#include "support/text.h"

namespace tenon::driver {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<Session> load(const std::string& path, bool verify_whole) {
  const Clock::time_point start = Clock::now();
  Session session;
  TENON_TRY(session.model,
            runtime::Model::open(path, {.verify_whole = verify_whole, .check_cpu = true}));
  session.load_s = seconds_since(start);
  return session;
}

}  // namespace

size_t fallbacks(const artifact::Model& model) {
  size_t count = 0;
  for (const artifact::Step& s : model.steps)
    if (s.kind == artifact::StepKind::launch && model.entries[s.b].offset >= model.code.size())
      ++count;
  return count;
}

Result<std::vector<ops::Tensor>> run_model(const std::shared_ptr<const runtime::Model>& model,
                                           std::span<const runtime::Tensor> inputs, int threads) {
  TENON_TRY(auto executor, runtime::Executor::create(model, threads));
  for (size_t i = 0; i < inputs.size(); ++i)
    TENON_TRY_VOID(executor->set_input(i, inputs[i].view()));
  TENON_TRY_VOID(executor->run());
  std::vector<ops::Tensor> outputs;
  for (size_t i = 0; i < executor->output_count(); ++i)
    outputs.push_back(to_reference(executor->output(i)));
  return outputs;
}

Result<artifact::Model> compile_model(Source source, const CompileOptions& options) {
  TENON_TRY(const Compilation compilation, compile(std::move(source), options));
  return package(compilation, options);
}

Status check_runs_here(const CompileOptions& options) {
  if (options.machine == nullptr) return {};
  std::string lacking;
  for (const std::string& feature : machine::missing(*options.machine)) lacking += " " + feature;
  if (lacking.empty()) return {};
  return fail("target.cpu", cat("target ", options.machine->name, " needs", lacking,
                                ", which this CPU lacks; choose a target that `tenon targets` "
                                "marks as running here (`tenon compile` makes code for others)"));
}

Result<Session> open_session(const std::string& path, const CompileFlags& flags) {
  if (path.ends_with(".tenon")) {
    if (const std::string given = flags.given(); !given.empty())
      return fail("usage", cat("'", path, "' is compiled already, so ", given,
                               " would change nothing; give the .onnx or .tir file"));
    return load(path, /*verify_whole=*/true);
  }
  TENON_TRY(const CompileOptions options, flags.resolve());
  TENON_TRY_VOID(check_runs_here(options));
  TENON_TRY_VOID(cache_limit());
  const Cache cache(path, flags.key());
  if (!flags.no_cache && !flags.verify) {
    if (const auto entry = cache.find()) {
      // An entry that another process removed or that is damaged is made anew.
      if (Result<Session> session = load(*entry, /*verify_whole=*/false)) {
        session->cached = true;
        return session;
      }
    }
  }
  const Clock::time_point start = Clock::now();
  TENON_TRY(Source source, read_model(path));
  const std::vector<std::string> external = source.external_files;
  TENON_TRY(artifact::Model model, compile_model(std::move(source), options));
  Session session;
  session.compile_s = seconds_since(start);
  clear_progress();
  if (!flags.no_cache && cache.store(model, external)) {
    if (const auto entry = cache.find()) {
      // The stored file is mapped, and what compiling needed is given back.
      if (Result<Session> stored = load(*entry, /*verify_whole=*/false)) {
        stored->compile_s = session.compile_s;
        return stored;
      }
    }
  }
  const Clock::time_point loading = Clock::now();
  TENON_TRY(session.model, runtime::Model::from(std::move(model)));
  session.load_s = seconds_since(loading);
  return session;
}

}  // namespace tenon::driver
