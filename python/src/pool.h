// Threads that models share, in this process and in those that are forked from it.
#pragma once

#include <mutex>
#include <vector>

#include "handles.h"

namespace tenon_python {

class Pool {
 public:
  /// `threads` as in tenon_pool_options. Starts none before they are needed.
  explicit Pool(int threads) : threads_(threads) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// The threads of this process, started at the first call. A child of fork() has none of its
  /// parent's: it starts its own, and leaves the parent's handle, whose release would wait for
  /// threads that are not there.
  const tenon_pool* get();
  [[nodiscard]] int wanted() const { return threads_; }
  int threads() { return tenon_pool_threads(get()); }

 private:
  int threads_;
  std::mutex mutex_;  // never held at a fork of this thread, nor while waiting for the GIL
  int process_ = 0;
  tenon_pool* pool_ = nullptr;
};

}  // namespace tenon_python
