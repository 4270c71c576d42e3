// tenon bench: latency quantiles, and for each kernel time, work and share of the roofline.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/measure.h"
#include "compiler/session.h"
#include "runtime/executor.h"
#include "runtime/report.h"
#include "support/interrupt.h"

namespace tenon::cli {
namespace {

struct BenchArgs {
  std::string model;
  InputFlags inputs;
  CompileFlags flags;
  int threads = 0;
  Span span;
  bool json = false;
};

void print_measured(const BenchArgs& args, const compiler::Session& session,
                    const runtime::Executor& executor, const Measured& m) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const KernelRow& k : m.kernels)
    kernels.push_back({{"name", k.info->name},
                       {"operator", k.info->op},
                       {"shape", k.info->shape},
                       {"schedule", k.info->schedule},
                       {"instructions", k.info->instructions},
                       {"time_s", k.time_s},
                       {"flops", k.flops},
                       {"bytes", k.bytes},
                       {"sol_s", k.sol_s}});
  const auto& tables = session.model->tables();
  nlohmann::json schedules = nlohmann::json::object();
  for (const auto& [name, count] : schedule_counts(tables)) schedules[name] = count;
  const nlohmann::json out{
      {"model", args.model},
      {"target", tables.target},
      {"threads", executor.threads()},
      {"precision", tables.precision},
      {"setup_s",
       {{"compile", session.compile_s}, {"load", session.load_s}, {"cached", session.cached}}},
      {"latency_s",
       {{"min", m.latency.min},
        {"median", m.latency.median},
        {"p90", m.latency.p90},
        {"p99", m.latency.p99},
        {"count", m.latency.count}}},
      {"first_run_s", m.first_run_s},
      {"interrupted", m.interrupted},
      {"memory_bytes",
       {{"weights", artifact::constant_bytes(tables)},
        {"arena", executor.memory_bytes()},
        {"peak_rss", peak_rss()}}},
      {"flops", m.flops},
      {"sol_s", m.sol_s},
      {"fallbacks", compiler::fallbacks(tables)},
      {"schedules", schedules},
      {"peaks",
       {{"f32_gflops", m.peaks.plain.f32_gflops},
        {"l1_gbs", m.peaks.plain.l1_gbs},
        {"l2_gbs", m.peaks.plain.l2_gbs},
        {"dram_gbs", m.peaks.plain.dram_gbs},
        {"instruction_gops", m.peaks.instruction_gops}}},
      {"kernels", kernels}};
  print_json("bench", out);
}

void print_text(const compiler::Session& session, const Measured& m) {
  std::printf("latency: %s\n", runtime::latency_text(m.latency).c_str());
  std::printf("setup: compile %.2f s, load %.4f s%s; first run %s\n", session.compile_s,
              session.load_s, session.cached ? " (from the cache)" : "",
              runtime::milliseconds(m.first_run_s).c_str());
  if (m.flops > 0)
    std::printf("work: %sFLOP, %sFLOP/s, bound %s\n",
                with_prefix(static_cast<double>(m.flops)).c_str(),
                with_prefix(static_cast<double>(m.flops) / m.latency.median).c_str(),
                runtime::milliseconds(m.sol_s).c_str());
  std::printf("schedules:");
  for (const auto& [name, count] : schedule_counts(session.model->tables()))
    std::printf(" %s %zu", name.c_str(), count);
  std::printf("\n");
  if (m.interrupted) {
    std::printf("interrupted: the kernels were not measured\n");
    return;
  }
  std::printf("peaks of a core: %.1f GFLOP/s in f32", m.peaks.plain.f32_gflops);
  for (const auto& [name, gops] : m.peaks.instruction_gops)
    std::printf(", %s %.1f", name.c_str(), gops);
  std::printf("; L2 %.0f, memory %.0f GB/s\n", m.peaks.plain.l2_gbs, m.peaks.plain.dram_gbs);
  std::printf("%9s %6s %9s %9s %6s  %s\n", "ms", "share", "GFLOP/s", "GB/s", "bound", "kernel");
  const double total = m.kernel_time();
  for (const KernelRow& k : m.kernels) {
    if (k.time_s <= 0) continue;
    std::printf("%9.4f %5.1f%% %9.1f %9.1f %5.0f%%  %s %s\n", k.time_s * 1e3,
                100 * k.time_s / total, static_cast<double>(k.flops) / k.time_s * 1e-9,
                static_cast<double>(k.bytes) / k.time_s * 1e-9, 100 * k.sol_s / k.time_s,
                k.info->name.c_str(), k.info->shape.c_str());
  }
}

Result<int> bench(const BenchArgs& args) {
  TENON_TRY(const Ready ready,
            make_ready(args.model, args.inputs, "random:0", args.flags, args.threads));
  const auto& [session, inputs, executor] = ready;
  TENON_TRY(const Measured m, measure(*executor, args.span));
  clear_progress();
  if (args.json) {
    print_measured(args, session, *executor, m);
  } else {
    print_text(session, m);
  }
  return m.interrupted ? kInterruptedStatus : 0;
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("bench", "latency quantiles and the time of each kernel");
  auto args = std::make_shared<BenchArgs>();  // shared: the callback outlives this call
  command->add_option("MODEL", args->model, "an .onnx, .tir or .tenon file")->required();
  args->inputs.add_to(*command);
  command->add_option("--threads", args->threads, "threads to use (default: all cores)")
      ->check(in_range(kThreadsRange));
  args->span.add_to(*command);
  command->add_flag("--json", args->json, "print a JSON object");
  args->flags.add_to(*command);
  command->footer("example:\n  tenon bench model.onnx --shape batch=1 --shape seq=128 --threads 1");
  command->callback([args, &status] {
    const Result<int> done = bench(*args);
    status = done ? *done : explain(done.error());
  });
}

}  // namespace tenon::cli
