// Pooling over the spatial axes of [n, c, spatial..], as ONNX defines it.
//
// pads are "begin.., end.."; with auto_pad they follow from the extents, which may be symbolic.
// ceil_mode pads further at the end. max_pool's indices are flat positions in the whole of x.
//
// C3: rank at least 3. C4: one value a spatial axis. C5: type. C6: auto_pad is known.
//
//   max_pool (x)                          kernel_shape strides pads dilations ceil_mode auto_pad
//       storage_order[0] indices[0]  -> y[, indices where asked]
//   average_pool, lp_pool (x)             the same; count_include_pad[0]; p[2]
//   global_average_pool, global_max_pool, global_lp_pool (x)   p[2]
//   max_unpool (x, indices)               kernel_shape strides pads; extents: output shape or none
#include <cmath>
#include <limits>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;

struct Geometry {
  int spatial = 0;
  Ints kernel, strides, dilation;
  Exprs low, high;  // of the spatial axes; high without what ceil_mode adds
  Exprs ceil;       // further end padding of ceil_mode
  Exprs out;        // output extents
  bool padded = false;
};

/// Pads of one axis under auto_pad=same_*.
void same_pads(Context& c, Geometry& g, Expr extent, size_t i, bool upper) {
  const Expr stride = c.i64(g.strides[i]);
  const Expr reach = c.i64((g.kernel[i] - 1) * g.dilation[i] + 1);
  const Expr out = ir::ceildiv(c, extent, stride);
  const Expr span = ir::add(c, ir::mul(c, ir::sub(c, out, c.i64(1)), stride), reach);
  const Expr total = ir::max(c, ir::sub(c, span, extent), c.i64(0));
  const Expr less = ir::floordiv(c, total, c.i64(2));
  const Expr more = ir::sub(c, total, less);
  g.low.push_back(upper ? less : more);
  g.high.push_back(upper ? more : less);
}

void finish_axis(Context& c, Geometry& g, Expr extent, size_t i, bool ceil) {
  const int64_t reach = (g.kernel[i] - 1) * g.dilation[i] + 1;
  const Expr stride = c.i64(g.strides[i]);
  const Expr padded = ir::add(c, ir::add(c, extent, g.low[i]), g.high[i]);
  const Expr room = ir::sub(c, padded, c.i64(reach));
  Expr out = ir::add(c, ir::floordiv(c, room, stride), c.i64(1));
  Expr extra = c.i64(0);
  if (ceil) {
    const Expr whole = ir::add(c, ir::ceildiv(c, room, stride), c.i64(1));
    // A window must start before the end padding.
    out = ir::min(c, whole, ir::ceildiv(c, ir::add(c, extent, g.low[i]), stride));
    const Expr span = ir::add(c, ir::mul(c, ir::sub(c, out, c.i64(1)), stride), c.i64(reach));
    extra = ir::max(c, ir::sub(c, span, padded), c.i64(0));
  }
  g.out.push_back(out);
  g.ceil.push_back(extra);
  if (!ir::is_int(g.low[i], 0) || !ir::is_int(g.high[i], 0) || !ir::is_int(extra, 0))
    g.padded = true;
}

