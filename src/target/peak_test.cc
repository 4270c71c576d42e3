#include "target/peak.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "machine/calibrate.h"

namespace tenon::target {
namespace {

/// Every instruction of this CPU has a rate, and that of f32 is near what multiply-adds in
/// registers reach (a busy machine may halve either).
TEST(Peak, is_known_for_every_instruction_of_this_cpu) {
  const machine::Machine& host = machine::host();
  const double f32 = machine::calibrate().f32_gflops;
  for (const machine::Instruction& row : machine::instructions()) {
    if (!machine::has_instruction(host, row)) continue;
    const auto gops = instruction_gops(row, host);
    ASSERT_TRUE(gops.has_value()) << row.name << ": " << gops.error().text();
    std::printf("%-20s %7.1f G/s\n", std::string(row.name).c_str(), *gops);
    EXPECT_GT(*gops, 0) << row.name;
    if (row.name != "fma_tile") continue;
    EXPECT_GT(*gops, f32 / 4);
    EXPECT_LT(*gops, f32 * 4);
  }
}

/// Registers that hold no tile have no rate: no number is made up.
TEST(Peak, is_nothing_where_registers_hold_no_tile) {
  machine::Machine none = machine::host();
  none.vector_registers = 0;
  EXPECT_EQ(*instruction_gops(*machine::find_instruction("fma_tile"), none), 0);
}

}  // namespace
}  // namespace tenon::target
