#include "ops/movement/movement.h"

#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;
using testing::code_of;
using testing::eval;
using testing::expect_same;
using testing::of;
using testing::of_i;
using testing::param;

struct MovementTest : ::testing::Test {
  Context c;
  Builder b{c};
  Expr x = param(c, DType::f32, {2, 3});
  Tensor v = of(DType::f32, {2, 3}, {0, 1, 2, 3, 4, 5});

  std::vector<Expr> extents(std::initializer_list<int64_t> values) {
    std::vector<Expr> all;
    for (int64_t n : values) all.push_back(c.i64(n));
    return all;
  }
  std::string refusal(Op op, std::vector<Expr> operands, std::vector<ir::Attr> attrs = {},
                      Type wanted = nullptr) {
    return code_of(build(c, op, operands, std::move(attrs), wanted));
  }
  Type f32(std::initializer_list<int64_t> shape) { return c.tensor(DType::f32, shape); }
};

TEST_F(MovementTest, broadcast_constraints) {
  EXPECT_EQ(refusal(Op::broadcast, {x}, {{Key::dims, Ints{0}}}, f32({2, 3})), "broadcast.C1");
  EXPECT_EQ(refusal(Op::broadcast, {x}, {{Key::dims, Ints{1, 0}}}, f32({3, 2})), "broadcast.C1");
  EXPECT_EQ(refusal(Op::broadcast, {x}, {{Key::dims, Ints{0, 2}}}, f32({2, 3})), "broadcast.C1");
  EXPECT_EQ(refusal(Op::broadcast, {x}, {{Key::dims, Ints{0, 1}}}), "broadcast.C2");
  EXPECT_EQ(refusal(Op::broadcast, {x}, {{Key::dims, Ints{0, 1}}}, f32({2, 4})), "broadcast.C3");
  EXPECT_EQ(refusal(Op::broadcast, {x}, {}, f32({2, 3})), "broadcast.attribute");
}

TEST_F(MovementTest, broadcast_repeats) {
  const Tensor y = eval(b.broadcast_in(x, extents({2, 4, 3}), {0, 2}), {v});
  for (int64_t i = 0; i < 24; ++i) EXPECT_EQ(y.get_f(i), v.get_f(i / 12 * 3 + i % 3));
}

TEST_F(MovementTest, reshape_constraints) {
  EXPECT_EQ(refusal(Op::reshape, {x}), "reshape.C1");
  EXPECT_EQ(refusal(Op::reshape, {x}, {}, c.tensor(DType::i32, {6})), "reshape.C1");
  EXPECT_EQ(refusal(Op::reshape, {x}, {}, f32({7})), "reshape.C2");
  const Expr n = c.var("n");
  const Expr s = c.param("s", c.tensor(DType::f32, std::vector<Expr>{n, c.i64(4)}));
  const std::vector<Expr> flat{ir::mul(c, n, c.i64(4))};
  EXPECT_EQ(refusal(Op::reshape, {s}, {}, c.tensor(DType::f32, flat)), "");
  const std::vector<Expr> off{ir::add(c, ir::mul(c, n, c.i64(4)), c.i64(1))};
  EXPECT_EQ(refusal(Op::reshape, {s}, {}, c.tensor(DType::f32, off)), "reshape.C2");
}

TEST_F(MovementTest, reshape_keeps_the_order) {
  Tensor want = v;
  want.shape = {3, 2};
  expect_same(eval(b.reshape(x, b.i64s({3, 2})), {v}), want);
}

TEST_F(MovementTest, transpose_constraints_and_value) {
  EXPECT_EQ(refusal(Op::transpose, {x}, {{Key::perm, Ints{0}}}), "transpose.C1");
  EXPECT_EQ(refusal(Op::transpose, {x}, {{Key::perm, Ints{0, 0}}}), "transpose.C1");
  EXPECT_EQ(refusal(Op::transpose, {x}, {{Key::perm, Ints{0, 2}}}), "transpose.C1");
  expect_same(eval(b.transpose(x, {1, 0}), {v}), of(DType::f32, {3, 2}, {0, 3, 1, 4, 2, 5}));
}

