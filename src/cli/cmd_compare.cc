// tenon compare: the compiled model against the reference interpreter (or saved outputs): the worst
// error of each output, and, where one is bad, the first node that is.
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/runner.h"
#include "cli/tensors.h"
#include "compiler/compiler.h"
#include "compiler/session.h"
#include "interp/footprint.h"
#include "interp/interp.h"
#include "ops/walk.h"
#include "runtime/executor.h"
#include "runtime/footprint.h"
#include "runtime/inputs.h"

namespace tenon::cli {
namespace {

constexpr double kBad = 1e-4;   // relative to an output's own largest magnitude
constexpr size_t kProbes = 48;  // nodes looked at in one search round

struct CompareArgs {
  std::string model, against = "interp", runner;
  InputFlags inputs;
  CompileFlags flags;
  int threads = 1;
  double tolerance = kBad;
  bool json = false;
};

struct Row {
  std::string name;
  Difference difference;
};

/// What the compiled model gives, here or where the runner takes it.
Result<std::vector<ops::Tensor>> run_compiled(artifact::Model compiled, const CompareArgs& args,
                                              const std::vector<runtime::Tensor>& inputs) {
  if (!args.runner.empty()) return run_elsewhere(args.runner, compiled, inputs, args.threads);
  TENON_TRY(auto model, runtime::Model::from(std::move(compiled)));
  return run_model(model, inputs, args.threads);
}

/// Tensor nodes of the imported graph, composites whole, in order.
std::vector<ir::Expr> probe_candidates(const ir::Function& f) {
  std::vector<ir::Expr> all;
  for (ir::Expr n : ops::value_order(f.results))
    if (!n->operands.empty() && n->type->is_tensor()) all.push_back(n);
  return all;
}

/// Compiles the graph with some of its inner nodes as outputs; the first whose value is off.
Result<ir::Expr> first_bad(const compiler::ImportedModel& source, std::span<const ir::Expr> nodes,
                           const CompareArgs& args, const compiler::Options& options,
                           const std::vector<runtime::Tensor>& inputs,
                           std::span<const ops::Tensor> reference_inputs, size_t& at) {
  compiler::ImportedModel probe = source;
  probe.function.results.assign(nodes.begin(), nodes.end());
  probe.function.result_names.clear();
  for (size_t i = 0; i < nodes.size(); ++i)
    probe.function.result_names.push_back("probe" + std::to_string(i));
  TENON_TRY(const std::vector<ops::Tensor> want, interp::run(probe.function, reference_inputs));
  TENON_TRY(artifact::Model compiled, compiler::compile(probe, options));
  TENON_TRY(const std::vector<ops::Tensor> got, run_compiled(std::move(compiled), args, inputs));
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (got[i].shape == want[i].shape && difference(got[i], want[i]).relative <= args.tolerance)
      continue;
    at = i;
    return nodes[i];
  }
  return nullptr;
}

/// Narrows the first bad node down, a handful of probes a round.
Result<std::string> locate(const compiler::ImportedModel& source, const CompareArgs& args,
                           const compiler::Options& options,
                           const std::vector<runtime::Tensor>& inputs,
                           std::span<const ops::Tensor> reference_inputs) {
  const std::vector<ir::Expr> all = probe_candidates(source.function);
  size_t lo = 0;
  size_t hi = all.size();
  ir::Expr bad = nullptr;
  while (lo < hi) {
    std::vector<ir::Expr> probes;
    std::vector<size_t> where;
    const size_t step = std::max<size_t>(1, (hi - lo + kProbes - 1) / kProbes);
    for (size_t i = lo + step - 1; i < hi; i += step) {
      probes.push_back(all[i]);
      where.push_back(i);
    }
    if (probes.empty()) break;
    size_t at = 0;
    TENON_TRY(const ir::Expr found,
              first_bad(source, probes, args, options, inputs, reference_inputs, at));
    if (found == nullptr) break;
    bad = found;
    if (step == 1) break;
    hi = where[at] + 1;
    lo = at == 0 ? lo : where[at - 1] + 1;
  }
  if (bad == nullptr) return std::string("no single node is off when its value is kept");
  std::string name(source.context->location(bad));
  return (name.empty() ? "node" : name) + " (" + std::string(ir::info(bad->op).name) + ")";
}

int print_rows(const CompareArgs& args, const std::vector<Row>& rows, const std::string& bad_node) {
  size_t worst = 0;
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].difference.relative > rows[worst].difference.relative) worst = i;
  const double error = rows.empty() ? 0 : rows[worst].difference.relative;
  if (args.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const Row& r : rows)
      list.push_back({{"output", r.name},
                      {"relative_error", std::isfinite(r.difference.relative)
                                             ? nlohmann::json(r.difference.relative)
                                             : nlohmann::json("inf")}});
    print_json("compare", {{"outputs", list}, {"first_bad_node", bad_node}});
  } else {
    for (const Row& r : rows)
      std::printf("%s: relative error %.3g\n", r.name.c_str(), r.difference.relative);
    if (!bad_node.empty()) std::printf("first bad node: %s\n", bad_node.c_str());
    std::printf("worst relative error %.3g at %s\n", error,
                rows.empty() ? "-" : rows[worst].name.c_str());
  }
  return error <= args.tolerance ? 0 : 1;
}

