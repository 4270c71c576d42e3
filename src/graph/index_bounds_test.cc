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
  const Expr moved =
      b.reshape(b.cast(b.slice(ids, b.i64s({1}), b.i64s({4}), {1}), DType::i64), b.i64s({2, 2}));
  const auto found = bounds({b.gather(table, moved, 0)});
  EXPECT_EQ(found[0], nullptr);
  EXPECT_EQ(found[1], n);
}

TEST_F(IndexBoundsTest, the_smallest_extent_counts) {
  const auto found = bounds({b.gather(table, ids, 0), b.gather(table, ids, 1)});
  EXPECT_EQ(found[1], ir::min(c, n, c.i64(4)));
}

TEST_F(IndexBoundsTest, bodies_bound_what_they_capture) {
  const Expr go = c.param("go", c.boolean());
  const Expr t = c.param("t", table->type);
  const Expr i = c.param("i", ids->type);
  const auto body = [&](const Exprs& params, const Exprs& results) {
    auto made = std::make_unique<Function>();
    made->name = "body";
    made->params = params;
    made->results = results;
    return static_cast<const Function*>(c.add(std::move(made)));
  };
  const auto branch = [&](Expr then, Expr otherwise) {
    return b.node(
        ir::Op::if_, {go, table, ids},
        {{ir::Key::then, body({t, i}, {then})}, {ir::Key::else_, body({t, i}, {otherwise})}});
  };
  const Expr rows = b.gather(t, i, 0);  // [6, 4]
  const Expr columns = b.transpose(b.gather(t, i, 1), {1, 0});
  const auto found = bounds({branch(rows, rows)});
  EXPECT_EQ(found[0], nullptr);
  EXPECT_EQ(found[1], n);
  EXPECT_EQ(bounds({branch(rows, columns)})[1], ir::min(c, n, c.i64(4)));
  const Expr counter = c.param("counter", c.index());
  const Expr carried = c.param("carried", rows->type);
  const Expr yes = b.scalar(DType::boolean, 1);
  const Expr loop =
      b.node(ir::Op::loop,
             {c.param("trips", c.index()), yes, b.gather(table, b.mul(ids, ids), 0), table, ids},
             {{ir::Key::body, body({counter, carried, t, i}, {yes, rows})},
              {ir::Key::carried, int64_t{1}},
              {ir::Key::stacked, int64_t{0}}});
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(bounds({loop})[1], n);
}

TEST_F(IndexBoundsTest, computed_indices_bound_no_input) {
  EXPECT_EQ(bounds({b.gather(table, b.mul(ids, ids), 0)})[1], nullptr);
  EXPECT_EQ(bounds({ids})[1], nullptr);
}

}  // namespace
}  // namespace tenon::graph
