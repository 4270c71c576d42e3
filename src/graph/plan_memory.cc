#include "graph/plan_memory.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "support/check.h"

namespace tenon::graph {
namespace {

constexpr int64_t kAlign = 64;
/// Groups up to this size are laid out a second time, largest first.
constexpr size_t kQuadraticLimit = 1500;

int64_t round_up(int64_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

/// A set of buffers joined in place: one interval, one size.
struct Piece {
  uint32_t first, last;
  int64_t size;
  int64_t offset = 0;
};

/// Free ranges below the top of a growing block, by address and by size.
class FreeList {
 public:
  int64_t take(int64_t size) {
    const auto fit = by_size_.lower_bound({size, 0});
    if (fit != by_size_.end()) {
      const auto [have, at] = *fit;
      remove(at, have);
      if (have > size) insert(at + size, have - size);
      return at;
    }
    int64_t at = top_;
    if (!by_address_.empty()) {  // a free range that touches the top grows
      const auto [start, have] = *by_address_.rbegin();
      if (start + have == top_) {
        at = start;
        remove(start, have);
      }
    }
    top_ = at + size;
    return at;
  }
  void give(int64_t at, int64_t size) {
    const auto next = by_address_.lower_bound(at);
    if (next != by_address_.end() && next->first == at + size) {
      size += next->second;
      remove(next->first, next->second);
    }
    const auto after = by_address_.lower_bound(at);
    if (after != by_address_.begin()) {
      const auto [start, have] = *std::prev(after);
      if (start + have == at) {
        remove(start, have);
        at = start;
        size += have;
      }
    }
    insert(at, size);
  }
  [[nodiscard]] int64_t top() const { return top_; }

 private:
  void insert(int64_t at, int64_t size) {
    by_address_.emplace(at, size);
    by_size_.emplace(size, at);
  }
  void remove(int64_t at, int64_t size) {
    by_address_.erase(at);
    by_size_.erase({size, at});
  }
  std::map<int64_t, int64_t> by_address_;
  std::set<std::pair<int64_t, int64_t>> by_size_;
  int64_t top_ = 0;
};

/// In order of time, best fit among what is free. Returns the size of the whole.
int64_t place_by_time(std::vector<Piece>& pieces) {
  std::vector<uint32_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(pieces[a].first, -pieces[a].size, a) <
           std::tuple(pieces[b].first, -pieces[b].size, b);
  });
  std::set<std::pair<uint32_t, uint32_t>> live;  // by last step
  FreeList free;
  for (const uint32_t i : order) {
    while (!live.empty() && live.begin()->first < pieces[i].first) {
      const Piece& dead = pieces[live.begin()->second];
      free.give(dead.offset, dead.size);
      live.erase(live.begin());
    }
    pieces[i].offset = free.take(pieces[i].size);
    live.emplace(pieces[i].last, i);
  }
  return free.top();
}

/// Largest first, each into the tightest gap between those that live at the same time.
int64_t place_by_size(std::vector<Piece>& pieces) {
  std::vector<uint32_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(-pieces[a].size, pieces[a].first, a) <
           std::tuple(-pieces[b].size, pieces[b].first, b);
  });
  std::vector<uint32_t> placed;  // by offset
  int64_t top = 0;
  for (const uint32_t i : order) {
    Piece& p = pieces[i];
    int64_t end = 0;  // of what overlaps so far
    int64_t best = -1;
    int64_t tightest = std::numeric_limits<int64_t>::max();
    for (const uint32_t j : placed) {
      const Piece& q = pieces[j];
      if (q.last < p.first || p.last < q.first) continue;
      const int64_t gap = q.offset - end;
      if (gap >= p.size && gap < tightest) {
        tightest = gap;
        best = end;
      }
      end = std::max(end, q.offset + q.size);
    }
    p.offset = best >= 0 ? best : end;
    top = std::max(top, p.offset + p.size);
    placed.insert(std::upper_bound(
                      placed.begin(), placed.end(), i,
                      [&](uint32_t a, uint32_t b) { return pieces[a].offset < pieces[b].offset; }),
                  i);
  }
  return top;
}

int64_t place(std::vector<Piece>& pieces) {
  const int64_t top = place_by_time(pieces);
  if (pieces.size() > kQuadraticLimit) return top;
  std::vector<Piece> other = pieces;
  const int64_t other_top = place_by_size(other);
  if (other_top >= top) return top;
  pieces = std::move(other);
  return other_top;
}

