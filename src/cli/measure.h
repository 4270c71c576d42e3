// What runs of a model take, and how near its kernels come to what the machine can do: latencies,
// peaks of a core, and for each kernel time, work and bound. For `bench` and `profile`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "machine/calibrate.h"
#include "runtime/executor.h"
#include "runtime/report.h"
#include "support/result.h"

namespace CLI {
class App;
}

namespace tenon::cli {

/// How long is measured: `repeat` runs, or where that is 0 about so many seconds.
struct Span {
  size_t warmup = 2;  // runs before those that are measured
  size_t repeat = 0;
  double seconds = 2;

  /// The options --warmup, --repeat, --seconds.
  void add_to(CLI::App& command);
};

/// What one core of this CPU does at most, measured in this process.
struct CorePeaks {
  machine::Peaks plain;
  std::map<std::string, double> instruction_gops;  // of those that the model's kernels have

  /// Of a kernel with these instructions: the fastest, or plain multiply-adds where it has none.
  [[nodiscard]] double gops(const std::vector<std::string>& instructions) const;
};
[[nodiscard]] Result<CorePeaks> measure_peaks(const artifact::Model& tables);

/// In one run, all calls together.
struct KernelRow {
  size_t index;  // in the kernel table
  const artifact::KernelInfo* info;
  double calls, time_s, sol_s;
  int64_t flops, bytes;
};

struct Measured {
  double first_run_s = 0;  // of the first run of all, which takes memory and touches it
  runtime::Latency latency;
  CorePeaks peaks;
  std::vector<KernelRow> kernels;  // largest time first
  int64_t flops = 0;
  double sol_s = 0;
  int rounds = 0;            // runs in which the kernels were measured
  bool interrupted = false;  // by Ctrl-C: the runs until then, and no kernels

  [[nodiscard]] double kernel_time() const;
};
/// Runs for warmth, then latencies, peaks and kernels. The executor goes on profiling times, of
/// `rounds` runs.
[[nodiscard]] Result<Measured> measure(runtime::Executor& executor, const Span& span);

/// The most memory that this process has had, in bytes.
[[nodiscard]] uint64_t peak_rss();
/// How many kernels have which schedule: default ones by name ("plain": the last resort), "file".
[[nodiscard]] std::map<std::string, size_t> schedule_counts(const artifact::Model& tables);
/// "3.21 M" for 3.21e6: with the prefix that leaves one to three digits before the point.
[[nodiscard]] std::string with_prefix(double value);

}  // namespace tenon::cli
