// What runs measure: steps, parts of threads, and how much is kept.
#include "runtime/profile.h"

#include <gtest/gtest.h>

#include "runtime/testing.h"

namespace tenon::runtime {
namespace {

TEST(Profile, parts_of_threads_lie_in_their_step) {
  const auto e = executor_of(two_kernels(), 3);
  std::vector<float> x(300 * 200);
  const std::vector<int64_t> dims{300, 200};
  ASSERT_TRUE(e->set_input(0, {DType::f32, dims, x.data()}).has_value());
  e->profile(Profiling::events);
  ASSERT_TRUE(e->run().has_value());
  const std::span<const StepEvent> events = e->measured()->events();
  const auto& steps = e->model().tables().steps;
  size_t wholes = 0;
  size_t parts = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_LE(events[i].begin, events[i].end);
    if (events[i].thread == StepEvent::kWhole) {
      EXPECT_EQ(events[i].step, wholes++);
      continue;
    }
    ++parts;
    EXPECT_EQ(steps[events[i].step].kind, artifact::StepKind::launch);
    size_t whole = i;
    while (events[whole].thread != StepEvent::kWhole) ++whole;
    EXPECT_EQ(events[whole].step, events[i].step);
    EXPECT_GE(events[i].begin, events[whole].begin);
    EXPECT_LE(events[i].end, events[whole].end);
  }
  EXPECT_EQ(wholes, steps.size());
  EXPECT_GE(parts, 2U);
}

TEST(Profile, off_keeps_what_was_measured_and_times_alone_keep_no_events) {
  const auto e = executor_of(two_kernels());
  EXPECT_EQ(e->measured(), nullptr);
  std::vector<float> x(6);
  const std::vector<int64_t> dims{2, 3};
  ASSERT_TRUE(e->set_input(0, {DType::f32, dims, x.data()}).has_value());
  e->profile(Profiling::times);
  ASSERT_TRUE(e->run().has_value());
  e->profile(Profiling::off);
  ASSERT_TRUE(e->run().has_value());
  EXPECT_TRUE(e->measured()->events().empty());
  for (const StepTime& t : e->measured()->times()) EXPECT_EQ(t.calls, 1U);
}

TEST(Profile, events_beyond_the_most_are_counted) {
  Profile profile(1, 1, /*keeps_events=*/true);
  for (size_t i = 0; i < Profile::kMostEvents + 5; ++i) profile.add_step(0, Profile::Clock::now());
  EXPECT_EQ(profile.events().size(), Profile::kMostEvents);
  EXPECT_EQ(profile.left_out(), 5U);
  EXPECT_EQ(profile.times()[0].calls, Profile::kMostEvents + 5);
}

}  // namespace
}  // namespace tenon::runtime
