// The client of a worker: kernels run in a process of their own, natively or under an emulator, so
// that one that crashes takes nothing with it.
#pragma once

#include <string>
#include <vector>

#include "support/process.h"
#include "worker/protocol.h"

namespace tenon::worker {

/// One worker; not for several threads at once.
class Worker {
 public:
  /// Starts `tenon-worker`, such as {"tenon-worker"} or {"qemu-aarch64", "build-aarch64/bin/..."}.
  [[nodiscard]] static Result<Worker> start(const std::vector<std::string>& command);
  /// Makes the calls of the request there. A worker that ended is an error, also for later
  /// requests.
  [[nodiscard]] Result<Reply> run(const Request& request);

 private:
  explicit Worker(Process process) : process_(std::move(process)) {}
  Process process_;
};

}  // namespace tenon::worker
