// tenon bench: latency quantiles, and for each kernel time, work and share of the roofline.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/json.h"
#include "compiler/session.h"
#include "machine/calibrate.h"
#include "machine/instruction.h"
#include "runtime/executor.h"
#include "runtime/report.h"
#include "support/interrupt.h"
#include "target/peak.h"

namespace tenon::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchArgs {
  std::string model;
  InputFlags inputs;
  CompileFlags flags;
  int threads = 0;
  size_t warmup = 2;
  size_t repeat = 0;
  double seconds = 2;
  bool json = false;
};

struct KernelRow {
  const artifact::KernelInfo* info;
  double time_s, sol_s;
  int64_t flops, bytes;
};

/// What one core of this CPU does at most, measured in this process.
struct CorePeaks {
  machine::Peaks plain;
  std::map<std::string, double> instruction_gops;  // of those that the model's kernels have

  /// Of a kernel with these instructions: the fastest, or plain multiply-adds where it has none.
  [[nodiscard]] double gops(const std::vector<std::string>& instructions) const {
    double most = 0;
    for (const std::string& name : instructions)
      if (const auto at = instruction_gops.find(name); at != instruction_gops.end())
        most = std::max(most, at->second);
    return most > 0 ? most : plain.f32_gflops;
  }
};

struct Measured {
  double first_run_s = 0;  // of the first run of all, which takes memory and touches it
  runtime::Latency latency;
  CorePeaks peaks;
  std::vector<KernelRow> kernels;
  int64_t flops = 0;
  double sol_s = 0;
  bool interrupted = false;  // by Ctrl-C: the runs until then, and no kernels
};

