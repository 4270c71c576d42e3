// Composites about indices: one_hot, trilu, eye_like, range, topk. one_hot's values are off and on,
// its negative indices count back; of equals topk takes the first.
//
// C3: ranks. C4: the number of extents. C5: types.
//
//   one_hot (indices, values)             axis[-1]; extents: {depth}
//   trilu (x, k?)                         upper[1] k[0] where the operand is absent
//   eye_like (x)                          k[0] dtype
//   range (start, delta), rank 0          extents: {count}
//   topk (x)                              axis[-1] largest[1] sorted[1]; extents: {k}  -> values,
//       indices
#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

std::vector<Val> one_hot(Composite& a) {
  const Val indices = cast(DType::i64, a.in[0]);
  const Val values = a.in[1];
  if (!a.require(values.rank() == 1, 3, "values must be of rank 1") ||
      !a.require(a.extents.size() == 1, 4, "depth is missing"))
    return {};
  const Expr depth = a.extents[0];
  const int64_t axis = a.axis("axis", -1, indices.rank() + 1);
  Exprs shape = indices.shape();
  shape.insert(shape.begin() + axis, depth);
  const Val wrapped = select(lt(indices, 0.0), indices + a.b.number(depth), indices);
  const Val here =
      eq(a.b.iota(DType::i64, shape, axis), broadcast_to(unsqueeze(wrapped, axis), shape));
  const auto value = [&](int64_t i) { return reshape(slice(values, 0, i, a.c().i64(1)), {}); };
  return {select(here, value(1), value(0))};
}

std::vector<Val> trilu(Composite& a) {
  const Val x = a.in[0];
  if (!a.require(x.rank() >= 2, 3, "x needs rank 2 or more")) return {};
  const bool upper = a.integer("upper", 1) != 0;
  const Val k = a.in[1] ? cast(DType::i64, reshape(a.in[1], {}))
                        : a.b.lit(DType::i64, static_cast<double>(a.integer("k", 0)));
  const Exprs plane{x.dim(-2), x.dim(-1)};
  const Val ahead = a.b.iota(DType::i64, plane, 1) - a.b.iota(DType::i64, plane, 0);
  return {select(upper ? ge(ahead, k) : le(ahead, k), x, 0.0)};
}

std::vector<Val> eye_like(Composite& a) {
  const Val x = a.in[0];
  if (!a.require(x.rank() == 2, 3, "x must be of rank 2")) return {};
  const Val ahead = a.b.iota(DType::i64, x.shape(), 1) - a.b.iota(DType::i64, x.shape(), 0);
  return {cast(a.dtype("dtype", x.dtype()), eq(ahead, static_cast<double>(a.integer("k", 0))))};
}

std::vector<Val> range(Composite& a) {
  const Val start = a.in[0];
  const Val delta = a.in[1];
  if (!a.require(start.rank() == 0 && delta.rank() == 0, 3, "start and delta must be of rank 0") ||
      !a.require(a.extents.size() == 1, 4, "the number of elements is missing") ||
      !a.require(start.dtype() == delta.dtype(), 5, "start and delta must be of one type"))
    return {};
  const DType type = start.dtype();
  const DType wide = ir::is_float(type) && ir::info(type).bits < 32 ? DType::f32 : type;
  const Val i = a.b.iota(wide, {a.extents[0]}, 0);
  return {cast(type, up(start) + i * up(delta))};
}

std::vector<Val> topk(Composite& a) {
  const Val x = a.in[0];
  if (!a.require(x.rank() >= 1, 3, "x needs rank 1 or more") ||
      !a.require(a.extents.size() == 1, 4, "k is missing"))
    return {};
  const int64_t axis = a.axis("axis", -1, x.rank());
  const auto have = ir::as_int(x.dim(axis));
  const auto want = ir::as_int(a.extents[0]);
  if (!a.require(!have || !want || (*want >= 0 && *want <= *have), 4, "k is larger than the axis"))
    return {};
  const Sorted sorted = sort(x, axis, a.integer("largest", 1) != 0);
  return {slice(sorted.values, axis, 0, a.extents[0]),
          slice(sorted.indices, axis, 0, a.extents[0])};
}

constexpr CompositeRow kRows[] = {
    {"one_hot", "indices,values", "axis", one_hot, true, nullptr, "depth"},
    {"trilu", "x,k?", "upper,k", trilu, true},
    {"eye_like", "x", "k,dtype", eye_like, true},
    {"range", "start,delta", "", range, true, nullptr, "count"},
    {"topk", "x", "axis,largest,sorted", topk, false, nullptr, "k"},
};

}  // namespace

std::span<const CompositeRow> select_rows() { return kRows; }

}  // namespace tenon::ops::composite
