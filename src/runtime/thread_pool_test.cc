#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace tenon::runtime {
namespace {

struct Counts {
  std::vector<std::atomic<int>> hits;
  std::vector<std::pair<int64_t, int64_t>> parts;
};

TEST(ThreadPool, covers_every_index_once_in_fixed_parts) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (const int64_t grid : {0, 1, 2, 7, 8, 9, 1000}) {
      Counts counts{std::vector<std::atomic<int>>(static_cast<size_t>(grid)), {}};
      counts.parts.resize(static_cast<size_t>(threads), {0, 0});
      const auto task = [](void* context, int worker, int64_t begin, int64_t end) -> int64_t {
        auto& c = *static_cast<Counts*>(context);
        c.parts[static_cast<size_t>(worker)] = {begin, end};
        for (int64_t i = begin; i < end; ++i) ++c.hits[static_cast<size_t>(i)];
        return 0;
      };
      EXPECT_EQ(pool.run(task, &counts, grid), 0);
      for (auto& h : counts.hits) EXPECT_EQ(h.load(), 1);
      int64_t most = 0;
      int64_t least = grid;
      for (const auto& [b, e] : counts.parts) {
        most = std::max(most, e - b);
        least = std::min(least, e - b);
      }
      if (grid > 1) EXPECT_LE(most - least, 1);
    }
  }
}

TEST(ThreadPool, returns_the_error_of_the_lowest_part) {
  ThreadPool pool(4);
  const auto task = [](void*, int worker, int64_t, int64_t) -> int64_t {
    return worker >= 2 ? worker : 0;
  };
  EXPECT_EQ(pool.run(task, nullptr, 100), 2);
  EXPECT_EQ(pool.run([](void*, int, int64_t, int64_t) -> int64_t { return 0; }, nullptr, 100), 0);
}

TEST(ThreadPool, wakes_sleeping_workers_and_survives_bursts) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  const auto task = [](void* context, int, int64_t begin, int64_t end) -> int64_t {
    static_cast<std::atomic<int64_t>*>(context)->fetch_add(end - begin);
    return 0;
  };
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(pool.run(task, &total, 10), 0);
    // Long enough for the workers to stop spinning.
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(500);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  }
  EXPECT_EQ(total.load(), 20 * 100 * 10);
}

TEST(ThreadPool, workers_stay_where_they_are_told_at_the_priority_that_is_asked) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int last = 0;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(static_cast<size_t>(i), &allowed)) last = i;
  const int before = getpriority(PRIO_PROCESS, 0);
  struct Seen {
    std::atomic<int> cpus{0}, cpu{-1}, niceness{0};
  } seen;
  const auto look = [](void* context, int worker, int64_t, int64_t) -> int64_t {
    if (worker == 0) return 0;
    auto& s = *static_cast<Seen*>(context);
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    s.cpus = CPU_COUNT(&set);
    s.cpu = sched_getcpu();
    s.niceness = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
    return 0;
  };
  for (const int64_t spin : {0, 100000}) {
    ThreadPool pool(2, {{last}, 1, std::chrono::nanoseconds(spin)});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.run(look, &seen, 2), 0);
    EXPECT_EQ(seen.cpus.load(), 1);
    EXPECT_EQ(seen.cpu.load(), last);
    EXPECT_EQ(seen.niceness.load(), std::min(before + 1, 19));
  }
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before) << "the calling thread stays as it is";
}

TEST(ForkedPool, does_all_parts_in_the_calling_thread) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  const auto task = [](void* context, int worker, int64_t begin, int64_t end) -> int64_t {
    static_cast<std::atomic<int64_t>*>(context)->fetch_add(end - begin);
    return worker == 2 ? 7 : 0;
  };
  ASSERT_EQ(pool.run(task, &total, 10), 7);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a hang ends the child
    int failures = 0;
    for (int i = 0; i < 3; ++i) failures += pool.run(task, &total, 10) == 7 ? 0 : 1;
    failures += total.load() == 40 ? 0 : 1;
    {
      ThreadPool own(2);  // with threads of its own
      failures += own.run(task, &total, 10) == 0 ? 0 : 1;
    }
    pool.~ThreadPool();
    _exit(failures);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(pool.run(task, &total, 10), 7);
  EXPECT_EQ(total.load(), 20);
}

TEST(ThreadPool, default_is_at_least_one_thread) {
  EXPECT_GE(default_threads(), 1);
  EXPECT_LE(default_threads(), static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
}

}  // namespace
}  // namespace tenon::runtime
