// Type rules clause by clause: each row breaks one clause and keeps the others, or stands at the
// edge of what is allowed (code "").
#include "ops/test_util.h"
#include "ops/verify.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using ir::Op;
using testing::code_of;

struct TypeRules : ::testing::Test {
  Context c;
  Builder b{c};
  Expr n = c.var("n");
  Expr m = c.var("m");
  Type none = nullptr;

  Type t(DType type, std::initializer_list<int64_t> shape) { return c.tensor(type, shape); }
  Type f32(std::initializer_list<int64_t> shape) { return t(DType::f32, shape); }
  Type i64(std::initializer_list<int64_t> shape) { return t(DType::i64, shape); }
  Type with(std::initializer_list<Expr> shape, DType type = DType::f32) {
    return c.tensor(type, std::vector<Expr>(shape));
  }
  Type tuple(std::initializer_list<Type> fields) {
    return c.tuple(std::span(fields.begin(), fields.size()));
  }
  std::vector<Expr> e(std::initializer_list<int64_t> values) {
    std::vector<Expr> all;
    for (int64_t v : values) all.push_back(c.i64(v));
    return all;
  }
  std::string code(Op op, std::initializer_list<Type> operands, std::vector<ir::Attr> attrs = {},
                   Type wanted = nullptr) {
    std::vector<Expr> params;
    for (Type type : operands) params.push_back(c.param("p", type));
    return code_of(build(c, op, params, std::move(attrs), wanted));
  }
  /// Whether what the node relies on holds for these sizes.
  bool holds(Expr node, const testing::Sizes& sizes) {
    std::vector<Expr> conditions;
    EXPECT_TRUE(relied_on(c, node, conditions).has_value());
    for (Expr k : conditions)
      if (ir::evaluate(k, sizes) != 1) return false;
    return true;
  }
};

TEST_F(TypeRules, broadcast) {
  const auto of = [&](Type wanted, Ints dims) {
    return code(Op::broadcast, {f32({2, 3})}, {{Key::dims, std::move(dims)}}, wanted);
  };
  EXPECT_EQ(of(f32({2, 5, 3}), {0, 2}), "");
  EXPECT_EQ(of(tuple({f32({2, 3})}), {0, 1}), "broadcast.C2");
  EXPECT_EQ(of(i64({2, 3}), {0, 1}), "broadcast.C2");
  EXPECT_EQ(of(f32({2, 5, 3}), {0, 2, 1}), "broadcast.C1");
  EXPECT_EQ(of(f32({2, 3}), {-1, 1}), "broadcast.C1");
}

TEST_F(TypeRules, slice) {
  const auto of = [&](std::initializer_list<int64_t> starts, Ints strides, Type wanted) {
    return code(Op::slice, {f32({4, 5})}, {{Key::starts, e(starts)}, {Key::strides, strides}},
                wanted);
  };
  EXPECT_EQ(of({0, 0}, {1, 1}, f32({4, 5})), "");
  EXPECT_EQ(of({0, 0}, {1}, f32({4, 5})), "slice.C1");
  EXPECT_EQ(of({0, 0, 0}, {1, 1}, f32({4, 5})), "slice.C1");
  EXPECT_EQ(of({0, 0}, {1, 1}, i64({4, 5})), "slice.C1");
  EXPECT_EQ(of({0, 0}, {1, 1}, f32({4})), "slice.C1");
  EXPECT_EQ(of({3, 4}, {1, 1}, f32({1, 1})), "");
  EXPECT_EQ(of({4, 0}, {1, 1}, f32({1, 1})), "slice.C3");
  EXPECT_EQ(of({0, 0}, {3, 2}, f32({2, 3})), "");
  EXPECT_EQ(of({1, 0}, {3, 2}, f32({2, 3})), "slice.C3");
  EXPECT_EQ(of({3, 4}, {-3, -2}, f32({2, 3})), "");
  EXPECT_EQ(of({2, 4}, {-3, -2}, f32({2, 3})), "slice.C3");
  EXPECT_EQ(of({4, 4}, {-1, -1}, f32({1, 1})), "slice.C3");
  EXPECT_EQ(of({9, 9}, {1, 1}, f32({0, 0})), "");
}

