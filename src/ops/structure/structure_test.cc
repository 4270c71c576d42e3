// Structural operators and the verifier that rechecks every node.
#include "ops/families.h"
#include "ops/test_util.h"
#include "ops/verify.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Function;
using ir::Key;
using ir::Op;
using testing::code_of;
using testing::param;

struct StructureTest : ::testing::Test {
  Context c;
  Builder b{c};

  const Function* function(std::vector<Expr> params, std::vector<Expr> results) {
    auto f = std::make_unique<Function>();
    f->name = "body";
    f->params = std::move(params);
    f->results = std::move(results);
    return c.add(std::move(f));
  }
  Type tuple_of(std::initializer_list<Type> fields) {
    return c.tuple(std::span(fields.begin(), fields.size()));
  }
  std::string refuse(Op op, std::vector<Expr> operands, std::vector<ir::Attr> attrs,
                     Type wanted = nullptr) {
    return code_of(build(c, op, operands, std::move(attrs), wanted));
  }
};

TEST_F(StructureTest, every_graph_operator_has_a_row) {
  int graph_operators = 0;
  for (int i = 0; i <= static_cast<int>(Op::fail_); ++i) {
    const auto op = static_cast<Op>(i);
    const bool in_graph = ir::info(op).stages.find('G') != std::string_view::npos;
    if (!in_graph) EXPECT_EQ(find_op(op), nullptr) << ir::info(op).name;
    if (find_op(op) != nullptr) ++graph_operators;
  }
  EXPECT_GE(graph_operators, 75);
}

TEST_F(StructureTest, a_leaf_needs_its_type) {
  EXPECT_EQ(refuse(Op::param, {}, {{Key::name, std::string("x")}}), "param.C1");
}

TEST_F(StructureTest, get_constraints) {
  const Expr x = param(c, DType::f32, {2});
  const Expr t = b.tuple(std::vector<Expr>{x, b.exp(x)});
  EXPECT_EQ(refuse(Op::get, {x}, {{Key::index, int64_t{0}}}), "get.C1");
  EXPECT_EQ(refuse(Op::get, {t}, {{Key::index, int64_t{0}}}), "");
  EXPECT_EQ(refuse(Op::get, {t}, {{Key::index, int64_t{1}}}), "");
  EXPECT_EQ(refuse(Op::get, {t}, {{Key::index, int64_t{2}}}), "get.C2");
  EXPECT_EQ(refuse(Op::get, {t}, {{Key::index, int64_t{-1}}}), "get.C2");
  EXPECT_EQ(refuse(Op::get, {t}, {}), "get.attribute");
}

TEST_F(StructureTest, call_has_the_type_of_its_body) {
  const Expr p = param(c, DType::f32, {2});
  const Function* f = function({p}, {b.exp(p)});
  const Function* two = function({p}, {b.exp(p), p});
  const Expr x = param(c, DType::f32, {2});
  const auto call = [&](const Function* body, std::vector<Expr> operands) {
    return build(c, Op::call, operands,
                 {{Key::name, std::string("f")}, {Key::body, body}, {Key::options, std::string()}});
  };
  EXPECT_EQ((*call(f, {x}))->type, x->type);
  EXPECT_EQ((*call(two, {x}))->type, tuple_of({x->type, x->type}));
  EXPECT_EQ(code_of(call(f, {})), "call.C1");
  EXPECT_EQ(code_of(call(f, {x, x})), "call.C1");
  EXPECT_EQ(code_of(call(f, {param(c, DType::i32, {2})})), "call.C1");
  EXPECT_EQ(code_of(call(f, {param(c, DType::f32, {2, 2})})), "call.C1");
  EXPECT_EQ(refuse(Op::call, {x}, {{Key::name, std::string("f")}}), "call.attribute");
}

TEST_F(StructureTest, if_constraints) {
  const Expr p = param(c, DType::f32, {2});
  const Function* f = function({p}, {p});
  const Function* other_type = function({p}, {b.cast(p, DType::i32)});
  const Function* other_rank = function({p}, {b.reduce("sum", p, {0})});
  const Function* other_count = function({p}, {p, p});
  const Function* no_param = function({}, {b.scalar(DType::f32, 1)});
  const Expr k = c.param("k", c.boolean());
  const auto attrs = [](const Function* a, const Function* d) {
    return std::vector<ir::Attr>{{Key::then, a}, {Key::else_, d}};
  };
  const Type one = tuple_of({p->type});
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, f)), "");
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, f), one), "");
  EXPECT_EQ(refuse(Op::if_, {k, p}, {{Key::else_, f}}), "if.attribute");
  EXPECT_EQ(refuse(Op::if_, {k, p}, {{Key::then, f}}), "if.attribute");
  EXPECT_EQ(refuse(Op::if_, {k}, attrs(f, f)), "if.C1");
  EXPECT_EQ(refuse(Op::if_, {k}, attrs(no_param, f)), "if.C1");
  EXPECT_EQ(refuse(Op::if_, {p, p}, attrs(f, f)), "if.C2");
  for (const Function* g : {other_type, other_rank, other_count}) {
    EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, g)), "if.C3");
    EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(g, f)), "if.C3");
  }
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, f), p->type), "if.C3");
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, f), tuple_of({p->type, p->type})), "if.C3");
}

