// Measured limits of the CPU at hand, for rooflines: taken in the same process as the times that
// they are compared with, since clocks and neighbours differ from minute to minute.
#pragma once

namespace tenon::machine {

/// One core. GFLOP/s count a fused multiply-add as two; GB/s are reads, in units of 1e9 bytes.
struct Peaks {
  double f32_gflops = 0;
  double l1_gbs = 0;
  double l2_gbs = 0;
  double dram_gbs = 0;
};

/// Measures; takes about a tenth of a second. The best of several short runs each.
[[nodiscard]] Peaks calibrate();

}  // namespace tenon::machine
