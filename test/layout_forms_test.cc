// What the passes that move transposes, scales and padding make of small graphs: rules where they
// apply and next to where they stop.
#include "pass_forms.h"

namespace tenon::testing {
namespace {

// ---- sink_transposes

struct Sink : Forms {
  Expr x = input("x", {2, 3, 4});
  Expr y = input("y", {2, 3, 4});
  std::string sunk(Expr e) { return after(graph::sink_transposes, e); }
  Expr turned(Expr e, Ints perm = {2, 0, 1}) { return b.transpose(e, std::move(perm)); }
};

TEST_F(Sink, through_pointwise_work) {
  EXPECT_EQ(sunk(b.exp(turned(x))), "transpose[2 0 1](exp(x))");
  EXPECT_EQ(sunk(b.add(turned(x), turned(y))), "transpose[2 0 1](add(x, y))");
  EXPECT_EQ(sunk(b.mul(turned(x), 2.0)), "transpose[2 0 1](mul(x, broadcast[](k)))");
  const Expr other = input("other", {4, 2, 3});
  EXPECT_EQ(sunk(b.add(turned(x), other)), "add(transpose[2 0 1](x), other)");
  EXPECT_EQ(sunk(b.add(other, turned(x))), "add(other, transpose[2 0 1](x))");
}

TEST_F(Sink, channels_go_last_at_the_price_of_another_move) {
  const Expr image = input("image", {1, 4, 5, 3});
  const Expr first = input("first", {1, 3, 4, 5});
  EXPECT_EQ(sunk(b.add(turned(image, {0, 3, 1, 2}), first)),
            "transpose[0 3 1 2](add(image, transpose[0 2 3 1](first)))");
  const Expr swapped = input("swapped", {1, 4, 3, 5});
  EXPECT_EQ(sunk(b.add(turned(image, {0, 1, 3, 2}), swapped)),
            "add(transpose[0 1 3 2](image), swapped)");
  // Of two moves the channels' one is kept.
  const Expr mixed = input("mixed", {3, 2, 4, 5});
  const Expr two = input("two", {2, 4, 5, 3});
  EXPECT_EQ(sunk(b.add(turned(mixed, {1, 0, 2, 3}), turned(two, {0, 3, 1, 2}))),
            "transpose[0 3 1 2](add(transpose[1 2 3 0](mixed), two))");
  const Expr line = input("line", {1, 5, 3});
  const Expr plain = input("plain", {1, 3, 5});
  EXPECT_EQ(sunk(b.add(turned(line, {0, 2, 1}), plain)), "add(transpose[0 2 1](line), plain)");
}

TEST_F(Sink, through_operators_with_axes) {
  const Exprs low = literals({1, 0, 2});
  const Exprs high = literals({0, 3, 0});
  EXPECT_EQ(sunk(b.pad(turned(x), number(7), low, high, {0, 1, 0})), "transpose[2 0 1](pad(x, k))");
  EXPECT_EQ(sunk(b.pad(x, number(7), low, high)), "pad(x, k)");
  EXPECT_EQ(sunk(b.window("max", turned(x), {.size = {2, 1, 3}, .strides = {1, 1, 2}})),
            "transpose[2 0 1](window(x))");
  EXPECT_EQ(sunk(b.slice_axis(turned(x), 0, 1, 2)), "transpose[2 0 1](slice(x))");
  EXPECT_EQ(sunk(b.reduce_sum(turned(x), {0})), "reduce(x)");
  EXPECT_EQ(sunk(b.reduce_sum(turned(x, {2, 1, 0}), {1})), "transpose[1 0](reduce(x))");
  EXPECT_EQ(sunk(b.reduce_sum(turned(x, {2, 1, 0}), {0, 2})), "reduce(x)");
  const Expr rows = input("rows", {5}, DType::i64);
  const Expr table = input("table", {2, 2}, DType::i64);
  EXPECT_EQ(sunk(b.gather(turned(x), rows, 0)), "transpose[2 0 1](gather(x, rows))");
  EXPECT_EQ(sunk(b.gather(turned(x), table, 2)), "gather(transpose[2 0 1](x), table)");
}

TEST_F(Sink, through_broadcasts_that_keep_the_axes) {
  const Expr one = input("one", {2, 1, 4});
  const Expr wide = raw(Op::broadcast, {turned(one)}, {{Key::dims, Ints{0, 1, 2}}}, f32({4, 2, 3}));
  EXPECT_EQ(sunk(wide), "transpose[2 0 1](broadcast[0 1 2](one))");
  const Expr more =
      raw(Op::broadcast, {turned(x)}, {{Key::dims, Ints{0, 2, 3}}}, f32({4, 5, 2, 3}));
  EXPECT_EQ(sunk(more), "broadcast[0 2 3](transpose[2 0 1](x))");
}

TEST_F(Sink, through_concatenations_that_mostly_are_moved) {
  const auto joined = [&](const Exprs& parts) { return sunk(b.concat(parts, 0)); };
  const Expr other = input("other", {4, 2, 3});
  EXPECT_EQ(joined({turned(x), turned(y)}), "transpose[2 0 1](concat(x, y))");
  EXPECT_EQ(joined({turned(x), other}), "concat(transpose[2 0 1](x), other)");
  const Expr image = input("image", {1, 4, 5, 3});
  const Expr first = input("first", {1, 3, 4, 5});
  const auto moved = turned(image, {0, 3, 1, 2});
  EXPECT_EQ(sunk(b.concat(Exprs{moved, first}, 1)),
            "transpose[0 3 1 2](concat(image, transpose[0 2 3 1](first)))");
  EXPECT_EQ(sunk(b.concat(Exprs{moved, first, first}, 1)),
            "concat(transpose[0 3 1 2](image), first, first)");
}

TEST_F(Sink, into_products_whose_free_axes_stay_in_order) {
  const Expr m = input("m", {3, 5});
  const Expr w = input("w", {5, 7});
  EXPECT_EQ(sunk(b.matmul(b.transpose(input("t", {5, 3}), {1, 0}), w)), "dot(t, w)");
  EXPECT_EQ(sunk(b.matmul(m, b.transpose(input("u", {7, 5}), {1, 0}))), "dot(m, u)");
  const Expr v = input("v", {3, 2, 5});
  EXPECT_EQ(sunk(b.dot(b.transpose(v, {1, 0, 2}), w, {}, {}, {2}, {0})),
            "dot(transpose[1 0 2](v), w)");
  const Expr batch = input("batch", {2, 5, 7});
  EXPECT_EQ(sunk(b.dot(b.transpose(v, {1, 0, 2}), batch, {0}, {0}, {2}, {1})), "dot(v, batch)");
}

TEST_F(Sink, through_reshapes_of_products) {
  const Expr m = input("m", {6, 5});
  const Expr w = input("w", {5, 4});
  const Expr product = b.reshape(b.matmul(m, w), Ints{2, 3, 4});
  EXPECT_EQ(sunk(b.exp(product)), "reshape(exp(dot(m, w)))");
  EXPECT_EQ(sunk(b.add(product, x)), "reshape(add(dot(m, w), reshape(x)))");
  EXPECT_EQ(sunk(b.mul(product, 2.0)), "reshape(mul(dot(m, w), broadcast[](k)))");
  const auto vector = [&](int64_t extent, int64_t axis) {
    const Expr small = input("v", {extent});
    return raw(Op::broadcast, {small}, {{Key::dims, Ints{axis}}}, f32({2, 3, 4}));
  };
  EXPECT_EQ(sunk(b.add(product, vector(4, 2))), "reshape(add(dot(m, w), broadcast[1](v)))");
  EXPECT_EQ(sunk(b.add(product, vector(3, 1))), "add(reshape(dot(m, w)), broadcast[1](v))");
  EXPECT_EQ(sunk(b.add(product, vector(1, 2))), "add(reshape(dot(m, w)), broadcast[2](v))");
  EXPECT_EQ(sunk(b.exp(b.reshape(input("p", {6}), Ints{2, 3}))), "exp(reshape(p))");
}

// ---- hoist_transposes

TEST_F(Forms, transposes_move_where_four_times_less_is_moved) {
  const Expr x = input("x", {2, 3});
  const auto moved = [&](int64_t times) {
    const Expr wide = raw(Op::broadcast, {x}, {{Key::dims, Ints{1, 2}}}, f32({times, 2, 3}));
    return after(graph::hoist_transposes, b.transpose(wide, {2, 1, 0}));
  };
  EXPECT_EQ(moved(4), "broadcast[0 1](transpose[1 0](x))");
  EXPECT_EQ(moved(3), "transpose[2 1 0](broadcast[1 2](x))");
  const Expr wide = raw(Op::broadcast, {x}, {{Key::dims, Ints{1, 2}}}, f32({4, 2, 3}));
  EXPECT_EQ(after(graph::hoist_transposes, b.transpose(b.exp(wide), {2, 1, 0})),
            "exp(broadcast[0 1](transpose[1 0](x)))");
  EXPECT_EQ(after(graph::hoist_transposes, Exprs{b.transpose(b.exp(wide), {2, 1, 0}), wide}),
            "transpose[2 1 0](exp(broadcast[1 2](x)))");
  const Expr table = input("table", {4, 2}, DType::i64);
  EXPECT_EQ(after(graph::hoist_transposes, b.transpose(b.gather(x, table, 1), {2, 1, 0})),
            "transpose[2 1 0](gather(x, table))");
}

TEST_F(Forms, what_takes_a_node_s_place_takes_its_location) {
  const Expr x = input("x", {2, 3});
  const Expr wide = raw(Op::broadcast, {x}, {{Key::dims, Ints{1, 2}}}, f32({4, 2, 3}));
  const Expr moved = b.transpose(wide, {2, 1, 0});
  const Expr turned = b.exp(b.transpose(x, {1, 0}));
  c.set_location(moved, "moved");
  c.set_location(turned, "turned");
  for (const auto pass : {graph::hoist_transposes, graph::sink_transposes}) {
    ir::Function g = f;
    g.results = {moved, turned};
    ASSERT_TRUE(pass(c, g).has_value());
    EXPECT_EQ(c.location(g.results[0]), "moved");
    EXPECT_EQ(c.location(g.results[1]), "turned");
  }
}

// ---- absorb_scales

struct Absorb : Forms {
  Expr x = input("x", {2, 5});
  Expr product = b.matmul(x, weights({5, 3}, 1));
  Expr channels(unsigned seed) {
    return raw(Op::broadcast, {weights({3}, seed)}, {{Key::dims, Ints{1}}}, product->type);
  }
  std::string absorbed(Expr e) { return after(graph::absorb_scales, e); }
};

TEST_F(Absorb, factors_go_into_weights) {
  EXPECT_EQ(absorbed(b.mul(product, channels(2))), "dot(x, mul(k, broadcast[1](k)))");
  EXPECT_EQ(absorbed(b.mul(channels(2), product)), "dot(x, mul(k, broadcast[1](k)))");
  EXPECT_EQ(absorbed(b.mul(product, all(3, product))), "dot(x, mul(k, broadcast[](k)))");
  const Expr row =
      raw(Op::broadcast, {weights({1, 3}, 2)}, {{Key::dims, Ints{0, 1}}}, product->type);
  EXPECT_EQ(absorbed(b.mul(product, row)), "dot(x, mul(k, broadcast[1](reshape(k))))");
  const Expr rows =
      raw(Op::broadcast, {weights({2, 1}, 2)}, {{Key::dims, Ints{0, 1}}}, product->type);
  EXPECT_EQ(absorbed(b.mul(product, rows)), "mul(dot(x, k), broadcast[0 1](k))");
  EXPECT_EQ(after(graph::absorb_scales, Exprs{b.mul(product, channels(2)), product}),
            "mul(dot(x, k), broadcast[1](k))");
  const Expr image = input("image", {1, 4, 4, 2});
  const Expr conv = b.conv(image, weights({3, 3, 2, 3}, 1), {});
  const Expr scale = raw(Op::broadcast, {weights({3}, 2)}, {{Key::dims, Ints{3}}}, conv->type);
  EXPECT_EQ(absorbed(b.mul(conv, scale)), "conv(image, mul(k, broadcast[3](k)))");
}

TEST_F(Absorb, only_along_the_last_axis_of_the_weights) {
  const Expr first = b.dot(x, weights({3, 5}, 1), {}, {}, {1}, {1});  // contracts it
  EXPECT_EQ(absorbed(b.mul(first, channels(2))), "mul(dot(x, k), broadcast[1](k))");
  const Expr number_of = b.dot(x, number(2), {}, {}, {}, {});
  const Expr scale = raw(Op::broadcast, {weights({5}, 2)}, {{Key::dims, Ints{1}}}, number_of->type);
  EXPECT_EQ(absorbed(b.mul(number_of, scale)), "mul(dot(x, k), broadcast[1](k))");
  const Expr w = input("w", {5, 3});
  EXPECT_EQ(absorbed(b.mul(b.matmul(x, w), channels(2))), "mul(dot(x, w), broadcast[1](k))");
  const Expr batched = b.dot(x, weights({5, 2}, 1), {0}, {1}, {1}, {0});
  const Expr two = raw(Op::broadcast, {weights({2}, 2)}, {{Key::dims, Ints{0}}}, batched->type);
  EXPECT_EQ(absorbed(b.mul(batched, two)), "mul(dot(x, k), broadcast[0](k))");
}

TEST_F(Absorb, biases_are_scaled_beside) {
  const std::string scaled =
      "(dot(x, mul(k, broadcast[1](k))), mul(broadcast[1](k), broadcast[1](k)))";
  EXPECT_EQ(absorbed(b.mul(b.add(product, channels(2)), channels(3))), "add" + scaled);
  EXPECT_EQ(absorbed(b.mul(b.add(channels(2), product), channels(3))), "add" + scaled);
  EXPECT_EQ(absorbed(b.mul(b.sub(product, channels(2)), channels(3))), "sub" + scaled);
  EXPECT_EQ(absorbed(b.mul(b.sub(channels(2), product), channels(3))),
            "mul(sub(broadcast[1](k), dot(x, k)), broadcast[1](k))");
  EXPECT_EQ(absorbed(b.mul(b.max(product, channels(2)), channels(3))),
            "mul(max(dot(x, k), broadcast[1](k)), broadcast[1](k))");
  const Expr sum = b.add(product, channels(2));
  EXPECT_EQ(after(graph::absorb_scales, Exprs{b.mul(sum, channels(3)), sum}),
            "mul(add(dot(x, k), broadcast[1](k)), broadcast[1](k))");
  EXPECT_EQ(after(graph::absorb_scales, Exprs{b.mul(sum, channels(3)), product}),
            "mul(add(dot(x, k), broadcast[1](k)), broadcast[1](k))");
  const Expr y = input("y", {2, 3});
  EXPECT_EQ(absorbed(b.mul(b.add(product, y), channels(3))),
            "mul(add(dot(x, k), y), broadcast[1](k))");
}

TEST_F(Absorb, two_biases_are_one) {
  const std::string one = "add(dot(x, k), add(broadcast[1](k), broadcast[1](k)))";
  const Expr sum = b.add(product, channels(2));
  EXPECT_EQ(absorbed(b.add(sum, channels(3))), one);
  EXPECT_EQ(absorbed(b.add(channels(3), sum)), one);
  EXPECT_EQ(absorbed(b.add(b.add(channels(2), product), channels(3))), one);
  EXPECT_EQ(after(graph::absorb_scales, Exprs{b.add(sum, channels(3)), sum}),
            "add(add(dot(x, k), broadcast[1](k)), broadcast[1](k))");
  const Expr y = input("y", {2, 3});
  EXPECT_EQ(absorbed(b.add(sum, y)), "add(add(dot(x, k), broadcast[1](k)), y)");
  EXPECT_EQ(absorbed(b.add(b.add(y, channels(2)), channels(3))),
            "add(add(y, broadcast[1](k)), broadcast[1](k))");
}

// ---- materialize_padding, phase_convolutions

TEST_F(Forms, padded_convolutions_and_windows_read_a_padded_copy) {
  const Expr x = input("x", {1, 4, 2});
  const auto conv = [&](int64_t low, int64_t high, int64_t dilation) {
    ops::ConvAttrs attrs;
    attrs.low = literals({low});
    attrs.high = literals({high});
    attrs.input_dilation = {dilation};
    return after(graph::materialize_padding, b.conv(x, weights({3, 2, 3}, 1), attrs));
  };
  EXPECT_EQ(conv(0, 0, 1), "conv(x, k)");
  for (const auto& [low, high, dilation] :
       {std::tuple{1, 0, 1}, {0, 1, 1}, {0, 0, 2}, {2, 1, 3}, {-1, 0, 1}})
    EXPECT_EQ(conv(low, high, dilation), "conv(pad(x, k), k)") << low << high << dilation;
  const Expr whole = input("whole", {1, 4, 2}, DType::i32);
  const auto window = [&](Expr e, const char* kind, int64_t low, int64_t high) {
    ops::WindowAttrs attrs;
    attrs.size = {1, 3, 1};
    attrs.low = literals({0, low, 0});
    attrs.high = literals({0, high, 0});
    return after(graph::materialize_padding, b.window(kind, e, attrs));
  };
  for (const char* kind : {"sum", "max", "min", "prod"}) {
    EXPECT_EQ(window(x, kind, 0, 0), "window(x)");
    EXPECT_EQ(window(x, kind, 1, 0), "window(pad(x, k))");
    EXPECT_EQ(window(x, kind, 0, 2), "window(pad(x, k))");
  }
  EXPECT_EQ(window(whole, "max", 1, 1), "window(whole)");
}

TEST_F(Forms, transposed_convolutions_that_have_no_phases_stay) {
  const Expr x = input("x", {1, 4, 2});
  const auto formed = [&](ops::ConvAttrs attrs) {
    return after(graph::phase_convolutions, b.conv(x, weights({3, 2, 4}, 1), std::move(attrs)));
  };
  EXPECT_NE(formed({.input_dilation = {2}}).find("slice(reshape("), std::string::npos);
  EXPECT_EQ(formed({.input_dilation = {1}}), "conv(x, k)");
  EXPECT_EQ(formed({.strides = {2}, .input_dilation = {2}}), "conv(x, k)");
  EXPECT_EQ(formed({.dilation = {2}, .input_dilation = {2}}), "conv(x, k)");
  EXPECT_EQ(formed({.input_dilation = {2}, .low = literals({-1}), .high = literals({1})}),
            "conv(x, k)");
}

TEST_F(Forms, phases_of_every_padding_compute_the_same) {
  const Expr x = input("x", {1, 4, 2});
  for (int64_t stride : {2, 3, 4})
    for (int64_t taps = 1; taps <= 5; ++taps)
      for (int64_t low = 0; low <= 4; ++low)
        for (const int64_t high : {-1, 0, 3}) {
          ops::ConvAttrs attrs;
          attrs.input_dilation = {stride};
          attrs.low = literals({low});
          attrs.high = literals({high});
          SCOPED_TRACE(std::to_string(stride) + " " + std::to_string(taps) + " " +
                       std::to_string(low) + " " + std::to_string(high));
          (void)after(graph::phase_convolutions, b.conv(x, weights({taps, 2, 1}, 1), attrs));
        }
}

// ---- passes by name, fusion

TEST(PassTable, finds_passes_by_name) {
  for (const graph::Pass& p : graph::passes()) EXPECT_EQ(graph::find_pass(p.name), &p) << p.name;
  EXPECT_EQ(graph::find_pass("none"), nullptr);
}

TEST_F(Forms, fields_of_kernels_with_several_results_are_read_directly) {
  const Expr x = input("x", {5});
  const Expr found = b.node(Op::unique, {x}, {{Key::axis, int64_t{-1}}});
  f.results = {b.get(found, 0), b.get(found, 3)};
  b.expect();
  ASSERT_TRUE(graph::fuse_pass(c, f).has_value());
  EXPECT_EQ(form(f.results[0]), "get(call_kernel(x))");
  EXPECT_EQ(form(f.results[1]), "get(call_kernel(x))");
}

// ---- decompose, fold_constants

TEST_F(Forms, composites_become_their_bodies) {
  const Expr x = input("x", {2, 3});
  const std::string inlined =
      after(graph::decompose, composite("layer_norm", {x, weights({3}, 1)}, {}));
  EXPECT_EQ(inlined.find("call("), std::string::npos) << inlined;
  EXPECT_EQ(inlined.find("tuple("), std::string::npos) << inlined;
}

TEST_F(Forms, constants_that_cannot_be_evaluated_stay_for_the_run) {
  const std::vector<int64_t> beyond{7};
  const Expr bad = raw(Op::gather, {weights({3}, 1), b.constant_i(DType::i64, {1}, beyond)},
                       {{Key::axis, int64_t{0}}}, f32({1}));
  ir::Function g;
  g.results = {bad};
  ASSERT_TRUE(graph::fold_constants(c, g).has_value());
  EXPECT_EQ(form(g.results[0]), "gather(k, k)");
  EXPECT_FALSE(interp::run(g, {}).has_value());
}

}  // namespace
}  // namespace tenon::testing
