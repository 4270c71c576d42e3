// Conditions across lanes: comparisons of indices as counts of lanes, and copies of a statement for
// the case that a condition holds in every lane.
#include <algorithm>
#include <set>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/vector.h"
#include "schedule/finalize/passes.h"
#include "schedule/finalize/vectorize/vectorize.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

/// lt and its kin where one side steps by one lane and the other stays: the active lanes are a
/// prefix or a suffix, whose length is one scalar subtraction.
std::optional<VectorBody::Range> VectorBody::range(Expr e) {
  if (e->op != Op::lt && e->op != Op::le && e->op != Op::gt && e->op != Op::ge) return std::nullopt;
  if (e->operand(0)->dtype() != DType::i64) return std::nullopt;
  const bool flipped = e->op == Op::gt || e->op == Op::ge;
  const Expr low = e->operand(flipped ? 1 : 0);
  const Expr high = e->operand(flipped ? 0 : 1);
  const int64_t slack = e->op == Op::le || e->op == Op::ge ? 1 : 0;
  const Chunk whole{chunks_[0].offset, static_cast<int>(span())};
  const auto low_step = facts_.step(low, whole);
  const auto high_step = facts_.step(high, whole);
  const bool prefix = low_step == 1 && high_step == 0;
  if (!prefix && !(low_step == 0 && high_step == 1)) return std::nullopt;
  const Expr distance =
      prefix ? sub(c_, first(high, 0), first(low, 0)) : sub(c_, first(low, 0), first(high, 0));
  return Range{prefix, add(c_, distance, c_.i64(prefix ? slack : 1 - slack))};
}

Expr VectorBody::counts(int width) {
  const Type type = c_.scalar(width > 16 ? DType::u8 : DType::u32);
  return ramp(c_, c_.imm(type, 0), 1, width);
}

Expr VectorBody::count(Expr scalar, int width) {
  return splat(c_, cast(c_, width > 16 ? DType::u8 : DType::u32, scalar), width);
}

/// Compared in narrow lanes: one instruction for a chunk.
Expr VectorBody::part(const Range& range, size_t k) {
  const Chunk& chunk = chunks_[k];
  const Expr rest = sub(c_, range.bound, c_.i64(chunk.offset - chunks_[0].offset));
  const Expr bound = ir::min(c_, ir::max(c_, rest, c_.i64(0)), c_.i64(chunk.width));
  return binary(c_, range.prefix ? Op::lt : Op::ge, counts(chunk.width), count(bound, chunk.width));
}

VectorBody::Condition VectorBody::condition(Expr e) {
  Condition out{{}, c_.bool_imm(true), c_.bool_imm(false)};
  if (const auto found = range(e)) {
    for (size_t k = 0; k < chunks_.size(); ++k) out.parts.push_back(part(*found, k));
    const Expr bound = found->bound;
    const Expr none = c_.i64(0);
    const Expr every = c_.i64(span());
    out.all = found->prefix ? le(c_, every, bound) : le(c_, bound, none);
    out.any = found->prefix ? lt(c_, none, bound) : lt(c_, bound, every);
    return out;
  }
  if (e->op == Op::and_) {
    const Condition x = condition(e->operand(0));
    const Condition y = condition(e->operand(1));
    out.all = logical_and(c_, x.all, y.all);
    for (size_t k = 0; k < chunks_.size(); ++k)
      out.parts.push_back(binary(c_, Op::and_, x.parts[k], y.parts[k]));
  } else {
    for (size_t k = 0; k < chunks_.size(); ++k) out.parts.push_back(vector(e, k));
    if (facts_.is_uniform(e)) {
      out.all = out.any = value(e, 0);
      return out;
    }
    for (Expr m : out.parts) out.all = logical_and(c_, out.all, reduce_lanes(c_, "and", m));
  }
  for (Expr m : out.parts) out.any = logical_or(c_, out.any, reduce_lanes(c_, "or", m));
  return out;
}

