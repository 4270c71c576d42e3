#include "ir/injective.h"

#include <gtest/gtest.h>

#include "ir/expr.h"

namespace tenon::ir {
namespace {

class InjectiveTest : public ::testing::Test {
 protected:
  [[nodiscard]] bool told(std::vector<Expr> indices, std::vector<Expr> extents) {
    return is_injective(c, indices, std::vector<Expr>{i, j}, extents);
  }
  [[nodiscard]] Expr times(Expr e, int64_t k) { return mul(c, e, c.i64(k)); }

  Context c;
  const Expr i = c.var("i"), j = c.var("j"), n = c.var("n");
  const Expr any = nullptr;
};

TEST_F(InjectiveTest, an_index_for_each_variable_needs_no_extents) {
  EXPECT_TRUE(told({i, j}, {any, any}));
  EXPECT_TRUE(told({times(i, -3), add(c, times(j, 2), n)}, {any, any}));
  EXPECT_FALSE(told({i}, {any, any})) << "j is missing";
  EXPECT_FALSE(told({i, floordiv(c, j, c.i64(2))}, {any, any}));
}

TEST_F(InjectiveTest, weights_of_one_index_exceed_what_lies_below) {
  EXPECT_TRUE(told({add(c, times(i, 8), j)}, {any, c.i64(8)}));
  EXPECT_TRUE(told({add(c, times(i, 8), j)}, {any, min(c, n, c.i64(8))}));
  EXPECT_FALSE(told({add(c, times(i, 8), j)}, {any, c.i64(9)}));
  EXPECT_FALSE(told({add(c, times(i, 8), j)}, {any, any}));
  EXPECT_TRUE(told({sub(c, times(i, 8), j)}, {any, c.i64(8)})) << "directions do not matter";
}

TEST_F(InjectiveTest, weights_and_extents_beyond_any_buffer_tell_nothing) {
  const int64_t far = int64_t{1} << 40;
  EXPECT_FALSE(told({add(c, times(i, far), j)}, {any, c.i64(8)}));
  EXPECT_FALSE(told({add(c, times(i, int64_t{1} << 30), j)}, {any, c.i64(far)}));
}

TEST_F(InjectiveTest, variables_of_one_value_and_bad_indices_do_no_harm) {
  EXPECT_TRUE(told({j}, {c.i64(1), any}));
  EXPECT_TRUE(told({mul(c, i, j), i, j}, {any, any}));
}

TEST_F(InjectiveTest, an_index_from_memory_tells_nothing) {
  const Expr shape[] = {n};
  const Expr x = c.buffer("x", c.tensor(DType::i64, shape));
  const Expr at[] = {c.i64(0)};
  EXPECT_FALSE(told({add(c, i, load(c, x, at)), j}, {any, any}));
}

}  // namespace
}  // namespace tenon::ir
