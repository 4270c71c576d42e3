// The graph interpreter: sizes, control flow, bindings, lifetimes; and its speed on a large
// product.
#include "interp/interp.h"
#include "ops/test_util.h"

namespace tenon::interp {
namespace {

using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Function;
using ir::Key;
using ir::Op;
using ops::Builder;
using ops::Ints;
using ops::testing::code_of;
using ops::testing::of;
using ops::testing::of_i;
using Extents = std::vector<Expr>;

struct GraphInterpTest : ::testing::Test {
  Context c;
  Builder b{c};
  Expr n = c.var("n");
  Expr x = c.param("x", c.tensor(DType::f32, Extents{n, c.i64(2)}));

  Function function(Extents params, Extents results) {
    Function f;
    f.name = "f";
    f.params = std::move(params);
    f.results = std::move(results);
    return f;
  }
  const Function* body(Extents params, Extents results) {
    return c.add(std::make_unique<Function>(function(std::move(params), std::move(results))));
  }
};

TEST_F(GraphInterpTest, inputs_give_sizes) {
  const Expr y = b.add(x, b.cast(b.from_scalar(ir::mul(c, n, c.i64(10))), DType::f32));
  const auto out = run(function({x}, {y}), std::vector{of(DType::f32, {3, 2}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(out.has_value()) << out.error().text();
  ops::testing::expect_same((*out)[0], of(DType::f32, {3, 2}, {31, 32, 33, 34, 35, 36}));
}

TEST_F(GraphInterpTest, inputs_must_agree) {
  const Expr y = c.param("y", x->type);
  const Function f = function({x, y}, {b.add(x, y)});
  const Tensor two = Tensor::zeros(DType::f32, {2, 2});
  EXPECT_EQ(code_of(run(f, std::vector{two})), "input.count");
  EXPECT_EQ(code_of(run(f, std::vector{two, Tensor::zeros(DType::f64, {2, 2})})), "input.type");
  EXPECT_EQ(code_of(run(f, std::vector{two, Tensor::zeros(DType::f32, {3, 2})})), "shape.mismatch");
  EXPECT_EQ(code_of(run(f, std::vector{two, Tensor::zeros(DType::f32, {2, 3})})), "shape.mismatch");
  EXPECT_EQ(code_of(run(f, std::vector{two, two})), "");
}

TEST_F(GraphInterpTest, free_sizes_come_from_the_caller) {
  const Expr m = c.var("m");
  const Expr y = b.iota(DType::i64, Extents{m}, 0);
  const Function f = function({}, {y});
  EXPECT_EQ(code_of(run(f, {})), "size.unbound");
  const auto out = run(f, {}, {{m, 3}});
  ASSERT_TRUE(out.has_value());
  ops::testing::expect_same((*out)[0], of_i(DType::i64, {3}, {0, 1, 2}));
}

TEST_F(GraphInterpTest, bindings_read_sizes_from_tensors) {
  const Expr m = c.var("m");
  const Expr s = c.param("s", c.tensor(DType::i64, {2}));
  const Expr doubled = b.add(s, s);
  // The reshape waits for the binding though no operand leads to it.
  Function f = function({s, x}, {b.reshape(x, Extents{m, c.i64(1)})});
  f.bindings.push_back({m, doubled, 1});
  const std::vector<Tensor> inputs{of_i(DType::i64, {2}, {9, 3}),
                                   of(DType::f32, {3, 2}, {1, 2, 3, 4, 5, 6})};
  const auto out = run(f, inputs);
  ASSERT_TRUE(out.has_value()) << out.error().text();
  EXPECT_EQ((*out)[0].shape, (std::vector<int64_t>{6, 1}));
  const std::vector<Tensor> wrong{of_i(DType::i64, {2}, {9, 2}), inputs[1]};
  EXPECT_EQ(code_of(run(f, wrong)), "reshape.C2");
}

TEST_F(GraphInterpTest, refuses_what_it_cannot_evaluate) {
  const Expr m = c.var("m");
  const Expr s = c.param("s", c.tensor(DType::i64, {1}));
  Function f = function({s}, {b.iota(DType::i64, Extents{m}, 0)});
  f.bindings.push_back({m, s, 1});
  EXPECT_EQ(code_of(run(f, std::vector{of_i(DType::i64, {1}, {3})})), "size.binding");
  const Expr buffer = c.buffer("loop", s->type);
  EXPECT_EQ(code_of(run(function({}, {buffer}), {})), "interp.unsupported");
}

TEST_F(GraphInterpTest, calls_run_their_bodies) {
  const Expr p = c.param("p", x->type);
  const Function* f = body({p}, {b.exp(p), b.neg(p)});
  const Expr call = b.node(Op::call, {x}, {{Key::name, std::string("two")}, {Key::body, f}});
  const auto out =
      run(function({x}, {b.get(call, 1)}), std::vector{of(DType::f32, {1, 2}, {1, -2})});
  ASSERT_TRUE(out.has_value());
  ops::testing::expect_same((*out)[0], of(DType::f32, {1, 2}, {-1, 2}));
}

TEST_F(GraphInterpTest, if_takes_one_branch) {
  const Expr p = c.param("p", x->type);
  const Expr k = c.param("k", c.boolean());
  const Expr y =
      b.node(Op::if_, {k, x},
             {{Key::then, body({p}, {b.neg(p)})}, {Key::else_, body({p}, {b.add(p, p)})}});
  const Function f = function({k, x}, {b.get(y, 0)});
  const Tensor v = of(DType::f32, {1, 2}, {1, 2});
  ops::testing::expect_same((*run(f, std::vector{of_i(DType::boolean, {}, {1}), v}))[0],
                            of(DType::f32, {1, 2}, {-1, -2}));
  ops::testing::expect_same((*run(f, std::vector{of_i(DType::boolean, {}, {0}), v}))[0],
                            of(DType::f32, {1, 2}, {2, 4}));
}

struct LoopTest : GraphInterpTest {
  /// s, stack = loop: s doubles while it is below `limit`; stacked: s before each step.
  Function doubling() {
    const Expr i = c.param("i", c.index());
    const Expr s = c.param("s", c.scalar(DType::f32));
    const Expr limit = c.param("limit", c.scalar(DType::f32));
    const Expr next = b.add(s, s);
    const Function* f = body({i, s, limit}, {b.binary(Op::lt, next, limit), next, s});
    const Expr trip = c.param("trip", c.index());
    const Expr start = c.param("start", c.scalar(DType::f32));
    const Expr top = c.param("top", c.scalar(DType::f32));
    const std::vector<ir::Type> fields{c.scalar(DType::f32),
                                       c.tensor(DType::f32, Extents{c.var("t")})};
    const Expr y = b.node(Op::loop, {trip, b.scalar(DType::boolean, 1), start, top},
                          {{Key::body, f}, {Key::carried, int64_t{1}}, {Key::stacked, int64_t{1}}},
                          c.tuple(fields));
    return function({trip, start, top}, {b.get(y, 0), b.get(y, 1)});
  }
  std::vector<Tensor> run_doubling(int64_t trip, double start, double top) {
    return *run(doubling(), std::vector{of_i(DType::i64, {}, {trip}), of(DType::f32, {}, {start}),
                                        of(DType::f32, {}, {top})});
  }
};

TEST_F(LoopTest, refuses_stacked_values_that_grow) {
  const Expr i = c.param("i", c.index());
  const Expr k = c.var("k");
  auto inner = std::make_unique<Function>(
      function({i}, {b.scalar(DType::boolean, 1), b.iota(DType::i64, Extents{k}, 0)}));
  inner->bindings.push_back({k, b.reshape(i, b.i64s({1})), 0});
  const Function* f = c.add(std::move(inner));
  const Expr trip = c.param("trip", c.index());
  const std::vector<ir::Type> fields{c.tensor(DType::i64, Extents{c.var("t"), c.var("u")})};
  const Expr y = b.node(Op::loop, {trip, b.scalar(DType::boolean, 1)},
                        {{Key::body, f}, {Key::carried, int64_t{0}}, {Key::stacked, int64_t{1}}},
                        c.tuple(fields));
  const Function g = function({trip}, {b.get(y, 0)});
  EXPECT_EQ(code_of(run(g, std::vector{of_i(DType::i64, {}, {1})})), "");
  EXPECT_EQ(code_of(run(g, std::vector{of_i(DType::i64, {}, {2})})), "loop.shape");
}

TEST_F(LoopTest, runs_until_its_condition_fails) {
  const auto out = run_doubling(100, 1, 10);
  EXPECT_EQ(out[0].get_f(0), 16);
  ops::testing::expect_same(out[1], of(DType::f32, {4}, {1, 2, 4, 8}));
}

TEST_F(LoopTest, runs_its_trip_count) {
  const auto out = run_doubling(2, 1, 1000);
  EXPECT_EQ(out[0].get_f(0), 4);
  EXPECT_EQ(out[1].shape, std::vector<int64_t>{2});
}

TEST_F(LoopTest, without_a_step_keeps_its_values) {
  const auto out = run_doubling(0, 3, 10);
  EXPECT_EQ(out[0].get_f(0), 3);
  EXPECT_EQ(out[1].shape, std::vector<int64_t>{0});
}

TEST_F(GraphInterpTest, every_node_is_reported_once) {
  const Expr y = b.neg(b.exp(x));
  std::vector<Expr> seen;
  const auto out = run(function({x}, {y, y}), std::vector{Tensor::zeros(DType::f32, {1, 2})}, {},
                       [&](Expr e, const std::vector<Tensor>& v) {
                         EXPECT_EQ(v.size(), 1U);
                         seen.push_back(e);
                       });
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(seen, (Extents{y->operand(0), y}));
}

TEST_F(GraphInterpTest, long_chains_run_in_linear_time) {
  Expr y = x;
  for (int i = 0; i < 100000; ++i) y = b.add(y, 1.0);
  const auto out = run(function({x}, {y}), std::vector{Tensor::zeros(DType::f32, {1, 2})});
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ((*out)[0].get_f(0), 100000);
}

TEST_F(GraphInterpTest, sizes_assumed_equal_are_checked) {
  const Expr m = c.var("m");
  const Expr y = c.param("y", c.tensor(DType::f32, Extents{m, c.i64(2)}));
  const Function f = function({x, y}, {b.node(ir::Op::add, {x, y})});
  const Tensor two = Tensor::zeros(DType::f32, {2, 2});
  EXPECT_EQ(code_of(run(f, std::vector{two, two})), "");
  EXPECT_EQ(code_of(run(f, std::vector{two, Tensor::zeros(DType::f32, {3, 2})})), "add.C2");
}

TEST_F(GraphInterpTest, large_products_are_fast) {
  const Expr a = c.param("a", c.tensor(DType::f32, {512, 768}));
  const Expr w = c.param("w", c.tensor(DType::f32, {768, 1024}));
  const Function f = function({a, w}, {b.matmul(a, w)});
  std::mt19937 random(1);
  const std::vector<Tensor> inputs{ops::testing::random_whole(DType::f32, {512, 768}, random),
                                   ops::testing::random_whole(DType::f32, {768, 1024}, random)};
  const auto out = run(f, inputs);  // 0.8 GFLOP
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ((*out)[0].shape, (std::vector<int64_t>{512, 1024}));
}

}  // namespace
}  // namespace tenon::interp
