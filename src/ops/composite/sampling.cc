// Sampling of images at computed positions, as ONNX GridSample-22, AffineGrid-20 and RoiAlign-22
// have it: grid_sample (x[n,c,d..], grid[n,o..,k]) for k spatial axes, whose last axis runs from
// the last spatial axis to the first; affine_grid (theta[n,k,k+1]); roi_align (x[n,c,h,w],
// rois[r,4], batch_indices[r]).
//
// C3: float type. C4: ranks. C5: a known mode. C6: grid fits x.
//
//   grid_sample (x, grid)                 mode padding_mode align_corners
//   affine_grid (theta)                   align_corners; extents: the size operand
//   roi_align (x, rois, batch_indices)    mode coordinate_transformation_mode output_height
//       output_width sampling_ratio spatial_scale
#include <limits>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

// ---- grid_sample

enum class Padding { zeros, border, reflection };

struct Grid {
  Padding padding = Padding::zeros;
  bool align = false;
};

/// One spatial axis at sampling time: its extent, and the sampled position of each output element.
struct Coordinate {
  Expr extent;
  Val size;      // extent, f32
  Val position;  // [n, 1, o..]
};

Val reflect(const Grid& g, const Coordinate& at, Val v) {
  const Val low = g.align ? at.size * 0.0 : at.size * 0.0 - 0.5;
  const Val span = g.align ? at.size - 1.0 : at.size;
  const Val safe = select(le(span, 0.0), 1.0, span);
  const Val distance = abs(v - low);
  const Val turns = floor(distance / safe);
  const Val rest = distance - turns * safe;
  const Val odd = ne(mod(turns, 2.0), 0.0);
  return select(le(span, 0.0), low, low + select(odd, safe - rest, rest));
}

/// The position after the padding mode has moved it.
Val settle(const Grid& g, const Coordinate& at, Val v) {
  if (g.padding == Padding::border) return min(max(v, 0.0), at.size - 1.0);
  if (g.padding == Padding::reflection) return reflect(g, at, v);
  return v;
}

struct Sample {
  Val index;   // i64 in range
  Val weight;  // 0 where zeros are read
};

/// The element at a whole-number position, which may lie outside.
Sample element_at(const Grid& g, const Coordinate& at, Val v, Val weight) {
  Body& b = *v.body;
  if (g.padding == Padding::reflection) v = trunc(reflect(g, at, v));
  const Val top = b.number(ir::sub(b.c, at.extent, b.c.i64(1)));
  const Val index = min(max(cast(DType::i64, v), 0.0), top);
  if (g.padding != Padding::zeros) return {index, weight};
  const Val inside = logical_and(ge(v, 0.0), lt(v, at.size));
  return {index, select(inside, weight, 0.0)};
}

std::vector<Val> cubic_weights(Val t) {
  const double a = -0.75;
  const auto near = [&](Val d) { return ((a + 2) * d - (a + 3)) * d * d + 1.0; };
  const auto far = [&](Val d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)};
}

std::vector<Sample> samples(const Grid& g, const Coordinate& at, const std::string& mode) {
  Body& b = *at.position.body;
  const Val one = b.lit(at.position.dtype(), 1);
  if (mode == "nearest") return {element_at(g, at, settle(g, at, round(at.position)), one)};
  // The weights of a cubic stem from the position itself; each of its taps is moved inside.
  const Val v = mode == "cubic" ? at.position : settle(g, at, at.position);
  const Val base = floor(v);
  const Val t = v - base;
  if (mode == "linear") return {element_at(g, at, base, 1.0 - t), element_at(g, at, base + 1.0, t)};
  std::vector<Sample> all;
  const std::vector<Val> weights = cubic_weights(t);
  for (int k = 0; k < 4; ++k)
    all.push_back(
        element_at(g, at, base + static_cast<double>(k - 1), weights[static_cast<size_t>(k)]));
  return all;
}

/// Position in x of each output element along spatial axis d.
Coordinate coordinate(const Grid& g, Val x, Val grid, int d) {
  Body& b = *x.body;
  const int spatial = x.rank() - 2;
  Coordinate at;
  at.extent = x.dim(d + 2);
  at.size = b.number(at.extent, grid.dtype());
  Val v = squeeze(slice(grid, -1, spatial - 1 - d, b.c.i64(1)), -1);
  v = unsqueeze(v, 1);
  at.position = g.align ? (v + 1.0) * 0.5 * (at.size - 1.0) : ((v + 1.0) * at.size - 1.0) * 0.5;
  return at;
}

