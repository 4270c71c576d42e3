// Resize as ONNX-19 defines it: separable, one axis after another; each output element is a
// weighted sum of neighbours whose positions and weights are computed in f64 from the output index,
// so that extents may be symbolic. Whole-number nearest enlargement is a broadcast and a reshape.
// upsample is the older operator: asymmetric, floor.
//
// roi: f32[2 * axes], starts then ends, of tf_crop_and_resize. scales as an operand: f32[axes].
//
// C3: one scale or size for each axis. C4: a known mode. C5: antialias and keep_aspect_ratio_policy
// need sizes known at compile time. C6: a symbolic extent needs a scale that is a simple fraction.
// C7: tf_crop_and_resize needs roi.
//
//   resize (x, roi?, scales?)             mode coordinate_transformation_mode nearest_mode
//       cubic_coeff_a exclude_outside extrapolation_value antialias axes keep_aspect_ratio_policy
//       scales; the size comes from option `scales`, else from extents (one for each of axes); a
//       `scales` operand goes with the extents that it leads to
//   upsample (x)                          mode scales
#include <algorithm>
#include <cmath>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

enum class Mode { nearest, linear, cubic };

/// How one axis is resized.
struct Axis {
  int64_t axis = 0;
  Expr in = nullptr, out = nullptr;
  std::optional<double> scale;  // where known at compile time
  Val factor;                   // the same as a value, f64 of rank 0
  Val roi_start, roi_end;       // f64 of rank 0; empty without roi
};

struct Settings {
  Mode mode = Mode::nearest;
  std::string coordinates, nearest_mode;
  double a = -0.75, extrapolation = 0;
  bool exclude_outside = false, antialias = false;
};

/// floor(n * scale) as an expression; a symbolic n needs a fraction with a small denominator.
Expr scaled_extent(const Composite& a, Expr n, double scale) {
  Context& c = a.c();
  if (const auto known = ir::as_int(n))
    return c.i64(static_cast<int64_t>(std::floor(static_cast<double>(*known) * scale)));
  for (int64_t q = 1; q <= 64; ++q) {
    const double p = std::round(scale * static_cast<double>(q));
    if (std::fabs(p / static_cast<double>(q) - scale) < 1e-7 * std::max(1.0, scale))
      return ir::floordiv(c, ir::mul(c, n, c.i64(static_cast<int64_t>(p))), c.i64(q));
  }
  a.require(false, 6,
            "scale " + std::to_string(scale) + " of a symbolic extent is not a simple fraction");
  return c.i64(1);
}

bool keep_aspect_ratio(const Composite& a, std::vector<Axis>& axes, const std::string& policy) {
  double best = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto in = ir::as_int(axes[i].in);
    const auto out = ir::as_int(axes[i].out);
    if (!a.require(in && out && *in > 0, 5,
                   "keep_aspect_ratio_policy needs sizes known at compile time"))
      return false;
    const double ratio = static_cast<double>(*out) / static_cast<double>(*in);
    best = i == 0 ? ratio : policy == "not_larger" ? std::min(best, ratio) : std::max(best, ratio);
  }
  for (Axis& axis : axes) {
    axis.scale = best;
    axis.out =
        a.c().i64(static_cast<int64_t>(best * static_cast<double>(*ir::as_int(axis.in)) + 0.5));
  }
  return true;
}

Val element(Val vector, size_t i) {
  const Val one = slice(vector, 0, static_cast<int64_t>(i), vector.body->c.i64(1));
  return cast(DType::f64, reshape(one, {}));
}

