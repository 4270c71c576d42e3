// Loads and stores of lanes: contiguous, strided, gathered, masked; reductions into one element.
#include <algorithm>

#include "ir/combiner.h"
#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/statement.h"
#include "ir/vector.h"
#include "schedule/finalize/vectorize/vectorize.h"
#include "support/check.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

namespace {

/// Elements from one index of the axis to the next; empty: known at run time only.
std::optional<int64_t> stride(Context& c, Expr buffer, size_t axis) {
  return as_int(product(c, std::span(buffer->shape()).subspan(axis + 1)));
}

std::vector<int64_t> counted(int width, int64_t from, int64_t step) {
  std::vector<int64_t> all;
  for (int i = 0; i < width; ++i) all.push_back(from + i * step);
  return all;
}

/// All lanes within one vector from the first lane on.
bool is_near(const std::vector<int64_t>& near) {
  const auto width = static_cast<int64_t>(near.size());
  return width > 0 && std::ranges::all_of(near, [&](int64_t o) { return o >= 0 && o < width; });
}

}  // namespace

Expr VectorBody::guard(size_t k) {
  if (!mask_ || (mask_->nonempty && chunks_.size() == 1)) return nullptr;
  return reduce_lanes(c_, "or", mask_->parts[k]);
}

/// The row-major offset of the element as one expression that steps evenly from lane to lane, where
/// the indices do not each (x / n and x % n of axes that a loop runs over together); or nullptr.
Expr VectorBody::even_offset(Expr buffer, std::span<const Expr> indices, const Chunk& chunk) {
  const auto even = [&](Expr e) { return facts_.step(e, chunk).has_value(); };
  if (indices.size() < 2 || std::ranges::all_of(indices, even)) return nullptr;
  Expr flat = offset_of(c_, buffer->shape(), indices);
  for (Expr before = nullptr; before != flat;) {
    before = flat;
    if (scope_.has_load(flat)) return nullptr;
    Map map;
    for (Expr n : post_order(std::span(&before, 1)))
      if (const Expr value = facts_.definition(n); value != nullptr) map[n] = value;
    flat = substitute(c_, flat, map);
  }
  const auto [at, fresh] = scope_.offsets.try_emplace(flat, nullptr);
  if (fresh) at->second = simplify(c_, flat, scope_.known);
  return even(at->second) ? at->second : nullptr;
}

VectorBody::Place VectorBody::place(Expr buffer, std::span<const Expr> indices, size_t k) {
  const Chunk& chunk = chunks_[k];
  Place p{buffer, {}, {}, true, 0, std::vector<int64_t>(static_cast<size_t>(chunk.width), 0)};
  if (const Expr flat = even_offset(buffer, indices, chunk); flat != nullptr) {
    p.step = facts_.step(flat, chunk);
    p.first = {first(flat, k)};
    p.all = {ramp(c_, p.first[0], *p.step, chunk.width)};
    p.near.clear();
    return p;
  }
  for (size_t d = 0; d < indices.size(); ++d) {
    const auto step = facts_.step(indices[d], chunk);
    const auto apart = stride(c_, buffer, d);
    if (step != 0 && d + 1 < indices.size()) p.row = false;
    p.all.push_back(value(indices[d], k));
    const bool known = step && (apart || *step == 0);
    if (known && p.step) {
      if (*step != 0) *p.step += *step * *apart;
    } else {
      p.step.reset();
    }
    const std::vector<int64_t> lanes = facts_.offsets(indices[d], chunk);
    if (lanes.empty() || (!apart && std::ranges::any_of(lanes, [](int64_t o) { return o != 0; })))
      p.near.clear();
    for (size_t i = 0; i < p.near.size(); ++i)
      if (lanes[i] != 0) p.near[i] += lanes[i] * *apart;
  }
  if (!is_near(p.near)) p.near.clear();
  if (p.step || !p.near.empty())
    for (Expr index : indices) p.first.push_back(first(index, k));
  return p;
}

std::vector<Expr> VectorBody::neighbours(const Place& p, int64_t delta, size_t k) {
  const int width = chunks_[k].width;
  std::vector<Expr> at = p.first;
  if (!p.row) at = {offset_of(c_, p.buffer->shape(), at)};
  at.back() = ramp(c_, add(c_, at.back(), c_.i64(delta)), 1, width);
  return at;
}

// ---- loads

Expr VectorBody::load_scalar(Expr buffer, std::span<const Expr> indices, size_t k) {
  return load_lanes(c_, buffer, guard(k), indices);
}

