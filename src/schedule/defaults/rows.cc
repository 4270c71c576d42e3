// Row-wise groups (softmax, norms and the like): reductions over trailing axes and maps around
// them. Everything is computed inside one parallel loop over rows; what passes from block to block
// lives in scratch of one row.
#include <map>
#include <set>

#include "schedule/defaults/defaults.h"

namespace tenon::schedule::defaults {
namespace {

bool same(ir::Context& c, ir::Expr a, ir::Expr b) {
  return a == b || ir::is_int(ir::simplify(c, ir::sub(c, a, b)), 0);
}

/// Leading spatial loops that every block has, partial sums (`skip`) aside.
size_t shared_rows(ir::Context& c, const std::vector<BlockOutline>& blocks,
                   const std::map<std::string, std::string>& skip) {
  size_t rows = SIZE_MAX;
  std::set<std::string> partial;
  for (const auto& [block, made] : skip) partial.insert(made);
  for (const BlockOutline& b : blocks)
    if (b.is_update && !partial.contains(b.name)) rows = std::min(rows, b.spatial().size());
  for (const BlockOutline& b : blocks)
    for (size_t l = 0; l < rows && !partial.contains(b.name); ++l)
      if (l >= b.loops.size() || l >= blocks.back().loops.size() || b.loops[l].reduction ||
          !same(c, b.loops[l].extent, blocks.back().loops[l].extent))
        rows = l;
  return rows == SIZE_MAX ? 0 : rows;
}

/// Rows of constant number and length that together are less than one task's work.
bool is_small(const Target& t, const BlockOutline& home) {
  const auto all = total(home.loops);
  return all && *all <= t.cost.task_elements();
}

}  // namespace

Status schedule_rows(Schedule& s, const Target& t) {
  inline_producers(s);
  std::map<std::string, std::string> partials;  // by the reduction that they feed
  for (const BlockOutline& b : outline(*s.program())) {
    if (!b.is_update) continue;
    TENON_TRY(const std::string partial, make_partial(s, t, b.name));
    if (!partial.empty()) partials[b.name] = partial;
  }
  const std::vector<BlockOutline> blocks = outline(*s.program());
  const size_t rows = shared_rows(*s.program()->context, blocks, partials);
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
    (void)try_one(s, t,
                  {"nest", name, "",
                   [&](Schedule& x) -> Status {
                     const auto partial = partials.find(name);
                     if (partial != partials.end())
                       return finish_partial(x, partial->second, name, 1);
                     if (!info->is_update) return schedule_map(x, t, name, 1, false);
                     return name.ends_with("_rf") ? Status{} : finish_reduction(x, name);
                   }})
        .has_value();
  }
  TENON_TRY(const bool wanted,
            t.yes(s, blocks[home].name + ".parallel", !is_small(t, blocks[home])));
  return wanted ? s.parallel(row) : Status{};
}

}  // namespace tenon::schedule::defaults
