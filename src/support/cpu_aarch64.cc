// AArch64: what Linux says of the CPU (hardware capabilities, /sys).
#if defined(__aarch64__)
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "support/cpu.h"
#include "support/features_aarch64.h"

namespace tenon {
namespace {

/// The number that a file of /sys starts with; -1 without the file.
int64_t read_number(const std::string& path, char* unit = nullptr) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return -1;
  long long n = -1;
  char suffix = 0;
  if (std::fscanf(file, "%lli%c", &n, &suffix) < 1) n = -1;
  (void)std::fclose(file);
  if (unit != nullptr) *unit = suffix;
  return n;
}

CpuId read_id() {
  const int64_t midr = read_number("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1");
  if (midr < 0) return {Vendor::other, 0, "an AArch64 CPU"};
  char name[64];
  (void)std::snprintf(name, sizeof name, "an AArch64 CPU (implementer 0x%02x, part 0x%03x)",
                      static_cast<unsigned>(midr >> 24 & 0xff),
                      static_cast<unsigned>(midr >> 4 & 0xfff));
  return {Vendor::other, static_cast<int>(midr >> 4 & 0xfff), name};
}

}  // namespace

const CpuId& cpu_id() {
  static const CpuId id = read_id();
  return id;
}

bool has_feature(std::string_view name) {
  for (const aarch64::Feature& f : aarch64::kFeatures)
    if (f.name == name) return (getauxval(f.type) >> f.bit & 1) != 0;
  return false;
}

Cache cache(int level) {
  for (int i = 0; i < 8; ++i) {
    const std::string at = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    if (read_number(at + "level") != level) continue;
    char unit = 0;
    std::FILE* file = std::fopen((at + "type").c_str(), "r");
    const bool of_code = file != nullptr && std::fgetc(file) == 'I';
    if (file != nullptr) (void)std::fclose(file);
    const int64_t size = read_number(at + "size", &unit);
    if (of_code || size <= 0) continue;
    return {unit == 'K'   ? size << 10
            : unit == 'M' ? size << 20
                          : size,
            std::max<int64_t>(0, read_number(at + "ways_of_associativity")),
            std::max<int64_t>(0, read_number(at + "coherency_line_size"))};
  }
  return {};
}

}  // namespace tenon
#endif
