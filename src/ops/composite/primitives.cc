// Graph operators under names of their own, for programs that build graphs by name: built at once,
// with NumPy's conventions (broadcasting, negative axes and starts) in front of the primitives'.
// Written NAME(operands; options [default]; extents).
//
//   neg abs exp .. (x)  add lt max .. (a, b)  select fma (a, b, c): elementwise rows of ops.def
//   cast(x; to, saturate)
//
//   broadcast_to(x; ; shape)  reshape(x; ; shape): one extent may be -1
//   transpose(x; perm [reversed])  squeeze(x; axes)  unsqueeze(x; axes)  flatten(x; axis [1])
//   flip(x; axis)  concat(x..; axis)
//   slice(x; axes, steps [1]; starts, stops): x[start:stop:step] where these are literals; where
//     they are symbolic, 0 <= start <= stop <= extent is the caller's promise
//   pad(x, value?; ; low, high): extents for each axis, negative ones crop
//   full(value; ; shape)  iota(; axis, dtype [i64]; shape)  shape_of(x) -> i64[rank]
//
//   gather(x, indices; axis)  gather_elements(x, indices; axis)  gather_nd(x, indices; batch)
//   scatter_elements(x, indices, updates; axis, kind [set])
//   scatter_nd(x, indices, updates; kind [set])
//   dynamic_slice(x, start..; ; sizes)  dynamic_update_slice(x, update, start..)
//
//   reduce_KIND(x; axes [all], keepdims [0]), KIND: sum prod max min and or mean
//   arg_max arg_min(x; axis [-1], keepdims [0], last [0])
//   cumulative(x; kind [sum], axis [-1], exclusive, reverse)
//   sort(x; axis [-1], descending) -> values, indices
//
//   matmul(a, b)  dot(a, b; batch_a, batch_b, contract_a, contract_b, accumulate)
//   conv(x, w, bias?; strides, low, high, dilation, groups): channels last, x[n, spatial.., c] and
//     w[spatial.., c / groups, m]
//   conv_channels_first: x[n, c, spatial..] and w[m, c / groups, spatial..]; bias [m]
#include <algorithm>

#include "ir/expr.h"
#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;

std::vector<Val> elementwise(Composite& a) {
  const Op op = *ir::parse_op(a.name);
  Exprs operands;
  for (const Val& v : a.in) operands.push_back(v.e);
  if (operands.size() == 1) return {a.b.wrap(a.b.unary(op, operands[0]))};
  if (operands.size() == 2) return {a.b.wrap(a.b.binary(op, operands[0], operands[1]))};
  if (op == Op::select) return {a.b.wrap(a.b.select(operands[0], operands[1], operands[2]))};
  const Exprs shape =
      a.b.merge_shapes({operands[0]->shape(), operands[1]->shape(), operands[2]->shape()});
  for (Expr& e : operands) e = a.b.broadcast_to(e, shape);
  return {a.b.wrap(a.b.node(op, operands))};
}

std::vector<Val> cast_to(Composite& a) {
  if (!a.require(a.find("to") != nullptr, 3, "option to is missing, such as to=f32")) return {};
  return {cast(a.dtype("to", DType::f32), a.in[0], a.integer("saturate", 0) != 0)};
}

// ---- shapes

std::vector<Val> broadcast_to_row(Composite& a) {
  return {broadcast_to(a.in[0], {a.extents.begin(), a.extents.end()})};
}

std::vector<Val> reshape_row(Composite& a) {
  Exprs shape(a.extents.begin(), a.extents.end());
  const auto open =
      std::find_if(shape.begin(), shape.end(), [](Expr e) { return ir::is_int(e, -1); });
  if (open != shape.end()) {
    Exprs others = shape;
    others.erase(others.begin() + (open - shape.begin()));
    const auto is_bad = [](Expr e) { return ir::is_int(e, -1) || ir::is_int(e, 0); };
    if (!a.require(std::none_of(others.begin(), others.end(), is_bad), 3,
                   "beside one extent of -1 there can be none of -1 or 0"))
      return {};
    *open = a.b.divide_exactly(a.in[0].e->shape(), others);
  }
  return {reshape(a.in[0], shape)};
}

std::vector<Val> transpose_row(Composite& a) {
  const int rank = a.in[0].rank();
  Ints reversed;
  for (int i = rank; i-- > 0;) reversed.push_back(i);
  return {transpose(a.in[0], a.axes("perm", reversed, rank))};
}

