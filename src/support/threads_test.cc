#include "support/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "support/checked.h"

namespace tenon {
namespace {

TEST(Threads, parallel_for_runs_each_item_once) {
  for (const int jobs : {0, 1, 3, 16}) {
    std::vector<std::atomic<int>> seen(1000);
    parallel_for(seen.size(), jobs, [&](size_t i) { ++seen[i]; });
    for (const auto& n : seen) EXPECT_EQ(n, 1);
  }
}

TEST(Threads, parallel_for_of_nothing_calls_nothing) {
  parallel_for(0, 4, [](size_t) { FAIL(); });
}

TEST(Threads, at_least_one_processor_is_available) {
  EXPECT_GE(available_cpus(), 1);
  EXPECT_GE(cpu_quota(), 0);
}

TEST(Checked, division_rounds_as_named) {
  EXPECT_EQ(floor_div(-7, 2), -4);
  EXPECT_EQ(ceil_div(-7, 2), -3);
  EXPECT_EQ(floor_div(7, -2), -4);
  EXPECT_EQ(ceil_div(7, 2), 4);
  EXPECT_EQ(floor_mod(-7, 2), 1);
  EXPECT_EQ(floor_mod(7, -2), -1);
  EXPECT_EQ(round_up(13, 8), 16);
  EXPECT_EQ(round_up(16, 8), 16);
}

TEST(Checked, overflow_is_seen) {
  EXPECT_EQ(checked_add(INT64_MAX, 1), std::nullopt);
  EXPECT_EQ(checked_sub(INT64_MIN, 1), std::nullopt);
  EXPECT_EQ(checked_mul(INT64_MAX, 2), std::nullopt);
  EXPECT_EQ(checked_mul(3, -4), -12);
  EXPECT_EQ(gcd_of(-12, 18), 6);
  EXPECT_EQ(gcd_of(INT64_MIN, 4), 1);
}

}  // namespace
}  // namespace tenon