/// What the run needs, and beside it: a copy of the inputs for the interpreter, the interpreter's
/// own values, and both sides' outputs.
Status check_compare_memory(const CompareArgs& args, const ir::Function& f,
                            const runtime::Model& model, const runtime::InputPlan& plan) {
  const auto need = [&](const runtime::InputDims& dims) -> Result<uint64_t> {
    TENON_TRY(uint64_t bytes, runtime::run_need(model, plan, dims, args.threads));
    for (size_t i = 0; i < dims.size(); ++i)
      if (const int64_t copy = runtime::tensor_bytes(plan.tensors[i].dtype, dims[i]); copy > 0)
        bytes = runtime::add_bytes(bytes, static_cast<uint64_t>(copy));
    return runtime::add_bytes(bytes, args.against == "interp" ? interp::footprint(f, dims) : 0);
  };
  return runtime::check_memory(model.tables(), plan.dims(), need);
}

Result<int> compare(const CompareArgs& args) {
  TENON_TRY(const compiler::Options options, args.flags.resolve());
  if (args.runner.empty()) TENON_TRY_VOID(compiler::check_runs_here(options));
  TENON_TRY(const compiler::ImportedModel source,
            compiler::read(compiler::Source::file(args.model), options));
  // Where another program runs the model, this CPU's build still says what inputs it takes.
  CompileFlags here = args.flags;
  if (!args.runner.empty()) here.target = "host";
  TENON_TRY(const compiler::Session session, open_session(args.model, here));
  TENON_TRY(const runtime::InputOptions input_options, args.inputs.resolve("random:0"));
  TENON_TRY(runtime::InputPlan plan, runtime::plan_inputs(*session.model, input_options));
  TENON_TRY_VOID(check_compare_memory(args, source.function, *session.model, plan));
  TENON_TRY(const std::vector<runtime::Tensor> inputs,
            runtime::fill_inputs(*session.model, std::move(plan), input_options));
  std::vector<ops::Tensor> got;
  if (args.runner.empty()) {
    TENON_TRY(got, run_model(session.model, inputs, args.threads));
  } else {
    TENON_TRY(artifact::Model compiled, compiler::compile(source, options));
    TENON_TRY(got, run_compiled(std::move(compiled), args, inputs));
  }
  std::vector<ops::Tensor> reference_inputs;
  for (const runtime::Tensor& t : inputs) reference_inputs.push_back(to_reference(t.view()));
  std::vector<ops::Tensor> want;
  if (args.against == "interp") {
    TENON_TRY(want, interp::run(source.function, reference_inputs));
  } else {
    TENON_TRY(want, saved_outputs(args.against, source.function.result_names));
  }
  std::vector<Row> rows;
  bool bad = false;
  for (size_t i = 0; i < want.size(); ++i) {
    const std::string& name = source.function.result_names[i];
    if (got[i].shape != want[i].shape)
      return fail("compare.shape", "output " + name + ": got " + describe(got[i]) + ", expected " +
                                       describe(want[i]) + "; save again with the same inputs");
    rows.push_back({name, difference(got[i], want[i])});
    bad = bad || !(rows.back().difference.relative <= args.tolerance);
  }
  std::string bad_node;
  if (bad && args.against == "interp") {
    TENON_TRY(bad_node, locate(source, args, options, inputs, reference_inputs));
  }
  clear_progress();
  return print_rows(args, rows, bad_node);
}

}  // namespace

void add_compare(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "compare", "compare compiled outputs with the reference interpreter or saved ones");
  auto args = std::make_shared<CompareArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx or .tir file")->required();
  command->add_option("--against", args->against, "interp, or a folder with OUTPUT.npy files")
      ->check(is_named())
      ->capture_default_str();
  command
      ->add_option("--runner", args->runner,
                   "run the compiled model by this command in place of this process: tenon-run "
                   "under an emulator, say, for a --target that this CPU is not")
      ->check(is_named());
  args->inputs.add_to(*command);
  command->add_option("--threads", args->threads, "threads of the run")
      ->check(in_range(kThreadsRange))
      ->capture_default_str();
  command->add_option("--tolerance", args->tolerance, "largest relative error that is fine")
      ->check(in_range(kToleranceRange))
      ->capture_default_str();
  command->add_flag("--json", args->json, "print a JSON object");
  args->flags.add_to(*command);
  command->footer(
      "examples:\n  tenon compare model.onnx\n  tenon compare model.onnx --against saved --input "
      "x=x.npy\n  tenon compare model.onnx --target aarch64 --runner \"qemu-aarch64 tenon-run\"");
  command->callback([args, &status] {
    const Result<int> done = compare(*args);
    status = done ? *done : explain(done.error());
  });
}

}  // namespace tenon::cli