std::optional<std::vector<Axis>> read_axes(const Composite& a) {
  const Val x = a.in[0];
  Ints all;
  for (int i = 0; i < x.rank(); ++i) all.push_back(i);
  const Ints which = a.axes("axes", all, x.rank());
  const std::vector<double> scales = a.reals("scales", {});
  const std::string policy = a.word("keep_aspect_ratio_policy", "stretch");
  const bool given = scales.empty();
  if (!a.require(
          (given ? a.extents.size() : scales.size()) == which.size(), 3,
          "one scale or size is needed for each of " + std::to_string(which.size()) + " axes"))
    return std::nullopt;
  if (!a.require(a.extents.empty() || a.extents.size() == which.size(), 3,
                 "sizes beside scales need one value for each axis"))
    return std::nullopt;
  std::vector<Axis> axes(which.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].axis = which[i];
    axes[i].in = x.dim(which[i]);
    if (!given) {
      if (!a.require(scales[i] > 0, 3, "scales must be positive")) return std::nullopt;
      axes[i].scale = static_cast<double>(static_cast<float>(scales[i]));
      axes[i].out = a.extents.empty() ? scaled_extent(a, axes[i].in, *axes[i].scale) : a.extents[i];
      continue;
    }
    axes[i].out = a.extents[i];
    const auto in = ir::as_int(axes[i].in);
    const auto out = ir::as_int(axes[i].out);
    if (!a.in[2] && in && out && *in > 0)
      axes[i].scale = static_cast<double>(*out) / static_cast<double>(*in);
    if (!a.in[2] && axes[i].in == axes[i].out) axes[i].scale = 1;
  }
  if (given && !a.in[2] && policy != "stretch" && !keep_aspect_ratio(a, axes, policy))
    return std::nullopt;
  for (size_t i = 0; i < axes.size(); ++i) {
    Axis& axis = axes[i];
    if (axis.scale) {
      axis.factor = a.b.lit(DType::f64, *axis.scale);
    } else if (a.in[2]) {
      axis.factor = element(a.in[2], i);
    } else {
      axis.factor = a.b.number(axis.out, DType::f64) / a.b.number(axis.in, DType::f64);
    }
    if (a.in[1]) {
      axis.roi_start = element(a.in[1], i);
      axis.roi_end = element(a.in[1], axes.size() + i);
    }
  }
  return axes;
}

/// Position in the input of each output index: f64[out].
Val coordinates(const Composite& a, const Settings& s, const Axis& axis) {
  Body& b = a.b;
  const Val i = b.iota(DType::f64, {axis.out}, 0);
  const Val in = b.number(axis.in, DType::f64);
  const Val width = axis.scale && ir::as_int(axis.in)
                        ? b.lit(DType::f64, *axis.scale * static_cast<double>(*ir::as_int(axis.in)))
                        : axis.factor * in;  // the size before rounding down
  const Val half_pixel = (i + 0.5) / axis.factor - 0.5;
  const Val single = eq(width, 1.0);
  const Val steps = select(single, 1.0, width - 1.0);
  if (s.coordinates == "half_pixel") return half_pixel;
  if (s.coordinates == "asymmetric") return i / axis.factor;
  if (s.coordinates == "pytorch_half_pixel") return select(single, 0.0, half_pixel);
  if (s.coordinates == "align_corners") return select(single, 0.0, i * (in - 1.0) / steps);
  if (s.coordinates == "half_pixel_symmetric") {
    const Val adjustment = b.number(axis.out, DType::f64) / width;
    return half_pixel + in * 0.5 * (1.0 - adjustment);
  }
  const Val span = (axis.roi_end - axis.roi_start) * (in - 1.0);  // tf_crop_and_resize
  const Val inside = i * (axis.roi_end - axis.roi_start) * (in - 1.0) / steps;
  return select(single, span * 0.5, inside) + axis.roi_start * (in - 1.0);
}

Val nearest_index(const Settings& s, Val x) {
  if (s.nearest_mode == "floor") return floor(x);
  if (s.nearest_mode == "ceil") return ceil(x);
  if (s.nearest_mode == "round_prefer_ceil") return floor(x + 0.5);
  return ceil(x - 0.5);
}

/// The two pieces of the cubic kernel at a distance up to 1, and from 1 to 2.
Val cubic_near(Val d, double a) { return ((a + 2) * d - (a + 3)) * d * d + 1.0; }
Val cubic_far(Val d, double a) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; }

/// The kernel at neighbour k of a position that lies `ratio` (0 to 1) behind neighbour 0.
Val weight_of(const Settings& s, Val ratio, int k) {
  if (s.mode == Mode::linear) return k == 0 ? 1.0 - ratio : ratio;
  const Val distance = k <= 0 ? ratio + static_cast<double>(-k) : static_cast<double>(k) - ratio;
  return k == 0 || k == 1 ? cubic_near(distance, s.a) : cubic_far(distance, s.a);
}

