// Strided copies between tensors of one element type: what most data movement comes down to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/op.h"

namespace tenon::ops {

/// One side of a copy: element (i0, i1, ..) stands at start + sum of i_d * strides[d].
struct Side {
  std::vector<int64_t> strides;
  int64_t start = 0;
};

/// to[i] = from[i] for every index of `shape`.
void copy_region(std::span<const int64_t> shape, const Tensor& from, const Side& source, Tensor& to,
                 const Side& target);
/// Fills a tensor with element 0 of `value`.
void fill(Tensor& to, const Tensor& value);

}  // namespace tenon::ops
