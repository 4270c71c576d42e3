// Matching loop nests with machine instructions. An instruction speaks of flat offsets, and buffers
// get their final shapes only in finalize; so `tensorize` checks that a nest matches and marks its
// outermost loop with note tensorize=NAME:P0:P1 (params joined by ':'), the nest staying as it is, and
// finalize puts the instr node in its place. The interpreter runs the marked nest like any other.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/node.h"
#include "ir/simplify.h"
#include "support/result.h"

namespace tenon::schedule {

/// The parts of a register tile product that a nest computes: the nest holds loops over rows (extent
/// mr), columns (one or two loops, nr together, contiguous in b and c) and k (any number of loops that
/// run through a and b with one stride each, or one loop), in any order, around one fused
/// multiply-add step c += a * b, as update (inside a block) or as store.
struct TileMatch {
  ir::Expr c, a, b;             // buffers
  ir::Expr a_base, a_row, a_col;  // i64, in elements of the row-major buffer
  ir::Expr b_base, b_row;
  ir::Expr k;
  ir::Expr rows;                // valid rows of a
  ir::Expr c_base, c_row;       // offset of c[0, 0] and its row stride
};

/// Matches the nest `loop` (a for_ statement) as fma_tile with params {mr, nr}; `known` describes the
/// variables outside. Refuses with code "schedule.tensorize" and the reason.
[[nodiscard]] Result<TileMatch> match_fma_tile(ir::Context& c, ir::Expr loop, std::span<const int64_t> params,
                                               const ir::Assumptions& known);

/// The mark of tensorize in a loop's note, parsed; empty when it has none.
struct TensorizeMark {
  std::string instruction;
  std::vector<int64_t> params;
};
[[nodiscard]] std::optional<TensorizeMark> tensorize_mark(ir::Expr loop);

}  // namespace tenon::schedule