Expr VectorBody::load(Expr e, size_t k) {
  const Expr buffer = e->operand(0);
  const std::span<const Expr> indices = e->operands.subspan(1);
  const int width = chunks_[k].width;
  const Expr mask = active(k);
  std::vector<Expr> scalars;
  for (Expr i : indices)
    if (width == 1 || facts_.step(i, chunks_[k]) == 0) scalars.push_back(first(i, k));
  if (scalars.size() == indices.size()) return load_scalar(buffer, scalars, k);
  const Place p = place(buffer, indices, k);
  const auto row = [&](int64_t delta, Expr wanted) {
    return load_lanes(c_, buffer, wanted, neighbours(p, delta, k));
  };
  if (p.step == 1) return row(0, mask);
  if (p.step == -1) {
    const std::vector<int64_t> backwards = counted(width, width - 1, -1);
    const Expr low =
        row(1 - width, mask == nullptr ? nullptr : shuffle(c_, mask, nullptr, backwards));
    return shuffle(c_, low, nullptr, backwards);
  }
  if (p.step == 2 && mask == nullptr) {
    // Two overlapping vectors end exactly at the last element; every second lane of both.
    std::vector<int64_t> pick;
    for (int64_t i = 0; i < width; ++i) pick.push_back(2 * i < width ? 2 * i : 2 * i + 1);
    return shuffle(c_, row(0, nullptr), row(width - 1, nullptr), pick);
  }
  if (!p.near.empty() && mask == nullptr) {
    // One vector that ends at the last lane's element, and its elements in the lanes' order.
    const int64_t reached = *std::ranges::max_element(p.near) + 1;
    Expr wanted = nullptr;
    if (reached < width) wanted = binary(c_, Op::lt, counts(width), count(c_.i64(reached), width));
    return shuffle(c_, row(0, wanted), nullptr, p.near);
  }
  return load_lanes(c_, buffer, mask, p.all);
}

// ---- stores

Expr VectorBody::store(Expr s) {
  memo_.assign(1, {});  // another version may have read more
  const std::span<const Expr> indices = s->operands.subspan(2);
  if (std::ranges::all_of(indices, [&](Expr i) { return facts_.is_uniform(i); })) {
    const ReductionStep step = reduction_step(s);
    TENON_CHECK(step, "a store into one element from several lanes");
    return reduction(s, step);
  }
  std::vector<Expr> all;
  for (size_t k = 0; k < chunks_.size(); ++k) all.push_back(store_chunk(s, k));
  return seq(c_, all);
}

Expr VectorBody::store_chunk(Expr s, size_t k) {
  const Expr buffer = s->operand(0);
  const int width = chunks_[k].width;
  const Expr stored = vector(s->operand(1), k);
  Place p = place(buffer, s->operands.subspan(2), k);
  const Expr mask = active(k);
  if (width == 1) {
    const Expr one = store_lanes(c_, buffer, stored, nullptr, p.all);
    return mask == nullptr ? one : if_then(c_, mask, one);
  }
  if (p.step == 1) return store_lanes(c_, buffer, stored, mask, neighbours(p, 0, k));
  if (p.step == -1) {
    const std::vector<int64_t> backwards = counted(width, width - 1, -1);
    return store_lanes(c_, buffer, shuffle(c_, stored, nullptr, backwards),
                       mask == nullptr ? nullptr : shuffle(c_, mask, nullptr, backwards),
                       neighbours(p, 1 - width, k));
  }
  if (p.step == 0) p.all.back() = spread(p.all.back(), k);
  return store_lanes(c_, buffer, stored, mask, p.all);
}

namespace {

/// The value that leaves combine(x, value) = x, a sum of -0 included.
Expr neutral(Context& c, Op op, DType t) {
  if (op == Op::add && is_float(t)) return c.imm_f(c.scalar(t), -0.0);
  return identity(c, combiner_name(op), t);
}

}  // namespace

/// b[i] = combine(b[i], value) with one i for all lanes: chunks are combined lane by lane, then
/// what is left by halves.
Expr VectorBody::reduction(Expr s, const ReductionStep& step) {
  const Expr buffer = s->operand(0);
  const auto combine = [&](Expr x, Expr y) { return binary(c_, step.op, x, y); };
  Expr wide = nullptr;
  for (size_t k = 0; k < chunks_.size(); ++k) {
    Expr v = vector(step.rest[0], k);
    if (step.rest.size() == 2) v = binary(c_, Op::mul, v, vector(step.rest[1], k));
    if (const Expr mask = active(k); mask != nullptr)
      v = ir::select(c_, mask, v, spread(neutral(c_, step.op, buffer->dtype()), k));
    // Narrower chunks come last: fold what there is to their width first.
    while (wide != nullptr && wide->type->lanes > v->type->lanes) {
      const int half = wide->type->lanes / 2;
      wide = combine(shuffle(c_, wide, nullptr, counted(half, 0, 1)),
                     shuffle(c_, wide, nullptr, counted(half, half, 1)));
    }
    wide = wide == nullptr ? v : combine(wide, v);
  }
  const Expr total = reduce_lanes(c_, std::string(combiner_name(step.op)), wide);
  std::vector<Expr> at;
  for (Expr i : s->operands.subspan(2)) at.push_back(value(i, 0));
  const Expr old = load_lanes(c_, buffer, nullptr, at);
  return store_lanes(c_, buffer, combine(old, total), nullptr, at);
}

}  // namespace tenon::schedule::finalizing
