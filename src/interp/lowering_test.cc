// Every operator's lowering against its reference evaluation: the node becomes a definition-form
// kernel of one or two blocks, which the loop interpreter runs (it checks every access).
#include <functional>

#include "interp/interp.h"
#include "ir/combiner.h"
#include "ir/rewrite.h"
#include "ops/reduction/reduction.h"
#include "ops/test_util.h"

namespace tenon::interp {
namespace {

using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Key;
using ir::Op;
using ops::Builder;
using ops::Ints;
using ops::OpRow;
using ops::testing::random_real;
using ops::testing::random_whole;
using Extents = std::vector<Expr>;

/// A kernel that computes one node; params are operands, then the result.
class OneNode {
 public:
  OneNode(Context& graph, Expr node) : graph_(graph), node_(node) {
    kernel_.context = std::make_shared<Context>();
    kernel_.name = "one";
    if (node->op != Op::from_scalars)
      for (Expr operand : node->operands) inputs_.push_back(buffer("x", operand->type));
    out_ = buffer("out", node->type);
    for (Expr b : inputs_) kernel_.params.push_back({b, ir::ParamRole::in, {}});
    kernel_.params.push_back({out_, ir::ParamRole::out, {}});
    const OpRow& row = *ops::find_op(node->op);
    if (ops::needs_check(node)) emit_check(row);
    if (row.reduce != nullptr) {
      emit_reduction(row);
    } else if (row.opaque != nullptr) {
      statements_.push_back(row.opaque(
          {c(), node, inputs_, std::span(&out_, 1), extent_fn(),
           [this](std::string name, DType type, std::span<const Expr> shape, ir::Scope scope) {
             return temp(std::move(name), type, shape, scope);
           }}));
    } else {
      Nest nest = spatial(out_->shape());
      emit(nest, ir::store(c(), out_, row.point(args(nest.space, {})), nest.space));
    }
    kernel_.body = ir::seq(c(), statements_);
  }

  Result<Tensor> run(std::vector<Tensor> operands, const SizeMap& sizes) {
    std::vector<int64_t> values;
    for (Expr v : size_vars_) values.push_back(sizes.at(v));
    operands.push_back(
        Tensor::zeros(node_->dtype(), ops::testing::concrete(node_->shape(), sizes)));
    TENON_TRY_VOID(interp::run(kernel_, values, operands));
    return std::move(operands.back());
  }

 private:
  struct Nest {
    std::vector<ir::BlockIter> iters;
    std::vector<std::pair<Expr, Expr>> loops;
    Extents space, reduce;
  };

