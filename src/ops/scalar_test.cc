// Scalar operators as ops.def defines them: signs, zeros, NaN, wrapping, the edges of each width.
#include "ops/scalar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Op;

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");
constexpr int64_t kMin = INT64_MIN;
constexpr int64_t kMax = INT64_MAX;

Scalar real(double v) {
  Scalar s;
  s.f = v;
  return s;
}
Scalar whole(int64_t v) {
  Scalar s;
  s.i = v;
  return s;
}
double on_f(Op op, double x, double y = 0, DType type = DType::f64) {
  const Scalar args[] = {real(x), real(y)};
  return apply(op, type, args).f;
}
int64_t on_i(Op op, DType type, int64_t x, int64_t y = 0) {
  const Scalar args[] = {whole(x), whole(y)};
  return apply(op, type, args).i;
}
bool test_f(Op op, double x, double y = 0) {
  const Scalar args[] = {real(x), real(y)};
  return apply(op, DType::f64, args).i != 0;
}

TEST(Scalar, signs_and_magnitudes_of_floats) {
  EXPECT_EQ(on_f(Op::sign, 3), 1);
  EXPECT_EQ(on_f(Op::sign, -3), -1);
  EXPECT_EQ(on_f(Op::sign, 0), 0);
  EXPECT_EQ(on_f(Op::sign, -0.0), 0);
  EXPECT_TRUE(std::isnan(on_f(Op::sign, kNan)));
  EXPECT_EQ(on_f(Op::neg, 2), -2);
  EXPECT_EQ(on_f(Op::abs, -2), 2);
  EXPECT_EQ(on_f(Op::sigmoid, 0), 0.5);
  EXPECT_NEAR(on_f(Op::sigmoid, 2), 0.88079707797788, 1e-12);
  EXPECT_EQ(on_f(Op::round, 2.5), 2);
  EXPECT_EQ(on_f(Op::trunc, -2.5), -2);
}

TEST(Scalar, remainders_take_the_sign_of_divisor_or_dividend) {
  struct Row {
    double x, y, mod, fmod;
  };
  const Row rows[] = {{7, 3, 1, 1}, {-7, 3, 2, -1},     {7, -3, -2, 1},      {-7, -3, -1, -1},
                      {6, 3, 0, 0}, {5.5, 2, 1.5, 1.5}, {-5.5, 2, 0.5, -1.5}};
  for (const Row& r : rows) {
    EXPECT_EQ(on_f(Op::mod, r.x, r.y), r.mod) << r.x << " " << r.y;
    EXPECT_EQ(on_f(Op::fmod, r.x, r.y), r.fmod) << r.x << " " << r.y;
  }
  EXPECT_TRUE(std::signbit(on_f(Op::mod, 6, -3)));
  EXPECT_FALSE(std::signbit(on_f(Op::mod, -6, 3)));
  EXPECT_EQ(on_f(Op::floordiv, -7, 2), -4);
}

TEST(Scalar, extremes_let_nan_through_from_either_side) {
  for (const Op op : {Op::max, Op::min}) {
    EXPECT_TRUE(std::isnan(on_f(op, kNan, 1)));
    EXPECT_TRUE(std::isnan(on_f(op, 1, kNan)));
  }
  EXPECT_EQ(on_f(Op::max, 1, 2), 2);
  EXPECT_EQ(on_f(Op::max, 2, 1), 2);
  EXPECT_EQ(on_f(Op::min, 1, 2), 1);
  EXPECT_EQ(on_f(Op::min, 2, 1), 1);
}

TEST(Scalar, predicates) {
  EXPECT_TRUE(test_f(Op::is_nan, kNan));
  EXPECT_FALSE(test_f(Op::is_nan, kInf));
  EXPECT_TRUE(test_f(Op::is_inf, -kInf));
  EXPECT_FALSE(test_f(Op::is_inf, 1));
  EXPECT_EQ(on_i(Op::is_nan, DType::i32, 0), 0);
  EXPECT_EQ(on_i(Op::is_inf, DType::i32, 1), 0);
}

