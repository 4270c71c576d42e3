// Shape stages of a compiled model, evaluated. Private to the library.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "artifact/model.h"
#include "support/result.h"

namespace tenon::runtime {

/// The extents of every input, in the model's order.
using InputDims = std::vector<std::vector<int64_t>>;

/// More bytes than any machine has: sums of amounts stop here, so that they cannot overflow.
inline constexpr uint64_t kMostMemory = uint64_t{1} << 62;

/// Carries out a stage's operations on `registers`; sets `changed` if one changed its value.
/// `slots` is looked at by stages behind the first only. Errors: "run.memory" (an amount that is
/// negative or does not fit 63 bits), "run.check".
[[nodiscard]] Status run_size_ops(const artifact::Model& model, const artifact::Stage& stage,
                                  const InputDims& inputs, std::span<void* const> slots,
                                  std::span<int64_t> registers, bool& changed);

/// Writes the offset of each of the stage's blocks to `offsets` (one for each of the model's
/// blocks); returns the bytes of the segment, at most kMostMemory.
[[nodiscard]] Result<uint64_t> place_blocks(const artifact::Model& model,
                                            const artifact::Stage& stage,
                                            std::span<const int64_t> registers,
                                            std::span<uint64_t> offsets);

}  // namespace tenon::runtime
