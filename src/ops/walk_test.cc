#include "ops/walk.h"

#include <algorithm>

#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;

TEST(WalkTest, index_expressions_are_no_values) {
  Context c;
  Builder b(c);
  const Expr n = c.var("n");
  const Expr twice = ir::mul(c, n, c.i64(2));
  const Expr x = c.param("x", c.index());
  const Expr y = b.add(x, b.from_scalar(twice));
  const std::vector<Expr> order = value_order(std::vector<Expr>{y});
  EXPECT_EQ(order.size(), 3U);
  EXPECT_EQ(order.back(), y);
  EXPECT_EQ(std::count(order.begin(), order.end(), twice), 0);
  EXPECT_TRUE(value_operands(y->operand(1)).empty());
}

TEST(WalkTest, operands_come_first_and_nodes_once) {
  Context c;
  Builder b(c);
  const Expr x = testing::param(c, DType::f32, {2});
  ir::Function f;
  Expr y = x;
  for (int i = 0; i < 30; ++i) y = b.mul(b.exp(y), y);  // 2^30 paths
  f.results = {y, b.neg(x)};
  const std::vector<Expr> order = value_order(f);
  EXPECT_EQ(order.size(), 62U);
  EXPECT_EQ(order.front(), x);
}

}  // namespace
}  // namespace tenon::ops