TEST_F(MovementTest, slice_constraints) {
  const auto refuse = [&](std::initializer_list<int64_t> starts, Ints strides, Type wanted) {
    return refusal(Op::slice, {x}, {{Key::starts, extents(starts)}, {Key::strides, strides}},
                   wanted);
  };
  EXPECT_EQ(refuse({0}, {1, 1}, f32({2, 3})), "slice.C1");
  EXPECT_EQ(refuse({0, 0}, {1, 1}, nullptr), "slice.C1");
  EXPECT_EQ(refuse({0, 0}, {1, 0}, f32({2, 3})), "slice.C2");
  EXPECT_EQ(refuse({0, 1}, {1, 1}, f32({2, 3})), "slice.C3");
  EXPECT_EQ(refuse({0, 1}, {1, -1}, f32({2, 3})), "slice.C3");
  EXPECT_EQ(refuse({0, -1}, {1, 1}, f32({2, 1})), "slice.C3");
  EXPECT_EQ(refuse({0, 3}, {1, 1}, f32({2, 0})), "");
  EXPECT_EQ(refuse({0, 2}, {1, -2}, f32({2, 2})), "");
}

TEST_F(MovementTest, slice_may_reverse) {
  expect_same(eval(b.slice_axis(x, 1, c.i64(2), c.i64(2), -2), {v}),
              of(DType::f32, {2, 2}, {2, 0, 5, 3}));
  EXPECT_EQ(eval(b.slice_axis(x, 1, c.i64(3), c.i64(0)), {v}).count(), 0);
}

TEST_F(MovementTest, slice_checks_its_range_when_evaluated) {
  const Expr n = c.var("n");
  const Expr y = b.slice_axis(x, 1, n, c.i64(2));
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(code_of(testing::try_eval(y, {v}, {{n, 2}})), "slice.C3");
  expect_same(eval(y, {v}, {{n, 1}}), of(DType::f32, {2, 2}, {1, 2, 4, 5}));
}

TEST_F(MovementTest, pad_constraints) {
  const Expr zero = b.scalar(DType::f32, 0);
  const auto refuse = [&](Expr filling, std::initializer_list<int64_t> low,
                          std::initializer_list<int64_t> high, Ints interior) {
    return refusal(
        Op::pad, {x, filling},
        {{Key::low, extents(low)}, {Key::high, extents(high)}, {Key::interior, interior}});
  };
  EXPECT_EQ(refuse(zero, {0}, {0, 0}, {0, 0}), "pad.C1");
  EXPECT_EQ(refuse(zero, {0, 0}, {0, 0}, {0, -1}), "pad.C1");
  EXPECT_EQ(refuse(b.scalar(DType::f64, 0), {0, 0}, {0, 1}, {0, 0}), "pad.C2");
  EXPECT_EQ(refuse(x, {0, 0}, {0, 1}, {0, 0}), "pad.C2");
  EXPECT_EQ(refuse(zero, {-2, 0}, {-1, 0}, {0, 0}), "pad.C3");
  EXPECT_EQ(refuse(zero, {-1, 0}, {-1, 0}, {0, 0}), "");
}

TEST_F(MovementTest, pad_fills_crops_and_spreads) {
  const Expr nine = b.scalar(DType::f32, 9);
  const Tensor k = of(DType::f32, {}, {9});
  const auto run = [&](std::initializer_list<int64_t> low, std::initializer_list<int64_t> high,
                       Ints interior) {
    return eval(b.pad(x, nine, extents(low), extents(high), interior), {v, k});
  };
  expect_same(run({1, 0}, {0, 1}, {0, 0}),
              of(DType::f32, {3, 4}, {9, 9, 9, 9, 0, 1, 2, 9, 3, 4, 5, 9}));
  expect_same(run({0, -1}, {-1, 0}, {0, 0}), of(DType::f32, {1, 2}, {1, 2}));
  expect_same(run({0, 0}, {-1, 0}, {0, 1}), of(DType::f32, {1, 5}, {0, 9, 1, 9, 2}));
  expect_same(run({-1, -1}, {0, 0}, {1, 1}), of(DType::f32, {2, 4}, {9, 9, 9, 9, 9, 4, 9, 5}));
  expect_same(run({0, -4}, {0, 3}, {0, 0}), of(DType::f32, {2, 2}, {9, 9, 9, 9}));
}

