// Builders, broadcasting and local folds.
#include "ops/build.h"

#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Op;
using testing::param;

struct BuildTest : ::testing::Test {
  Context c;
  Builder b{c};
  Expr n = c.var("n");
  Expr m = c.var("m");

  Expr of_shape(const Ints& extents) {
    std::vector<Expr> shape;
    for (int64_t extent : extents) shape.push_back(c.i64(extent));
    return symbolic(DType::f32, shape);
  }
  Expr symbolic(DType type, std::vector<Expr> shape) { return c.param("s", c.tensor(type, shape)); }
};

TEST_F(BuildTest, binary_broadcasts_as_numpy_does) {
  const Expr y = b.add(param(c, DType::f32, {3, 1, 5}), param(c, DType::f32, {4, 1}));
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(y->type, c.tensor(DType::f32, {3, 4, 5}));
}

TEST_F(BuildTest, broadcast_takes_the_literal_extent) {
  const std::vector<Expr> a{n, c.i64(4)};
  const std::vector<Expr> d{c.i64(7), c.i64(1)};
  EXPECT_EQ(b.merge_shapes({a, d}), b.i64s({7, 4}));
  EXPECT_TRUE(b.ok());
}

TEST_F(BuildTest, broadcast_takes_symbols_for_equal) {
  const std::vector<Expr> a{n};
  const std::vector<Expr> d{m};
  EXPECT_EQ(b.merge_shapes({a, d}), a);
  EXPECT_TRUE(b.ok());
  const std::vector<Expr> e{ir::add(c, n, c.i64(1))};
  (void)b.merge_shapes({a, e});
  EXPECT_EQ(testing::code_of(b.status()), "broadcast.C3");
}

TEST_F(BuildTest, builder_keeps_the_first_refusal) {
  const Expr x = b.add(param(c, DType::f32, {3}), param(c, DType::f32, {4}));
  const Expr y = b.exp(b.cast(x, DType::i32));
  EXPECT_NE(y, nullptr);
  EXPECT_EQ(testing::code_of(b.status()), "broadcast.C3");
}

TEST_F(BuildTest, build_refuses_wrong_arity_and_tuples) {
  const Expr x = param(c, DType::f32, {3});
  EXPECT_EQ(testing::code_of(build(c, Op::add, std::vector<Expr>{x})), "add.arity");
  const Expr t = b.tuple(std::vector<Expr>{x, x});
  EXPECT_EQ(testing::code_of(build(c, Op::exp, std::vector<Expr>{t})), "exp.operand");
}

TEST_F(BuildTest, neutral_elements_fold) {
  const Expr x = param(c, DType::f32, {2, 3});
  EXPECT_EQ(b.mul(x, 1.0), x);
  EXPECT_EQ(b.div(x, 1.0), x);
  EXPECT_EQ(b.sub(x, 0.0), x);
  EXPECT_EQ(b.add(x, -0.0), x);
  EXPECT_NE(b.add(x, 0.0), x) << "-0 + 0 is +0";
  EXPECT_NE(b.mul(x, 0.0), b.scalar(DType::f32, 0));
  const Expr i = param(c, DType::i32, {2, 3});
  EXPECT_EQ(b.add(i, 0.0), i);
  EXPECT_EQ(b.add(b.scalar(DType::i32, 0), i), i);
  const Expr p = param(c, DType::boolean, {2});
  EXPECT_EQ(b.binary(Op::and_, p, b.scalar(DType::boolean, 1)), p);
  EXPECT_EQ(b.unary(Op::not_, b.unary(Op::not_, p)), p);
  EXPECT_EQ(b.binary(Op::max, x, x), x);
}

TEST_F(BuildTest, neutral_element_that_stretches_does_not_fold) {
  const Expr x = param(c, DType::f32, {1});
  const std::vector<Expr> wide{c.i64(4)};
  const Expr y = b.mul(x, b.full(DType::f32, 1, wide));
  EXPECT_EQ(y->type, c.tensor(DType::f32, {4}));
}