  Context& c() { return *kernel_.context; }
  Expr extent(Expr e) {
    for (Expr v : ir::post_order(std::span(&e, 1))) {
      if (v->op != Op::var || map_.contains(v)) continue;
      map_[v] = c().var(v->string_attr(Key::name));
      kernel_.sizes.push_back(map_[v]);
      size_vars_.push_back(v);
    }
    return ir::copy_to(c(), e, map_);
  }
  std::function<Expr(Expr)> extent_fn() {
    return [this](Expr e) { return extent(e); };
  }
  Expr buffer(const char* name, ir::Type type) {
    Extents shape;
    for (Expr e : type->shape) shape.push_back(extent(e));
    return c().buffer(name, c().tensor(type->dtype, shape));
  }
  Expr temp(std::string name, DType type, std::span<const Expr> shape, ir::Scope scope) {
    kernel_.buffers.push_back(c().buffer(std::move(name), c().tensor(type, shape, scope)));
    return kernel_.buffers.back();
  }
  void add(Nest& nest, Expr extent, char kind) {
    const Expr loop = c().var("i");
    const Expr v = c().var("v");
    nest.iters.push_back({v, loop, kind});
    nest.loops.emplace_back(loop, extent);
    (kind == 's' ? nest.space : nest.reduce).push_back(v);
  }
  Nest spatial(std::span<const Expr> shape) {
    Nest nest;
    for (Expr e : shape) add(nest, e, 's');
    return nest;
  }
  void emit(const Nest& nest, Expr body) {
    Expr s = ir::block(c(), "b", nest.iters, c().bool_imm(true), body);
    for (size_t i = nest.loops.size(); i-- > 0;)
      s = ir::for_loop(c(), nest.loops[i].first, nest.loops[i].second, s);
    statements_.push_back(s);
  }
  ops::PointArgs args(const Extents& out, const Extents& reduce) {
    return {c(),
            node_,
            out,
            [this](size_t k, std::span<const Expr> at) { return ir::load(c(), inputs_[k], at); },
            extent_fn(),
            reduce};
  }
  void emit_check(const OpRow& row) {
    const Expr indices = inputs_[static_cast<size_t>(row.checked_operand)];
    const Nest nest = spatial(indices->shape());
    const Expr value = ir::load(c(), indices, nest.space);
    const Expr good = row.check({c(), node_, value, nest.space, extent_fn()});
    emit(nest, ir::if_then(c(), ir::unary(c(), Op::not_, good),
                           c().make(Op::fail_, c().void_type(), {c().i64(1)})));
  }
  void emit_reduction(const OpRow& row) {
    const ops::ReduceInfo info = row.reduce(graph_, node_);
    Expr target = out_;
    if (info.accumulate != out_->dtype())
      target = temp("acc", info.accumulate, out_->shape(), ir::Scope::global);
    Nest nest = spatial(out_->shape());
    for (const ops::ReduceAxis& axis : info.axes) add(nest, extent(axis.extent), 'r');
    const Expr value = row.point(args(nest.space, nest.reduce));
    const std::string kind = info.combine == "fma" ? "sum" : info.combine;
    emit(nest, ir::update(c(), target, ir::identity(c(), kind, info.accumulate), value, nest.space,
                          info.combine));
    if (target == out_) return;
    const Nest copy = spatial(out_->shape());
    emit(copy, ir::store(c(), out_, ir::cast(c(), out_->dtype(), ir::load(c(), target, copy.space)),
                         copy.space));
  }

  Context& graph_;
  Expr node_;
  ir::Kernel kernel_;
  Extents inputs_, size_vars_, statements_;
  Expr out_ = nullptr;
  ir::Map map_;
};

struct LoweringTest : ::testing::Test {
  Context c;
  Builder b{c};
  std::mt19937 random = ops::testing::seeded();
  SizeMap sizes;

  int64_t pick(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo + 1));
  }
  /// A literal extent, or now and then a new symbol of that value.
  Expr extent(int64_t n) {
    if (random() % 3 != 0) return c.i64(n);
    const Expr v = c.var("n" + std::to_string(sizes.size()));
    sizes[v] = n;
    return v;
  }
  Extents extents(const Ints& values) {
    Extents all;
    for (int64_t n : values) all.push_back(extent(n));
    return all;
  }
  Extents literals(const Ints& values) {
    Extents all;
    for (int64_t n : values) all.push_back(c.i64(n));
    return all;
  }
  Expr param(DType type, const Extents& shape) { return c.param("x", c.tensor(type, shape)); }
  std::vector<int64_t> shape_of(Expr x) { return ops::testing::concrete(x->shape(), sizes); }
  Ints random_shape(int64_t rank, int64_t hi = 5) {
    Ints shape;
    for (int64_t i = 0; i < rank; ++i) shape.push_back(random() % 12 == 0 ? 0 : pick(1, hi));
    return shape;
  }
  Tensor whole(Expr x, int64_t lo = -4, int64_t hi = 4) {
    return random_whole(x->dtype(), shape_of(x), random, lo, hi);
  }

