// Lowering of dot and conv: the product at one reduction index, and the reduction's axes.
//   dot   reduction axes k (k0, k1 .. for several), in the order of contract_a
//   conv  reduction axes kernel extents r0, r1 .., then c: the channels of one group
#include "ir/combiner.h"
#include "ops/contraction/contraction.h"
#include "ops/reduction/reduction.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;

Expr multiply(const PointArgs& args, Expr a, Expr b) {
  const DType type = accumulator(args.node->dtype());
  return ir::binary(args.c, ir::Op::mul, ir::cast(args.c, type, a), ir::cast(args.c, type, b));
}

std::string combine_of(DType type) { return ir::is_float(type) ? "fma" : "sum"; }

/// Indices of operand `which` of a dot.
std::vector<Expr> dot_indices(const PointArgs& args, int which, size_t free_begin) {
  const Expr node = args.node;
  const auto& batch = node->ints_attr(which == 0 ? Key::batch_a : Key::batch_b);
  const auto& contract = node->ints_attr(which == 0 ? Key::contract_a : Key::contract_b);
  std::vector<Expr> at(node->operand(static_cast<size_t>(which))->shape().size());
  for (size_t i = 0; i < batch.size(); ++i) at[static_cast<size_t>(batch[i])] = args.out[i];
  for (size_t i = 0; i < contract.size(); ++i)
    at[static_cast<size_t>(contract[i])] = args.reduce[i];
  for (int64_t axis : dot_free_axes(node, which))
    at[static_cast<size_t>(axis)] = args.out[free_begin++];
  return at;
}

}  // namespace

std::vector<int> dot_axes(Expr node, size_t operand) {
  const bool first = operand == 0;
  const auto& batch = node->ints_attr(first ? Key::batch_a : Key::batch_b);
  const auto& contract = node->ints_attr(first ? Key::contract_a : Key::contract_b);
  std::vector<int> axes(static_cast<size_t>(node->operand(operand)->rank()));
  int next = 0;
  for (int64_t axis : batch) axes[static_cast<size_t>(axis)] = next++;
  if (!first) next += static_cast<int>(dot_free_axes(node, 0).size());
  for (int64_t axis : dot_free_axes(node, static_cast<int>(operand)))
    axes[static_cast<size_t>(axis)] = next++;
  next = node->rank();
  for (int64_t axis : contract) axes[static_cast<size_t>(axis)] = next++;
  return axes;
}

ReduceInfo dot_info(Context&, Expr node) {
  const auto& axes = node->ints_attr(Key::contract_a);
  ReduceInfo info;
  for (size_t i = 0; i < axes.size(); ++i)
    info.axes.push_back({axes.size() == 1 ? "k" : "k" + std::to_string(i),
                         node->operand(0)->shape()[static_cast<size_t>(axes[i])]});
  info.combine = combine_of(node->dtype());
  info.accumulate = accumulator(node->dtype());
  return info;
}

Expr dot_point(const PointArgs& args) {
  const size_t batch = args.node->ints_attr(Key::batch_a).size();
  const size_t free_a = dot_free_axes(args.node, 0).size();
  const Expr a = args.load(0, dot_indices(args, 0, batch));
  const Expr b = args.load(1, dot_indices(args, 1, batch + free_a));
  return multiply(args, a, b);
}

ReduceInfo conv_info(Context&, Expr node) {
  const std::vector<Expr>& w = node->operand(1)->shape();
  ReduceInfo info;
  for (size_t i = 0; i + 2 < w.size(); ++i) info.axes.push_back({"r" + std::to_string(i), w[i]});
  info.axes.push_back({"c", w[w.size() - 2]});
  info.combine = combine_of(node->dtype());
  info.accumulate = accumulator(node->dtype());
  return info;
}

Expr conv_point(const PointArgs& args) {
  Context& c = args.c;
  const Expr node = args.node;
  const std::vector<Expr>& x = node->operand(0)->shape();
  const std::vector<Expr>& w = node->operand(1)->shape();
  const size_t spatial = x.size() - 2;
  const auto& low = node->exprs_attr(Key::low);
  const auto& high = node->exprs_attr(Key::high);
  const int64_t groups = node->int_attr(Key::groups);
  const Expr m = args.out.back();
  const Expr ci = args.reduce[spatial];

  Expr inside = c.bool_imm(true);
  std::vector<Expr> at{args.out[0]};
  std::vector<Expr> at_w;
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t spread = node->ints_attr(Key::input_dilation)[i];
    const Expr slide = ir::mul(c, args.out[i + 1], c.i64(node->ints_attr(Key::strides)[i]));
    const Expr reach = ir::mul(c, args.reduce[i], c.i64(node->ints_attr(Key::dilation)[i]));
    Expr place = ir::sub(c, ir::add(c, slide, reach), args.extent(low[i]));
    const auto low_known = ir::as_int(low[i]);
    const auto high_known = ir::as_int(high[i]);
    if (!low_known || *low_known > 0)
      inside = ir::logical_and(c, inside, ir::le(c, c.i64(0), place));
    if (spread != 1) {
      inside = ir::logical_and(c, inside, ir::eq(c, ir::mod(c, place, c.i64(spread)), c.i64(0)));
      place = ir::floordiv(c, place, c.i64(spread));
    }
    if (!high_known || *high_known > 0)
      inside = ir::logical_and(c, inside, ir::lt(c, place, args.extent(x[i + 1])));
    at.push_back(place);
    at_w.push_back(args.reduce[i]);
  }
  const Expr group_channels = args.extent(w[spatial]);
  const Expr group_outputs = ir::floordiv(c, args.extent(w[spatial + 1]), c.i64(groups));
  at.push_back(groups == 1
                   ? ci
                   : ir::add(c, ir::mul(c, ir::floordiv(c, m, group_outputs), group_channels), ci));
  at_w.push_back(ci);
  at_w.push_back(m);
  Expr value = args.load(0, at);
  if (!ir::is_int(inside, 1))
    value = ir::select(c, inside, value, ir::identity(c, "sum", value->dtype()));
  return multiply(args, value, args.load(1, at_w));
}

}  // namespace tenon::ops