/// The kernel stretched by 1 / shrink, at any neighbour.
Val stretched_weight(const Settings& s, Val ratio, int k, double shrink) {
  const Val d = abs((static_cast<double>(k) - ratio) * shrink);
  if (s.mode == Mode::linear) return max(1.0 - d, 0.0);
  return select(le(d, 1.0), cubic_near(d, s.a), select(lt(d, 2.0), cubic_far(d, s.a), 0.0));
}

struct Tap {
  Val index;   // i64[out], in range
  Val weight;  // f64[out]
};

std::vector<Tap> taps(const Composite& a, const Settings& s, const Axis& axis, Val x) {
  const Val base = floor(x);
  const Val ratio = x - base;
  const double shrink = s.antialias ? std::min(*axis.scale, 1.0) : 1.0;
  const int reach = s.mode == Mode::cubic ? 2 : 1;
  const int first = static_cast<int>(std::floor(-reach / shrink)) + 1;
  const int last = 1 - first;
  const Val top = a.b.number(ir::sub(a.c(), axis.in, a.c().i64(1)), DType::f64);
  std::vector<Tap> all;
  Val sum;
  for (int k = first; k <= last; ++k) {
    Val weight = s.antialias ? stretched_weight(s, ratio, k, shrink) : weight_of(s, ratio, k);
    const Val at = base + static_cast<double>(k);
    if (s.exclude_outside) weight = select(logical_and(ge(at, 0.0), le(at, top)), weight, 0.0);
    sum = sum ? sum + weight : weight;
    all.push_back({cast(DType::i64, min(max(at, 0.0), top)), weight});
  }
  if (s.exclude_outside || s.antialias)
    for (Tap& tap : all) tap.weight = tap.weight / select(eq(sum, 0.0), 1.0, sum);
  return all;
}

Val resize_axis(const Composite& a, const Settings& s, const Axis& axis, Val x) {
  const Val at = coordinates(a, s, axis);
  const Val top = a.b.number(ir::sub(a.c(), axis.in, a.c().i64(1)), DType::f64);
  Val y;
  if (s.mode == Mode::nearest) {
    y = gather(x, settled(cast(DType::i64, min(max(nearest_index(s, at), 0.0), top))), axis.axis);
  } else {
    for (const Tap& tap : taps(a, s, axis, at)) {
      const Val part = gather(x, settled(tap.index), axis.axis) *
                       along(settled(cast(x.dtype(), tap.weight)), axis.axis, x.rank());
      y = y ? y + part : part;
    }
  }
  if (s.coordinates == "tf_crop_and_resize") {
    const Val outside = logical_or(lt(at, 0.0), gt(at, top));
    y = select(along(settled(outside), axis.axis, x.rank()), s.extrapolation, y);
  }
  return y;
}

/// Whether output index i of this axis reads input index i / scale.
bool repeats(const Composite& a, const Settings& s, const Axis& axis) {
  if (s.mode != Mode::nearest || !axis.scale || *axis.scale < 1 ||
      *axis.scale != std::floor(*axis.scale))
    return false;
  if (axis.out != ir::mul(a.c(), axis.in, a.c().i64(static_cast<int64_t>(*axis.scale))))
    return false;
  const bool centred = s.coordinates == "half_pixel" || s.coordinates == "half_pixel_symmetric" ||
                       s.coordinates == "pytorch_half_pixel";
  return (centred && s.nearest_mode.starts_with("round")) ||
         (s.coordinates == "asymmetric" && s.nearest_mode == "floor");
}

/// All whole-number enlargements at once.
Val repeat_axes(const Composite& a, const std::vector<Axis>& axes, Val x) {
  Context& c = a.c();
  Exprs wide, merged;
  Ints dims;
  for (int64_t i = 0; i < x.rank(); ++i) {
    dims.push_back(static_cast<int64_t>(wide.size()));
    wide.push_back(x.dim(i));
    merged.push_back(x.dim(i));
    for (const Axis& axis : axes) {
      if (axis.axis != i) continue;
      wide.push_back(c.i64(static_cast<int64_t>(*axis.scale)));
      merged.back() = axis.out;
    }
  }
  return reshape(broadcast_in(x, wide, dims), merged);
}