  void check(Expr node, const std::vector<Tensor>& operands) {
    ASSERT_TRUE(b.ok()) << b.status().error().text();
    const Tensor want = ops::testing::eval(node, operands, sizes);
    const auto got = OneNode(c, node).run(operands, sizes);
    ASSERT_TRUE(got.has_value()) << got.error().text();
    ops::testing::expect_same(*got, want, std::string(ir::info(node->op).name));
  }
  void check(Expr node) {
    std::vector<Tensor> operands;
    for (Expr e : node->operands) operands.push_back(whole(e));
    check(node, operands);
  }
};

TEST_F(LoweringTest, elementwise) {
  for (int i = static_cast<int>(Op::neg); i <= static_cast<int>(Op::fma); ++i) {
    const auto op = static_cast<Op>(i);
    for (const DType type :
         {DType::f32, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean}) {
      const Ints shape = random_shape(2);
      const Extents e = extents(shape);
      Extents operands;
      for (int k = 0; k < ir::info(op).max_operands; ++k)
        operands.push_back(param(op == Op::select && k == 0 ? DType::boolean : type, e));
      const ir::Type wanted = op == Op::cast ? c.tensor(DType::i16, e) : nullptr;
      const auto node = ops::build(c, op, operands, {}, wanted);
      if (!node || !ir::is_elementwise((*node)->op)) continue;
      std::vector<Tensor> values;
      for (Expr x : operands)
        values.push_back(ir::is_float(x->dtype()) ? random_real(x->dtype(), shape, random, true)
                                                  : whole(x, -9, 9));
      check(*node, values);
    }
  }
}

TEST_F(LoweringTest, saturating_cast) {
  const Expr x = param(DType::f32, literals({4}));
  check(b.cast(x, DType::f8e4m3fn, true),
        {ops::testing::of(DType::f32, {4}, {1e9, -1e9, 1.3, NAN})});
}

TEST_F(LoweringTest, broadcast_and_transpose) {
  for (int round = 0; round < 40; ++round) {
    const Extents out = extents(random_shape(4));
    Ints dims;
    Extents in;
    for (int64_t i = 0; i < 4; ++i) {
      if (random() % 3 == 0) continue;
      dims.push_back(i);
      in.push_back(random() % 2 == 0 ? c.i64(1) : out[static_cast<size_t>(i)]);
    }
    const Expr y = b.broadcast_in(param(DType::f32, in), out, dims);
    if (y->op == Op::broadcast) check(y);
    Ints perm{0, 1, 2, 3};
    std::shuffle(perm.begin(), perm.end(), random);
    const Expr t = b.transpose(param(DType::i8, out), perm);
    if (t->op == Op::transpose) check(t);
  }
}

/// Splits a whole number into factors in random order.
Ints split(int64_t n, std::mt19937& random) {
  Ints parts;
  for (int64_t p : {2, 2, 3, 5}) {
    if (n % p != 0) continue;
    if (!parts.empty() && random() % 2 == 0) {
      parts.back() *= p;
    } else {
      parts.push_back(p);
    }
    n /= p;
  }
  if (n != 1) parts.push_back(n);
  if (random() % 3 == 0)
    parts.insert(parts.begin() + static_cast<int64_t>(random() % (parts.size() + 1)), 1);
  return parts;
}

TEST_F(LoweringTest, reshape_of_literal_shapes) {
  for (int round = 0; round < 80; ++round) {
    const int64_t n = Ints{60, 36, 20, 6, 7, 1, 0}[random() % 7];
    const Expr y =
        b.reshape(param(DType::f32, literals(split(n, random))), b.i64s(split(n, random)));
    if (y->op == Op::reshape) check(y);
  }
}

