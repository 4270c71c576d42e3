// How many threads are worth starting: affinity, hyperthreads, control-group quota.
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "runtime/thread_pool.h"
#include "support/text.h"
#include "support/threads.h"

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

}  // namespace

int default_threads() {
  const int cores = physical_cores();
  const double quota = cpu_quota();
  return quota > 0 ? std::clamp(static_cast<int>(quota + 0.5), 1, cores) : cores;
}

}  // namespace tenon::runtime
