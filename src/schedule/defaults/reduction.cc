// Reductions. Along a contiguous reduction axis: vector accumulators (rfactor by a few registers),
// then one horizontal step. Across it: the contiguous spatial axis in vectors, accumulators in
// registers. A reduction of everything is cut into chunks of constant size whose partial results
// are combined in order, so that the result does not depend on the number of threads.
#include "schedule/defaults/defaults.h"

namespace tenon::schedule::defaults {
namespace {
using namespace ir;  // NOLINT

/// Loops of the block behind the first `outer`, spatial ones first; reordered to that when needed.
Status spatial_first(Schedule& s, const std::string& block, size_t outer) {
  const auto info = describe(*s.program(), block);
  Handles spatial, reduction, now;
  for (size_t l = outer; l < info->loops.size(); ++l) {
    now.push_back(info->loops[l].name);
    (info->loops[l].reduction ? reduction : spatial).push_back(info->loops[l].name);
  }
  spatial.insert(spatial.end(), reduction.begin(), reduction.end());
  if (spatial == now) return {};
  return s.reorder(spatial);
}

/// Merges neighbouring reduction loops that are one axis in memory.
Status merge_reductions(Schedule& s, const std::string& block, size_t outer) {
  Context& c = *s.program()->context;
  for (;;) {
    const auto info = describe(*s.program(), block);
    bool merged = false;
    for (size_t l = info->loops.size(); l-- > outer + 1 && !merged;) {
      const LoopInfo& a = info->loops[l - 1];
      const LoopInfo& b = info->loops[l];
      if (!a.reduction || !b.reduction || !can_merge(c, *info, a, b)) continue;
      TENON_TRY_VOID(s.fuse(a.name, b.name).map([](const auto&) {}));
      merged = true;
    }
    if (!merged) return {};
  }
}

}  // namespace

bool contiguous_in_reads(Context& c, const BlockInfo& info, const LoopInfo& loop) {
  bool any = false;
  for (const AccessInfo& a : info.reads) {
    const Expr stride = stride_of(c, a, loop, info.loops);
    if (stride == nullptr) return false;
    if (is_int(stride, 0)) continue;
    if (!is_int(stride, 1)) return false;
    any = true;
  }
  return any;
}

Result<std::string> make_partial(Schedule& s, const Target& t, const std::string& block) {
  Context& c = *s.program()->context;
  TENON_TRY_VOID(spatial_first(s, block, 0));
  TENON_TRY_VOID(merge_reductions(s, block, 0));
  const auto info = describe(*s.program(), block);
  const std::vector<LoopInfo> reductions = info->reductions();
  if (reductions.empty() || !contiguous_in_reads(c, *info, reductions.back())) return std::string();
  const LoopInfo& loop = reductions.back();
  const int64_t lanes = std::max(t.lanes(*info), 1);
  const auto extent = loop.count();
  // Two vectors are one horizontal step.
  if (extent && *extent <= 2 * lanes) return std::string();
  int64_t preferred = lanes * t.cost.accumulators(info->heavy > 0);
  if (extent)
    while (preferred > lanes && *extent % preferred != 0 && *extent < 8 * preferred) preferred /= 2;
  TENON_TRY(const Number width, t.number(s, block + ".sums", powers(lanes, 8 * lanes), preferred));
  TENON_TRY(const Handles parts, s.split(loop.name, width));
  return s.rfactor(block, parts[1]);
}

Status finish_partial(Schedule& s, const std::string& partial, const std::string& block,
                      size_t outer) {
  const auto made = describe(*s.program(), partial);
  if (!made) return fail("schedule.defaults", "rfactor lost a block");
  Handles order;
  std::string lane;
  for (size_t l = outer; l < made->loops.size(); ++l) {
    if (made->loops[l].reduction) {
      order.push_back(made->loops[l].name);
    } else {
      lane = made->loops[l].name;
    }
  }
  if (lane.empty()) return fail("schedule.defaults", "no lane loop");
  order.push_back(lane);
  if (order.size() > 1) TENON_TRY_VOID(s.reorder(order));
  TENON_TRY_VOID(s.vectorize(lane));
  TENON_TRY_VOID(s.set_scope(partial, "reg"));
  return finish_reduction(s, block);
}

Status finish_reduction(Schedule& s, const std::string& block) {
  const auto last = describe(*s.program(), block);
  if (last->loops.empty() || !last->loops.back().reduction) return {};
  // What fills a part of a vector at least, and registers at most.
  const auto n = last->loops.back().count();
  return n && *n >= 4 && *n <= 128 ? s.vectorize(last->loops.back().name) : Status{};
}

namespace {

/// The loop over tasks of a loop whose iterations have `each` elements of work; "" for one task.
/// Decides BLOCK.chunk.
Result<std::string> task_loop(Schedule& s, const Target& t, const std::string& block,
                              const std::string& loop, std::optional<int64_t> each) {
  const auto count = as_int(s.extent(loop));
  const int64_t task = t.cost.task_elements();
  TENON_TRY(const Number chunk,
            t.number(s, block + ".chunk", powers(1, count.value_or(task)),
                     each && *each < task ? task / std::max<int64_t>(*each, 1) : 1));
  if (chunk.value == 1) return loop;
  if (count && *count <= chunk.value) return std::string();
  TENON_TRY(const Handles parts, s.split(loop, chunk));
  return parts[0];
}

/// A reduction of everything: tasks in parallel, then their results.
Status reduce_all(Schedule& s, const Target& t, const std::string& block, const LoopInfo& k,
                  const Number& task) {
  TENON_TRY(const Handles chunks, s.split(k.name, task));
  TENON_TRY(const std::string outer, s.rfactor(block, chunks[0]));
  TENON_TRY(const std::string partial, make_partial(s, t, outer));
  const std::string chunk = s.loops(outer).front();
  if (!partial.empty()) {
    TENON_TRY_VOID(s.compute_at(partial, chunk));
    TENON_TRY_VOID(finish_partial(s, partial, outer, 1));
  }
  return s.parallel(chunk);
}

}  // namespace

Status schedule_reduce(Schedule& s, const Target& t, const std::string& block) {
  Context& c = *s.program()->context;
  TENON_TRY_VOID(spatial_first(s, block, 0));
  TENON_TRY_VOID(merge_reductions(s, block, 0));
  const auto info = describe(*s.program(), block);
  const std::vector<LoopInfo> reductions = info->reductions();
  if (reductions.empty()) return schedule_map(s, t, block, 0, true);
  const LoopInfo& k = reductions.back();
  const bool along = contiguous_in_reads(c, *info, k);
  if (along && info->spatial().empty()) {
    const int64_t least = t.cost.task_elements();
    TENON_TRY(const Number task,
              t.number(s, block + ".task", powers(least / 16, 16 * least), least));
    // Two tasks pay for the step that combines them.
    if (!k.count() || *k.count() > 2 * task.value) return reduce_all(s, t, block, k, task);
  }
  const auto work = total(reductions);
  TENON_TRY(const std::string partial, make_partial(s, t, block));
  const std::vector<LoopInfo> spatial = describe(*s.program(), block)->spatial();
  if (spatial.empty()) {
    if (partial.empty()) return finish_reduction(s, block);
    return finish_partial(s, partial, block, 0);
  }
  TENON_TRY(const std::string all, fuse_all(s, names(spatial)));
  TENON_TRY(const std::string task, task_loop(s, t, block, all, work));
  if (!partial.empty()) {
    const Handles loops = s.loops(block);
    const size_t outer = task.empty() || task == all ? 1 : 2;
    TENON_TRY_VOID(s.compute_at(partial, loops[outer - 1]));
    TENON_TRY_VOID(finish_partial(s, partial, block, outer));
  } else if (along) {
    TENON_TRY_VOID(finish_reduction(s, block));
  }
  return task.empty() ? Status{} : s.parallel(task);
}

Status schedule_reduction(Schedule& s, const Target& t, const std::string& anchor) {
  inline_producers(s);
  for (const std::string& b : s.blocks()) {
    const auto info = describe(*s.program(), b);
    if (!info || !info->simple) continue;
    if (!info->is_update && b == anchor) continue;
    (void)try_one(s, t,
                  {"nest", b, "",
                   [&](Schedule& x) {
                     return info->is_update ? schedule_reduce(x, t, b)
                                            : schedule_map(x, t, b, 0, true);
                   }})
        .has_value();
  }
  return {};
}

}  // namespace tenon::schedule::defaults