TEST(Scalar, comparisons_at_less_equal_and_greater) {
  struct Row {
    Op op;
    bool less, equal, greater;
  };
  const Row rows[] = {{Op::eq, false, true, false}, {Op::ne, true, false, true},
                      {Op::lt, true, false, false}, {Op::le, true, true, false},
                      {Op::gt, false, false, true}, {Op::ge, false, true, true}};
  for (const Row& r : rows) {
    SCOPED_TRACE(ir::info(r.op).name);
    EXPECT_EQ(test_f(r.op, 1, 2), r.less);
    EXPECT_EQ(test_f(r.op, 2, 2), r.equal);
    EXPECT_EQ(test_f(r.op, 3, 2), r.greater);
    EXPECT_EQ(test_f(r.op, kNan, 2), r.op == Op::ne);
    EXPECT_EQ(on_i(r.op, DType::i32, -1, 2) != 0, r.less);
    EXPECT_EQ(on_i(r.op, DType::i32, 2, 2) != 0, r.equal);
    EXPECT_EQ(on_i(r.op, DType::i32, 3, 2) != 0, r.greater);
    EXPECT_EQ(on_i(r.op, DType::u64, 2, -1) != 0, r.less) << "the largest u64";
    EXPECT_EQ(on_i(r.op, DType::u64, -1, 2) != 0, r.greater) << "the largest u64";
  }
}

TEST(Scalar, integer_quotients_and_remainders) {
  struct Row {
    int64_t a, b, div, floordiv, mod, fmod;
  };
  const Row rows[] = {{7, 2, 3, 3, 1, 1},     {-7, 2, -3, -4, 1, -1}, {7, -2, -3, -4, -1, 1},
                      {-7, -2, 3, 3, -1, -1}, {6, -3, -2, -2, 0, 0},  {-6, 3, -2, -2, 0, 0},
                      {5, 0, 0, 0, 0, 0},     {0, 5, 0, 0, 0, 0},     {kMin, -1, kMin, kMin, 0, 0},
                      {9, -1, -9, -9, 0, 0},  {5, 1, 5, 5, 0, 0}};
  for (const Row& r : rows) {
    EXPECT_EQ(on_i(Op::div, DType::i64, r.a, r.b), r.div) << r.a << " " << r.b;
    EXPECT_EQ(on_i(Op::floordiv, DType::i64, r.a, r.b), r.floordiv) << r.a << " " << r.b;
    EXPECT_EQ(on_i(Op::mod, DType::i64, r.a, r.b), r.mod) << r.a << " " << r.b;
    EXPECT_EQ(on_i(Op::fmod, DType::i64, r.a, r.b), r.fmod) << r.a << " " << r.b;
  }
  for (const Op op : {Op::div, Op::floordiv}) {
    EXPECT_EQ(on_i(op, DType::u64, -1, 2), kMax);
    EXPECT_EQ(on_i(op, DType::u64, 7, 0), 0);
  }
  for (const Op op : {Op::mod, Op::fmod}) {
    EXPECT_EQ(on_i(op, DType::u64, -1, 10), 5);  // 2^64 - 1
    EXPECT_EQ(on_i(op, DType::u64, 7, 0), 0);
  }
}

TEST(Scalar, integer_powers) {
  struct Row {
    int64_t base, exponent, power;
  };
  const Row rows[] = {{3, 0, 1},  {3, 1, 3},   {3, 4, 81},   {-2, 3, -8}, {2, 63, kMin}, {2, 64, 0},
                      {1, -5, 1}, {-1, -4, 1}, {-1, -3, -1}, {2, -1, 0},  {0, -1, 0},    {0, 0, 1}};
  for (const Row& r : rows)
    EXPECT_EQ(on_i(Op::pow, DType::i64, r.base, r.exponent), r.power)
        << r.base << " " << r.exponent;
  EXPECT_EQ(on_i(Op::pow, DType::u64, 3, -1), static_cast<int64_t>(0xaaaaaaaaaaaaaaabULL))
      << "an exponent of 2^64 - 1";
  EXPECT_EQ(on_i(Op::pow, DType::i8, 2, 7), -128);
}