TEST_F(LoweringTest, reshape_of_symbolic_shapes) {
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  const Expr k = c.var("k");
  const auto times = [&](Expr a, Expr d) { return ir::mul(c, a, d); };
  const Expr four = c.i64(4);
  const Expr six = c.i64(6);
  const std::vector<std::pair<Extents, Extents>> cases{
      {{n, m, six}, {times(n, m), six}},
      {{times(n, m), six}, {n, m, c.i64(2), c.i64(3)}},
      {{n, m, six}, {n, c.i64(1), m, c.i64(3), c.i64(2)}},
      {{n, four, m}, {times(n, four), m}},
      {{n, m}, {m, n}},
      {{n, six}, {times(n, c.i64(2)), c.i64(3)}},
      {{n, six, m, four}, {n, four, c.i64(3), times(m, c.i64(2))}},
      {{n, four}, {k, four}},
      {{four, n, six}, {c.i64(8), k, c.i64(3)}},
      {{ir::add(c, n, c.i64(1)), m}, {m, ir::add(c, n, c.i64(1))}},
  };
  for (const auto& [in, out] : cases)
    for (const auto& [vn, vm] : {std::pair<int64_t, int64_t>{3, 5}, {1, 1}, {2, 4}, {0, 2}}) {
      sizes = {{n, vn}, {m, vm}, {k, vn}};
      check(b.reshape(param(DType::f32, in), out));
    }
}

/// A node's value at the indices i0, i1, ... of a fresh context, and where it reads operand 0.
struct PointOf {
  Context k;
  Extents index, seen;
  Expr value = nullptr;

  explicit PointOf(Expr node) {
    for (int64_t i = 0; i < node->rank(); ++i) index.push_back(k.var("i" + std::to_string(i)));
    ir::Map map;
    value = ops::find_op(node->op)->point({k,
                                           node,
                                           index,
                                           [&](size_t operand, std::span<const Expr> at) -> Expr {
                                             if (operand != 0) return k.var("element");
                                             seen.assign(at.begin(), at.end());
                                             return k.imm_f(k.scalar(DType::f32), 1);
                                           },
                                           [&](Expr e) { return ir::copy_to(k, e, map); },
                                           {}});
  }
};

TEST_F(LoweringTest, common_reshapes_have_small_index_maps) {
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  PointOf p(b.reshape(param(DType::f32, {n, m, c.i64(768)}), Extents{n, m, c.i64(12), c.i64(64)}));
  ASSERT_EQ(p.seen.size(), 3U);
  EXPECT_EQ(p.seen[0], p.index[0]);
  EXPECT_EQ(p.seen[1], p.index[1]);
  Context& k = p.k;
  EXPECT_EQ(p.seen[2], ir::add(k, ir::mul(k, p.index[2], k.i64(64)), p.index[3]));
}

TEST_F(LoweringTest, reshapes_keep_axes_between_groups_of_literals) {
  const PointOf p(b.reshape(param(DType::f32, literals({6, 4, 5, 9, 4})), b.i64s({4, 6, 5, 6, 6})));
  ASSERT_EQ(p.seen.size(), 5U);
  EXPECT_EQ(p.seen[2], p.index[2]);
  const PointOf q(b.reshape(param(DType::f32, literals({4, 6, 5, 6, 6})), b.i64s({6, 4, 5, 9, 4})));
  EXPECT_EQ(q.seen[2], q.index[2]);
}

TEST_F(LoweringTest, windows_guard_only_padded_axes) {
  const Expr x = param(DType::f32, literals({8}));
  const auto guarded = [&](int64_t low, int64_t high) {
    const Expr y =
        b.window("max", x, {.size = {3}, .low = literals({low}), .high = literals({high})});
    Context k;
    const Extents at{k.var("i")};
    const Extents tap{k.var("r")};
    ir::Map map;
    const Expr value = ops::find_op(Op::window)
                           ->point({k, y, at,
                                    [&](size_t, std::span<const Expr>) {
                                      return k.imm_f(k.scalar(DType::f32), 1);
                                    },
                                    [&](Expr e) { return ir::copy_to(k, e, map); }, tap});
    return value->op == Op::select;
  };
  EXPECT_FALSE(guarded(0, 0));
  EXPECT_TRUE(guarded(1, 0));
  EXPECT_TRUE(guarded(0, 1));
}

