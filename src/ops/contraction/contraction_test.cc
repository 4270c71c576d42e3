#include "ops/contraction/contraction.h"

#include <cmath>

#include "ir/dtype.h"
#include "ops/contraction/gemm.h"
#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;
using testing::code_of;
using testing::eval;
using testing::param;
using testing::random_whole;

struct ContractionTest : ::testing::Test {
  Context c;
  Builder b{c};
  std::mt19937 random = testing::seeded();

  std::string refuse_dot(Expr x, Expr y, Ints ba, Ints bb, Ints ca, Ints cb,
                         std::string product = "", std::string accumulate = "") {
    Builder d(c);
    (void)d.dot(x, y, ba, bb, ca, cb, product, accumulate);
    return code_of(d.status());
  }
  std::string refuse_conv(Expr x, Expr w, ConvAttrs attrs) {
    Builder d(c);
    (void)d.conv(x, w, std::move(attrs));
    return code_of(d.status());
  }
};

TEST_F(ContractionTest, dot_constraints) {
  const Expr x = param(c, DType::f32, {2, 3});
  const Expr y = param(c, DType::f32, {3, 4});
  EXPECT_EQ(refuse_dot(x, param(c, DType::f64, {3, 4}), {}, {}, {1}, {0}), "dot.C1");
  EXPECT_EQ(
      refuse_dot(param(c, DType::boolean, {3}), param(c, DType::boolean, {3}), {}, {}, {0}, {0}),
      "dot.C1");
  EXPECT_EQ(refuse_dot(x, y, {}, {}, {2}, {0}), "dot.C2");
  EXPECT_EQ(refuse_dot(x, y, {1}, {0}, {1}, {0}), "dot.C2");
  EXPECT_EQ(refuse_dot(x, y, {0}, {0}, {}, {}), "dot.C3");
  EXPECT_EQ(refuse_dot(x, y, {1}, {}, {}, {}), "dot.C3");
  EXPECT_EQ(refuse_dot(x, y, {}, {}, {0}, {0}), "dot.C4");
  EXPECT_EQ(refuse_dot(x, y, {}, {}, {1}, {0}, "f16"), "dot.C5");
  EXPECT_EQ(
      refuse_dot(param(c, DType::i32, {3}), param(c, DType::i32, {3}), {}, {}, {0}, {0}, "bf16"),
      "dot.C5");
  EXPECT_EQ(refuse_dot(x, y, {}, {}, {1}, {0}, "bf16x6"), "");
}

TEST_F(ContractionTest, dot_of_symbolic_shapes) {
  const Expr n = c.var("n");
  const Expr x = c.param("x", c.tensor(DType::f32, std::vector<Expr>{n, c.i64(8)}));
  const Expr y = b.dot(x, param(c, DType::f32, {8, 5}), {}, {}, {1}, {0});
  EXPECT_EQ(y->type, c.tensor(DType::f32, std::vector<Expr>{n, c.i64(5)}));
}

TEST_F(ContractionTest, gemm_matches_naive_loops) {
  for (int round = 0; round < 40; ++round) {
    const auto pick = [&](int64_t top) {
      return static_cast<int64_t>(random() % static_cast<uint64_t>(top));
    };
    const int64_t m = pick(120);
    const int64_t n = pick(40);
    const int64_t k = round % 5 == 0 ? pick(600) : pick(40);
    std::vector<double> x(static_cast<size_t>(m * k));
    std::vector<double> y(static_cast<size_t>(k * n));
    for (double& v : x) v = static_cast<double>(pick(9)) - 4;
    for (double& v : y) v = static_cast<double>(pick(9)) - 4;
    std::vector<double> z(static_cast<size_t>(m * n), 99);
    gemm(m, n, k, x.data(), k, y.data(), n, z.data(), n);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p)
          sum += x[static_cast<size_t>(i * k + p)] * y[static_cast<size_t>(p * n + j)];
        ASSERT_EQ(z[static_cast<size_t>(i * n + j)], sum);
      }
  }
}

