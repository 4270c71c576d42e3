// x86: cpuid and xgetbv.
#if defined(__x86_64__)
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "support/cpu.h"
#include "support/features_x86.h"

namespace tenon {

using namespace x86;

namespace {

std::string read_name() {
  std::array<uint32_t, 12> words{};
  for (uint32_t i = 0; i < 3; ++i) {
    const Leaf l = read_leaf(0x80000002 + i);
    std::copy(std::begin(l.r), std::end(l.r), &words[size_t{4} * i]);
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
  for (const Feature& f : kFeatures)
    if (f.name == name) return offers(f.place);
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