TEST_F(LoweringTest, gathers_guard_only_what_may_be_out_of_range) {
  const Expr x = param(DType::f32, literals({4}));
  const auto gathered = [&](Expr indices) { return b.gather(x, indices, 0); };
  const auto known = [&](Ints values) {
    return b.constant(ops::testing::of_i(DType::i64, {2}, values));
  };
  const PointOf front(gathered(known({0, 3})));
  EXPECT_EQ(front.value->op, Op::imm);
  EXPECT_EQ(front.seen[0]->op, Op::var);
  const PointOf any_end(gathered(known({-4, 3})));
  EXPECT_EQ(any_end.value->op, Op::imm);
  EXPECT_EQ(any_end.seen[0]->op, Op::select);
  const PointOf unknown(gathered(param(DType::i64, literals({2}))));
  EXPECT_EQ(unknown.value->op, Op::select);
  EXPECT_EQ(unknown.seen[0]->op, Op::select);
}

TEST_F(LoweringTest, slice_pad_concat) {
  for (int round = 0; round < 60; ++round) {
    const Ints shape{pick(2, 6), pick(2, 6)};
    const Extents e = extents(shape);
    const Expr x = param(DType::f32, e);
    const int64_t stride = random() % 2 == 0 ? pick(1, 3) : -pick(1, 3);
    const int64_t start = pick(0, shape[1] - 1);
    const int64_t room = stride > 0 ? (shape[1] - 1 - start) / stride : start / -stride;
    const Expr s = b.slice_axis(x, 1, extent(start), extent(pick(0, room + 1)), stride);
    if (s->op == Op::slice) check(s);

    const Expr p = b.pad(x, b.scalar(DType::f32, 9), {c.i64(pick(-1, 2)), extent(pick(0, 2))},
                         {c.i64(pick(-1, 2)), extent(pick(0, 1))}, {pick(0, 2), pick(0, 1)});
    if (p->op == Op::pad) check(p);

    Extents parts;
    for (int64_t k = 0, count = pick(1, 6); k < count; ++k)
      parts.push_back(param(DType::f32, {e[0], extent(pick(0, 3))}));
    const Expr j = b.concat(parts, 1);
    if (j->op == Op::concat) check(j);
  }
}

TEST_F(LoweringTest, iota_from_scalars_dynamic_slice) {
  check(b.iota(DType::f16, extents({3, 4}), 1));
  const Expr n = c.var("n");
  sizes[n] = 5;
  const Extents scalars{n, c.i64(7), ir::add(c, n, c.i64(1))};
  check(b.from_scalars(scalars), {});
  check(b.from_scalar(n), {});
}

TEST_F(LoweringTest, dynamic_slice_clamps) {
  for (int round = 0; round < 20; ++round) {
    const Expr x = param(DType::f32, extents({pick(2, 5), 4}));
    const Extents starts{c.param("s", c.index()), c.param("t", c.index())};
    const Expr y = b.dynamic_slice(x, starts, literals({2, 4}));
    if (y->op == Op::dynamic_slice)
      check(y, {whole(x), whole(starts[0], -9, 9), whole(starts[1], -9, 9)});
  }
}

TEST_F(LoweringTest, gathers) {
  for (int round = 0; round < 40; ++round) {
    const Ints shape{pick(1, 4), pick(1, 5), pick(1, 3)};
    const Expr x = param(DType::f32, extents(shape));
    const int64_t axis = pick(0, 2);
    const int64_t n = shape[static_cast<size_t>(axis)];
    const Expr i =
        param(round % 2 == 0 ? DType::i32 : DType::i64, extents(random_shape(pick(0, 2))));
    check(b.gather(x, i, axis), {whole(x), whole(i, -n, n - 1)});

    Ints reach;
    for (int64_t e : shape) reach.push_back(pick(1, e));
    reach[static_cast<size_t>(axis)] = pick(0, 6);
    const Expr j = param(DType::i64, literals(reach));
    check(b.gather_elements(x, j, axis), {whole(x), whole(j, -n, n - 1)});

    const int64_t batch = pick(0, 1);
    const int64_t depth = pick(1, 3 - batch);
    int64_t least = shape[static_cast<size_t>(batch)];
    for (int64_t d = 0; d < depth; ++d)
      least = std::min(least, shape[static_cast<size_t>(batch + d)]);
    Extents where{batch == 1 ? x->shape()[0] : extent(3), extent(2), c.i64(depth)};
    const Expr k = param(DType::i64, where);
    check(b.gather_nd(x, k, batch), {whole(x), whole(k, -least, least - 1)});
  }
}

