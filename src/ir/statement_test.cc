#include "ir/statement.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/text.h"

namespace tenon::ir {
namespace {

/// Each kind of statement that holds others.
constexpr const char* kProgram = R"(kernel @k[n](x: in f32[n], y: out f32[n]) {
  for i in serial(n) {
    block b(vi: s = i) where i < 5 { y[vi] = x[vi] }
    if i < 5 { y[i] = x[i] } else { y[i] = f32(2) }
    let v: i64 = i + 1 { while v < 0 { y[0] = f32(1) } }
  }
}
)";

std::shared_ptr<Kernel> read(const char* text) {
  auto module = parse(text, "test");
  if (!module) {
    ADD_FAILURE() << module.error().text();
    return nullptr;
  }
  return module->kernels.front();
}

std::vector<Op> ops_of(std::span<const Expr> nodes) {
  std::vector<Op> ops;
  for (Expr e : nodes) ops.push_back(e->op);
  return ops;
}

TEST(Statement, children_are_the_operands_that_are_executed) {
  const auto k = read(kProgram);
  const Expr loop = k->body;
  ASSERT_EQ(ops_of(children(loop)), std::vector<Op>{Op::seq});
  EXPECT_EQ(child_positions(loop).front(), 2U);
  const std::span<const Expr> all = children(children(loop)[0]);
  ASSERT_EQ(ops_of(all), (std::vector<Op>{Op::block, Op::cond, Op::let}));
  EXPECT_EQ(ops_of(children(all[0])), std::vector<Op>{Op::store});
  EXPECT_EQ(child_positions(all[0]).front(), 1U);
  EXPECT_EQ(ops_of(children(all[1])), (std::vector<Op>{Op::store, Op::store}));
  EXPECT_EQ(ops_of(children(all[2])), std::vector<Op>{Op::while_});
  EXPECT_EQ(ops_of(children(children(all[2])[0])), std::vector<Op>{Op::store});
  EXPECT_TRUE(children(children(all[0])[0]).empty()) << "a store holds no statement";
}

TEST(Statement, visit_goes_in_program_order_and_skips_on_request) {
  const auto k = read(kProgram);
  std::vector<Op> seen;
  visit_statements(k->body, [&](const Site& at) {
    seen.push_back(at.node->op);
    if (!at.path.empty()) EXPECT_EQ(at.path.back().parent->operand(at.path.back().child), at.node);
    return at.node->op != Op::let && at.node->op != Op::block;
  });
  EXPECT_EQ(seen, (std::vector<Op>{Op::for_, Op::seq, Op::block, Op::cond, Op::store, Op::store,
                                   Op::let}));
}

TEST(Statement, mapping_children_drops_what_does_nothing) {
  const auto k = read(kProgram);
  Context& c = *k->context;
  const std::function<Expr(Expr)> without_stores = [&](Expr s) {
    return s->op == Op::store ? seq(c, {}) : map_children(c, s, without_stores);
  };
  const Expr rest = without_stores(k->body);
  // Only the block and the while loop, whose condition may never end, are kept around nothing.
  EXPECT_EQ(ops_of(children(children(rest)[0])), (std::vector<Op>{Op::block, Op::let}));
  EXPECT_EQ(map_children(c, k->body, [](Expr s) { return s; }), k->body);
  EXPECT_TRUE(is_empty(map_children(c, k->body, [&](Expr) { return seq(c, {}); })));
}

TEST(Statement, a_sequence_is_its_statements_and_any_other_itself) {
  const auto k = read(kProgram);
  EXPECT_EQ(in_sequence(k->body).size(), 1U);
  const Expr body = children(k->body)[0];
  EXPECT_EQ(in_sequence(body).size(), 3U);
}

TEST(Statement, mentions_and_loads_are_found_below_a_node) {
  Context c;
  const Expr i = c.var("i"), j = c.var("j");
  const Expr shape[] = {c.i64(8)};
  const Expr x = c.buffer("x", c.tensor(DType::i64, shape));
  const Expr at[] = {i};
  const Expr sum = add(c, load(c, x, at), c.i64(1));
  EXPECT_TRUE(mentions(sum, i));
  EXPECT_FALSE(mentions(sum, j));
  const Expr both[] = {j, i};
  EXPECT_TRUE(mentions_any(sum, both));
  EXPECT_FALSE(mentions_any(sum, std::unordered_set<Expr>{j}));
  EXPECT_TRUE(has_load(sum));
  EXPECT_FALSE(has_load(add(c, i, j)));
}

TEST(Statement, conjuncts_join_to_the_condition_again) {
  Context c;
  const Expr i = c.var("i"), j = c.var("j"), n = c.var("n");
  const Expr all[] = {lt(c, i, n), lt(c, j, n), le(c, i, j)};
  const Expr condition = conjunction(c, all);
  EXPECT_EQ(conjuncts(condition), std::vector<Expr>(std::begin(all), std::end(all)));
  EXPECT_TRUE(conjuncts(c.bool_imm(true)).empty());
}

}  // namespace
}  // namespace tenon::ir
