// What the reference interpreter asks for, computed before it starts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/node.h"

namespace tenon::interp {

/// Bytes that `run` of this function needs at most at one time for inputs of these extents: the
/// values that are alive, what the node at work reads and makes as doubles, and the results.
/// Extents that the data decides are not in it. Amounts that do not fit are 2^62.
[[nodiscard]] uint64_t footprint(const ir::Function& f,
                                 std::span<const std::vector<int64_t>> inputs);

}  // namespace tenon::interp
