#include "graph/plan_memory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>

namespace tenon::graph {
namespace {

int64_t unit_value(uint32_t unit, std::span<const int64_t> units) {
  return unit == 0 ? 1 : units[unit];
}

/// No two buffers that live at once share a byte, for these values of the units. Returns total
/// bytes.
int64_t check_plan(std::span<const PlanBuffer> buffers, const MemoryPlan& plan,
                   std::span<const int64_t> units, std::span<const InPlace> joined = {}) {
  std::vector<int64_t> start;
  int64_t total = 0;
  for (const PlanBlock& b : plan.blocks) {
    start.push_back(total);
    total += (b.size.factor * unit_value(b.size.unit, units) + 63) / 64 * 64;
  }
  struct Range {
    int64_t begin, end;
  };
  std::vector<Range> ranges;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Placement& p = plan.placements[i];
    const PlanBlock& block = plan.blocks[p.block];
    EXPECT_EQ(block.segment, buffers[i].segment);
    EXPECT_EQ(block.size.unit, buffers[i].bytes.unit);
    EXPECT_LE(p.offset + buffers[i].bytes.factor, block.size.factor);
    const int64_t unit = unit_value(block.size.unit, units);
    const int64_t begin = start[p.block] + p.offset * unit;
    EXPECT_EQ(begin % 64, 0);
    ranges.push_back({begin, begin + buffers[i].bytes.factor * unit});
  }
  const auto may_share = [&](size_t i, size_t j, uint32_t step) {
    for (const InPlace& c : joined)
      if (((c.out == i && c.in == j) || (c.out == j && c.in == i)) && step == c.last) return true;
    return false;
  };
  for (size_t i = 0; i < buffers.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (ranges[i].begin == ranges[i].end || ranges[j].begin == ranges[j].end) continue;
      const uint32_t first = std::max(buffers[i].first, buffers[j].first);
      const uint32_t last = std::min(buffers[i].last, buffers[j].last);
      if (first > last || ranges[i].begin >= ranges[j].end || ranges[j].begin >= ranges[i].end)
        continue;
      EXPECT_TRUE(first == last && may_share(i, j, last)) << i << " and " << j << " overlap";
    }
  }
  return total;
}

TEST(PlanMemory, chain_needs_two_buffers) {
  std::vector<PlanBuffer> chain;
  for (uint32_t i = 0; i < 10; ++i) chain.push_back({i, i + 1, 0, {1024, 0}});
  EXPECT_EQ(check_plan(chain, plan_memory(chain, {}), {}), 2048);
}

TEST(PlanMemory, in_place_chain_needs_one) {
  std::vector<PlanBuffer> chain;
  std::vector<InPlace> pairs;
  for (uint32_t i = 0; i < 10; ++i) {
    chain.push_back({i, i + 1, 0, {1000, 0}});
    if (i > 0) pairs.push_back({i, i - 1, i});
  }
  const MemoryPlan plan = plan_memory(chain, pairs);
  EXPECT_EQ(plan.in_place, 9u);
  EXPECT_EQ(check_plan(chain, plan, {}, pairs), 1024);
}

TEST(PlanMemory, in_place_is_refused_while_the_input_lives_or_sizes_differ) {
  const std::vector<PlanBuffer> used_later{{0, 3, 0, {64, 0}}, {1, 3, 0, {64, 0}}};
  EXPECT_EQ(plan_memory(used_later, std::vector<InPlace>{{1, 0, 1}}).in_place, 0u);
  const std::vector<PlanBuffer> sizes{{0, 1, 0, {64, 0}}, {1, 3, 0, {128, 0}}};
  EXPECT_EQ(plan_memory(sizes, std::vector<InPlace>{{1, 0, 1}}).in_place, 0u);
  const std::vector<PlanBuffer> segments{{0, 1, 0, {64, 0}}, {1, 3, 1, {64, 0}}};
  EXPECT_EQ(plan_memory(segments, std::vector<InPlace>{{1, 0, 1}}).in_place, 0u);
  // Two results of one kernel do not both take the same input.
  const std::vector<PlanBuffer> two{{0, 1, 0, {64, 0}}, {1, 1, 0, {64, 0}}, {1, 2, 0, {64, 0}}};
  const std::vector<InPlace> both{{1, 0, 1}, {2, 0, 1}};
  const MemoryPlan plan = plan_memory(two, both);
  EXPECT_EQ(plan.in_place, 1u);
  EXPECT_NE(plan.placements[1].offset, plan.placements[2].offset);
}

