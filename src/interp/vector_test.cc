// What operators on lanes mean: the interpreter on kernels in text, against values and against the
// same program one element at a time.
#include "ir/vector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "interp/interp.h"
#include "ir/expr.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace tenon::interp {
namespace {
using ir::DType;
using ir::Expr;
using ir::Op;

using Floats = std::vector<float>;

Tensor tensor(const Floats& values) {
  Tensor t;
  t.shape = {static_cast<int64_t>(values.size())};
  t.bytes.resize(values.size() * 4);
  std::memcpy(t.bytes.data(), values.data(), t.bytes.size());
  return t;
}

/// y (16 elements of -1 at first) after the statements; x is 0, 1, .. 15.
Result<Floats> run_on(const std::string& statements) {
  const auto module =
      ir::parse("kernel @k[n](x: in f32[16], y: inout f32[16]) { " + statements + " }", "t.tir");
  if (!module) return tl::make_unexpected(module.error());
  TENON_TRY_VOID(ir::verify(*module->kernels[0], 'T'));
  Floats x(16);
  std::iota(x.begin(), x.end(), 0.0F);
  std::vector<Tensor> t{tensor(x), tensor(Floats(16, -1))};
  const int64_t sizes[] = {3};
  TENON_TRY_VOID(run(*module->kernels[0], sizes, t));
  Floats y(16);
  std::memcpy(y.data(), t[1].bytes.data(), t[1].bytes.size());
  return y;
}

/// The first elements of y.
void expect(const std::string& statements, const Floats& want) {
  const Result<Floats> y = run_on(statements);
  ASSERT_TRUE(y.has_value()) << y.error().text();
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ((*y)[i], want[i]) << statements << " at " << i;
}

TEST(interp_vector, lanes_are_moved_and_counted) {
  expect("y[ramp(0, 1, 4)] = x[ramp(2, 3, 4)]", {2, 5, 8, 11, -1});
  expect("y[ramp(3, -1, 4)] = x[ramp(0, 1, 4)]", {3, 2, 1, 0, -1});
  expect("y[ramp(0, 1, 4)] = shuffle(x[ramp(0, 1, 2)], x[ramp(8, 1, 2)], [3, 0, 0, 2])",
         {9, 0, 0, 8});
  expect("y[ramp(0, 1, 2)] = splat(lane(x[ramp(4, 1, 8)], n), 2)", {7, 7, -1});
  expect("y[ramp(0, 1, 4)] = cast<f32x4>(ramp(u8(254), u8(1), 4))", {254, 255, 0, 1});
}

TEST(interp_vector, lanes_are_combined_by_halves) {
  expect("y[0] = reduce_lanes(sum, x[ramp(0, 1, 16)])", {120});
  expect("y[0] = reduce_lanes(max, x[ramp(0, 1, 8)])", {7});
  // (1e8 + 1) + (-1e8 + 1): lane i meets lane i + 2 first.
  expect(
      "y[ramp(0, 1, 4)] = select(ramp(0, 1, 4) == splat(0, 4), splat(f32(1e8), 4),"
      " select(ramp(0, 1, 4) == splat(2, 4), splat(f32(-1e8), 4), splat(f32(1), 4)))"
      " y[0] = reduce_lanes(sum, y[ramp(0, 1, 4)])",
      {2});
}

TEST(interp_vector, masked_lanes_are_not_touched) {
  const std::string mask = "ramp(0, 1, 8) < splat(n, 8)";
  expect("y[ramp(0, 1, 8) where " + mask + "] = x[ramp(13, 1, 8) where " + mask + "]",
         {13, 14, 15, -1, -1});
  const Result<Floats> leaks = run_on("y[ramp(0, 1, 8)] = x[ramp(0, 1, 8) where " + mask + "]");
  ASSERT_TRUE(leaks.has_value());
  EXPECT_EQ((*leaks)[2], 2);
  EXPECT_TRUE(std::isnan((*leaks)[3]));
  expect("y[0] = select(n < 2, x[99 where n < 2], f32(5))", {5});
  expect("y[99 where n < 2] = f32(1)", {-1});
}

TEST(interp_vector, one_condition_for_all_lanes_chooses_an_arm) {
  expect("y[ramp(0, 1, 4)] = select(n < 2, x[ramp(99, 1, 4)], x[ramp(4, 1, 4)])", {4, 5, 6, 7});
  const Result<Floats> both =
      run_on("y[ramp(0, 1, 4)] = select(splat(n < 2, 4), x[ramp(99, 1, 4)], x[ramp(4, 1, 4)])");
  ASSERT_FALSE(both.has_value());
  EXPECT_EQ(both.error().diagnostics[0].code, "interp.range");
}

TEST(interp_vector, indices_out_of_range_are_errors) {
  for (const char* text :
       {"y[ramp(10, 1, 8)] = x[ramp(0, 1, 8)]", "y[ramp(0, 1, 8)] = x[ramp(15, 1, 8)]",
        "y[0] = lane(x[ramp(0, 1, 8)], 8)"}) {
    const Result<Floats> y = run_on(text);
    ASSERT_FALSE(y.has_value()) << text;
    EXPECT_EQ(y.error().diagnostics[0].code, "interp.range");
  }
}

/// Random elementwise expressions, once in lanes and once element by element.
TEST(interp_vector, elementwise_operators_work_lane_by_lane) {
  constexpr int kLanes = 8;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    ir::Kernel k;
    k.context = std::make_shared<ir::Context>();
    ir::Context& c = *k.context;
    const Expr x = c.buffer("x", c.tensor(DType::f32, {2 * kLanes}));
    const Expr one = c.buffer("one", c.tensor(DType::f32, {kLanes}));
    const Expr all = c.buffer("all", c.tensor(DType::f32, {kLanes}));
    k.params = {
        {x, ir::ParamRole::in, {}}, {one, ir::ParamRole::out, {}}, {all, ir::ParamRole::out, {}}};
    const Expr i = c.var("i");
    const Expr lanes = ir::ramp(c, c.i64(0), 1, kLanes);
    struct Pair {
      Expr scalar, vector;
    };
    std::vector<Pair> pool;
    for (const int64_t from : {0, 3, kLanes}) {
      const std::vector<Expr> at{ir::add(c, i, c.i64(from))};
      const std::vector<Expr> place{ir::ramp(c, c.i64(from), 1, kLanes)};
      pool.push_back({ir::load(c, x, at), ir::load_lanes(c, x, nullptr, place)});
    }
    const auto any = [&] { return pool[random() % pool.size()]; };
    const auto make = [&](Expr like, std::vector<Expr> vectors) {
      pool.push_back({like, ir::elementwise(c, like, vectors)});
    };
    for (int step = 0; step < 8; ++step) {
      const Pair a = any();
      const Pair b = any();
      switch (random() % 5) {
        case 0: {
          const Op op = std::array{Op::neg, Op::abs, Op::floor, Op::exp}[random() % 4];
          make(ir::unary(c, op, a.scalar), {a.vector});
          break;
        }
        case 1: {
          const Expr test = ir::binary(c, Op::lt, a.scalar, b.scalar);
          const Expr tests = ir::elementwise(c, test, std::vector{a.vector, b.vector});
          make(c.make(Op::select, b.scalar->type, {test, b.scalar, pool[0].scalar}),
               {tests, b.vector, pool[0].vector});
          break;
        }
        case 2:
          make(c.make(Op::fma, a.scalar->type, {a.scalar, b.scalar, pool[1].scalar}),
               {a.vector, b.vector, pool[1].vector});
          break;
        default: {
          const Op op = std::array{Op::add, Op::sub, Op::mul, Op::max, Op::div}[random() % 5];
          make(ir::binary(c, op, a.scalar, b.scalar), {a.vector, b.vector});
        }
      }
    }
    const Pair last = pool.back();
    k.body = ir::seq(
        c, std::vector{
               ir::for_loop(c, i, c.i64(kLanes), ir::store(c, one, last.scalar, std::vector{i})),
               ir::store_lanes(c, all, last.vector, nullptr, std::vector{lanes})});
    ASSERT_TRUE(ir::verify(k, 'T').has_value()) << ir::print(k);
    Floats values;
    for (int n = 0; n < 2 * kLanes; ++n)
      values.push_back(static_cast<float>(random() % 200) / 10 - 10);
    std::vector<Tensor> t{tensor(values), tensor(Floats(kLanes)), tensor(Floats(kLanes))};
    const Status ran = run(k, {}, t);
    ASSERT_TRUE(ran.has_value()) << ran.error().text();
    EXPECT_EQ(t[1].bytes, t[2].bytes) << "seed " << seed << "\n" << ir::print(k);
  }
}

}  // namespace
}  // namespace tenon::interp
