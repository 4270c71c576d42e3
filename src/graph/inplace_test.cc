#include "graph/inplace.h"

#include <gtest/gtest.h>

#include "ir/expr.h"

namespace tenon::graph {
namespace {

using namespace ir;  // NOLINT

/// A kernel of one input x and one result y, both f32[n, 8].
struct Fixture {
  std::shared_ptr<Kernel> k = std::make_shared<Kernel>();
  Context& c;
  Expr n, x, y, i, j;
  Fixture() : k(std::make_shared<Kernel>()), c(*(k->context = std::make_shared<Context>())) {
    n = c.var("n");
    k->sizes = {n};
    const std::vector<Expr> shape{n, c.i64(8)};
    x = c.buffer("x", c.tensor(DType::f32, shape));
    y = c.buffer("y", c.tensor(DType::f32, shape));
    k->params = {{x, ParamRole::in, {}}, {y, ParamRole::out, {}}};
    i = c.var("i");
    j = c.var("j");
  }
  Expr at(Expr b, Expr p, Expr q) { return load(c, b, std::vector<Expr>{p, q}); }
  Expr put(Expr value, Expr p, Expr q) { return store(c, y, value, std::vector<Expr>{p, q}); }
  Expr nest(Expr body) {
    return for_loop(c, i, n, for_loop(c, j, c.i64(8), body, "vector"), "parallel");
  }
  size_t pairs(Expr body) {
    k->body = body;
    return inplace_pairs(*k).size();
  }
};

TEST(InPlacePairs, same_element_in_the_storing_statement_is_safe) {
  Fixture f;
  f.k->body = f.nest(f.put(unary(f.c, Op::exp, f.at(f.x, f.i, f.j)), f.i, f.j));
  const auto pairs = inplace_pairs(*f.k);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].out, 1u);
  EXPECT_EQ(pairs[0].in, 0u);
}

TEST(InPlacePairs, another_element_is_not) {
  Fixture f;
  const Expr seven_minus = sub(f.c, f.c.i64(7), f.j);
  EXPECT_EQ(f.pairs(f.nest(f.put(f.at(f.x, f.i, seven_minus), f.i, f.j))), 0u);
  const Expr both = binary(f.c, Op::add, f.at(f.x, f.i, f.j), f.at(f.x, f.i, f.c.i64(0)));
  EXPECT_EQ(f.pairs(f.nest(f.put(both, f.i, f.j))), 0u);
}

TEST(InPlacePairs, elements_stored_twice_are_not) {
  Fixture f;
  const Expr r = f.c.var("r");
  const Expr body = f.put(f.at(f.x, f.i, f.j), f.i, f.j);
  EXPECT_EQ(f.pairs(for_loop(f.c, r, f.c.i64(2), f.nest(body))), 0u);
  EXPECT_EQ(f.pairs(for_loop(f.c, r, f.c.i64(1), f.nest(body))), 1u);
  const std::vector<Expr> twice{f.nest(body), f.nest(body)};
  EXPECT_EQ(f.pairs(seq(f.c, twice)), 0u);
}

TEST(InPlacePairs, split_loops_and_tails_are_safe_when_disjoint) {
  Fixture f;
  const Expr half = f.c.i64(4);
  const Expr o = f.c.var("o");
  const Expr in = f.c.var("in");
  const auto split = [&](int64_t factor) {
    const Expr column = add(f.c, mul(f.c, o, f.c.i64(factor)), in);
    return for_loop(f.c, f.i, f.n,
                    for_loop(f.c, o, f.c.i64(2),
                             for_loop(f.c, in, half, f.put(f.at(f.x, f.i, column), f.i, column))));
  };
  EXPECT_EQ(f.pairs(split(4)), 1u);
  EXPECT_EQ(f.pairs(split(3)), 0u);  // parts overlap
  const Expr z = f.c.i64(0);
  const Expr one_row = for_loop(f.c, o, half, f.put(f.at(f.x, z, o), z, o));
  const Expr right = add(f.c, in, half);
  const Expr rest = for_loop(f.c, in, half, f.put(f.at(f.x, z, right), z, right));
  EXPECT_EQ(f.pairs(seq(f.c, std::vector<Expr>{one_row, rest})), 1u);
}

TEST(InPlacePairs, up_to_four_stores_are_compared) {
  const auto pairs = [](int64_t stores) {
    Fixture f;
    std::vector<Expr> all;
    for (int64_t k = 0; k < stores; ++k) {
      const Expr column = f.c.i64(k);
      const Expr row = f.c.var("row");
      all.push_back(for_loop(f.c, row, f.n, f.put(f.at(f.x, row, column), row, column)));
    }
    return f.pairs(seq(f.c, all));
  };
  EXPECT_EQ(pairs(1), 1u);
  EXPECT_EQ(pairs(5), 0u);
  const auto in_one_row = [](int64_t stores) {
    Fixture f;
    std::vector<Expr> all;
    for (int64_t k = 0; k < stores; ++k)
      all.push_back(f.put(f.at(f.x, f.c.i64(0), f.c.i64(k)), f.c.i64(0), f.c.i64(k)));
    return f.pairs(seq(f.c, all));
  };
  EXPECT_EQ(in_one_row(4), 1u);
  EXPECT_EQ(in_one_row(5), 0u);
}

TEST(InPlacePairs, fused_loops_are_safe) {
  Fixture f;
  const Expr p = f.c.var("p");
  const Expr row = floordiv(f.c, p, f.c.i64(8));
  const Expr column = mod(f.c, p, f.c.i64(8));
  const Expr body =
      for_loop(f.c, p, mul(f.c, f.n, f.c.i64(8)), f.put(f.at(f.x, row, column), row, column));
  EXPECT_EQ(f.pairs(body), 1u);
}

TEST(InPlacePairs, other_uses_of_either_buffer_are_not) {
  Fixture f;
  const Expr plain = f.put(f.at(f.x, f.i, f.j), f.i, f.j);
  const Expr positive =
      f.c.make(Op::gt, f.c.boolean(), {f.at(f.x, f.i, f.j), f.c.imm_f(f.c.scalar(DType::f32), 0)});
  EXPECT_EQ(f.pairs(f.nest(if_then(f.c, positive, plain))), 0u);
  const Expr reads_back = f.put(f.at(f.y, f.i, f.j), f.i, f.j);
  EXPECT_EQ(f.pairs(f.nest(seq(f.c, std::vector<Expr>{plain, reads_back}))), 0u);
  const Expr t = f.c.var("t", f.c.scalar(DType::f32));
  EXPECT_EQ(f.pairs(f.nest(let(f.c, t, f.at(f.x, f.i, f.j), f.put(t, f.i, f.j)))), 0u);
}

TEST(InPlacePairs, layouts_must_agree) {
  Fixture f;
  const Expr wide = f.c.buffer("w", f.c.tensor(DType::f64, f.x->shape()));
  f.k->params[0].buffer = wide;
  const Expr value = cast(f.c, DType::f32, f.at(wide, f.i, f.j));
  EXPECT_EQ(f.pairs(f.nest(f.put(value, f.i, f.j))), 0u);
}

}  // namespace
}  // namespace tenon::graph
