// Sampling, rearrangement, selection, quantization, signal processing, einsum and det against plain
// loops.
#include <numbers>

#include "interp/composite_testing.h"

namespace tenon::interp::testing {
namespace {

// ---- rearrangement

TEST(depth_to_space, moves_channels_into_blocks) {
  const Tensor x = uniform(1, {2, 12, 2, 3});
  for (const std::string mode : {"DCR", "CRD"}) {
    Reals want;
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t c = 0; c < 3; ++c)
        for (int64_t y = 0; y < 4; ++y)
          for (int64_t z = 0; z < 6; ++z) {
            const int64_t by = y % 2, bx = z % 2;
            const int64_t from = mode == "DCR" ? (by * 2 + bx) * 3 + c : c * 4 + by * 2 + bx;
            want.push_back(at(x, {n, from, y / 2, z / 2}));
          }
    const auto got =
        must_apply({"depth_to_space", {x}, {{"blocksize", "2"}, {"mode", mode}}, {}, {2, 3}});
    expect_close(got[0], {2, 3, 4, 6}, want);
    if (mode == "DCR") {
      const auto back = must_apply({"space_to_depth", {got[0]}, {{"blocksize", "2"}}});
      EXPECT_EQ(back[0].bytes, x.bytes);
    }
  }
  expect_refused({"depth_to_space", {x}, {{"blocksize", "5"}}}, "depth_to_space.C4");
  expect_refused({"depth_to_space", {x}, {{"blocksize", "2"}, {"mode", "rcd"}}},
                 "depth_to_space.C5");
  for (const char* huge : {"4294967296", "4611686018427387904"}) {  // whose square is 0 in 64 bits
    expect_refused({"depth_to_space", {x}, {{"blocksize", huge}}}, "depth_to_space.C4");
    expect_refused({"space_to_depth", {uniform(1, {1, 1, 0, 0})}, {{"blocksize", huge}}},
                   "space_to_depth.C4");
  }
  expect_refused({"space_to_depth", {x}, {{"blocksize", "2"}}}, "space_to_depth.C4");
  expect_refused({"space_to_depth", {uniform(1, {2})}, {{"blocksize", "2"}}}, "space_to_depth.C3");
}

TEST(center_crop_pad, puts_the_odd_one_at_the_end) {
  const Tensor x = tensor({5}, {1, 2, 3, 4, 5});
  expect_close(must_apply({"center_crop_pad", {x}, {}, {2}})[0], {2}, {2, 3});
  expect_close(must_apply({"center_crop_pad", {x}, {}, {8}, {5, 8}})[0], {8},
               {0, 1, 2, 3, 4, 5, 0, 0});
  expect_refused({"center_crop_pad", {x}, {}, {2, 2}}, "center_crop_pad.C4");
}

TEST(col2im, adds_what_overlaps) {
  // One channel, 3x3 image, 2x2 blocks: 4 positions.
  const Tensor x = uniform(1, {1, 4, 4});
  Reals want(9);
  for (int64_t k = 0; k < 4; ++k)
    for (int64_t l = 0; l < 4; ++l)
      want[static_cast<size_t>((l / 2 + k / 2) * 3 + l % 2 + k % 2)] += at(x, {0, k, l});
  expect_close(must_apply({"col2im", {x}, {}, {3, 3, 2, 2}})[0], {1, 1, 3, 3}, want);
  // Stride 2 and padding 1 on one axis.
  const Tensor z = uniform(2, {1, 3, 3});
  Reals line(5);
  for (int64_t k = 0; k < 3; ++k)
    for (int64_t l = 0; l < 3; ++l) {
      const int64_t to = l * 2 + k - 1;
      if (to >= 0 && to < 5) line[static_cast<size_t>(to)] += at(z, {0, k, l});
    }
  expect_close(must_apply({"col2im", {z}, {{"strides", "2"}, {"pads", "1,1"}}, {5, 3}})[0],
               {1, 1, 5}, line);
}

TEST(reverse_sequence, reverses_each_prefix) {
  const Tensor x = tensor({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor n = tensor({2}, {3, 1}, DType::i64);
  expect_close(must_apply({"reverse_sequence", {x, n}, {}, {}, {4}})[0], {4, 2},
               {5, 2, 3, 4, 1, 6, 7, 8});
  expect_refused({"reverse_sequence", {x, n}, {{"time_axis", "1"}}}, "reverse_sequence.C4");
}

// ---- selection

TEST(one_hot, counts_negative_indices_back) {
  const Tensor i = tensor({3}, {0, -1, 5}, DType::i64);
  const Tensor v = tensor({2}, {2, 7});
  expect_close(must_apply({"one_hot", {i, v}, {}, {3}})[0], {3, 3}, {7, 2, 2, 2, 2, 7, 2, 2, 2});
  expect_close(must_apply({"one_hot", {i, v}, {{"axis", "0"}}, {2}, {2}})[0], {2, 3},
               {7, 2, 2, 2, 7, 2});
  expect_refused({"one_hot", {i, v}}, "one_hot.C4");
}

TEST(trilu, takes_k_from_operand_or_option) {
  const Tensor x = tensor({2, 3}, {1, 2, 3, 4, 5, 6});
  expect_close(must_apply({"trilu", {x}})[0], {2, 3}, {1, 2, 3, 0, 5, 6});
  expect_close(must_apply({"trilu", {x}, {{"k", "1"}}, {}, {2, 3}})[0], {2, 3}, {0, 2, 3, 0, 0, 6});
  expect_close(must_apply({"trilu", {x, tensor({}, {-1}, DType::i64)}, {{"upper", "0"}}})[0],
               {2, 3}, {0, 0, 0, 4, 0, 0});
  expect_refused({"trilu", {uniform(1, {2})}}, "trilu.C3");
}

TEST(eye_like, and_range) {
  expect_close(must_apply({"eye_like", {uniform(1, {2, 3})}, {{"k", "1"}, {"dtype", "i32"}}})[0],
               {2, 3}, {0, 1, 0, 0, 0, 1});
  expect_close(must_apply({"range", {tensor({}, {3}), tensor({}, {-0.5})}, {}, {4}, {4}})[0], {4},
               {3, 2.5, 2, 1.5});
  expect_close(
      must_apply({"range", {tensor({}, {3}, DType::i64), tensor({}, {2}, DType::i64)}, {}, {3}})[0],
      {3}, {3, 5, 7});
  expect_refused({"eye_like", {uniform(1, {2})}}, "eye_like.C3");
  expect_refused({"range", {tensor({}, {3}), tensor({}, {1}, DType::i64)}, {}, {3}}, "range.C5");
}

TEST(topk, prefers_the_first_of_equals) {
  const Tensor x = tensor({2, 4}, {1, 3, 3, 2, 0, -1, -1, 5});
  auto top = must_apply({"topk", {x}, {}, {2}, {4}});
  expect_close(top[0], {2, 2}, {3, 3, 5, 0});
  expect_close(top[1], {2, 2}, {1, 2, 3, 0});
  top = must_apply({"topk", {x}, {{"largest", "0"}, {"axis", "0"}}, {1}});
  expect_close(top[0], {1, 4}, {0, -1, -1, 2});
  expect_close(top[1], {1, 4}, {1, 1, 1, 0});
  expect_refused({"topk", {x}, {}, {5}}, "topk.C4");
}

// ---- quantization

TEST(quantize_linear, rounds_to_even_and_saturates) {
  const Tensor x = tensor({5}, {0.5, 1.5, -1000, 1000, 2.5});
  const Tensor zero = tensor({}, {128}, DType::u8);
  expect_close(must_apply({"quantize_linear", {x, tensor({}, {1}), zero}})[0], {5},
               {128, 130, 0, 255, 130});
  expect_close(must_apply({"quantize_linear", {x, tensor({}, {0.5})}, {{"output_dtype", "i8"}}})[0],
               {5}, {1, 3, -128, 127, 5});
  expect_refused({"quantize_linear", {x, tensor({}, {1}), tensor({}, {0}, DType::i32)}},
                 "quantize_linear.C3");
}

TEST(quantize_linear, divides_in_f32_where_the_scale_or_the_precision_is_narrower) {
  const DType half = DType::f16;
  const Tensor x = tensor({1}, {2049});  // no f16
  const Tensor zero = tensor({}, {0}, DType::u16);
  expect_close(must_apply({"quantize_linear", {x, tensor({}, {1}, half), zero}})[0], {1}, {2049});
  for (const char* precision : {"f16", "f32", "f64"})
    expect_close(
        must_apply({"quantize_linear", {x, tensor({}, {1}), zero}, {{"precision", precision}}})[0],
        {1}, {2049});
  const Tensor whole = tensor({1}, {2}, DType::i32);
  expect_close(must_apply({"quantize_linear", {whole, tensor({}, {4}, DType::i32), zero}})[0], {1},
               {0});
  expect_close(must_apply({"quantize_linear",
                           {tensor({1}, {7}, DType::i32), tensor({}, {4}, DType::i32), zero}})[0],
               {1}, {2});  // 1.75, rounded
}

TEST(quantize_linear, works_per_axis_and_in_blocks) {
  const Tensor x = uniform(1, {2, 5}, -10, 10);
  const Tensor scale = tensor({2}, {0.1, 0.2}), zero = tensor({2}, {3, -4}, DType::i8);
  Reals q, d;
  for (int64_t i = 0; i < 10; ++i) {
    const double v =
        std::nearbyint(x.get_f(i) / scale.get_f(i / 5)) + static_cast<double>(zero.get_i(i / 5));
    q.push_back(std::clamp(v, -128.0, 127.0));
    d.push_back((q.back() - static_cast<double>(zero.get_i(i / 5))) * scale.get_f(i / 5));
  }
  const auto quantized = must_apply({"quantize_linear", {x, scale, zero}, {{"axis", "0"}}})[0];
  expect_close(quantized, {2, 5}, q, 0);
  expect_close(must_apply({"dequantize_linear", {quantized, scale, zero}, {{"axis", "0"}}})[0],
               {2, 5}, d);
  // Blocks of two along axis 1, the last one short.
  const Tensor blocked = uniform(2, {2, 3}, 0.1, 1);
  Reals in_blocks;
  for (int64_t i = 0; i < 10; ++i)
    in_blocks.push_back(static_cast<double>(quantized.get_i(i)) * at(blocked, {i / 5, i % 5 / 2}));
  const Options o{{"axis", "1"}, {"block_size", "2"}};
  expect_close(must_apply({"dequantize_linear", {quantized, blocked}, o})[0], {2, 5}, in_blocks);
  expect_refused({"dequantize_linear", {quantized, blocked}, {{"axis", "0"}}},
                 "dequantize_linear.C4");
  expect_refused({"dequantize_linear", {quantized, tensor({}, {1}, DType::i32)}},
                 "dequantize_linear.C3");
}

TEST(quantize_linear, saturates_fp8_when_asked) {
  const Tensor x = tensor({2}, {1, 1e6});
  const Tensor zero = tensor({}, {0}, DType::f8e4m3fn);
  expect_close(must_apply({"quantize_linear", {x, tensor({}, {1}), zero}})[0], {2}, {1, 448});
  const auto open =
      must_apply({"quantize_linear", {x, tensor({}, {1}), zero}, {{"saturate", "0"}}})[0];
  EXPECT_TRUE(std::isnan(open.get_f(1)));
}

TEST(dynamic_quantize_linear, covers_the_range_with_zero) {
  const Tensor x = tensor({4}, {-1, 0, 2, 0.5});
  const auto got = must_apply({"dynamic_quantize_linear", {x}});
  const double scale = 3.0 / 255;
  EXPECT_NEAR(got[1].get_f(0), scale, 1e-8);
  EXPECT_EQ(got[2].get_i(0), 85);
  expect_close(got[0], {4}, {0, 85, 255, 85 + std::nearbyint(0.5 / scale)}, 0);
  const auto flat = must_apply({"dynamic_quantize_linear", {tensor({2}, {0, 0})}});
  EXPECT_NEAR(flat[1].get_f(0), 1.0 / 255, 1e-9);
  expect_refused({"dynamic_quantize_linear", {uniform(1, {2}, 0, 1, DType::f64)}},
                 "dynamic_quantize_linear.C3");
}

// ---- signal processing

/// Discrete Fourier transform of (re, im) pairs along a line.
Reals dft_line(const Reals& re, const Reals& im, int64_t n, int64_t bins, double sign) {
  Reals out;
  for (int64_t k = 0; k < bins; ++k) {
    double a = 0, b = 0;
    for (int64_t t = 0; t < std::min<int64_t>(n, static_cast<int64_t>(re.size())); ++t) {
      const double angle =
          -sign * 2 * std::numbers::pi * static_cast<double>(t * k % n) / static_cast<double>(n);
      const auto i = static_cast<size_t>(t);
      a += re[i] * std::cos(angle) - im[i] * std::sin(angle);
      b += re[i] * std::sin(angle) + im[i] * std::cos(angle);
    }
    out.push_back(a);
    out.push_back(b);
  }
  return out;
}

TEST(dft, is_that_of_plain_loops) {
  for (int64_t parts : {1, 2}) {
    const Tensor x = uniform(static_cast<uint32_t>(parts), {2, 6, parts});
    for (int64_t n : {6, 4, 9}) {
      for (bool onesided : {false, true}) {
        const int64_t bins = onesided ? n / 2 + 1 : n;
        Reals want;
        for (int64_t b = 0; b < 2; ++b) {
          Reals re, im;
          for (int64_t t = 0; t < 6; ++t) {
            re.push_back(at(x, {b, t, 0}));
            im.push_back(parts == 2 ? at(x, {b, t, 1}) : 0);
          }
          const Reals line = dft_line(re, im, n, bins, 1);
          want.insert(want.end(), line.begin(), line.end());
        }
        const Ints length = n == 6 ? Ints{} : Ints{n};
        const Options o{{"onesided", onesided ? "1" : "0"}};
        expect_close(must_apply({"dft", {x}, o, length})[0], {2, bins, 2}, want);
        expect_close(must_apply({"dft", {x}, o, length, {6, 9}})[0], {2, bins, 2}, want);
      }
    }
  }
  expect_refused({"dft", {uniform(1, {2, 3})}}, "dft.C4");
  expect_refused({"dft", {uniform(1, {2, 3, 2})}, {{"axis", "2"}}}, "dft.C4");
}

TEST(dft, inverse_undoes_it) {
  const Tensor x = uniform(5, {3, 7, 2});
  const auto there = must_apply({"dft", {x}, {{"axis", "0"}}});
  expect_close(must_apply({"dft", {there[0]}, {{"axis", "0"}, {"inverse", "1"}}})[0], x.shape,
               ops::all_f(x));
  for (int64_t n : {6, 7}) {
    const Tensor real = uniform(6, {2, n, 1});
    const auto half = must_apply({"dft", {real}, {{"onesided", "1"}}});
    const Options back{{"onesided", "1"}, {"inverse", "1"}};
    expect_close(must_apply({"dft", {half[0]}, back, {n}})[0], real.shape, ops::all_f(real));
  }
}

TEST(stft, frames_and_transforms) {
  const Tensor x = uniform(7, {2, 11, 1});
  const Tensor window = uniform(8, {4});
  Reals want;
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t f = 0; f < 3; ++f) {
      Reals re;
      for (int64_t t = 0; t < 4; ++t) re.push_back(at(x, {b, f * 3 + t, 0}) * window.get_f(t));
      const Reals line = dft_line(re, Reals(4), 4, 3, 1);
      want.insert(want.end(), line.begin(), line.end());
    }
  expect_close(must_apply({"stft", {x, window}, {}, {3, 4}})[0], {2, 3, 3, 2}, want);
  expect_refused({"stft", {x}}, "stft.C4");
}

TEST(windows, are_those_of_plain_loops) {
  for (bool periodic : {true, false}) {
    const Options o{{"periodic", periodic ? "1" : "0"}};
    Reals hann, hamming, blackman;
    for (int i = 0; i < 9; ++i) {
      const double t = 2 * std::numbers::pi * i / (periodic ? 9 : 8);
      hann.push_back(std::pow(std::sin(t / 2), 2));
      hamming.push_back(25.0 / 46 - 21.0 / 46 * std::cos(t));
      blackman.push_back(0.42 - 0.5 * std::cos(t) + 0.08 * std::cos(2 * t));
    }
    expect_close(must_apply({"hann_window", {}, o, {9}})[0], {9}, hann);
    expect_close(must_apply({"hamming_window", {}, o, {9}, {9}})[0], {9}, hamming);
    expect_close(must_apply({"blackman_window", {}, o, {9}})[0], {9}, blackman);
  }
  expect_refused({"hann_window", {}}, "hann_window.C4");
}

TEST(mel_weight_matrix, is_that_of_plain_loops) {
  const int64_t mels = 8, length = 16, rate = 8192, bins = 9;
  Reals edges;
  const double low = 2595 * std::log10(1 + 0.0 / 700), high = 2595 * std::log10(1 + 4096.0 / 700);
  for (int64_t i = 0; i < mels + 2; ++i) {
    const double mel = low + static_cast<double>(i) * (high - low) / static_cast<double>(mels + 2);
    edges.push_back(std::floor((length + 1) * 700 * (std::pow(10, mel / 2595) - 1) /
                               static_cast<double>(rate)));
  }
  Reals want(static_cast<size_t>(bins * mels));
  for (size_t i = 0; i < 8; ++i) {
    const double left = edges[i], center = edges[i + 1], right = edges[i + 2];
    const auto set = [&](double j, double v) { want[static_cast<size_t>(j) * 8 + i] = v; };
    if (center == left) set(center, 1);
    for (double j = left; center != left && j <= center; ++j) set(j, (j - left) / (center - left));
    for (double j = center; j < right; ++j) set(j, (right - j) / (right - center));
  }
  const auto scalar = [](int64_t v) { return tensor({}, {static_cast<double>(v)}, DType::i64); };
  expect_close(
      must_apply({"mel_weight_matrix",
                  {scalar(mels), scalar(length), scalar(rate), tensor({}, {0}), tensor({}, {4096})},
                  {},
                  {mels, bins}})[0],
      {bins, mels}, want);
}

// ---- sampling

double reflect(double v, double low, double high) {
  if (high <= low) return low;
  while (v < low || v > high) v = v < low ? 2 * low - v : 2 * high - v;
  return v;
}

TEST(grid_sample, is_that_of_plain_loops) {
  const int64_t h = 4, w = 5;
  const Tensor x = uniform(1, {2, 3, h, w});
  const Tensor grid = uniform(2, {2, 3, 2, 2}, -1.8, 1.8);
  for (const std::string mode : {"nearest", "linear", "cubic"})
    for (const std::string padding : {"zeros", "border", "reflection"})
      for (bool align : {false, true}) {
        SCOPED_TRACE(mode + " " + padding + (align ? " aligned" : ""));
        const auto place = [&](double g, int64_t n) {
          double v = align ? (g + 1) / 2 * static_cast<double>(n - 1)
                           : ((g + 1) * static_cast<double>(n) - 1) / 2;
          if (mode == "nearest") v = std::nearbyint(v);
          const double top = static_cast<double>(n - 1);
          if (mode == "cubic") return v;  // its taps move, it does not
          if (padding == "border") v = std::clamp(v, 0.0, top);
          if (padding == "reflection") v = align ? reflect(v, 0, top) : reflect(v, -0.5, top + 0.5);
          return v;
        };
        const auto index = [&](double k, int64_t n) {
          const double top = static_cast<double>(n - 1);
          if (padding == "reflection")
            k = std::trunc(align ? reflect(k, 0, top) : reflect(k, -0.5, top + 0.5));
          if (padding == "zeros" && (k < 0 || k > top)) return int64_t{-1};
          return static_cast<int64_t>(std::clamp(k, 0.0, top));
        };
        const auto weight = [&](double t) {
          t = std::fabs(t);
          if (mode == "linear") return std::max(0.0, 1 - t);
          if (t <= 1) return (1.25 * t - 2.25) * t * t + 1;
          return t < 2 ? ((-0.75 * t + 3.75) * t - 6) * t + 3 : 0.0;
        };
        Reals want;
        for (int64_t n = 0; n < 2; ++n)
          for (int64_t c = 0; c < 3; ++c)
            for (int64_t o = 0; o < 6; ++o) {
              const double px = place(at(grid, {n, o / 2, o % 2, 0}), w);
              const double py = place(at(grid, {n, o / 2, o % 2, 1}), h);
              const auto value = [&](double ky, double kx) {
                const int64_t iy = index(ky, h), ix = index(kx, w);
                return iy < 0 || ix < 0 ? 0.0 : at(x, {n, c, iy, ix});
              };
              double sum = 0;
              if (mode == "nearest") {
                sum = value(py, px);
              } else {
                for (int dy = -1; dy <= 2; ++dy)
                  for (int dx = -1; dx <= 2; ++dx) {
                    const double ky = std::floor(py) + dy, kx = std::floor(px) + dx;
                    sum += weight(ky - py) * weight(kx - px) * value(ky, kx);
                  }
              }
              want.push_back(sum);
            }
        const Options o{
            {"mode", mode}, {"padding_mode", padding}, {"align_corners", align ? "1" : "0"}};
        expect_close(must_apply({"grid_sample", {x, grid}, o, {}, {4, 5}})[0], {2, 3, 3, 2}, want,
                     1e-4);
      }
  expect_refused({"grid_sample", {x, grid}, {{"mode", "area"}}}, "grid_sample.C5");
  expect_refused({"grid_sample", {x, uniform(1, {2, 3, 2, 3})}}, "grid_sample.C6");
  expect_refused({"grid_sample", {x, uniform(1, {2, 3, 2})}}, "grid_sample.C4");
}

TEST(grid_sample, works_in_three_dimensions_and_reads_nothing_outside) {
  const Tensor x = tensor({1, 1, 1, 1, 2}, {kNan, 4});
  const Tensor grid = tensor({1, 1, 1, 1, 3}, {0.5, 0, 0});
  // Exactly on the second element: the NaN beside it has no weight.
  expect_close(must_apply({"grid_sample", {x, grid}})[0], {1, 1, 1, 1, 1}, {4});
}

TEST(affine_grid, is_that_of_plain_loops) {
  const Tensor theta = uniform(1, {2, 2, 3});
  for (bool align : {false, true}) {
    Reals want;
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t y = 0; y < 3; ++y)
        for (int64_t z = 0; z < 4; ++z) {
          const auto line = [&](int64_t i, int64_t m) {
            return align ? -1 + 2.0 * static_cast<double>(i) / static_cast<double>(m - 1)
                         : (2.0 * static_cast<double>(i) + 1) / static_cast<double>(m) - 1;
          };
          for (int64_t r = 0; r < 2; ++r)
            want.push_back(at(theta, {n, r, 0}) * line(z, 4) + at(theta, {n, r, 1}) * line(y, 3) +
                           at(theta, {n, r, 2}));
        }
    expect_close(
        must_apply(
            {"affine_grid", {theta}, {{"align_corners", align ? "1" : "0"}}, {2, 5, 3, 4}, {4}})[0],
        {2, 3, 4, 2}, want);
  }
  expect_refused({"affine_grid", {theta}, {}, {2, 5, 3}}, "affine_grid.C4");
}

TEST(roi_align, is_that_of_plain_loops) {
  const int64_t h = 6, w = 7, ph = 2, pw = 3;
  const Tensor x = uniform(1, {2, 3, h, w});
  const Tensor rois = tensor({3, 4}, {0, 0, 9, 9, 3, 2, 11, 7, -4, 1, 20, 6});
  const Tensor batch = tensor({3}, {0, 1, 1}, DType::i64);
  for (const std::string mode : {"avg", "max"})
    for (int64_t ratio : {0, 2})
      for (bool half : {true, false}) {
        SCOPED_TRACE(mode + " " + std::to_string(ratio) + (half ? " half" : ""));
        Reals want;
        for (int64_t r = 0; r < 3; ++r)
          for (int64_t c = 0; c < 3; ++c)
            for (int64_t oy = 0; oy < ph; ++oy)
              for (int64_t ox = 0; ox < pw; ++ox) {
                const double shift = half ? 0.5 : 0;
                const double x0 = at(rois, {r, 0}) * 0.5 - shift,
                             y0 = at(rois, {r, 1}) * 0.5 - shift;
                double rw = at(rois, {r, 2}) * 0.5 - shift - x0,
                       rh = at(rois, {r, 3}) * 0.5 - shift - y0;
                if (!half) rw = std::max(rw, 1.0), rh = std::max(rh, 1.0);
                const double bh = rh / ph, bw = rw / pw;
                const auto gh = ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(bh));
                const auto gw = ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(bw));
                double sum = 0, top = -kInf;
                for (int64_t iy = 0; iy < gh; ++iy)
                  for (int64_t ix = 0; ix < gw; ++ix) {
                    double py = y0 + static_cast<double>(oy) * bh +
                                (static_cast<double>(iy) + 0.5) * bh / static_cast<double>(gh);
                    double px = x0 + static_cast<double>(ox) * bw +
                                (static_cast<double>(ix) + 0.5) * bw / static_cast<double>(gw);
                    if (py < -1 || py > h || px < -1 || px > w) {
                      top = std::max(top, 0.0);
                      continue;
                    }
                    py = std::clamp<double>(py, 0, h - 1);
                    px = std::clamp<double>(px, 0, w - 1);
                    const auto ly = static_cast<int64_t>(py), lx = static_cast<int64_t>(px);
                    for (int64_t dy = 0; dy < 2; ++dy)
                      for (int64_t dx = 0; dx < 2; ++dx) {
                        const double wy = dy == 1 ? py - static_cast<double>(ly)
                                                  : 1 - py + static_cast<double>(ly);
                        const double wx = dx == 1 ? px - static_cast<double>(lx)
                                                  : 1 - px + static_cast<double>(lx);
                        const double v = wy * wx *
                                         at(x, {batch.get_i(r), c, std::min(ly + dy, h - 1),
                                                std::min(lx + dx, w - 1)});
                        sum += v;
                        top = std::max(top, v);
                      }
                  }
                want.push_back(
                    mode == "avg" ? sum / static_cast<double>(std::max<int64_t>(gh * gw, 1)) : top);
              }
        const Options o{
            {"mode", mode},
            {"sampling_ratio", std::to_string(ratio)},
            {"coordinate_transformation_mode", half ? "half_pixel" : "output_half_pixel"},
            {"output_height", "2"},
            {"output_width", "3"},
            {"spatial_scale", "0.5"}};
        expect_close(must_apply({"roi_align", {x, rois, batch}, o, {}, {6, 7}})[0], {3, 3, ph, pw},
                     want);
      }
  expect_refused({"roi_align", {x, rois, batch}, {{"mode", "sum"}}}, "roi_align.C5");
  expect_refused({"roi_align", {uniform(1, {2, 2}), rois, batch}}, "roi_align.C4");
}

