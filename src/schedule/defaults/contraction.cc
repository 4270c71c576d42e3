// Products of matrices, batched or not, and convolutions, which are the same with more loops
// around:
//   parallel [batch, row chunks, panels]  rows of tiles  k..  tile of mr x nr in registers
// The operand along the output's contiguous axis is packed in panels of nr columns (a constant
// once, at compile time), a panel stays in the second-level cache while a chunk of rows passes by,
// the tile is an instruction of the machine, and the epilogue runs on the tile before it is stored.
// Where an instruction takes steps of k in groups, a panel holds each column's group side by side,
// and what is left of k is one more, smaller group.
#include <algorithm>

#include "ir/rewrite.h"
#include "schedule/defaults/tile.h"
#include "schedule/unify.h"

namespace tenon::schedule::defaults {
namespace {
using namespace ir;  // NOLINT

// What is taken for an extent that is not known: a model's usual width, more tiles than there are.
constexpr int64_t kUnknownDepth = 1024, kUnknownTiles = 1024;

/// How the loops of a contraction touch its operands.
struct Roles {
  AccessInfo a, b;            // rows' operand and columns' operand
  Handles batch, rows, cols;  // spatial loops, outermost first
  Handles k;
};

struct Dims {
  std::optional<int64_t> m, n, k;
};

bool moves(Context& c, const AccessInfo& a, const LoopInfo& l) {
  const auto linear = linear_in(c, a.flat, std::span(&l.var, 1));
  return !linear || !is_int(simplify(c, linear->coefficients[0]), 0);
}

Expr widened_load(Expr e) { return e->op == Op::cast ? e->operand(0) : e; }

/// nullopt unless the value is a product of two loads, widened or not, and the innermost output
/// axis moves only one.
std::optional<Roles> roles_of(Context& c, const BlockInfo& info) {
  if (!info.simple || !info.is_update || info.value->op != Op::mul) return std::nullopt;
  for (Expr factor : info.value->operands)
    if (widened_load(factor)->op != Op::load) return std::nullopt;
  if (info.reads.size() != 2) return std::nullopt;
  Roles r{info.reads[0], info.reads[1], {}, {}, {}, {}};
  const std::vector<LoopInfo> spatial = info.spatial();
  if (spatial.empty() || info.reductions().empty()) return std::nullopt;
  const LoopInfo& last = spatial.back();
  const bool in_a = moves(c, r.a, last), in_b = moves(c, r.b, last);
  if (in_a == in_b) return std::nullopt;
  if (in_a) std::swap(r.a, r.b);
  for (const LoopInfo& l : spatial) {
    const bool a = moves(c, r.a, l), b = moves(c, r.b, l);
    if (!a && !b) return std::nullopt;
    (a && b ? r.batch : (a ? r.rows : r.cols)).push_back(l.name);
  }
  for (const LoopInfo& l : info.reductions()) r.k.push_back(l.name);
  return r;
}

class Contraction {
 public:
  /// `instruction` is the decision for `row`.
  Contraction(Schedule& s, const Target& t, std::string anchor, const machine::Instruction& row,
              Term instruction)
      : s_(s),
        t_(t),
        anchor_(std::move(anchor)),
        instruction_(row),
        word_(std::move(instruction)),
        steps_(machine::semantics(row).group()) {}

  Status run() {
    TENON_TRY_VOID(split_groups());
    TENON_TRY_VOID(merge_k());
    const auto info = here();
    const auto roles = roles_of(c(), info);
    if (!roles) return fail("schedule.defaults", "not a product of two buffers");
    r_ = *roles;
    lanes_ = t_.lanes(info);
    dims_.n = as_int(s_.extent(r_.cols.back()));
    dims_.k = total(info.reductions());
    if (!r_.rows.empty()) dims_.m = as_int(s_.extent(r_.rows.back()));
    if (dims_.n && *dims_.n < lanes_ / 4 && group_ == 0)
      return fail("schedule.defaults", "too few columns for a tile");
    TENON_TRY_VOID(size_tile(info));
    TENON_TRY_VOID(take_groups(info));
    TENON_TRY_VOID(pack_columns(info));
    return tile(info);
  }