TEST_F(LoweringTest, gathers_by_literal_indices) {
  const Expr x = param(DType::f32, literals({4, 3}));
  const std::vector<int64_t> front{3, 0, 2};
  const std::vector<int64_t> both{-1, 0, -4};
  for (const auto& indices : {front, both}) {
    const Expr i = b.constant(ops::testing::of_i(DType::i64, {3}, indices));
    check(b.gather(x, i, 0), {whole(x), ops::tensor_of(i)});
  }
}

TEST_F(LoweringTest, indices_out_of_range_leave_the_kernel) {
  const Expr x = param(DType::f32, literals({4, 3}));
  const auto fails = [&](Expr node, const Tensor& indices) {
    const auto got = OneNode(c, node).run({whole(x), indices}, sizes);
    return !got.has_value();
  };
  const Expr i = param(DType::i64, literals({2}));
  const Expr y = b.gather(x, i, 0);
  EXPECT_TRUE(fails(y, ops::testing::of_i(DType::i64, {2}, {0, 4})));
  EXPECT_TRUE(fails(y, ops::testing::of_i(DType::i64, {2}, {-5, 0})));
  EXPECT_FALSE(fails(y, ops::testing::of_i(DType::i64, {2}, {-4, 3})));
  const Expr k = param(DType::i64, literals({1, 2}));
  const Expr z = b.gather_nd(x, k);
  EXPECT_TRUE(fails(z, ops::testing::of_i(DType::i64, {1, 2}, {0, 3})));
  EXPECT_TRUE(fails(z, ops::testing::of_i(DType::i64, {1, 2}, {4, 0})));
  EXPECT_FALSE(fails(z, ops::testing::of_i(DType::i64, {1, 2}, {3, 2})));
}

TEST_F(LoweringTest, reductions) {
  for (int round = 0; round < 80; ++round) {
    const char* kinds[] = {"sum", "prod", "max", "min", "and", "or"};
    const char* kind = kinds[round % 6];
    const bool logical = round % 6 >= 4;
    const DType types[] = {DType::f32, DType::f16, DType::i32, DType::u8, DType::i64};
    const DType type = logical ? DType::boolean : types[random() % 5];
    const Expr x = param(type, extents(random_shape(pick(1, 4), 3)));
    Ints axes;
    for (int64_t i = 0; i < x->rank(); ++i)
      if (random() % 2 == 0) axes.push_back(i);
    const Expr y = b.reduce(kind, x, axes);
    if (y->op == Op::reduce) check(y, {whole(x, -2, 2)});
  }
  const Expr x = param(DType::f32, literals({3, 7}));
  check(b.reduce("max", x, {1}), {random_real(DType::f32, {3, 7}, random, true)});
  check(b.reduce("min", x, {0}), {random_real(DType::f32, {3, 7}, random, true)});
}

TEST_F(LoweringTest, arg_reduce) {
  for (int round = 0; round < 60; ++round) {
    Ints shape{pick(1, 4), pick(1, 5), pick(0, 3)};
    const DType type = round % 3 == 0 ? DType::i32 : round % 3 == 1 ? DType::f32 : DType::u8;
    const int64_t axis = pick(0, 2);
    shape[static_cast<size_t>(axis)] = pick(1, 6);
    const Expr x = param(type, extents(shape));
    const Expr y = b.arg_reduce(round % 2 == 0 ? "max" : "min", x, axis, false, random() % 2 == 0);
    check(y, {ir::is_float(type) && random() % 2 == 0 ? random_real(type, shape, random, true)
                                                      : whole(x, -2, 2)});
  }
}

