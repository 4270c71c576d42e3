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
  const Expr t = b.tuple(std::vector<Expr>{x});
  EXPECT_EQ(refuse(Op::get, {x}, {{Key::index, int64_t{0}}}), "get.C1");
  EXPECT_EQ(refuse(Op::get, {t}, {{Key::index, int64_t{1}}}), "get.C2");
}

TEST_F(StructureTest, call_has_the_type_of_its_body) {
  const Expr p = param(c, DType::f32, {2});
  const Function* f = function({p}, {b.exp(p)});
  const Expr x = param(c, DType::f32, {2});
  const auto call = [&](std::vector<Expr> operands) {
    return build(c, Op::call, operands,
                 {{Key::name, std::string("f")}, {Key::body, f}, {Key::options, std::string()}});
  };
  EXPECT_EQ((*call({x}))->type, x->type);
  EXPECT_EQ(code_of(call({})), "call.C1");
  EXPECT_EQ(code_of(call({param(c, DType::i32, {2})})), "call.C1");
}

TEST_F(StructureTest, if_constraints) {
  const Expr p = param(c, DType::f32, {2});
  const Function* f = function({p}, {p});
  const Function* g = function({p}, {b.cast(p, DType::i32)});
  const Function* h = function({p}, {p, p});
  const Expr k = c.param("k", c.boolean());
  const auto attrs = [](const Function* a, const Function* d) {
    return std::vector<ir::Attr>{{Key::then, a}, {Key::else_, d}};
  };
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, f)), "");
  EXPECT_EQ(refuse(Op::if_, {k}, attrs(f, f)), "if.C1");
  EXPECT_EQ(refuse(Op::if_, {p, p}, attrs(f, f)), "if.C2");
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, g)), "if.C3");
  EXPECT_EQ(refuse(Op::if_, {k, p}, attrs(f, h)), "if.C3");
}

TEST_F(StructureTest, loop_constraints) {
  const Expr i = c.param("i", c.index());
  const Expr s = param(c, DType::f32, {2});
  const Expr yes = b.scalar(DType::boolean, 1);
  const Function* f = function({i, s}, {yes, s, s});
  const Expr trip = c.param("n", c.index());
  const Expr go = c.param("go", c.boolean());
  const auto attrs = [&](const Function* body, int64_t carried, int64_t stacked) {
    return std::vector<ir::Attr>{
        {Key::body, body}, {Key::carried, carried}, {Key::stacked, stacked}};
  };
  const std::vector<Type> fields{s->type,
                                 c.tensor(DType::f32, std::vector<Expr>{c.var("t"), c.i64(2)})};
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, attrs(f, 1, 1), c.tuple(fields)), "");
  EXPECT_EQ(refuse(Op::loop, {trip, go}, attrs(f, 1, 1), c.tuple(fields)), "loop.C1");
  EXPECT_EQ(refuse(Op::loop, {go, go, s}, attrs(f, 1, 1), c.tuple(fields)), "loop.C2");
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, attrs(f, 1, 0), c.tuple(fields)), "loop.C3");
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, attrs(f, 1, 1)), "loop.C4");
  const Function* g = function({i, s}, {yes, b.cast(s, DType::i32), s});
  EXPECT_EQ(refuse(Op::loop, {trip, go, s}, attrs(g, 1, 1), c.tuple(fields)), "loop.C3");
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
