// Pooling and resizing against plain loops in double.
#include "interp/composite_testing.h"

namespace tenon::interp::testing {
namespace {

std::string list(const Ints& values) {
  std::string text;
  for (int64_t v : values) text += (text.empty() ? "" : ",") + std::to_string(v);
  return text;
}

struct Pool {
  Ints kernel, strides{1, 1}, pads{0, 0, 0, 0}, dilations{1, 1};
  bool ceil = false, include_pad = false;
  std::string auto_pad = "NOTSET";

  [[nodiscard]] Options options(bool average) const {
    Options o{{"kernel_shape", list(kernel)}, {"strides", list(strides)},
              {"pads", list(pads)},           {"dilations", list(dilations)},
              {"auto_pad", auto_pad},         {"ceil_mode", ceil ? "1" : "0"}};
    if (average) o.emplace_back("count_include_pad", include_pad ? "1" : "0");
    return o;
  }
  [[nodiscard]] int64_t reach(size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
  [[nodiscard]] int64_t low(size_t i, int64_t n) const { return total_or(i, n, true); }
  [[nodiscard]] int64_t high(size_t i, int64_t n) const { return total_or(i, n, false); }
  [[nodiscard]] int64_t total_or(size_t i, int64_t n, bool first) const {
    if (auto_pad == "NOTSET") return pads[first ? i : 2 + i];
    if (auto_pad == "VALID") return 0;
    const int64_t total =
        std::max<int64_t>(0, ((n + strides[i] - 1) / strides[i] - 1) * strides[i] + reach(i) - n);
    return first == (auto_pad == "SAME_UPPER") ? total / 2 : total - total / 2;
  }
  [[nodiscard]] int64_t out(size_t i, int64_t n) const {
    const int64_t room = n + low(i, n) + high(i, n) - reach(i);
    int64_t count = (ceil ? (room + strides[i] - 1) / strides[i] : room / strides[i]) + 1;
    if (ceil && (count - 1) * strides[i] >= n + low(i, n)) --count;
    return count;
  }
};

struct Pooled {
  Ints shape;
  Reals max, mean, l3;
  Reals index, column_index;
};

Pooled pool(const Tensor& x, const Pool& p) {
  const int64_t h = x.shape[2], w = x.shape[3];
  Pooled out;
  out.shape = {x.shape[0], x.shape[1], p.out(0, h), p.out(1, w)};
  for (int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (int64_t oy = 0; oy < out.shape[2]; ++oy)
      for (int64_t ox = 0; ox < out.shape[3]; ++ox) {
        double best = -kInf, sum = 0, cubes = 0;
        int64_t count = 0, where = -1, column = -1;
        for (int64_t ky = 0; ky < p.kernel[0]; ++ky)
          for (int64_t kx = 0; kx < p.kernel[1]; ++kx) {
            const int64_t y = oy * p.strides[0] - p.low(0, h) + ky * p.dilations[0];
            const int64_t z = ox * p.strides[1] - p.low(1, w) + kx * p.dilations[1];
            const bool padded = y < h + p.high(0, h) && z < w + p.high(1, w);
            const bool inside = y >= 0 && y < h && z >= 0 && z < w;
            count += inside || (p.include_pad && padded) ? 1 : 0;
            if (!inside) continue;
            const double v = x.get_f((plane * h + y) * w + z);
            sum += v;
            cubes += std::pow(std::fabs(v), 3);
            if (v > best || where < 0) {
              best = v;
              where = (plane * h + y) * w + z;
              column = plane * h * w + z * h + y;
            }
          }
        out.max.push_back(best);
        out.mean.push_back(sum / static_cast<double>(count));
        out.l3.push_back(std::cbrt(cubes));
        out.index.push_back(static_cast<double>(where));
        out.column_index.push_back(static_cast<double>(column));
      }
  return out;
}

TEST(pooling, is_that_of_plain_loops) {
  const Pool cases[] = {
      {.kernel = {2, 2}, .strides = {2, 2}},
      {.kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}},
      {.kernel = {3, 2}, .strides = {1, 2}, .pads = {1, 0, 0, 1}, .include_pad = true},
      {.kernel = {3, 3}, .strides = {2, 2}, .ceil = true},
      {.kernel = {3, 3},
       .strides = {2, 2},
       .pads = {1, 1, 1, 1},
       .ceil = true,
       .include_pad = true},
      {.kernel = {1, 1}, .strides = {2, 3}, .pads = {0, 0, 0, 0}, .ceil = true},
      {.kernel = {2, 2}, .strides = {1, 1}, .pads = {1, 1, 1, 1}, .dilations = {2, 3}},
      {.kernel = {3, 3}, .strides = {2, 2}, .auto_pad = "SAME_UPPER"},
      {.kernel = {2, 3}, .strides = {3, 2}, .auto_pad = "SAME_LOWER"},
      {.kernel = {3, 3}, .strides = {1, 1}, .auto_pad = "VALID"},
  };
  for (const Pool& p : cases) {
    for (const std::set<int64_t>& symbolic : {std::set<int64_t>{}, std::set<int64_t>{2, 7, 8}}) {
      const Tensor x = uniform(static_cast<uint32_t>(&p - cases), {2, 3, 7, 8});
      const Pooled want = pool(x, p);
      Options o = p.options(false);
      expect_close(must_apply({"max_pool", {x}, o, {}, symbolic})[0], want.shape, want.max);
      o.emplace_back("indices", "1");
      auto both = must_apply({"max_pool", {x}, o, {}, symbolic});
      expect_close(both[0], want.shape, want.max);
      expect_close(both[1], want.shape, want.index, 0);
      o.emplace_back("storage_order", "1");
      expect_close(must_apply({"max_pool", {x}, o, {}, symbolic})[1], want.shape, want.column_index,
                   0);
      expect_close(must_apply({"average_pool", {x}, p.options(true), {}, symbolic})[0], want.shape,
                   want.mean);
      o = p.options(false);
      o.emplace_back("p", "3");
      expect_close(must_apply({"lp_pool", {x}, o, {}, symbolic})[0], want.shape, want.l3);
    }
  }
}

TEST(pooling, of_nan_is_nan) {
  const Tensor x = tensor({1, 1, 3}, {1, kNan, 2});
  const Options o{{"kernel_shape", "2"}, {"indices", "1"}};
  const auto y = must_apply({"max_pool", {x}, o});
  expect_close(y[0], {1, 1, 2}, {kNan, kNan});
  expect_close(y[1], {1, 1, 2}, {1, 1});
}

TEST(pooling, refuses_what_does_not_fit) {
  const Tensor x = uniform(1, {1, 1, 4, 4});
  expect_refused({"max_pool", {uniform(1, {2, 2})}, {{"kernel_shape", "2"}}}, "max_pool.C3");
  expect_refused({"max_pool", {x}, {{"kernel_shape", "2"}}}, "max_pool.C4");
  expect_refused({"max_pool", {x}, {{"kernel_shape", "2,0"}}}, "max_pool.C4");
  expect_refused(
      {"average_pool", {uniform(1, {1, 1, 4}, 0, 9, DType::i32)}, {{"kernel_shape", "2"}}},
      "average_pool.C5");
  expect_refused({"max_pool", {x}, {{"kernel_shape", "2,2"}, {"auto_pad", "same"}}}, "max_pool.C6");
}

TEST(global_pools, keep_the_rank) {
  const Tensor x = uniform(3, {2, 3, 4, 5});
  Reals mean, top, norm;
  for (int64_t plane = 0; plane < 6; ++plane) {
    double sum = 0, best = -kInf, squares = 0;
    for (int64_t i = 0; i < 20; ++i) {
      const double v = x.get_f(plane * 20 + i);
      sum += v;
      best = std::max(best, v);
      squares += v * v;
    }
    mean.push_back(sum / 20);
    top.push_back(best);
    norm.push_back(std::sqrt(squares));
  }
  const std::set<int64_t> symbolic{2, 4, 5};
  expect_close(must_apply({"global_average_pool", {x}, {}, {}, symbolic})[0], {2, 3, 1, 1}, mean);
  expect_close(must_apply({"global_max_pool", {x}, {}, {}, symbolic})[0], {2, 3, 1, 1}, top);
  expect_close(must_apply({"global_lp_pool", {x}, {}, {}, symbolic})[0], {2, 3, 1, 1}, norm);
  expect_refused({"global_max_pool", {uniform(1, {3})}}, "global_max_pool.C3");
}

TEST(max_unpool, undoes_max_pool) {
  const Tensor x = tensor({1, 1, 2, 2}, {5, 6, 7, 8});
  const Tensor at = tensor({1, 1, 2, 2}, {5, 7, 13, 15}, DType::i64);
  const Options o{{"kernel_shape", "2,2"}, {"strides", "2,2"}};
  Reals want(16);
  want[5] = 5, want[7] = 6, want[13] = 7, want[15] = 8;
  expect_close(must_apply({"max_unpool", {x, at}, o})[0], {1, 1, 4, 4}, want);
  Reals wide(25);
  for (size_t i = 0; i < 16; ++i) wide[i / 4 * 5 + i % 4] = want[i];
  expect_close(must_apply({"max_unpool", {x, at}, o, {1, 1, 5, 5}})[0], {1, 1, 5, 5}, wide);
}

// ---- resize

struct Resizing {
  std::string mode = "nearest", coordinates = "half_pixel", nearest = "round_prefer_floor";
  double a = -0.75, scale = 0;  // scale 0: from the sizes
  bool exclude = false, antialias = false;
  double roi_start = 0, roi_end = 1;
};

double position(const Resizing& r, double i, double n, double m, double scale) {
  const double width = scale * n;
  const double half = (i + 0.5) / scale - 0.5;
  if (r.coordinates == "half_pixel") return half;
  if (r.coordinates == "pytorch_half_pixel") return width == 1 ? 0 : half;
  if (r.coordinates == "asymmetric") return i / scale;
  if (r.coordinates == "align_corners") return width == 1 ? 0 : i * (n - 1) / (width - 1);
  if (r.coordinates == "half_pixel_symmetric") return n / 2 * (1 - m / width) + half;
  const double span = (r.roi_end - r.roi_start) * (n - 1);
  return r.roi_start * (n - 1) +
         (width == 1 ? span / 2 : i * (r.roi_end - r.roi_start) * (n - 1) / (width - 1));
}

double kernel(const Resizing& r, double t) {
  t = std::fabs(t);
  if (r.mode == "linear") return std::max(0.0, 1 - t);
  const double a = r.a;
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/// One line of n elements resized to m.
Reals resize_line(const Resizing& r, const Reals& x, int64_t m) {
  const auto n = static_cast<int64_t>(x.size());
  const double scale = r.scale != 0 ? static_cast<double>(static_cast<float>(r.scale))
                                    : static_cast<double>(m) / static_cast<double>(n);
  const auto clamped = [&](int64_t k) {
    return x[static_cast<size_t>(std::clamp<int64_t>(k, 0, n - 1))];
  };
  Reals y;
  for (int64_t i = 0; i < m; ++i) {
    const double p =
        position(r, static_cast<double>(i), static_cast<double>(n), static_cast<double>(m), scale);
    if (r.coordinates == "tf_crop_and_resize" && (p < 0 || p > static_cast<double>(n - 1))) {
      y.push_back(10);
      continue;
    }
    if (r.mode == "nearest") {
      const double k = r.nearest == "floor"                ? std::floor(p)
                       : r.nearest == "ceil"               ? std::ceil(p)
                       : r.nearest == "round_prefer_floor" ? std::ceil(p - 0.5)
                                                           : std::floor(p + 0.5);
      y.push_back(clamped(static_cast<int64_t>(k)));
      continue;
    }
    const double shrink = r.antialias ? std::min(1.0, scale) : 1.0;
    const auto base = static_cast<int64_t>(std::floor(p));
    double sum = 0, weights = 0;
    for (int64_t k = base - 30; k <= base + 30; ++k) {
      if (r.exclude && (k < 0 || k >= n)) continue;
      const double weight = kernel(r, (static_cast<double>(k) - p) * shrink);
      sum += weight * clamped(k);
      weights += weight;
    }
    y.push_back(r.exclude || r.antialias ? sum / weights : sum);
  }
  return y;
}

void check_resize(const Resizing& r, int64_t n, int64_t m, bool symbolic) {
  SCOPED_TRACE(r.mode + " " + r.coordinates + " " + r.nearest + " " + std::to_string(n) + " to " +
               std::to_string(m) + (symbolic ? " symbolic" : ""));
  const Tensor x = uniform(static_cast<uint32_t>(n * 31 + m), {2, n, 3});
  const int64_t out =
      r.scale != 0 ? static_cast<int64_t>(std::floor(static_cast<double>(n) * r.scale)) : m;
  Reals want(static_cast<size_t>(2 * out * 3));
  for (int64_t o = 0; o < 2; ++o)
    for (int64_t i = 0; i < 3; ++i) {
      Reals line;
      for (int64_t k = 0; k < n; ++k) line.push_back(at(x, {o, k, i}));
      const Reals y = resize_line(r, line, out);
      for (int64_t k = 0; k < out; ++k)
        want[static_cast<size_t>((o * out + k) * 3 + i)] = y[static_cast<size_t>(k)];
    }
  Options options{{"mode", r.mode},
                  {"coordinate_transformation_mode", r.coordinates},
                  {"nearest_mode", r.nearest},
                  {"cubic_coeff_a", std::to_string(r.a)},
                  {"exclude_outside", r.exclude ? "1" : "0"},
                  {"antialias", r.antialias ? "1" : "0"},
                  {"extrapolation_value", "10"},
                  {"axes", "1"}};
  Application a{"resize", {x}, options, {}, {}};
  if (r.coordinates == "tf_crop_and_resize")
    a.inputs.emplace_back(tensor({2}, {r.roi_start, r.roi_end}));
  if (r.scale != 0) {
    a.options.emplace_back("scales", std::to_string(r.scale));
  } else {
    a.extents = {m};
  }
  if (symbolic) a.symbolic = {2, n, m};
  expect_close(must_apply(a)[0], {2, out, 3}, want);
}

TEST(resize, is_that_of_plain_loops) {
  for (const std::string coordinates :
       {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric",
        "tf_crop_and_resize"}) {
    for (const auto& [n, m] : {std::pair{5, 10}, {5, 8}, {8, 5}, {9, 3}, {4, 1}, {6, 6}}) {
      for (bool symbolic : {false, true}) {
        for (const std::string nearest :
             {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
          check_resize(
              {.coordinates = coordinates, .nearest = nearest, .roi_start = 0.25, .roi_end = 1.125},
              n, m, symbolic);
        for (const std::string mode : {"linear", "cubic"})
          for (bool exclude : {false, true})
            check_resize(
                {.mode = mode, .coordinates = coordinates, .exclude = exclude, .roi_start = -0.125},
                n, m, symbolic);
      }
    }
  }
}

TEST(resize, widens_its_kernel_when_antialiasing) {
  for (const std::string mode : {"linear", "cubic"})
    for (const auto& [n, m] : {std::pair{9, 4}, {12, 3}, {5, 8}})
      for (bool exclude : {false, true})
        check_resize({.mode = mode, .exclude = exclude, .antialias = true}, n, m, false);
  Application a{"resize", {uniform(1, {5})}, {{"mode", "linear"}, {"antialias", "1"}}, {3}, {5}};
  expect_refused(a, "resize.C5");
}

TEST(resize, takes_fractional_scales) {
  for (double scale : {0.6, 2.0, 1.5, 3.0, 0.5}) {
    for (const std::string mode : {"nearest", "linear", "cubic"})
      for (const std::string coordinates : {"half_pixel", "asymmetric", "align_corners"})
        check_resize({.mode = mode, .coordinates = coordinates, .scale = scale}, 10, 0,
                     scale != 0.6);
  }
  Application a{"resize", {uniform(1, {5})}, {{"scales", "0.6180339"}}, {}, {5}};
  expect_refused(a, "resize.C6");
}

TEST(resize, repeats_for_whole_factors) {
  const Tensor x = tensor({1, 1, 2, 2}, {1, 2, 3, 4});
  const Reals want{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4};
  expect_close(must_apply({"resize", {x}, {{"scales", "1,1,2,3"}}})[0], {1, 1, 4, 6}, want);
  expect_close(must_apply({"upsample", {x}, {{"scales", "1,1,2,3"}}, {}, {}})[0], {1, 1, 4, 6},
               want);
  const Tensor wide = uniform(1, {1, 1, 5, 2});
  Reals tall;
  for (int64_t i = 0; i < 20; ++i) tall.push_back(wide.get_f(i / 4 * 2 + i % 2));
  expect_close(must_apply({"resize", {wide}, {{"scales", "1,1,2,1"}}, {}, {5, 2}})[0],
               {1, 1, 10, 2}, tall);
}

TEST(resize, keeps_the_aspect_ratio_when_asked) {
  const Tensor x = uniform(1, {1, 1, 4, 8});
  const Options base{{"axes", "2,3"}};
  Options o = base;
  o.emplace_back("keep_aspect_ratio_policy", "not_larger");
  EXPECT_EQ(must_apply({"resize", {x}, o, {2, 2}})[0].shape, (Ints{1, 1, 1, 2}));
  o.back().second = "not_smaller";
  EXPECT_EQ(must_apply({"resize", {x}, o, {2, 2}})[0].shape, (Ints{1, 1, 2, 4}));
}

TEST(resize, takes_scales_at_run_time) {
  const Tensor x = tensor({4}, {1, 2, 3, 4});
  const Tensor scales = tensor({1}, {0.6});
  const Reals want = resize_line({.mode = "linear", .scale = 0.6}, {1, 2, 3, 4}, 2);
  expect_close(must_apply({"resize", {x, std::nullopt, scales}, {{"mode", "linear"}}, {2}})[0], {2},
               want);
}

TEST(resize, rounds_integers) {
  const Tensor x = tensor({2}, {0, 255}, DType::u8);
  const Tensor y = must_apply({"resize", {x}, {{"mode", "linear"}, {"scales", "2"}}})[0];
  expect_close(y, {4}, {0, 64, 191, 255}, 0);
}

TEST(resize, refuses_unknown_modes) {
  const Tensor x = uniform(1, {4});
  expect_refused({"resize", {x}, {{"mode", "area"}}, {2}}, "resize.C4");
  expect_refused({"resize", {x}, {{"nearest_mode", "up"}}, {2}}, "resize.C4");
  expect_refused({"resize", {x}, {{"coordinate_transformation_mode", "corners"}}, {2}},
                 "resize.C4");
  expect_refused({"resize", {x}, {}, {2, 2}}, "resize.C3");
  expect_refused({"resize", {x}, {{"coordinate_transformation_mode", "tf_crop_and_resize"}}, {2}},
                 "resize.C7");
  expect_refused({"upsample", {x}, {{"mode", "cubic"}, {"scales", "2"}}}, "upsample.C4");
}

}  // namespace
}  // namespace tenon::interp::testing