TEST_F(ContractionTest, dot_matches_naive_loops_for_any_axes) {
  for (const DType type : {DType::f32, DType::f16, DType::i32, DType::u8}) {
    // a[k, i, b, l], b[b, l, j, k]: batch b, contracted k and l.
    const Expr x = c.param("x", c.tensor(type, {3, 2, 4, 5}));
    const Expr y = c.param("y", c.tensor(type, {4, 5, 6, 3}));
    const Expr d = b.dot(x, y, {2}, {0}, {0, 3}, {3, 1});
    EXPECT_EQ(d->type, c.tensor(type, {4, 2, 6}));
    const Tensor p = random_whole(type, {3, 2, 4, 5}, random);
    const Tensor q = random_whole(type, {4, 5, 6, 3}, random);
    Tensor want = Tensor::zeros(type, {4, 2, 6});
    for (int64_t n = 0; n < 4; ++n)
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < 6; ++j) {
          int64_t sum = 0;
          for (int64_t k = 0; k < 3; ++k)
            for (int64_t l = 0; l < 5; ++l)
              sum +=
                  p.get_i(((k * 2 + i) * 4 + n) * 5 + l) * q.get_i(((n * 5 + l) * 6 + j) * 3 + k);
          want.set_i((n * 2 + i) * 6 + j, sum);
        }
    testing::expect_same(eval(d, {p, q}), want);
  }
}

struct Widened {
  DType a, b, wide;
};
constexpr Widened kWidened[] = {
    {DType::bf16, DType::bf16, DType::f32}, {DType::f16, DType::f16, DType::f32},
    {DType::u8, DType::i8, DType::i32},     {DType::i8, DType::u8, DType::i32},
    {DType::u8, DType::u8, DType::i32},     {DType::i8, DType::i8, DType::i32},
};

TEST_F(ContractionTest, products_accumulate_in_a_wider_type) {
  for (const Widened& t : kWidened) {
    const std::string wide(ir::info(t.wide).name);
    const int64_t lo = ir::is_float(t.a) ? -100 : -128, hi = ir::is_float(t.a) ? 100 : 127;
    const Tensor p = random_whole(t.a, {3, 40}, random, lo, hi);
    const Tensor q = random_whole(t.b, {40, 2}, random, lo, hi);
    Tensor want = Tensor::zeros(t.wide, {3, 2});
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 2; ++j) {
        int64_t sum = 0;
        for (int64_t k = 0; k < 40; ++k) sum += p.get_i(i * 40 + k) * q.get_i(k * 2 + j);
        want.set_i(i * 2 + j, sum);
      }
    const Expr d =
        b.dot(param(c, t.a, {3, 40}), param(c, t.b, {40, 2}), {}, {}, {1}, {0}, "", wide);
    ASSERT_TRUE(b.ok()) << b.status().error().text();
    EXPECT_EQ(d->dtype(), t.wide);
    testing::expect_same(eval(d, {p, q}), want);
    // The same product as a convolution over one pixel.
    const Expr y =
        b.conv(param(c, t.a, {3, 1, 40}), param(c, t.b, {1, 40, 2}), {.accumulate = wide});
    ASSERT_TRUE(b.ok()) << b.status().error().text();
    Tensor x = p, w = q;
    x.shape = {3, 1, 40};
    w.shape = {1, 40, 2};
    want.shape = {3, 1, 2};
    testing::expect_same(eval(y, {x, w}), want);
  }
}

TEST_F(ContractionTest, widened_integers_wrap) {
  const int64_t k = 140'000;  // 255 * 255 * k is beyond 2^31
  const Expr d =
      b.dot(param(c, DType::u8, {1, k}), param(c, DType::u8, {k, 1}), {}, {}, {1}, {0}, "", "i32");
  const std::vector<int64_t> ones(static_cast<size_t>(k), 255);
  const Tensor got =
      eval(d, {testing::of_i(DType::u8, {1, k}, ones), testing::of_i(DType::u8, {k, 1}, ones)});
  EXPECT_EQ(got.get_i(0), 255 * 255 * k - (int64_t{1} << 32) * 2);
}

TEST_F(ContractionTest, only_types_of_the_table_accumulate_elsewhere) {
  const auto refused = [&](DType x, DType y, std::string wide) {
    return refuse_dot(param(c, x, {3}), param(c, y, {3}), {}, {}, {0}, {0}, "", std::move(wide));
  };
  for (const Widened& t : kWidened)
    EXPECT_EQ(refused(t.a, t.b, std::string(ir::info(t.wide).name)), "");
  EXPECT_EQ(refused(DType::u8, DType::i8, ""), "dot.C1");
  EXPECT_EQ(refused(DType::u8, DType::i8, "i64"), "dot.C1");
  EXPECT_EQ(refused(DType::bf16, DType::f16, "f32"), "dot.C1");
  EXPECT_EQ(refused(DType::f32, DType::f32, "f32"), "dot.C1");
  EXPECT_EQ(refused(DType::u8, DType::u8, "wide"), "dot.C1");
  EXPECT_EQ(refuse_conv(param(c, DType::u8, {1, 4, 2}), param(c, DType::i8, {1, 2, 3}),
                        {.accumulate = "f32"}),
            "conv.C1");
}

