#include "support/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/control_group.h"

namespace tenon {
namespace {

/// The quota that one folder of the control-group tree sets; 0 for none.
double quota_in(const std::string& folder) {
  std::ifstream v2(folder + "/cpu.max");
  std::string limit;
  double period = 0;
  if (v2 >> limit >> period && period > 0) {
    double quota = 0;
    const char* end = limit.data() + limit.size();
    return std::from_chars(limit.data(), end, quota).ec == std::errc{} ? quota / period : 0;
  }
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  double quota = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0)
    return quota / period;
  return 0;
}

}  // namespace

double cpu_quota() {
  double tightest = 0;
  const auto consider = [&](const std::string& folder) {
    const double quota = quota_in(folder);
    if (quota > 0 && (tightest == 0 || quota < tightest)) tightest = quota;
  };
  for (const std::string& folder : control_group_folders("cpu")) consider(folder);
  return tightest;
}

int available_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int count = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) count = CPU_COUNT(&mask);
  const double quota = cpu_quota();
  if (quota > 0) count = std::min(count, static_cast<int>(quota + 0.5));
  return std::max(count, 1);
}

void parallel_for(size_t count, int jobs, const std::function<void(size_t)>& body) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::once_flag once;
  const auto work = [&] {
    try {
      for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) body(i);
    } catch (...) {
      next = count;
      std::call_once(once, [&] { failure = std::current_exception(); });
    }
  };
  const auto wanted = static_cast<size_t>(jobs > 0 ? jobs : available_cpus());
  std::vector<std::thread> others;
  try {
    for (size_t i = 1; i < std::min(wanted, count); ++i) others.emplace_back(work);
  } catch (const std::system_error&) {  // the system allows no more: fewer do the same
  }
  work();
  for (std::thread& t : others) t.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace tenon