 private:
  Context& c() { return *s_.program()->context; }
  [[nodiscard]] std::vector<Number> sizes() const {
    std::vector<Number> all{mr_, nr_};
    for (const Number& height : tail_heights(mr_)) all.push_back(height);
    return all;
  }
  [[nodiscard]] bool fits() const {
    std::vector<int64_t> all;
    for (const Number& size : sizes()) all.push_back(size.value);
    return instruction_.fits(t_.machine, all);
  }

  /// Decides ANCHOR.columns and ANCHOR.rows.
  Status size_tile(const BlockInfo& info) {
    const auto group = group_ != 0 ? std::optional(group_) : std::nullopt;
    TENON_TRY(nr_, t_.number(s_, anchor_ + ".columns", column_candidates(t_.machine, lanes_, group),
                             group ? group_columns(lanes_, group_)
                                   : tile_columns(t_.machine, lanes_, dims_.n)));
    if (group && group_ % nr_.value != 0)
      return fail("schedule.defaults", "the tile's columns do not divide those of a group");
    if (!r_.rows.empty()) {
      int lanes = lanes_;
      while (nr_.value % lanes != 0) lanes /= 2;
      mr_ = tile_rows(t_, lanes, nr_.value, dims_.m, most_rows(info));
      while (mr_.value > 1 && !fits()) mr_ = mr_.value - 1;
      std::vector<int64_t> candidates;
      for (int64_t rows = 1; rows <= t_.machine.vector_registers; ++rows)
        candidates.push_back(rows);
      TENON_TRY(mr_, t_.number(s_, anchor_ + ".rows", fitting(std::move(candidates)), mr_.value));
    }
    if (!fits()) return fail("schedule.defaults", "registers do not hold a tile");
    return {};
  }

  /// Those heights of tiles that registers hold and that are no higher than there are rows.
  std::vector<int64_t> fitting(std::vector<int64_t> heights) {
    const Number now = mr_;
    std::erase_if(heights, [&](int64_t rows) {
      mr_ = rows;
      return !fits() || (dims_.m && rows > *dims_.m);
    });
    mr_ = now;
    return heights;
  }

  BlockInfo here() const { return *describe(*s_.program(), anchor_); }

  Status split_groups() {
    const auto info = here();
    const int64_t size = group_size(info);
    if (size == 0) return {};
    const int lanes = t_.lanes(info);
    if (size < lanes && lanes % size == 0)
      return fail("schedule.defaults", "groups that share a vector");
    group_ = size;
    TENON_TRY(const Handles oc, s_.split(info.spatial().back().name, size, "predicate"));
    // Constant weights get an axis for the groups, so that the columns of each are packed alone.
    const BlockInfo split = here();
    for (const AccessInfo& a : split.reads) {
      const std::optional<int> axis = axis_of(split, a, oc[1]);
      if (role_of(*s_.program(), a.buffer) != ParamRole::constant || !axis) continue;
      Packing p;
      p.factors.assign(a.indices.size(), 0);
      p.factors[static_cast<size_t>(*axis)] = size;
      for (size_t d = 0; d <= a.indices.size(); ++d) p.perm.push_back(static_cast<int64_t>(d));
      TENON_TRY_VOID(s_.pack(anchor_, a.buffer->string_attr(Key::name), p).map([](const auto&) {}));
      break;
    }
    return {};
  }

  /// The only axis of the access that the loop walks.
  std::optional<int> axis_of(const BlockInfo& info, const AccessInfo& a, const std::string& loop) {
    std::optional<int> axis;
    for (const LoopInfo& l : info.loops)
      for (size_t d = 0; d < a.indices.size() && l.name == loop; ++d) {
        const auto nodes = post_order(std::span(&a.indices[d], 1));
        if (std::find(nodes.begin(), nodes.end(), l.var) == nodes.end()) continue;
        if (axis) return std::nullopt;
        axis = static_cast<int>(d);
      }
    return axis;
  }

  /// Neighbouring reduction loops that are one axis of both operands become one, but for the last
  /// where groups are taken from it: a packed axis is one of the operand's.
  Status merge_k() {
    for (;;) {
      const auto info = here();
      const std::vector<LoopInfo> k = info.reductions();
      bool merged = false;
      for (size_t l = k.size() - (steps_ > 1 && !k.empty() ? 1 : 0); l-- > 1 && !merged;) {
        if (!can_merge(c(), info, k[l - 1], k[l])) continue;
        TENON_TRY_VOID(s_.fuse(k[l - 1].name, k[l].name).map([](const auto&) {}));
        merged = true;
      }
      if (!merged) return {};
    }
  }

