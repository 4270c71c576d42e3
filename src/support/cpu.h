// The CPU at hand: what it and its operating system offer. One source for each architecture
// (cpu_x86.cc, cpu_aarch64.cc), so that nothing else asks on which one Tenon itself runs. Shared by
// the machine rows and the loader of compiled models.
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

/// True if the CPU has the feature and the operating system saves its registers: for x86's tiles
/// this asks for the permission that they take. By LLVM's names on x86, by those of /proc/cpuinfo
/// on AArch64; one of another architecture it lacks.
[[nodiscard]] bool has_feature(std::string_view name);

/// The data (or unified) cache of a level that one core sees; 0 for what is unknown.
struct Cache {
  int64_t bytes = 0;
  int64_t ways = 0;  // lines of one set
  int64_t line_bytes = 0;
};
[[nodiscard]] Cache cache(int level);

/// Lets a loop that waits for another core go easy on its own.
inline void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

/// Before a function: compiled a second time for the vectors that most CPUs of this kind have.
#if defined(__x86_64__)
#define TENON_VECTOR_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define TENON_VECTOR_CLONES
#endif

}  // namespace tenon
