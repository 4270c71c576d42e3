// What a run asks for, computed from the extents of its inputs before any of it is allocated.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "artifact/model.h"
#include "runtime/model.h"
#include "runtime/size_stage.h"
#include "support/result.h"

namespace tenon::runtime {

/// Bytes, each at most kMostMemory. What depends on a tensor's elements is not in it: that is
/// checked when the extents are bound.
struct Footprint {
  uint64_t arena = 0;              // tensors between kernels, and results
  uint64_t scratch = 0;            // of one worker
  uint64_t states = 0;             // what a new instance takes for them
  std::vector<int64_t> registers;  // extents as the first stage leaves them
};
/// Errors are those of run_size_ops.
[[nodiscard]] Result<Footprint> footprint(const artifact::Model& model, const InputDims& inputs);

/// The shape of an output. Refuses one that elements of tensors decide ("run.output_shape").
[[nodiscard]] Result<std::vector<int64_t>> output_shape(const Model& model, const InputDims& inputs,
                                                        size_t output);

/// A sum of amounts that stops at kMostMemory.
[[nodiscard]] uint64_t add_bytes(uint64_t a, uint64_t b);

/// An amount of memory as a function of the inputs' extents.
using NeedOf = std::function<Result<uint64_t>(const InputDims&)>;

/// Refuses ("run.memory") when `need_of(inputs)` bytes are not available; says how much is, and
/// which symbol makes the need large. Other errors of `need_of` pass through.
[[nodiscard]] Status check_memory(const artifact::Model& model, const InputDims& inputs,
                                  const NeedOf& need_of);

/// The error of an allocation that failed: "WHAT 3 GB, and 2 GB are available".
[[nodiscard]] tl::unexpected<Error> no_memory(const std::string& what, uint64_t need);

}  // namespace tenon::runtime
