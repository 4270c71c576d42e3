#include "machine/cost.h"

#include <gtest/gtest.h>

namespace tenon::machine {
namespace {

TEST(Cost, one_fork_decides_what_is_small) {
  Machine m = *find_row("x86-64-v4");
  const Cost cost(m);
  EXPECT_EQ(cost.task_elements(), 16384);
  EXPECT_TRUE(cost.is_small_product(199'999, 16));
  EXPECT_FALSE(cost.is_small_product(200'000, 16));
  EXPECT_FALSE(cost.is_small_product(100'000, 8)) << "half the lanes take twice as long";
  m.fork_cycles *= 4;
  EXPECT_EQ(cost.task_elements(), 65536);
  EXPECT_TRUE(cost.is_small_product(200'000, 16));
}

TEST(Cost, rows_of_the_same_sets_are_as_many_as_ways) {
  const Machine& eight = *find_row("x86-64-v3");
  const Machine& twelve = *find_row("znver5");
  EXPECT_EQ(Cost(eight).set_period(), 4096);
  EXPECT_EQ(Cost(twelve).set_period(), 4096);
  EXPECT_EQ(Cost(eight).rows_side_by_side(8192), 8);
  EXPECT_EQ(Cost(twelve).rows_side_by_side(8192), 12);
  EXPECT_EQ(Cost(twelve).rows_side_by_side(8192 + 64), std::nullopt);
}

TEST(Cost, tiles_leave_room_for_their_operands) {
  EXPECT_EQ(Cost(*find_row("x86-64-v4")).tile_rows(2), 14);
  EXPECT_EQ(Cost(*find_row("x86-64-v3")).tile_rows(2), 6);
  EXPECT_EQ(Cost(*find_row("x86-64-v3")).tile_rows(20), 1);
}

TEST(Cost, rows_are_widened_for_whole_tiles) {
  const Cost cost(*find_row("x86-64-v3"));
  EXPECT_TRUE(cost.widening_pays(4, 32, 8));
  EXPECT_FALSE(cost.widening_pays(3, 32, 8));
  EXPECT_FALSE(cost.widening_pays(4, 31, 8));
  EXPECT_TRUE(cost.widening_pays(std::nullopt, std::nullopt, 8));
}

TEST(Cost, the_host_knows_its_caches) {
  EXPECT_GE(host().l1_ways, 4);
  EXPECT_EQ(host().line_bytes, 64);
  EXPECT_EQ(host().l1_bytes % (host().l1_ways * host().line_bytes), 0);
}

}  // namespace
}  // namespace tenon::machine