TEST_F(BuildTest, movement_identities_fold) {
  const Expr x = param(c, DType::f32, {2, 3});
  EXPECT_EQ(b.reshape(x, b.i64s({2, 3})), x);
  EXPECT_EQ(b.reshape(b.reshape(x, b.i64s({6})), b.i64s({2, 3})), x);
  EXPECT_EQ(b.transpose(x, {0, 1}), x);
  EXPECT_EQ(b.transpose(b.transpose(x, {1, 0}), {1, 0}), x);
  EXPECT_EQ(b.cast(x, DType::f32), x);
  EXPECT_EQ(b.slice_axis(x, 0, c.i64(0), c.i64(2)), x);
  EXPECT_NE(b.slice_axis(x, 0, c.i64(1), c.i64(2), -1), x);
  EXPECT_EQ(b.concat(std::vector<Expr>{x}, 0), x);
  EXPECT_EQ(b.get(b.tuple(std::vector<Expr>{x, x}), 1), x);
  EXPECT_EQ(b.reduce("sum", x, {}), x);
  EXPECT_EQ(b.squeeze(b.unsqueeze(x, {1}), {1}), x);
  EXPECT_EQ(b.reduce("max", b.unsqueeze(x, {0}), {0}), x);
  EXPECT_TRUE(b.ok());
}

TEST_F(BuildTest, broadcast_of_broadcast_joins) {
  const Expr x = param(c, DType::f32, {3});
  const std::vector<Expr> two{c.i64(2), c.i64(3)};
  const std::vector<Expr> three{c.i64(4), c.i64(2), c.i64(3)};
  const Expr y = b.broadcast_to(b.broadcast_to(x, two), three);
  EXPECT_EQ(y->operand(0), x);
  EXPECT_EQ(y->ints_attr(ir::Key::dims), Ints{2});
}

TEST_F(BuildTest, broadcast_that_stretches_twice_stays) {
  const Expr x = param(c, DType::f32, {1});
  const std::vector<Expr> two{c.i64(3)};
  const std::vector<Expr> three{c.i64(4), c.i64(3)};
  const Expr y = b.broadcast_to(b.broadcast_to(x, two), three);
  const Tensor got = testing::eval(b.broadcast_to(x, three), {testing::of(DType::f32, {1}, {5})});
  EXPECT_EQ(y->type, c.tensor(DType::f32, {4, 3}));
  EXPECT_EQ(got.get_f(11), 5);
}

TEST_F(BuildTest, select_folds_by_its_condition) {
  const Expr x = param(c, DType::f32, {2});
  const Expr y = param(c, DType::f32, {2});
  EXPECT_EQ(b.select(b.scalar(DType::boolean, 1), x, y), x);
  EXPECT_EQ(b.select(b.scalar(DType::boolean, 0), x, y), y);
}

TEST_F(BuildTest, matmul_follows_numpy) {
  const Expr x = param(c, DType::f32, {5, 1, 2, 3});
  const Expr w = param(c, DType::f32, {4, 3, 7});
  EXPECT_EQ(b.matmul(x, w)->type, c.tensor(DType::f32, {5, 4, 2, 7}));
  EXPECT_EQ(b.matmul(param(c, DType::f32, {3}), param(c, DType::f32, {3}))->type,
            c.tensor(DType::f32, {}));
  EXPECT_EQ(b.matmul(param(c, DType::f32, {3}), param(c, DType::f32, {6, 3, 2}))->type,
            c.tensor(DType::f32, {6, 2}));
  EXPECT_EQ(b.matmul(x, param(c, DType::f32, {3}))->type, c.tensor(DType::f32, {5, 1, 2}));
  EXPECT_TRUE(b.ok());
}

TEST_F(BuildTest, mean_divides_by_a_symbolic_count) {
  const Expr x = symbolic(DType::f32, {n, c.i64(4)});
  const Expr mean = b.mean(x, {0, 1});
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(mean->op, Op::div);
  EXPECT_EQ(b.mean(x, {-1}, true)->rank(), 2);
}

TEST_F(BuildTest, shapes_of_literals_are_constants) {
  EXPECT_EQ(b.shape_of(param(c, DType::f32, {2, 3}))->op, Op::constant);
  EXPECT_EQ(b.shape_of(symbolic(DType::f32, {n}))->op, Op::from_scalars);
}

