#include "ops/reduction/reduction.h"

#include <cmath>

#include "ir/combiner.h"
#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;
using testing::code_of;
using testing::eval;
using testing::expect_same;
using testing::of;
using testing::of_i;
using testing::param;

struct ReductionTest : ::testing::Test {
  Context c;
  Builder b{c};
  Expr x = param(c, DType::f32, {2, 3});
  std::string refuse(Expr e, std::string kind, Ints axes) {
    const std::vector<Expr> operands{e};
    return code_of(build(c, Op::reduce, operands,
                         {{Key::kind, std::move(kind)}, {Key::axes, std::move(axes)}}));
  }
  std::string refuse_arg(Expr e, std::string kind, int64_t axis) {
    const std::vector<Expr> operands{e};
    return code_of(
        build(c, Op::arg_reduce, operands, {{Key::kind, std::move(kind)}, {Key::axis, axis}}));
  }
};

TEST_F(ReductionTest, reduce_constraints) {
  EXPECT_EQ(refuse(x, "sum", {2}), "reduce.C1");
  EXPECT_EQ(refuse(x, "sum", {1, 0}), "reduce.C1");
  EXPECT_EQ(refuse(x, "sum", {1, 1}), "reduce.C1");
  EXPECT_EQ(refuse(x, "mean", {1}), "reduce.C2");
  EXPECT_EQ(refuse(x, "and", {1}), "reduce.C3");
  EXPECT_EQ(refuse(param(c, DType::boolean, {2}), "sum", {0}), "reduce.C3");
  EXPECT_EQ(refuse(param(c, DType::boolean, {2}), "or", {0}), "");
}

TEST_F(ReductionTest, reduces_over_any_axes) {
  const Tensor v = of(DType::f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  expect_same(eval(b.reduce("sum", x, {0}), {v}), of(DType::f32, {3}, {5, 7, 9}));
  expect_same(eval(b.reduce("sum", x, {1}), {v}), of(DType::f32, {2}, {6, 15}));
  expect_same(eval(b.reduce("prod", x, {0, 1}), {v}), of(DType::f32, {}, {720}));
  expect_same(eval(b.reduce("max", x, {-1}), {v}), of(DType::f32, {2}, {3, 6}));
  EXPECT_EQ(b.reduce("min", x, {0}, true)->type, c.tensor(DType::f32, {1, 3}));
}

TEST_F(ReductionTest, matches_naive_sums_on_random_shapes) {
  std::mt19937 random = testing::seeded();
  for (int round = 0; round < 60; ++round) {
    std::vector<int64_t> shape;
    for (uint64_t i = 0, rank = random() % 5; i < rank; ++i)
      shape.push_back(static_cast<int64_t>(random() % 4));
    std::vector<Expr> extents;
    for (int64_t n : shape) extents.push_back(c.i64(n));
    Ints axes;
    for (size_t i = 0; i < shape.size(); ++i)
      if (random() % 2 == 0) axes.push_back(static_cast<int64_t>(i));
    const Expr p = c.param("p", c.tensor(DType::i32, extents));
    const Tensor v = testing::random_whole(DType::i32, shape, random);
    const Expr y = b.reduce("sum", p, axes);
    if (y->op != Op::reduce) continue;
    const Tensor got = eval(y, {v});
    std::vector<int64_t> sums(static_cast<size_t>(got.count()), 0);
    int64_t at = 0;
    for (Odometer o(shape, std::vector<int64_t>(shape.size(), 0)); !o.done(); o.next(), ++at) {
      int64_t place = 0;
      for (size_t i = 0; i < shape.size(); ++i)
        if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) == axes.end())
          place = place * shape[i] + o.index()[i];
      sums[static_cast<size_t>(place)] += v.get_i(at);
    }
    for (int64_t i = 0; i < got.count(); ++i) ASSERT_EQ(got.get_i(i), sums[static_cast<size_t>(i)]);
  }
}

