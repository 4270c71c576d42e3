// Products of matrices, batched or not, and convolutions, which are the same with more loops
// around:
//   parallel [batch, row chunks, panels]  rows of tiles  k..  tile of mr x nr in registers
// The operand along the output's contiguous axis is packed in panels of nr columns (a constant
// once, at compile time), a panel stays in the second-level cache while a chunk of rows passes by,
// the tile is an instruction of the machine, and the epilogue runs on the tile before it is stored.
// Where an instruction takes steps of k in groups, a panel holds each column's group side by side,
// and what is left of k is one more, smaller group.
#include <algorithm>

#include "schedule/defaults/product.h"
#include "schedule/unify.h"

namespace tenon::schedule::defaults {
namespace {
using namespace ir;  // NOLINT

// What is taken for an extent that is not known: a model's usual width, more tiles than there are.
constexpr int64_t kUnknownDepth = 1024, kUnknownTiles = 1024;

class Contraction : Product {
 public:
  using Product::Product;

  Status run() {
    TENON_TRY_VOID(prepare());
    return tile(here());
  }

 private:
  /// Rows of tiles that one task takes: their operand stays in the second-level cache, and there
  /// are tasks enough.
  [[nodiscard]] int64_t chunk_tiles(int64_t tiles, int64_t bytes_of_tile,
                                    int64_t other_tasks) const {
    int64_t chunk =
        std::max<int64_t>(t_.cost.resident_bytes() / std::max<int64_t>(bytes_of_tile, 1), 1);
    if (other_tasks < t_.cost.tasks())
      chunk = std::min(chunk, std::max<int64_t>(tiles * other_tasks / t_.cost.tasks(), 1));
    return std::min(chunk, tiles);
  }

  Status tile(const BlockInfo& before) {
    TENON_TRY_VOID(accumulate_in_registers(s_, anchor_));
    std::string row_tile, row_in, chunk_loop;
    if (!r_.rows.empty()) {
      TENON_TRY(const Handles m, s_.split(r_.rows.back(), mr_));
      row_tile = m[0];
      row_in = m[1];
    }
    TENON_TRY(const Handles n, s_.split(r_.cols.back(), nr_));
    // The loop over rows that is cut into chunks: tiles, or the axis around them in a convolution.
    Handles outer = r_.batch, inner;
    for (size_t i = 0; i + 1 < r_.cols.size(); ++i) outer.push_back(r_.cols[i]);
    for (size_t i = 0; i + 2 < r_.rows.size(); ++i) outer.push_back(r_.rows[i]);
    if (r_.rows.size() > 1) inner.push_back(r_.rows[r_.rows.size() - 2]);
    if (!row_tile.empty()) inner.push_back(row_tile);
    if (!inner.empty()) {
      const auto count = as_int(s_.extent(inner.front()));
      TENON_TRY(const Number chunk,
                t_.number(s_, anchor_ + ".chunk", powers(1, count.value_or(kUnknownTiles)),
                          chunk_size(inner, count)));
      if (!count || chunk.value < *count) {
        TENON_TRY(const Handles parts, s_.split(inner.front(), chunk));
        outer.push_back(parts[0]);
        inner.front() = parts[1];
      }
    }
    outer.push_back(n[0]);
    Handles order = outer;
    order.insert(order.end(), inner.begin(), inner.end());
    order.insert(order.end(), r_.k.begin(), r_.k.end());
    if (!row_in.empty()) order.push_back(row_in);
    order.push_back(n[1]);
    TENON_TRY_VOID(s_.reorder(order));
    const std::string place = inner.empty() ? n[0] : inner.back();
    Handles places{place};
    if (place != n[0]) places.push_back(n[0]);
    TENON_TRY_VOID(attach_epilogue(s_, t_, anchor_, places));
    TENON_TRY_VOID(finish_tile(place));
    return make_parallel(before, outer);
  }

