// Branches and loops through the whole path, against the interpreter.
#include <gtest/gtest.h>

#include "compiler/package/testing.h"

namespace tenon::compiler {
namespace {

using namespace testing;  // NOLINT: the fixture of this file
using ir::Key;
using ir::Op;
using ir::Type;

Expr make_if(Graph& g, Expr condition, Exprs arguments, const Function* then,
             const Function* otherwise, Type wanted = nullptr) {
  Exprs operands{condition};
  operands.insert(operands.end(), arguments.begin(), arguments.end());
  return g.b.node(Op::if_, operands, {{Key::then, then}, {Key::else_, otherwise}}, wanted);
}

Expr make_loop(Graph& g, Expr trip, Expr condition, Exprs rest, const Function* body,
               int64_t carried, int64_t stacked, std::vector<Type> types) {
  Exprs operands{trip, condition};
  operands.insert(operands.end(), rest.begin(), rest.end());
  return g.b.node(Op::loop, operands,
                  {{Key::body, body}, {Key::carried, carried}, {Key::stacked, stacked}},
                  g.c.tuple(types));
}

TEST(PackageIf, takes_the_branch_that_the_condition_says) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr cond = g.param("cond", DType::boolean, {});
  const Expr x = g.param("x", DType::f32, {n});
  const Expr t = g.body_param("t", DType::f32, {n});
  const Expr e = g.body_param("e", DType::f32, {n});
  const Function* then = g.body({t}, {g.b.mul(t, 2.0), t});
  const Function* otherwise = g.body({e}, {g.b.tanh(g.b.sub(e, 1.0)), g.b.neg(e)});
  const Expr r = make_if(g, cond, {x}, then, otherwise);
  g.compile({g.b.add(g.b.get(r, 0), g.b.get(r, 1)), g.b.get(r, 0)});
  for (const int64_t size : {3, 8, 3})
    for (const int64_t which : {1, 0, 1})
      g.check({scalar(DType::boolean, which), tensor(DType::f32, {size})});
}

TEST(PackageIf, branches_may_return_different_shapes) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr cond = g.param("cond", DType::boolean, {});
  const Expr x = g.param("x", DType::f32, {n, g.n(3)});
  const Expr t = g.body_param("t", DType::f32, {n, g.n(3)});
  const Expr e = g.body_param("e", DType::f32, {n, g.n(3)});
  const Function* then = g.body({t}, {g.b.neg(t)});
  const Function* otherwise = g.body({e}, {g.b.concat(Exprs{e, e, e}, 0)});
  const Expr m = g.c.var("m");
  const Exprs shape{m, g.n(3)};
  const std::vector<Type> types{g.c.tensor(DType::f32, shape)};
  const Expr r = g.b.get(make_if(g, cond, {x}, then, otherwise, g.c.tuple(types)), 0);
  g.compile({g.b.mul(r, 3.0), g.b.from_scalar(m), r});
  for (const int64_t size : {2, 5})
    for (const int64_t which : {0, 1, 0})
      g.check({scalar(DType::boolean, which), tensor(DType::f32, {size, 3})});
}

TEST(PackageIf, a_branch_answers_for_its_own_extents) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr m = g.c.var("m");
  const Expr cond = g.param("cond", DType::boolean, {});
  const Expr x = g.param("x", DType::f32, {n});
  const Expr y = g.param("y", DType::f32, {m});
  const auto p = [&](Expr extent) { return g.body_param("p", DType::f32, {extent}); };
  const Exprs t{p(n), p(m)};
  const Exprs e{p(n), p(m)};
  const Function* then = g.body(t, {g.b.add(t[0], t[1])});
  const Function* otherwise = g.body(e, {g.b.neg(e[0])});
  g.compile({g.b.get(make_if(g, cond, {x, y}, then, otherwise), 0)});
  const auto inputs = [](int64_t which, int64_t a, int64_t b) {
    return std::vector{scalar(DType::boolean, which), tensor(DType::f32, {a}),
                       tensor(DType::f32, {b})};
  };
  g.check(inputs(1, 5, 5));
  g.check(inputs(0, 5, 3));
  g.refuses(inputs(1, 5, 3), "n == m");
  g.check(inputs(0, 5, 3));
  g.check(inputs(1, 4, 4));
}

