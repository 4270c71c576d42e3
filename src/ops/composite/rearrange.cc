// Rearrangements, built as their primitives at once.
// C3: ranks. C4: blocksize, or the number of extents and options. C5: a known mode.
//
//   depth_to_space (x[n,c,h,w])           blocksize mode[DCR]
//   space_to_depth (x)                    blocksize
//   center_crop_pad (x)                   axes[all]; extents: one size an axis
//   col2im (x[n, c * block, l])           dilations pads strides
//       extents: image_shape, then block_shape
//   reverse_sequence (x, sequence_lens)   batch_axis[1] time_axis[0]
//   dropout (x)                           -> x, mask of ones
#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;

constexpr int64_t kMostBlock = int64_t{1} << 20;  // whose square is a number

std::vector<Val> depth_to_space(Composite& a) {
  Context& c = a.c();
  const Val x = a.in[0];
  const int64_t block = a.integer("blocksize", 0);
  const std::string mode = a.word("mode", "dcr");
  if (!a.require(x.rank() == 4, 3, "x must be of rank 4")) return {};
  const auto channels = ir::as_int(x.dim(1));
  if (!a.require(
          block > 0 && block <= kMostBlock && (!channels || *channels % (block * block) == 0), 4,
          "the square of blocksize must divide the channels") ||
      !a.require(mode == "dcr" || mode == "crd", 5, "mode '" + mode + "' is unknown"))
    return {};
  const Expr b = c.i64(block);
  const Expr depth = ir::floordiv(c, x.dim(1), c.i64(block * block));
  const Exprs shape{x.dim(0), depth, ir::mul(c, x.dim(2), b), ir::mul(c, x.dim(3), b)};
  if (mode == "dcr")
    return {reshape(
        transpose(reshape(x, {x.dim(0), b, b, depth, x.dim(2), x.dim(3)}), {0, 3, 4, 1, 5, 2}),
        shape)};
  return {reshape(
      transpose(reshape(x, {x.dim(0), depth, b, b, x.dim(2), x.dim(3)}), {0, 1, 4, 2, 5, 3}),
      shape)};
}

std::vector<Val> space_to_depth(Composite& a) {
  Context& c = a.c();
  const Val x = a.in[0];
  const int64_t block = a.integer("blocksize", 0);
  if (!a.require(x.rank() == 4, 3, "x must be of rank 4")) return {};
  const auto divides = [&](Expr e) { return !ir::as_int(e) || *ir::as_int(e) % block == 0; };
  if (!a.require(block > 0 && block <= kMostBlock && divides(x.dim(2)) && divides(x.dim(3)), 4,
                 "blocksize must divide height and width"))
    return {};
  const Expr b = c.i64(block);
  const Expr h = ir::floordiv(c, x.dim(2), b);
  const Expr w = ir::floordiv(c, x.dim(3), b);
  const Exprs shape{x.dim(0), ir::mul(c, x.dim(1), c.i64(block * block)), h, w};
  return {
      reshape(transpose(reshape(x, {x.dim(0), x.dim(1), h, b, w, b}), {0, 3, 5, 1, 2, 4}), shape)};
}

std::vector<Val> center_crop_pad(Composite& a) {
  Context& c = a.c();
  const Val x = a.in[0];
  Ints all;
  for (int i = 0; i < x.rank(); ++i) all.push_back(i);
  const Ints axes = a.axes("axes", all, x.rank());
  if (!a.require(axes.size() == a.extents.size(), 4, "one size is needed for each axis")) return {};
  Exprs low(static_cast<size_t>(x.rank()), c.i64(0));
  Exprs high = low;
  for (size_t i = 0; i < axes.size(); ++i) {
    const Expr more = ir::sub(c, a.extents[i], x.dim(axes[i]));
    const Expr less = ir::sub(c, x.dim(axes[i]), a.extents[i]);
    // Half of the difference on either side, the odd one at the end.
    const Expr begin = ir::sub(c, ir::floordiv(c, ir::max(c, more, c.i64(0)), c.i64(2)),
                               ir::floordiv(c, ir::max(c, less, c.i64(0)), c.i64(2)));
    low[static_cast<size_t>(axes[i])] = begin;
    high[static_cast<size_t>(axes[i])] = ir::sub(c, more, begin);
  }
  return {pad(x, low, high, 0)};
}

