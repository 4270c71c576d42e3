// What one graph pass makes of one small graph, written as a term, and that it computes the same:
// rules where they apply and next to where they stop.
#include "pass_forms.h"

namespace tenon::testing {
namespace {

// ---- canonicalize

TEST_F(Forms, reshapes_merge) {
  const Expr x = input("x", {2, 3});
  const auto reshape = [&](Expr e, const Ints& shape) {
    return raw(Op::reshape, {e}, {}, f32(shape));
  };
  EXPECT_EQ(after(graph::canonicalize, reshape(reshape(x, {6}), {3, 2})), "reshape(x)");
  EXPECT_EQ(after(graph::canonicalize, reshape(reshape(x, {6}), {2, 3})), "x");
}

TEST_F(Forms, transposes_merge_or_are_reshapes) {
  const Expr x = input("x", {2, 1, 3});
  const auto transpose = [&](Expr e, const Ints& perm) {
    Ints shape;
    for (int64_t p : perm) shape.push_back(*ir::as_int(e->shape()[static_cast<size_t>(p)]));
    return raw(Op::transpose, {e}, {{Key::perm, perm}}, f32(shape));
  };
  EXPECT_EQ(after(graph::canonicalize, transpose(x, {0, 1, 2})), "x");
  EXPECT_EQ(after(graph::canonicalize, transpose(x, {1, 0, 2})), "reshape(x)");
  EXPECT_EQ(after(graph::canonicalize, transpose(x, {0, 2, 1})), "reshape(x)");
  EXPECT_EQ(after(graph::canonicalize, transpose(x, {2, 1, 0})), "transpose[2 1 0](x)");
  EXPECT_EQ(after(graph::canonicalize, transpose(transpose(x, {2, 0, 1}), {1, 0, 2})),
            "reshape(x)");
  const Expr y = input("y", {2, 3, 4});
  EXPECT_EQ(after(graph::canonicalize, transpose(transpose(y, {1, 2, 0}), {1, 0, 2})),
            "transpose[2 1 0](y)");
  EXPECT_EQ(after(graph::canonicalize, transpose(transpose(y, {1, 2, 0}), {2, 0, 1})), "y");
}

TEST_F(Forms, broadcasts_read_through_axes_of_one) {
  const auto broadcast = [&](Expr e, const Ints& dims, const Ints& shape) {
    return raw(Op::broadcast, {e}, {{Key::dims, dims}}, f32(shape));
  };
  const auto reshape = [&](Expr e, const Ints& shape) {
    return raw(Op::reshape, {e}, {}, f32(shape));
  };
  const Expr x = input("x", {3});
  EXPECT_EQ(after(graph::canonicalize, broadcast(x, {0}, {3})), "x");
  EXPECT_EQ(after(graph::canonicalize, broadcast(broadcast(x, {1}, {2, 3}), {0, 2}, {2, 4, 3})),
            "broadcast[2](x)");
  EXPECT_EQ(after(graph::canonicalize, broadcast(reshape(x, {1, 3, 1}), {0, 1, 2}, {2, 3, 4})),
            "broadcast[1](x)");
  EXPECT_EQ(after(graph::canonicalize, broadcast(reshape(x, {3, 1}), {1, 2}, {5, 3, 4})),
            "broadcast[1](x)");
  const Expr six = input("six", {6});
  EXPECT_EQ(after(graph::canonicalize, broadcast(reshape(six, {2, 3}), {1, 2}, {4, 2, 3})),
            "broadcast[1 2](reshape(six))");
  const Expr column = input("column", {2, 1});
  EXPECT_EQ(after(graph::canonicalize, broadcast(reshape(column, {2}), {0}, {2, 3})),
            "broadcast[0](reshape(column))");
  const Expr empty = input("empty", {0});
  EXPECT_EQ(after(graph::canonicalize, broadcast(reshape(empty, {0, 5}), {0, 1}, {0, 5, 2})),
            "broadcast[0 1](reshape(empty))");
  const Expr s = input("s", {});
  EXPECT_EQ(after(graph::canonicalize, broadcast(reshape(s, {1, 1}), {0, 1}, {2, 3})),
            "broadcast[](s)");
}

TEST_F(Forms, slices_and_pads_of_nothing_go) {
  const Expr x = input("x", {4});
  const auto slice = [&](int64_t start, int64_t stride) {
    return raw(Op::slice, {x}, {{Key::starts, literals({start})}, {Key::strides, Ints{stride}}},
               f32({4}));
  };
  EXPECT_EQ(after(graph::canonicalize, slice(0, 1)), "x");
  EXPECT_EQ(after(graph::canonicalize, slice(3, -1)), "slice(x)");
  const auto pad = [&](int64_t low, int64_t high, int64_t interior) {
    return raw(Op::pad, {x, number(0)},
               {{Key::low, literals({low})},
                {Key::high, literals({high})},
                {Key::interior, Ints{interior}}},
               f32({4 + low + high + 3 * interior}));
  };
  EXPECT_EQ(after(graph::canonicalize, pad(0, 0, 0)), "x");
  EXPECT_EQ(after(graph::canonicalize, pad(1, 0, 0)), "pad(x, k)");
  EXPECT_EQ(after(graph::canonicalize, pad(0, 1, 0)), "pad(x, k)");
  EXPECT_EQ(after(graph::canonicalize, pad(0, 0, 1)), "pad(x, k)");
}

TEST_F(Forms, concatenations_flatten) {
  const Expr x = input("x", {2, 3});
  const Expr y = input("y", {2, 3});
  const Expr none = input("none", {0, 3});
  const auto concat = [&](const Exprs& parts, int64_t axis, const Ints& shape) {
    return raw(Op::concat, parts, {{Key::axis, axis}}, f32(shape));
  };
  EXPECT_EQ(after(graph::canonicalize, concat({x}, 0, {2, 3})), "x");
  EXPECT_EQ(after(graph::canonicalize, concat({x, none, y}, 0, {4, 3})), "concat(x, y)");
  EXPECT_EQ(after(graph::canonicalize, concat({none, none}, 0, {0, 3})), "concat(none, none)");
  const Expr two = concat({x, y}, 0, {4, 3});
  EXPECT_EQ(after(graph::canonicalize, concat({two, x}, 0, {6, 3})), "concat(x, y, x)");
  EXPECT_EQ(after(graph::canonicalize, concat({two, two}, 1, {4, 6})),
            "concat(concat(x, y), concat(x, y))");
  EXPECT_EQ(after(graph::canonicalize, Exprs{concat({two, x}, 0, {6, 3}), b.exp(two)}),
            "concat(concat(x, y), x)");
}

TEST_F(Forms, casts_go_where_nothing_was_lost) {
  struct Row {
    DType from, through, to;
    bool one;
  };
  using enum DType;
  const Row rows[] = {
      {f16, f32, f64, true},   {bf16, f32, i32, true}, {f32, f64, i64, true},
      {f32, f64, f16, true},   {f32, f16, f32, false}, {f64, f32, f64, false},
      {f16, bf16, f32, false}, {i8, i32, i64, true},   {i32, i8, i32, false},
      {u8, i32, i64, false},   {f32, i32, f32, false}, {i32, f32, i64, false},
      {i32, i32, i64, true},   {i16, i32, f32, true},
  };
  for (const Row& r : rows) {
    SCOPED_TRACE(std::string(ir::info(r.from).name) + " " + std::string(ir::info(r.through).name));
    f.params.clear();
    const Expr x = input("x", {3}, r.from);
    const Expr inner = raw(Op::cast, {x}, {}, type(r.through, {3}));
    const std::string got = after(graph::canonicalize, raw(Op::cast, {inner}, {}, type(r.to, {3})));
    if (r.to == r.from) {
      EXPECT_EQ(got, r.one ? "x" : "cast(cast(x))");
    } else {
      EXPECT_EQ(got, r.one ? "cast(x)" : "cast(cast(x))");
    }
  }
}

// ---- simplify_algebra

TEST_F(Forms, small_powers_are_products) {
  const Expr x = input("x", {3});
  const auto power = [&](double e) {
    return after(graph::simplify_algebra, raw(Op::pow, {x, all(e, x)}, {}, x->type));
  };
  EXPECT_EQ(power(1), "x");
  EXPECT_EQ(power(2), "mul(x, x)");
  EXPECT_EQ(power(3), "mul(mul(x, x), x)");
  EXPECT_EQ(power(4), "pow(x, broadcast[](k))");
  EXPECT_EQ(power(-1), "pow(x, broadcast[](k))");
  const std::vector<double> both{2, 2, 2};
  EXPECT_EQ(after(graph::simplify_algebra, b.pow(x, b.constant(DType::f32, {3}, both))),
            "pow(x, k)");
  const Expr i = input("i", {3}, DType::i32);
  EXPECT_EQ(after(graph::simplify_algebra,
                  raw(Op::pow, {i, b.full(DType::i32, 2, i->shape())}, {}, i->type)),
            "pow(i, broadcast[](k))");
}

TEST_F(Forms, divisions_by_powers_of_two_are_exact_products) {
  const auto divided = [&](double by, DType dtype = DType::f32) {
    f.params.clear();
    const Expr x = input("x", {3}, dtype);
    const std::string got =
        after(graph::simplify_algebra, raw(Op::div, {x, all(by, x)}, {}, x->type));
    return got.substr(0, got.find('('));
  };
  for (const double by : {2.0, -0.5, 1024.0, 0x1p99, 0x1p-101}) EXPECT_EQ(divided(by), "mul") << by;
  const double inf = std::numeric_limits<double>::infinity();
  for (const double by : {3.0, 0.0, -0.0, inf, 1.5, 0x1p100, 0x1p-102})
    EXPECT_EQ(divided(by), "div") << by;
  EXPECT_EQ(divided(2, DType::f64), "mul");
  EXPECT_EQ(divided(2, DType::f16), "div");
}

TEST_F(Forms, factors_of_one_go) {
  const Expr x = input("x", {3});
  const auto product = [&](Expr l, Expr r) {
    return after(graph::simplify_algebra, raw(Op::mul, {l, r}, {}, x->type));
  };
  EXPECT_EQ(product(x, all(1, x)), "x");
  EXPECT_EQ(product(all(1, x), x), "x");
  EXPECT_EQ(product(x, all(2, x)), "mul(x, broadcast[](k))");
  EXPECT_EQ(product(all(2, x), x), "mul(broadcast[](k), x)");
}

TEST_F(Forms, convolutions_of_one_pixel_are_products) {
  const Expr x = input("x", {1, 4, 5, 2});
  const auto formed = [&](const Ints& kernel, ops::ConvAttrs attrs) {
    return after(graph::simplify_algebra, b.conv(x, weights(kernel, 1), std::move(attrs)));
  };
  const Exprs zero = literals({0, 0});
  EXPECT_EQ(formed({1, 1, 2, 3}, {}), "dot(x, reshape(k))");
  EXPECT_EQ(formed({1, 1, 2, 3}, {.product = "bf16"}), "dot(x, reshape(k))");
  EXPECT_EQ(formed({1, 2, 2, 3}, {}), "conv(x, k)");
  EXPECT_EQ(formed({2, 1, 2, 3}, {}), "conv(x, k)");
  EXPECT_EQ(formed({1, 1, 1, 4}, {.groups = 2}), "conv(x, k)");
  EXPECT_EQ(formed({1, 1, 2, 3}, {.strides = {1, 2}}), "conv(x, k)");
  EXPECT_EQ(formed({1, 1, 2, 3}, {.input_dilation = {2, 1}}), "conv(x, k)");
  EXPECT_EQ(formed({1, 1, 2, 3}, {.low = literals({1, 0}), .high = zero}), "conv(x, k)");
  EXPECT_EQ(formed({1, 1, 2, 3}, {.low = zero, .high = literals({0, 1})}), "conv(x, k)");
}

TEST_F(Forms, taps_that_read_padding_only_are_cut) {
  const auto formed = [&](int64_t taps, int64_t low, int64_t high, int64_t dilation = 1) {
    f.params.clear();
    const Expr x = input("x", {1, 2, 1});
    ops::ConvAttrs attrs;
    attrs.low = literals({low});
    attrs.high = literals({high});
    attrs.dilation = {dilation};
    return after(graph::simplify_algebra, b.conv(x, weights({taps, 1, 1}, 1), attrs));
  };
  EXPECT_EQ(formed(3, 1, 1), "conv(x, k)");
  EXPECT_EQ(formed(3, 2, 2), "conv(x, k)");  // 4 positions: every tap is useful somewhere
  EXPECT_EQ(formed(3, 2, 2, 2), "dot(x, reshape(slice(k)))");
  EXPECT_EQ(formed(5, 2, 2), "conv(x, slice(k))");
  EXPECT_EQ(formed(4, 2, 0), "conv(x, slice(k))");
}

TEST_F(Forms, taps_of_spread_or_cropped_inputs_stay) {
  const Expr x = input("x", {1, 2, 1});
  const auto formed = [&](ops::ConvAttrs attrs) {
    return after(graph::simplify_algebra, b.conv(x, weights({5, 1, 1}, 1), std::move(attrs)));
  };
  EXPECT_EQ(formed({.input_dilation = {2}, .low = literals({2}), .high = literals({2})}),
            "conv(x, k)");
  EXPECT_EQ(formed({.low = literals({-1}), .high = literals({6})}), "conv(x, k)");
  EXPECT_EQ(formed({.low = literals({6}), .high = literals({-1})}), "conv(x, k)");
}

// ---- common_subexpressions, dead_code, fold_constants

TEST_F(Forms, commutative_operands_are_ordered) {
  const Expr x = input("x", {3});
  const Expr y = input("y", {3});
  const std::vector<double> values{1, 2, 3};
  const Expr k = b.constant(DType::f32, {3}, values);
  EXPECT_EQ(after(graph::common_subexpressions, b.add(y, x)), "add(x, y)");
  EXPECT_EQ(after(graph::common_subexpressions, b.add(x, y)), "add(x, y)");
  EXPECT_EQ(after(graph::common_subexpressions, b.mul(k, x)), "mul(x, k)");
  EXPECT_EQ(after(graph::common_subexpressions, b.sub(k, x)), "sub(k, x)");
  const Expr i = input("i", {3}, DType::i32);
  const Expr j = input("j", {3}, DType::i32);
  for (const Op op : {Op::and_, Op::or_, Op::xor_, Op::eq, Op::ne})
    EXPECT_EQ(after(graph::common_subexpressions, b.binary(op, j, i)),
              std::string(ir::info(op).name) + "(i, j)");
  EXPECT_EQ(after(graph::common_subexpressions, b.lt(j, i)), "lt(j, i)");
}

TEST_F(Forms, what_depends_on_constants_alone_is_a_constant) {
  const std::vector<double> values{1, 2, 3};
  const Expr k = b.constant(DType::f32, {3}, values);
  EXPECT_EQ(after(graph::fold_constants, b.exp(k)), "k");
  EXPECT_EQ(after(graph::fold_constants, b.add(b.exp(k), b.neg(k))), "k");
  const Exprs wide = literals({4, 3});
  EXPECT_EQ(after(graph::fold_constants, b.broadcast_to(k, wide)), "broadcast[1](k)");
  EXPECT_EQ(after(graph::fold_constants, b.exp(b.broadcast_to(k, wide))), "broadcast[1](k)");
  EXPECT_EQ(
      after(graph::fold_constants, b.add(b.broadcast_to(k, wide), b.broadcast_to(b.neg(k), wide))),
      "broadcast[1](k)");
  EXPECT_EQ(after(graph::fold_constants, b.iota(DType::i64, wide, 0)), "iota()");
  const Expr x = input("x", {3});
  EXPECT_EQ(after(graph::fold_constants, b.add(x, b.exp(k))), "add(x, k)");
}

TEST_F(Forms, constants_that_would_grow_much_stay_operators) {
  const auto outer = [&](int64_t n) {
    return after(graph::fold_constants, b.dot(weights({n}, 1), weights({n}, 2), {}, {}, {}, {}));
  };
  EXPECT_EQ(outer(256), "k");  // 16 times 4096
  EXPECT_EQ(outer(257), "dot(k, k)");
}

TEST_F(Forms, captured_values_that_nothing_reads_go) {
  const Expr go = input("go", {}, DType::boolean);
  const Expr x = input("x", {2});
  const Expr y = input("y", {2});
  const auto body = [&](const Exprs& params, const Exprs& results) -> const ir::Function* {
    auto g = std::make_unique<ir::Function>();
    g->name = "body";
    g->params = params;
    g->results = results;
    return c.add(std::move(g));
  };
  const Expr p = c.param("p", f32({2}));
  const Expr q = c.param("q", f32({2}));
  const auto choose = [&](Expr left, Expr right) {
    return b.get(b.node(Op::if_, {go, x, y},
                        {{Key::then, body({p, q}, {left})}, {Key::else_, body({p, q}, {right})}}),
                 0);
  };
  EXPECT_EQ(after(graph::dead_code, choose(p, q)), "get(if(go, x, y))");
  EXPECT_EQ(after(graph::dead_code, choose(p, b.exp(p))), "get(if(go, x))");
  EXPECT_EQ(after(graph::dead_code, choose(q, q)), "get(if(go, y))");
  const Expr trips = input("trips", {}, DType::i64);
  const Expr i = c.param("i", c.index());
  const Expr carried = c.param("carried", f32({2}));
  const auto repeat = [&](Expr next) {
    const Expr again = b.scalar(DType::boolean, 1);
    return b.get(b.node(Op::loop, {trips, b.scalar(DType::boolean, 1), x, y},
                        {{Key::body, body({i, carried, q}, {again, next})},
                         {Key::carried, int64_t{1}},
                         {Key::stacked, int64_t{0}}}),
                 0);
  };
  EXPECT_EQ(after(graph::dead_code, repeat(b.add(carried, q))), "get(loop(trips, k, x, y))");
  EXPECT_EQ(after(graph::dead_code, repeat(b.neg(carried))), "get(loop(trips, k, x))");
  EXPECT_EQ(after(graph::dead_code, repeat(b.neg(q))), "get(loop(trips, k, x, y))");
  // Constants are read where they are used; what a loop carries is a value of its own.
  const std::vector<double> values{1, 2};
  const Expr k = b.constant(DType::f32, {2}, values);
  const Expr again = b.scalar(DType::boolean, 1);
  const Expr loop = b.node(Op::loop, {trips, again, k, k},
                           {{Key::body, body({i, carried, q}, {again, b.add(carried, q)})},
                            {Key::carried, int64_t{1}},
                            {Key::stacked, int64_t{0}}});
  EXPECT_EQ(after(graph::canonicalize, b.get(loop, 0)), "get(loop(trips, k, k))");
}

}  // namespace
}  // namespace tenon::testing