TEST(PackageIf, branches_nest) {
  Graph g;
  const Expr a = g.param("a", DType::boolean, {});
  const Expr b = g.param("b", DType::boolean, {});
  const Expr x = g.param("x", DType::f32, {g.n(4)});
  const auto p = [&] { return g.body_param("p", DType::f32, {g.n(4)}); };
  const Expr p1 = p();
  const Expr p2 = p();
  const Function* inner_then = g.body({p1}, {g.b.mul(p1, 2.0)});
  const Function* inner_else = g.body({p2}, {p2});
  const Expr q = p();
  const Expr qb = g.body_param("qb", DType::boolean, {});
  const Function* then =
      g.body({q, qb}, {g.b.get(make_if(g, qb, {g.b.tanh(q)}, inner_then, inner_else), 0)});
  const Expr s = p();
  const Expr sb = g.body_param("sb", DType::boolean, {});
  const Function* otherwise = g.body({s, sb}, {g.b.neg(s)});
  const Expr r = g.b.get(make_if(g, a, {x, b}, then, otherwise), 0);
  g.compile({r, g.b.add(r, x)});
  for (int i = 0; i < 4; ++i)
    g.check(
        {scalar(DType::boolean, i & 1), scalar(DType::boolean, i >> 1), tensor(DType::f32, {4})});
}

TEST(PackageLoop, carries_and_stacks_values) {
  Graph g;
  const Expr trip = g.param("trip", DType::i64, {});
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n});
  const Expr step = g.param("step", DType::f32, {n});
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = g.body_param("v", DType::f32, {n});
  const Expr s = g.body_param("s", DType::f32, {n});
  const Expr next = g.b.add(g.b.mul(v, 0.5), s);
  const Expr scaled = g.b.mul(v, g.b.cast(i, DType::f32));
  const Expr go_on = g.b.scalar_i(DType::boolean, 1);
  const Function* body = g.body({i, v, s}, {go_on, next, scaled, next});
  const Expr count = g.c.var("count");
  const Exprs stack{count, n};
  const Type stacked = g.c.tensor(DType::f32, stack);
  const Expr r = make_loop(g, trip, g.b.scalar_i(DType::boolean, 1), {x, step}, body, 1, 2,
                           {x->type, stacked, stacked});
  g.compile(
      {g.b.get(r, 0), g.b.get(r, 1), g.b.get(r, 2), g.b.from_scalar(count), g.b.neg(g.b.get(r, 0))},
      2);
  for (const int64_t trips : {3, 0, 1, 50, 2})
    for (const int64_t size : {4, 9})
      g.check(
          {scalar(DType::i64, trips), tensor(DType::f32, {size}), tensor(DType::f32, {size}, 3)});
}

TEST(PackageLoop, stops_when_the_condition_says) {
  Graph g;
  const Expr x = g.param("x", DType::i64, {});
  const Expr start = g.param("start", DType::boolean, {});
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = g.body_param("v", DType::i64, {});
  const Expr next = g.b.add(v, v);
  const Function* body =
      g.body({i, v}, {g.b.binary(Op::lt, next, g.b.scalar_i(DType::i64, 100)), next});
  const Expr r = make_loop(g, g.b.scalar_i(DType::i64, 1000), start, {x}, body, 1, 0, {x->type});
  g.compile({g.b.get(r, 0)});
  for (const int64_t value : {1, 7, 200})
    for (const int64_t go : {1, 0})
      g.check({scalar(DType::i64, value), scalar(DType::boolean, go)});
}

TEST(PackageLoop, carried_values_may_change_places_or_stay) {
  Graph g;
  const Expr trip = g.param("trip", DType::i64, {});
  const Expr a = g.param("a", DType::f32, {g.n(3)});
  const Expr b = g.param("b", DType::f32, {g.n(3)});
  const auto p = [&](const char* name) { return g.body_param(name, DType::f32, {g.n(3)}); };
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr p1 = p("p1");
  const Expr p2 = p("p2");
  const Expr p3 = p("p3");
  const Expr p4 = p("p4");
  const Expr sum = g.b.add(p1, p2);
  // Fibonacci, one that stays, one that becomes another's value, one that is computed twice over.
  const Function* body =
      g.body({i, p1, p2, p3, p4}, {g.b.scalar_i(DType::boolean, 1), p2, sum, p3, sum});
  const Expr r = make_loop(g, trip, g.b.scalar_i(DType::boolean, 1), {a, b, a, b}, body, 4, 0,
                           {a->type, a->type, a->type, a->type});
  g.compile({g.b.get(r, 0), g.b.get(r, 1), g.b.get(r, 2), g.b.get(r, 3),
             g.b.add(g.b.get(r, 0), g.b.get(r, 3))});
  for (const int64_t trips : {0, 1, 2, 5, 12})
    g.check({scalar(DType::i64, trips), tensor(DType::f32, {3}), tensor(DType::f32, {3}, 2)});
}

