// What x86 CPUs and Linux say of their features: cpuid, xgetbv, and the permission for tiles. Needs
// no library, not even that of C. The rows are there on any machine, for whoever compiles for x86.
#pragma once

#include <cstdint>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tenon::x86 {

enum Register : uint8_t { eax, ebx, ecx, edx };

inline constexpr uint64_t kNoState = 0;
inline constexpr uint64_t kAvxState = 0x6;      // xmm, ymm
inline constexpr uint64_t kAvx512State = 0xe6;  // and opmask, upper zmm, high zmm
inline constexpr uint64_t kAmxState = 0x60000;  // tile configuration and data

/// The bit of cpuid that tells a feature, and the registers that the system has to save for it.
struct Place {
  uint32_t leaf, sub;
  Register reg;
  int bit;
  uint64_t state;
};
struct Feature {
  std::string_view name;
  Place place;
};
inline constexpr Feature kFeatures[] = {
    {"sse3", {1, 0, ecx, 0, kNoState}},
    {"ssse3", {1, 0, ecx, 9, kNoState}},
    {"sse4.1", {1, 0, ecx, 19, kNoState}},
    {"sse4.2", {1, 0, ecx, 20, kNoState}},
    {"popcnt", {1, 0, ecx, 23, kNoState}},
    {"cx16", {1, 0, ecx, 13, kNoState}},
    {"movbe", {1, 0, ecx, 22, kNoState}},
    {"fma", {1, 0, ecx, 12, kAvxState}},
    {"f16c", {1, 0, ecx, 29, kAvxState}},
    {"avx", {1, 0, ecx, 28, kAvxState}},
    {"avx2", {7, 0, ebx, 5, kAvxState}},
    {"bmi", {7, 0, ebx, 3, kNoState}},
    {"bmi2", {7, 0, ebx, 8, kNoState}},
    {"lzcnt", {0x80000001, 0, ecx, 5, kNoState}},
    {"avx512f", {7, 0, ebx, 16, kAvx512State}},
    {"avx512dq", {7, 0, ebx, 17, kAvx512State}},
    {"avx512ifma", {7, 0, ebx, 21, kAvx512State}},
    {"avx512cd", {7, 0, ebx, 28, kAvx512State}},
    {"avx512bw", {7, 0, ebx, 30, kAvx512State}},
    {"avx512vl", {7, 0, ebx, 31, kAvx512State}},
    {"avx512vbmi", {7, 0, ecx, 1, kAvx512State}},
    {"avx512vbmi2", {7, 0, ecx, 6, kAvx512State}},
    {"gfni", {7, 0, ecx, 8, kNoState}},
    {"avx512vnni", {7, 0, ecx, 11, kAvx512State}},
    {"avx512bitalg", {7, 0, ecx, 12, kAvx512State}},
    {"avx512vpopcntdq", {7, 0, ecx, 14, kAvx512State}},
    {"avx512fp16", {7, 0, edx, 23, kAvx512State}},
    {"avx512bf16", {7, 1, eax, 5, kAvx512State}},
    {"avxvnni", {7, 1, eax, 4, kAvxState}},
    {"amx-bf16", {7, 0, edx, 22, kAmxState}},
    {"amx-tile", {7, 0, edx, 24, kAmxState}},
    {"amx-int8", {7, 0, edx, 25, kAmxState}},
};

#if defined(__x86_64__)

struct Leaf {
  uint32_t r[4] = {};
};

inline Leaf read_leaf(uint32_t leaf, uint32_t sub = 0) {
  Leaf l;
  if (__get_cpuid_count(leaf, sub, &l.r[eax], &l.r[ebx], &l.r[ecx], &l.r[edx]) == 0) l = {};
  return l;
}

inline uint64_t enabled_state() {
  if ((read_leaf(1).r[ecx] >> 27 & 1) == 0) return 0;  // OSXSAVE
  uint32_t lo = 0;
  uint32_t hi = 0;
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return uint64_t{hi} << 32 | lo;
}

/// Linux gives a process the tiles' data, a larger frame of each signal, when it asks. Asking again
/// does nothing; a kernel that does not know the question refuses.
inline bool may_use_tiles() {
  constexpr long kArchPrctl = 158;
  constexpr long kRequest = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  long result = 0;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(kArchPrctl), "D"(kRequest), "S"(kTileData)
                   : "rcx", "r11", "memory");
  return result == 0;
}

/// True if the CPU has the feature and the system saves its registers.
inline bool offers(const Place& p) {
  return (enabled_state() & p.state) == p.state &&
         (read_leaf(p.leaf, p.sub).r[p.reg] >> p.bit & 1) != 0 &&
         (p.state != kAmxState || may_use_tiles());
}

#endif
}  // namespace tenon::x86
