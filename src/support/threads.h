// Threads of the compiler: how many are worth starting, and a loop over independent items.
#pragma once

#include <cstddef>
#include <functional>

namespace tenon {

/// Processors' worth of time that the control group allows; 0 when it sets no limit.
[[nodiscard]] double cpu_quota();

/// Processors that this process may use: its affinity mask, within the control group's quota; >= 1.
[[nodiscard]] int available_cpus();

/// Calls body(i) once for each i < count, on `jobs` threads (0: available_cpus()), the calling one
/// among them, and returns when all are done. Items are handed out in order. Where a body throws,
/// items not yet begun are left out and the first exception is thrown here.
void parallel_for(size_t count, int jobs, const std::function<void(size_t)>& body);

}  // namespace tenon