/// A loop over [2] with one carried and one stacked value.
struct LoopTest : StructureTest {
  Expr i = c.param("i", c.index());
  Expr s = param(c, DType::f32, {2});
  Expr yes = b.scalar(DType::boolean, 1);
  Expr trip = c.param("n", c.index());
  Expr go = c.param("go", c.boolean());
  Type stack = c.tensor(DType::f32, std::vector<Expr>{c.var("t"), c.i64(2)});
  Type both = tuple_of({s->type, stack});

  std::string refused(const std::vector<Expr>& operands, const Function* body, int64_t carried,
                      int64_t stacked, Type wanted = nullptr) {
    return refuse(Op::loop, operands,
                  {{Key::body, body}, {Key::carried, carried}, {Key::stacked, stacked}}, wanted);
  }
};

TEST_F(LoopTest, takes_what_its_body_takes) {
  const Function* f = function({i, s}, {yes, s, s});
  EXPECT_EQ(refused({trip, go, s}, f, 1, 1, both), "");
  EXPECT_EQ(refused({trip, go}, f, 1, 1, both), "loop.C1");
  EXPECT_EQ(refused({trip, go, s, s}, f, 1, 1, both), "loop.C1");
  EXPECT_EQ(refused({go, go, s}, f, 1, 1, both), "loop.C2");
  EXPECT_EQ(refused({trip, trip, s}, f, 1, 1, both), "loop.C2");
}

TEST_F(LoopTest, needs_its_attributes) {
  const ir::Attr body{Key::body, function({i, s}, {yes, s})};
  const ir::Attr carried{Key::carried, int64_t{1}};
  const ir::Attr stacked{Key::stacked, int64_t{0}};
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, {body, carried, stacked}), "");
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, {carried, stacked}), "loop.attribute");
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, {body, stacked}), "loop.attribute");
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, {body, carried}), "loop.attribute");
}

TEST_F(LoopTest, body_returns_a_condition_and_the_counted_values) {
  const Function* f = function({i, s}, {yes, s, s});
  EXPECT_EQ(refused({trip, go, s}, f, 1, 0, both), "loop.C3");
  EXPECT_EQ(refused({trip, go, s}, f, 1, 2, both), "loop.C3");
  EXPECT_EQ(refused({trip, go, s}, f, 2, 0, both), "loop.C3");
  EXPECT_EQ(refused({trip, go, s}, f, -1, 3, both), "loop.C3");
  EXPECT_EQ(refused({trip, go, s}, f, 0, 2, tuple_of({stack, stack})), "");
  const Function* three = function({i, s, s, s}, {yes, s, s});
  EXPECT_EQ(refused({trip, go, s, s, s}, three, 3, -1, both), "loop.C3");
  const Function* no_condition = function({i, s}, {s, s, s});
  EXPECT_EQ(refused({trip, go, s}, no_condition, 1, 1, both), "loop.C3");
}

TEST_F(LoopTest, carried_values_keep_type_and_rank) {
  const Function* other_type = function({i, s}, {yes, b.cast(s, DType::i32), s});
  const Function* other_rank = function({i, s}, {yes, b.reduce("sum", s, {0}), s});
  EXPECT_EQ(refused({trip, go, s}, other_type, 1, 1, both), "loop.C3");
  EXPECT_EQ(refused({trip, go, s}, other_rank, 1, 1, both), "loop.C3");
}

TEST_F(LoopTest, stacked_values_need_a_type_that_fits) {
  const Function* f = function({i, s}, {yes, s, s});
  EXPECT_EQ(refused({trip, go, s}, f, 1, 1), "loop.C4");
  EXPECT_EQ(refused({trip, go, s}, f, 1, 1, s->type), "loop.C4");
  EXPECT_EQ(refused({trip, go, s}, f, 1, 1, tuple_of({s->type})), "loop.C4");
  EXPECT_EQ(refused({trip, go, s}, f, 1, 1, tuple_of({s->type, s->type})), "loop.C4");
  const Type wide = c.tensor(DType::f64, stack->shape);
  EXPECT_EQ(refused({trip, go, s}, f, 1, 1, tuple_of({s->type, wide})), "loop.C4");
}

