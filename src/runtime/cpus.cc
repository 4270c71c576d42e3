// How many threads are worth starting: affinity, hyperthreads, cgroup quota.
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "runtime/thread_pool.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

int read_int(const std::string& path, int otherwise) {
  std::ifstream in(path);
  int v = otherwise;
  return in >> v ? v : otherwise;
}

int physical_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0)
    return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::set<std::pair<int, int>> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    const std::string folder = cat("/sys/devices/system/cpu/cpu", cpu, "/topology/");
    cores.emplace(read_int(folder + "physical_package_id", 0),
                  read_int(folder + "core_id", -1 - cpu));
  }
  return std::max(1, static_cast<int>(cores.size()));
}

/// Processors of a cgroup v2 (or v1) quota; 0 when there is none.
double quota_in(const std::string& folder) {
  std::ifstream v2(folder + "/cpu.max");
  std::string limit;
  double period = 0;
  if (v2 >> limit >> period && period > 0) {
    double quota = 0;
    const auto end = limit.data() + limit.size();
    return std::from_chars(limit.data(), end, quota).ec == std::errc{} ? quota / period : 0;
  }
  const int quota = read_int(folder + "/cpu.cfs_quota_us", -1);
  const int us = read_int(folder + "/cpu.cfs_period_us", 0);
  return quota > 0 && us > 0 ? static_cast<double>(quota) / us : 0;
}

/// The tightest quota on the way from this process's cgroup to the root.
double cgroup_quota() {
  double best = 0;
  const auto tighten = [&](const std::string& folder) {
    const double q = quota_in(folder);
    if (q > 0 && (best == 0 || q < best)) best = q;
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t colon = line.rfind(':');
    if (colon == std::string::npos) continue;
    const std::string root = line.starts_with("0::") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    for (std::string path = line.substr(colon + 1); path.size() > 1; path.resize(path.rfind('/')))
      tighten(root + path);
    tighten(root);
  }
  return best;
}

}  // namespace

int default_threads() {
  const int cores = physical_cores();
  const double quota = cgroup_quota();
  return quota > 0 ? std::clamp(static_cast<int>(quota + 0.5), 1, cores) : cores;
}

}  // namespace tenon::runtime