/// True in every lane, as a scalar; nullptr where that is not cheap to tell.
Expr VectorBody::holds_everywhere(Expr condition) {
  if (condition->op == Op::and_) {
    const Expr x = holds_everywhere(condition->operand(0));
    const Expr y = x == nullptr ? nullptr : holds_everywhere(condition->operand(1));
    return y == nullptr ? nullptr : logical_and(c_, x, y);
  }
  // A load in it could depend on what a condition around it guards.
  if (scope_.has_load(condition)) return nullptr;
  if (facts_.is_uniform(condition)) return condition;
  const auto found = range(condition);
  if (!found) return nullptr;
  return found->prefix ? le(c_, c_.i64(span()), found->bound) : le(c_, found->bound, c_.i64(0));
}

/// Conditions of selects with loads that vary between lanes and can be told for all lanes at once.
std::vector<Expr> VectorBody::guards(Expr value) {
  std::vector<Expr> found;
  std::vector<Expr> work{value};
  std::set<uint32_t> seen;
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (!seen.insert(e->id).second || is_load(e->op)) continue;
    if (e->op == Op::select && !facts_.is_uniform(e->operand(0)) && scope_.has_load(e) &&
        std::find(found.begin(), found.end(), e->operand(0)) == found.end())
      found.push_back(e->operand(0));
    work.insert(work.end(), e->operands.begin(), e->operands.end());
  }
  return found;
}

/// A store twice where selects guard loads lane by lane: once for whole vectors, whose conditions
/// are known to hold, and once in general.
Expr VectorBody::versions(Expr s) {
  constexpr size_t kMostGuards = 3;
  if (mask_ || versioned_) return store(s);
  Map holding;
  Expr all = c_.bool_imm(true);
  for (Expr guard : guards(s->operand(1))) {
    const Expr holds = holding.size() < kMostGuards ? holds_everywhere(guard) : nullptr;
    if (holds == nullptr) continue;
    holding.emplace(guard, c_.bool_imm(true));
    all = logical_and(c_, all, holds);
  }
  if (holding.empty()) return store(s);
  versioned_ = true;
  const Expr fast = store(substitute(c_, s, holding));
  const Expr general = as_int(all) == 1 ? fast : store(s);
  versioned_ = false;
  return if_then(c_, all, fast, general);
}

namespace {
/// True if every element that the statement touches in memory is of a size that masks take.
bool takes_masks(Expr s, int bytes) {
  const Expr roots[] = {s};
  return std::ranges::all_of(post_order(roots), [&](Expr e) {
    if (e->op != Op::buffer || e->type->scope == Scope::reg) return true;
    return bytes != 0 && info(e->dtype()).element_bytes >= bytes;
  });
}
}  // namespace

bool VectorBody::masks_exist(Expr statement) { return takes_masks(statement, scope_.mask_bytes); }

/// The statement for one active lane after the other: what a machine without masks for its elements
/// does with a tail.
Expr VectorBody::lane_by_lane(const Range& range, Expr s) {
  std::vector<Expr> all;
  for (size_t k = 0; k < chunks_.size(); ++k) {
    const Chunk& chunk = chunks_[k];
    const Expr rest = sub(c_, range.bound, c_.i64(chunk.offset - chunks_[0].offset));
    const Expr bound = ir::min(c_, rest, c_.i64(chunk.width));
    const Expr from = range.prefix ? c_.i64(0) : ir::max(c_, bound, c_.i64(0));
    const Expr i = c_.var(var_->string_attr(Key::name));
    const Expr at = add(c_, i, from);
    Map map{{var_, add(c_, at, c_.i64(chunk.offset))}};
    for (const auto& [var, parts] : lets_) map[var] = lane(c_, parts[k], at);
    const Expr one = rewrite_bottom_up(c_, substitute(c_, s, map), [&](Expr e) -> Expr {
      if (e->op != Op::for_ || ForView{e}.kind() != "vector") return nullptr;
      return for_loop(c_, e->operand(0), e->operand(1), e->operand(2));
    });
    const Expr extent = range.prefix ? bound : sub(c_, c_.i64(chunk.width), from);
    all.push_back(for_loop(c_, i, extent, one));
  }
  return seq(c_, all);
}

}  // namespace tenon::schedule::finalizing
