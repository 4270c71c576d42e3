#include "pool.h"

#include <unistd.h>

namespace tenon_python {

Pool::~Pool() {
  if (process_ == getpid()) tenon_pool_release(pool_);
}

const tenon_pool* Pool::get() {
  const std::lock_guard lock(mutex_);
  if (process_ == getpid()) return pool_;
  auto options = empty<tenon_pool_options>();
  options.threads = threads_;
  tenon_pool* made = nullptr;
  check(tenon_pool_create(&options, &made));
  pool_ = made;
  process_ = getpid();
  return pool_;
}

}  // namespace tenon_python
