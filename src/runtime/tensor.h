// Views of tensors that cross the runtime's border. A view owns nothing; data is dense and
// row-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "artifact/dtype.h"

namespace tenon::runtime {

using artifact::DType;

struct TensorView {
  DType dtype = DType::f32;
  std::span<const int64_t> dims;
  const void* data = nullptr;

  [[nodiscard]] int64_t count() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
  }
  [[nodiscard]] uint64_t bytes() const {
    return static_cast<uint64_t>(count()) * artifact::info(dtype).bytes;
  }
};

/// A tensor with its own memory.
struct Tensor {
  DType dtype = DType::f32;
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes;
  [[nodiscard]] TensorView view() const { return {dtype, dims, bytes.data()}; }
};

/// Bytes of a tensor of that type and shape; negative when an extent is negative or the product
/// does not fit 63 bits, also where another extent is 0: shapes computed from it could overflow.
[[nodiscard]] int64_t tensor_bytes(DType dtype, std::span<const int64_t> dims);

}  // namespace tenon::runtime
