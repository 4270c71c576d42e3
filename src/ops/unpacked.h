// Tensors of elements that lie in packed storage (support/packed.h).
#pragma once

#include <vector>

#include "ops/op.h"

namespace tenon::ops {

/// A tensor with the elements that `packed` holds, addressed alone.
[[nodiscard]] Tensor unpacked(ir::DType dtype, std::vector<int64_t> shape, const std::byte* packed);

}  // namespace tenon::ops
