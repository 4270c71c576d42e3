#include "schedule/defaults/product.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "schedule/unify.h"

namespace tenon::schedule::defaults {
using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

bool moves(Context& c, const AccessInfo& a, const LoopInfo& l) {
  const auto linear = linear_in(c, a.flat, std::span(&l.var, 1));
  return !linear || !is_int(simplify(c, linear->coefficients[0]), 0);
}

Expr widened_load(Expr e) { return e->op == Op::cast ? e->operand(0) : e; }

/// Of the loops behind the first `outer`.
std::optional<Roles> roles_behind(Context& c, const BlockInfo& info, size_t outer) {
  if (!info.simple || !info.is_update || info.value->op != Op::mul) return std::nullopt;
  for (Expr factor : info.value->operands)
    if (widened_load(factor)->op != Op::load) return std::nullopt;
  if (info.reads.size() != 2) return std::nullopt;
  Roles r{info.reads[0], info.reads[1], {}, {}, {}, {}};
  std::vector<LoopInfo> spatial;
  for (size_t l = outer; l < info.loops.size(); ++l)
    if (!info.loops[l].reduction) spatial.push_back(info.loops[l]);
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

}  // namespace

std::optional<Roles> roles_of(Context& c, const BlockInfo& info) {
  return roles_behind(c, info, 0);
}

Status Product::prepare() {
  TENON_TRY_VOID(split_groups());
  // A copy of the rows may shrink: its axes stay apart.
  widens_ = unify(instruction_, BlockView{here().node}.body()).empty();
  if (!widens_) TENON_TRY_VOID(merge_k());
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
  TENON_TRY_VOID(widen_rows(info));
  const auto wide = here();
  TENON_TRY_VOID(take_groups(wide));
  // Rows that are packed too are copied once.
  if (!pack_blocks_.empty() && !widen_block_.empty()) {
    TENON_TRY_VOID(s_.inline_block(widen_block_));
  } else if (!widen_block_.empty()) {
    pack_blocks_.push_back(widen_block_);
  }
  return pack_columns(wide);
}

Status Product::finish_tile(const std::string& place) {
  TENON_TRY(const std::string init, s_.decompose_reduction(anchor_, r_.k.front()));
  TENON_TRY_VOID(unroll_rows(s_, t_, init, place));
  return tensorize();
}

Result<std::string> Product::cut_below(size_t outer, const Handles& behind) {
  const auto roles = roles_behind(c(), here(), outer);
  if (!roles) return fail("schedule.defaults", "not a product of two buffers");
  r_ = *roles;
  if (!r_.batch.empty() || r_.rows.size() != 1 || r_.cols.size() != 1)
    return fail("schedule.defaults", "not the rows and columns of one product");
  Handles after = behind;
  if (after.empty()) {
    TENON_TRY(const std::string stored, s_.cache_write(anchor_, "reg"));
    after.push_back(stored);
  } else {
    TENON_TRY_VOID(s_.set_scope(anchor_, "reg"));
  }
  TENON_TRY(const Handles m, s_.split(r_.rows.back(), mr_));
  TENON_TRY(const Handles n, s_.split(r_.cols.back(), nr_));
  Handles order{n[0], m[0]};
  order.insert(order.end(), r_.k.begin(), r_.k.end());
  order.insert(order.end(), {m[1], n[1]});
  TENON_TRY_VOID(s_.reorder(order));
  for (const std::string& block : after) {
    TENON_TRY_VOID(s_.reverse_compute_at(block, m[0]));
    TENON_TRY_VOID(unroll_rows(s_, t_, block, m[0]));
  }
  return m[0];
}

std::vector<Number> Product::sizes() const {
  std::vector<Number> all{mr_, nr_};
  for (const Number& height : tail_heights(mr_)) all.push_back(height);
  return all;
}

bool Product::fits() const {
  std::vector<int64_t> all;
  for (const Number& size : sizes()) all.push_back(size.value);
  return instruction_.fits(t_.machine, all);
}

Status Product::size_tile(const BlockInfo& info) {
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
    for (int64_t rows = 1; rows <= t_.machine.vector_registers; ++rows) candidates.push_back(rows);
    TENON_TRY(mr_, t_.number(s_, anchor_ + ".rows", fitting(std::move(candidates)), mr_.value));
  }
  if (!fits()) return fail("schedule.defaults", "registers do not hold a tile");
  return {};
}