TEST_F(ContractionTest, wide_integers_wrap_exactly) {
  const Expr x = param(c, DType::i64, {1, 2});
  const Expr y = param(c, DType::i64, {2, 1});
  const int64_t big = int64_t{1} << 40;
  const Tensor got = eval(
      b.dot(x, y, {}, {}, {1}, {0}),
      {testing::of_i(DType::i64, {1, 2}, {big, 3}), testing::of_i(DType::i64, {2, 1}, {big, 5})});
  EXPECT_EQ(got.get_i(0), 15);
}

TEST_F(ContractionTest, bf16_products_round_their_operands) {
  const Expr x = param(c, DType::f32, {1, 1});
  const Expr y = param(c, DType::f32, {1, 1});
  const Tensor v = testing::of(DType::f32, {1, 1}, {1.00390625 + 0.001});
  const double r = ir::round_to(DType::bf16, v.get_f(0));
  EXPECT_EQ(eval(b.dot(x, y, {}, {}, {1}, {0}, "bf16"), {v, v}).get_f(0), r * r);
  EXPECT_NE(eval(b.dot(x, y, {}, {}, {1}, {0}), {v, v}).get_f(0), r * r);
}

TEST_F(ContractionTest, empty_contraction_is_zero) {
  const Expr d =
      b.dot(param(c, DType::f32, {2, 0}), param(c, DType::f32, {0, 3}), {}, {}, {1}, {0});
  const Tensor got =
      eval(d, {Tensor::zeros(DType::f32, {2, 0}), Tensor::zeros(DType::f32, {0, 3})});
  testing::expect_same(got, Tensor::zeros(DType::f32, {2, 3}));
}

TEST_F(ContractionTest, conv_constraints) {
  const Expr x = param(c, DType::f32, {1, 5, 5, 4});
  const Expr w = param(c, DType::f32, {3, 3, 4, 6});
  EXPECT_EQ(refuse_conv(x, param(c, DType::f64, {3, 3, 4, 6}), {}), "conv.C1");
  EXPECT_EQ(refuse_conv(x, param(c, DType::f32, {3, 4, 6}), {}), "conv.C2");
  EXPECT_EQ(refuse_conv(param(c, DType::f32, {1, 4}), param(c, DType::f32, {4, 6}), {}), "conv.C2");
  EXPECT_EQ(refuse_conv(x, w, {.strides = {1}}), "conv.C3");
  EXPECT_EQ(refuse_conv(x, w, {.groups = 2}), "conv.C4");
  EXPECT_EQ(refuse_conv(x, param(c, DType::f32, {3, 3, 1, 6}), {.groups = 4}), "conv.C5");
  EXPECT_EQ(refuse_conv(x, w, {.strides = {0, 1}}), "conv.C6");
  EXPECT_EQ(refuse_conv(x, w, {.groups = 0}), "conv.C6");
  EXPECT_EQ(refuse_conv(x, param(c, DType::f32, {7, 3, 4, 6}), {}), "conv.C7");
  EXPECT_EQ(refuse_conv(x, w, {.product = "tf32"}), "conv.C8");
  EXPECT_EQ(refuse_conv(x, w, {.strides = {2, 1}}), "");
}

TEST_F(ContractionTest, conv_extents_may_be_symbolic) {
  const Expr h = c.var("h");
  const Expr x = c.param("x", c.tensor(DType::f32, std::vector<Expr>{c.i64(1), h, h, c.i64(3)}));
  const std::vector<Expr> one{c.i64(1), c.i64(1)};
  const Expr y = b.conv(x, param(c, DType::f32, {3, 3, 3, 8}), {.low = one, .high = one});
  EXPECT_EQ(y->type, c.tensor(DType::f32, std::vector<Expr>{c.i64(1), h, h, c.i64(8)}));
}