TEST_F(TypeRules, windows_into_unknown_extents_rely_on_fitting) {
  const Expr x = c.param("x", with({n, c.i64(3)}));
  const Expr small = c.param("small", with({m, c.i64(3)}));
  const Expr indices = c.param("indices", with({m, c.i64(2)}, DType::i64));
  const Expr zero = c.param("zero", c.index());
  const auto of = [&](Op op, std::vector<Expr> operands, std::vector<ir::Attr> attrs, Type wanted) {
    const auto made = build(c, op, operands, std::move(attrs), wanted);
    EXPECT_TRUE(made.has_value()) << made.error().text();
    return *made;
  };
  for (const Expr made :
       {of(Op::dynamic_update_slice, {x, small, zero, zero}, {}, nullptr),
        of(Op::dynamic_slice, {x, zero, zero}, {}, small->type),
        of(Op::gather_elements, {x, indices}, {{Key::axis, int64_t{1}}}, nullptr),
        of(Op::scatter_elements, {x, indices, c.param("u", with({m, c.i64(2)}))},
           {{Key::axis, int64_t{1}}, {Key::kind, std::string("set")}}, nullptr)}) {
    EXPECT_TRUE(holds(made, {{n, 4}, {m, 4}})) << info(made->op).name;
    EXPECT_FALSE(holds(made, {{n, 4}, {m, 5}})) << info(made->op).name;
  }
}

TEST_F(TypeRules, slices_of_unknown_extents_rely_on_their_range) {
  const Expr x = c.param("x", with({n}));
  const auto of = [&](Expr start, Expr extent, int64_t stride) {
    return b.slice(x, std::vector<Expr>{start}, std::vector<Expr>{extent}, {stride});
  };
  const Expr up = of(c.i64(1), c.i64(2), 2);  // 1, 3
  EXPECT_TRUE(holds(up, {{n, 4}}));
  EXPECT_FALSE(holds(up, {{n, 3}}));
  const Expr down = of(m, c.i64(2), -1);
  EXPECT_TRUE(holds(down, {{n, 3}, {m, 2}}));
  EXPECT_FALSE(holds(down, {{n, 3}, {m, 3}}));
  EXPECT_TRUE(holds(down, {{n, 3}, {m, 1}}));
  EXPECT_FALSE(holds(down, {{n, 3}, {m, 0}}));
  const Expr some = of(c.i64(2), m, 1);
  EXPECT_TRUE(holds(some, {{n, 0}, {m, 0}}));
  EXPECT_TRUE(holds(some, {{n, 5}, {m, 3}}));
  EXPECT_FALSE(holds(some, {{n, 5}, {m, 4}}));
  EXPECT_TRUE(b.ok());
  const auto refused = [&](Type from, Expr start, Expr extent) {
    return code(Op::slice, {from},
                {{Key::starts, std::vector<Expr>{start}}, {Key::strides, Ints{1}}}, with({extent}));
  };
  EXPECT_EQ(refused(f32({3}), c.i64(7), m), "") << "m may be 0";
  EXPECT_EQ(refused(f32({3}), c.i64(-1), m), "slice.C3");
  EXPECT_EQ(refused(f32({3}), m, c.i64(-1)), "slice.C3");
  EXPECT_EQ(refused(with({n}), n, c.i64(1)), "slice.C3");
  EXPECT_EQ(refused(with({n}), ir::sub(c, n, c.i64(1)), c.i64(1)), "");
}

