#include "interp/footprint.h"

#include "ops/composite.h"
#include "ops/test_util.h"

namespace tenon::interp {
namespace {

using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Function;
using Dims = std::vector<std::vector<int64_t>>;

struct FootprintTest : ::testing::Test {
  Context c;
  ops::Builder b{c};
  Expr n = c.var("n");
  Expr x = c.param("x", c.tensor(DType::f32, std::vector{n, c.i64(2)}));

  Function function(std::vector<Expr> results) {
    Function f;
    f.name = "f";
    f.params = {x};
    f.results = std::move(results);
    return f;
  }
};

TEST_F(FootprintTest, counts_what_is_alive_and_the_results) {
  // 10 x 2 elements: 80 bytes a value, and a copy of each result at the end.
  const Expr once = b.exp(x);
  EXPECT_EQ(footprint(function({once}), Dims{{10, 2}}), 2 * 80U);
  const Expr third = b.exp(b.exp(once));
  EXPECT_EQ(footprint(function({third}), Dims{{10, 2}}), 2 * 80U);
  EXPECT_EQ(footprint(function({once, third}), Dims{{10, 2}}), 4 * 80U);
}

TEST_F(FootprintTest, counts_the_doubles_of_the_node_at_work) {
  // Reads 20 elements, makes 10, and the result in f32 beside.
  EXPECT_EQ(footprint(function({b.reduce("sum", x, {1})}), Dims{{10, 2}}), 40U + 8 * 30);
}

TEST_F(FootprintTest, looks_into_composites) {
  const auto softmax = ops::build_composite(c, "softmax", std::vector{x}, {{"axis", "-1"}});
  ASSERT_TRUE(softmax.has_value());
  const uint64_t small = footprint(function(*softmax), Dims{{10, 2}});
  EXPECT_GT(small, 2 * 80U);
  EXPECT_EQ(footprint(function(*softmax), Dims{{1000, 2}}), 100 * small);
}

TEST_F(FootprintTest, does_not_overflow_and_leaves_out_what_data_decides) {
  EXPECT_EQ(footprint(function({b.exp(x)}), Dims{{INT64_MAX, 2}}), uint64_t{1} << 62);
  const Expr m = c.var("m");
  EXPECT_EQ(footprint(function({b.iota(DType::i64, std::vector{m}, 0)}), Dims{{10, 2}}), 0U);
}

}  // namespace
}  // namespace tenon::interp