std::vector<Val> grid_sample(Composite& a) {
  const Val x = up(a.in[0]);
  const Val grid = up(a.in[1]);
  const int spatial = x.rank() - 2;
  std::string mode = a.word("mode", "linear");
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  const std::string padding = a.word("padding_mode", "zeros");
  if (!a.require(ir::is_float(x.dtype()) && ir::is_float(grid.dtype()), 3,
                 "x and grid must be of float types") ||
      !a.require(spatial >= 1 && grid.rank() == x.rank(), 4,
                 "x and grid need the same rank, 3 or more") ||
      !a.require(mode == "linear" || mode == "nearest" || mode == "cubic", 5,
                 "mode '" + mode + "' is unknown") ||
      !a.require(padding == "zeros" || padding == "border" || padding == "reflection", 5,
                 "padding_mode '" + padding + "' is unknown") ||
      !a.require(ir::is_int(grid.dim(-1), spatial), 6,
                 "grid's last axis must have one entry for each spatial axis"))
    return {};
  Grid g;
  g.padding = padding == "zeros"    ? Padding::zeros
              : padding == "border" ? Padding::border
                                    : Padding::reflection;
  g.align = a.integer("align_corners", 0) != 0;
  // Corners: every combination of the axes' samples.
  struct Corner {
    std::vector<Val> index;
    Val weight;
  };
  Body& b = a.b;
  std::vector<Corner> corners{{{along(b.iota(DType::i64, {x.dim(0)}, 0), 0, x.rank()),
                                along(b.iota(DType::i64, {x.dim(1)}, 0), 1, x.rank())},
                               Val{}}};
  for (int d = 0; d < spatial; ++d) {
    const std::vector<Sample> axis = samples(g, coordinate(g, x, grid, d), mode);
    std::vector<Corner> more;
    for (const Corner& corner : corners)
      for (const Sample& s : axis) {
        more.push_back(corner);
        more.back().index.push_back(s.index);
        more.back().weight = corner.weight ? corner.weight * s.weight : s.weight;
      }
    corners = std::move(more);
  }
  if (!a.b.ok()) return {};
  Val y;
  for (const Corner& corner : corners) {
    const Val value = gather_at(x, corner.index);
    const Val weight = cast(x.dtype(), corner.weight);
    // A weight of zero means that nothing is read there, whatever the element is.
    const Val part = select(eq(weight, 0.0), 0.0, value * weight);
    y = y ? y + part : part;
  }
  return {cast(a.in[0].dtype(), y)};
}

// ---- affine_grid

std::vector<Val> affine_grid(Composite& a) {
  Context& c = a.c();
  const Val theta = up(a.in[0]);
  const int spatial = static_cast<int>(a.extents.size()) - 2;
  if (!a.require(ir::is_float(theta.dtype()), 3, "theta must be of a float type") ||
      !a.require(theta.rank() == 3 && spatial >= 1 && ir::is_int(theta.dim(1), spatial) &&
                     ir::is_int(theta.dim(2), spatial + 1),
                 4, "theta must be [n, k, k + 1] for a size of k spatial axes"))
    return {};
  const bool align = a.integer("align_corners", 0) != 0;
  const int rank = spatial + 1;
  std::vector<Val> coordinates;  // in grid order: last spatial axis first
  for (int d = spatial - 1; d >= 0; --d) {
    const Expr extent = a.extents[static_cast<size_t>(d) + 2];
    const Val i = a.b.iota(theta.dtype(), {extent}, 0);
    const Val n = a.b.number(extent, theta.dtype());
    const Val line = align ? i * (2.0 / max(n - 1.0, 1.0)) - 1.0 : (i * 2.0 + 1.0) / n - 1.0;
    coordinates.push_back(along(line, d + 1, rank));
  }
  Exprs shape{theta.dim(0)};
  shape.insert(shape.end(), a.extents.begin() + 2, a.extents.end());
  std::vector<Val> parts;
  for (int r = 0; r < spatial; ++r) {
    const auto entry = [&](int k) {
      const Val one = slice(slice(theta, 1, r, c.i64(1)), 2, k, c.i64(1));
      Exprs flat(static_cast<size_t>(rank), c.i64(1));
      flat[0] = theta.dim(0);
      return reshape(one, flat);
    };
    Val sum = entry(spatial);
    for (int k = 0; k < spatial; ++k) sum = sum + entry(k) * coordinates[static_cast<size_t>(k)];
    parts.push_back(unsqueeze(broadcast_to(sum, shape), rank));
  }
  return {cast(a.in[0].dtype(), concat(parts, rank))};
}

