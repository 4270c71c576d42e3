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

/// Vector accumulators along the reduction loop `loop`, combined at the end.
Status horizontal(Schedule& s, const Target& t, const std::string& block, const LoopInfo& loop) {
  const auto info = describe(*s.program(), block);
  const int64_t lanes = std::max(t.lanes(*info), 1);
  const auto extent = loop.count();
  if (extent && *extent <= 2 * lanes) {
    if (*extent >= 4) return s.vectorize(loop.name);
    return {};
  }
  int64_t width = lanes * (info->heavy > 0 ? 2 : 4);
  if (extent)
    while (width > lanes && *extent % width != 0 && *extent < 8 * width) width /= 2;
  TENON_TRY(const Handles parts, s.split(loop.name, width));
  TENON_TRY(const std::string partial, s.rfactor(block, parts[1]));
  const auto made = describe(*s.program(), partial);
  const auto rest = describe(*s.program(), block);
  if (!made || !rest) return fail("schedule.defaults", "rfactor lost a block");
  // The partial block: lanes innermost, as vectors.
  std::string lane;
  for (const LoopInfo& l : made->loops)
    if (l.count() == width && !l.reduction) lane = l.name;
  if (lane.empty()) return fail("schedule.defaults", "no lane loop");
  Handles order;
  bool inside = false;
  for (const LoopInfo& l : made->loops) {
    inside = inside || l.name == lane || l.reduction;
    if (inside && l.name != lane) order.push_back(l.name);
  }
  order.push_back(lane);
  if (order.size() > 1) TENON_TRY_VOID(s.reorder(order));
  TENON_TRY_VOID(s.vectorize(lane));
  // The final step next to it.
  const std::vector<LoopInfo> spatial = rest->spatial();
  if (!spatial.empty()) TENON_TRY_VOID(s.compute_at(partial, spatial.back().name));
  TENON_TRY_VOID(s.set_scope(partial, "reg"));
  const auto last = describe(*s.program(), block);
  return s.vectorize(last->loops.back().name);
}

/// The contiguous spatial loop in vectors around registers, the reduction loops inside its outer
/// part.
Status vertical(Schedule& s, const Target& t, const std::string& block, size_t outer,
                const LoopInfo& axis) {
  const auto info = describe(*s.program(), block);
  const int64_t width = vector_width(t, *info, axis.count());
  std::string inner = axis.name;
  Handles order;
  for (size_t l = outer; l < info->loops.size(); ++l)
    if (!info->loops[l].reduction && info->loops[l].name != axis.name)
      order.push_back(info->loops[l].name);
  if (!axis.count() || *axis.count() > width) {
    TENON_TRY(const Handles parts, s.split(axis.name, width));
    order.push_back(parts[0]);
    inner = parts[1];
  }
  for (const LoopInfo& l : info->reductions()) order.push_back(l.name);
  order.push_back(inner);
  if (order.size() > 1) TENON_TRY_VOID(s.reorder(order));
  return s.vectorize(inner);
}

}  // namespace

Status schedule_reduce_nest(Schedule& s, const Target& t, const std::string& block, size_t outer,
                            bool parallel) {
  Context& c = *s.program()->context;
  TENON_TRY_VOID(spatial_first(s, block, outer));
  TENON_TRY_VOID(merge_reductions(s, block, outer));
  const auto info = describe(*s.program(), block);
  const std::vector<LoopInfo> reductions = info->reductions();
  std::vector<LoopInfo> spatial;
  for (size_t l = outer; l < info->loops.size(); ++l)
    if (!info->loops[l].reduction) spatial.push_back(info->loops[l]);
  if (reductions.empty()) return schedule_map(s, t, block, outer, parallel);
  if (parallel && spatial.size() > 1) {
    // Outer spatial loops become one.
  }
  const LoopInfo k = reductions.back();
  if (contiguous_in_reads(c, *info, k)) {
    if (parallel && spatial.empty() && (!k.count() || *k.count() > 2 * kTaskElements)) {
      TENON_TRY(const Handles chunks, s.split(k.name, kTaskElements));
      TENON_TRY(const std::string partial, s.rfactor(block, chunks[0]));
      const auto made = describe(*s.program(), partial);
      TENON_TRY_VOID(horizontal(s, t, partial, made->reductions().back()));
      return s.parallel(s.loops(partial).front());
    }
    if (parallel && !spatial.empty()) {
      TENON_TRY(const std::string all, fuse_all(s, names(spatial)));
      const auto rows = as_int(s.extent(all));
      const auto work = total(reductions);
      std::string task = all;
      bool tasks = true;
      if (work && *work < kTaskElements) {
        const int64_t chunk = kTaskElements / std::max<int64_t>(*work, 1);
        tasks = !rows || *rows > chunk;
        if (tasks) {
          TENON_TRY(const Handles parts, s.split(all, chunk));
          task = parts[0];
        }
      }
      if (tasks) TENON_TRY_VOID(s.parallel(task));
    }
    return horizontal(s, t, block, describe(*s.program(), block)->reductions().back());
  }
  for (const LoopInfo& axis : spatial) {
    const Expr w = stride_of(c, info->write, axis, info->loops);
    if (w == nullptr || !is_int(w, 1)) continue;
    TENON_TRY_VOID(vertical(s, t, block, outer, axis));
    if (!parallel) return {};
    const auto now = describe(*s.program(), block);
    Handles outside;
    for (const LoopInfo& l : now->loops) {
      if (l.reduction || l.name == now->loops.back().name) break;
      outside.push_back(l.name);
    }
    if (outside.empty()) return {};
    TENON_TRY(const std::string all, fuse_all(s, outside));
    return s.parallel(all);
  }
  if (!parallel || spatial.empty()) return {};
  TENON_TRY(const std::string all, fuse_all(s, names(spatial)));
  return s.parallel(all);
}

Status schedule_reduction(Schedule& s, const Target& t, const std::string& anchor) {
  inline_producers(s);
  for (const std::string& b : s.blocks()) {
    const auto info = describe(*s.program(), b);
    if (!info || !info->simple) continue;
    if (info->is_update) {
      Schedule attempt = s;
      if (schedule_reduce_nest(attempt, t, b, 0, true)) s = attempt;
    } else if (b != anchor) {
      Schedule attempt = s;
      if (schedule_map(attempt, t, b, 0, true)) s = attempt;
    }
  }
  return {};
}

}  // namespace tenon::schedule::defaults