// ---- einsum and det

/// Sums the product of all operands over every assignment of labels (single letters, extents from
/// the operands) into the output.
Reals einsum(const std::vector<std::string>& terms, const std::string& out,
             const std::vector<Tensor>& in) {
  std::map<char, int64_t> extents;
  for (size_t k = 0; k < in.size(); ++k)
    for (size_t i = 0; i < terms[k].size(); ++i)
      extents[terms[k][i]] = std::max(extents[terms[k][i]], in[k].shape[i]);
  Ints shape;
  for (const auto& [label, n] : extents) shape.push_back(n);
  int64_t size = 1;
  for (char label : out) size *= extents[label];
  Reals y(static_cast<size_t>(size));
  for (ops::Odometer i(shape, Ints(shape.size(), 0)); !i.done(); i.next()) {
    std::map<char, int64_t> value;
    size_t d = 0;
    for (const auto& [label, n] : extents) value[label] = i.index()[d++];
    double product = 1;
    for (size_t k = 0; k < in.size(); ++k) {
      int64_t flat = 0;
      for (size_t a = 0; a < terms[k].size(); ++a)
        flat = flat * in[k].shape[a] + (in[k].shape[a] == 1 ? 0 : value[terms[k][a]]);
      product *= in[k].get_f(flat);
    }
    int64_t flat = 0;
    for (char label : out) flat = flat * extents[label] + value[label];
    y[static_cast<size_t>(flat)] += product;
  }
  return y;
}