/// Rounded and limited to an integer type.
Val to_integer(Val x, DType type) {
  const int bits = ir::info(type).bits;
  const bool sign = ir::is_signed(type);
  const double top = std::ldexp(1.0, sign ? bits - 1 : bits) - 1;
  return cast(type, min(max(round(x), sign ? -top - 1 : 0.0), top));
}

std::vector<Val> run(Composite& a, const Settings& s, std::vector<Axis> axes) {
  const Val in = a.in[0];
  const bool weighted = s.mode != Mode::nearest;
  Val x = !weighted ? in : ir::is_float(in.dtype()) ? up(in) : cast(DType::f32, in);
  std::vector<Axis> repeated, rest;
  for (Axis& axis : axes) {
    const bool same =
        axis.scale == 1.0 && axis.in == axis.out && s.coordinates != "tf_crop_and_resize";
    if (same) continue;
    if (s.antialias && !a.require(axis.scale.has_value(), 5,
                                  "antialias needs scales that are known at compile time"))
      return {};
    (repeats(a, s, axis) ? repeated : rest).push_back(axis);
  }
  if (!repeated.empty()) x = repeat_axes(a, repeated, x);
  // The last axis first: its taps are scattered reads, which are fewer before the other axes grow.
  for (size_t i = rest.size(); i-- > 0;) x = resize_axis(a, s, rest[i], x);
  if (weighted && !ir::is_float(in.dtype())) return {to_integer(x, in.dtype())};
  return {cast(in.dtype(), x)};
}

std::vector<Val> resize(Composite& a) {
  Settings s;
  const std::string mode = a.word("mode", "nearest");
  s.coordinates = a.word("coordinate_transformation_mode", "half_pixel");
  s.nearest_mode = a.word("nearest_mode", "round_prefer_floor");
  static constexpr std::string_view kCoordinates[] = {"half_pixel",         "half_pixel_symmetric",
                                                      "pytorch_half_pixel", "align_corners",
                                                      "asymmetric",         "tf_crop_and_resize"};
  static constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil",
                                                  "floor", "ceil"};
  if (!a.require(mode == "nearest" || mode == "linear" || mode == "cubic", 4,
                 "mode '" + mode + "' is unknown") ||
      !a.require(std::ranges::count(kCoordinates, s.coordinates) == 1, 4,
                 "coordinate_transformation_mode '" + s.coordinates + "' is unknown") ||
      !a.require(std::ranges::count(kNearest, s.nearest_mode) == 1, 4,
                 "nearest_mode '" + s.nearest_mode + "' is unknown") ||
      !a.require(s.coordinates != "tf_crop_and_resize" || a.in[1], 7,
                 "tf_crop_and_resize needs roi"))
    return {};
  s.mode = mode == "nearest" ? Mode::nearest : mode == "linear" ? Mode::linear : Mode::cubic;
  s.a = a.real("cubic_coeff_a", -0.75);
  s.extrapolation = a.real("extrapolation_value", 0);
  s.exclude_outside = a.integer("exclude_outside", 0) != 0;
  s.antialias = a.integer("antialias", 0) != 0 && s.mode != Mode::nearest;
  auto axes = read_axes(a);
  if (!axes || !a.b.ok()) return {};
  return run(a, s, *std::move(axes));
}

std::vector<Val> upsample(Composite& a) {
  Settings s;
  const std::string mode = a.word("mode", "nearest");
  if (!a.require(mode == "nearest" || mode == "linear" || mode == "bilinear", 4,
                 "mode '" + mode + "' is unknown"))
    return {};
  s.mode = mode == "nearest" ? Mode::nearest : Mode::linear;
  s.coordinates = "asymmetric";
  s.nearest_mode = "floor";
  a.in.resize(3, Val{&a.b, nullptr});
  auto axes = read_axes(a);
  if (!axes || !a.b.ok()) return {};
  return run(a, s, *std::move(axes));
}

constexpr CompositeRow kRows[] = {
    {"resize", "x,roi?,scales?",
     "mode,coordinate_transformation_mode,nearest_mode,cubic_coeff_a,exclude_outside,extrapolation_"
     "value,antialias,"
     "axes,scales,keep_aspect_ratio_policy",
     resize, false, nullptr, "sizes*"},
    {"upsample", "x", "mode,scales", upsample},
};

}  // namespace

std::span<const CompositeRow> resize_rows() { return kRows; }

}  // namespace tenon::ops::composite