TEST_F(TypeRules, pad) {
  const auto of = [&](std::initializer_list<int64_t> low, std::initializer_list<int64_t> high,
                      Ints interior) {
    return code(Op::pad, {f32({4, 0}), f32({})},
                {{Key::low, e(low)}, {Key::high, e(high)}, {Key::interior, interior}});
  };
  EXPECT_EQ(of({1, 0}, {0, 1}, {0, 3}), "");
  EXPECT_EQ(of({1}, {0, 1}, {0, 0}), "pad.C1");
  EXPECT_EQ(of({1, 0}, {0}, {0, 0}), "pad.C1");
  EXPECT_EQ(of({1, 0}, {0, 1}, {0}), "pad.C1");
  EXPECT_EQ(of({-4, 0}, {0, 1}, {0, 0}), "");
  EXPECT_EQ(of({-4, 0}, {-1, 1}, {0, 0}), "pad.C3");
  EXPECT_EQ(of({0, -1}, {0, 0}, {0, 5}), "pad.C3") << "an empty axis has no gaps";
  EXPECT_EQ(of({-7, 0}, {0, 1}, {1, 0}), "");
}

TEST_F(TypeRules, concat_iota_and_from_scalars) {
  const auto concat = [&](Type a, Type d, int64_t axis) {
    return code(Op::concat, {a, d}, {{Key::axis, axis}});
  };
  EXPECT_EQ(concat(f32({2, 3}), f32({4, 3}), 0), "");
  EXPECT_EQ(concat(f32({2, 3}), f32({4, 3}), 1), "concat.C3");
  EXPECT_EQ(concat(f32({2, 3}), f32({4, 3}), -1), "concat.C1");
  EXPECT_EQ(concat(f32({2, 3}), i64({4, 3}), 0), "concat.C2");
  EXPECT_EQ(code(Op::iota, {}, {{Key::axis, int64_t{0}}}, tuple({f32({2})})), "iota.C1");
  EXPECT_EQ(code(Op::iota, {}, {{Key::axis, int64_t{1}}}, f32({2, 3})), "");
  const auto scalars = [&](std::initializer_list<Type> operands, Type wanted) {
    return code(Op::from_scalars, operands, {}, wanted);
  };
  const Type boolean = c.boolean();
  const Type index = c.index();
  EXPECT_EQ(scalars({boolean}, boolean), "");
  EXPECT_EQ(scalars({boolean, boolean}, boolean), "from_scalars.C1");
  EXPECT_EQ(scalars({boolean}, index), "from_scalars.C1");
  EXPECT_EQ(scalars({index}, boolean), "from_scalars.C2");
  EXPECT_EQ(scalars({index}, index), "");
  EXPECT_EQ(scalars({index, index}, index), "from_scalars.C2");
  EXPECT_EQ(scalars({index, index}, i64({2})), "");
  EXPECT_EQ(scalars({index, index}, none), "");
}

/// A run checks them: a branch that is never taken may hold any.
TEST_F(TypeRules, values_of_indices_are_no_business_of_types) {
  for (const int64_t index : {0, 2, 3, -3, -4}) {
    const Expr table = c.param("x", f32({3, 5}));
    const std::vector<Expr> operands{table, b.constant(testing::of_i(DType::i64, {2}, {0, index}))};
    EXPECT_EQ(code_of(build(c, Op::gather, operands, {{Key::axis, int64_t{0}}})), "") << index;
    const std::vector<Expr> places{table,
                                   b.constant(testing::of_i(DType::i64, {1, 2}, {index, 6}))};
    EXPECT_EQ(code_of(build(c, Op::gather_nd, places, {{Key::batch, int64_t{0}}})), "") << index;
  }
}

