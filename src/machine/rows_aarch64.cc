// Machines of AArch64: NEON, and what later cores add to it. SVE is not used.
#include "machine/rows.h"

namespace tenon::machine {
namespace {

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;

/// A feature as Linux names it (what an artifact needs) and as LLVM does.
struct Feature {
  std::string_view linux_name, llvm_name;
};
constexpr Feature kBaseline[] = {{"fp", "fp-armv8"}, {"asimd", "neon"}};
constexpr Feature kN1[] = {{"atomics", "lse"},
                           {"asimdrdm", "rdm"},
                           {"fphp", ""},  // LLVM has one name for both
                           {"asimdhp", "fullfp16"},
                           {"asimddp", "dotprod"}};
constexpr Feature kV1[] = {{"bf16", "bf16"}, {"i8mm", "i8mm"}};

using Lists = std::initializer_list<std::span<const Feature>>;

/// `products` fused multiply-adds of whole vectors start in a cycle.
Machine row(std::string name, std::string cpu, const Lists& lists, int products, int64_t l1,
            int64_t l1_ways, int64_t l2, int64_t l3) {
  Machine m{Architecture::aarch64,
            std::move(name),
            std::move(cpu),
            "",
            {},
            16,
            32,
            /*mask_bytes=*/0,
            products,
            l1,
            l2,
            l3,
            l1_ways};
  for (const auto& list : lists)
    for (const Feature& feature : list) {
      m.needs.emplace_back(feature.linux_name);
      if (feature.llvm_name.empty()) continue;
      m.llvm_features += (m.llvm_features.empty() ? "+" : ",+") + std::string(feature.llvm_name);
    }
  return m;
}

}  // namespace

std::vector<Machine> aarch64_rows() {
  return {
      row("aarch64", "cortex-a72", {kBaseline}, 2, 32 * kKiB, 2, kMiB, 4 * kMiB),
      row("neoverse-n1", "neoverse-n1", {kBaseline, kN1}, 2, 64 * kKiB, 4, kMiB, 32 * kMiB),
      row("neoverse-v1", "neoverse-v1", {kBaseline, kN1, kV1}, 4, 64 * kKiB, 4, kMiB, 32 * kMiB),
  };
}

std::vector<std::string_view> preferred_aarch64_rows() {
  return {"neoverse-v1", "neoverse-n1", "aarch64"};
}

}  // namespace tenon::machine
