#include "support/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "support/check.h"
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

TEST(Threads, what_a_body_throws_comes_out_and_ends_the_loop) {
  for (const int jobs : {1, 4}) {
    std::atomic<int> begun = 0;
    try {
      parallel_for(100000, jobs, [&](size_t i) {
        ++begun;
        if (i >= 10) throw InternalError("item 10 or a later one");
      });
      ADD_FAILURE() << "nothing came out";
    } catch (const InternalError& e) {
      EXPECT_STREQ(e.what(), "item 10 or a later one");
    }
    EXPECT_GE(begun, 11);
    EXPECT_LE(begun, 11 + 4);
  }
}

TEST(Check, a_broken_invariant_names_condition_place_and_detail) {
  try {
    TENON_CHECK(1 + 1 == 3, "the program");
    ADD_FAILURE() << "nothing came out";
  } catch (const InternalError& e) {
    const std::string text = e.what();
    EXPECT_TRUE(text.starts_with("1 + 1 == 3 at ")) << text;
    EXPECT_NE(text.find("threads_test.cc:"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("\nthe program")) << text;
  }
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