std::optional<Geometry> geometry(const Composite& a) {
  const Val x = a.in[0];
  if (!a.require(x.rank() >= 3, 3, "x needs rank 3 or more")) return std::nullopt;
  Context& c = a.c();
  Geometry g;
  g.spatial = x.rank() - 2;
  const size_t n = static_cast<size_t>(g.spatial);
  g.kernel = a.integers("kernel_shape", {});
  g.strides = a.integers("strides", Ints(n, 1));
  g.dilation = a.integers("dilations", Ints(n, 1));
  const Ints pads = a.integers("pads", Ints(2 * n, 0));
  const std::string automatic = a.word("auto_pad", "notset");
  const bool ceil = a.integer("ceil_mode", 0) != 0;
  if (!a.require(g.kernel.size() == n && g.strides.size() == n && g.dilation.size() == n &&
                     pads.size() == 2 * n,
                 4,
                 "kernel_shape, strides and dilations need " + std::to_string(n) +
                     " values, pads twice that"))
    return std::nullopt;
  for (size_t i = 0; i < n; ++i)
    if (!a.require(g.kernel[i] > 0 && g.strides[i] > 0 && g.dilation[i] > 0, 4,
                   "kernel_shape, strides and dilations must be positive"))
      return std::nullopt;
  const bool same = automatic == "same_upper" || automatic == "same_lower";
  if (!a.require(same || automatic == "valid" || automatic == "notset", 6,
                 "auto_pad '" + automatic + "' is unknown"))
    return std::nullopt;
  for (size_t i = 0; i < n; ++i) {
    const Expr extent = x.dim(static_cast<int64_t>(i) + 2);
    if (same) {
      same_pads(c, g, extent, i, automatic == "same_upper");
    } else {
      g.low.push_back(c.i64(automatic == "valid" ? 0 : pads[i]));
      g.high.push_back(c.i64(automatic == "valid" ? 0 : pads[n + i]));
    }
    finish_axis(c, g, extent, i, ceil && !same);
  }
  return g;
}

Val window(Val x, const char* kind, const Geometry& g) {
  Context& c = x.body->c;
  Ints size{1, 1}, strides{1, 1}, dilation{1, 1};
  Exprs low{c.i64(0), c.i64(0)}, high = low;
  for (size_t i = 0; i < g.kernel.size(); ++i) {
    size.push_back(g.kernel[i]);
    strides.push_back(g.strides[i]);
    dilation.push_back(g.dilation[i]);
    low.push_back(g.low[i]);
    high.push_back(ir::add(c, g.high[i], g.ceil[i]));
  }
  return window(kind, x, {size, strides, dilation, low, high});
}

/// Flat index in x of the first maximum of each window: a running maximum over the kernel's
/// positions.
Val max_indices(const Composite& a, const Geometry& g) {
  Context& c = a.c();
  const Val x = a.in[0];
  const int rank = x.rank();
  const size_t n = g.kernel.size();
  Exprs out{x.dim(0), x.dim(1)};
  out.insert(out.end(), g.out.begin(), g.out.end());
  const bool column_major = a.integer("storage_order", 0) != 0;
  Exprs low(2, c.i64(0)), high(2, c.i64(0));
  for (size_t i = 0; i < n; ++i) {
    low.push_back(g.low[i]);
    high.push_back(ir::add(c, g.high[i], g.ceil[i]));
  }
  const Val wide = pad(x, low, high, 0);
  int64_t positions = 1;
  for (int64_t k : g.kernel) positions *= k;
  Val best, index;
  for (int64_t p = 0; p < positions; ++p) {
    Val here = wide;
    Val valid{&a.b, nullptr};
    Val flat = a.b.lit(DType::i64, 0);
    int64_t rest = p;
    Ints at(n);
    for (size_t i = n; i-- > 0; rest /= g.kernel[i]) at[i] = rest % g.kernel[i];
    Val column = a.b.lit(DType::i64, 0);
    Expr column_stride = c.i64(1);
    for (size_t i = 0; i < n; ++i) {
      const int64_t axis = static_cast<int64_t>(i) + 2;
      here = slice(here, axis, at[i] * g.dilation[i], g.out[i], g.strides[i]);
      const Val position = a.b.iota(DType::i64, {g.out[i]}, 0) * static_cast<double>(g.strides[i]) +
                           a.b.number(ir::sub(c, c.i64(at[i] * g.dilation[i]), g.low[i]));
      const Val spot = along(position, axis, rank);
      const Val inside = logical_and(ge(spot, 0.0), lt(spot, a.b.number(x.dim(axis))));
      if (g.padded) valid = valid ? logical_and(valid, inside) : inside;
      flat = flat * a.b.number(x.dim(axis)) + spot;
      column = column + spot * a.b.number(column_stride);
      column_stride = ir::mul(c, column_stride, x.dim(axis));
    }
    if (column_major) flat = column;
    flat = broadcast_to(flat, out);
    if (!best) {
      best = here;
      index = valid ? select(valid, flat, -1.0) : flat;
      continue;
    }
    Val take = logical_or(gt(here, best), logical_and(ne(here, here), eq(best, best)));
    if (g.padded) take = logical_and(valid, logical_or(take, lt(index, 0.0)));
    best = select(take, here, best);
    index = select(take, flat, index);
  }
  // The plane of (n, c) starts at (n * C + c) * spatial size.
  Expr plane = c.i64(1);
  for (int i = 2; i < rank; ++i) plane = ir::mul(c, plane, x.dim(i));
  const Val first = a.b.iota(DType::i64, {x.dim(0)}, 0) * a.b.number(ir::mul(c, x.dim(1), plane));
  const Val second = a.b.iota(DType::i64, {x.dim(1)}, 0) * a.b.number(plane);
  return index + along(first, 0, rank) + along(second, 1, rank);
}

