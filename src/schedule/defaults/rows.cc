// Row-wise groups (softmax, norms and the like): reductions over trailing axes and maps around
// them. Everything is computed inside one parallel loop over rows; what passes from block to block
// lives in scratch of one row.
#include "schedule/defaults/defaults.h"

namespace tenon::schedule::defaults {
namespace {

/// Leading spatial loops that every block has.
size_t shared_rows(const std::vector<BlockInfo>& blocks) {
  size_t rows = SIZE_MAX;
  for (const BlockInfo& b : blocks) {
    const size_t mine = b.spatial().size();
    if (b.is_update) rows = std::min(rows, mine);
  }
  for (const BlockInfo& b : blocks)
    for (size_t l = 0; l < rows; ++l)
      if (l >= b.loops.size() || b.loops[l].reduction ||
          b.loops[l].extent != blocks.front().loops[l].extent)
        rows = l;
  return rows == SIZE_MAX ? 0 : rows;
}

/// Rows of constant number and length that together are less than one task's work.
bool is_small(const BlockInfo& home) {
  const auto all = total(home.loops);
  return all && *all <= kTaskElements;
}

}  // namespace

Status schedule_rows(Schedule& s, const Target& t) {
  inline_producers(s);
  const std::vector<BlockInfo> blocks = describe_blocks(*s.program());
  const size_t rows = shared_rows(blocks);
  if (rows == 0) return fail("schedule.defaults", "the blocks share no rows");
  size_t home = blocks.size() - 1;
  for (size_t b = 0; b < blocks.size(); ++b)
    if (!blocks[b].is_update && blocks[b].loops.size() > rows) home = b;
  std::vector<std::string> shared;
  for (size_t l = 0; l < rows; ++l) shared.push_back(blocks[home].loops[l].name);
  TENON_TRY(const std::string row, fuse_all(s, shared));
  for (size_t b = home; b-- > 0;) TENON_TRY_VOID(s.compute_at(blocks[b].name, row));
  for (size_t b = home + 1; b < blocks.size(); ++b)
    TENON_TRY_VOID(s.reverse_compute_at(blocks[b].name, row));
  for (const std::string& name : s.blocks()) {
    const auto info = describe(*s.program(), name);
    if (!info || !info->simple || info->loops.size() <= 1) continue;
    Schedule attempt = s;
    const Status done = info->is_update ? schedule_reduce_nest(attempt, t, name, 1, false)
                                        : schedule_map(attempt, t, name, 1, false);
    if (done) s = attempt;
  }
  return is_small(blocks[home]) ? Status{} : s.parallel(row);
}

}  // namespace tenon::schedule::defaults
