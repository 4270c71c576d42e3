#include "support/available_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <optional>

#include "support/control_group.h"

namespace tenon {
namespace {

constexpr uint64_t kUnlimited = INT64_MAX;

/// The number that a file begins with; nothing for "max" or an absent file.
std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

/// The number behind a word that begins a line.
std::optional<uint64_t> field_in(const std::string& path, const std::string& name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    uint64_t value = 0;
    if (std::sscanf(line.c_str() + name.size(), " %lu", &value) == 1) return value;
  }
  return std::nullopt;
}

uint64_t left_in_group(const std::string& folder) {
  auto limit = number_in(folder + "/memory.max");
  auto used = number_in(folder + "/memory.current");
  auto cache = field_in(folder + "/memory.stat", "inactive_file");
  if (!limit) {
    limit = number_in(folder + "/memory.limit_in_bytes");
    used = number_in(folder + "/memory.usage_in_bytes");
    cache = field_in(folder + "/memory.stat", "total_inactive_file");
  }
  if (!limit || !used) return kUnlimited;
  const uint64_t held = *used - std::min(*used, cache.value_or(0));
  return *limit - std::min(*limit, held);
}

/// What RLIMIT_AS leaves beside the pages that are mapped.
uint64_t left_of_address_space() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const uint64_t used =
      number_in("/proc/self/statm").value_or(0) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur - std::min<uint64_t>(limit.rlim_cur, used);
}

}  // namespace

uint64_t available_memory(const std::string& root) {
  uint64_t least = left_of_address_space();
  if (const auto kilobytes = field_in(root + "/proc/meminfo", "MemAvailable:"))
    least = std::min(least, *kilobytes * 1024);
  for (const std::string& folder : control_group_folders("memory", root))
    least = std::min(least, left_in_group(folder));
  return least;
}

std::string bytes_text(uint64_t bytes) {
  static constexpr std::array kUnits{"bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit]);
  return text;
}

}  // namespace tenon