std::vector<Val> squeeze_row(Composite& a) {
  return {a.b.wrap(a.b.squeeze(a.in[0].e, a.integers("axes", {})))};
}
std::vector<Val> unsqueeze_row(Composite& a) {
  return {a.b.wrap(a.b.unsqueeze(a.in[0].e, a.integers("axes", {})))};
}
std::vector<Val> flatten_row(Composite& a) {
  return {a.b.wrap(a.b.flatten(a.in[0].e, a.integer("axis", 1)))};
}
std::vector<Val> flip_row(Composite& a) {
  return {flip(a.in[0], a.axis("axis", -1, a.in[0].rank()))};
}
std::vector<Val> concat_row(Composite& a) {
  if (!a.require(!a.in.empty(), 3, "it needs a tensor")) return {};
  return {concat(a.in, a.axis("axis", 0, a.in[0].rank()))};
}

/// A literal counts from the end where it is negative, and stays in 0..extent where that is known.
Expr position(Composite& a, Expr given, Expr extent) {
  Context& c = a.c();
  const auto literal = ir::as_int(given);
  if (!literal) return given;
  const auto known = ir::as_int(extent);
  if (known)
    return c.i64(std::clamp(*literal < 0 ? *literal + *known : *literal, int64_t{0}, *known));
  return *literal < 0 ? a.b.simplify(ir::max(c, ir::add(c, extent, given), c.i64(0))) : given;
}

std::vector<Val> slice_row(Composite& a) {
  Context& c = a.c();
  const Val x = a.in[0];
  const size_t n = a.extents.size() / 2;
  Ints first;
  for (size_t i = 0; i < n; ++i) first.push_back(static_cast<int64_t>(i));
  const Ints axes = a.axes("axes", first, x.rank());
  const Ints steps = a.integers("steps", Ints(n, 1));
  if (!a.require(a.extents.size() == 2 * n && axes.size() == n && steps.size() == n, 3,
                 "starts, stops and steps need one value for each of the axes") ||
      !a.require(std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s > 0; }), 3,
                 "steps must be positive; flip reverses an axis"))
    return {};
  Val y = x;
  for (size_t i = 0; i < n && y; ++i) {
    const Expr extent = x.dim(axes[i]);
    const Expr start = position(a, a.extents[i], extent);
    const Expr stop = position(a, a.extents[n + i], extent);
    Expr count = a.b.simplify(ir::sub(c, stop, start));
    if (const auto known = ir::as_int(count); known && *known < 0) count = c.i64(0);
    if (steps[i] != 1)
      count = ir::floordiv(c, ir::add(c, count, c.i64(steps[i] - 1)), c.i64(steps[i]));
    y = slice_at(y, axes[i], start, count, steps[i]);
  }
  return {y};
}

std::vector<Val> pad_row(Composite& a) {
  const Val x = a.in[0];
  const auto rank = static_cast<size_t>(x.rank());
  if (!a.require(a.extents.size() == 2 * rank, 3, "low and high need one value for each axis"))
    return {};
  const Exprs low(a.extents.begin(), a.extents.begin() + static_cast<std::ptrdiff_t>(rank));
  const Exprs high(a.extents.begin() + static_cast<std::ptrdiff_t>(rank), a.extents.end());
  const Val filling = a.in[1] ? a.in[1] : a.b.lit(x.dtype(), 0);
  return {a.b.wrap(a.b.pad(x.e, filling.e, low, high))};
}

std::vector<Val> full_row(Composite& a) { return broadcast_to_row(a); }

std::vector<Val> iota_row(Composite& a) {
  const Exprs shape(a.extents.begin(), a.extents.end());
  if (!a.require(!shape.empty(), 3, "shape needs an extent")) return {};
  const auto rank = static_cast<int>(shape.size());
  return {a.b.iota(a.dtype("dtype", DType::i64), shape, a.axis("axis", 0, rank))};
}

std::vector<Val> shape_of_row(Composite& a) { return {a.b.wrap(a.b.shape_of(a.in[0].e))}; }

// ---- elements by index