TEST_F(BuildTest, splat_sees_through_movement) {
  const std::vector<Expr> shape{n, c.i64(3)};
  const Expr k = splat_value(c, b.full(DType::f32, 2.5, shape));
  ASSERT_NE(k, nullptr);
  EXPECT_EQ(k->float_attr(ir::Key::value), 2.5);
  EXPECT_EQ(splat_value(c, param(c, DType::f32, {})), nullptr);
}

TEST_F(BuildTest, every_operator_refuses_too_few_and_too_many_operands) {
  const Expr x = param(c, DType::f32, {3});
  EXPECT_EQ(testing::code_of(build(c, Op::exp, {})), "exp.arity");
  EXPECT_EQ(testing::code_of(build(c, Op::exp, std::vector<Expr>{x, x})), "exp.arity");
  EXPECT_EQ(testing::code_of(build(c, Op::exp, std::vector<Expr>{x})), "");
  EXPECT_EQ(b.concat(std::vector<Expr>(9, x), 0)->type, c.tensor(DType::f32, {27}));
}

TEST_F(BuildTest, axes_count_from_both_ends) {
  const Expr x = param(c, DType::f32, {2, 3});
  EXPECT_EQ(b.reduce("sum", x, {-2})->type, c.tensor(DType::f32, {3}));
  EXPECT_EQ(b.reduce("sum", x, {1, -2}, true)->type, c.tensor(DType::f32, {1, 1}));
  EXPECT_EQ(b.arg_reduce("max", x, -1)->type, c.tensor(DType::i64, {2}));
  EXPECT_EQ(b.arg_reduce("max", x, 0, true)->type, c.tensor(DType::i64, {1, 3}));
  EXPECT_EQ(b.unsqueeze(x, {-4, 3})->type, c.tensor(DType::f32, {1, 2, 3, 1}));
  EXPECT_EQ(b.extent(x, -2), c.i64(2));
  EXPECT_EQ(b.extent(x, 1), c.i64(3));
  for (const int64_t beyond : {-3, 2}) EXPECT_EQ(b.extent(x, beyond), c.i64(1)) << beyond;
  EXPECT_TRUE(b.ok());
}

TEST_F(BuildTest, axes_out_of_range_are_refused) {
  const Expr x = param(c, DType::f32, {2, 3});
  const auto refused = [&](auto make) {
    Builder d(c);
    (void)make(d);
    return testing::code_of(d.status());
  };
  for (const int64_t axis : {-3, 2}) {
    EXPECT_EQ(refused([&](Builder& d) { return d.reduce("sum", x, {axis}); }), "axis.C1");
    EXPECT_EQ(refused([&](Builder& d) { return d.mean(x, {axis}); }), "axis.C1");
    EXPECT_EQ(refused([&](Builder& d) { return d.squeeze(x, {axis}); }), "axis.C1");
    EXPECT_EQ(refused([&](Builder& d) { return d.arg_reduce("max", x, axis); }), "axis.C1");
    EXPECT_EQ(refused([&](Builder& d) { return d.arg_reduce("max", x, axis, true); }), "axis.C1");
    EXPECT_EQ(refused([&](Builder& d) { return d.slice_axis(x, axis, c.i64(0), c.i64(1)); }),
              "axis.C1");
    EXPECT_EQ(refused([&](Builder& d) { return d.gather(x, x, axis); }), "axis.C1");
  }
  EXPECT_EQ(refused([&](Builder& d) { return d.unsqueeze(x, {3}); }), "axis.C1");
  EXPECT_EQ(refused([&](Builder& d) { return d.unsqueeze(x, {-4}); }), "axis.C1");
  EXPECT_EQ(refused([&](Builder& d) { return d.unsqueeze(x, {1, -3}); }), "unsqueeze.C1");
  EXPECT_EQ(refused([&](Builder& d) { return d.squeeze(x, {0}); }), "squeeze.C1");
  EXPECT_EQ(refused([&](Builder& d) { return d.flatten(x, 3); }), "axis.C1");
  EXPECT_EQ(refused([&](Builder& d) { return d.flatten(x, -3); }), "axis.C1");
}

TEST_F(BuildTest, flatten_multiplies_both_sides_of_an_axis) {
  const Expr x = param(c, DType::f32, {2, 3, 5});
  EXPECT_EQ(b.flatten(x, 0)->type, c.tensor(DType::f32, {1, 30}));
  EXPECT_EQ(b.flatten(x, 1)->type, c.tensor(DType::f32, {2, 15}));
  EXPECT_EQ(b.flatten(x, -1)->type, c.tensor(DType::f32, {6, 5}));
  EXPECT_EQ(b.flatten(x, 3)->type, c.tensor(DType::f32, {30, 1}));
}

