// Results that change some elements of an operand: in its memory where it dies, in a copy where
// not.
#include "compiler/package/testing.h"

namespace tenon::compiler {
namespace {

using namespace testing;  // NOLINT: the fixture of this file
using artifact::StepKind;
using ir::Op;

Expr update_slice(Graph& g, Expr x, Expr update, Exprs starts) {
  Exprs operands{x, update};
  operands.insert(operands.end(), starts.begin(), starts.end());
  const auto made = ops::build(g.c, Op::dynamic_update_slice, operands);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text());
  return *made;
}
Expr at(Graph& g, Expr position) { return g.b.from_scalar(position); }

/// Copy steps whose two sides have memory of their own.
size_t real_copies(const artifact::Model& m) {
  size_t count = 0;
  for (const artifact::Step& s : m.steps)
    if (s.kind == StepKind::copy && !(m.slots[s.a] == m.slots[s.b])) ++count;
  return count;
}

TEST(UpdateSlice, writes_into_a_value_that_dies) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr k = g.c.var("k");
  const Expr x = g.param("x", DType::f32, {n, g.n(3)});
  const Expr u = g.param("u", DType::f32, {k, g.n(2)});
  const Expr first = update_slice(g, g.b.relu(x), u, {at(g, g.n(1)), at(g, g.n(1))});
  const Expr both = update_slice(g, first, g.b.neg(u), {at(g, ir::sub(g.c, n, k)), at(g, g.n(0))});
  g.compile({both});
  EXPECT_EQ(real_copies(g.tables), 0u);
  for (const auto& [rows, part] : {std::pair<int64_t, int64_t>{5, 2}, {9, 9}, {4, 0}})
    g.check({tensor(DType::f32, {rows, 3}), tensor(DType::f32, {part, 2}, 5)});
  g.refuses({tensor(DType::f32, {2, 3}), tensor(DType::f32, {3, 2}, 5)}, "needs");
}

TEST(UpdateSlice, leaves_a_value_that_is_read_later) {
  Graph g;
  const Expr x = g.param("x", DType::i64, {g.n(6)});
  const Expr u = g.param("u", DType::i64, {g.n(2)});
  const Expr start = g.param("start", DType::i64, {});
  const Expr old = g.b.neg(x);
  const Expr changed = update_slice(g, old, u, {start});
  g.compile({changed, g.b.add(changed, old), update_slice(g, x, u, {start})});
  EXPECT_EQ(real_copies(g.tables), 2u);
  for (const int64_t s : {-3, 0, 3, 4, 5, 100})
    g.check({tensor(DType::i64, {6}), tensor(DType::i64, {2}, 3), scalar(DType::i64, s)});
}

TEST(UpdateSlice, takes_constants_and_its_own_operand) {
  Graph g;
  const std::vector<double> values{1, 2, 3, 4};
  const Expr k = g.b.constant(ops::testing::of(DType::f32, {4}, values));
  const Expr start = g.param("start", DType::i64, {});
  const Expr zeros = g.b.broadcast_in(g.b.scalar(DType::f32, 0.0), Exprs{g.n(4)}, {});
  g.compile({update_slice(g, k, k, {start}), update_slice(g, zeros, k, {start}),
             update_slice(g, k, g.b.neg(g.b.slice(k, Exprs{g.n(1)}, Exprs{g.n(2)}, {1})), {start}),
             k});
  for (const int64_t s : {0, 1, 2}) g.check({scalar(DType::i64, s)});
}

/// for i < trips: v[i] = i, v carried from one iteration to the next.
TEST(UpdateSlice, is_carried_by_a_loop) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr trips = g.param("trips", DType::i64, {});
  const Expr x = g.param("x", DType::i64, {n});
  const Expr i = g.body_param("i", DType::i64, {});
  const Expr v = g.body_param("v", DType::i64, {n});
  const Expr yes = g.b.scalar(DType::boolean, 1.0);
  const Expr next = update_slice(g, v, g.b.reshape(i, g.b.i64s({1})), {i});
  const Exprs operands{trips, yes, x};
  const Expr loop = g.c.make(Op::loop, g.c.tuple(std::vector<ir::Type>{x->type}), operands,
                             {{ir::Key::body, g.body({i, v}, {yes, next})},
                              {ir::Key::carried, int64_t{1}},
                              {ir::Key::stacked, int64_t{0}}});
  g.compile({g.c.make(Op::get, x->type, {loop}, {{ir::Key::index, int64_t{0}}}), g.b.neg(x)});
  for (const int64_t t : {0, 1, 4}) g.check({scalar(DType::i64, t), tensor(DType::i64, {7})});
}

}  // namespace
}  // namespace tenon::compiler
