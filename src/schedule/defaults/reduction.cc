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
  if (extent && *extent <= 2 * lanes) return std::string();
  int64_t width = lanes * (info->heavy > 0 ? 2 : 4);
  if (extent)
    while (width > lanes && *extent % width != 0 && *extent < 8 * width) width /= 2;
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
  const auto n = last->loops.back().count();
  return n && *n >= 4 && *n <= 128 ? s.vectorize(last->loops.back().name) : Status{};
}

namespace {

/// The loop over tasks of a loop whose iterations have `each` elements of work; "" for one task.
Result<std::string> task_loop(Schedule& s, const std::string& loop, std::optional<int64_t> each) {
  const auto count = as_int(s.extent(loop));
  if (!each || *each >= kTaskElements) return loop;
  const int64_t chunk = kTaskElements / std::max<int64_t>(*each, 1);
  if (count && *count <= chunk) return std::string();
  TENON_TRY(const Handles parts, s.split(loop, chunk));
  return parts[0];
}

/// A reduction of everything: chunks in parallel, then their results.
Status reduce_all(Schedule& s, const Target& t, const std::string& block, const LoopInfo& k) {
  TENON_TRY(const Handles chunks, s.split(k.name, kTaskElements));
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
  if (along && info->spatial().empty() && (!k.count() || *k.count() > 2 * kTaskElements))
    return reduce_all(s, t, block, k);
  const auto work = total(reductions);
  TENON_TRY(const std::string partial, make_partial(s, t, block));
  const std::vector<LoopInfo> spatial = describe(*s.program(), block)->spatial();
  if (spatial.empty()) {
    if (partial.empty()) return finish_reduction(s, block);
    return finish_partial(s, partial, block, 0);
  }
  TENON_TRY(const std::string all, fuse_all(s, names(spatial)));
  TENON_TRY(const std::string task, task_loop(s, all, work));
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
    if (info->is_update) {
      Schedule attempt = s;
      if (schedule_reduce(attempt, t, b)) s = attempt;
    } else if (b != anchor) {
      Schedule attempt = s;
      if (schedule_map(attempt, t, b, 0, true)) s = attempt;
    }
  }
  return {};
}

}  // namespace tenon::schedule::defaults
