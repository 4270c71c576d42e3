// The calling convention between compiled code and the runtime.
#pragma once

#include <cstdint>

namespace tenon {

struct Frame {
  void* const* buffers;
  const int64_t* sizes;
};
using KernelFn = int32_t (*)(const Frame* frame, int64_t begin, int64_t end, void* scratch);

/// Codes that kernels return.
inline constexpr int32_t kKernelOk = 0;
inline constexpr int32_t kKernelIndexOutOfRange = 1;

}  // namespace tenon