TEST_F(BuildTest, broadcast_says_where_extents_are_taken_for_equal) {
  const Expr x = symbolic(DType::f32, {n});
  const auto to = [&](Expr from, std::vector<Expr> shape) { return b.broadcast_to(from, shape); };
  EXPECT_EQ(to(x, {n}), x);
  EXPECT_EQ(to(x, {m})->op, Op::broadcast);
  EXPECT_EQ(to(x, {c.i64(4)})->op, Op::broadcast);
  EXPECT_EQ(to(param(c, DType::f32, {1}), {m})->op, Op::broadcast);
  EXPECT_EQ(to(x, {m, n})->op, Op::broadcast);
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(to(x, {}), x);
  EXPECT_EQ(testing::code_of(b.status()), "broadcast.C1");
  Builder d(c);
  (void)d.broadcast_to(x, std::vector<Expr>{ir::add(c, n, c.i64(1))});
  EXPECT_FALSE(d.ok());
}

TEST_F(BuildTest, matmul_of_every_pair_of_ranks) {
  const std::vector<std::vector<int64_t>> left{{3}, {2, 3}, {5, 2, 3}, {1, 2, 3}, {4, 1, 2, 3}};
  const std::vector<std::vector<int64_t>> right{{3}, {3, 7}, {5, 3, 7}, {1, 3, 7}};
  const std::vector<std::vector<std::vector<int64_t>>> want{
      {{}, {7}, {5, 7}, {1, 7}},
      {{2}, {2, 7}, {5, 2, 7}, {1, 2, 7}},
      {{5, 2}, {5, 2, 7}, {5, 2, 7}, {5, 2, 7}},
      {{1, 2}, {1, 2, 7}, {5, 2, 7}, {1, 2, 7}},
      {{4, 1, 2}, {4, 1, 2, 7}, {4, 5, 2, 7}, {4, 1, 2, 7}},
  };
  for (size_t i = 0; i < left.size(); ++i)
    for (size_t j = 0; j < right.size(); ++j) {
      const Expr x = of_shape(left[i]);
      const Expr y = of_shape(right[j]);
      EXPECT_EQ(testing::concrete(b.matmul(x, y)->shape()), want[i][j]) << i << " " << j;
    }
  EXPECT_TRUE(b.ok());
}

TEST_F(BuildTest, matmul_refuses_scalars_and_batches_that_differ) {
  const Expr x = param(c, DType::f32, {2, 2});
  const Expr s = param(c, DType::f32, {});
  const auto refused = [&](Expr l, Expr r) {
    Builder d(c);
    (void)d.matmul(l, r);
    return testing::code_of(d.status());
  };
  EXPECT_EQ(refused(x, s), "matmul.C1");
  EXPECT_EQ(refused(s, x), "matmul.C1");
  EXPECT_EQ(refused(param(c, DType::f32, {3, 2, 2}), param(c, DType::f32, {4, 2, 2})),
            "broadcast.C3");
}

TEST_F(BuildTest, products_of_the_usual_precision_are_not_named) {
  const Expr x = param(c, DType::f32, {1, 4, 4, 3});
  const Expr w = param(c, DType::f32, {1, 1, 3, 2});
  const auto named = [](Expr e) { return !e->string_attr_or(ir::Key::product, "").empty(); };
  EXPECT_FALSE(named(b.dot(x, x, {}, {}, {3}, {3}, "f32")));
  EXPECT_FALSE(named(b.dot(x, x, {}, {}, {3}, {3})));
  EXPECT_TRUE(named(b.dot(x, x, {}, {}, {3}, {3}, "bf16")));
  EXPECT_FALSE(named(b.conv(x, w, {.product = "f32"})));
  EXPECT_FALSE(named(b.conv(x, w, {})));
  EXPECT_TRUE(named(b.conv(x, w, {.product = "bf16"})));
  EXPECT_TRUE(b.ok()) << b.status().error().text();
}

