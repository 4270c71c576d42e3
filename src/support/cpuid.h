// What this CPU and its operating system offer, read with cpuid and xgetbv. Shared by the machine
// rows and the loader of compiled models.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenon {

enum class Vendor : uint8_t { intel, amd, other };

/// Vendor and display family of this CPU.
struct CpuId {
  Vendor vendor;
  int family;
  std::string name;
};
[[nodiscard]] const CpuId& cpu_id();

/// True if the CPU has the feature, by LLVM's name, and the operating system saves its registers.
[[nodiscard]] bool has_feature(std::string_view name);

/// Bytes of the data (or unified) cache of that level which one core sees; 0 when unknown.
[[nodiscard]] int64_t cache_bytes(int level);

}  // namespace tenon