// ---- roi_align

struct Roi {
  Val x;      // [n, c, h, w]
  Val batch;  // i64[r, 1, 1, 1]
  bool average = true;
};

/// One axis of the interpolation: neighbours, weights, and whether the position counts at all.
struct Line {
  Val low, high;  // i64
  Val low_weight, high_weight;
};
Line line_at(Val v, Expr extent) {
  Body& b = *v.body;
  const Val size = b.number(extent, v.dtype());
  const Val outside = logical_or(lt(v, -1.0), gt(v, size));
  const Val top = b.number(ir::sub(b.c, extent, b.c.i64(1)));
  const Val inside = min(max(v, 0.0), size - 1.0);
  const Val base = floor(inside);
  const Val t = inside - base;
  const Val low = min(max(cast(DType::i64, base), 0.0), top);
  return {low, min(low + 1.0, top), select(outside, 0.0, 1.0 - t), select(outside, 0.0, t)};
}

/// Interpolated values at rows y and columns x, which broadcast to [r, c, ..]; the largest weighted
/// corner instead of their sum where the mode is max.
Val interpolate(const Roi& roi, const Line& y, const Line& x, int rank) {
  Body& b = *roi.x.body;
  const Val channel = along(b.iota(DType::i64, {roi.x.dim(1)}, 0), 1, rank);
  Exprs shape(static_cast<size_t>(rank), b.c.i64(1));
  shape[0] = roi.batch.dim(0);
  const Val batch = reshape(roi.batch, shape);
  const auto corner = [&](Val iy, Val ix, Val weight) {
    return gather_at(roi.x, {batch, channel, iy, ix}) * weight;
  };
  const Val c0 = corner(y.low, x.low, y.low_weight * x.low_weight);
  const Val c1 = corner(y.low, x.high, y.low_weight * x.high_weight);
  const Val c2 = corner(y.high, x.low, y.high_weight * x.low_weight);
  const Val c3 = corner(y.high, x.high, y.high_weight * x.high_weight);
  return roi.average ? c0 + c1 + c2 + c3 : max(max(c0, c1), max(c2, c3));
}

/// The regions along one axis: where they start and how wide a bin is, both [r].
struct Bins {
  Val start, width;
};
Bins bins(const Composite& a, Val rois, int64_t column, int64_t count, bool half_pixel) {
  Context& c = a.c();
  const double scale = a.real("spatial_scale", 1);
  const double offset = half_pixel ? 0.5 : 0;
  const auto edge = [&](int64_t k) {
    return squeeze(slice(rois, 1, k, c.i64(1)), 1) * scale - offset;
  };
  const Val start = edge(column);
  Val extent = edge(column + 2) - start;
  if (!half_pixel) extent = max(extent, 1.0);
  return {start, extent / static_cast<double>(count)};
}

/// A fixed number of samples a bin: axes [r, c, bins y, samples y, bins x, samples x], reduced.
Val roi_fixed(const Roi& roi, const Bins& by, const Bins& bx, int64_t height, int64_t width,
              int64_t ratio) {
  Body& b = *roi.x.body;
  const auto positions = [&](const Bins& bin, int64_t count, int axis) {
    const DType type = bin.start.dtype();
    const Val which = along(b.iota(type, {b.c.i64(count)}, 0), axis, 6);
    const Val sample = along(b.iota(type, {b.c.i64(ratio)}, 0), axis + 1, 6);
    const Val w = along(bin.width, 0, 6);
    return along(bin.start, 0, 6) + which * w + (sample + 0.5) * w / static_cast<double>(ratio);
  };
  const Line y = line_at(positions(by, height, 2), roi.x.dim(2));
  const Line x = line_at(positions(bx, width, 4), roi.x.dim(3));
  const Val values = interpolate(roi, y, x, 6);
  if (!roi.average) return reduce("max", values, {3, 5});
  return reduce("sum", values, {3, 5}) / static_cast<double>(ratio * ratio);
}