TEST(Scalar, shifts_reach_their_width_and_go_no_further) {
  EXPECT_EQ(on_i(Op::shl, DType::i32, 3, 30), -(int64_t{1} << 30));
  EXPECT_EQ(on_i(Op::shl, DType::i32, 1, 31), INT32_MIN);
  EXPECT_EQ(on_i(Op::shl, DType::i32, 1, 32), 0);
  EXPECT_EQ(on_i(Op::shl, DType::u8, 1, 7), 128);
  EXPECT_EQ(on_i(Op::shl, DType::u8, 1, 8), 0);
  EXPECT_EQ(on_i(Op::shl, DType::i32, 1, -1), 0);
  EXPECT_EQ(on_i(Op::shr, DType::i32, -8, 1), -4);
  EXPECT_EQ(on_i(Op::shr, DType::i32, 5, 31), 0);
  EXPECT_EQ(on_i(Op::shr, DType::i32, -5, 32), -1);
  EXPECT_EQ(on_i(Op::shr, DType::i32, 0, 32), 0);
  EXPECT_EQ(on_i(Op::shr, DType::i32, 5, 32), 0);
  EXPECT_EQ(on_i(Op::shr, DType::u64, kMin, 63), 1);
  EXPECT_EQ(on_i(Op::shr, DType::u64, kMin, 64), 0);
}

TEST(Scalar, other_integer_operators) {
  EXPECT_EQ(on_i(Op::neg, DType::i8, -128), -128);
  EXPECT_EQ(on_i(Op::abs, DType::i8, -5), 5);
  EXPECT_EQ(on_i(Op::abs, DType::i64, kMin), kMin);
  EXPECT_EQ(on_i(Op::abs, DType::u64, kMin), kMin);
  EXPECT_EQ(on_i(Op::sign, DType::i32, -5), -1);
  EXPECT_EQ(on_i(Op::sign, DType::i32, 0), 0);
  EXPECT_EQ(on_i(Op::sign, DType::i32, 5), 1);
  EXPECT_EQ(on_i(Op::sign, DType::u64, -1), 1);
  EXPECT_EQ(on_i(Op::sign, DType::u64, 0), 0);
  EXPECT_EQ(on_i(Op::not_, DType::boolean, 0), 1);
  EXPECT_EQ(on_i(Op::not_, DType::boolean, 1), 0);
  EXPECT_EQ(on_i(Op::not_, DType::u8, 1), 254);
  EXPECT_EQ(on_i(Op::round, DType::i32, 7), 7);
  EXPECT_EQ(on_i(Op::max, DType::i64, -1, 2), 2);
  EXPECT_EQ(on_i(Op::max, DType::u64, -1, 2), -1);
  EXPECT_EQ(on_i(Op::min, DType::i64, -1, 2), -1);
  EXPECT_EQ(on_i(Op::min, DType::u64, -1, 2), 2);
  EXPECT_EQ(on_i(Op::add, DType::u8, 200, 100), 44);
  EXPECT_EQ(on_i(Op::mul, DType::i16, 300, 300), 24464);
}

