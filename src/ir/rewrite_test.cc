// Walking, substituting, rewriting and copying of node graphs.
#include "ir/rewrite.h"

#include <gtest/gtest.h>

#include "ir/expr.h"

namespace tenon::ir {
namespace {

Expr chain(Context& c, Expr x, int length) {
  for (int i = 0; i < length; ++i) x = c.make(i % 2 == 0 ? Op::exp : Op::tanh, x->type, {x});
  return x;
}

TEST(Rewrite, post_order_puts_operands_first_and_visits_once) {
  Context c;
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr s = add(c, i, j);
  const Expr root = mul(c, s, s);
  const Expr roots[] = {root};
  const std::vector<Expr> order = post_order(roots);
  EXPECT_EQ(order, (std::vector<Expr>{i, j, s, root}));
}

TEST(Rewrite, post_order_sees_extents_and_attributes_only_when_asked) {
  Context c;
  const Expr n = c.var("n");
  const Expr shape[] = {n};
  const Expr x = c.param("x", c.tensor(DType::f32, shape));
  const Expr half = floordiv(c, n, c.i64(2));
  const Expr roots[] = {
      c.make(Op::slice, x->type, {x},
             {{Key::starts, std::vector<Expr>{half}}, {Key::strides, std::vector<int64_t>{1}}})};
  EXPECT_EQ(post_order(roots).size(), 2U);
  EXPECT_EQ(post_order(roots, true).size(), 5U);
}

TEST(Rewrite, substitute_folds_arithmetic_and_changes_types) {
  Context c;
  const Expr n = c.var("n");
  const Expr shape[] = {mul(c, n, c.i64(4))};
  const Expr x = c.buffer("x", c.tensor(DType::f32, shape));
  const Expr idx[] = {add(c, n, c.i64(-1))};
  const Expr out = substitute(c, load(c, x, idx), {{n, c.i64(3)}});
  EXPECT_EQ(out->operand(0)->shape()[0], c.i64(12));
  EXPECT_EQ(out->operand(1), c.i64(2));
  EXPECT_EQ(substitute(c, x->type, {{n, c.i64(3)}}), out->operand(0)->type);
}

TEST(Rewrite, substitute_does_not_rewrite_the_image) {
  Context c;
  const Expr i = c.var("i");
  EXPECT_EQ(substitute(c, i, {{i, add(c, i, c.i64(1))}}), add(c, i, c.i64(1)));
  EXPECT_EQ(substitute(c, i, {}), i);
}

TEST(Rewrite, substitute_gives_one_image_to_a_buffer_in_separate_calls) {
  Context c;
  const Expr n = c.var("n");
  const Expr shape[] = {n};
  const Expr x = c.buffer("x", c.tensor(DType::f32, shape));
  EXPECT_EQ(substitute(c, x, {{n, c.i64(3)}}), substitute(c, x, {{n, c.i64(3)}}));
}

TEST(Rewrite, substitute_prunes_decided_branches) {
  Context c;
  const Expr n = c.var("n");
  const Expr x = c.buffer("x", c.tensor(DType::f32, {4}));
  const Expr idx[] = {n};
  const Expr write = store(c, x, c.imm_f(c.scalar(DType::f32), 1), idx);
  const Expr guarded = if_then(c, lt(c, n, c.i64(4)), write);
  EXPECT_EQ(substitute(c, guarded, {{n, c.i64(2)}})->op, Op::store);
  EXPECT_EQ(substitute(c, guarded, {{n, c.i64(5)}})->op, Op::seq);
}

TEST(Rewrite, rule_sees_each_node_once_on_a_long_chain) {
  Context c;
  const Expr x = c.param("x", c.tensor(DType::f32, {4}));
  const Expr root = chain(c, x, 100000);
  int visits = 0;
  const Expr out = rewrite_bottom_up(c, root, [&](Expr e) -> Expr {
    ++visits;
    return e->op == Op::exp ? c.make(Op::neg, e->type, e->operands) : nullptr;
  });
  EXPECT_EQ(visits, 100002);  // the extent of x is a node too
  const Expr roots[] = {out};
  for (Expr e : post_order(roots)) EXPECT_NE(e->op, Op::exp);
}

TEST(Rewrite, shared_nodes_are_visited_once) {
  Context c;
  Expr x = c.param("x", c.tensor(DType::f32, {4}));
  for (int i = 0; i < 1000; ++i) x = c.make(Op::add, x->type, {x, x});
  int visits = 0;
  const Expr same = rewrite_bottom_up(c, x, [&](Expr) -> Expr {
    ++visits;
    return nullptr;
  });
  EXPECT_EQ(same, x);
  EXPECT_EQ(visits, 1002);
}

TEST(Rewrite, function_keeps_params_and_follows_replaced_variables) {
  Context c;
  const Expr n = c.var("n");
  const Expr shape[] = {n};
  const Type t = c.tensor(DType::f32, shape);
  auto body = std::make_unique<Function>();
  body->name = "twice";
  body->params = {c.param("a", t)};
  body->results = {c.make(Op::add, t, {body->params[0], body->params[0]})};
  const Function* inner = c.add(std::move(body));
  Function f;
  f.params = {c.param("x", t), c.param("unused", t)};
  f.results = {
      c.make(Op::call, t, {f.params[0]}, {{Key::name, std::string("twice")}, {Key::body, inner}})};
  rewrite_function(c, f, [&](Expr e) -> Expr { return e == n ? c.i64(7) : nullptr; });
  ASSERT_EQ(f.params.size(), 2U);
  const Type fixed = c.tensor(DType::f32, {7});
  EXPECT_EQ(f.params[0]->type, fixed);
  EXPECT_EQ(f.results[0]->type, fixed);
  EXPECT_EQ(f.results[0]->operand(0), f.params[0]);
  const Function* new_body = f.results[0]->function_attr(Key::body);
  EXPECT_EQ(new_body->params[0]->type, fixed);
  EXPECT_EQ(new_body->results[0]->operand(0), new_body->params[0]);
}

TEST(Rewrite, copy_brings_types_and_constants_and_reports_nominal_nodes) {
  Context a;
  Context b;
  const Expr n = a.var("n");
  const Expr shape[] = {n};
  const Expr x = a.param("x", a.tensor(DType::f32, shape));
  const float w[4] = {1, 2, 3, 4};
  const Expr k = a.constant(a.tensor(DType::f32, {4}), w, sizeof w, "w");
  const Expr root = a.make(Op::dot, x->type, {x, k});
  Map map;
  const Expr seed = b.var("m");
  map.emplace(n, seed);
  const Expr out = copy_to(b, root, map);
  EXPECT_EQ(out->shape()[0], seed);
  EXPECT_EQ(map.at(x), out->operand(0));
  EXPECT_EQ(out->operand(1)->constant_attr()->bytes, k->constant_attr()->bytes);
  EXPECT_EQ(copy_to(b, root, map), out);
  EXPECT_EQ(b.constant(b.tensor(DType::f32, {4}), w, sizeof w), out->operand(1));
}

}  // namespace
}  // namespace tenon::ir
