// phase_convolutions: a convolution over a dilated input (a transposed convolution with strides s)
// multiplies mostly zeros. Its output positions fall into phases modulo s, and each phase is a
// plain convolution with every s-th tap: all of them are one convolution with s times the output
// channels for each axis, whose channels are then interleaved with the positions.
//
// With taps t and low padding l the output o reads x[p] where o + t - l = p * s. Outputs are
// numbered from -shift, so that l + shift = s - 1 (mod s): then phase r = o mod s uses the taps s *
// j + (s - 1 - r), and j-th of them reads x[o div s - (l + shift - (s - 1)) / s + j] in every phase
// alike.
#include <algorithm>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/expr.h"
#include "ops/build.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

struct Axis {
  int64_t stride = 1, taps = 0, low = 0, high = 0;

  [[nodiscard]] int64_t shift() const { return (stride - 1 + (stride - low % stride)) % stride; }
  [[nodiscard]] int64_t steps() const { return (taps + stride - 1) / stride; }
  [[nodiscard]] int64_t new_low() const { return (low + shift() - (stride - 1)) / stride; }
  /// Positions of the phases beyond the input's extent; the output's extent is that of the input
  /// times the stride, plus a constant.
  [[nodiscard]] int64_t more() const {
    const int64_t extra = low + high - taps + 2 - stride + shift();
    return extra >= 0 ? (extra + stride - 1) / stride : -(-extra / stride);
  }
};

std::vector<Axis> axes_of(Expr n) {
  const Expr w = n->operand(1);
  const size_t spatial = w->shape().size() - 2;
  std::vector<Axis> axes(spatial);
  bool dilated = false;
  for (size_t d = 0; d < spatial; ++d) {
    const auto taps = as_int(w->shape()[d]);
    const auto low = as_int(n->exprs_attr(Key::low)[d]), high = as_int(n->exprs_attr(Key::high)[d]);
    if (!taps || !low || !high || *taps < 1 || *low < 0 || n->ints_attr(Key::strides)[d] != 1)
      return {};
    axes[d] = {n->ints_attr(Key::input_dilation)[d], *taps, *low, *high};
    dilated = dilated || axes[d].stride != 1;
    if (axes[d].stride != 1 && n->ints_attr(Key::dilation)[d] != 1) return {};
  }
  return dilated ? axes : std::vector<Axis>{};
}

/// Weights [taps.., c, m] as [steps.., c, strides.. * m].
Expr phase_weights(ops::Builder& b, Expr w, const std::vector<Axis>& axes) {
  Context& c = b.c;
  const size_t spatial = axes.size();
  std::vector<Expr> zero(w->shape().size(), c.i64(0)), high = zero, split, first, joined;
  std::vector<int64_t> strides, perm;
  for (size_t d = 0; d < spatial; ++d) {
    const Axis& a = axes[d];
    high[d] = c.i64(a.steps() * a.stride - a.taps);
    split.insert(split.end(), {c.i64(a.steps()), c.i64(a.stride)});
    first.insert(first.end(), {c.i64(0), c.i64(a.stride - 1)});  // the last tap is phase 0
    strides.insert(strides.end(), {1, -1});
    perm.push_back(static_cast<int64_t>(2 * d));
    joined.push_back(c.i64(a.steps()));
  }
  const Expr channels = w->shape()[spatial];
  Expr maps = w->shape()[spatial + 1];
  split.insert(split.end(), {channels, maps});
  first.insert(first.end(), {c.i64(0), c.i64(0)});
  strides.insert(strides.end(), {1, 1});
  perm.push_back(static_cast<int64_t>(2 * spatial));
  for (size_t d = 0; d < spatial; ++d) perm.push_back(static_cast<int64_t>(2 * d + 1));
  perm.push_back(static_cast<int64_t>(2 * spatial + 1));
  for (const Axis& a : axes) maps = mul(c, maps, c.i64(a.stride));
  joined.insert(joined.end(), {channels, maps});
  Expr out = b.reshape(b.pad(w, b.like(w, 0), zero, high), split);
  out = b.transpose(b.slice(out, first, split, strides), perm);
  return b.reshape(out, joined);
}

/// [n, q.., strides.. * m] as [n, q * stride.., m], cut to the output's positions.
Expr interleave(ops::Builder& b, Expr y, Expr like, const std::vector<Axis>& axes) {
  Context& c = b.c;
  const size_t spatial = axes.size();
  const Expr batch = like->shape().front(), maps = like->shape().back();
  std::vector<Expr> split{batch}, joined{batch}, starts{c.i64(0)};
  std::vector<int64_t> perm{0};
  for (size_t d = 0; d < spatial; ++d) split.push_back(y->shape()[d + 1]);
  for (const Axis& a : axes) split.push_back(c.i64(a.stride));
  split.push_back(maps);
  for (size_t d = 0; d < spatial; ++d) {
    perm.push_back(static_cast<int64_t>(1 + d));
    perm.push_back(static_cast<int64_t>(1 + spatial + d));
    joined.push_back(mul(c, y->shape()[d + 1], c.i64(axes[d].stride)));
    starts.push_back(c.i64(axes[d].shift()));
  }
  perm.push_back(static_cast<int64_t>(1 + 2 * spatial));
  joined.push_back(maps);
  starts.push_back(c.i64(0));
  const Expr all = b.reshape(b.transpose(b.reshape(y, split), perm), joined);
  return b.slice(all, starts, like->shape(), std::vector<int64_t>(starts.size(), 1));
}

Expr split_phases(Rewriter& r, Expr n) {
  if (n->find(Key::input_dilation) == nullptr || n->int_attr_or(Key::groups, 1) != 1)
    return nullptr;
  const std::vector<Axis> axes = axes_of(n);
  if (axes.empty()) return nullptr;
  Context& c = r.context();
  ops::Builder b(c);
  const Expr x = n->operand(0);
  const Expr w = phase_weights(b, n->operand(1), axes);
  std::vector<Expr> low, high, shape{x->shape().front()};
  for (size_t d = 0; d < axes.size(); ++d) {
    const Axis& a = axes[d];
    low.push_back(c.i64(a.new_low()));
    high.push_back(c.i64(a.more() + a.steps() - 1 - a.new_low()));
    shape.push_back(add(c, x->shape()[d + 1], c.i64(a.more())));
  }
  shape.push_back(w->shape().back());
  std::vector<Attr> attrs(n->attrs.begin(), n->attrs.end());
  for (Attr& a : attrs) {
    if (a.key == Key::low) a.value = low;
    if (a.key == Key::high) a.value = high;
    if (a.key == Key::input_dilation) a.value = std::vector<int64_t>(axes.size(), 1);
  }
  const Expr y = r.make(Op::conv, {x, w}, std::move(attrs), c.tensor(n->dtype(), shape));
  const Expr out = interleave(b, y, n, axes);
  b.expect();
  return out;
}

constexpr Rule kRules[] = {
    {"split_phases", is<Op::conv>, split_phases},
    {"pointwise_convolution", is<Op::conv>, pointwise_convolution},
};

}  // namespace

Status phase_convolutions(PassContext& p, Function& f) {
  Rewriter(p, kRules).run(f);
  return {};
}

}  // namespace tenon::graph