Result<double> time_run(runtime::Executor& executor) {
  const Clock::time_point start = Clock::now();
  TENON_TRY_VOID(executor.run());
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<std::vector<double>> sample(runtime::Executor& executor, const BenchArgs& args,
                                   const InterruptNote& interrupt) {
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  const auto goes_on = [&] {
    if (interrupt.seen()) return false;
    return args.repeat > 0 ? times.size() < args.repeat : times.empty() || elapsed() < args.seconds;
  };
  while (goes_on()) {
    TENON_TRY(const double seconds, time_run(executor));
    times.push_back(seconds);
  }
  return times;
}

/// The bound from arithmetic and memory peaks that were measured in this process. What a call
/// touches comes from memory when it does not fit the last cache; later calls of a kernel find it
/// in the cache.
double roofline(const CorePeaks& core, const artifact::KernelInfo& kernel, int threads,
                int64_t flops, int64_t bytes) {
  const machine::Peaks& peaks = core.plain;
  const double compute =
      static_cast<double>(flops) / (core.gops(kernel.instructions) * 1e9 * threads);
  // What fits the last cache need not come from memory again.
  const double bandwidth =
      bytes > machine::host().l3_bytes ? peaks.dram_gbs * 1e9 : peaks.l2_gbs * 1e9 * threads;
  return std::max(compute, static_cast<double>(bytes) / bandwidth);
}

Result<CorePeaks> measure_peaks(const artifact::Model& tables) {
  CorePeaks core{machine::calibrate(), {}};
  for (const artifact::KernelInfo& k : tables.kernels)
    for (const std::string& name : k.instructions) {
      const machine::Instruction* row = machine::find_instruction(name);
      if (row == nullptr || core.instruction_gops.contains(name)) continue;
      TENON_TRY(core.instruction_gops[name], target::instruction_gops(*row, machine::host()));
    }
  return core;
}

/// Time, work and bound of each kernel, largest time first.
Status measure_kernels(runtime::Executor& executor, Measured& m) {
  executor.profile(true);
  const int rounds = std::clamp(static_cast<int>(0.3 / std::max(m.latency.median, 1e-6)), 1, 50);
  for (int i = 0; i < rounds; ++i) TENON_TRY_VOID(executor.run());
  const auto& tables = executor.model().tables();
  TENON_TRY(m.peaks, measure_peaks(tables));
  const auto kernel_times = executor.kernel_times();
  for (size_t k = 0; k < tables.kernels.size(); ++k) {
    const double calls = static_cast<double>(kernel_times[k].calls) / rounds;
    KernelRow row{&tables.kernels[k], kernel_times[k].seconds / rounds, 0,
                  static_cast<int64_t>(calls * static_cast<double>(executor.kernel_flops(k))),
                  static_cast<int64_t>(calls * static_cast<double>(executor.kernel_bytes(k)))};
    row.sol_s = calls * roofline(m.peaks, *row.info, executor.threads(), executor.kernel_flops(k),
                                 executor.kernel_bytes(k));
    m.flops += row.flops;
    m.sol_s += row.sol_s;
    m.kernels.push_back(row);
  }
  executor.profile(false);
  std::sort(m.kernels.begin(), m.kernels.end(),
            [](const KernelRow& a, const KernelRow& b) { return a.time_s > b.time_s; });
  return {};
}

Result<Measured> measure(runtime::Executor& executor, const BenchArgs& args) {
  Measured m;
  for (size_t i = 0; i < args.warmup; ++i) {
    TENON_TRY(const double seconds, time_run(executor));
    if (i == 0) m.first_run_s = seconds;
  }
  const InterruptNote interrupt;
  TENON_TRY(std::vector<double> times, sample(executor, args, interrupt));
  if (args.warmup == 0 && !times.empty()) m.first_run_s = times[0];
  m.latency = runtime::summarize_latency(std::move(times));
  m.interrupted = interrupt.seen();
  if (!m.interrupted) TENON_TRY_VOID(measure_kernels(executor, m));
  return m;
}

/// "3.21 M" for 3.21e6: with the prefix that leaves one to three digits before the point.
std::string with_prefix(double value) {
  static constexpr std::array kPrefixes{"", "k", "M", "G", "T", "P"};
  size_t p = 0;
  for (; value >= 1000 && p + 1 < kPrefixes.size(); ++p) value /= 1000;
  char text[40];
  std::snprintf(text, sizeof text, "%.*f %s", p == 0 ? 0 : 2, value, kPrefixes[p]);
  return text;
}

uint64_t peak_rss() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

/// How many kernels have which schedule: default ones by name ("plain": the last resort), "file".
std::map<std::string, size_t> schedule_counts(const artifact::Model& tables) {
  std::map<std::string, size_t> counts;
  for (const artifact::KernelInfo& k : tables.kernels) ++counts[k.schedule];
  return counts;
}

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
  std::printf("latency: min %.3f ms, median %.3f ms, p90 %.3f ms, p99 %.3f ms over %zu runs\n",
              m.latency.min * 1e3, m.latency.median * 1e3, m.latency.p90 * 1e3, m.latency.p99 * 1e3,
              m.latency.count);
  std::printf("setup: compile %.2f s, load %.4f s%s; first run %.3f ms\n", session.compile_s,
              session.load_s, session.cached ? " (from the cache)" : "", m.first_run_s * 1e3);
  if (m.flops > 0)
    std::printf("work: %sFLOP, %sFLOP/s, bound %.3f ms\n",
                with_prefix(static_cast<double>(m.flops)).c_str(),
                with_prefix(static_cast<double>(m.flops) / m.latency.median).c_str(),
                m.sol_s * 1e3);
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
  double total = 0;
  for (const KernelRow& k : m.kernels) total += k.time_s;
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
  TENON_TRY(const Measured m, measure(*executor, args));
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
  command->add_option("--warmup", args->warmup, "runs before those that are measured")
      ->check(in_range(kWarmupRange))
      ->capture_default_str();
  CLI::Option* repeat = command->add_option("--repeat", args->repeat, "measure this many runs")
                            ->check(in_range(kRepeatRange));
  command->add_option("--seconds", args->seconds, "or measure for this long")
      ->check(in_range(kSecondsRange))
      ->excludes(repeat)
      ->capture_default_str();
  command->add_flag("--json", args->json, "print a JSON object");
  args->flags.add_to(*command);
  command->footer("example:\n  tenon bench model.onnx --shape batch=1 --shape seq=128 --threads 1");
  command->callback([args, &status] {
    const Result<int> done = bench(*args);
    status = done ? *done : explain(done.error());
  });
}

}  // namespace tenon::cli
