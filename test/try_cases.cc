// try_cases: what `tenon compile`, `run` and `compare` do with many cases, in one program. Each is
// compiled once without its inputs, written as a .tenon file, loaded, and run with every data set;
// the outputs are held against the reference interpreter and the saved ones. fuzz/run.py and
// test/cases_test.py run it.
//
// usage: try_cases FOLDER [LIMIT_S [random]]     a line of JSON for each case: case, kind ("" where
// all is well), text. `random`: the saved outputs are ONNX Runtime's for a random model, whose own
// rounding is then forgiven; nothing is forgiven against the interpreter.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "artifact/file.h"
#include "cli/cases.h"
#include "cli/tensors.h"
#include "compiler/session.h"
#include "frontend/onnx/import.h"
#include "interp/interp.h"
#include "ir/rewrite.h"
#include "support/threads.h"

namespace tenon::cli {
namespace {
namespace fs = std::filesystem;

constexpr double kTolerance = 1e-3;  // random models cancel and amplify
constexpr double kNoise = 5e-7;      // four ulp of 1: what rounding leaves where such values cancel
constexpr double kOfNarrow = 10;     // the tolerance of 16-bit floats, in that of f32
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Of random models against ONNX Runtime, which keeps f32 between operators on 16-bit floats.
constexpr double kOfRandomNarrow = 100;  // normalization makes much of the digits that it keeps
constexpr double kAmplified = 8;         // inner rounding may move what rounding inputs does, times

struct Verdict {
  std::string kind, text;
};

Verdict refused(const std::string& who, const Error& error) {
  return {who + " refuses: " + error.diagnostics[0].code, error.text()};
}

/// "" where the outputs agree: floats within the tolerance of the largest (`of_narrow` times that
/// for 16 bits), others exactly.
std::string differing(const std::vector<ops::Tensor>& got, const std::vector<ops::Tensor>& want,
                      double of_narrow = kOfNarrow) {
  if (got.size() != want.size())
    return std::to_string(got.size()) + " outputs, not " + std::to_string(want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    const std::string name = "output " + std::to_string(i) + ": ";
    if (got[i].dtype != want[i].dtype || got[i].shape != want[i].shape)
      return name + describe(got[i]) + ", not " + describe(want[i]);
    const bool narrow = want[i].dtype == ir::DType::f16 || want[i].dtype == ir::DType::bf16;
    const double tolerance =
        ir::is_float(want[i].dtype) ? kTolerance * (narrow ? of_narrow : 1) : 0;
    const Difference d = difference(got[i], want[i]);
    const double noise = want[i].dtype == ir::DType::f32 ? kNoise : 0;
    if (!(d.relative <= tolerance) && !(d.absolute <= noise))
      return name + "relative error " + std::to_string(d.relative) + " at element " +
             std::to_string(d.at);
  }
  return "";
}

/// The narrowest float of the function's params and results and of what lies between.
ir::DType narrowest_float(const ir::Function& f) {
  ir::DType narrow = ir::DType::f32;
  std::vector<ir::Expr> roots = f.params;
  roots.insert(roots.end(), f.results.begin(), f.results.end());
  for (ir::Expr n : ir::post_order(roots))
    if (n->type->is_tensor() && ir::is_float(n->dtype()) &&
        ir::info(n->dtype()).bits < ir::info(narrow).bits)
      narrow = n->dtype();
  return narrow;
}

/// How far each element of each output moves with the rounding of the inputs.
using Moved = std::vector<std::vector<double>>;

/// Another implementation may keep more digits between operators: where the interpreter's own
/// values move when inputs move by the rounding of the narrowest float, no digit of them counts.
Moved moved_by_rounding(const ir::Function& function, const std::vector<ops::Tensor>& inputs,
                        const std::vector<ops::Tensor>& outputs) {
  const double step = narrowest_float(function) == ir::DType::f16    ? 0x1p-10
                      : narrowest_float(function) == ir::DType::bf16 ? 0x1p-7
                                                                     : 0x1p-22;
  Moved moved;
  for (const ops::Tensor& t : outputs) moved.emplace_back(static_cast<size_t>(t.count()), 0.0);
  std::mt19937_64 random(1);
  for (int round = 0; round < 6; ++round) {
    std::vector<ops::Tensor> near = inputs;
    for (ops::Tensor& t : near)
      for (int64_t i = 0; ir::is_float(t.dtype) && i < t.count(); ++i)
        t.set_f(i, t.get_f(i) * (1 + (static_cast<int>(random() % 3) - 1) * step));
    const auto other = interp::run(function, near);
    if (!other) continue;  // refuses its data there
    for (size_t i = 0; i < moved.size(); ++i) {
      if ((*other)[i].shape != outputs[i].shape) continue;
      for (size_t k = 0; k < moved[i].size(); ++k) {
        const auto at = static_cast<int64_t>(k);
        const double by = std::abs((*other)[i].get_f(at) - outputs[i].get_f(at));
        if (std::isfinite(by)) moved[i][k] = std::max(moved[i][k], by);
      }
    }
  }
  return moved;
}

/// `want` with what ONNX Runtime has otherwise for no fault of either taken from `got`.
std::vector<ops::Tensor> forgiven(const std::vector<ops::Tensor>& got,
                                  std::vector<ops::Tensor> want, const Moved& moved) {
  for (size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
    if (got[i].dtype != want[i].dtype || got[i].shape != want[i].shape) continue;
    for (int64_t k = 0; k < want[i].count(); ++k) {
      const double a = got[i].get_f(k), b = want[i].get_f(k);
      // It starts a maximum over a window at the lowest number, not at minus infinity.
      const bool lowest = a == -kInfinity && b == std::numeric_limits<float>::lowest();
      // A weight of zero takes an infinity for NaN, as the standard's own reference has it.
      const bool weighed = std::isnan(a) && std::isinf(b);
      if (lowest || weighed || std::abs(a - b) <= kAmplified * moved[i][static_cast<size_t>(k)])
        want[i].set_f(k, a);
    }
  }
  return want;
}

/// The data set's inputs in the order of the model's.
Result<std::vector<ops::Tensor>> ordered_inputs(const runtime::Model& model,
                                                const std::vector<std::string>& names,
                                                const std::vector<ops::Tensor>& values) {
  std::vector<ops::Tensor> ordered;
  for (const artifact::Input& input : model.inputs()) {
    const auto at =
        static_cast<size_t>(std::find(names.begin(), names.end(), input.name) - names.begin());
    if (at >= values.size()) return fail("run.missing_input", input.name + " has no saved value");
    ordered.push_back(values[at]);
  }
  return ordered;
}

Verdict try_set(const std::shared_ptr<const runtime::Model>& model, const ir::Function& function,
                const std::vector<std::string>& names, const DataSet& data, bool random,
                int threads) {
  const auto inputs = ordered_inputs(*model, names, data.inputs);
  if (!inputs) return refused("run", inputs.error());
  std::vector<runtime::Tensor> given;
  for (const ops::Tensor& t : *inputs) given.push_back(to_runtime(t));
  const auto got = run_model(model, given, threads);
  if (!got) return refused("run", got.error());
  const auto want = interp::run(function, *inputs);
  if (!want) return refused("interpreter", want.error());
  if (std::string text = differing(*got, *want); !text.empty())
    return {"differs from the interpreter", std::move(text)};
  if (data.outputs.empty()) return {};
  std::string text = differing(*got, data.outputs);
  if (!text.empty() && random) {
    const Moved moved = moved_by_rounding(function, *inputs, *want);
    text = differing(*got, forgiven(*got, data.outputs, moved), kOfRandomNarrow);
  }
  if (!text.empty()) return {"differs from the saved outputs", std::move(text)};
  return {};
}

Verdict try_case(const fs::path& folder, const compiler::Options& options, const fs::path& scratch,
                 bool random) {
  const std::string file = (folder / "model.onnx").string();
  const auto names = onnx_import::input_names(file);
  if (!names) return refused("import", names.error());
  const Result<compiler::ImportedModel> source = compiler::read(compiler::Source::file(file));
  if (!source) return refused("import", source.error());
  const Result<artifact::Model> compiled = compiler::compile(*source, options);
  if (!compiled) return refused("compile", compiled.error());
  if (compiler::fallbacks(*compiled) != 0) return {"launches without code", ""};
  if (const Status written = artifact::write(*compiled, scratch.string()); !written)
    return refused("write", written.error());
  const auto model = runtime::Model::open(scratch.string());
  if (!model) return refused("load", model.error());
  const std::vector<fs::path> sets = data_sets(folder);
  if (sets.empty()) return {"no test_data_set_0", ""};
  for (size_t k = 0; k < sets.size(); ++k) {
    const Result<DataSet> data = read_data_set(sets[k]);
    if (!data) return refused("read", data.error());
    Verdict verdict =
        try_set(*model, source->function, names->given(data->inputs.size()), *data, random,
                /*threads=*/1 + static_cast<int>(k % 2));
    if (verdict.kind.empty()) continue;
    verdict.text = sets[k].filename().string() + ": " + verdict.text;
    return verdict;
  }
  return {};
}

std::string to_line(const fs::path& folder, const Verdict& verdict) {
  return nlohmann::json{
      {"case", folder.string()}, {"kind", verdict.kind}, {"text", verdict.text.substr(0, 2000)}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

int try_cases(const std::string& root, double limit_s, bool random) {
  const std::vector<fs::path> cases = find_cases(std::vector{root});
  compiler::Options options;
  options.jobs = 1;
  const fs::path scratch = fs::temp_directory_path() / ("try_cases-" + std::to_string(getpid()));
  fs::create_directories(scratch);
  const auto work = [&](size_t i) {
    const fs::path compiled = scratch / (std::to_string(i) + ".tenon");
    const Verdict verdict = try_case(cases[i], options, compiled, random);
    fs::remove(compiled);
    return to_line(cases[i], verdict);
  };
  const auto on_done = [&](size_t i, const Outcome& outcome) {
    const std::string line =
        outcome.death.empty() ? outcome.text : to_line(cases[i], {outcome.death, ""});
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  };
  run_isolated(cases.size(), static_cast<size_t>(available_cpus()), limit_s, work, on_done);
  fs::remove_all(scratch);
  return cases.empty() ? 1 : 0;
}

}  // namespace
}  // namespace tenon::cli

int main(int argc, char** argv) {
  const bool random = argc == 4 && std::string_view(argv[3]) == "random";
  if (argc < 2 || argc > 4 || (argc == 4 && !random)) {
    std::fprintf(stderr, "usage: try_cases FOLDER [LIMIT_S [random]]\n");
    return 2;
  }
  return tenon::cli::try_cases(argv[1], argc >= 3 ? std::atof(argv[2]) : 120, random);
}