std::vector<Val> max_pool(Composite& a) {
  const auto g = geometry(a);
  if (!g) return {};
  std::vector<Val> results{window(a.in[0], "max", *g)};
  if (a.integer("indices", 0) != 0) results.push_back(max_indices(a, *g));
  return results;
}

/// How many elements each window has: a product over the axes of one-dimensional counts.
Val window_count(const Composite& a, const Geometry& g, DType type, bool include_pad) {
  Context& c = a.c();
  const Val x = a.in[0];
  Val all;
  for (size_t i = 0; i < g.kernel.size(); ++i) {
    const int64_t axis = static_cast<int64_t>(i) + 2;
    Expr extent = x.dim(axis);
    Expr low = g.low[i];
    Expr high = ir::add(c, g.high[i], g.ceil[i]);
    if (include_pad) {
      extent = ir::add(c, ir::add(c, extent, low), g.high[i]);
      low = c.i64(0);
      high = g.ceil[i];
    }
    const Val count =
        window("sum", a.b.lit(type, 1, {extent}),
               {Ints{g.kernel[i]}, Ints{g.strides[i]}, Ints{g.dilation[i]}, {low}, {high}});
    const Val part = along(count, axis, x.rank());
    all = all ? all * part : part;
  }
  return settled(all);
}

std::vector<Val> average_pool(Composite& a) {
  const auto g = geometry(a);
  if (!g || !a.require(ir::is_float(a.in[0].dtype()), 5, "x must be of a float type")) return {};
  const Val sum = window(up(a.in[0]), "sum", *g);
  const bool include_pad = a.integer("count_include_pad", 0) != 0;
  bool ceils = false;
  for (Expr e : g->ceil) ceils = ceils || !ir::is_int(e, 0);
  if (!g->padded || (include_pad && !ceils)) {
    double count = 1;
    for (int64_t k : g->kernel) count *= static_cast<double>(k);
    return {cast(a.in[0].dtype(), sum / count)};
  }
  return {cast(a.in[0].dtype(), sum / window_count(a, *g, sum.dtype(), include_pad))};
}

Val power_of(Val x, double p) { return p == 1 ? abs(x) : p == 2 ? x * x : pow(abs(x), p); }
Val root_of(Val x, double p) { return p == 1 ? x : p == 2 ? sqrt(x) : pow(x, 1 / p); }

std::vector<Val> lp_pool(Composite& a) {
  const auto g = geometry(a);
  if (!g || !a.require(ir::is_float(a.in[0].dtype()), 5, "x must be of a float type")) return {};
  const double p = a.real("p", 2);
  return {cast(a.in[0].dtype(), root_of(window(power_of(up(a.in[0]), p), "sum", *g), p))};
}

bool check_global(const Composite& a) {
  return a.require(a.in[0].rank() >= 2, 3, "x needs rank 2 or more") &&
         a.require(ir::is_float(a.in[0].dtype()), 5, "x must be of a float type");
}