TEST_F(LoweringTest, dots) {
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i32, DType::i8}) {
    const Expr batch = extent(2);
    const Expr k = extent(random() % 2 == 0 ? 5 : 1);
    const Expr l = extent(3);
    const Expr x = param(type, {k, extent(4), batch, l});
    const Expr y = param(type, {batch, l, extent(3), k});
    check(b.dot(x, y, {2}, {0}, {0, 3}, {3, 1}));
    check(b.dot(param(type, {extent(7), k}), param(type, {k, extent(3)}), {}, {}, {1}, {0}));
    check(b.dot(param(type, {k}), param(type, {extent(0), k}), {}, {}, {0}, {1}));
  }
}

TEST_F(LoweringTest, convolutions) {
  for (int round = 0; round < 40; ++round) {
    const int64_t groups = pick(1, 3);
    const int64_t cg = pick(1, 2);
    const int64_t mg = pick(1, 2);
    ops::ConvAttrs attrs{.strides = {pick(1, 2), pick(1, 3)},
                         .dilation = {pick(1, 2), pick(1, 2)},
                         .input_dilation = {pick(1, 2), pick(1, 3)},
                         .low = {extent(pick(0, 2)), c.i64(pick(-1, 2))},
                         .high = {c.i64(pick(-1, 2)), extent(pick(0, 2))},
                         .groups = groups};
    const DType type = round % 4 == 0 ? DType::f16 : round % 4 == 1 ? DType::i32 : DType::f32;
    const Expr x = param(
        type, {extent(pick(1, 2)), extent(pick(5, 7)), extent(pick(5, 7)), c.i64(groups * cg)});
    const Expr w =
        param(type, {c.i64(pick(1, 3)), c.i64(pick(1, 2)), c.i64(cg), c.i64(groups * mg)});
    check(b.conv(x, w, attrs));
  }
}

TEST_F(LoweringTest, plain_convolution_has_no_guard) {
  const Expr x = param(DType::f32, literals({1, 5, 5, 2}));
  const Expr w = param(DType::f32, literals({3, 3, 2, 4}));
  const Expr y = b.conv(x, w, {});
  Context k;
  const Extents out{k.var("n"), k.var("h"), k.var("w"), k.var("m")};
  const Extents reduce{k.var("r"), k.var("s"), k.var("c")};
  ir::Map map;
  const Expr value = ops::find_op(Op::conv)->point(
      {k, y, out, [&](size_t, std::span<const Expr>) { return k.var("v", k.scalar(DType::f32)); },
       [&](Expr e) { return ir::copy_to(k, e, map); }, reduce});
  EXPECT_EQ(value->op, Op::mul);
  EXPECT_EQ(value->operand(0)->op, Op::var);
}

TEST_F(LoweringTest, windows) {
  for (int round = 0; round < 40; ++round) {
    const char* kinds[] = {"sum", "max", "min", "prod"};
    ops::WindowAttrs attrs{.size = {1, pick(1, 3), pick(1, 2)},
                           .strides = {1, pick(1, 3), pick(1, 2)},
                           .dilation = {1, pick(1, 2), pick(1, 2)},
                           .low = {c.i64(0), extent(pick(0, 2)), c.i64(pick(-1, 1))},
                           .high = {c.i64(0), c.i64(pick(0, 2)), extent(pick(0, 2))}};
    const DType type = round % 3 == 0 ? DType::i32 : round % 3 == 1 ? DType::f16 : DType::f32;
    const Expr x = param(type, extents({pick(1, 2), pick(5, 8), pick(4, 8)}));
    const Expr y = b.window(kinds[round % 4], x, attrs);
    check(y, {whole(x, -2, 2)});
  }
}

}  // namespace
}  // namespace tenon::interp
