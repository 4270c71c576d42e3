// What a caller may bring along for a model that uses more than the host's threads: devices with
// memory of their own, and functions of the host.
//
// The executor carries out steps in order and waits for each, so a device need not order anything.
// A device may serve several executors if its functions may be called at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "artifact/frame.h"
#include "runtime/memory.h"
#include "runtime/thread_pool.h"
#include "support/result.h"

namespace tenon::runtime {

/// Pointers to a device's memory mean nothing to the host; only the device's functions follow them.
class Device {
 public:
  virtual ~Device() = default;
  /// By which models name it.
  [[nodiscard]] virtual std::string name() const = 0;
  /// nullptr when there is not that much memory.
  [[nodiscard]] virtual void* allocate(uint64_t bytes) = 0;
  virtual void release(void* memory) = 0;
  [[nodiscard]] virtual Status from_host(void* to, const void* from, uint64_t bytes) = 0;
  [[nodiscard]] virtual Status to_host(void* to, const void* from, uint64_t bytes) = 0;
  [[nodiscard]] virtual Status within(void* to, const void* from, uint64_t bytes) = 0;
  /// The whole grid of a launch; the buffers of the frame are this device's, its sizes the host's.
  /// Returns what the kernel returned.
  [[nodiscard]] virtual Result<int64_t> launch(KernelFn kernel, const Frame& frame, size_t buffers,
                                               int64_t grid, uint64_t scratch_bytes) = 0;
};

/// A function of the caller on tensors of the host, in the order that the model gives.
using HostFunction =
    std::function<Status(std::span<void* const> buffers, std::span<const int64_t> sizes)>;

struct Surroundings {
  std::shared_ptr<ThreadPool> pool;              // shared: with other executors
  std::vector<std::shared_ptr<Device>> devices;  // shared: with other executors
  std::map<std::string, HostFunction> functions;
  Allocator allocator = {};  // of tensors between kernels, scratch and states; none: the system's
};

}  // namespace tenon::runtime