TEST_F(ReductionTest, empty_ranges_give_the_identity) {
  const Expr e = param(c, DType::f32, {2, 0});
  const Tensor v = Tensor::zeros(DType::f32, {2, 0});
  EXPECT_EQ(eval(b.reduce("max", e, {1}), {v}).get_f(0), -INFINITY);
  EXPECT_EQ(eval(b.reduce("min", e, {1}), {v}).get_f(1), INFINITY);
  EXPECT_EQ(eval(b.reduce("sum", e, {1}), {v}).get_f(1), 0);
  const Expr i = param(c, DType::i8, {0});
  EXPECT_EQ(eval(b.reduce("max", i, {0}), {Tensor::zeros(DType::i8, {0})}).get_i(0), -128);
  EXPECT_EQ(eval(b.reduce("min", i, {0}), {Tensor::zeros(DType::i8, {0})}).get_i(0), 127);
  EXPECT_EQ(eval(b.reduce("prod", i, {0}), {Tensor::zeros(DType::i8, {0})}).get_i(0), 1);
}

TEST_F(ReductionTest, nan_propagates_and_integers_wrap) {
  const Expr p = param(c, DType::f32, {3});
  EXPECT_TRUE(
      std::isnan(eval(b.reduce("max", p, {0}), {of(DType::f32, {3}, {1, NAN, 2})}).get_f(0)));
  EXPECT_TRUE(
      std::isnan(eval(b.reduce("min", p, {0}), {of(DType::f32, {3}, {1, NAN, -2})}).get_f(0)));
  const Expr i = param(c, DType::i8, {2});
  EXPECT_EQ(eval(b.reduce("sum", i, {0}), {of_i(DType::i8, {2}, {100, 100})}).get_i(0), -56);
  const Expr u = param(c, DType::u64, {2});
  EXPECT_EQ(eval(b.reduce("max", u, {0}), {of_i(DType::u64, {2}, {-1, 1})}).get_i(0), -1);
}

TEST_F(ReductionTest, identities_leave_values_alone) {
  for (int i = 0; i < ir::kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    if (ir::is_float(type)) continue;
    for (const char* kind : {"sum", "prod", "max", "min", "and", "or"}) {
      if (!is_reduce_kind(kind, type)) continue;
      const Expr p = c.param("p", c.tensor(type, {2}));
      Tensor v = Tensor::zeros(type, {2});
      v.set_i(0, ir::identity_i(kind, type));
      v.set_i(1, 1);
      EXPECT_EQ(eval(b.reduce(kind, p, {0}), {v}).get_i(0), v.get_i(1))
          << kind << ir::info(type).name;
      EXPECT_EQ(ir::identity(c, kind, type)->int_attr(Key::value), v.get_i(0)) << kind;
    }
  }
}

TEST_F(ReductionTest, arg_reduce_constraints) {
  EXPECT_EQ(refuse_arg(x, "max", 2), "arg_reduce.C1");
  EXPECT_EQ(refuse_arg(x, "sum", 1), "arg_reduce.C2");
  EXPECT_EQ(refuse_arg(param(c, DType::boolean, {2}), "max", 0), "arg_reduce.C3");
  EXPECT_EQ(refuse_arg(param(c, DType::f32, {2, 0}), "max", 1), "arg_reduce.C4");
  EXPECT_EQ(refuse_arg(param(c, DType::f32, {0, 2}), "max", 1), "");
}

TEST_F(ReductionTest, arg_reduce_breaks_ties_and_stops_at_nan) {
  const Expr p = param(c, DType::f32, {4});
  const auto run = [&](const char* kind, bool last, const std::vector<double>& values) {
    return eval(b.arg_reduce(kind, p, 0, false, last), {of(DType::f32, {4}, values)}).get_i(0);
  };
  EXPECT_EQ(run("max", false, {1, 3, 3, 2}), 1);
  EXPECT_EQ(run("max", true, {1, 3, 3, 2}), 2);
  EXPECT_EQ(run("min", false, {2, 1, 1, 5}), 1);
  EXPECT_EQ(run("min", true, {2, 1, 1, 5}), 2);
  EXPECT_EQ(run("max", true, {1, NAN, 3, NAN}), 1);
  EXPECT_EQ(run("min", false, {1, 0, NAN, -1}), 2);
  const Tensor grid = of(DType::f32, {2, 3}, {1, 9, 2, 8, 3, 4});
  expect_same(eval(b.arg_reduce("max", x, 0), {grid}), of_i(DType::i64, {3}, {1, 0, 1}));
  EXPECT_EQ(b.arg_reduce("max", x, 1, true)->type, c.tensor(DType::i64, {2, 1}));
}

}  // namespace
}  // namespace tenon::ops