/// The result of a reduction over the spatial axes with these kept as extents of 1.
std::vector<Val> keep_spatial(const Composite& a, Val y) {
  Exprs shape(static_cast<size_t>(a.in[0].rank()), a.c().i64(1));
  shape[0] = a.in[0].dim(0);
  shape[1] = a.in[0].dim(1);
  return {cast(a.in[0].dtype(), reshape(y, shape))};
}
Ints spatial_axes(Val x) {
  Ints axes;
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

std::vector<Val> global_average_pool(Composite& a) {
  if (!check_global(a)) return {};
  return keep_spatial(a, mean(up(a.in[0]), spatial_axes(a.in[0])));
}
std::vector<Val> global_max_pool(Composite& a) {
  if (!check_global(a)) return {};
  return keep_spatial(a, reduce("max", a.in[0], spatial_axes(a.in[0])));
}
std::vector<Val> global_lp_pool(Composite& a) {
  if (!check_global(a)) return {};
  const double p = a.real("p", 2);
  return keep_spatial(a,
                      root_of(reduce("sum", power_of(up(a.in[0]), p), spatial_axes(a.in[0])), p));
}

std::vector<Val> max_unpool(Composite& a) {
  Context& c = a.c();
  const Val x = a.in[0];
  if (!a.require(x.rank() >= 3, 3, "x needs rank 3 or more")) return {};
  const size_t n = static_cast<size_t>(x.rank()) - 2;
  const Ints kernel = a.integers("kernel_shape", {});
  const Ints strides = a.integers("strides", Ints(n, 1));
  const Ints pads = a.integers("pads", Ints(2 * n, 0));
  if (!a.require(kernel.size() == n && strides.size() == n && pads.size() == 2 * n, 4,
                 "kernel_shape and strides need " + std::to_string(n) + " values, pads twice that"))
    return {};
  // The indices count in the shape that the pooling's arguments imply.
  Exprs implied{x.dim(0), x.dim(1)};
  for (size_t i = 0; i < n; ++i) {
    const Expr steps =
        ir::mul(c, ir::sub(c, x.dim(static_cast<int64_t>(i) + 2), c.i64(1)), c.i64(strides[i]));
    implied.push_back(ir::add(c, steps, c.i64(kernel[i] - pads[i] - pads[n + i])));
  }
  const Val zeros = a.b.lit(x.dtype(), 0, {ir::product(c, implied)});
  const Exprs count{ir::product(c, x.shape())};
  const Val flat =
      a.b.make(Op::scatter_elements, {zeros, reshape(a.in[1], count), reshape(x, count)},
               {{Key::axis, int64_t{0}}, {Key::kind, std::string("set")}});
  Val y = reshape(flat, implied);
  if (!a.extents.empty()) {
    if (!a.require(a.extents.size() == implied.size(), 4,
                   "the output shape needs one extent an axis"))
      return {};
    Exprs more;
    for (size_t i = 0; i < implied.size(); ++i)
      more.push_back(ir::sub(c, a.extents[i], implied[i]));
    y = pad(y, Exprs(implied.size(), c.i64(0)), more, 0);
  }
  return {y};
}

constexpr CompositeRow kRows[] = {
    {"max_pool", "x",
     "kernel_shape,strides,pads,dilations,ceil_mode,auto_pad,storage_order,indices", max_pool},
    {"average_pool", "x",
     "kernel_shape,strides,pads,dilations,ceil_mode,auto_pad,count_include_pad", average_pool},
    {"lp_pool", "x", "kernel_shape,strides,pads,dilations,ceil_mode,auto_pad,p", lp_pool},
    {"global_average_pool", "x", "", global_average_pool},
    {"global_max_pool", "x", "", global_max_pool},
    {"global_lp_pool", "x", "p", global_lp_pool},
    {"max_unpool", "x,indices", "kernel_shape,strides,pads", max_unpool, false, nullptr,
     "output_shape*"},
};

}  // namespace

std::span<const CompositeRow> pooling_rows() { return kRows; }

}  // namespace tenon::ops::composite
