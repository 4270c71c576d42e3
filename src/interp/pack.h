// Packing of constants (ir::Packing) on reference tensors.
#pragma once

#include <span>

#include "ir/node.h"
#include "ops/op.h"

namespace tenon::interp {

/// The tensor with each packing applied in order; padding is zero bytes. `logical`: the
/// extents that the first packing sees, where they differ from the tensor's.
[[nodiscard]] ops::Tensor pack(const ops::Tensor& tensor, std::span<const ir::Packing> packing,
                               std::span<const int64_t> logical = {});

}  // namespace tenon::interp