TEST_F(TypeRules, indexed_operators) {
  const auto elements = [&](Type x, Type indices, int64_t axis) {
    return code(Op::gather_elements, {x, indices}, {{Key::axis, axis}});
  };
  EXPECT_EQ(elements(f32({2, 3}), i64({2, 9}), 1), "");
  EXPECT_EQ(elements(f32({2, 3}), i64({9, 3}), 1), "gather_elements.C4");
  EXPECT_EQ(elements(f32({2, 3}), i64({9, 3}), 0), "");
  EXPECT_EQ(elements(f32({2, 3}), i64({2, 4}), 0), "gather_elements.C4");
  const auto nd = [&](Type x, Type indices, int64_t batch) {
    return code(Op::gather_nd, {x, indices}, {{Key::batch, batch}});
  };
  EXPECT_EQ(nd(f32({2, 3}), i64({4, 1}), 0), "");
  EXPECT_EQ(nd(f32({2, 3}), i64({4, 2}), 0), "");
  EXPECT_EQ(nd(f32({2, 3}), i64({4, 3}), 0), "gather_nd.C3");
  EXPECT_EQ(nd(f32({2, 3}), i64({4, 0}), 0), "gather_nd.C3");
  EXPECT_EQ(nd(f32({2, 3}), i64({2, 1}), 1), "");
  EXPECT_EQ(nd(f32({2, 3}), i64({2, 2}), 1), "gather_nd.C3");
  EXPECT_EQ(nd(f32({2, 3}), i64({2, 1}), 2), "gather_nd.C3");
  EXPECT_EQ(nd(f32({2, 3}), i64({2, 1}), -1), "gather_nd.C3");
  EXPECT_EQ(nd(f32({2, 3}), i64({1}), 0), "");
  const auto slice = [&](std::initializer_list<Type> operands, Type wanted) {
    return code(Op::dynamic_slice, operands, {}, wanted);
  };
  const Type index = c.index();
  EXPECT_EQ(slice({f32({2, 3}), index, index}, f32({2, 1})), "");
  EXPECT_EQ(slice({f32({2, 3}), index, index, index}, f32({2, 1})), "dynamic_slice.C1");
  EXPECT_EQ(slice({f32({2, 3}), index, i64({1})}, f32({2, 1})), "dynamic_slice.C1");
  EXPECT_EQ(slice({f32({2, 3}), index, index}, tuple({f32({2, 1})})), "dynamic_slice.C2");
  EXPECT_EQ(slice({f32({2, 3}), index, index}, i64({2, 1})), "dynamic_slice.C2");
  EXPECT_EQ(slice({f32({2, 3}), index, index}, f32({2})), "dynamic_slice.C2");
  EXPECT_EQ(slice({f32({2, 3}), index, index}, f32({3, 1})), "dynamic_slice.C3");
}

TEST_F(TypeRules, reductions) {
  const auto reduce = [&](const char* kind, DType type) {
    return code(Op::reduce, {t(type, {2, 3})},
                {{Key::kind, std::string(kind)}, {Key::axes, Ints{1}}});
  };
  for (const char* kind : {"sum", "prod", "max", "min"}) {
    EXPECT_EQ(reduce(kind, DType::f32), "") << kind;
    EXPECT_EQ(reduce(kind, DType::i32), "") << kind;
    EXPECT_EQ(reduce(kind, DType::boolean), "reduce.C3") << kind;
  }
  for (const char* kind : {"and", "or"}) {
    EXPECT_EQ(reduce(kind, DType::f32), "reduce.C3") << kind;
    EXPECT_EQ(reduce(kind, DType::i32), "") << kind;
    EXPECT_EQ(reduce(kind, DType::boolean), "") << kind;
  }
  EXPECT_EQ(reduce("mean", DType::f32), "reduce.C2");
  const auto arg = [&](const char* kind, Type x, int64_t axis) {
    return code(Op::arg_reduce, {x}, {{Key::kind, std::string(kind)}, {Key::axis, axis}});
  };
  EXPECT_EQ(arg("max", f32({2, 3}), 1), "");
  EXPECT_EQ(arg("min", f32({2, 3}), 0), "");
  EXPECT_EQ(arg("sum", f32({2, 3}), 0), "arg_reduce.C2");
  EXPECT_EQ(arg("max", f32({2, 0}), 1), "arg_reduce.C4");
  EXPECT_EQ(arg("max", f32({2, 0}), 0), "");
  EXPECT_EQ(arg("max", t(DType::boolean, {2}), 0), "arg_reduce.C3");
}

