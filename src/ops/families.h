// The operator rows that each family contributes to the registry.
#pragma once

#include <span>

#include "ops/op.h"

namespace tenon::ops {

[[nodiscard]] std::span<const OpRow> elementwise_rows();
[[nodiscard]] std::span<const OpRow> movement_rows();
[[nodiscard]] std::span<const OpRow> reduction_rows();
[[nodiscard]] std::span<const OpRow> contraction_rows();
[[nodiscard]] std::span<const OpRow> window_rows();
[[nodiscard]] std::span<const OpRow> structure_rows();
[[nodiscard]] std::span<const OpRow> opaque_rows();

}  // namespace tenon::ops