std::vector<Val> col2im(Composite& a) {
  Context& c = a.c();
  const Val x = a.in[0];
  const size_t n = a.extents.size() / 2;
  if (!a.require(x.rank() == 3, 3, "x must be of rank 3") ||
      !a.require(n > 0 && a.extents.size() == 2 * n, 4,
                 "extents must be image_shape and block_shape"))
    return {};
  const Ints dilations = a.integers("dilations", Ints(n, 1));
  const Ints strides = a.integers("strides", Ints(n, 1));
  const Ints pads = a.integers("pads", Ints(2 * n, 0));
  if (!a.require(dilations.size() == n && strides.size() == n && pads.size() == 2 * n, 4,
                 "dilations and strides need one value an axis, pads two"))
    return {};
  Ints block;
  Exprs blocks;
  int64_t positions = 1;
  for (size_t i = 0; i < n; ++i) {
    const auto k = ir::as_int(a.extents[n + i]);
    if (!a.require(k && *k > 0, 4, "block_shape must be known at compile time")) return {};
    block.push_back(*k);
    positions *= *k;
    const Expr padded =
        ir::add(c, a.extents[i], c.i64(pads[i] + pads[n + i] - dilations[i] * (*k - 1) - 1));
    blocks.push_back(ir::add(c, ir::floordiv(c, padded, c.i64(strides[i])), c.i64(1)));
  }
  const Expr channels = ir::floordiv(c, x.dim(1), c.i64(positions));
  Exprs shape{x.dim(0), channels, c.i64(positions)};
  shape.insert(shape.end(), blocks.begin(), blocks.end());
  const Val parts = reshape(x, shape);
  Ints interior(n + 2, 0);
  for (size_t i = 0; i < n; ++i) interior[i + 2] = strides[i] - 1;
  Val y;
  for (int64_t p = 0; p < positions; ++p) {
    int64_t rest = p;
    Ints at(n);
    for (size_t i = n; i-- > 0; rest /= block[i]) at[i] = rest % block[i];
    Exprs low(2, c.i64(0)), high(2, c.i64(0));
    for (size_t i = 0; i < n; ++i) {
      const Expr span =
          ir::add(c, ir::mul(c, ir::sub(c, blocks[i], c.i64(1)), c.i64(strides[i])), c.i64(1));
      low.push_back(c.i64(at[i] * dilations[i] - pads[i]));
      high.push_back(ir::sub(c, ir::sub(c, a.extents[i], span), low.back()));
    }
    const Val part = squeeze(slice(parts, 2, p, c.i64(1)), 2);
    const Val placed = pad(part, low, high, 0, interior);
    y = y ? y + placed : placed;
  }
  return {y};
}

std::vector<Val> reverse_sequence(Composite& a) {
  const Val x = a.in[0];
  if (!a.require(x.rank() >= 2 && a.in[1].rank() == 1, 3,
                 "x needs rank 2 or more, sequence_lens rank 1"))
    return {};
  const int64_t batch = a.axis("batch_axis", 1, x.rank());
  const int64_t time = a.axis("time_axis", 0, x.rank());
  if (!a.require(batch != time, 4, "batch_axis and time_axis must differ")) return {};
  const Val t = a.b.iota(DType::i64, x.shape(), time);
  const Val n = broadcast_in(cast(DType::i64, a.in[1]), x.shape(), {batch});
  return {gather_elements(x, select(lt(t, n), n - 1.0 - t, t), time)};
}

std::vector<Val> dropout(Composite& a) {
  return {a.in[0], a.b.lit(DType::boolean, 1, a.in[0].shape())};
}

constexpr CompositeRow kRows[] = {
    {"depth_to_space", "x", "blocksize,mode", depth_to_space, true},
    {"space_to_depth", "x", "blocksize", space_to_depth, true},
    {"center_crop_pad", "x", "axes", center_crop_pad, true, nullptr, "sizes*"},
    {"col2im", "x", "dilations,pads,strides", col2im, true, nullptr, "image_shape*,block_shape*"},
    {"reverse_sequence", "x,sequence_lens", "batch_axis,time_axis", reverse_sequence, true},
    {"dropout", "x", "", dropout, true},
};

}  // namespace

std::span<const CompositeRow> rearrange_rows() { return kRows; }

}  // namespace tenon::ops::composite
