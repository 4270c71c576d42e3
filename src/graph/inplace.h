// Which result of a kernel may be written over which input: the memory planner's question.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/node.h"

namespace tenon::graph {

struct InPlacePair {
  size_t out, in;  // indices into Kernel::params
};

/// Pairs that are safe for every size: the kernel reads an element of the input only in the
/// statement that stores the same element of the result, and stores each element once.
/// Conservative; reads loops as they are before finalize/vectorize (what has lanes gives no pair),
/// and may create nodes in the kernel's context.
[[nodiscard]] std::vector<InPlacePair> inplace_pairs(const ir::Kernel& kernel);

}  // namespace tenon::graph