  int64_t chunk_size(const Handles& inner, std::optional<int64_t> count) {
    const int64_t k = dims_.k.value_or(kUnknownDepth);
    int64_t rows = mr_.value;
    if (inner.size() > 1) rows = mr_.value * as_int(s_.extent(inner.back())).value_or(8);
    const int64_t bytes =
        rows * k * info(r_.a.buffer->dtype()).element_bytes / (inner.size() > 1 ? 2 : 1);
    int64_t others = dims_.n ? (*dims_.n + nr_.value - 1) / nr_.value : 8;
    for (const std::string& b : r_.batch) others *= as_int(s_.extent(b)).value_or(1);
    return chunk_tiles(count.value_or(INT64_MAX / 64), bytes, others);
  }

  Status make_parallel(const BlockInfo& before, const Handles& outer) {
    for (const std::string& b : pack_blocks_) {
      if (!r_.batch.empty() && s_.compute_at(b, r_.batch.back())) {
        TENON_TRY_VOID(s_.set_scope(b, "scratch"));
        TENON_TRY_VOID(schedule_map(s_, t_, b, r_.batch.size(), false));
        TENON_TRY(const std::string all, fuse_all(s_, r_.batch));
        return s_.parallel(all);
      }
      TENON_TRY_VOID(schedule_map(s_, t_, b, 0, true));
    }
    const auto work = total(before.loops);
    const bool small = work && t_.cost.is_small_product(*work, lanes_);
    TENON_TRY(const bool wanted, t_.yes(s_, anchor_ + ".parallel", !small));
    if (!wanted) return {};
    TENON_TRY(const std::string all, fuse_all(s_, outer));
    return s_.parallel(all);
  }
};

/// Instructions for the anchor, best first: those that take more steps of the reduction, among
/// equals those for which rows are widened once, where that pays, instead of in every tile.
std::vector<const machine::Instruction*> candidates(Context& c, const Target& t,
                                                    const BlockInfo& info) {
  const Expr update = BlockView{info.node}.body();
  std::vector<const machine::Instruction*> all = instructions_for(update, t.machine);
  const auto roles = roles_of(c, info);
  if (!roles) return all;
  const auto extent = [&](const Handles& loops) {
    std::vector<LoopInfo> of;
    for (const LoopInfo& l : info.loops)
      if (std::ranges::find(loops, l.name) != loops.end()) of.push_back(l);
    return total(of);
  };
  const bool pays = t.cost.widening_pays(extent(roles->rows), extent(roles->cols), t.lanes(info));
  const auto steps = [](const machine::Instruction* row) { return semantics(*row).group(); };
  for (const machine::Instruction& row : machine::instructions()) {
    const auto ways = unify_wider(row, update);
    const auto one = [](const std::vector<Widening>& loads) { return loads.size() == 1; };
    if (!machine::has_instruction(t.machine, row) || !std::ranges::any_of(ways, one)) continue;
    all.insert(pays ? std::ranges::lower_bound(all, steps(&row), std::greater{}, steps) : all.end(),
               &row);
  }
  return all;
}

}  // namespace

Status schedule_contraction(Schedule& s, const Target& t, const std::string& anchor) {
  inline_producers(s);
  const auto info = describe(*s.program(), anchor);
  if (!info || !info->is_update) return fail("schedule.defaults", "not a product of two buffers");
  const auto rows = candidates(*s.program()->context, t, *info);
  if (rows.empty()) return fail("schedule.defaults", "no instruction computes the product");
  std::vector<Attempt> attempts;
  for (const machine::Instruction* row : rows) {
    const std::string name(row->name);
    attempts.push_back({"contraction by " + name, anchor, name, [&t, &anchor, row](Schedule& x) {
                          const Term word(std::string(row->name), anchor + ".instruction");
                          return Contraction(x, t, anchor, *row, word).run();
                        }});
  }
  // Whatever reads nothing of the product is scheduled by itself.
  return first_of(s, t, anchor + ".instruction", attempts).map([](const Attempt*) {});
}

}  // namespace tenon::schedule::defaults