TEST_F(StructureTest, verify_accepts_what_build_made) {
  const Expr n = c.var("n");
  const Expr x = c.param("x", c.tensor(DType::f32, std::vector<Expr>{n, c.i64(8)}));
  const Expr y = b.relu(b.matmul(x, param(c, DType::f32, {8, 3})));
  Function f;
  f.params = {x, y->operand(0)->operand(1)};
  f.results = {b.add(y, b.cast(b.from_scalar(n), DType::f32))};
  EXPECT_EQ(code_of(verify(c, f)), "");
}

TEST_F(StructureTest, verify_finds_wrong_types_and_foreign_params) {
  const Expr x = param(c, DType::f32, {2});
  Function f;
  f.params = {x};
  f.results = {c.make(Op::exp, c.tensor(DType::f32, {3}), {x})};
  EXPECT_EQ(code_of(verify(c, f)), "graph.type");
  f.results = {c.make(Op::load, c.scalar(DType::f32), {x})};
  EXPECT_EQ(code_of(verify(c, f)), "graph.operator");
  f.params = {};
  f.results = {b.exp(x)};
  EXPECT_EQ(code_of(verify(c, f)), "graph.param");
}

TEST_F(StructureTest, verify_compares_types_field_by_field) {
  const Expr n = c.var("n");
  const Expr x = param(c, DType::f32, {2});
  const Expr y = c.param("y", c.tensor(DType::f32, std::vector<Expr>{n}));
  Function f;
  f.params = {x, y};
  const auto verdict = [&](Op op, std::vector<Expr> operands, Type type) {
    f.results = {c.make(op, type, operands)};
    return code_of(verify(c, f));
  };
  EXPECT_EQ(verdict(Op::exp, {x}, c.tensor(DType::f64, {2})), "graph.type");
  EXPECT_EQ(verdict(Op::exp, {x}, c.tensor(DType::f32, {2, 1})), "graph.type");
  EXPECT_EQ(verdict(Op::exp, {x}, tuple_of({x->type})), "graph.type");
  EXPECT_EQ(verdict(Op::tuple, {x, x}, tuple_of({x->type})), "graph.type");
  EXPECT_EQ(verdict(Op::tuple, {x, x}, tuple_of({x->type, c.tensor(DType::f32, {3})})),
            "graph.type");
  EXPECT_EQ(verdict(Op::tuple, {x, y}, tuple_of({x->type, y->type})), "");
  // What cannot be told apart is noted.
  EXPECT_EQ(verdict(Op::exp, {y}, x->type), "");
  std::vector<Expr> conditions;
  ASSERT_TRUE(relied_on(c, f.results[0], conditions).has_value());
  ASSERT_EQ(conditions.size(), 1u);
  EXPECT_EQ(ir::evaluate(conditions[0], {{n, 2}}), 1);
  EXPECT_EQ(ir::evaluate(conditions[0], {{n, 3}}), 0);
}

TEST_F(StructureTest, axes_are_in_range_and_distinct) {
  const Expr x = param(c, DType::f32, {2, 3});
  const auto reduce = [&](std::vector<int64_t> axes) {
    return refuse(Op::reduce, {x}, {{Key::kind, std::string("sum")}, {Key::axes, std::move(axes)}});
  };
  EXPECT_EQ(reduce({0, 1}), "");
  EXPECT_NE(reduce({-1}), "");
  EXPECT_NE(reduce({2}), "");
  EXPECT_NE(reduce({1, 1}), "");
  EXPECT_EQ(refuse(Op::reduce, {x}, {{Key::kind, std::string("sum")}}), "reduce.attribute");
}

TEST_F(StructureTest, verify_enters_bodies) {
  const Expr p = param(c, DType::f32, {2});
  const Function* body = function({p}, {c.make(Op::exp, c.tensor(DType::f64, {2}), {p})});
  Function f;
  const Expr x = param(c, DType::f32, {2});
  f.params = {x};
  f.results = {b.node(Op::call, {x}, {{Key::name, std::string("f")}, {Key::body, body}})};
  EXPECT_EQ(code_of(verify(c, f)), "graph.type");
}

TEST_F(StructureTest, verify_is_linear_in_long_chains) {
  Expr x = param(c, DType::f32, {2});
  Function f;
  f.params = {x};
  for (int i = 0; i < 100000; ++i) x = b.exp(x);
  f.results = {x};
  EXPECT_EQ(code_of(verify(c, f)), "");
}

}  // namespace
}  // namespace tenon::ops
