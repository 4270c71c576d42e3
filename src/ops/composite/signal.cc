// Signal processing: Fourier transforms as products with matrices of cosines and sines that are
// computed in f64 from the indices, window functions, the mel filter bank.
//
// dft takes x[.., n, .., 1 or 2]; inverse and onesided together give the real signal of half a
// spectrum, with a last axis of 1. stft takes [b, n, 1 or 2] and gives [b, frames, bins, 2].
//
// C3: float type. C4: ranks and extents.
//
//   dft (x)                               axis[1] inverse[0] onesided[0]; extents: {dft_length} or
//       none
//   stft (signal, window?)                onesided[1]; extents: {frame_step, frame_length}
//   mel_weight_matrix (num_mel_bins, dft_length, sample_rate, lower_hz, upper_hz), rank 0
//       output_datatype; extents: {num_mel_bins, dft_length / 2 + 1}
//   hann_window, hamming_window, blackman_window ()   periodic[1] output_datatype; extents: {size}
#include <numbers>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

constexpr double kTau = 2 * std::numbers::pi;

struct Matrices {
  Val cosine, sine;  // [length, bins]
};

/// cos and sin of 2 pi t k / length for t < rows, k < bins; the product is reduced before the
/// division.
Matrices fourier(Body& b, DType type, Expr rows, Expr bins, Expr length) {
  const Exprs shape{rows, bins};
  const Val phase =
      mod(b.iota(DType::i64, shape, 0) * b.iota(DType::i64, shape, 1), b.number(length));
  const Val angle = cast(DType::f64, phase) * kTau / b.number(length, DType::f64);
  return {settled(cast(type, cos(angle))), settled(cast(type, sin(angle)))};
}

/// [.., n] times [n, m] over the last axis.
Val product(Val x, Val matrix) { return dot(x, matrix, {}, {}, {x.rank() - 1}, {0}); }

Expr half_of(Context& c, Expr length) {
  return ir::add(c, ir::floordiv(c, length, c.i64(2)), c.i64(1));
}

/// x with the transformed axis last and brought to n elements, for each of its parts.
Val part_of(Val x, int64_t part, int64_t axis, Expr n) {
  Context& c = x.body->c;
  const Val one = squeeze(slice(x, -1, part, c.i64(1)), -1);
  const Val last = move_axis(one, axis, one.rank() - 1);
  return last.dim(-1) == n ? last : pad(last, -1, c.i64(0), ir::sub(c, n, last.dim(-1)));
}

struct Transform {
  int64_t axis;
  bool inverse, onesided;
  Expr length;
};

Val complex_result(Val real, Val imaginary, int64_t axis) {
  const auto back = [&](Val v) { return unsqueeze(move_axis(v, v.rank() - 1, axis), v.rank()); };
  return concat({back(real), back(imaginary)}, real.rank());
}

Val transform(Val x, const Transform& t) {
  Body& b = *x.body;
  Context& c = b.c;
  const bool complex = ir::is_int(x.dim(-1), 2);
  const Expr bins = t.onesided ? half_of(c, t.length) : t.length;
  if (t.inverse && t.onesided) {
    // Bins other than the first and, for an even length, the last stand for two.
    const Val re = part_of(x, 0, t.axis, bins);
    const Matrices m = fourier(b, x.dtype(), bins, t.length, t.length);
    const Val k = b.iota(DType::i64, {bins}, 0);
    const Val single = logical_or(eq(k, 0.0), eq(k * 2.0, b.number(t.length)));
    const Val weight = select(single, 1.0, b.lit(x.dtype(), 2)) / b.number(t.length, x.dtype());
    Val y = product(re * weight, m.cosine);
    if (complex) y = y - product(part_of(x, 1, t.axis, bins) * weight, m.sine);
    return unsqueeze(move_axis(y, y.rank() - 1, t.axis), y.rank());
  }
  const Matrices m = fourier(b, x.dtype(), t.length, bins, t.length);
  const Val re = part_of(x, 0, t.axis, t.length);
  const double sign = t.inverse ? -1 : 1;
  Val real = product(re, m.cosine);
  Val imaginary = product(re, m.sine) * -sign;
  if (complex) {
    const Val im = part_of(x, 1, t.axis, t.length);
    real = real + product(im, m.sine) * sign;
    imaginary = imaginary + product(im, m.cosine);
  }
  if (t.inverse) {
    const Val n = b.number(t.length, x.dtype());
    real = real / n;
    imaginary = imaginary / n;
  }
  return complex_result(real, imaginary, t.axis);
}

bool is_signal(Val x) { return ir::is_int(x.dim(-1), 1) || ir::is_int(x.dim(-1), 2); }

std::vector<Val> dft(Composite& a) {
  Context& c = a.c();
  const Val x = up(a.in[0]);
  if (!a.require(ir::is_float(x.dtype()), 3, "x must be of a float type") ||
      !a.require(x.rank() >= 2 && is_signal(x), 4, "x must end in an axis of extent 1 or 2"))
    return {};
  Transform t{a.axis("axis", 1, x.rank()), a.integer("inverse", 0) != 0,
              a.integer("onesided", 0) != 0, nullptr};
  if (!a.require(t.axis < x.rank() - 1, 4, "the last axis cannot be transformed")) return {};
  t.length = x.dim(t.axis);
  if (t.inverse && t.onesided) t.length = ir::mul(c, ir::sub(c, t.length, c.i64(1)), c.i64(2));
  if (!a.extents.empty()) t.length = a.extents[0];
  return {cast(a.in[0].dtype(), transform(x, t))};
}