TEST(Scalar, casts_of_floats_to_integers_at_the_edges) {
  struct Row {
    DType to;
    double from;
    int64_t value;
  };
  const Row rows[] = {
      {DType::boolean, 0, 0},
      {DType::boolean, 0.25, 1},
      {DType::i8, 127.9, 127},
      {DType::i8, 130, -126},
      {DType::i32, -2.9, -2},
      {DType::i32, 2147483647, INT32_MAX},
      {DType::i32, -2147483648.0, INT32_MIN},
      {DType::i32, 2147483648.0, INT32_MIN},
      {DType::i32, -2147483649.0, INT32_MIN},
      {DType::i32, kNan, INT32_MIN},
      {DType::u32, 4294967295.0, 4294967295},
      {DType::u32, -1, 4294967295},
      {DType::i64, 0x1p62, int64_t{1} << 62},
      {DType::i64, -0x1p63, kMin},
      {DType::i64, 0x1p63, kMin},
      {DType::i64, kNan, kMin},
      {DType::u64, 0x1p63, kMin},
      {DType::u64, 0x1p64, kMin},
      {DType::u64, 0x1.8p63, static_cast<int64_t>(3ULL << 62)},
  };
  for (const Row& r : rows)
    EXPECT_EQ(cast(DType::f64, r.to, real(r.from), false).i, r.value)
        << ir::info(r.to).name << " " << r.from;
}

TEST(Scalar, casts_to_floats_round_once) {
  EXPECT_EQ(cast(DType::f32, DType::f32, real(0.1), false).f, 0.1);
  EXPECT_EQ(cast(DType::f64, DType::f32, real(0.1), false).f, static_cast<double>(0.1F));
  EXPECT_EQ(cast(DType::u64, DType::f64, whole(-1), false).f, 0x1p64);
  EXPECT_EQ(cast(DType::i64, DType::f64, whole(-1), false).f, -1);
  EXPECT_EQ(cast(DType::u64, DType::f32, whole(-1), false).f, 0x1p64);
  // Halfway in f32 after a first rounding to f64, below it before.
  EXPECT_EQ(
      cast(DType::i64, DType::f32, whole((int64_t{1} << 60) + (int64_t{1} << 36) - 1), false).f,
      0x1p60);
  EXPECT_EQ(cast(DType::i32, DType::f8e4m3fn, whole(1000), true).f, 448);
  EXPECT_TRUE(std::isnan(cast(DType::i32, DType::f8e4m3fn, whole(1000), false).f));
  EXPECT_EQ(cast(DType::f32, DType::f8e4m3fn, real(1000), true).f, 448);
  EXPECT_TRUE(std::isnan(cast(DType::f32, DType::f8e4m3fn, real(1000), false).f));
  EXPECT_EQ(cast(DType::i32, DType::u8, whole(-1), false).i, 255);
}

TEST(Scalar, fused_products_round_once) {
  const double e = 0x1p-12;
  EXPECT_EQ(fused_multiply_add(DType::f32, real(1 + e), real(1 - e), real(-1)).f, -e * e);
  EXPECT_EQ(fused_multiply_add(DType::f64, real(1 + 0x1p-27), real(1 - 0x1p-27), real(-1)).f,
            -0x1p-54);
  EXPECT_EQ(fused_multiply_add(DType::i8, whole(100), whole(2), whole(1)).i, -55);
  const Scalar args[] = {whole(3), whole(4), whole(5)};
  EXPECT_EQ(apply(Op::fma, DType::i32, args).i, 17);
}

TEST(Scalar, combiners_by_name) {
  const auto of = [](const char* kind, DType type, int64_t a, int64_t b) {
    return combine(kind, type, whole(a), whole(b)).i;
  };
  EXPECT_EQ(of("sum", DType::i32, 3, 4), 7);
  EXPECT_EQ(of("prod", DType::i32, 3, 4), 12);
  EXPECT_EQ(of("max", DType::i32, 3, 4), 4);
  EXPECT_EQ(of("min", DType::i32, 3, 4), 3);
  EXPECT_EQ(of("and", DType::boolean, 1, 0), 0);
  EXPECT_EQ(of("or", DType::boolean, 1, 0), 1);
}

}  // namespace
}  // namespace tenon::ops
