// Threads that carry out launches, for one executor or for several. Work is a range [0, grid) cut
// into one contiguous part a thread, always the same way; the calling thread takes the first part.
// Between jobs, workers spin for a bounded time and then sleep, so that a burst of small kernels
// pays no wake-up and an idle program no processor time.
//
// A program that has threads of its own gives a function that runs parts on them (ParallelFor), and
// none are started here.
//
// A child of fork() has none of its parent's threads: there the calling thread does all parts, with
// the same results.
//
// Any thread may call `run` at any time: jobs take turns, so runs of executors that share a pool
// interleave launch by launch. A task must not call `run` of its own pool.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace tenon::runtime {

/// Runs part [begin, end) as thread `worker`; a non-zero result is an error code.
using Task = int64_t (*)(void* context, int worker, int64_t begin, int64_t end);

/// A loop over the threads of the caller: calls part(context, i) for each i below `count`, on any
/// threads and in any order, and returns when all calls have. Where it makes fewer calls, the
/// thread that asked does the rest.
struct ParallelFor {
  void (*run)(void* user, void (*part)(void* context, size_t i), void* context,
              size_t count) = nullptr;
  void* user = nullptr;
};

/// How workers are to be; the calling threads are their program's own.
struct WorkerOptions {
  std::vector<int> cpus = {};  // worker w (from 1) stays on cpus[w % size]; empty: anywhere
  int niceness = 0;            // added to that of the process, where the system lets it
  /// About how long a worker looks for the next job, and a caller for the end of its own, before
  /// it sleeps.
  std::chrono::nanoseconds spin = std::chrono::microseconds(50);
};

class ThreadPool {
 public:
  /// `threads` counts the calling one; at least 1.
  explicit ThreadPool(int threads, const WorkerOptions& workers = {});
  /// Parts for `threads` threads of the caller, who may be asked for several loops at once.
  ThreadPool(int threads, ParallelFor caller);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const { return threads_; }

  /// Returns when all parts are done: 0, or the error code of the lowest part that failed.
  [[nodiscard]] int64_t run(Task task, void* context, int64_t grid);

 private:
  struct alignas(64) Outcome {
    int64_t code = 0;
  };
  struct Part {
    int64_t begin, end;
  };
  [[nodiscard]] static Part part_of(int64_t grid, int threads, int worker);
  void work(int worker, int cpu, int niceness);
  void run_part(int worker);
  [[nodiscard]] int64_t run_on_caller(Task task, void* context, int64_t grid) const;

  [[nodiscard]] int64_t run_alone(Task task, void* context, int64_t grid) const;

  int threads_;
  int spins_;
  uint32_t process_;  // which fork this is: the workers are of this one alone
  ParallelFor caller_;
  std::mutex turn_;  // held by the job that the workers carry out
  Task task_ = nullptr;
  void* context_ = nullptr;
  int64_t grid_ = 0;
  std::vector<Outcome> outcomes_;
  alignas(64) std::atomic<uint32_t> epoch_{0};     // of the current job; odd bits mean nothing
  alignas(64) std::atomic<uint32_t> pending_{0};   // workers that have not finished it
  alignas(64) std::atomic<uint32_t> sleepers_{0};  // workers that may need a wake-up
  std::atomic<uint32_t> joiner_sleeps_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

/// Threads that this process may use at once: physical cores within its affinity mask, at most its
/// cgroup's processor quota; at least 1.
[[nodiscard]] int default_threads();

}  // namespace tenon::runtime
