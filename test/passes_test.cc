// Every graph pass, and the whole pipeline of them up to definition-form kernels, against the
// reference interpreter: what a pass makes of a graph computes the same.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "graph/pass.h"
#include "graph/testing.h"
#include "graph_model.h"
#include "interp/interp.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/verify.h"

namespace tenon {
namespace {

using ir::Expr;
using ops::Tensor;
using namespace testing;  // NOLINT: the models of this file

/// Runs every pass after the one before and compares at each step.
void check_pipeline(Model& m) {
  m.b.expect();
  const std::vector<Tensor> inputs = random_inputs(m.f, 5);
  const auto want = interp::run(m.f, inputs);
  ASSERT_TRUE(want.has_value()) << want.error().text();
  for (const pass::Pass& pass : graph::passes()) {
    ASSERT_TRUE(graph::testing::run(pass.name, m.c, m.f).has_value()) << pass.name;
    if (pass.name != "fuse") {
      const Status sound = ops::verify(m.c, m.f);
      ASSERT_TRUE(sound.has_value()) << pass.name << ": " << sound.error().text();
    }
    const auto got = interp::run(m.f, inputs);
    ASSERT_TRUE(got.has_value()) << pass.name << ": " << got.error().text();
    expect_close(*got, *want, std::string(pass.name));
  }
}

Expr conv_first(Model& m, Expr x, const ops::Ints& kernel, int64_t pad, unsigned seed) {
  // As the importer writes it: channels first outside, channels last inside.
  ops::ConvAttrs attrs;
  attrs.low = {m.c.i64(pad), m.c.i64(pad)};
  attrs.high = attrs.low;
  const Expr y = m.b.conv(m.b.transpose(x, {0, 2, 3, 1}), m.weights(kernel, seed), attrs);
  return m.b.transpose(y, {0, 3, 1, 2});
}

TEST(Passes, convolution_network_becomes_channels_last) {
  Model m;
  const Expr x = m.input("x", {2, 3, 9, 7});
  Expr y = conv_first(m, x, {3, 3, 3, 8}, 1, 1);
  y = m.composite("batch_norm",
                  {y, m.weights({8}, 2), m.weights({8}, 3), m.weights({8}, 4),
                   m.b.mul(m.weights({8}, 5), m.weights({8}, 5))},
                  {});
  y = m.composite("relu", {y}, {});
  Expr z = conv_first(m, y, {1, 1, 8, 8}, 0, 6);
  z = m.composite("relu", {m.b.add(z, y)}, {});
  m.f.results = {m.b.reduce("sum", z, {2, 3})};
  check_pipeline(m);
  EXPECT_LE(count(m.f, ir::Op::call_kernel), 5);
}

TEST(Passes, taps_in_the_padding_are_dropped) {
  for (const auto& [rate, stride] : {std::pair{7, 1}, {6, 1}, {3, 1}, {7, 2}}) {
    Model m;
    const Expr x = m.input("x", {1, 7, 6, 3});
    ops::ConvAttrs attrs;
    attrs.low = {m.c.i64(rate), m.c.i64(6)};
    attrs.high = {m.c.i64(rate == 6 ? 5 : rate), m.c.i64(6)};
    attrs.dilation = {rate, 6};
    attrs.strides = {stride, 1};
    m.f.results = {m.b.conv(x, m.weights({3, 3, 3, 5}, 3), attrs)};
    if (rate == 7) {
      ir::Function f = m.f;
      ASSERT_TRUE(graph::testing::run("simplify_algebra", m.c, f).has_value());
      EXPECT_EQ(count(f, ir::Op::slice), 1);
    }
    check_pipeline(m);
  }
}

TEST(Passes, constants_with_repeated_constants_are_folded) {
  Model m;
  const Expr x = m.input("x", {2, 5, 8});
  // Batch norm: its epsilon is one number for all channels.
  const Expr y = m.b.matmul(x, m.weights({8, 6}, 1));
  const Expr number = ops::constant_of(m.c, ops::testing::of(ir::DType::f32, {}, {1}));
  const Expr epsilon = m.b.broadcast_in(number, m.b.i64s({6}), {});
  const Expr w = m.weights({6}, 3);
  const Expr scale = m.b.div(m.weights({6}, 2), m.b.sqrt(m.b.add(m.b.mul(w, w), epsilon)));
  m.f.results = {m.b.add(m.b.mul(y, scale), m.weights({6}, 4))};
  ir::Function f = m.f;
  for (const char* pass : {"fold_constants", "absorb_scales", "fold_constants"})
    ASSERT_TRUE(graph::testing::run(pass, m.c, f).has_value());
  EXPECT_EQ(count(f, ir::Op::sqrt) + count(f, ir::Op::mul), 0);
  EXPECT_EQ(count(f, ir::Op::broadcast), 1);  // the bias stays small
  check_pipeline(m);
}

TEST(Passes, transposed_convolutions_become_plain_ones) {
  struct Case {
    int64_t taps, stride, low, high;
  };
  for (const auto& [taps, stride, low, high] : {Case{4, 2, 2, 2},
                                                {3, 2, 1, 2},
                                                {2, 2, 1, 1},
                                                {5, 3, 4, 2},
                                                {2, 3, 1, 1},
                                                {3, 2, 0, 1},
                                                {1, 2, 0, 0},
                                                {7, 4, 6, 5}}) {
    Model m;
    const Expr x = m.input("x", {2, 5, 4, 3});
    ops::ConvAttrs attrs;
    attrs.low = {m.c.i64(low), m.c.i64(1)};
    attrs.high = {m.c.i64(high), m.c.i64(1)};
    attrs.input_dilation = {stride, 1};
    m.f.results = {m.b.conv(x, m.weights({taps, 3, 3, 6}, 3), attrs)};
    ir::Function f = m.f;
    ASSERT_TRUE(graph::testing::run("phase_convolutions", m.c, f).has_value());
    ir::Expr conv = nullptr;
    for (ir::Expr n : ir::post_order(f.results))
      if (n->op == ir::Op::conv) conv = n;
    ASSERT_NE(conv, nullptr);
    EXPECT_EQ(conv->ints_attr(ir::Key::input_dilation), (ops::Ints{1, 1}));
    EXPECT_EQ(ir::as_int(conv->operand(1)->shape()[0]), (taps + stride - 1) / stride);
    check_pipeline(m);
  }
  Model grouped;  // stays as it is
  ops::ConvAttrs attrs;
  attrs.input_dilation = {2, 2};
  attrs.groups = 2;
  const Expr x = grouped.input("x", {1, 4, 4, 4});
  grouped.f.results = {grouped.b.conv(x, grouped.weights({2, 2, 2, 4}, 1), attrs)};
  ir::Function f = grouped.f;
  ASSERT_TRUE(graph::testing::run("phase_convolutions", grouped.c, f).has_value());
  EXPECT_EQ(f.results, grouped.f.results);
}

TEST(Passes, layer_norm_is_one_kernel) {
  Model m;
  const Expr x = m.input("x", {5, 33});
  m.f.results = {
      m.composite("layer_norm", {x, m.weights({33}, 1), m.weights({33}, 2)}, {{"axis", "1"}})};
  check_pipeline(m);
  EXPECT_EQ(count(m.f, ir::Op::call_kernel), 1);
}

TEST(Passes, softmax_is_one_kernel) {
  Model m;
  const Expr x = m.input("x", {3, 4, 17});
  m.f.results = {m.composite("softmax", {m.b.mul(x, 0.5)}, {{"axis", "2"}})};
  check_pipeline(m);
  EXPECT_EQ(count(m.f, ir::Op::call_kernel), 1);
}

TEST(Passes, attention_block) {
  Model m;
  const Expr x = m.input("x", {2, 5, 12});
  const auto heads = [&](Expr t) {
    return m.b.transpose(m.b.reshape(t, m.b.i64s({2, 5, 3, 4})), {0, 2, 1, 3});
  };
  const Expr q = heads(m.b.matmul(x, m.weights({12, 12}, 1)));
  const Expr k = heads(m.b.matmul(x, m.weights({12, 12}, 2)));
  const Expr v = heads(m.b.matmul(x, m.weights({12, 12}, 3)));
  const Expr s = m.composite(
      "softmax", {m.b.mul(m.b.matmul(q, m.b.transpose(k, {0, 1, 3, 2})), 0.5)}, {{"axis", "3"}});
  Expr y = m.b.reshape(m.b.transpose(m.b.matmul(s, v), {0, 2, 1, 3}), m.b.i64s({2, 5, 12}));
  y = m.b.add(m.b.matmul(y, m.weights({12, 12}, 4)), x);
  m.f.results = {m.composite("gelu", {y}, {})};
  check_pipeline(m);
}

TEST(Passes, two_products_added_up_do_not_make_a_cycle) {
  Model m;
  const Expr x = m.input("x", {4, 6});
  const Expr a = m.b.matmul(x, m.weights({6, 6}, 1));
  const Expr b = m.b.matmul(m.composite("relu", {a}, {}), m.weights({6, 6}, 2));
  const Expr sum = m.b.add(a, b);
  m.f.results = {sum, m.b.mul(sum, a)};
  check_pipeline(m);
}

TEST(Passes, a_broadcast_in_memory_does_not_make_a_cycle) {
  Model m;
  const Expr x = m.input("x", {1, 8});
  const auto extents = [&](std::vector<int64_t> values) {
    std::vector<Expr> all;
    for (int64_t v : values) all.push_back(m.c.i64(v));
    return all;
  };
  const Expr part = m.b.slice(x, extents({0, 1}), extents({1, 1}), {1, 1});
  const Expr wide = m.b.broadcast_in(part, extents({1, 3}), {0, 1});
  const Expr again = m.b.slice(wide, extents({0, 2}), extents({1, 1}), {1, 1});
  const Expr row = m.b.broadcast_in(m.b.reduce("max", x, {1}), x->shape(), {0});
  m.f.results = {wide, m.b.neg(again), m.b.relu(part), row, m.b.exp(m.b.sub(x, row))};
  check_pipeline(m);
}

TEST(Passes, values_behind_a_reshape_are_not_shared_inside_a_kernel) {
  for (const int64_t rows : {1, 4}) {
    Model m;
    const Expr x = m.input("x", {rows, 3});
    const Expr e = m.b.exp(x);
    const Expr total = m.b.reshape(m.b.reduce("sum", e, {1}), m.b.i64s({1, rows}));
    const Expr turned = m.b.reshape(total, m.b.i64s({rows, 1}));
    m.f.results = {
        m.b.div(e, m.b.broadcast_to(turned, x->shape())),
        m.b.mul(e, m.b.reshape(m.b.exp(m.b.reshape(e, m.b.i64s({3, rows}))), m.b.i64s({rows, 3})))};
    check_pipeline(m);
  }
}

TEST(Passes, gather_checks_its_indices) {
  Model m;
  const Expr table = m.input("table", {3, 5});
  const Expr ids = m.input("ids", {4}, ir::DType::i64);
  m.f.results = {m.b.gather(table, ids, 0)};
  check_pipeline(m);
  std::vector<Tensor> inputs = random_inputs(m.f, 1);
  inputs[1].set_i(2, 7);
  EXPECT_FALSE(interp::run(m.f, inputs).has_value());
}

TEST(Passes, transposes_sink_through_a_list_of_indices) {
  Model m;
  const Expr x = m.input("x", {2, 4, 5, 3});
  const Expr rows = m.input("rows", {7}, ir::DType::i64);
  const Expr first = m.b.gather(m.b.transpose(x, {0, 3, 1, 2}), rows, 2);
  m.f.results = {m.b.relu(m.b.transpose(first, {0, 2, 3, 1}))};
  ir::Function f = m.f;
  ASSERT_TRUE(graph::testing::run("sink_transposes", m.c, f).has_value());
  EXPECT_EQ(count(f, ir::Op::transpose), 0);
  check_pipeline(m);
  Model table;  // indices with axes of their own stay where they are
  const Expr y = table.input("y", {4, 3});
  const Expr ids = table.input("ids", {2, 2}, ir::DType::i64);
  table.f.results = {table.b.gather(table.b.transpose(y, {1, 0}), ids, 0)};
  check_pipeline(table);
}

TEST(Passes, transposes_move_up_to_where_less_is_moved) {
  Model m;
  const Expr x = m.input("x", {1, 4, 5, 3});
  const auto indices = [&](const std::vector<double>& values) {
    return m.b.constant(ops::testing::of(ir::DType::i64, {10}, values));
  };
  const std::vector<double> weights{0.25, 0.5, 0.75, 1, 0, 0.125, 0.5, 0.5, 1, 0.75};
  const auto resized = [&](Expr y, int64_t axis) {
    const Expr low = indices({0, 0, 0, 1, 1, 1, 2, 2, 3, 3});
    const Expr high = indices({0, 1, 1, 1, 2, 2, 2, 3, 3, 3});
    const Expr a = m.b.gather(y, low, axis);
    const Expr w = m.b.broadcast_in(m.b.constant(ops::testing::of(ir::DType::f32, {10}, weights)),
                                    a->shape(), {axis});
    return m.b.add(m.b.mul(a, w), m.b.gather(y, high, axis));
  };
  const Expr large = resized(resized(x, 1), 2);
  m.f.results = {m.b.transpose(large, {0, 3, 1, 2})};
  m.b.expect();
  ir::Function moved = m.f;
  ASSERT_TRUE(graph::testing::run("hoist_transposes", m.c, moved).has_value());
  EXPECT_EQ(count(moved, ir::Op::transpose), 1);
  EXPECT_NE(moved.results[0]->op, ir::Op::transpose);
  // Another reader of the large tensor wants it as it is: nothing moves.
  ir::Function shared = m.f;
  shared.results.push_back(m.b.relu(large));
  ASSERT_TRUE(graph::testing::run("hoist_transposes", m.c, shared).has_value());
  EXPECT_EQ(shared.results[0]->op, ir::Op::transpose);
  check_pipeline(m);
}

TEST(Passes, repeated_indices_are_checked_once) {
  Model m;
  const Expr x = m.input("x", {2, 3, 4, 5});
  const Expr ids = m.input("ids", {4, 6}, ir::DType::i64);
  const std::vector<Expr> shape{m.c.i64(2), m.c.i64(3), m.c.i64(4), m.c.i64(6)};
  const Expr all =
      m.b.add(m.b.broadcast_in(ids, shape, {2, 3}), m.b.full(ir::DType::i64, 1, shape));
  m.f.results = {m.b.gather_elements(x, all, 3)};
  check_pipeline(m);
  ir::Function f = m.f;
  ASSERT_TRUE(graph::testing::run("fuse", m.c, f).has_value());
  std::string text;
  for (Expr n : ir::post_order(f.results))
    if (n->op == ir::Op::call_kernel) text += ir::print(*n->kernel_attr());
  EXPECT_NE(text.find("fail("), std::string::npos) << text;
  std::vector<Tensor> inputs = random_inputs(m.f, 1);
  ASSERT_TRUE(interp::run(f, inputs).has_value());
  inputs[1].set_i(23, 7);
  EXPECT_FALSE(interp::run(f, inputs).has_value());
}

TEST(Passes, lstm_runs_in_a_loop) {
  Model m;
  const Expr x = m.input("x", {6, 2, 4});
  m.f.results = {m.composite("lstm", {x, m.weights({1, 12, 4}, 1), m.weights({1, 12, 3}, 2)},
                             {{"hidden_size", "3"}})};
  check_pipeline(m);
}

TEST(Passes, guards_say_what_rules_could_not_prove) {
  Model m;
  const Expr n = m.c.var("n");
  const Expr k = m.c.var("k");
  const auto input = [&](const std::vector<Expr>& shape) {
    m.f.params.push_back(m.c.param("x", m.c.tensor(ir::DType::f32, shape)));
    return m.f.params.back();
  };
  const Expr three = m.c.i64(3);
  const Expr x = input({n, three});
  const Expr y = input({k, three});
  const Expr sum = m.b.add(x, y);
  const Expr again = m.b.mul(x, y);
  const Expr known = m.b.add(x, x);
  const Expr flat = m.b.reshape(x, std::vector<Expr>{ir::mul(m.c, n, three)});
  m.f.results = {sum, again, known, flat};
  m.b.expect();
  ASSERT_TRUE(graph::testing::run("shape_guards", m.c, m.f).has_value());
  ASSERT_EQ(m.f.guards.size(), 1U);  // said once, and nothing that is provable
  EXPECT_EQ(ir::print(m.f.guards[0].condition), "n == k");
  ASSERT_TRUE(graph::testing::run("shape_guards", m.c, m.f).has_value());
  EXPECT_EQ(m.f.guards.size(), 1U);
  m.f.results = {known};
  ASSERT_TRUE(graph::testing::run("dead_code", m.c, m.f).has_value());
  EXPECT_EQ(m.f.guards.size(), 1U) << "a guard lives on when what relied on it is gone";
}

TEST(Passes, chain_of_many_nodes_takes_linear_work) {
  Model m;
  Expr y = m.input("x", {4});
  for (int i = 0; i < 100000; ++i) y = i % 2 == 0 ? m.b.unary(ir::Op::neg, y) : m.b.add(y, y);
  m.f.results = {y};
  m.b.expect();
  for (const pass::Pass& pass : graph::passes())
    ASSERT_TRUE(graph::testing::run(pass.name, m.c, m.f).has_value());
  EXPECT_GT(count(m.f, ir::Op::call_kernel), 1000);
}

}  // namespace
}  // namespace tenon