TEST_F(TypeRules, windows_and_convolutions_have_positive_steps) {
  const auto window = [&](int64_t size, int64_t stride, int64_t dilation, int64_t low = 0,
                          int64_t high = 0) {
    return code(Op::window, {f32({4})},
                {{Key::kind, std::string("max")},
                 {Key::size, Ints{size}},
                 {Key::strides, Ints{stride}},
                 {Key::dilation, Ints{dilation}},
                 {Key::low, e({low})},
                 {Key::high, e({high})}});
  };
  EXPECT_EQ(window(1, 1, 1), "");
  EXPECT_EQ(window(4, 1, 1), "");
  EXPECT_EQ(window(5, 1, 1), "");  // no position is left
  EXPECT_EQ(window(6, 1, 1), "window.C5");
  EXPECT_EQ(window(6, 1, 1, 1, 1), "");
  EXPECT_EQ(window(0, 1, 1), "window.C4");
  EXPECT_EQ(window(1, 0, 1), "window.C4");
  EXPECT_EQ(window(1, 1, 0), "window.C4");
  const auto conv = [&](ConvAttrs attrs, int64_t taps = 3) {
    Builder d(c);
    (void)d.conv(c.param("x", f32({1, 4, 2})), c.param("w", c.tensor(DType::f32, {taps, 2, 6})),
                 std::move(attrs));
    return code_of(d.status());
  };
  EXPECT_EQ(conv({}), "");
  EXPECT_EQ(conv({.strides = {0}}), "conv.C6");
  EXPECT_EQ(conv({.dilation = {0}}), "conv.C6");
  EXPECT_EQ(conv({.input_dilation = {0}}), "conv.C6");
  EXPECT_EQ(conv({.dilation = {1, 1}}), "conv.C3");
  EXPECT_EQ(conv({.input_dilation = {1, 1}}), "conv.C3");
  EXPECT_EQ(conv({.low = e({0, 0})}), "conv.C3");
  EXPECT_EQ(conv({.high = e({0, 0})}), "conv.C3");
  EXPECT_EQ(conv({}, 5), "");
  EXPECT_EQ(conv({}, 6), "conv.C7");
  EXPECT_EQ(conv({.product = "f32"}), "");
  EXPECT_EQ(conv({.product = "bf16"}), "");
  EXPECT_EQ(conv({.product = "bf16x6"}), "");
}

TEST_F(TypeRules, scatters) {
  const auto elements = [&](Type x, Type indices, Type updates, const char* kind = "set",
                            int64_t axis = 0) {
    return code(Op::scatter_elements, {x, indices, updates},
                {{Key::axis, axis}, {Key::kind, std::string(kind)}});
  };
  const Type x = f32({3, 4});
  EXPECT_EQ(elements(x, i64({2, 4}), f32({2, 4})), "");
  EXPECT_EQ(elements(x, i64({9, 4}), f32({9, 4})), "");
  EXPECT_EQ(elements(x, i64({2, 5}), f32({2, 5})), "scatter_elements.C5");
  EXPECT_EQ(elements(x, i64({2, 5}), f32({2, 5}), "set", 1), "");
  EXPECT_EQ(elements(x, i64({4, 5}), f32({4, 5}), "set", 1), "scatter_elements.C5");
  EXPECT_EQ(elements(x, i64({2}), f32({2})), "scatter_elements.C5");
  EXPECT_EQ(elements(x, i64({2, 4}), f32({1, 4})), "scatter_elements.C4");
  EXPECT_EQ(elements(x, i64({2, 4}), i64({2, 4})), "scatter_elements.C4");
  EXPECT_EQ(elements(x, t(DType::i32, {2, 4}), f32({2, 4})), "");
  EXPECT_EQ(elements(x, t(DType::i16, {2, 4}), f32({2, 4})), "scatter_elements.C3");
  for (const char* kind : {"sum", "prod", "max", "min"})
    EXPECT_EQ(elements(x, i64({2, 4}), f32({2, 4}), kind), "") << kind;
  EXPECT_EQ(elements(x, i64({2, 4}), f32({2, 4}), "and"), "scatter_elements.C2");
  const Type flags = t(DType::boolean, {3, 4});
  EXPECT_EQ(elements(flags, i64({3, 4}), flags, "set"), "");
  EXPECT_EQ(elements(flags, i64({3, 4}), flags, "sum"), "scatter_elements.C2");
}

