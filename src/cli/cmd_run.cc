// tenon run: compile (or take from the cache), run once, print the outputs.
#include <cstdio>

#include "cli/cli.h"
#include "cli/report/report.h"
#include "compiler/session.h"
#include "runtime/executor.h"
#include "runtime/report.h"
#include "support/json.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

struct RunArgs {
  std::string model, save, trace;
  InputFlags inputs;
  CompileFlags flags;
  int threads = 0;
  bool json = false;
};

/// Runs once and writes what happened when, compilation included.
Result<Ready> run_traced(const RunArgs& args) {
  TENON_TRY(Subject subject, make_subject(args.model, args.inputs, "", args.flags, args.threads));
  TENON_TRY(const Recording recording, record(*subject.ready.executor, 1));
  TENON_TRY_VOID(write_text(args.trace, json_text(trace_of(subject, recording)) + "\n"));
  return std::move(subject.ready);
}

Result<Ready> run_once(const RunArgs& args) {
  if (!args.trace.empty()) return run_traced(args);
  TENON_TRY(Ready ready, make_ready(args.model, args.inputs, "", args.flags, args.threads));
  TENON_TRY_VOID(ready.executor->run());
  return ready;
}

Status run(const RunArgs& args) {
  TENON_TRY(const Ready ready, run_once(args));
  const auto& [session, inputs, executor] = ready;
  clear_progress();
  const std::vector<runtime::NamedTensor> outputs = runtime::outputs_of(*executor);
  if (!args.save.empty()) TENON_TRY_VOID(runtime::save_outputs(outputs, args.save));
  if (args.json) {
    std::printf(
        "{\"schema\": \"tenon.run/1\", \"model\": %s, \"target\": %s, \"precision\": %s, "
        "\"threads\": %d, \"outputs\": %s}\n",
        json_quote(args.model).c_str(), json_quote(session.model->tables().target).c_str(),
        json_quote(session.model->tables().precision).c_str(), executor->threads(),
        runtime::outputs_json(outputs).c_str());
  } else {
    std::fputs(runtime::outputs_text(outputs).c_str(), stdout);
  }
  return {};
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("run", "run a model once and print or save its outputs");
  auto args = std::make_shared<RunArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx, .tir or .tenon file")->required();
  args->inputs.add_to(*command);
  command->add_option("--save", args->save, "write each output to DIR/NAME.npy")->check(is_named());
  command
      ->add_option("--trace", args->trace,
                   "compile anew and write trace events of that and of the run, for Perfetto")
      ->check(is_named());
  command->add_option("--threads", args->threads, "threads to use (default: all cores)")
      ->check(in_range(kThreadsRange));
  command->add_flag("--json", args->json, "print a JSON object");
  args->flags.add_to(*command);
  command->footer(
      "examples:\n  tenon run model.onnx --input image=cat.npy --save out\n"
      "  tenon run model.onnx --fill random:1 --shape batch=4");
  command->callback([args, &status] {
    const Status done = run(*args);
    status = done ? 0 : explain(done.error());
  });
}

}  // namespace tenon::cli
