// tenon conformance: runs ONNX test folders through the compiler. A line for each case, totals
// last.
//
// A case is a folder with model.onnx and test_data_set_K/{input,output}_J.pb; tolerance.json beside
// them is read when it is there. Each case runs in a process of its own, so that one crash is one
// failed case.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/cases.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/tensors.h"
#include "compiler/session.h"
#include "frontend/onnx/import.h"
#include "runtime/executor.h"
#include "support/threads.h"

namespace tenon::cli {
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

/// Compiles and runs one data set. The model's inputs are given to the importer too: an axis or a
/// pad that the standard passes as a tensor is known then.
Status run_set(const fs::path& folder, const fs::path& set, const compiler::Options& options,
               const Tolerance& tolerance) {
  TENON_TRY(const DataSet data, read_data_set(set));
  const auto& [inputs, expected] = data;
  TENON_TRY(const onnx_import::InputNames known, onnx_import::input_names(folder / "model.onnx"));
  const std::vector<std::string>& names = known.given(inputs.size());
  onnx_import::ImportOptions import;
  for (size_t i = 0; i < std::min(names.size(), inputs.size()); ++i)
    import.input_values.emplace(names[i], inputs[i]);
  TENON_TRY(onnx_import::Imported imported,
            onnx_import::import_file(folder / "model.onnx", import));
  compiler::ImportedModel source{
      imported.context, *imported.function, {}, (folder / "model.onnx").string(), {}};
  TENON_TRY(artifact::Model compiled, compiler::compile(std::move(source), options));
  if (const size_t n = compiler::fallbacks(compiled); n != 0)
    return fail("conformance.fallback",
                std::to_string(n) + " launches without code; please report it");
  TENON_TRY(auto model, runtime::Model::from(std::move(compiled)));
  TENON_TRY(auto executor, runtime::Executor::create(model, 1));
  for (size_t i = 0; i < std::min(names.size(), inputs.size()); ++i) {
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
    return fail("conformance.outputs",
                "the model has fewer outputs than the case; save its outputs again");
  return {};
}

/// "" for a pass, else the reason.
std::string run_case(const fs::path& folder, const compiler::Options& options) {
  const Tolerance tolerance = read_tolerance(folder);
  const std::vector<fs::path> sets = data_sets(folder);
  for (const fs::path& set : sets)
    if (const Status status = run_set(folder, set, options, tolerance); !status)
      return status.error().text();
  return sets.empty() ? "the folder holds no test_data_set_0" : "";
}

int conformance(const ConformanceArgs& args) {
  Result<compiler::Options> options = args.flags.resolve();
  if (!options) return explain(options.error());
  if (const Status runs = compiler::check_runs_here(*options); !runs) return explain(runs.error());
  options->progress = nullptr;
  const auto workers = static_cast<size_t>(options->jobs > 0 ? options->jobs : available_cpus());
  options->jobs = 1;  // cases run side by side instead
  const std::vector<fs::path> cases = find_cases(args.folders, args.filter);
  if (cases.empty()) {
    return explain(
        {{{"conformance.cases",
           "no folder with a model.onnx lies below the given ones" +
               (args.filter.empty() ? "" : ", or none whose path holds '" + args.filter + "'")}}});
  }
  const auto progress = terminal_options().progress;
  size_t done = 0;
  std::vector<std::string> reasons(cases.size());
  const auto on_done = [&](size_t i, const Outcome& outcome) {
    const std::string& reason = reasons[i] = outcome.death + outcome.text;
    clear_progress();
    const std::string line = reason.substr(0, reason.find('\n'));
    if (!args.json && (!args.quiet || !reason.empty()))
      std::printf("%s %s%s%s\n", reason.empty() ? "pass" : "FAIL", cases[i].string().c_str(),
                  reason.empty() ? "" : ": ", line.c_str());
    std::fflush(stdout);
    if (progress) progress("conformance", ++done, cases.size());
  };
  run_isolated(
      cases.size(), workers, args.limit_s, [&](size_t i) { return run_case(cases[i], *options); },
      on_done);
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
    print_json("conformance", {{"passed", passed},
                               {"total", cases.size()},
                               {"fallbacks", fallback_cases},
                               {"cases", rows}});
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
      ->check(in_range(kLimitRange))
      ->capture_default_str();
  CLI::Option* quiet = command->add_flag("--quiet", args->quiet, "print failed cases only");
  command->add_flag("--json", args->json, "print a JSON object")->excludes(quiet);
  args->flags.add_to(*command);
  command->footer("example:\n  tenon conformance onnx-tests --filter node/test_conv");
  command->callback([args, &status] { status = conformance(*args); });
}

}  // namespace tenon::cli
