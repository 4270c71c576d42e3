// Taps of a convolution that read padding at every output position (a large dilation on a small
// map) add nothing: the weights are cut to the taps between the first and the last useful one.
#include <algorithm>

#include "graph/rules.h"
#include "ir/expr.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

/// One spatial axis: extents of input, kernel and output, and how they step.
struct Axis {
  int64_t in = 0, taps = 0, out = 0, stride = 1, dilation = 1, low = 0, high = 0;

  [[nodiscard]] bool useful(int64_t tap) const {
    for (int64_t p = 0; p < out; ++p) {
      const int64_t at = p * stride + tap * dilation - low;
      if (at >= 0 && at < in) return true;
    }
    return false;
  }
  [[nodiscard]] int64_t reached() const {
    return (in + low + high - dilation * (taps - 1) - 1) / stride + 1;
  }
};

/// Cuts the axis; returns its first useful tap, or 0 when it stays as it is.
int64_t cut(Axis& axis) {
  int64_t first = 0, last = axis.taps - 1;
  while (first <= last && !axis.useful(first)) ++first;
  while (last > first && !axis.useful(last)) --last;
  if (first > last) return 0;
  Axis small = axis;
  small.taps = last - first + 1;
  small.low = axis.low - first * axis.dilation;
  small.high = std::max<int64_t>(
      (axis.out - 1) * axis.stride + axis.dilation * (small.taps - 1) + 1 - axis.in - small.low, 0);
  if (small.taps == axis.taps || small.low < 0 || small.reached() != axis.out) return 0;
  axis = small;
  return first;
}

}  // namespace

Expr drop_padding_taps(Rewriter& r, Expr n) {
  Context& c = r.context();
  const Expr x = n->operand(0), w = n->operand(1);
  std::vector<Expr> low = n->exprs_attr(Key::low), high = n->exprs_attr(Key::high);
  if (n->find(Key::input_dilation) != nullptr)
    for (int64_t d : n->ints_attr(Key::input_dilation))
      if (d != 1) return nullptr;
  std::vector<Expr> starts(w->shape().size(), c.i64(0));
  std::vector<Expr> shape(w->shape().begin(), w->shape().end());
  bool changed = false;
  for (size_t d = 0; d < low.size(); ++d) {
    const auto in = as_int(x->shape()[d + 1]), taps = as_int(w->shape()[d]);
    const auto out = as_int(n->shape()[d + 1]), l = as_int(low[d]), h = as_int(high[d]);
    if (!in || !taps || !out || !l || !h || *l < 0 || *h < 0 || *out <= 0) continue;
    Axis axis{*in, *taps, *out, n->ints_attr(Key::strides)[d], n->ints_attr(Key::dilation)[d],
              *l,  *h};
    const int64_t first = cut(axis);
    if (axis.taps == *taps) continue;
    changed = true;
    starts[d] = c.i64(first);
    shape[d] = c.i64(axis.taps);
    low[d] = c.i64(axis.low);
    high[d] = c.i64(axis.high);
  }
  if (!changed) return nullptr;
  const Expr kept =
      r.make(Op::slice, {w},
             {{Key::starts, starts}, {Key::strides, std::vector<int64_t>(shape.size(), 1)}},
             c.tensor(w->dtype(), shape));
  std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
  for (Attr& a : attrs) {
    if (a.key == Key::low) a.value = low;
    if (a.key == Key::high) a.value = high;
  }
  return r.make(Op::conv, {x, kept}, std::move(attrs), n->type);
}

}  // namespace tenon::graph
