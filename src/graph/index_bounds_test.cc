#include "graph/index_bounds.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ops/build.h"

namespace tenon::graph {
namespace {

using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Function;
using Exprs = std::vector<Expr>;

struct IndexBoundsTest : ::testing::Test {
  Context c;
  ops::Builder b{c};
  Expr n = c.var("n");
  Expr table = c.param("table", c.tensor(DType::f32, Exprs{n, c.i64(4)}));
  Expr ids = c.param("ids", c.tensor(DType::i32, Exprs{c.i64(6)}));

  std::vector<Expr> bounds(Exprs results) {
    Function f;
    f.name = "f";
    f.params = {table, ids};
    f.results = std::move(results);
    return index_bounds(c, f);
  }
};

TEST_F(IndexBoundsTest, sees_through_what_moves_elements) {
  const Expr moved = b.reshape(b.cast(b.slice(ids, {c.i64(1)}, Exprs{c.i64(4)}, {1}), DType::i64),
                               ops::Ints{2, 2});
  const auto found = bounds({b.gather(table, moved, 0)});
  EXPECT_EQ(found[0], nullptr);
  EXPECT_EQ(found[1], n);
}

TEST_F(IndexBoundsTest, the_smallest_extent_counts) {
  const auto found = bounds({b.gather(table, ids, 0), b.gather(table, ids, 1)});
  EXPECT_EQ(found[1], ir::min(c, n, c.i64(4)));
}

TEST_F(IndexBoundsTest, computed_indices_bound_no_input) {
  EXPECT_EQ(bounds({b.gather(table, b.mul(ids, ids), 0)})[1], nullptr);
  EXPECT_EQ(bounds({ids})[1], nullptr);
}

}  // namespace
}  // namespace tenon::graph
