// Windows (pooling) and depthwise convolutions: channels in vectors, a few output pixels in
// registers, the window unrolled where it is small.
#include "schedule/defaults/tile.h"

namespace tenon::schedule::defaults {
using namespace ir;  // NOLINT

namespace {
/// The channels of a grouped convolution in one vector: a read moves once for each `group` of them
/// (a power of two), so lanes read one vector in another order. 0: no read is like that.
int64_t group_of(const BlockInfo& info, const LoopInfo& channel, int64_t lanes) {
  const int64_t size = group_size(info);
  const auto channels = channel.count();
  if (size <= 0 || size > lanes || (size & (size - 1)) != 0 || !channels) return 0;
  int64_t width = lanes;
  while (width > size && *channels % width != 0) width /= 2;
  return *channels % width == 0 ? width : 0;
}

/// Channels in one step. Over a window there are a few pixels in registers besides; a plain
/// reduction has only its channels to keep the adders busy.
int64_t channel_width(int64_t lanes, std::optional<int64_t> channels, bool sliding) {
  if (channels && *channels <= lanes) return *channels;
  if (sliding) return (!channels || *channels % (2 * lanes) == 0 ? 2 : 1) * lanes;
  if (!channels) return 4 * lanes;
  const int64_t vectors = (*channels + lanes - 1) / lanes;
  // Steps of equal size, of at most eight vectors.
  return (vectors + (vectors + 7) / 8 - 1) / ((vectors + 7) / 8) * lanes;
}

/// Pixels of a row of n that one step takes: each loads a tap's weights for all of them, and what
/// is left over at the end of a row costs as much as a whole step.
int64_t pixels_of(std::optional<int64_t> n) {
  constexpr int64_t kFew = 4, kMany = 7;
  if (!n) return kFew;
  if (*n <= kFew) return std::max<int64_t>(*n, 1);
  int64_t best = kFew;
  for (int64_t p = kFew; p <= kMany; ++p)
    if ((*n + p - 1) / p * p < (*n + best - 1) / best * best) best = p;
  return best;
}

/// Decides ANCHOR.unrolled: all taps where they are few, or the innermost ones of a group, whose
/// lanes are then constants.
Status unroll_taps(Schedule& s, const Target& t, const std::string& anchor,
                   const std::vector<LoopInfo>& taps, bool grouped) {
  const auto count = total(taps);
  if (taps.empty() || !taps.back().count()) return {};
  const bool few = count && *count <= t.cost.unrolled();
  TENON_TRY(const bool wanted, t.yes(s, anchor + ".unrolled", few || grouped));
  if (!wanted) return {};
  for (const LoopInfo& l : taps)
    if (few || l.name == taps.back().name) TENON_TRY_VOID(s.unroll(l.name));
  return {};
}
}  // namespace

Status schedule_window(Schedule& s, const Target& t, const std::string& anchor) {
  inline_producers(s);
  Context& c = *s.program()->context;
  auto info = describe(*s.program(), anchor);
  const std::vector<LoopInfo> spatial = info->spatial();
  if (spatial.empty()) return fail("schedule.defaults", "a window without output axes");
  const LoopInfo& channel = spatial.back();
  if (!is_contiguous(c, info->write, channel, info->loops))
    return fail("schedule.defaults", "the output's last axis is not contiguous");
  const int64_t grouped = group_of(*info, channel, t.lanes(*info));
  for (const AccessInfo& a : info->reads) {
    if (grouped != 0) break;
    const Expr stride = stride_of(c, a, channel, info->loops);
    if (stride == nullptr || (!is_int(stride, 0) && !is_int(stride, 1)))
      return fail("schedule.defaults", "the channels are not contiguous");
  }
  const bool sliding = info->combine == "fma" || slides(*info);
  Number width = grouped;
  if (grouped == 0) {
    const int64_t lanes = t.lanes(*info);
    TENON_TRY(width, t.number(s, anchor + ".width", powers(lanes, 8 * lanes),
                              channel_width(lanes, channel.count(), sliding)));
  }
  TENON_TRY_VOID(accumulate_in_registers(s, anchor));
  TENON_TRY(const Handles ch, s.split(channel.name, width));
  Handles outer, order;
  std::string pixel_in, place;
  for (size_t l = 0; l + 1 < spatial.size(); ++l) outer.push_back(spatial[l].name);
  Handles inside;
  if (!outer.empty() && sliding) {
    std::vector<int64_t> candidates{1, 2, 3, 4, 5, 6, 7, 8};
    const auto n = spatial[spatial.size() - 2].count();
    TENON_TRY(const Number pixels,
              t.number(s, anchor + ".pixels", std::move(candidates), pixels_of(n)));
    TENON_TRY(const Handles px, s.split(outer.back(), pixels));
    outer.pop_back();
    inside = {px[0], ch[0]};
    pixel_in = px[1];
  } else {
    inside = {ch[0]};
  }
  order = outer;
  order.insert(order.end(), inside.begin(), inside.end());
  const std::vector<LoopInfo> reductions = info->reductions();
  for (const LoopInfo& l : reductions) order.push_back(l.name);
  if (!pixel_in.empty()) order.push_back(pixel_in);
  order.push_back(ch[1]);
  TENON_TRY_VOID(s.reorder(order));
  TENON_TRY_VOID(attach_epilogue(s, t, anchor, {inside.back()}));
  if (!reductions.empty()) {
    TENON_TRY(const std::string init, s.decompose_reduction(anchor, reductions.front().name));
    TENON_TRY_VOID(unroll_rows(s, t, init, inside.back()));
  }
  TENON_TRY_VOID(s.vectorize(ch[1]));
  if (!pixel_in.empty()) TENON_TRY_VOID(s.unroll(pixel_in));
  TENON_TRY_VOID(unroll_taps(s, t, anchor, reductions, grouped != 0));
  const auto work = total(info->loops);
  TENON_TRY(const bool wanted,
            t.yes(s, anchor + ".parallel", !work || *work > t.cost.task_elements()));
  if (!wanted) return {};
  if (outer.empty()) return s.parallel(inside.front());
  TENON_TRY(const std::string all, fuse_all(s, outer));
  return s.parallel(all);
}

}  // namespace tenon::schedule::defaults
