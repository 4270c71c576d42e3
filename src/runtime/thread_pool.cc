#include "runtime/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <system_error>

#include "support/cpu.h"

namespace tenon::runtime {
namespace {

/// A pause takes 40 to 140 cycles.
constexpr std::chrono::nanoseconds kPause{25};

int spins_of(std::chrono::nanoseconds spin) {
  return static_cast<int>(std::clamp<int64_t>(spin / kPause, 0, INT_MAX));
}

/// Counts the forks from the first process of this library to this one.
std::atomic<uint32_t> forks{0};
uint32_t this_process() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  (void)registered;
  return forks.load(std::memory_order_relaxed);
}

/// On that processor and of that priority, where the system lets it.
void settle(int cpu, int niceness) {
  if (cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(cpu), &set);
    (void)sched_setaffinity(0, sizeof set, &set);
  }
  if (niceness == 0) return;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + niceness);
}

void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, expected, nullptr,
          nullptr, 0);
}
void futex_wake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr,
          nullptr, 0);
}

}  // namespace

ThreadPool::ThreadPool(int threads, const WorkerOptions& workers)
    : threads_(std::max(threads, 1)),
      spins_(spins_of(workers.spin)),
      process_(this_process()),
      outcomes_(static_cast<size_t>(std::max(threads, 1))) {
  const std::vector<int>& cpus = workers.cpus;
  try {
    for (int w = 1; w < threads_; ++w) {
      const int cpu = cpus.empty() ? -1 : cpus[static_cast<size_t>(w) % cpus.size()];
      workers_.emplace_back([this, w, cpu, n = workers.niceness] { work(w, cpu, n); });
    }
  } catch (const std::system_error&) {  // the system allows no more
    threads_ = static_cast<int>(workers_.size()) + 1;
  }
}

ThreadPool::ThreadPool(int threads, ParallelFor caller)
    : threads_(std::max(threads, 1)), spins_(0), process_(this_process()), caller_(caller) {}

ThreadPool::~ThreadPool() {
  if (process_ != this_process()) {
    // Nobody is there to wait for, and a handle of nobody can be neither joined nor detached.
    static_cast<void>(new std::vector<std::thread>(std::move(workers_)));
    return;
  }
  stop_.store(true);
  epoch_.fetch_add(1);
  futex_wake(epoch_);
  for (std::thread& t : workers_) t.join();
}

ThreadPool::Part ThreadPool::part_of(int64_t grid, int threads, int worker) {
  const int64_t share = grid / threads;
  const int64_t rest = grid % threads;
  const int64_t begin = worker * share + std::min<int64_t>(worker, rest);
  return {begin, begin + share + (worker < rest ? 1 : 0)};
}

void ThreadPool::run_part(int worker) {
  const auto [begin, end] = part_of(grid_, threads_, worker);
  outcomes_[static_cast<size_t>(worker)].code =
      begin < end ? task_(context_, worker, begin, end) : 0;
}

void ThreadPool::work(int worker, int cpu, int niceness) {
  settle(cpu, niceness);
  uint32_t seen = 0;
  while (true) {
    for (int i = 0; i < spins_ && epoch_.load(std::memory_order_acquire) == seen; ++i) spin_pause();
    while (epoch_.load(std::memory_order_acquire) == seen) {
      sleepers_.fetch_add(1);
      futex_wait(epoch_, seen);
      sleepers_.fetch_sub(1);
    }
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    run_part(worker);
    if (pending_.fetch_sub(1) == 1 && joiner_sleeps_.load() != 0) futex_wake(pending_);
  }
}

int64_t ThreadPool::run_on_caller(Task task, void* context, int64_t grid) const {
  // Parts are numbered here as they begin: a loop that makes too many or too few calls does no
  // harm.
  struct Loop {
    Task task;
    void* context;
    int64_t grid;
    int threads;
    int parts;
    std::atomic<int> next{0};
    std::mutex mutex{};
    int failed = 0;  // the lowest part with a code
    int64_t code = 0;
  } loop{task, context, grid, threads_, static_cast<int>(std::min<int64_t>(threads_, grid))};
  loop.failed = loop.parts;
  const auto next_part = [](void* data, size_t) {
    Loop& l = *static_cast<Loop*>(data);
    const int worker = l.next.fetch_add(1);
    if (worker >= l.parts) return;
    const auto [begin, end] = part_of(l.grid, l.threads, worker);
    const int64_t code = l.task(l.context, worker, begin, end);
    if (code == 0) return;
    const std::lock_guard lock(l.mutex);
    if (worker < l.failed) l.code = code;
    l.failed = std::min(l.failed, worker);
  };
  caller_.run(caller_.user, next_part, &loop, static_cast<size_t>(loop.parts));
  while (loop.next.load() < loop.parts) next_part(&loop, 0);
  return loop.code;
}

int64_t ThreadPool::run_alone(Task task, void* context, int64_t grid) const {
  int64_t first = 0;
  for (int worker = 0; worker < threads_; ++worker) {
    const auto [begin, end] = part_of(grid, threads_, worker);
    const int64_t code = begin < end ? task(context, worker, begin, end) : 0;
    if (first == 0) first = code;
  }
  return first;
}

int64_t ThreadPool::run(Task task, void* context, int64_t grid) {
  if (grid <= 0) return 0;
  if (threads_ == 1 || grid == 1) return task(context, 0, 0, grid);
  if (process_ != this_process() && caller_.run == nullptr) return run_alone(task, context, grid);
  if (caller_.run != nullptr) return run_on_caller(task, context, grid);
  const std::lock_guard turn(turn_);
  task_ = task;
  context_ = context;
  grid_ = grid;
  pending_.store(static_cast<uint32_t>(threads_ - 1), std::memory_order_relaxed);
  epoch_.fetch_add(1);
  if (sleepers_.load() != 0) futex_wake(epoch_);
  run_part(0);
  for (int i = 0; i < spins_ && pending_.load(std::memory_order_acquire) != 0; ++i) spin_pause();
  for (uint32_t left = pending_.load(); left != 0; left = pending_.load()) {
    joiner_sleeps_.store(1);
    futex_wait(pending_, left);
    joiner_sleeps_.store(0);
  }
  for (const Outcome& o : outcomes_)
    if (o.code != 0) return o.code;
  return 0;
}

}  // namespace tenon::runtime
