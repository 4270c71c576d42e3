// Slice: numpy's rules on literals and symbolic extents, or as a small tensor program where
// positions are known only while running.
#include "frontend/onnx/convert/slice.h"

#include <algorithm>

#include "ir/simplify.h"

namespace tenon::onnx_import {
namespace {

/// Exporters write "to the end" as one of the largest integers.
constexpr int64_t kUnbounded = INT32_MAX;

/// Beyond every extent: a longer step takes the same one element.
constexpr int64_t kLargestStep = int64_t{1} << 40;

struct Range {
  Expr start, extent;
};

/// One position from known elements, counted from the front and clamped to [lo, hi].
Expr clamp_known(Builder& b, Expr at, Expr extent, Expr lo, Expr hi) {
  Context& c = b.c;
  if (const auto value = ir::as_int(at)) {
    if (*value >= kUnbounded) return hi;
    if (*value <= -kUnbounded) return lo;
    if (*value < 0) {
      const Expr from_end = ir::add(c, extent, at);
      // x[-k:] of a symbolic extent: taken to be k or longer.
      return ir::as_int(extent) ? ir::max(c, from_end, lo) : from_end;
    }
    if (*value == 0 && ir::is_int(lo, 0)) return ir::is_int(extent, 0) ? hi : at;
    return b.simplify(ir::min(c, at, hi));
  }
  const ir::Interval range = ir::bounds(at);
  if (range.lo < 0) at = ir::select(c, ir::lt(c, at, c.i64(0)), ir::add(c, at, extent), at);
  return b.simplify(ir::max(c, ir::min(c, at, hi), lo));
}

Range known_range(Builder& b, Expr start, Expr end, Expr extent, int64_t step) {
  Context& c = b.c;
  const Expr lo = c.i64(step > 0 ? 0 : -1);
  const Expr hi = step > 0 ? extent : ir::add(c, extent, c.i64(-1));
  const Expr first = b.simplify(clamp_known(b, start, extent, step > 0 ? lo : c.i64(0), hi));
  const Expr last = b.simplify(clamp_known(b, end, extent, lo, hi));
  const Expr span = step > 0 ? ir::sub(c, last, first) : ir::sub(c, first, last);
  const Expr count = ir::ceildiv(c, span, c.i64(std::abs(step)));
  return {first, b.simplify(ir::max(c, b.simplify(count), c.i64(0)))};
}

/// The same as tensors of rank 0.
Range running_range(Builder& b, Expr start, Expr end, Expr extent, int64_t step) {
  Context& c = b.c;
  const Expr n = b.from_scalar(extent);
  const Expr zero = c.i64(0);
  const Expr lo = c.i64(step > 0 ? 0 : -1);
  const Expr hi = step > 0 ? n : b.add(n, c.i64(-1));
  const auto clamp = [&](Expr at, Expr least) {
    at = b.select(b.binary(Op::lt, at, zero), b.add(at, n), at);
    return b.binary(Op::min, b.binary(Op::max, at, least), hi);
  };
  const Expr first = clamp(start, zero);
  const Expr last = clamp(end, lo);
  const Expr span = step > 0 ? b.sub(last, first) : b.sub(first, last);
  const Expr count =
      b.binary(Op::floordiv, b.add(span, c.i64(std::abs(step) - 1)), c.i64(std::abs(step)));
  const Expr extent_of = b.binary(Op::max, count, zero);
  // A start below 0 (an empty axis) is not read.
  return {b.integers(b.binary(Op::max, first, zero))[0], b.integers(extent_of)[0]};
}

}  // namespace

Expr slice_axes(Call& k, Expr x, const SliceSpec& spec) {
  Builder& b = k.b;
  Exprs starts(x->shape().size(), b.c.i64(0));
  Exprs extents = x->shape();
  Ints strides(x->shape().size(), 1);
  for (size_t i = 0; i < spec.axes.size(); ++i) {
    const auto axis = static_cast<size_t>(spec.axes[i]);
    if (spec.steps[i] == 0) k.fail("a step is 0", "onnx.shape");
    const int64_t step = std::clamp(spec.steps[i], -kLargestStep, kLargestStep);
    const auto element = [&](Expr tensor) {
      return b.reshape(
          b.slice_axis(b.cast(tensor, DType::i64), 0, b.c.i64(static_cast<int64_t>(i)), b.c.i64(1)),
          {});
    };
    const auto first = b.known_integers(element(spec.starts));
    const auto last = b.known_integers(element(spec.ends));
    const Range range = first && last ? known_range(b, (*first)[0], (*last)[0], extents[axis], step)
                                      : running_range(b, element(spec.starts), element(spec.ends),
                                                      extents[axis], step);
    starts[axis] = range.start;
    extents[axis] = range.extent;
    strides[axis] = step;
  }
  // An empty result reads nothing, wherever it starts.
  for (size_t i = 0; i < starts.size(); ++i)
    if (ir::is_int(extents[i], 0)) starts[i] = b.c.i64(0);
  return b.slice(x, starts, extents, strides);
}

Exprs convert_slice(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  SliceSpec spec;
  if (k.version() < 10) {
    const Ints starts = k.ints_attr("starts");
    const Ints ends = k.ints_attr("ends");
    if (starts.size() != ends.size()) k.fail("attributes 'starts' and 'ends' differ in length");
    spec.starts = b.from_scalars(b.i64s(starts));
    spec.ends = b.from_scalars(b.i64s(ends));
    spec.axes = k.axes(k.ints_attr("axes",
                                   [&] {
                                     Ints all;
                                     for (size_t i = 0; i < starts.size(); ++i)
                                       all.push_back(static_cast<int64_t>(i));
                                     return all;
                                   }()),
                       x->rank());
  } else {
    spec.starts = k.in(1);
    spec.ends = k.in(2);
    const auto count = static_count(spec.starts->type);
    if (!count || spec.starts->rank() != 1 || static_count(spec.ends->type) != count)
      k.fail("'starts' and 'ends' must be vectors of one known length", "onnx.dynamic_rank");
    spec.axes = k.axes(k.opt(3) != nullptr ? k.constant_ints(3) : count_up(0, *count), x->rank());
    if (k.opt(4) != nullptr) spec.steps = k.constant_ints(4);
  }
  if (spec.steps.empty()) spec.steps.assign(spec.axes.size(), 1);
  if (static_cast<int64_t>(spec.axes.size()) != static_count(spec.starts->type) ||
      spec.steps.size() != spec.axes.size())
    k.fail("'starts', 'ends', 'axes' and 'steps' differ in length", "onnx.shape");
  return {slice_axes(k, x, spec)};
}

}  // namespace tenon::onnx_import
