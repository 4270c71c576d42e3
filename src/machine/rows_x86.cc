// Machines of x86-64.
#include "machine/rows.h"
#include "support/cpu.h"

namespace tenon::machine {
namespace {

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
// A way of the first-level cache is a page on every x86: its sets are told by the offset in a page.
constexpr int64_t kSetBytes = 4 * kKiB;

// Each list is what LLVM may use for the row, so it is also what an artifact needs.
constexpr std::string_view kV3[] = {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16", "movbe",
                                    "avx",  "avx2",  "bmi",    "bmi2",   "f16c",   "fma",  "lzcnt"};
constexpr std::string_view kV4[] = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};
constexpr std::string_view kZen4[] = {"avx512vnni",  "avx512bf16",   "avx512vbmi",
                                      "avx512vbmi2", "avx512bitalg", "avx512vpopcntdq",
                                      "avx512ifma"};
constexpr std::string_view kZen5[] = {"avxvnni"};
constexpr std::string_view kSapphireRapids[] = {"avxvnni", "avx512fp16"};
constexpr std::string_view kAmx[] = {"amx-int8", "amx-bf16"};

using Lists = std::initializer_list<std::span<const std::string_view>>;

Machine row(std::string name, std::string cpu, const Lists& lists, int vector_bytes,
            int vector_products, int64_t l1, int64_t l2, int64_t l3) {
  Machine m{Architecture::x86_64,
            std::move(name),
            std::move(cpu),
            "",
            {},
            vector_bytes,
            vector_bytes == 64 ? 32 : 16,
            /*mask_bytes=*/vector_bytes == 64 ? 1 : 4,
            vector_products,
            l1,
            l2,
            l3,
            /*l1_ways=*/l1 / kSetBytes};
  for (const auto& list : lists)
    for (const std::string_view feature : list) {
      m.needs.emplace_back(feature);
      m.llvm_features += (m.llvm_features.empty() ? "+" : ",+") + std::string(feature);
    }
  return m;
}

/// With AMX. LLVM uses it for nothing but the instructions that ask for it.
Machine with_tiles(Machine m) {
  for (const std::string_view unit : kAmx) {
    m.units.emplace_back(unit);
    m.llvm_features += ",+" + std::string(unit);
  }
  m.tiles = {.registers = 8, .rows = 16, .row_bytes = 64};
  return m;
}

}  // namespace

std::vector<Machine> x86_rows() {
  return {
      row("x86-64-v3", "haswell", {kV3}, 32, 2, 32 * kKiB, 512 * kKiB, 16 * kMiB),
      row("x86-64-v4", "skylake-avx512", {kV3, kV4}, 64, 2, 32 * kKiB, kMiB, 16 * kMiB),
      row("znver4", "znver4", {kV3, kV4, kZen4}, 64, 1, 32 * kKiB, kMiB, 32 * kMiB),
      row("znver5", "znver5", {kV3, kV4, kZen4, kZen5}, 64, 2, 48 * kKiB, kMiB, 32 * kMiB),
      with_tiles(row("sapphirerapids", "sapphirerapids", {kV3, kV4, kZen4, kSapphireRapids}, 64, 2,
                     48 * kKiB, 2 * kMiB, 32 * kMiB)),
  };
}

std::vector<std::string_view> preferred_x86_rows() {
  const CpuId& id = cpu_id();
  if (id.vendor == Vendor::intel) return {"sapphirerapids", "x86-64-v4", "x86-64-v3"};
  if (id.vendor == Vendor::amd && id.family >= 0x1a)
    return {"znver5", "znver4", "x86-64-v4", "x86-64-v3"};
  if (id.vendor == Vendor::amd) return {"znver4", "x86-64-v4", "x86-64-v3"};
  return {"x86-64-v4", "x86-64-v3"};
}

}  // namespace tenon::machine
