// Maps (elementwise, broadcast and injective blocks): inner axes that are one axis in memory are
// merged and vectorized, the outer ones fused and split into tasks.
#include "ir/rewrite.h"
#include "schedule/defaults/defaults.h"

namespace tenon::schedule::defaults {
using namespace ir;  // NOLINT

std::vector<std::string> names(const std::vector<LoopInfo>& loops) {
  std::vector<std::string> out;
  for (const LoopInfo& l : loops) out.push_back(l.name);
  return out;
}

Result<std::string> fuse_all(Schedule& s, const std::vector<std::string>& loops) {
  std::string fused = loops.front();
  for (size_t i = 1; i < loops.size(); ++i) {
    TENON_TRY(fused, s.fuse(fused, loops[i]));
  }
  return fused;
}

Result<Number> vector_width(Schedule& s, const Target& t, const BlockInfo& block,
                            std::optional<int64_t> extent) {
  const int64_t lanes = std::max(t.lanes(block), 1);
  const int64_t most = t.cost.vectors_at_once(block.heavy);
  int64_t width = lanes * most;
  if (extent) {
    // Wide steps where they come out even, or where a rest is an eighth of the whole at most.
    for (; width > lanes; width /= 2)
      if (*extent % width == 0 || *extent > 8 * width) break;
  }
  return t.number(s, block.name + ".width", powers(lanes, 8 * lanes), width);
}

Result<Handles> vectorize_axis(Schedule& s, const Target& t, const std::string& block,
                               const std::string& loop) {
  const auto info = describe(*s.program(), block);
  if (!info) return fail("schedule.defaults", "no block '" + block + "'");
  const auto extent = as_int(s.extent(loop));
  TENON_TRY(const Number width, vector_width(s, t, *info, extent));
  if (extent && *extent <= width.value) {
    TENON_TRY_VOID(s.vectorize(loop));
    return Handles{loop};
  }
  TENON_TRY(const Handles parts, s.split(loop, width));
  TENON_TRY_VOID(s.vectorize(parts[1]));
  return parts;
}

namespace {

/// Splits a fused loop so that a task is worth a fork when one iteration has `each` elements, and
/// marks what remains outermost parallel; one task alone stays serial. Decides BLOCK.chunk.
Status make_tasks(Schedule& s, const Target& t, const std::string& block, const std::string& loop,
                  std::optional<int64_t> each) {
  const auto count = as_int(s.extent(loop));
  const int64_t task = t.cost.task_elements();
  const int64_t least = each && *each < task ? std::max<int64_t>(*each, 1) : task;
  TENON_TRY(const Number chunk, t.number(s, block + ".chunk", powers(1, count.value_or(task)),
                                         (task + least - 1) / least));
  if (chunk.value == 1) return s.parallel(loop);
  if (count && *count <= chunk.value) return {};
  TENON_TRY(const Handles parts, s.split(loop, chunk));
  return s.parallel(parts[0]);
}

/// The loop along which a transposing read is contiguous, when the innermost one is not; -1: none.
int transposed_axis(Context& c, const BlockInfo& info, size_t outer) {
  const LoopInfo& last = info.loops.back();
  for (const AccessInfo& a : info.reads) {
    const Expr stride = stride_of(c, a, last, info.loops);
    if (stride == nullptr || is_int(stride, 1) || is_int(stride, 0)) continue;
    for (size_t l = outer; l + 1 < info.loops.size(); ++l)
      if (is_contiguous(c, a, info.loops[l], info.loops)) return static_cast<int>(l);
  }
  return -1;
}

/// A last axis of a few elements (channels of an image): vectors along the axis that the read
/// walks.
Status schedule_interleave(Schedule& s, const Target& t, const BlockInfo& info, size_t outer,
                           size_t axis, const Number& line, bool parallel) {
  TENON_TRY(const Handles parts, s.split(info.loops[axis].name, line));
  Handles order;
  for (size_t l = outer; l + 1 < info.loops.size(); ++l)
    order.push_back(l == axis ? parts[0] : info.loops[l].name);
  const Handles tasks = order;
  order.push_back(info.loops.back().name);
  order.push_back(parts[1]);
  TENON_TRY_VOID(s.reorder(order));
  TENON_TRY_VOID(s.vectorize(parts[1]));
  TENON_TRY_VOID(s.unroll(info.loops.back().name));
  if (!parallel) return {};
  TENON_TRY(const std::string all, fuse_all(s, tasks));
  return make_tasks(s, t, info.name, all, line.value * *info.loops.back().count());
}

/// Tiles of both axes, a cache line each way, so that lines are used whole on either side.
Status schedule_transpose(Schedule& s, const Target& t, const BlockInfo& info, size_t outer,
                          int axis, bool parallel) {
  const int64_t elements = std::max<int64_t>(t.machine.line_bytes / widest(info), 4);
  TENON_TRY(const Number line, t.number(s, info.name + ".line", powers(4, 64), elements));
  const size_t a = static_cast<size_t>(axis);
  const size_t last = info.loops.size() - 1;
  const auto width = info.loops[last].count();
  if (width && *width < line.value / 2)
    return schedule_interleave(s, t, info, outer, a, line, parallel);
  TENON_TRY(const Handles rows, s.split(info.loops[a].name, line));
  TENON_TRY(const Handles cols, s.split(info.loops[last].name, line));
  Handles order;
  for (size_t l = outer; l < last; ++l) order.push_back(l == a ? rows[0] : info.loops[l].name);
  order.push_back(cols[0]);
  const size_t outer_loops = order.size();
  order.push_back(rows[1]);
  order.push_back(cols[1]);
  TENON_TRY_VOID(s.reorder(order));
  TENON_TRY_VOID(s.vectorize(cols[1]));
  if (!parallel) return {};
  order.resize(outer_loops);
  TENON_TRY(const std::string all, fuse_all(s, order));
  return make_tasks(s, t, info.name, all, line.value * line.value);
}

}  // namespace

Status schedule_map(Schedule& s, const Target& t, const std::string& block, size_t outer,
                    bool parallel) {
  auto info = describe(*s.program(), block);
  if (!info || !info->simple || info->loops.size() <= outer) return {};
  Context& c = *s.program()->context;
  if (const int axis = transposed_axis(c, *info, outer); axis >= 0)
    return schedule_transpose(s, t, *info, outer, axis, parallel);
  // Merge from the inside while all accesses see one axis.
  while (info->loops.size() >= outer + 2 &&
         can_merge(c, *info, info->loops[info->loops.size() - 2], info->loops.back())) {
    TENON_TRY_VOID(s.fuse(info->loops[info->loops.size() - 2].name, info->loops.back().name)
                       .map([](const auto&) {}));
    info = describe(*s.program(), block);
  }
  const LoopInfo inner = info->loops.back();
  std::vector<std::string> outside;
  for (size_t l = outer; l + 1 < info->loops.size(); ++l) outside.push_back(info->loops[l].name);
  if (!parallel) return vectorize_axis(s, t, block, inner.name).map([](const auto&) {});
  if (outside.empty()) {
    TENON_TRY(const Number width, vector_width(s, t, *info, inner.count()));
    const int64_t least = t.cost.task_elements();
    TENON_TRY(const Number task, t.number(s, block + ".task", powers(least / 16, 16 * least),
                                          std::max(least / width.value, int64_t{1}) * width.value));
    if (inner.count() && *inner.count() <= task.value)
      return vectorize_axis(s, t, block, inner.name).map([](const auto&) {});
    TENON_TRY(const Handles tasks, s.split(inner.name, task));
    TENON_TRY(const Handles parts, s.split(tasks[1], width));
    TENON_TRY_VOID(s.vectorize(parts[1]));
    return s.parallel(tasks[0]);
  }
  TENON_TRY_VOID(vectorize_axis(s, t, block, inner.name).map([](const auto&) {}));
  // Loops that one task runs through anyway stay loops: a fused index has to be divided.
  std::optional<int64_t> each = inner.count();
  for (; outside.size() > 1 && each; outside.pop_back()) {
    const auto count = as_int(s.extent(outside.back()));
    if (!count || *count <= 0 || *each * *count > t.cost.task_elements()) break;
    each = *each * *count;
  }
  TENON_TRY(const std::string all, fuse_all(s, outside));
  return make_tasks(s, t, block, all, each);
}

void inline_producers(Schedule& s, const std::vector<std::string>& keep) {
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<BlockOutline> blocks = outline(*s.program());
    for (const BlockOutline& b : blocks) {
      if (!b.simple || b.is_update || role_of(*s.program(), b.output)) continue;
      if (std::find(keep.begin(), keep.end(), b.name) != keep.end()) continue;
      int readers = 0;
      for (const BlockOutline& other : blocks)
        readers += other.name != b.name && other.reads_buffer(b.output) ? 1 : 0;
      if (b.heavy > 0 && readers > 1) continue;
      if (s.inline_block(b.name)) {
        changed = true;
        break;
      }
    }
  }
}

}  // namespace tenon::schedule::defaults
