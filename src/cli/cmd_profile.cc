// tenon profile: where the time of a model goes, on the terminal, as a page, as a trace.
#include <algorithm>
#include <cstdio>

#include "cli/cli.h"
#include "cli/report/report.h"
#include "cli/report/text.h"
#include "export/onnx.h"
#include "support/interrupt.h"
#include "support/json.h"
#include "support/text.h"

namespace tenon::cli {
namespace {

struct ProfileArgs {
  std::string model, html, trace, against, onnx;
  InputFlags inputs;
  CompileFlags flags;
  int threads = 0;
  Span span{.seconds = 1};
  size_t top = 10;
  bool json = false;
};

/// Interrupted runs give no profile: `measured.interrupted`.
Result<Profiled> profile_of(const ProfileArgs& args) {
  Profiled p;
  TENON_TRY(p.subject, make_subject(args.model, args.inputs, "random:0", args.flags, args.threads));
  runtime::Executor& executor = *p.subject.ready.executor;
  TENON_TRY(p.measured, measure(executor, args.span));
  if (p.measured.interrupted) return p;
  const auto times = executor.measured()->times();
  p.steps.assign(times.begin(), times.end());
  TENON_TRY(p.recording, record(executor, p.measured.latency.median < 0.1 ? 5 : 2));
  return p;
}

/// The graph with what was measured of each kernel.
Status emit_onnx(const Profiled& p, const std::string& path) {
  const compiler::Compilation& c = p.subject.compiled->compilation;
  const artifact::Model& t = p.subject.ready.session.model->tables();
  const std::vector<double> times = call_times(p);
  const double total = std::max(p.measured.kernel_time(), 1e-12);
  onnx_export::FactsOfCalls facts;
  for (const artifact::Step& s : t.steps) {
    if (s.kind != artifact::StepKind::launch) continue;
    const artifact::KernelInfo& k = t.kernels[s.e];
    facts[p.subject.compiled->notes.calls[s.a]] = {{"time_us", std::to_string(times[s.a] * 1e6)},
                                                   {"share", std::to_string(times[s.a] / total)},
                                                   {"shape", k.shape},
                                                   {"schedule", k.schedule}};
  }
  return onnx_export::write_onnx(c, facts, path);
}

Result<int> profile(const ProfileArgs& args) {
  if (!args.onnx.empty() && args.model.ends_with(".tenon"))
    return fail("usage", cat("'", args.model,
                             "' is compiled and holds no graph; --emit-onnx needs the .onnx or "
                             ".tir file"));
  nlohmann::json against;
  if (!args.against.empty()) {
    TENON_TRY(against, read_report(args.against));
  }
  TENON_TRY(const Profiled p, profile_of(args));
  clear_progress();
  if (p.measured.interrupted) {
    std::printf("%s\n", args.json ? json_text({{"schema", cat(kReportSchema, kReportVersion)},
                                               {"interrupted", true}})
                                        .c_str()
                                  : "interrupted: the kernels were not measured");
    return kInterruptedStatus;
  }
  const nlohmann::json report = report_of(p);
  if (!args.html.empty()) TENON_TRY_VOID(write_text(args.html, page_of(report, against)));
  if (!args.trace.empty())
    TENON_TRY_VOID(write_text(args.trace, json_text(trace_of(p.subject, p.recording)) + "\n"));
  if (!args.onnx.empty()) TENON_TRY_VOID(emit_onnx(p, args.onnx));
  if (args.json) {
    std::printf("%s\n", json_text(report).c_str());
    return 0;
  }
  print_profile(report, args.top);
  if (!args.against.empty()) print_comparison(report, against, args.against);
  return 0;
}

}  // namespace

void add_profile(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("profile", "where the time goes: summary, page, trace");
  auto args = std::make_shared<ProfileArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx, .tir or .tenon file")->required();
  args->inputs.add_to(*command);
  command->add_option("--threads", args->threads, "threads to use (default: all cores)")
      ->check(in_range(kThreadsRange));
  args->span.add_to(*command);
  command->add_option("--top", args->top, "how many of the slowest kernels the summary lists")
      ->capture_default_str();
  command->add_option("--html", args->html, "write a page that needs no network")
      ->check(is_named());
  command
      ->add_option("--trace", args->trace,
                   "write trace events of compilation and one run, for Perfetto")
      ->check(is_named());
  command
      ->add_option("--emit-onnx", args->onnx,
                   "write the optimized graph as an ONNX model with the times of its kernels")
      ->check(is_named());
  command
      ->add_option("--against", args->against,
                   "compare with a report of before, which --json printed or --html wrote")
      ->check(is_named());
  command->add_flag("--json", args->json, "print the report as a JSON object");
  args->flags.add_to(*command);
  command->footer(
      "examples:\n  tenon profile model.onnx --shape batch=1 --html report.html\n"
      "  tenon profile model.onnx --json > before.json\n"
      "  tenon profile model.onnx --against before.json --html change.html");
  command->callback([args, &status] {
    const Result<int> done = profile(*args);
    status = done ? *done : explain(done.error());
  });
}

}  // namespace tenon::cli