TEST_F(BuildTest, convolutions_of_vectors_are_refused) {
  (void)b.conv(param(c, DType::f32, {4}), param(c, DType::f32, {4}), {});
  EXPECT_FALSE(b.ok());
}

TEST_F(BuildTest, element_counts_are_literals_or_casts) {
  EXPECT_EQ(b.count(param(c, DType::f32, {2, 3, 5}), {0, 2}, DType::f32), b.scalar(DType::f32, 10));
  EXPECT_EQ(b.count(symbolic(DType::f32, {n, c.i64(4)}), {0, 1}, DType::f32)->op, Op::cast);
  EXPECT_EQ(b.count(symbolic(DType::f32, {n, c.i64(4)}), {1}, DType::i64),
            b.scalar_i(DType::i64, 4));
}

TEST_F(BuildTest, a_single_known_value_broadcasts_as_a_literal) {
  const Expr one = b.constant(testing::of(DType::f32, {1, 1}, {3}));
  EXPECT_EQ(one->op, Op::constant);
  const Expr wide = b.broadcast_to(one, b.i64s({2, 3}));
  EXPECT_EQ(wide, b.full(DType::f32, 3, b.i64s({2, 3})));
  EXPECT_EQ(b.constant(testing::of(DType::f32, {}, {3})), b.scalar(DType::f32, 3));
}

TEST_F(BuildTest, leading_axes_of_extent_1_fold_away_in_a_product) {
  const Expr x = param(c, DType::f32, {2, 3});
  const Expr y = b.matmul(x, param(c, DType::f32, {1, 1, 3, 7}));
  EXPECT_EQ(y->type, c.tensor(DType::f32, {1, 1, 2, 7}));
  EXPECT_EQ(y->op, Op::reshape);
  EXPECT_TRUE(y->operand(0)->ints_attr(ir::Key::batch_a).empty());
}

TEST_F(BuildTest, computed_extents_are_simplified) {
  const Expr x = symbolic(DType::f32, {n, c.i64(4)});
  const Expr same = ir::floordiv(c, ir::mul(c, n, c.i64(4)), c.i64(4));
  const Expr shape[] = {same, c.i64(4)};
  EXPECT_EQ(b.reshape(x, shape), x);
  EXPECT_EQ(b.flip(b.flip(x, 1), 1)->type, x->type);
}

/// Shows each hook: names new nodes, puts zero for a negation, lets the larger literal win.
struct Hooked : Builder {
  using Builder::Builder;
  int made = 0;
  std::string refused;

 protected:
  void on_new(Expr /*node*/) override { ++made; }
  Expr known_form(Expr node) override { return node->op == Op::neg ? like(node, 0) : node; }
  Expr merge_extents(Expr a, Expr b) override {
    return ir::as_int(a) > ir::as_int(b) ? a : ir::as_int(a) < ir::as_int(b) ? b : nullptr;
  }
  Expr stretch(Expr x, Exprs shape) override {
    const bool small = x->rank() == 1 && ir::as_int(x->shape()[0]) < ir::as_int(shape[0]);
    return small ? pad(x, like(x, 0), {c.i64(0)}, {ir::sub(c, shape[0], x->shape()[0])}) : x;
  }
  void on_refusal(Error error) override { refused = error.diagnostics[0].code; }
};

TEST_F(BuildTest, who_derives_sees_new_nodes_and_says_what_stands_for_them) {
  Hooked h(c);
  const Expr x = param(c, DType::f32, {3});
  const Expr y = h.exp(x);
  EXPECT_EQ(h.exp(x), y);
  EXPECT_EQ(h.made, 1) << "the second call finds the node";
  EXPECT_EQ(h.neg(x), h.scalar(DType::f32, 0));
}

TEST_F(BuildTest, who_derives_says_which_extents_broadcast_and_what_a_refusal_does) {
  Hooked h(c);
  const Expr y = h.add(param(c, DType::f32, {3}), param(c, DType::f32, {5}));
  EXPECT_EQ(y->type, c.tensor(DType::f32, {5}));
  EXPECT_EQ(y->operand(0)->op, Op::pad);
  (void)h.squeeze(y, {0});
  EXPECT_EQ(h.refused, "squeeze.C1");
  EXPECT_TRUE(h.ok());
}

}  // namespace
}  // namespace tenon::ops