TEST_F(MovementTest, concat_constraints_and_value) {
  const Expr y = param(c, DType::f32, {2, 1});
  EXPECT_EQ(refusal(Op::concat, {x, y}, {{Key::axis, int64_t{2}}}), "concat.C1");
  EXPECT_EQ(refusal(Op::concat, {x, param(c, DType::f64, {2, 1})}, {{Key::axis, int64_t{1}}}),
            "concat.C2");
  EXPECT_EQ(refusal(Op::concat, {x, param(c, DType::f32, {2})}, {{Key::axis, int64_t{1}}}),
            "concat.C2");
  EXPECT_EQ(refusal(Op::concat, {x, y}, {{Key::axis, int64_t{0}}}), "concat.C3");
  expect_same(eval(b.concat(std::vector<Expr>{x, y}, -1), {v, of(DType::f32, {2, 1}, {7, 8})}),
              of(DType::f32, {2, 4}, {0, 1, 2, 7, 3, 4, 5, 8}));
  EXPECT_EQ(b.concat(std::vector<Expr>{x, param(c, DType::f32, {0, 3})}, 0), x);
}

TEST_F(MovementTest, iota_counts_along_its_axis) {
  EXPECT_EQ(refusal(Op::iota, {}, {{Key::axis, int64_t{0}}}), "iota.C1");
  EXPECT_EQ(refusal(Op::iota, {}, {{Key::axis, int64_t{0}}}, c.tensor(DType::boolean, {2})),
            "iota.C1");
  EXPECT_EQ(refusal(Op::iota, {}, {{Key::axis, int64_t{1}}}, f32({2})), "iota.C2");
  expect_same(eval(b.iota(DType::i8, extents({2, 2}), 0), {}),
              of_i(DType::i8, {2, 2}, {0, 0, 1, 1}));
}

TEST_F(MovementTest, from_scalars_takes_expressions) {
  const Expr n = c.var("n");
  EXPECT_EQ(refusal(Op::from_scalars, {x}), "from_scalars.C1");
  EXPECT_EQ(refusal(Op::from_scalars, {n}, {}, c.tensor(DType::i64, {2})), "from_scalars.C2");
  const std::vector<Expr> scalars{n, ir::mul(c, n, c.i64(2))};
  expect_same(eval(b.from_scalars(scalars), {}, {{n, 21}}), of_i(DType::i64, {2}, {21, 42}));
  expect_same(eval(b.from_scalar(n), {}, {{n, 4}}), of_i(DType::i64, {}, {4}));
}

TEST_F(MovementTest, gather_constraints) {
  const Expr i = param(c, DType::i64, {2});
  EXPECT_EQ(refusal(Op::gather, {x, i}, {{Key::axis, int64_t{2}}}), "gather.C1");
  EXPECT_EQ(refusal(Op::gather, {x, param(c, DType::f32, {2})}, {{Key::axis, int64_t{0}}}),
            "gather.C2");
}

// Folding makes literals of indices, in branches that are never taken too: no type rule may refuse
// them.
TEST_F(MovementTest, literal_indices_are_checked_by_the_run_where_one_is_out_of_range) {
  const auto checked = [&](const std::vector<int64_t>& indices) {
    const auto shaped = [&](const Ints& shape) {
      return b.constant(of_i(DType::i64, shape, indices));
    };
    const Expr one = b.gather(x, shaped({2}), 0);
    const Expr each = b.gather_elements(x, shaped({1, 2}), 0);
    const Expr both = b.gather_nd(x, shaped({2, 1}));
    EXPECT_TRUE(b.ok());
    EXPECT_EQ(needs_check(one), needs_check(each));
    EXPECT_EQ(needs_check(one), needs_check(both));
    return needs_check(one);
  };
  EXPECT_FALSE(checked({0, 1}));
  EXPECT_FALSE(checked({-2, 1}));
  EXPECT_TRUE(checked({0, 2}));
  EXPECT_TRUE(checked({-3, 1}));
  EXPECT_TRUE(needs_check(b.gather(x, param(c, DType::i64, {2}), 0)));
}

TEST_F(MovementTest, gather_takes_negative_indices_and_reports_bad_ones) {
  const Expr i = param(c, DType::i32, {2, 2});
  const Expr y = b.gather(x, i, 1);
  expect_same(eval(y, {v, of_i(DType::i32, {2, 2}, {0, -1, 2, -3})}),
              of(DType::f32, {2, 2, 2}, {0, 2, 2, 0, 3, 5, 5, 3}));
  EXPECT_EQ(code_of(testing::try_eval(y, {v, of_i(DType::i32, {2, 2}, {0, -4, 2, 1})})),
            "gather.index_out_of_range");
  EXPECT_EQ(code_of(testing::try_eval(y, {v, of_i(DType::i32, {2, 2}, {0, 3, 2, 1})})),
            "gather.index_out_of_range");
}

