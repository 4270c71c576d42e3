#include "runtime/tensor.h"

#include <algorithm>

namespace tenon::runtime {

int64_t tensor_bytes(DType dtype, std::span<const int64_t> dims) {
  int64_t n = artifact::info(dtype).bytes;
  bool fits = true;
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) return -1;
    empty = empty || d == 0;
    fits = fits && !__builtin_mul_overflow(n, std::max<int64_t>(d, 1), &n);
  }
  if (!fits) return -1;
  return empty ? 0 : n;
}

}  // namespace tenon::runtime
