#include "ops/elementwise/elementwise.h"

#include <cmath>

#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Op;
using testing::code_of;
using testing::eval;
using testing::of;
using testing::of_i;
using testing::param;

struct ElementwiseTest : ::testing::Test {
  Context c;
  Result<Expr> make(Op op, std::vector<Expr> operands, Type wanted = nullptr) {
    return build(c, op, operands, {}, wanted);
  }
};

TEST_F(ElementwiseTest, c1_operands_have_one_type) {
  EXPECT_EQ(code_of(make(Op::add, {param(c, DType::f32, {2}), param(c, DType::f64, {2})})),
            "add.C1");
  const Expr x = param(c, DType::f32, {2});
  EXPECT_EQ(code_of(make(Op::select, {x, x, x})), "select.C1");
  EXPECT_TRUE(make(Op::select, {param(c, DType::boolean, {2}), x, x}).has_value());
}

TEST_F(ElementwiseTest, c2_operands_have_one_shape) {
  EXPECT_EQ(code_of(make(Op::add, {param(c, DType::f32, {2}), param(c, DType::f32, {3})})),
            "add.C2");
  EXPECT_EQ(code_of(make(Op::add, {param(c, DType::f32, {2}), param(c, DType::f32, {2, 1})})),
            "add.C2");
  const Expr n = c.var("n");
  const Expr s = c.param("s", c.tensor(DType::f32, std::vector<Expr>{n}));
  const auto y = make(Op::add, {s, param(c, DType::f32, {3})});
  ASSERT_TRUE(y.has_value());
  EXPECT_EQ((*y)->type, c.tensor(DType::f32, {3}));
}

TEST_F(ElementwiseTest, c3_operators_are_defined_for_some_types) {
  const Expr f = param(c, DType::f32, {2});
  const Expr i = param(c, DType::i32, {2});
  const Expr p = param(c, DType::boolean, {2});
  EXPECT_EQ(code_of(make(Op::exp, {i})), "exp.C3");
  EXPECT_EQ(code_of(make(Op::and_, {f, f})), "and.C3");
  EXPECT_EQ(code_of(make(Op::shl, {p, p})), "shl.C3");
  EXPECT_EQ(code_of(make(Op::floordiv, {f, f})), "floordiv.C3");
  EXPECT_EQ(code_of(make(Op::add, {p, p})), "add.C3");
  EXPECT_EQ(code_of(make(Op::lt, {p, p})), "lt.C3");
  EXPECT_EQ(code_of(make(Op::is_nan, {i})), "is_nan.C3");
  EXPECT_TRUE(make(Op::eq, {p, p}).has_value());
  EXPECT_TRUE(make(Op::not_, {i}).has_value());
  EXPECT_EQ((*make(Op::is_nan, {f}))->dtype(), DType::boolean);
}

TEST_F(ElementwiseTest, c4_cast_keeps_the_shape) {
  const Expr f = param(c, DType::f32, {2});
  EXPECT_EQ(code_of(make(Op::cast, {f})), "cast.C4");
  EXPECT_EQ(code_of(make(Op::cast, {f}, c.tensor(DType::i8, {3}))), "cast.C4");
  EXPECT_TRUE(make(Op::cast, {f}, c.tensor(DType::i8, {2})).has_value());
}

TEST_F(ElementwiseTest, every_float_function_matches_the_library) {
  const std::vector<std::pair<Op, double (*)(double)>> rows{
      {Op::exp, std::exp},     {Op::log, std::log},         {Op::log1p, std::log1p},
      {Op::sqrt, std::sqrt},   {Op::sin, std::sin},         {Op::cos, std::cos},
      {Op::tan, std::tan},     {Op::asin, std::asin},       {Op::acos, std::acos},
      {Op::atan, std::atan},   {Op::sinh, std::sinh},       {Op::cosh, std::cosh},
      {Op::tanh, std::tanh},   {Op::asinh, std::asinh},     {Op::acosh, std::acosh},
      {Op::atanh, std::atanh}, {Op::erf, std::erf},         {Op::floor, std::floor},
      {Op::ceil, std::ceil},   {Op::round, std::nearbyint}, {Op::trunc, std::trunc}};
  std::mt19937 random = testing::seeded();
  const Tensor x = testing::random_real(DType::f32, {3000}, random, true);
  const Expr p = param(c, DType::f32, {3000});
  for (const auto& [op, f] : rows) {
    const Tensor y = eval(*make(op, {p}), {x});
    for (int64_t i = 0; i < 3000; ++i)
      ASSERT_TRUE(
          testing::same_value(y.get_f(i), static_cast<double>(static_cast<float>(f(x.get_f(i))))))
          << ir::info(op).name << " of " << x.get_f(i);
  }
}