std::vector<Val> stft(Composite& a) {
  Context& c = a.c();
  Val x = up(a.in[0]);
  if (!a.require(ir::is_float(x.dtype()), 3, "signal must be of a float type")) return {};
  if (x.rank() == 2) x = unsqueeze(x, 2);
  if (!a.require(x.rank() == 3 && is_signal(x), 4, "signal must be [batch, length, 1 or 2]") ||
      !a.require(a.extents.size() == 2, 4, "frame_step and frame_length are missing"))
    return {};
  const Expr step = a.extents[0];
  const Expr length = a.extents[1];
  const Expr frames = ir::add(c, ir::floordiv(c, ir::sub(c, x.dim(1), length), step), c.i64(1));
  const Exprs grid{frames, length};
  const Val index =
      a.b.iota(DType::i64, grid, 0) * a.b.number(step) + a.b.iota(DType::i64, grid, 1);
  Val framed = gather(x, index, 1);  // [batch, frames, length, parts]
  if (a.in[1]) framed = framed * along(up(a.in[1]), 2, 4);
  const Transform t{2, false, a.integer("onesided", 1) != 0, length};
  return {cast(a.in[0].dtype(), transform(framed, t))};
}

std::vector<Val> mel_weight_matrix(Composite& a) {
  Context& c = a.c();
  if (!a.require(a.extents.size() == 2, 4,
                 "the numbers of mel bins and of spectrum bins are missing"))
    return {};
  const auto number = [&](size_t i) { return cast(DType::f64, reshape(a.in[i], {})); };
  const auto mel = [](Val hz) { return 2595.0 / std::numbers::ln10 * log1p(hz / 700.0); };
  const Expr bins = a.extents[0];
  const Expr edges = ir::add(c, bins, c.i64(2));
  const Val low = mel(number(3));
  const Val step = (mel(number(4)) - low) / a.b.number(edges, DType::f64);
  const Val mels = a.b.iota(DType::f64, {edges}, 0) * step + low;
  const Val hz = 700.0 * (exp(mels / 2595.0 * std::numbers::ln10) - 1.0);
  const Val edge = floor((number(1) + 1.0) * hz / number(2));
  const auto column = [&](int64_t k) { return along(slice(edge, 0, k, bins), 1, 2); };
  const Val left = column(0);
  const Val center = column(1);
  const Val right = column(2);
  const Val j = along(a.b.iota(DType::f64, {a.extents[1]}, 0), 0, 2);
  const Val rise = center - left;
  const Val fall = right - center;
  const Val up_slope = select(logical_and(ge(j, left), le(j, center)),
                              (j - left) / select(eq(rise, 0.0), 1.0, rise), 0.0);
  const Val peak = select(eq(rise, 0.0), cast(DType::f64, eq(j, center)), up_slope);
  const Val falling = logical_and(gt(fall, 0.0), logical_and(ge(j, center), lt(j, right)));
  const Val slopes = select(falling, (right - j) / select(gt(fall, 0.0), fall, 1.0), peak);
  return {settled(cast(a.dtype("output_datatype", DType::f32), slopes))};
}

/// 2 pi n / N of a window's elements, f64.
Val window_angle(const Composite& a) {
  Context& c = a.c();
  const Expr size = a.extents[0];
  const Expr period = a.integer("periodic", 1) != 0 ? size : ir::sub(c, size, c.i64(1));
  return a.b.iota(DType::f64, {size}, 0) * kTau / a.b.number(period, DType::f64);
}

template <class F>
std::vector<Val> window(Composite& a, F formula) {
  if (!a.require(a.extents.size() == 1, 4, "the size is missing")) return {};
  return {settled(cast(a.dtype("output_datatype", DType::f32), formula(window_angle(a))))};
}

std::vector<Val> hann_window(Composite& a) {
  return window(a, [](Val t) { return 0.5 - 0.5 * cos(t); });
}
std::vector<Val> hamming_window(Composite& a) {
  return window(a, [](Val t) { return 25.0 / 46.0 - (1 - 25.0 / 46.0) * cos(t); });
}
std::vector<Val> blackman_window(Composite& a) {
  return window(a, [](Val t) { return 0.42 - 0.5 * cos(t) + 0.08 * cos(t * 2.0); });
}

constexpr CompositeRow kRows[] = {
    {"dft", "x", "axis,inverse,onesided", dft, false, nullptr, "length"},
    {"stft", "signal,window?", "onesided", stft, false, nullptr, "frame_step,frame_length"},
    {"mel_weight_matrix", "num_mel_bins,dft_length,sample_rate,lower_hz,upper_hz",
     "output_datatype", mel_weight_matrix, true, nullptr, "mel_bins,spectrum_bins"},
    {"hann_window", "", "periodic,output_datatype", hann_window, true, nullptr, "size"},
    {"hamming_window", "", "periodic,output_datatype", hamming_window, true, nullptr, "size"},
    {"blackman_window", "", "periodic,output_datatype", blackman_window, true, nullptr, "size"},
};

}  // namespace

std::span<const CompositeRow> signal_rows() { return kRows; }

}  // namespace tenon::ops::composite