std::vector<Val> gather_row(Composite& a) {
  return {gather(a.in[0], a.in[1], a.axis("axis", 0, a.in[0].rank()))};
}
std::vector<Val> gather_elements_row(Composite& a) {
  return {gather_elements(a.in[0], a.in[1], a.axis("axis", 0, a.in[0].rank()))};
}
std::vector<Val> gather_nd_row(Composite& a) {
  return {a.b.wrap(a.b.gather_nd(a.in[0].e, a.in[1].e, a.integer("batch", 0)))};
}
std::vector<Val> scatter_elements_row(Composite& a) {
  return {a.b.make(
      Op::scatter_elements, a.in,
      {{Key::axis, a.axis("axis", 0, a.in[0].rank())}, {Key::kind, a.word("kind", "set")}})};
}
std::vector<Val> scatter_nd_row(Composite& a) {
  return {a.b.make(Op::scatter_nd, a.in, {{Key::kind, a.word("kind", "set")}})};
}
std::vector<Val> dynamic_slice_row(Composite& a) {
  if (!a.require(!a.in.empty(), 3, "it needs a tensor")) return {};
  Exprs starts;
  for (size_t i = 1; i < a.in.size(); ++i) starts.push_back(a.in[i].e);
  return {a.b.wrap(a.b.dynamic_slice(a.in[0].e, starts, a.extents))};
}
std::vector<Val> dynamic_update_slice_row(Composite& a) {
  return {a.b.make(Op::dynamic_update_slice, a.in)};
}

// ---- reductions and scans

