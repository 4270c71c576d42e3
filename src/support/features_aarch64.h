// Features of AArch64 as Linux names them, and where it says whether the CPU has them.
#pragma once

#include <cstdint>
#include <string_view>

namespace tenon::aarch64 {

inline constexpr uint64_t kHardware = 16, kHardware2 = 26;  // AT_HWCAP, AT_HWCAP2

struct Feature {
  std::string_view name;
  uint64_t type;  // of the entry in the auxiliary vector
  int bit;
};
inline constexpr Feature kFeatures[] = {
    {"fp", kHardware, 0},       {"asimd", kHardware, 1},    {"atomics", kHardware, 8},
    {"fphp", kHardware, 9},     {"asimdhp", kHardware, 10}, {"asimdrdm", kHardware, 12},
    {"asimddp", kHardware, 20}, {"sve", kHardware, 22},     {"asimdfhm", kHardware, 23},
    {"i8mm", kHardware2, 13},   {"bf16", kHardware2, 14},
};

}  // namespace tenon::aarch64