TEST_F(TypeRules, operators_whose_count_depends_on_data) {
  const auto nonzero = [&](Type wanted) { return code(Op::nonzero, {f32({3, 4})}, {}, wanted); };
  EXPECT_EQ(nonzero(i64({2, 5})), "");
  EXPECT_EQ(nonzero(tuple({i64({2, 5})})), "nonzero.C1");
  EXPECT_EQ(nonzero(t(DType::i32, {2, 5})), "nonzero.C1");
  EXPECT_EQ(nonzero(i64({2})), "nonzero.C1");
  EXPECT_EQ(nonzero(i64({3, 5})), "nonzero.C1");
  struct Nms {
    Type boxes, scores, most, iou, least, wanted;
  };
  const Type real = f32({});
  const Type index = c.index();
  const Nms good{f32({1, 5, 4}), f32({1, 2, 5}), index, real, real, tuple({i64({9, 3}), index})};
  const auto nms = [&](auto change) {
    Nms k = good;
    change(k);
    return code(Op::nms, {k.boxes, k.scores, k.most, k.iou, k.least}, {}, k.wanted);
  };
  EXPECT_EQ(nms([](Nms&) {}), "");
  EXPECT_EQ(nms([&](Nms& k) { k.boxes = t(DType::f64, {1, 5, 4}); }), "nms.C1");
  EXPECT_EQ(nms([&](Nms& k) { k.boxes = f32({5, 4}); }), "nms.C1");
  EXPECT_EQ(nms([&](Nms& k) { k.scores = t(DType::f64, {1, 2, 5}); }), "nms.C1");
  EXPECT_EQ(nms([&](Nms& k) { k.scores = f32({2, 5}); }), "nms.C1");
  EXPECT_EQ(nms([&](Nms& k) { k.scores = f32({2, 2, 5}); }), "nms.C2");
  EXPECT_EQ(nms([&](Nms& k) { k.scores = f32({1, 2, 6}); }), "nms.C2");
  EXPECT_EQ(nms([&](Nms& k) { k.most = real; }), "nms.C3");
  EXPECT_EQ(nms([&](Nms& k) { k.iou = f32({1}); }), "nms.C3");
  EXPECT_EQ(nms([&](Nms& k) { k.least = f32({1}); }), "nms.C3");
  for (const Type wanted :
       {i64({9, 3}), tuple({i64({9, 3})}), tuple({i64({3}), index}), tuple({f32({9, 3}), index}),
        tuple({i64({9, 4}), index}), tuple({i64({9, 3}), real})})
    EXPECT_EQ(nms([&](Nms& k) { k.wanted = wanted; }), "nms.C4");
  const auto unique = [&](int64_t axis) {
    return code(Op::unique, {f32({3})}, {{Key::axis, axis}});
  };
  EXPECT_EQ(unique(-1), "");
  EXPECT_EQ(unique(0), "");
  EXPECT_EQ(unique(1), "unique.C1");
  EXPECT_EQ(unique(-2), "unique.C1");
}

TEST_F(TypeRules, elementwise_operands_and_casts) {
  EXPECT_EQ(code(Op::select, {f32({2}), f32({2}), f32({2})}), "select.C1");
  EXPECT_EQ(code(Op::select, {t(DType::boolean, {2}), f32({2}), i64({2})}), "select.C1");
  EXPECT_EQ(code(Op::select, {t(DType::boolean, {2}), f32({2}), f32({2})}), "");
  EXPECT_EQ(code(Op::fma, {f32({2}), f32({2}), i64({2})}), "fma.C1");
  EXPECT_EQ(code(Op::fma, {f32({2}), f32({2}), f32({3})}), "fma.C2");
  EXPECT_EQ(code(Op::cast, {f32({2})}), "cast.C4");
  EXPECT_EQ(code(Op::cast, {f32({2})}, {}, tuple({f32({2})})), "cast.C4");
  EXPECT_EQ(code(Op::cast, {f32({2})}, {}, i64({3})), "cast.C4");
  EXPECT_EQ(code(Op::cast, {f32({2})}, {}, i64({2})), "");
}

}  // namespace
}  // namespace tenon::ops