TEST(PackageLoop, carried_shapes_may_grow) {
  Graph g;
  const Expr trip = g.param("trip", DType::i64, {});
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n, g.n(2)});
  const Expr m = g.c.var("m");
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = g.body_param("v", DType::f32, {m, g.n(2)});
  const Expr w = g.body_param("w", DType::f32, {n, g.n(2)});
  const Expr longer = g.b.concat(Exprs{g.b.tanh(v), w}, 0);
  const Function* body =
      g.body({i, v, w}, {g.b.scalar_i(DType::boolean, 1), longer, g.b.reduce("sum", v, {0})});
  const Expr last = g.c.var("last");
  const Expr count = g.c.var("count");
  const Exprs shape{last, g.n(2)};
  const Exprs sums{count, g.n(2)};
  const Expr r = make_loop(g, trip, g.b.scalar_i(DType::boolean, 1), {x, x}, body, 1, 1,
                           {g.c.tensor(DType::f32, shape), g.c.tensor(DType::f32, sums)});
  if (!g.b.ok()) GTEST_SKIP() << g.b.status().error().text();
  g.compile({g.b.get(r, 0), g.b.get(r, 1), g.b.from_scalar(last), g.b.neg(g.b.get(r, 0))});
  for (const int64_t trips : {0, 1, 4, 9})
    for (const int64_t size : {1, 3})
      g.check({scalar(DType::i64, trips), tensor(DType::f32, {size, 2})});
}

TEST(PackageLoop, loops_nest) {
  Graph g;
  const Expr outer_trip = g.param("outer", DType::i64, {});
  const Expr inner_trip = g.param("inner", DType::i64, {});
  const Expr x = g.param("x", DType::f32, {g.n(4)});
  const Expr yes = g.b.scalar_i(DType::boolean, 1);
  const auto p = [&](const char* name) { return g.body_param(name, DType::f32, {g.n(4)}); };
  const Expr j = g.body_param("j", DType::i64, {});
  const Expr u = p("u");
  const Expr k = p("k");
  const Function* inner = g.body({j, u, k}, {yes, g.b.add(g.b.mul(u, 0.5), k), u});
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = p("v");
  const Expr t = g.body_param("t", DType::i64, {});
  const Expr rows = g.c.var("rows");
  const Exprs stack{rows, g.n(4)};
  const Expr run =
      make_loop(g, t, yes, {v, g.b.tanh(v)}, inner, 1, 1, {x->type, g.c.tensor(DType::f32, stack)});
  const Expr total = g.b.reduce("sum", g.b.get(run, 1), {0});
  const Function* body = g.body({i, v, t}, {yes, g.b.get(run, 0), g.b.add(total, v)});
  const Expr count = g.c.var("count");
  const Exprs all{count, g.n(4)};
  const Expr r = make_loop(g, outer_trip, yes, {x, inner_trip}, body, 1, 1,
                           {x->type, g.c.tensor(DType::f32, all)});
  g.compile({g.b.get(r, 0), g.b.get(r, 1)});
  for (const int64_t a : {0, 1, 4})
    for (const int64_t b : {0, 1, 3})
      g.check({scalar(DType::i64, a), scalar(DType::i64, b), tensor(DType::f32, {4})});
}

TEST(PackageLoop, branches_inside_loops) {
  Graph g;
  const Expr trip = g.param("trip", DType::i64, {});
  const Expr x = g.param("x", DType::f32, {g.n(4)});
  const Expr yes = g.b.scalar_i(DType::boolean, 1);
  const Expr t = g.body_param("t", DType::f32, {g.n(4)});
  const Expr e = g.body_param("e", DType::f32, {g.n(4)});
  const Function* then = g.body({t}, {g.b.mul(t, -1.5)});
  const Function* otherwise = g.body({e}, {e});
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = g.body_param("v", DType::f32, {g.n(4)});
  const Expr odd = g.b.binary(Op::eq, g.b.binary(Op::mod, i, g.b.scalar_i(DType::i64, 2)),
                              g.b.scalar_i(DType::i64, 1));
  const Expr chosen = g.b.get(make_if(g, odd, {g.b.add(v, 1.0)}, then, otherwise), 0);
  const Function* body = g.body({i, v}, {yes, chosen});
  const Expr r = make_loop(g, trip, yes, {x}, body, 1, 0, {x->type});
  g.compile({g.b.get(r, 0)});
  for (const int64_t trips : {0, 1, 2, 7})
    g.check({scalar(DType::i64, trips), tensor(DType::f32, {4})});
}

}  // namespace
}  // namespace tenon::compiler