std::vector<int64_t> Product::fitting(std::vector<int64_t> heights) {
  const Number now = mr_;
  std::erase_if(heights, [&](int64_t rows) {
    mr_ = rows;
    return !fits() || (dims_.m && rows > *dims_.m);
  });
  mr_ = now;
  return heights;
}

Status Product::split_groups() {
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

std::optional<int> Product::axis_of(const BlockInfo& info, const AccessInfo& a,
                                    const std::string& loop) {
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

Status Product::merge_k() {
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

int64_t Product::most_rows(const BlockInfo& info) {
  for (const LoopInfo& l : info.loops) {
    if (r_.rows.empty() || l.name != r_.rows.back()) continue;
    const Expr stride = stride_of(c(), r_.a, l, info.loops);
    const auto n = stride == nullptr ? std::nullopt : as_int(stride);
    if (n)
      return t_.cost.rows_side_by_side(*n * ir::info(r_.a.buffer->dtype()).element_bytes)
          .value_or(INT64_MAX);
  }
  return INT64_MAX;
}

Status Product::take_groups(const BlockInfo& info) {
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

Status Product::widen_rows(const BlockInfo& info) {
  if (!widens_) return {};
  const Expr update = BlockView{info.node}.body();
  // A loop around that of the instruction loads and stores the tile each time.
  constexpr int64_t kStepsBetweenLoads = 16;
  if (r_.k.size() > 1 &&
      as_int(s_.extent(r_.k.back())).value_or(kStepsBetweenLoads) < kStepsBetweenLoads)
    return fail("schedule.defaults", "loops of the reduction that are too short to stay apart");
  for (const std::vector<Widening>& loads : unify_wider(instruction_, update)) {
    if (loads.size() != 1 || loads[0].load->operand(0) != r_.a.buffer) continue;
    if (role_of(*s_.program(), r_.a.buffer) == ParamRole::constant)
      return fail("schedule.defaults", "a constant would be widened in every run");
    TENON_TRY(widen_block_, s_.widen(anchor_, r_.a.buffer->string_attr(Key::name), loads[0].type));
    const auto roles = roles_of(c(), here());
    if (!roles) return fail("schedule.defaults", "not a product of two buffers");
    r_ = *roles;
    return {};
  }
  return fail("schedule.defaults", "the instruction takes wider columns");
}

Status Product::pack_rows(const BlockInfo& info) {
  const int axis = group_axis(info, r_.a);
  if (axis < 0) return fail("schedule.defaults", "the reduction is no axis of the rows' operand");
  Layout p;
  p.factors.assign(r_.a.indices.size(), 0);
  for (int d = 0; d < static_cast<int>(p.factors.size()); ++d)
    if (d != axis) p.perm.push_back(d);
  p.perm.push_back(axis);
  return pack(r_.a, p);
}

Status Product::pack(const AccessInfo& operand, const Layout& layout) {
  TENON_TRY(const std::string packed,
            s_.pack(anchor_, operand.buffer->string_attr(Key::name), layout.factors, layout.perm));
  if (!packed.empty()) pack_blocks_.push_back(packed);
  return {};
}

int Product::group_axis(const BlockInfo& info, const AccessInfo& operand) {
  const auto axis = axis_of(info, operand, r_.k.back());
  if (!axis) return -1;
  for (const LoopInfo& l : info.loops)
    if (l.name == r_.k.back() && operand.indices[static_cast<size_t>(*axis)] == l.var) return *axis;
  return -1;
}

int Product::column_axis(const BlockInfo& info) {
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

Status Product::pack_columns(const BlockInfo& info) {
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

Product::Layout Product::layout(const BlockInfo& info, int axis) {
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

Status Product::tensorize() {
  const std::string k = r_.k.back();
  if (steps_ == 1) return s_.tensorize(k, word_, sizes());
  TENON_TRY(const Handles parts, s_.split(k, steps_, "peel"));
  TENON_TRY_VOID(s_.tensorize(parts[0], word_, sizes()));
  const Handles blocks = s_.blocks();
  if (std::ranges::find(blocks, anchor_ + "_tail") == blocks.end()) return {};
  return s_.tensorize(k + "_tail", word_, sizes());
}

}  // namespace tenon::schedule::defaults
