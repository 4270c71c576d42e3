// x86: cpuid and xgetbv.
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "support/cpu.h"

namespace tenon {
namespace {

enum Register : uint8_t { eax, ebx, ecx, edx };

struct Leaf {
  std::array<uint32_t, 4> r{};
};

Leaf read_leaf(uint32_t leaf, uint32_t sub = 0) {
  Leaf l;
  if (__get_cpuid_count(leaf, sub, &l.r[eax], &l.r[ebx], &l.r[ecx], &l.r[edx]) == 0) l.r.fill(0);
  return l;
}

uint64_t enabled_state() {
  if ((read_leaf(1).r[ecx] >> 27 & 1) == 0) return 0;  // OSXSAVE
  uint32_t lo = 0;
  uint32_t hi = 0;
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return uint64_t{hi} << 32 | lo;
}

constexpr uint64_t kNoState = 0;
constexpr uint64_t kAvxState = 0x6;      // xmm, ymm
constexpr uint64_t kAvx512State = 0xe6;  // and opmask, upper zmm, high zmm
constexpr uint64_t kAmxState = 0x60000;  // tile configuration and data

/// Linux gives a process the tiles' data, a larger frame of each signal, when it asks. It asks
/// once, for all of its threads; a kernel that does not know the question refuses too.
bool may_use_tiles() {
  static const bool granted = [] {
    constexpr long kRequest = 0x1023;  // ARCH_REQ_XCOMP_PERM
    constexpr long kTileData = 18;
    return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
  }();
  return granted;
}

struct Feature {
  std::string_view name;
  uint32_t leaf, sub;
  Register reg;
  int bit;
  uint64_t state;
};
constexpr Feature kFeatures[] = {
    {"sse3", 1, 0, ecx, 0, kNoState},
    {"ssse3", 1, 0, ecx, 9, kNoState},
    {"sse4.1", 1, 0, ecx, 19, kNoState},
    {"sse4.2", 1, 0, ecx, 20, kNoState},
    {"popcnt", 1, 0, ecx, 23, kNoState},
    {"cx16", 1, 0, ecx, 13, kNoState},
    {"movbe", 1, 0, ecx, 22, kNoState},
    {"fma", 1, 0, ecx, 12, kAvxState},
    {"f16c", 1, 0, ecx, 29, kAvxState},
    {"avx", 1, 0, ecx, 28, kAvxState},
    {"avx2", 7, 0, ebx, 5, kAvxState},
    {"bmi", 7, 0, ebx, 3, kNoState},
    {"bmi2", 7, 0, ebx, 8, kNoState},
    {"lzcnt", 0x80000001, 0, ecx, 5, kNoState},
    {"avx512f", 7, 0, ebx, 16, kAvx512State},
    {"avx512dq", 7, 0, ebx, 17, kAvx512State},
    {"avx512ifma", 7, 0, ebx, 21, kAvx512State},
    {"avx512cd", 7, 0, ebx, 28, kAvx512State},
    {"avx512bw", 7, 0, ebx, 30, kAvx512State},
    {"avx512vl", 7, 0, ebx, 31, kAvx512State},
    {"avx512vbmi", 7, 0, ecx, 1, kAvx512State},
    {"avx512vbmi2", 7, 0, ecx, 6, kAvx512State},
    {"gfni", 7, 0, ecx, 8, kNoState},
    {"avx512vnni", 7, 0, ecx, 11, kAvx512State},
    {"avx512bitalg", 7, 0, ecx, 12, kAvx512State},
    {"avx512vpopcntdq", 7, 0, ecx, 14, kAvx512State},
    {"avx512fp16", 7, 0, edx, 23, kAvx512State},
    {"avx512bf16", 7, 1, eax, 5, kAvx512State},
    {"avxvnni", 7, 1, eax, 4, kAvxState},
    {"amx-bf16", 7, 0, edx, 22, kAmxState},
    {"amx-tile", 7, 0, edx, 24, kAmxState},
    {"amx-int8", 7, 0, edx, 25, kAmxState},
};

std::string read_name() {
  std::array<uint32_t, 12> words{};
  for (uint32_t i = 0; i < 3; ++i) {
    const Leaf l = read_leaf(0x80000002 + i);
    std::copy(l.r.begin(), l.r.end(), &words[size_t{4} * i]);
  }
  std::string name(reinterpret_cast<const char*>(words.data()), sizeof words);
  name.resize(std::min(name.find('\0'), name.size()));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  name.erase(0, std::min(name.find_first_not_of(' '), name.size()));
  return name;
}

CpuId read_id() {
  const Leaf top = read_leaf(0);
  const uint32_t vendor[] = {top.r[ebx], top.r[edx], top.r[ecx]};
  CpuId id{Vendor::other, 0, read_name()};
  if (std::memcmp(vendor, "GenuineIntel", 12) == 0) id.vendor = Vendor::intel;
  if (std::memcmp(vendor, "AuthenticAMD", 12) == 0) id.vendor = Vendor::amd;
  const uint32_t signature = read_leaf(1).r[eax];
  id.family = static_cast<int>(signature >> 8 & 0xf);
  if (id.family == 0xf) id.family += static_cast<int>(signature >> 20 & 0xff);
  return id;
}

}  // namespace

const CpuId& cpu_id() {
  static const CpuId id = read_id();
  return id;
}

bool has_feature(std::string_view name) {
  static const uint64_t state = enabled_state();
  for (const Feature& f : kFeatures) {
    if (f.name != name) continue;
    return (state & f.state) == f.state && (read_leaf(f.leaf, f.sub).r[f.reg] >> f.bit & 1) != 0 &&
           (f.state != kAmxState || may_use_tiles());
  }
  return false;
}

Cache cache(int level) {
  // Leaf 4 (Intel) and 0x8000001d (AMD) describe caches in the same words.
  const uint32_t leaf = cpu_id().vendor == Vendor::amd ? 0x8000001d : 4;
  for (uint32_t i = 0; i < 16; ++i) {
    const Leaf l = read_leaf(leaf, i);
    const uint32_t type = l.r[eax] & 0x1f;
    if (type == 0) break;
    if (type == 2 || static_cast<int>(l.r[eax] >> 5 & 7) != level) continue;
    const int64_t ways = (l.r[ebx] >> 22 & 0x3ff) + 1;
    const int64_t partitions = (l.r[ebx] >> 12 & 0x3ff) + 1;
    const int64_t line = (l.r[ebx] & 0xfff) + 1;
    return {ways * partitions * line * (int64_t{l.r[ecx]} + 1), ways, line};
  }
  const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  if (level < 1 || level > 3) return {};
  return {.bytes = std::max<int64_t>(0, sysconf(names[level - 1]))};
}

}  // namespace tenon
#endif