  /// Rows that share a set of the first-level cache: no more than it has ways.
  int64_t most_rows(const BlockInfo& info) {
    for (const LoopInfo& l : info.loops) {
      if (r_.rows.empty() || l.name != r_.rows.back()) continue;
      const Expr stride = stride_of(c(), r_.a, l, info.loops);
      const auto n = stride == nullptr ? std::nullopt : as_int(stride);
      if (n)
        return t_.cost.rows_side_by_side(*n * ir::info(r_.a.buffer->dtype()).bytes)
            .value_or(INT64_MAX);
    }
    return INT64_MAX;
  }

  /// Refuses where k cannot be taken in groups: it is shorter, or columns that are packed at run
  /// time serve too few rows. Rows whose neighbours along k do not lie side by side are copied so.
  Status take_groups(const BlockInfo& info) {
    if (steps_ == 1) return {};
    const auto k = as_int(s_.extent(r_.k.back()));
    // Other loops around k load and store the tile each time: a load, a store and the two additions
    // that they interrupt are four steps.
    constexpr int64_t kGroupsBetweenLoads = 4;
    if (k && *k < steps_ * (r_.k.size() > 1 ? kGroupsBetweenLoads : 1))
      return fail("schedule.defaults", "the reduction is too short for groups");
    // Bytes are packed one by one, a cycle each; a row saves about an eighth of it in products.
    constexpr int64_t kRowsThatPayForPacking = 8;
    const bool constant = role_of(*s_.program(), r_.b.buffer) == ParamRole::constant;
    if (!constant && dims_.m.value_or(kRowsThatPayForPacking) < kRowsThatPayForPacking)
      return fail("schedule.defaults", "too few rows to pack the columns in groups");
    if (group_axis(info, r_.b) < 0)
      return fail("schedule.defaults", "the reduction is no axis of the columns' operand");
    for (const LoopInfo& l : info.loops)
      if (l.name == r_.k.back() && !is_contiguous(c(), r_.a, l, info.loops)) return pack_rows(info);
    return {};
  }

  /// ir::Packing with factors that are decisions.
  struct Layout {
    std::vector<Number> factors;
    std::vector<int64_t> perm;
  };

  Status pack_rows(const BlockInfo& info) {
    const int axis = group_axis(info, r_.a);
    if (axis < 0) return fail("schedule.defaults", "the reduction is no axis of the rows' operand");
    Layout p;
    p.factors.assign(r_.a.indices.size(), 0);
    for (int d = 0; d < static_cast<int>(p.factors.size()); ++d)
      if (d != axis) p.perm.push_back(d);
    p.perm.push_back(axis);
    return pack(r_.a, p);
  }

  Status pack(const AccessInfo& operand, const Layout& layout) {
    TENON_TRY(const std::string packed, s_.pack(anchor_, operand.buffer->string_attr(Key::name),
                                                layout.factors, layout.perm));
    if (!packed.empty()) pack_blocks_.push_back(packed);
    return {};
  }

  /// Axis of the operand that the innermost reduction loop is; -1: none.
  int group_axis(const BlockInfo& info, const AccessInfo& operand) {
    const auto axis = axis_of(info, operand, r_.k.back());
    if (!axis) return -1;
    for (const LoopInfo& l : info.loops)
      if (l.name == r_.k.back() && operand.indices[static_cast<size_t>(*axis)] == l.var)
        return *axis;
    return -1;
  }

  /// Axis of the column operand that the innermost column loop walks, alone and from 0; -1: none.
  int column_axis(const BlockInfo& info) {
    Expr var = nullptr;
    for (const LoopInfo& l : info.loops)
      if (l.name == r_.cols.back()) var = l.var;
    int axis = -1;
    for (size_t d = 0; d < r_.b.indices.size(); ++d) {
      const auto linear = linear_in(c(), r_.b.indices[d], std::span(&var, 1));
      if (!linear || is_int(linear->coefficients[0], 0)) continue;
      // A group's columns stand behind one another in the axis, from a multiple of their number.
      const bool whole =
          r_.b.indices[d] == var ||
          (dims_.n && divisor(linear->rest) % nr_.value == 0 && *dims_.n % nr_.value == 0);
      if (axis >= 0 || !is_int(linear->coefficients[0], 1) || !whole) return -1;
      axis = static_cast<int>(d);
    }
    return axis;
  }

