// Register tiles: their sizes, and the moves around them that contractions and windows share.
#pragma once

#include "schedule/defaults/defaults.h"

namespace tenon::schedule::defaults {

/// Columns of a register tile for n output columns: the same for every kernel that reads a constant
/// with n columns, so that one packed form serves all.
[[nodiscard]] int64_t tile_columns(const machine::Machine& machine, int lanes,
                                   std::optional<int64_t> n);
/// Columns of a tile for n output channels of each group: a divisor of n, so that no tile reaches
/// into the next group.
[[nodiscard]] int64_t group_columns(int lanes, int64_t n);
/// What is worth trying in their place.
[[nodiscard]] std::vector<int64_t> column_candidates(const machine::Machine& machine, int lanes,
                                                     std::optional<int64_t> group);
/// Rows of a tile with nr columns over m rows: as high as the registers allow, with little waste.
[[nodiscard]] int64_t tile_rows(const Target& t, int lanes, int64_t nr, std::optional<int64_t> m,
                                int64_t most = INT64_MAX);

/// Heights of the tiles that take the last rows where fewer than mr are left: two, or none where
/// a tile is too low for that.
[[nodiscard]] std::vector<Number> tail_heights(const Number& mr);

/// Blocks that read the anchor's result, in program order.
[[nodiscard]] std::vector<std::string> epilogue_of(const Schedule& s, const std::string& anchor);
/// The anchor accumulates in registers: through a copy where its result is an output.
[[nodiscard]] Status accumulate_in_registers(Schedule& s, const std::string& anchor);
/// Brings the epilogue below one of the loops of the anchor, the first by preference, row loops
/// unrolled, the last one vectorized; or leaves it a nest of its own. Decides ANCHOR.epilogue.
[[nodiscard]] Status attach_epilogue(Schedule& s, const Target& t, const std::string& anchor,
                                     const Handles& loops);
/// Loops of the block behind `outer` ones: the last becomes a vector loop, the others unrolled.
[[nodiscard]] Status unroll_rows(Schedule& s, const Target& t, const std::string& block,
                                 const std::string& below);

}  // namespace tenon::schedule::defaults
