// What a kernel's non-zero result says, shared by what makes kernels and what calls them: an index
// taken from a tensor, and the extent of the axis that it should lie in.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tenon {

/// The result is `index * kExtentCount + extent + 1`, never 0. The index is clamped to
/// [-kMostIndex, kMostIndex], the extent to kMostExtent.
inline constexpr int64_t kExtentCount = int64_t{1} << 32;
inline constexpr int64_t kMostExtent = kExtentCount - 2;
inline constexpr int64_t kMostIndex = (int64_t{1} << 31) - 1;

struct IndexFailure {
  int64_t index, extent;
};
[[nodiscard]] constexpr int64_t encode_failure(IndexFailure f) {
  return std::clamp(f.index, -kMostIndex, kMostIndex) * kExtentCount +
         std::min(f.extent, kMostExtent) + 1;
}
[[nodiscard]] constexpr IndexFailure decode_failure(int64_t result) {
  const int64_t low = result & (kExtentCount - 1);
  return {(result - low) / kExtentCount, low - 1};
}

}  // namespace tenon