Ints all_axes(int rank) {
  Ints axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

std::vector<Val> reduce_row(Composite& a) {
  const int rank = a.in[0].rank();
  const Ints axes = a.axes("axes", all_axes(rank), rank);
  const bool keep = a.integer("keepdims", 0) != 0;
  const std::string_view kind = a.name.substr(std::string_view("reduce_").size());
  if (kind == "mean") return {a.b.wrap(a.b.mean(a.in[0].e, axes, keep))};
  return {a.b.wrap(a.b.reduce(kind, a.in[0].e, axes, keep))};
}
std::vector<Val> arg_row(Composite& a) {
  return {a.b.wrap(a.b.arg_reduce(a.name.substr(std::string_view("arg_").size()), a.in[0].e,
                                  a.axis("axis", -1, a.in[0].rank()), a.integer("keepdims", 0) != 0,
                                  a.integer("last", 0) != 0))};
}
std::vector<Val> cumulative_row(Composite& a) {
  return {
      a.b.wrap(a.b.cumulative(a.word("kind", "sum"), a.in[0].e, a.axis("axis", -1, a.in[0].rank()),
                              a.integer("exclusive", 0) != 0, a.integer("reverse", 0) != 0))};
}
std::vector<Val> sort_row(Composite& a) {
  const Sorted s =
      sort(a.in[0], a.axis("axis", -1, a.in[0].rank()), a.integer("descending", 0) != 0);
  return {s.values, s.indices};
}

// ---- products

std::vector<Val> matmul_row(Composite& a) { return {a.b.wrap(a.b.matmul(a.in[0].e, a.in[1].e))}; }
std::vector<Val> dot_row(Composite& a) {
  return {a.b.wrap(a.b.dot(a.in[0].e, a.in[1].e, a.integers("batch_a", {}),
                           a.integers("batch_b", {}), a.integers("contract_a", {}),
                           a.integers("contract_b", {}), "", a.word("accumulate", "")))};
}

/// The convolution of channels-last operands, bias added.
Val conv_of(Composite& a, Val x, Val w) {
  ConvAttrs attrs;
  attrs.strides = a.integers("strides", {});
  attrs.dilation = a.integers("dilation", {});
  attrs.groups = a.integer("groups", 1);
  attrs.low = a.b.i64s(a.integers("low", {}));
  attrs.high = a.b.i64s(a.integers("high", {}));
  const size_t spatial = static_cast<size_t>(std::max(x.rank() - 2, 0));
  const auto fits = [&](size_t n) { return n == 0 || n == spatial; };
  if (!a.require(fits(attrs.strides.size()) && fits(attrs.dilation.size()) &&
                     fits(attrs.low.size()) && fits(attrs.high.size()),
                 3, "strides, dilation, low and high need one value for each spatial axis"))
    return {&a.b, nullptr};
  const Val y = a.b.wrap(a.b.conv(x.e, w.e, std::move(attrs)));
  return a.in[2] && y ? y + a.in[2] : y;
}
std::vector<Val> conv_row(Composite& a) { return {conv_of(a, a.in[0], a.in[1])}; }
std::vector<Val> conv_channels_first_row(Composite& a) {
  const int rank = a.in[0].rank();
  if (!a.require(rank >= 2 && a.in[1].rank() == rank, 3, "x and w must be of one rank, 2 or more"))
    return {};
  Ints last{0}, kernel, first{0, rank - 1};
  for (int i = 2; i < rank; ++i) {
    last.push_back(i);
    kernel.push_back(i);
    first.push_back(i - 1);
  }
  last.push_back(1);
  kernel.insert(kernel.end(), {1, 0});
  const Val y = conv_of(a, transpose(a.in[0], last), transpose(a.in[1], kernel));
  return {y ? transpose(y, first) : y};
}

constexpr std::string_view kConvOptions = "strides,low,high,dilation,groups";

constexpr CompositeRow kRows[] = {
    {"cast", "x", "to,saturate", cast_to, true},
    {"broadcast_to", "x", "", broadcast_to_row, true, nullptr, "shape*"},
    {"reshape", "x", "", reshape_row, true, nullptr, "shape*"},
    {"transpose", "x", "perm", transpose_row, true},
    {"squeeze", "x", "axes", squeeze_row, true},
    {"unsqueeze", "x", "axes", unsqueeze_row, true},
    {"flatten", "x", "axis", flatten_row, true},
    {"flip", "x", "axis", flip_row, true},
    {"concat", "x*", "axis", concat_row, true},
    {"slice", "x", "axes,steps", slice_row, true, nullptr, "starts*,stops*"},
    {"pad", "x,value?", "", pad_row, true, nullptr, "low*,high*"},
    {"full", "value", "", full_row, true, nullptr, "shape*"},
    {"iota", "", "axis,dtype", iota_row, true, nullptr, "shape*"},
    {"shape_of", "x", "", shape_of_row, true},
    {"gather", "x,indices", "axis", gather_row, true},
    {"gather_elements", "x,indices", "axis", gather_elements_row, true},
    {"gather_nd", "x,indices", "batch", gather_nd_row, true},
    {"scatter_elements", "x,indices,updates", "axis,kind", scatter_elements_row, true},
    {"scatter_nd", "x,indices,updates", "kind", scatter_nd_row, true},
    {"dynamic_slice", "x*", "", dynamic_slice_row, true, nullptr, "sizes*"},
    {"dynamic_update_slice", "x*", "", dynamic_update_slice_row, true},
    {"reduce_sum", "x", "axes,keepdims", reduce_row, true},
    {"reduce_prod", "x", "axes,keepdims", reduce_row, true},
    {"reduce_max", "x", "axes,keepdims", reduce_row, true},
    {"reduce_min", "x", "axes,keepdims", reduce_row, true},
    {"reduce_and", "x", "axes,keepdims", reduce_row, true},
    {"reduce_or", "x", "axes,keepdims", reduce_row, true},
    {"reduce_mean", "x", "axes,keepdims", reduce_row, true},
    {"arg_max", "x", "axis,keepdims,last", arg_row, true},
    {"arg_min", "x", "axis,keepdims,last", arg_row, true},
    {"cumulative", "x", "kind,axis,exclusive,reverse", cumulative_row, true},
    {"sort", "x", "axis,descending", sort_row, true},
    {"matmul", "a,b", "", matmul_row, true},
    {"dot", "a,b", "batch_a,batch_b,contract_a,contract_b,accumulate", dot_row, true},
    {"conv", "x,w,bias?", kConvOptions, conv_row, true},
    {"conv_channels_first", "x,w,bias?", kConvOptions, conv_channels_first_row, true},
};

/// One for each elementwise operator but cast, whose type is an option.
std::vector<CompositeRow> all_rows() {
  std::vector<CompositeRow> rows(std::begin(kRows), std::end(kRows));
  for (const Op op : ir::all_ops()) {
    const ir::OpInfo& info = ir::info(op);
    if (!ir::is_elementwise(op) || op == Op::cast) continue;
    const std::string_view operands = info.min_operands == 1   ? "x"
                                      : info.min_operands == 2 ? "a,b"
                                      : op == Op::select       ? "condition,a,b"
                                                               : "a,b,c";
    rows.push_back({info.name, operands, "", elementwise, true});
  }
  return rows;
}

}  // namespace

std::span<const CompositeRow> primitive_rows() {
  static const std::vector<CompositeRow> rows = all_rows();
  return rows;
}

}  // namespace tenon::ops::composite