TEST(einsum, is_that_of_plain_loops) {
  struct Case {
    std::string equation;
    std::vector<std::string> terms;
    std::string out;
    std::vector<Ints> shapes;
    Ints result;
  };
  const Case cases[] = {
      {"ij,jk->ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}, {2, 4}},
      {"ij,jk", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}, {2, 4}},
      {"bij,bjk->bik", {"bij", "bjk"}, "bik", {{5, 2, 3}, {5, 3, 4}}, {5, 2, 4}},
      {"ij->ji", {"ij"}, "ji", {{2, 3}}, {3, 2}},
      {"ij->i", {"ij"}, "i", {{2, 3}}, {2}},
      {"ij->", {"ij"}, "", {{2, 3}}, {}},
      {"ii->i", {"ii"}, "i", {{3, 3}}, {3}},
      {"ii", {"ii"}, "", {{3, 3}}, {}},
      {"i,j->ji", {"i", "j"}, "ji", {{2}, {3}}, {3, 2}},
      {"i,i", {"i", "i"}, "", {{4}, {4}}, {}},
      {"bi,bi->b", {"bi", "bi"}, "b", {{2, 4}, {2, 4}}, {2}},
      {"bi,bi->bi", {"bi", "bi"}, "bi", {{2, 4}, {2, 4}}, {2, 4}},
      {"ab,bc,cd->ad", {"ab", "bc", "cd"}, "ad", {{2, 3}, {3, 4}, {4, 5}}, {2, 5}},
      {"...ij,...jk->...ik", {"xij", "xjk"}, "xik", {{5, 2, 3}, {5, 3, 4}}, {5, 2, 4}},
      {"...ij,...jk->...ik", {"xij", "xjk"}, "xik", {{1, 2, 3}, {5, 3, 4}}, {5, 2, 4}},
      {"b...->...b", {"bxy"}, "xyb", {{2, 3, 4}}, {3, 4, 2}},
      {" b h i d , b h j d -> b h i j ",
       {"bhid", "bhjd"},
       "bhij",
       {{2, 3, 4, 5}, {2, 3, 6, 5}},
       {2, 3, 4, 6}},
      {"ijk,j->ik", {"ijk", "j"}, "ik", {{2, 3, 4}, {3}}, {2, 4}},
      {"...ij->...ji", {"ij"}, "ji", {{2, 3}}, {3, 2}},  // the dots stand for no axis
  };
  for (const Case& k : cases) {
    SCOPED_TRACE(k.equation);
    std::vector<Tensor> in;
    Application a{"einsum", {}, {{"equation", k.equation}}};
    for (const Ints& shape : k.shapes) {
      in.push_back(uniform(static_cast<uint32_t>(in.size()) + 1, shape));
      a.inputs.emplace_back(in.back());
    }
    const Reals want = einsum(k.terms, k.out, in);
    expect_close(must_apply(a)[0], k.result, want);
    a.symbolic = {2, 3, 4, 5};
    expect_close(must_apply(a)[0], k.result, want);
  }
  const Tensor x = uniform(1, {2, 3});
  expect_refused({"einsum", {x}, {{"equation", "i1->i"}}}, "einsum.C3");
  expect_refused({"einsum", {x}, {{"equation", "ij->k"}}}, "einsum.C3");
  expect_refused({"einsum", {x}, {{"equation", "ij,jk"}}}, "einsum.C4");
  expect_refused({"einsum", {x}, {{"equation", "ijk"}}}, "einsum.C5");
  expect_refused({"einsum", {x}, {{"equation", "i"}}}, "einsum.C5");
  expect_refused({"einsum", {x}, {{"equation", "...ijk"}}}, "einsum.C5");
  expect_refused({"einsum", {x, x}, {{"equation", "ij,jk->ik"}}}, "einsum.C6");
}

TEST(det, eliminates_with_row_exchanges) {
  expect_close(must_apply({"det", {tensor({2, 2}, {0, 1, 2, 3})}})[0], {}, {-2});
  expect_close(must_apply({"det", {tensor({2, 1, 1}, {4, 5})}})[0], {2}, {4, 5});
  expect_close(must_apply({"det", {tensor({3, 3}, {1, 2, 3, 2, 4, 7, 3, 5, 3})}})[0], {}, {1});
  expect_close(must_apply({"det", {tensor({2, 2}, {1, 2, 2, 4})}})[0], {}, {0});
  expect_refused({"det", {uniform(1, {2, 3})}}, "det.C7");
}

}  // namespace
}  // namespace tenon::interp::testing
