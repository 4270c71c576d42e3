#include "runtime/tensor.h"

namespace tenon::runtime {

int64_t tensor_bytes(DType dtype, std::span<const int64_t> dims) {
  int64_t n = artifact::info(dtype).bytes;
  bool fits = true;
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) return -1;
    empty = empty || d == 0;
    fits = fits && !__builtin_mul_overflow(n, d, &n);
  }
  if (empty) return 0;
  return fits ? n : -1;
}

}  // namespace tenon::runtime
