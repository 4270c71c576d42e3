// Memory planning: which intermediate tensors share memory, decided at compile time for all shapes.
//
// Tensors live over an interval of the flat step list. A size is a factor times a unit: unit 0 is
// the number 1, every other unit is one product of symbolic extents. Buffers of one segment and one
// unit are laid out by best fit in units, so sharing is exact for every value of the extents;
// offsets and block sizes are multiplied out at run time. Buffers of different units share nothing.
// Lifetimes, sizes and offsets only: nothing here knows about nodes. O(n log n), and better layouts
// by a quadratic method where n is small.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tenon::graph {

/// factor * unit bytes.
struct SizeTerm {
  int64_t factor = 0;
  uint32_t unit = 0;
  bool operator==(const SizeTerm&) const = default;
};

struct PlanBuffer {
  uint32_t first = 0, last = 0;  // steps, inclusive
  uint32_t segment = 0;          // memory that is laid out together (a shape stage)
  SizeTerm bytes;
  /// Memory outside the blocks (a parameter's), which step `overwritten` fills with a new value.
  /// Others may take it over as long as they die before that step, or are the new value.
  bool is_fixed = false;
  uint32_t overwritten = UINT32_MAX;
  uint32_t home = UINT32_MAX;  // the fixed buffer whose new value this one is
};

/// Buffer `out` may take over the memory of `in` if `in` dies with the kernel whose last step is
/// `last`.
struct InPlace {
  uint32_t out = 0, in = 0;
  uint32_t last = 0;
};

/// A block is as many bytes as its size says; a buffer begins offset * unit bytes into its block.
struct PlanBlock {
  uint32_t segment = 0;
  SizeTerm size;
};
struct Placement {
  uint32_t block = 0;
  int64_t offset = 0;
  uint32_t fixed = UINT32_MAX;  // the fixed buffer in whose memory it lies instead of a block
};
struct MemoryPlan {
  std::vector<PlanBlock> blocks;      // by segment
  std::vector<Placement> placements;  // parallel to the buffers
  size_t in_place = 0;                // candidates that were taken
};

/// Offsets are multiples of 64 bytes. Candidates are tried in order.
[[nodiscard]] MemoryPlan plan_memory(std::span<const PlanBuffer> buffers,
                                     std::span<const InPlace> candidates);

}  // namespace tenon::graph
