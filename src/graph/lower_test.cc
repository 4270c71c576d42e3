#include "graph/lower.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ops/build.h"

namespace tenon::graph {
namespace {

using ir::Expr;
using ir::Op;

/// How many sizes of the kernel the sum takes as terms; 0 where it is something else.
int terms(Expr e) {
  if (e->op == Op::var) return 1;
  if (e->op != Op::add) return 0;
  const int a = terms(e->operand(0)), b = terms(e->operand(1));
  return a > 0 && b > 0 ? a + b : 0;
}

TEST(Lower, a_long_sum_of_sizes_is_one_size_of_the_kernel) {
  constexpr int kParts = 20;
  ir::Context c;
  ops::Builder b{c};
  std::vector<Expr> parts;
  for (int k = 0; k < kParts; ++k)
    parts.push_back(
        c.param("x", c.tensor(ir::DType::f32, std::vector{c.var("n" + std::to_string(k))})));
  const Expr all = b.concat(parts, 0);
  const LoweredGroup group = lower_group(c, std::span(&all, 1), std::span(&all, 1));
  ASSERT_EQ(group.sizes.size(), group.kernel->sizes.size());
  int long_sums = 0;
  for (Expr size : group.sizes) {
    if (size->op == Op::var) continue;
    ++long_sums;
    EXPECT_GE(terms(size), 8);
  }
  EXPECT_EQ(long_sums, kParts - 7);  // where parts 8 to 19 start, and the end
  for (Expr e : ir::post_order(std::span(&group.kernel->body, 1))) EXPECT_LT(terms(e), 10);
}

/// Sizes of a kernel are not negative, so what may be is never one, only the sum in it.
TEST(Lower, what_may_be_negative_is_no_size) {
  ir::Context c;
  ops::Builder b{c};
  Expr sum = c.i64(-40);
  for (int k = 0; k < 9; ++k) sum = ir::add(c, sum, c.var("n" + std::to_string(k)));
  const Expr x = c.param("x", c.tensor(ir::DType::f32, std::vector{sum}));
  const Expr y = b.neg(x);
  const LoweredGroup group = lower_group(c, std::span(&y, 1), std::span(&y, 1));
  for (Expr size : group.sizes) EXPECT_GE(terms(size), 1);
}

}  // namespace
}  // namespace tenon::graph