/// Joins buffers in place: each root stands for the set of buffers that share its memory.
class Joined {
 public:
  explicit Joined(std::span<const PlanBuffer> buffers)
      : buffers_(buffers),
        parent_(buffers.size()),
        first_(buffers.size()),
        last_(buffers.size()),
        taken_(buffers.size(), std::numeric_limits<uint32_t>::max()) {
    std::iota(parent_.begin(), parent_.end(), 0);
    for (size_t i = 0; i < buffers.size(); ++i) {
      TENON_CHECK(buffers[i].first <= buffers[i].last, "a buffer dies before it is born");
      first_[i] = buffers[i].first;
      last_[i] = buffers[i].last;
    }
  }
  uint32_t find(uint32_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  bool join(const InPlace& c) {
    const uint32_t in = find(c.in);
    const uint32_t out = find(c.out);
    if (in == out || out != c.out || last_[in] != c.last || taken_[in] == c.last) return false;
    if (buffers_[c.in].bytes != buffers_[c.out].bytes || buffers_[out].is_fixed) return false;
    const PlanBuffer& root = buffers_[in];
    if (!root.is_fixed && root.segment != buffers_[out].segment) return false;
    if (root.is_fixed && last_[out] >= root.overwritten && buffers_[out].home != in) return false;
    parent_[out] = in;
    last_[in] = std::max(last_[in], last_[out]);
    taken_[in] = c.last;
    return true;
  }
  Piece piece(uint32_t root, int64_t size) const { return {first_[root], last_[root], size}; }

 private:
  std::span<const PlanBuffer> buffers_;
  std::vector<uint32_t> parent_, first_, last_, taken_;
};

/// True if layout in units wastes little: offsets must be multiples of 64 bytes for any unit.
bool is_dense(const SizeTerm& bytes) {
  return bytes.unit == 0 || round_up(bytes.factor) - bytes.factor <= bytes.factor / 8;
}

/// Small multiples of a unit: whole blocks are reused instead of offsets, each as large as its
/// largest.
std::vector<uint32_t> share_blocks(const std::vector<Piece>& pieces, std::vector<int64_t>& sizes) {
  std::vector<uint32_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::tuple(pieces[a].first, a) < std::tuple(pieces[b].first, b);
  });
  std::set<std::pair<uint32_t, uint32_t>> busy;  // last step, block
  std::set<std::pair<int64_t, uint32_t>> idle;   // size, block
  std::vector<uint32_t> block(pieces.size());
  for (const uint32_t i : order) {
    while (!busy.empty() && busy.begin()->first < pieces[i].first) {
      idle.emplace(sizes[busy.begin()->second], busy.begin()->second);
      busy.erase(busy.begin());
    }
    auto fit = idle.lower_bound({pieces[i].size, 0});
    if (fit == idle.end() && !idle.empty()) fit = std::prev(idle.end());
    if (fit == idle.end()) {
      block[i] = static_cast<uint32_t>(sizes.size());
      sizes.push_back(0);
    } else {
      block[i] = fit->second;
      idle.erase(fit);
    }
    sizes[block[i]] = std::max(sizes[block[i]], pieces[i].size);
    busy.emplace(pieces[i].last, block[i]);
  }
  return block;
}

}  // namespace

MemoryPlan plan_memory(std::span<const PlanBuffer> buffers, std::span<const InPlace> candidates) {
  MemoryPlan plan;
  plan.placements.resize(buffers.size());
  Joined joined(buffers);
  for (const InPlace& c : candidates) plan.in_place += joined.join(c) ? 1 : 0;
  // Segment, unit, dense: a group that is laid out together.
  std::map<std::tuple<uint32_t, uint32_t, bool>, std::vector<uint32_t>> groups;
  for (uint32_t i = 0; i < buffers.size(); ++i)
    if (joined.find(i) == i && !buffers[i].is_fixed)
      groups[{buffers[i].segment, buffers[i].bytes.unit, is_dense(buffers[i].bytes)}].push_back(i);
  for (const auto& [key, roots] : groups) {
    const auto [segment, unit, dense] = key;
    std::vector<Piece> pieces;
    for (const uint32_t r : roots) {
      const int64_t factor = buffers[r].bytes.factor;
      pieces.push_back(joined.piece(r, dense ? round_up(factor) : factor));
    }
    const auto base = static_cast<uint32_t>(plan.blocks.size());
    if (dense) {
      plan.blocks.push_back({segment, {place(pieces), unit}});
      for (size_t i = 0; i < roots.size(); ++i)
        plan.placements[roots[i]] = {base, pieces[i].offset};
      continue;
    }
    std::vector<int64_t> sizes;
    const std::vector<uint32_t> block = share_blocks(pieces, sizes);
    for (size_t i = 0; i < roots.size(); ++i) plan.placements[roots[i]] = {base + block[i], 0};
    for (const int64_t size : sizes) plan.blocks.push_back({segment, {size, unit}});
  }
  for (uint32_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].is_fixed) plan.placements[i].fixed = i;
  for (uint32_t i = 0; i < buffers.size(); ++i)
    plan.placements[i] = plan.placements[joined.find(i)];
  return plan;
}

}  // namespace tenon::graph
