#include "machine/machine.h"

#include <gtest/gtest.h>

namespace tenon::machine {
namespace {

TEST(Machine, rows_have_distinct_names_and_are_found) {
  for (const Machine& m : rows()) EXPECT_EQ(find_row(m.name), &m);
  EXPECT_EQ(find_row("pdp-11"), nullptr);
}

TEST(Machine, host_is_a_row_that_runs_here) {
  EXPECT_NE(find_row(host().name), nullptr);
  EXPECT_TRUE(missing(host()).empty());
  EXPECT_GE(host().l1_bytes, 16 * 1024);
  EXPECT_GE(host().l2_bytes, host().l1_bytes);
  EXPECT_FALSE(cpu_name().empty());
}

TEST(Machine, missing_names_an_unknown_feature) {
  Machine m = host();
  m.needs.emplace_back("warp-drive");
  EXPECT_EQ(missing(m), std::vector<std::string>{"warp-drive"});
}

TEST(Machine, vector_lanes_follow_the_element_type) {
  EXPECT_EQ(find_row("x86-64-v3")->lanes(ir::DType::f32), 8);
  EXPECT_EQ(find_row("znver5")->lanes(ir::DType::u8), 64);
}

}  // namespace
}  // namespace tenon::machine