  Status pack_columns(const BlockInfo& info) {
    const bool constant = role_of(*s_.program(), r_.b.buffer) == ParamRole::constant;
    const LoopInfo* col = nullptr;
    for (const LoopInfo& l : info.loops)
      if (l.name == r_.cols.back()) col = &l;
    const bool in_place = is_contiguous(c(), r_.b, *col, info.loops) && dims_.n &&
                          *dims_.n % nr_.value == 0 && steps_ == 1;
    if (in_place) {
      TENON_TRY(const bool packed, t_.yes(s_, anchor_ + ".packed", constant));
      if (!packed) return {};
    }
    const int axis = column_axis(info);
    if (axis < 0) return fail("schedule.defaults", "the columns are no axis of their operand");
    return pack(r_.b, layout(info, axis));
  }

  /// Outer axes, panels, axes of k in loop order, columns in the panel, steps of k in a group.
  Layout layout(const BlockInfo& info, int axis) {
    const size_t rank = r_.b.indices.size();
    const int grouped = steps_ == 1 ? -1 : group_axis(info, r_.b);
    Layout p;
    p.factors.assign(rank, 0);
    p.factors[static_cast<size_t>(axis)] = nr_;
    if (grouped >= 0) p.factors[static_cast<size_t>(grouped)] = steps_;
    std::vector<int64_t> outer, inner, in_panel, in_group;
    int64_t panel = 0, at = 0;
    for (size_t d = 0; d < rank; ++d, ++at) {
      bool reduced = false;
      for (const LoopInfo& l : info.reductions())
        for (Expr n : post_order(std::span(&r_.b.indices[d], 1))) reduced = reduced || n == l.var;
      if (static_cast<int>(d) == axis) {
        panel = at;
        in_panel.push_back(++at);
      } else {
        (reduced ? inner : outer).push_back(at);
        if (static_cast<int>(d) == grouped) in_group.push_back(++at);
      }
    }
    p.perm = outer;
    p.perm.push_back(panel);
    for (const auto& part : {inner, in_panel, in_group})
      p.perm.insert(p.perm.end(), part.begin(), part.end());
    return p;
  }

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
    TENON_TRY(const std::string init, s_.decompose_reduction(anchor_, r_.k.front()));
    TENON_TRY_VOID(unroll_rows(s_, t_, init, place));
    TENON_TRY_VOID(tensorize());
    return make_parallel(before, outer);
  }

  /// The loops from the innermost over k on become the instruction, in groups of steps where it
  /// takes them; so does what is left of k.
  Status tensorize() {
    const std::string k = r_.k.back();
    if (steps_ == 1) return s_.tensorize(k, word_, sizes());
    TENON_TRY(const Handles parts, s_.split(k, steps_, "peel"));
    TENON_TRY_VOID(s_.tensorize(parts[0], word_, sizes()));
    const Handles blocks = s_.blocks();
    if (std::ranges::find(blocks, anchor_ + "_tail") == blocks.end()) return {};
    return s_.tensorize(k + "_tail", word_, sizes());
  }

  int64_t chunk_size(const Handles& inner, std::optional<int64_t> count) {
    const int64_t k = dims_.k.value_or(kUnknownDepth);
    int64_t rows = mr_.value;
    if (inner.size() > 1) rows = mr_.value * as_int(s_.extent(inner.back())).value_or(8);
    const int64_t bytes = rows * k * info(r_.a.buffer->dtype()).bytes / (inner.size() > 1 ? 2 : 1);
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

  Schedule& s_;
  const Target& t_;
  std::string anchor_;
  const machine::Instruction& instruction_;
  Term word_;      // its name
  int64_t steps_;  // of k that the instruction takes side by side
  Roles r_;
  Dims dims_;
  int lanes_ = 1;
  Number mr_ = 1, nr_ = 1;
  int64_t group_ = 0;  // output channels of a group; 0: there are no groups
  Handles pack_blocks_;
};

}  // namespace

Status schedule_contraction(Schedule& s, const Target& t, const std::string& anchor) {
  inline_producers(s);
  const auto info = describe(*s.program(), anchor);
  if (!info || !info->is_update) return fail("schedule.defaults", "not a product of two buffers");
  const auto rows = instructions_for(BlockView{info->node}.body(), t.machine);
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