TEST_F(ElementwiseTest, nan_propagates_through_max_and_min) {
  const Expr p = param(c, DType::f32, {3});
  const Tensor a = of(DType::f32, {3}, {NAN, 1, 2});
  const Tensor b = of(DType::f32, {3}, {1, NAN, 3});
  const Expr q = c.param("q", p->type);
  testing::expect_same(eval(*make(Op::max, {p, q}), {a, b}), of(DType::f32, {3}, {NAN, NAN, 3}));
  testing::expect_same(eval(*make(Op::min, {p, q}), {a, b}), of(DType::f32, {3}, {NAN, NAN, 2}));
  testing::expect_same(eval(*make(Op::ne, {p, q}), {a, b}), of_i(DType::boolean, {3}, {1, 1, 1}));
  testing::expect_same(eval(*make(Op::ge, {p, q}), {a, b}), of_i(DType::boolean, {3}, {0, 0, 0}));
}

TEST_F(ElementwiseTest, integers_follow_the_table) {
  const Expr p = param(c, DType::i32, {4});
  const Expr q = c.param("q", p->type);
  const Tensor a = of_i(DType::i32, {4}, {-7, 7, 5, INT32_MIN});
  const Tensor b = of_i(DType::i32, {4}, {2, -2, 0, -1});
  testing::expect_same(eval(*make(Op::div, {p, q}), {a, b}),
                       of_i(DType::i32, {4}, {-3, -3, 0, INT32_MIN}));
  testing::expect_same(eval(*make(Op::floordiv, {p, q}), {a, b}),
                       of_i(DType::i32, {4}, {-4, -4, 0, INT32_MIN}));
  testing::expect_same(eval(*make(Op::mod, {p, q}), {a, b}), of_i(DType::i32, {4}, {1, -1, 0, 0}));
  testing::expect_same(eval(*make(Op::fmod, {p, q}), {a, b}), of_i(DType::i32, {4}, {-1, 1, 0, 0}));
  const Expr u = param(c, DType::u8, {3});
  const Expr v = c.param("v", u->type);
  const Tensor x = of_i(DType::u8, {3}, {200, 1, 255});
  const Tensor y = of_i(DType::u8, {3}, {100, 9, 1});
  testing::expect_same(eval(*make(Op::add, {u, v}), {x, y}), of_i(DType::u8, {3}, {44, 10, 0}));
  testing::expect_same(eval(*make(Op::shl, {u, v}), {x, y}), of_i(DType::u8, {3}, {0, 0, 254}));
  testing::expect_same(eval(*make(Op::max, {u, v}), {x, y}), of_i(DType::u8, {3}, {200, 9, 255}));
}

TEST_F(ElementwiseTest, casts_round_once_and_saturate_on_request) {
  const Expr p = param(c, DType::f32, {2});
  const Tensor x = of(DType::f32, {2}, {1000, -0.3});
  testing::expect_same(eval(*make(Op::cast, {p}, c.tensor(DType::i8, {2})), {x}),
                       of_i(DType::i8, {2}, {-24, 0}));
  const std::vector<Expr> operand{p};
  const Type f8 = c.tensor(DType::f8e4m3fn, {2});
  EXPECT_TRUE(std::isnan(eval(*build(c, Op::cast, operand, {}, f8), {x}).get_f(0)));
  EXPECT_EQ(eval(*build(c, Op::cast, operand, {{ir::Key::saturate, int64_t{1}}}, f8), {x}).get_f(0),
            448);
}

TEST_F(ElementwiseTest, evaluation_refuses_extents_that_differ) {
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  const Expr p = c.param("p", c.tensor(DType::f32, std::vector<Expr>{n}));
  const Expr q = c.param("q", c.tensor(DType::f32, std::vector<Expr>{m}));
  const auto out = testing::try_eval(
      *make(Op::add, {p, q}), {Tensor::zeros(DType::f32, {2}), Tensor::zeros(DType::f32, {3})},
      {{n, 2}, {m, 3}});
  EXPECT_EQ(code_of(out), "add.C2");
}

TEST_F(ElementwiseTest, select_picks_from_any_type) {
  const Expr k = param(c, DType::boolean, {2});
  const Expr p = param(c, DType::i64, {2});
  const Expr q = c.param("q", p->type);
  testing::expect_same(eval(*make(Op::select, {k, p, q}), {of_i(DType::boolean, {2}, {1, 0}),
                                                           of_i(DType::i64, {2}, {INT64_MAX, 2}),
                                                           of_i(DType::i64, {2}, {3, INT64_MIN})}),
                       of_i(DType::i64, {2}, {INT64_MAX, INT64_MIN}));
}

}  // namespace
}  // namespace tenon::ops