TEST(PlanMemory, a_parameters_memory_is_taken_over_until_it_is_overwritten) {
  // 0: a parameter that step 9 overwrites with buffer 2; 1 is made from it, 2 from 1.
  const std::vector<InPlace> pairs{{1, 0, 3}, {2, 1, 5}};
  std::vector<PlanBuffer> b{{0, 3, 0, {64, 0}, true, 9}, {3, 5, 0, {64, 0}}, {5, 9, 0, {64, 0}}};
  b[2].home = 0;
  const MemoryPlan all = plan_memory(b, pairs);
  EXPECT_EQ(all.in_place, 2u);
  for (const Placement& p : all.placements) EXPECT_EQ(p.fixed, 0u);
  EXPECT_TRUE(all.blocks.empty());
  // What else is alive when it is overwritten stays out.
  b[2].home = UINT32_MAX;
  const MemoryPlan other = plan_memory(b, pairs);
  EXPECT_EQ(other.placements[1].fixed, 0u);
  EXPECT_EQ(other.placements[2].fixed, UINT32_MAX);
  b[2].last = 8;
  EXPECT_EQ(plan_memory(b, pairs).placements[2].fixed, 0u);
  // A parameter that is read later, or is of another size, is left alone.
  b[0].last = 4;
  EXPECT_EQ(plan_memory(b, pairs).placements[1].fixed, UINT32_MAX);
  b[0] = {0, 3, 0, {128, 0}, true, 9};
  EXPECT_EQ(plan_memory(b, pairs).placements[1].fixed, UINT32_MAX);
  // It takes over nothing itself.
  const std::vector<PlanBuffer> two{{0, 3, 0, {64, 0}}, {0, 5, 0, {64, 0}, true, 9}};
  EXPECT_EQ(plan_memory(two, std::vector<InPlace>{{1, 0, 3}}).in_place, 0u);
}

TEST(PlanMemory, large_buffers_leave_room_for_small_ones) {
  // A large buffer beside a small one, then another large one: the tightest gap serves the small.
  const std::vector<PlanBuffer> b{
      {0, 1, 0, {4096, 0}}, {0, 5, 0, {64, 0}}, {2, 3, 0, {4096, 0}}, {2, 3, 0, {128, 0}}};
  EXPECT_EQ(check_plan(b, plan_memory(b, {}), {}), 4096 + 64 + 128);
}

TEST(PlanMemory, symbolic_sizes_share_exactly_for_every_value) {
  // bytes = 3072 n for all but one of 4 n.
  std::vector<PlanBuffer> b;
  for (uint32_t i = 0; i < 6; ++i) b.push_back({i, i + 1, 0, {i % 2 == 0 ? 3072 : 1536, 1}});
  b.push_back({0, 6, 0, {4, 1}});
  const MemoryPlan plan = plan_memory(b, {});
  for (const int64_t n : {0, 1, 7, 128, 1000}) {
    const std::vector<int64_t> units{1, n};
    const int64_t total = check_plan(b, plan, units);
    EXPECT_LE(total, (3072 + 1536 + 4) * n + 64);
  }
}

TEST(PlanMemory, random_lifetimes_never_overlap) {
  const char* wanted = std::getenv("TENON_TEST_SEED");
  const uint32_t seed = wanted != nullptr ? static_cast<uint32_t>(std::atoll(wanted)) : 12345;
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  for (int round = 0; round < 300; ++round) {
    const uint32_t steps = 2 + static_cast<uint32_t>(rng() % 40);
    std::vector<PlanBuffer> buffers;
    std::vector<InPlace> pairs;
    const uint32_t count = 1 + static_cast<uint32_t>(rng() % 60);
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t first = static_cast<uint32_t>(rng()) % steps;
      const int64_t sizes[] = {0, 4, 48, 64, 100, 640, 4096};
      buffers.push_back({first,
                         first + static_cast<uint32_t>(rng() % 6),
                         static_cast<uint32_t>(rng() % 2),
                         {sizes[rng() % 7], static_cast<uint32_t>(rng() % 3)}});
    }
    // Candidates as the packager makes them: the result is born in the step where the input is read
    // last.
    for (uint32_t out = 0; out < count; ++out) {
      for (uint32_t in = 0; in < count; ++in)
        if (in != out && buffers[in].last == buffers[out].first &&
            buffers[in].first < buffers[out].first && rng() % 2 == 0)
          pairs.push_back({out, in, buffers[out].first});
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const InPlace& a, const InPlace& b) { return a.last < b.last; });
    const MemoryPlan plan = plan_memory(buffers, pairs);
    const std::vector<int64_t> units{1, static_cast<int64_t>(rng() % 9), 33};
    check_plan(buffers, plan, units, pairs);
  }
}

TEST(PlanMemory, time_is_near_linear) {
  const auto seconds = [](uint32_t n) {
    std::vector<PlanBuffer> buffers;
    std::vector<InPlace> pairs;
    for (uint32_t i = 0; i < n; ++i) {
      buffers.push_back({i, i + 1 + i % 7, 0, {64 * (1 + i % 13), 0}});
      if (i > 0) pairs.push_back({i, i - 1, i});
    }
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(plan_memory(buffers, pairs).placements.size(), n);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  (void)seconds(1000);
  const double small = seconds(20000);
  const double large = seconds(200000);
  EXPECT_LT(large, 40 * small + 0.05) << small << " s and " << large << " s";
  EXPECT_LT(large, 5);
}

}  // namespace
}  // namespace tenon::graph