/// As many samples a bin as it is wide: a loop over the most that any region takes.
Val roi_adaptive(const Roi& roi, const Bins& by, const Bins& bx, int64_t height, int64_t width) {
  Body& b = *roi.x.body;
  const DType type = roi.x.dtype();
  const Val ny = max(ceil(by.width), 0.0);
  const Val nx = max(ceil(bx.width), 0.0);
  const auto most = [&](Val n) { return max(cast(DType::i64, reduce("max", n, {0})), 0.0); };
  const Val most_x = most(nx);
  const Exprs shape{roi.batch.dim(0), roi.x.dim(1), b.c.i64(height), b.c.i64(width)};
  const double start = roi.average ? 0 : -std::numeric_limits<double>::infinity();
  const auto step = [&](Body& inner, Val i, const std::vector<Val>& state,
                        const std::vector<Val>& k) {
    const auto positions = [&](Val first, Val w, Val n, Val sample, int64_t count, int axis) {
      const Val which = along(inner.iota(w.dtype(), {inner.c.i64(count)}, 0), axis, 4);
      const Val wide = along(w, 0, 4);
      return along(first, 0, 4) + which * wide + (sample + 0.5) * wide / along(max(n, 1.0), 0, 4);
    };
    const DType real = k[2].dtype();
    const Val columns = max(k[8], 1.0);
    const Val sy = cast(real, floordiv(i, columns));
    const Val sx = cast(real, mod(i, columns));
    const Roi here{k[0], k[1], roi.average};
    const Line y = line_at(positions(k[2], k[3], k[4], sy, height, 2), here.x.dim(2));
    const Line x = line_at(positions(k[5], k[6], k[7], sx, width, 3), here.x.dim(3));
    const Val counts = along(logical_and(lt(sy, k[4]), lt(sx, k[7])), 0, 4);
    const Val value = interpolate(here, y, x, 4);
    const Val next = roi.average ? state[0] + value : max(state[0], value);
    return std::vector<Val>{select(counts, next, state[0])};
  };
  const LoopResult out =
      loop(b, most(ny) * most_x, {b.lit(type, start, shape)},
           {roi.x, roi.batch, by.start, by.width, ny, bx.start, bx.width, nx, most_x}, step);
  const Val count = along(ny * nx, 0, 4);
  if (!roi.average) return select(eq(count, 0.0), 0.0, out.carried[0]);
  return out.carried[0] / cast(type, max(count, 1.0));
}

std::vector<Val> roi_align(Composite& a) {
  const Val x = up(a.in[0]);
  const Val rois = up(a.in[1]);
  const std::string mode = a.word("mode", "avg");
  const std::string transform = a.word("coordinate_transformation_mode", "half_pixel");
  if (!a.require(ir::is_float(x.dtype()) && ir::is_float(rois.dtype()), 3,
                 "x and rois must be of float types") ||
      !a.require(x.rank() == 4 && rois.rank() == 2 && a.in[2].rank() == 1, 4,
                 "x must be of rank 4, rois of rank 2") ||
      !a.require(mode == "avg" || mode == "max", 5, "mode '" + mode + "' is unknown") ||
      !a.require(transform == "half_pixel" || transform == "output_half_pixel", 5,
                 "coordinate_transformation_mode '" + transform + "' is unknown"))
    return {};
  const int64_t height = a.integer("output_height", 1);
  const int64_t width = a.integer("output_width", 1);
  const int64_t ratio = a.integer("sampling_ratio", 0);
  const bool half_pixel = transform == "half_pixel";
  Roi roi{x, cast(DType::i64, a.in[2]), mode == "avg"};
  const Bins bx = bins(a, rois, 0, width, half_pixel);
  const Bins by = bins(a, rois, 1, height, half_pixel);
  const Val y = ratio > 0 ? roi_fixed(roi, by, bx, height, width, ratio)
                          : roi_adaptive(roi, by, bx, height, width);
  return {cast(a.in[0].dtype(), y)};
}

constexpr CompositeRow kRows[] = {
    {"grid_sample", "x,grid", "mode,padding_mode,align_corners", grid_sample},
    {"affine_grid", "theta", "align_corners", affine_grid, false, nullptr, "size*"},
    {"roi_align", "x,rois,batch_indices",
     "mode,coordinate_transformation_mode,output_height,output_width,sampling_ratio,spatial_scale",
     roi_align},
};

}  // namespace

std::span<const CompositeRow> sampling_rows() { return kRows; }

}  // namespace tenon::ops::composite
