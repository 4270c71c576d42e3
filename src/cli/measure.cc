#include "cli/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "cli/cli.h"
#include "machine/instruction.h"
#include "support/interrupt.h"
#include "support/stopwatch.h"
#include "target/peak.h"

namespace tenon::cli {
namespace {

Result<std::vector<double>> sample(runtime::Executor& executor, const Span& span,
                                   const InterruptNote& interrupt) {
  std::vector<double> times;
  const Stopwatch all;
  const auto goes_on = [&] {
    if (interrupt.seen()) return false;
    return span.repeat > 0 ? times.size() < span.repeat
                           : times.empty() || all.seconds() < span.seconds;
  };
  while (goes_on()) {
    const Stopwatch one;
    TENON_TRY_VOID(executor.run());
    times.push_back(one.seconds());
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

/// Time, work and bound of each kernel, largest time first.
Status measure_kernels(runtime::Executor& executor, Measured& m) {
  executor.profile(runtime::Profiling::times);
  m.rounds = std::clamp(static_cast<int>(0.3 / std::max(m.latency.median, 1e-6)), 1, 50);
  for (int i = 0; i < m.rounds; ++i) TENON_TRY_VOID(executor.run());
  const auto& tables = executor.model().tables();
  TENON_TRY(m.peaks, measure_peaks(tables));
  const std::vector<runtime::StepTime> times = executor.kernel_times();
  for (size_t k = 0; k < tables.kernels.size(); ++k) {
    const double calls = static_cast<double>(times[k].calls) / m.rounds;
    KernelRow row{k,
                  &tables.kernels[k],
                  calls,
                  times[k].seconds / m.rounds,
                  0,
                  static_cast<int64_t>(calls * static_cast<double>(executor.kernel_flops(k))),
                  static_cast<int64_t>(calls * static_cast<double>(executor.kernel_bytes(k)))};
    row.sol_s = calls * roofline(m.peaks, *row.info, executor.threads(), executor.kernel_flops(k),
                                 executor.kernel_bytes(k));
    m.flops += row.flops;
    m.sol_s += row.sol_s;
    m.kernels.push_back(row);
  }
  std::sort(m.kernels.begin(), m.kernels.end(),
            [](const KernelRow& a, const KernelRow& b) { return a.time_s > b.time_s; });
  return {};
}

}  // namespace

void Span::add_to(CLI::App& command) {
  command.add_option("--warmup", warmup, "runs before those that are measured")
      ->check(in_range(kWarmupRange))
      ->capture_default_str();
  CLI::Option* runs = command.add_option("--repeat", repeat, "measure this many runs")
                          ->check(in_range(kRepeatRange));
  command.add_option("--seconds", seconds, "or measure for this long")
      ->check(in_range(kSecondsRange))
      ->excludes(runs)
      ->capture_default_str();
}

double CorePeaks::gops(const std::vector<std::string>& instructions) const {
  double most = 0;
  for (const std::string& name : instructions)
    if (const auto at = instruction_gops.find(name); at != instruction_gops.end())
      most = std::max(most, at->second);
  return most > 0 ? most : plain.f32_gflops;
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

double Measured::kernel_time() const {
  double total = 0;
  for (const KernelRow& k : kernels) total += k.time_s;
  return total;
}

Result<Measured> measure(runtime::Executor& executor, const Span& span) {
  Measured m;
  for (size_t i = 0; i < span.warmup; ++i) {
    const Stopwatch one;
    TENON_TRY_VOID(executor.run());
    if (i == 0) m.first_run_s = one.seconds();
  }
  const InterruptNote interrupt;
  TENON_TRY(std::vector<double> times, sample(executor, span, interrupt));
  if (span.warmup == 0 && !times.empty()) m.first_run_s = times[0];
  m.latency = runtime::summarize_latency(std::move(times));
  m.interrupted = interrupt.seen();
  if (!m.interrupted) TENON_TRY_VOID(measure_kernels(executor, m));
  return m;
}

uint64_t peak_rss() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

std::map<std::string, size_t> schedule_counts(const artifact::Model& tables) {
  std::map<std::string, size_t> counts;
  for (const artifact::KernelInfo& k : tables.kernels) ++counts[k.schedule];
  return counts;
}

std::string with_prefix(double value) {
  static constexpr std::array kPrefixes{"", "k", "M", "G", "T", "P"};
  size_t p = 0;
  for (; value >= 1000 && p + 1 < kPrefixes.size(); ++p) value /= 1000;
  char text[40];
  std::snprintf(text, sizeof text, "%.*f %s", p == 0 ? 0 : 2, value, kPrefixes[p]);
  return text;
}

}  // namespace tenon::cli
