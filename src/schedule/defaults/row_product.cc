// A row times a matrix that is computed at run time and lies along the reduction (a query against
// cached keys): every element of the matrix is read once, so that packing it would cost more than
// the product. Vector accumulators along the reduction, one horizontal step a column.
#include "ir/rewrite.h"
#include "schedule/defaults/tile.h"

namespace tenon::schedule::defaults {
namespace {
using namespace ir;  // NOLINT

bool moves(Context& c, const AccessInfo& a, const LoopInfo& l) {
  const auto linear = linear_in(c, a.flat, std::span(&l.var, 1));
  return !linear || !is_int(simplify(c, linear->coefficients[0]), 0);
}

/// True if some operand that is no constant moves with every output axis, the other one not with
/// the last.
bool is_row_product(Schedule& s, const BlockInfo& info) {
  Context& c = *s.program()->context;
  if (!info.simple || !info.is_update || info.combine != "fma" || info.reads.size() != 2)
    return false;
  const std::vector<LoopInfo> spatial = info.spatial();
  if (spatial.empty() || info.reductions().size() != 1) return false;
  if (!contiguous_in_reads(c, info, info.reductions().back())) return false;
  const size_t matrix = moves(c, info.reads[0], spatial.back()) ? 0 : 1;
  if (moves(c, info.reads[1 - matrix], spatial.back())) return false;
  for (const LoopInfo& l : spatial)
    if (!moves(c, info.reads[matrix], l)) return false;
  return role_of(*s.program(), info.reads[matrix].buffer) != ParamRole::constant;
}

}  // namespace

Status schedule_row_product(Schedule& s, const Target& t, const std::string& anchor) {
  inline_producers(s);
  const auto before = describe(*s.program(), anchor);
  if (!before || !is_row_product(s, *before))
    return fail("schedule.defaults", "not a row times a computed matrix");
  TENON_TRY(const std::string partial, make_partial(s, t, anchor));
  if (partial.empty()) return fail("schedule.defaults", "the reduction is short");
  Handles outer = names(describe(*s.program(), anchor)->spatial());
  std::string column = outer.back();
  outer.pop_back();
  std::string task;
  if (outer.empty()) {
    // A column costs the depth of the matrix, some hundred elements.
    TENON_TRY(const Number columns, t.number(s, anchor + ".columns", powers(16, 4096), 512));
    TENON_TRY(const Handles parts, s.split(column, columns));
    task = parts[0];
    column = parts[1];
  } else {
    TENON_TRY(task, fuse_all(s, outer));
  }
  const std::vector<std::string> epilogue = epilogue_of(s, anchor);
  for (const std::string& block : epilogue) TENON_TRY_VOID(s.reverse_compute_at(block, task));
  TENON_TRY_VOID(s.compute_at(partial, column));
  TENON_TRY_VOID(finish_partial(s, partial, anchor, 2));
  for (const std::string& block : epilogue) TENON_TRY_VOID(schedule_map(s, t, block, 1, false));
  const auto work = total(before->loops);
  TENON_TRY(const bool wanted,
            t.yes(s, anchor + ".parallel", !work || *work > t.cost.task_elements()));
  return wanted ? s.parallel(task) : Status{};
}

}  // namespace tenon::schedule::defaults
