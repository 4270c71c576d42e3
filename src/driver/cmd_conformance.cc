// tenon conformance: runs ONNX test folders through the compiler. A line for each case, totals
// last.
//
// A case is a folder with model.onnx and test_data_set_K/{input,output}_J.pb; tolerance.json beside
// them is read when it is there. Each case runs in a process of its own, so that one crash is one
// failed case.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "driver/cli.h"
#include "driver/session.h"
#include "driver/tensors.h"
#include "frontend/onnx/import.h"
#include "frontend/onnx/tensor_proto.h"
#include "runtime/executor.h"
#include "support/threads.h"

namespace tenon::driver {
namespace fs = std::filesystem;
namespace {

struct ConformanceArgs {
  std::vector<std::string> folders;
  std::string filter;
  CompileFlags flags;
  bool json = false, quiet = false;
  double limit_s = 300;
};

struct Tolerance {
  double rtol = 1e-3, atol = 1e-7;
};

Tolerance read_tolerance(const fs::path& folder) {
  std::ifstream in(folder / "tolerance.json");
  const nlohmann::json j = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  Tolerance t;
  if (j.is_object()) {
    t.rtol = j.value("rtol", t.rtol);
    t.atol = j.value("atol", t.atol);
  }
  return t;
}

Result<std::vector<ops::Tensor>> read_tensors(const fs::path& set, const std::string& kind) {
  std::vector<ops::Tensor> all;
  for (int i = 0;; ++i) {
    const fs::path file = set / (kind + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(file)) return all;
    TENON_TRY(ops::Tensor t, onnx_import::read_tensor_file(file));
    all.push_back(std::move(t));
  }
}

/// Compiles and runs one data set. The model's inputs are given to the importer too: an axis or a
/// pad that the standard passes as a tensor is known then.
Status run_set(const fs::path& folder, const fs::path& set, const CompileOptions& options,
               const Tolerance& tolerance) {
  TENON_TRY(const std::vector<ops::Tensor> inputs, read_tensors(set, "input"));
  TENON_TRY(const std::vector<ops::Tensor> expected, read_tensors(set, "output"));
  TENON_TRY(const std::vector<std::string> names, onnx_import::input_names(folder / "model.onnx"));
  onnx_import::ImportOptions import;
  for (size_t i = 0; i < std::min(names.size(), inputs.size()); ++i)
    import.input_values.emplace(names[i], inputs[i]);
  TENON_TRY(onnx_import::Imported imported,
            onnx_import::import_file(folder / "model.onnx", import));
  Source source{imported.context, *imported.function, {}, (folder / "model.onnx").string(), {}};
  TENON_TRY(artifact::Model compiled, compile_model(std::move(source), options));
  if (const size_t n = fallbacks(compiled); n != 0)
    return fail("conformance.fallback", std::to_string(n) + " launches without code");
  TENON_TRY(auto model, runtime::Model::from(std::move(compiled)));
  TENON_TRY(auto executor, runtime::Executor::create(model, 1));
  for (size_t i = 0; i < std::min(names.size(), inputs.size()); ++i) {
    const auto& declared = model->inputs();
    if (std::none_of(declared.begin(), declared.end(),
                     [&](const auto& d) { return d.name == names[i]; }))
      continue;
    const runtime::Tensor t = to_runtime(inputs[i]);
    // The view must outlive the run, so it points at the reference tensor's bytes.
    TENON_TRY_VOID(
        executor->set_input(names[i], {t.dtype, inputs[i].shape, inputs[i].bytes.data()}));
  }
  TENON_TRY_VOID(executor->run());
  for (size_t i = 0; i < expected.size() && i < executor->output_count(); ++i) {
    const std::string wrong =
        mismatch(to_reference(executor->output(i)), expected[i], tolerance.rtol, tolerance.atol);
    if (!wrong.empty())
      return fail("conformance.mismatch", "output " + std::to_string(i) + ": " + wrong);
  }
  if (expected.size() > executor->output_count())
    return fail("conformance.outputs", "the model has fewer outputs than the case");
  return {};
}

/// "" for a pass, else the reason.
std::string run_case(const fs::path& folder, const CompileOptions& options) {
  const Tolerance tolerance = read_tolerance(folder);
  size_t sets = 0;
  for (int k = 0;; ++k) {
    const fs::path set = folder / ("test_data_set_" + std::to_string(k));
    if (!fs::is_directory(set)) break;
    ++sets;
    if (const Status status = run_set(folder, set, options, tolerance); !status)
      return status.error().text();
  }
  return sets == 0 ? "the folder holds no test_data_set_0" : "";
}

struct Worker {
  pid_t pid;
  int pipe;
  size_t index;
  std::chrono::steady_clock::time_point start;
};

Worker start_case(const fs::path& folder, const CompileOptions& options, size_t index) {
  int ends[2];
  if (pipe(ends) != 0) return {-1, -1, index, {}};
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    std::string reason = run_case(folder, options);
    reason = (reason.empty() ? "P" : "F") + reason.substr(0, 4000);
    const ssize_t written = write(ends[1], reason.data(), reason.size());
    _exit(written < 0 ? 1 : 0);
  }
  close(ends[1]);
  return {pid, ends[0], index, std::chrono::steady_clock::now()};
}

/// The child's verdict, read to its end.
std::string collect(const Worker& w) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(w.pipe, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(w.pipe);
  int status = 0;
  waitpid(w.pid, &status, 0);
  if (WIFSIGNALED(status)) return "crashed with signal " + std::to_string(WTERMSIG(status));
  if (text.empty()) return "ended without a verdict";
  return text[0] == 'P' ? "" : text.substr(1);
}

std::vector<fs::path> find_cases(const std::vector<std::string>& roots, const std::string& filter) {
  std::vector<fs::path> cases;
  const auto consider = [&](const fs::path& folder) {
    if (fs::exists(folder / "model.onnx") &&
        (filter.empty() || folder.string().find(filter) != std::string::npos))
      cases.push_back(folder);
  };
  for (const std::string& root : roots) {
    std::error_code error;
    consider(root);
    for (auto it = fs::recursive_directory_iterator(root, error);
         !error && it != fs::recursive_directory_iterator(); it.increment(error))
      if (it->is_directory()) consider(it->path());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::vector<std::string> run_cases(const std::vector<fs::path>& cases,
                                   const CompileOptions& options, double limit_s,
                                   const std::function<void(size_t, const std::string&)>& on_done) {
  std::vector<std::string> reasons(cases.size());
  std::vector<Worker> running;
  const auto slots = static_cast<size_t>(available_cpus());
  size_t next = 0;
  while (next < cases.size() || !running.empty()) {
    while (next < cases.size() && running.size() < slots) {
      running.push_back(start_case(cases[next], options, next));
      ++next;
    }
    std::vector<pollfd> fds;
    for (const Worker& w : running) fds.push_back({w.pipe, POLLIN, 0});
    poll(fds.data(), fds.size(), 200);
    for (size_t i = running.size(); i-- > 0;) {
      const double age =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - running[i].start)
              .count();
      const bool late = age > limit_s;
      if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0 && !late) continue;
      if (late) kill(running[i].pid, SIGKILL);
      std::string reason = collect(running[i]);
      if (late) reason = "took longer than " + std::to_string(static_cast<int>(limit_s)) + " s";
      reasons[running[i].index] = reason;
      on_done(running[i].index, reason);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return reasons;
}

int conformance(const ConformanceArgs& args) {
  Result<CompileOptions> options = args.flags.resolve();
  if (!options) return explain(options.error());
  options->progress = nullptr;
  options->jobs = 1;
  const std::vector<fs::path> cases = find_cases(args.folders, args.filter);
  if (cases.empty()) {
    std::fprintf(stderr, "tenon: error: no folder with a model.onnx below the given ones\n");
    return 1;
  }
  const auto progress = terminal_progress();
  size_t done = 0;
  const auto on_done = [&](size_t i, const std::string& reason) {
    clear_progress();
    std::string line = reason.substr(0, reason.find('\n'));
    if (!args.json && (!args.quiet || !reason.empty()))
      std::printf("%s %s%s%s\n", reason.empty() ? "pass" : "FAIL", cases[i].string().c_str(),
                  reason.empty() ? "" : ": ", line.c_str());
    std::fflush(stdout);
    if (progress) progress("conformance", ++done, cases.size());
  };
  const std::vector<std::string> reasons = run_cases(cases, *options, args.limit_s, on_done);
  clear_progress();
  const auto passed = static_cast<size_t>(std::count(reasons.begin(), reasons.end(), ""));
  const auto fallback_cases =
      static_cast<size_t>(std::count_if(reasons.begin(), reasons.end(), [](const std::string& r) {
        return r.find("[conformance.fallback]") != std::string::npos;
      }));
  const double percent = 100.0 * static_cast<double>(passed) / static_cast<double>(cases.size());
  if (args.json) {
    nlohmann::json rows = nlohmann::json::array();
    for (size_t i = 0; i < cases.size(); ++i)
      rows.push_back(
          {{"case", cases[i].string()}, {"passed", reasons[i].empty()}, {"reason", reasons[i]}});
    std::printf("%s\n", nlohmann::json{{"passed", passed},
                                       {"total", cases.size()},
                                       {"fallbacks", fallback_cases},
                                       {"cases", rows}}
                            .dump(1)
                            .c_str());
    return 0;
  }
  std::printf("fallbacks %zu\n%zu of %zu passed = %.1f %%\n", fallback_cases, passed, cases.size(),
              percent);
  return 0;
}

}  // namespace

void add_conformance(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("conformance", "run ONNX test folders: a line for each case, totals last");
  auto args = std::make_shared<ConformanceArgs>();  // shared: the callback outlives this call
  command->add_option("DIR", args->folders, "folders with cases somewhere below them")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--filter", args->filter, "only cases whose path holds this text");
  command->add_option("--limit", args->limit_s, "seconds that one case may take")
      ->capture_default_str();
  command->add_flag("--quiet", args->quiet, "print failed cases only");
  command->add_flag("--json", args->json, "print a JSON object");
  args->flags.add_to(*command);
  command->footer("example:\n  tenon conformance onnx-tests --filter node/test_conv");
  command->callback([args, &status] { status = conformance(*args); });
}

}  // namespace tenon::driver