TEST_F(MovementTest, gather_elements_constraints_and_value) {
  const Expr i = param(c, DType::i64, {1, 2});
  const auto refuse = [&](Expr indices, int64_t axis) {
    return refusal(Op::gather_elements, {x, indices}, {{Key::axis, axis}});
  };
  EXPECT_EQ(refuse(i, 2), "gather_elements.C1");
  EXPECT_EQ(refuse(param(c, DType::f32, {1, 2}), 1), "gather_elements.C2");
  EXPECT_EQ(refuse(param(c, DType::i64, {2}), 1), "gather_elements.C3");
  EXPECT_EQ(refuse(param(c, DType::i64, {3, 2}), 1), "gather_elements.C4");
  expect_same(eval(b.gather_elements(x, i, 1), {v, of_i(DType::i64, {1, 2}, {-1, 1})}),
              of(DType::f32, {1, 2}, {2, 1}));
  expect_same(eval(b.gather_elements(x, i, 0), {v, of_i(DType::i64, {1, 2}, {1, 0})}),
              of(DType::f32, {1, 2}, {3, 1}));
  EXPECT_EQ(
      code_of(testing::try_eval(b.gather_elements(x, i, 0), {v, of_i(DType::i64, {1, 2}, {2, 0})})),
      "gather_elements.index_out_of_range");
}

TEST_F(MovementTest, gather_nd_constraints) {
  const auto refuse = [&](Expr indices, int64_t batch) {
    return refusal(Op::gather_nd, {x, indices}, {{Key::batch, batch}});
  };
  EXPECT_EQ(refuse(param(c, DType::f32, {1}), 0), "gather_nd.C1");
  EXPECT_EQ(refuse(param(c, DType::i64, {}), 0), "gather_nd.C1");
  const std::vector<Expr> symbolic{c.var("n")};
  EXPECT_EQ(refuse(c.param("s", c.tensor(DType::i64, symbolic)), 0), "gather_nd.C2");
  EXPECT_EQ(refuse(param(c, DType::i64, {3}), 0), "gather_nd.C3");
  EXPECT_EQ(refuse(param(c, DType::i64, {2, 2}), 1), "gather_nd.C3");
  EXPECT_EQ(refuse(param(c, DType::i64, {3, 1}), 1), "gather_nd.C4");
}

TEST_F(MovementTest, gather_nd_follows_onnx) {
  const Expr i = param(c, DType::i64, {2, 2});
  expect_same(eval(b.gather_nd(x, i), {v, of_i(DType::i64, {2, 2}, {0, 1, 1, -1})}),
              of(DType::f32, {2}, {1, 5}));
  const Expr j = param(c, DType::i64, {2, 1});
  expect_same(eval(b.gather_nd(x, j), {v, of_i(DType::i64, {2, 1}, {1, 0})}),
              of(DType::f32, {2, 3}, {3, 4, 5, 0, 1, 2}));
  expect_same(eval(b.gather_nd(x, j, 1), {v, of_i(DType::i64, {2, 1}, {1, 2})}),
              of(DType::f32, {2}, {1, 5}));
  EXPECT_EQ(code_of(testing::try_eval(b.gather_nd(x, j), {v, of_i(DType::i64, {2, 1}, {1, 2})})),
            "gather_nd.index_out_of_range");
}

TEST_F(MovementTest, dynamic_slice_constraints_and_value) {
  const Expr s = c.param("s", c.index());
  EXPECT_EQ(refusal(Op::dynamic_slice, {x, s}, {}, f32({1, 1})), "dynamic_slice.C1");
  EXPECT_EQ(refusal(Op::dynamic_slice, {x, s, c.param("t", c.scalar(DType::i32))}, {}, f32({1, 1})),
            "dynamic_slice.C1");
  EXPECT_EQ(refusal(Op::dynamic_slice, {x, s, s}), "dynamic_slice.C2");
  EXPECT_EQ(refusal(Op::dynamic_slice, {x, s, s}, {}, f32({1, 4})), "dynamic_slice.C3");
  const std::vector<Expr> starts{s, s};
  const Expr y = b.dynamic_slice(x, starts, extents({1, 2}));
  const auto run = [&](int64_t i, int64_t j) {
    return eval(y, {v, of_i(DType::i64, {}, {i}), of_i(DType::i64, {}, {j})});
  };
  expect_same(run(1, 1), of(DType::f32, {1, 2}, {4, 5}));
  expect_same(run(-5, 9), of(DType::f32, {1, 2}, {1, 2}));
}

}  // namespace
}  // namespace tenon::ops
