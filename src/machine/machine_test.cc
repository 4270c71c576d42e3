#include "machine/machine.h"

#include <gtest/gtest.h>

#include "machine/instruction.h"
#include "support/cpu.h"

namespace tenon::machine {
namespace {

TEST(Machine, rows_have_distinct_names_and_are_found) {
  for (const Machine& m : rows()) EXPECT_EQ(find_row(m.name), &m);
  EXPECT_EQ(find_row("pdp-11"), nullptr);
}

TEST(Machine, host_is_a_row_that_runs_here) {
  EXPECT_NE(find_row(host().name), nullptr);
  EXPECT_TRUE(missing(host()).empty());
  for (const std::string& unit : host().units) EXPECT_TRUE(has_feature(unit)) << unit;
  EXPECT_GE(host().l1_bytes, 16 * 1024);
  EXPECT_GE(host().l2_bytes, host().l1_bytes);
  EXPECT_FALSE(cpu_name().empty());
}

TEST(Machine, rows_of_another_architecture_do_not_run_here) {
  for (const Machine& m : rows())
    if (m.architecture != host().architecture) {
      EXPECT_FALSE(missing(m).empty()) << m.name;
      EXPECT_EQ(missing(m), m.needs);
    }
}

TEST(Machine, cores_of_arm_differ_by_their_products) {
  const auto has = [](const char* machine, const char* instruction) {
    return has_instruction(*find_row(machine), *find_instruction(instruction));
  };
  EXPECT_TRUE(has("aarch64", "fma_tile"));
  EXPECT_FALSE(has("aarch64", "dot4_tile_i8i8"));
  EXPECT_TRUE(has("neoverse-n1", "dot4_tile_i8i8"));
  EXPECT_FALSE(has("neoverse-n1", "dot2_tile_bf16"));
  EXPECT_TRUE(has("neoverse-v1", "dot2_tile_bf16"));
  EXPECT_FALSE(has("neoverse-v1", "dot2_tile_i8i8"));
  // What a core lacks of signs takes registers: an excess for each vector of columns.
  const std::vector<int64_t> params{13, 8};
  const auto fits = [&](const char* machine, const char* instruction) {
    return find_instruction(instruction)->fits(*find_row(machine), params);
  };
  EXPECT_TRUE(fits("neoverse-n1", "dot4_tile_i8i8"));
  EXPECT_FALSE(fits("neoverse-n1", "dot4_tile_u8i8"));
  EXPECT_TRUE(fits("neoverse-v1", "dot4_tile_u8i8"));
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
