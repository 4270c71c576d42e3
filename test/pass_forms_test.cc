// What graph passes do that text cases (src/graph/*.tir) cannot show: locations, kernels, and every
// padding of a family.
#include "graph/pass.h"
#include "graph/testing.h"
#include "graph_model.h"
#include "interp/interp.h"
#include "ops/verify.h"

namespace tenon::testing {
namespace {

using ir::Key;
using ir::Op;
using ops::Ints;

struct Forms : ::testing::Test, Model {};

TEST(PassTable, finds_passes_by_name) {
  for (const pass::Pass& p : graph::passes())
    EXPECT_EQ(pass::find(graph::passes(), p.name), &p) << p.name;
  EXPECT_EQ(pass::find(graph::passes(), "none"), nullptr);
}

TEST_F(Forms, what_takes_a_node_s_place_takes_its_location) {
  const Expr x = input("x", {2, 3});
  const std::vector<Expr> shape{c.i64(4), c.i64(2), c.i64(3)};
  const Expr moved = b.transpose(b.broadcast_in(x, shape, {1, 2}), {2, 1, 0});
  const Expr turned = b.exp(b.transpose(x, {1, 0}));
  b.expect();
  c.set_location(moved, "moved");
  c.set_location(turned, "turned");
  for (const char* pass : {"hoist_transposes", "sink_transposes"}) {
    ir::Function g = f;
    g.results = {moved, turned};
    ASSERT_TRUE(graph::testing::run(pass, c, g).has_value());
    EXPECT_EQ(c.location(g.results[0]), "moved");
    EXPECT_EQ(c.location(g.results[1]), "turned");
  }
}

TEST_F(Forms, phases_of_every_padding_compute_the_same) {
  const Expr x = input("x", {1, 4, 2});
  for (int64_t stride : {2, 3, 4})
    for (int64_t taps = 1; taps <= 5; ++taps)
      for (int64_t low = 0; low <= 4; ++low)
        for (const int64_t high : {-1, 0, 3}) {
          SCOPED_TRACE(std::to_string(stride) + " " + std::to_string(taps) + " " +
                       std::to_string(low) + " " + std::to_string(high));
          ops::ConvAttrs attrs;
          attrs.input_dilation = {stride};
          attrs.low = {c.i64(low)};
          attrs.high = {c.i64(high)};
          f.results = {b.conv(x, weights({taps, 2, 1}, 1), attrs)};
          b.expect();
          ir::Function g = f;
          ASSERT_TRUE(graph::testing::run("phase_convolutions", c, g).has_value());
          EXPECT_NE(g.results, f.results);
          const Status sound = ops::verify(c, g);
          ASSERT_TRUE(sound.has_value()) << sound.error().text();
          const std::vector<Tensor> inputs = random_inputs(f, 3);
          const auto want = interp::run(f, inputs);
          const auto got = interp::run(g, inputs);
          ASSERT_TRUE(want.has_value() && got.has_value());
          expect_close(*got, *want, "values");
        }
}

TEST_F(Forms, fields_of_kernels_with_several_results_are_read_directly) {
  const Expr x = input("x", {5});
  const Expr found = b.node(Op::unique, {x}, {{Key::axis, int64_t{-1}}});
  f.results = {b.get(found, 0), b.get(found, 3)};
  b.expect();
  ASSERT_TRUE(graph::testing::run("fuse", c, f).has_value());
  for (Expr result : f.results) {
    ASSERT_EQ(result->op, Op::get);
    EXPECT_EQ(result->operand(0)->op, Op::call_kernel);
    EXPECT_EQ(result->operand(0)->operand(0), x);
  }
}

}  // namespace
}  // namespace tenon::testing