/// The definition, one multiplication at a time.
Tensor naive_conv(const Expr node, const Tensor& x, const Tensor& w,
                  const std::vector<int64_t>& shape) {
  Tensor out = Tensor::zeros(x.dtype, shape);
  const auto& strides = node->ints_attr(Key::strides);
  const auto& dilation = node->ints_attr(Key::dilation);
  const auto& spread = node->ints_attr(Key::input_dilation);
  const int64_t groups = node->int_attr(Key::groups);
  const int64_t cg = w.shape[2];
  const int64_t mg = w.shape[3] / groups;
  int64_t place = 0;
  for (Odometer o(shape, std::vector<int64_t>(4, 0)); !o.done(); o.next(), ++place) {
    double sum = 0;
    for (Odometer r(std::vector<int64_t>{w.shape[0], w.shape[1]}, std::vector<int64_t>(2, 0));
         !r.done(); r.next()) {
      int64_t at[2];
      bool inside = true;
      for (size_t d = 0; d < 2; ++d) {
        at[d] = o.index()[d + 1] * strides[d] + r.index()[d] * dilation[d] -
                *ir::as_int(node->exprs_attr(Key::low)[d]);
        inside =
            inside && at[d] >= 0 && at[d] % spread[d] == 0 && at[d] / spread[d] < x.shape[d + 1];
        at[d] /= spread[d];
      }
      if (!inside) continue;
      const int64_t m = o.index()[3];
      for (int64_t i = 0; i < cg; ++i)
        sum += x.get_f(((o.index()[0] * x.shape[1] + at[0]) * x.shape[2] + at[1]) * x.shape[3] +
                       m / mg * cg + i) *
               w.get_f(((r.index()[0] * w.shape[1] + r.index()[1]) * cg + i) * w.shape[3] + m);
    }
    out.set_f(place, sum);
  }
  return out;
}

TEST_F(ContractionTest, conv_matches_naive_loops) {
  for (int round = 0; round < 60; ++round) {
    const auto pick = [&](int64_t lo, int64_t hi) {
      return lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo + 1));
    };
    const int64_t groups = pick(1, 3);
    const int64_t cg = pick(1, 3);
    const int64_t mg = round % 4 == 0 ? 8 : pick(1, 3);
    const DType type = round % 3 == 0 ? DType::i32 : DType::f32;
    const std::vector<int64_t> xs{pick(1, 2), pick(6, 9), pick(6, 9), groups * cg};
    const std::vector<int64_t> ws{pick(1, 3), pick(1, 2), cg, groups * mg};
    ConvAttrs attrs{.strides = {pick(1, 2), pick(1, 3)},
                    .dilation = {pick(1, 2), pick(1, 2)},
                    .input_dilation = {pick(1, 2), pick(1, 3)},
                    .low = {c.i64(pick(-1, 2)), c.i64(pick(0, 2))},
                    .high = {c.i64(pick(0, 2)), c.i64(pick(-1, 2))},
                    .groups = groups};
    const Expr x = c.param("x", c.tensor(type, {xs[0], xs[1], xs[2], xs[3]}));
    const Expr w = c.param("w", c.tensor(type, {ws[0], ws[1], ws[2], ws[3]}));
    const Expr y = b.conv(x, w, attrs);
    ASSERT_TRUE(b.ok()) << b.status().error().text();
    const Tensor p = random_whole(type, xs, random);
    const Tensor q = random_whole(type, ws, random);
    testing::expect_same(eval(y, {p, q}), naive_conv(y, p, q, testing::concrete(y->shape())));
  }
}

TEST_F(ContractionTest, conv_works_in_one_and_three_dimensions) {
  const Expr x = param(c, DType::f32, {1, 4, 1});
  const Expr w = param(c, DType::f32, {2, 1, 1});
  testing::expect_same(eval(b.conv(x, w, {}), {testing::of(DType::f32, {1, 4, 1}, {1, 2, 3, 4}),
                                               testing::of(DType::f32, {2, 1, 1}, {1, 10})}),
                       testing::of(DType::f32, {1, 3, 1}, {21, 32, 43}));
  const Expr x3 = param(c, DType::f32, {1, 2, 2, 2, 1});
  const Expr w3 = param(c, DType::f32, {2, 2, 2, 1, 1});
  testing::expect_same(eval(b.conv(x3, w3, {}),
                            {testing::of(DType::f32, {1, 2, 2, 2, 1}, {1, 2, 3, 4, 5, 6, 7, 8}),
                             testing::of(DType::f32, {2, 2, 2, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1})}),
                       testing::of(DType::f32, {1, 1, 1, 1, 1}, {36}));
}

}  // namespace
}  // namespace tenon::ops
