// Views of tensors that cross the runtime's border. A view owns nothing; data is dense and
// row-major, but for StridedView.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
    return static_cast<uint64_t>(count()) * artifact::info(dtype).element_bytes;
  }
};

/// A tensor whose element (i0, i1, ..) stands at `data` plus the sum of i_d * strides[d] elements.
/// A stride may be 0 (the axis repeats) or negative.
struct StridedView {
  DType dtype = DType::f32;
  std::span<const int64_t> dims, strides;
  const void* data = nullptr;
  std::span<const std::byte> memory = {};  // all elements lie in it; empty: nobody checks that
};

/// The bytes that a view reaches, relative to `data`; nullopt where they do not fit 63 bits.
/// Strides and dims are of one rank, dims not negative.
struct ByteRange {
  int64_t begin = 0, end = 0;
};
[[nodiscard]] std::optional<ByteRange> byte_range(const StridedView& view);

/// True if the elements lie as those of a TensorView.
[[nodiscard]] bool is_dense(const StridedView& view);

/// Writes the elements to `to`, dense and row-major.
void copy_dense(const StridedView& view, std::byte* to);

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
