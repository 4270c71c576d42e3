// The calling convention between compiled code and the runtime.
#pragma once

#include <cstdint>

namespace tenon {

struct Frame {
  void* const* buffers;
  const int64_t* sizes;
};
using KernelFn = int64_t (*)(const Frame* frame, int64_t begin, int64_t end, void* scratch);

/// What a kernel returns when it is done; else see support/kernel_failure.h.
inline constexpr int64_t kKernelOk = 0;

}  // namespace tenon
