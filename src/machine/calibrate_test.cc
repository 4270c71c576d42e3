#include "machine/calibrate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

namespace tenon::machine {
namespace {

TEST(Calibrate, peaks_are_plausible) {
  const auto start = std::chrono::steady_clock::now();
  const Peaks p = calibrate();
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%.0f GFLOP/s, L1 %.0f, L2 %.0f, DRAM %.1f GB/s in %.0f ms\n", p.f32_gflops, p.l1_gbs,
              p.l2_gbs, p.dram_gbs, took * 1e3);
  EXPECT_GT(p.f32_gflops, 5);
  EXPECT_LT(p.f32_gflops, 2000);
  EXPECT_GT(p.l1_gbs, 1);
  EXPECT_GT(p.l1_gbs, p.dram_gbs / 4);
  EXPECT_GT(p.dram_gbs, 0.1);
  EXPECT_LT(took, 10);  // a tenth of a second on an idle machine
}

}  // namespace
}  // namespace tenon::machine
