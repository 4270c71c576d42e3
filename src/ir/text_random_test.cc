// Random programs of every stage: what is printed parses, verifies, and prints the same again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/text.h"
#include "ir/vector.h"
#include "ir/verify.h"

namespace tenon::ir {
namespace {

constexpr int kRounds = 300;

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int64_t pick(int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(random_);
  }
  template <class T>
  T one_of(std::initializer_list<T> all) {
    return all.begin()[pick(0, static_cast<int64_t>(all.size()) - 1)];
  }

 private:
  std::mt19937_64 random_;
};

/// A random loop program, legal at its stage.
class RandomKernel {
 public:
  RandomKernel(uint64_t seed, char stage) : dice_(seed), stage_(stage) {
    k.context = std::make_shared<Context>();
    k.name = dice_.one_of<std::string>({"k", "dot/relu", "for"});
    for (int64_t i = dice_.pick(0, 2); i >= 0; --i) scope_.push_back(c().var(word()));
    k.sizes = scope_;
    for (int64_t i = dice_.pick(1, 4); i > 0; --i) param();
    for (int64_t i = dice_.pick(0, 2); i > 0; --i) {
      k.buffers.push_back(buffer(dice_.one_of({Scope::global, Scope::scratch, Scope::reg})));
      writable_.push_back(k.buffers.back());
    }
    if (writable_.empty()) {
      k.params.push_back({buffer(Scope::global), ParamRole::out, {}});
      writable_.push_back(k.params.back().buffer);
    }
    if (dice_.pick(0, 1) != 0) k.trace = {"i0, i1 = split(i, 12)", "say(\"hi\\\\\")"};
    std::vector<Expr> all;
    for (int64_t i = dice_.pick(0, 3); i > 0; --i) all.push_back(top());
    k.body =
        dice_.pick(0, 3) == 0 && all.size() == 1 ? all[0] : c().make(Op::seq, c().void_type(), all);
  }

  Kernel k;

 private:
  Context& c() { return *k.context; }
  std::string word() {
    return dice_.one_of<std::string>({"i", "i", "n", "vi", "x", "x y", "let", "t0", "h.1"});
  }

  Expr extent() {
    const Expr n = scope_[0];
    switch (dice_.pick(0, 3)) {
      case 0:
        return n;
      case 1:
        return c().make(Op::max, c().index(), {mul(c(), n, c().i64(dice_.pick(2, 9))), c().i64(0)});
      default:
        return c().i64(dice_.pick(1, 64));
    }
  }
  Expr buffer(Scope scope) {
    std::vector<Expr> shape;
    for (int64_t r = dice_.pick(0, 3); r > 0; --r) shape.push_back(extent());
    const DType t = dice_.one_of({DType::f32, DType::f32, DType::i64, DType::boolean, DType::bf16});
    all_.push_back(c().buffer(word(), c().tensor(t, shape, scope)));
    return all_.back();
  }
  void param() {
    KernelParam p{
        buffer(Scope::global),
        dice_.one_of({ParamRole::in, ParamRole::out, ParamRole::constant, ParamRole::inout}),
        {}};
    if (p.role == ParamRole::constant && dice_.pick(0, 1) != 0)
      p.packing = {{{4, 0}, {0, 2, 1}}, {{0}, {0}}};
    if (!p.packing.empty() && dice_.pick(0, 1) != 0) p.logical = {12, 8};
    if (is_written(p.role)) writable_.push_back(p.buffer);
    k.params.push_back(std::move(p));
  }

  Expr index(int depth) {
    if (depth == 0 || dice_.pick(0, 2) == 0)
      return scope_.empty() || dice_.pick(0, 1) != 0
                 ? c().i64(dice_.pick(-20, 20))
                 : scope_[static_cast<size_t>(
                       dice_.pick(0, static_cast<int64_t>(scope_.size()) - 1))];
    const Op op = dice_.one_of({Op::add, Op::sub, Op::mul, Op::floordiv, Op::mod, Op::min, Op::max,
                                Op::shl, Op::and_, Op::div});
    const Expr a = index(depth - 1);
    if (dice_.pick(0, 9) == 0) return c().make(Op::neg, c().index(), {a});
    if (dice_.pick(0, 9) == 0)
      return c().make(Op::select, c().index(), {truth(depth - 1), a, index(depth - 1)});
    return c().make(op, c().index(), {a, index(depth - 1)});
  }
  Expr truth(int depth) {
    if (depth <= 0) return c().bool_imm(dice_.pick(0, 1) != 0);
    switch (dice_.pick(0, 4)) {
      case 0:
        return c().make(dice_.one_of({Op::and_, Op::or_, Op::xor_, Op::eq}), c().boolean(),
                        {truth(depth - 1), truth(depth - 1)});
      case 1:
        return c().make(Op::not_, c().boolean(), {truth(depth - 1)});
      case 2: {
        const Expr a = value(DType::f32, depth - 1);
        return c().make(dice_.one_of({Op::lt, Op::ge, Op::ne}), c().boolean(),
                        {a, value(DType::f32, depth - 1)});
      }
      default:
        return c().make(dice_.one_of({Op::lt, Op::le, Op::gt, Op::ge, Op::eq, Op::ne}),
                        c().boolean(), {index(depth - 1), index(depth - 1)});
    }
  }
  Expr value(DType t, int depth) {
    if (t == DType::i64 && dice_.pick(0, 1) != 0) return index(depth);
    if (t == DType::boolean) return truth(depth);
    const Type type = c().scalar(t);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const Expr b =
          all_[static_cast<size_t>(dice_.pick(0, static_cast<int64_t>(all_.size()) - 1))];
      if (b->dtype() == t && dice_.pick(0, 1) != 0) return load(c(), b, indices(b));
    }
    if (depth == 0)
      return is_float(t) ? c().imm_f(type, static_cast<double>(dice_.pick(-9, 9)) / 7)
                         : c().imm(type, dice_.pick(-9, 9));
    const Expr a = value(t, depth - 1);
    switch (dice_.pick(0, 5)) {
      case 0:
        return is_float(t) ? c().make(dice_.one_of({Op::exp, Op::sqrt, Op::neg}), type, {a}) : a;
      case 1:
        return c().make(Op::cast, type,
                        {value(dice_.one_of({DType::i64, DType::f32, DType::boolean}), depth - 1)});
      case 2:
        return c().make(Op::select, type, {truth(depth - 1), a, value(t, depth - 1)});
      case 3:
        return is_float(t) ? c().make(Op::fma, type, {a, a, value(t, depth - 1)}) : a;
      default:
        return c().make(dice_.one_of({Op::add, Op::sub, Op::mul, Op::max, Op::div}), type,
                        {a, value(t, depth - 1)});
    }
  }
  // ---- lanes, at the target stage
  Expr lanes_index(int lanes) {
    return dice_.pick(0, 2) != 0 ? ramp(c(), index(2), dice_.pick(-2, 3), lanes)
                                 : splat(c(), index(2), lanes);
  }
  Expr lanes_mask(int lanes) { return binary(c(), Op::lt, lanes_index(lanes), lanes_index(lanes)); }
  std::vector<Expr> lanes_indices(Expr b, int lanes) {
    if (dice_.pick(0, 3) == 0) return {lanes_index(lanes)};
    std::vector<Expr> all = indices(b);
    if (all.empty()) return {lanes_index(lanes)};
    all.back() = lanes_index(lanes);
    return all;
  }
  Expr lanes_value(DType t, int lanes, int depth) {
    const Expr b = all_[static_cast<size_t>(dice_.pick(0, static_cast<int64_t>(all_.size()) - 1))];
    if (b->dtype() == t && dice_.pick(0, 1) != 0)
      return load_lanes(c(), b, dice_.pick(0, 1) != 0 ? lanes_mask(lanes) : nullptr,
                        lanes_indices(b, lanes));
    if (depth == 0) return splat(c(), value(t, 1), lanes);
    const Expr x = lanes_value(t, lanes, depth - 1);
    switch (dice_.pick(0, 4)) {
      case 0: {
        std::vector<int64_t> pattern;
        for (int i = 0; i < lanes; ++i) pattern.push_back(dice_.pick(0, 2 * lanes - 1));
        return shuffle(c(), x, lanes_value(t, lanes, depth - 1), pattern);
      }
      case 1: {
        const Expr cond = dice_.pick(0, 1) != 0 ? truth(1) : lanes_mask(lanes);
        return c().make(Op::select, x->type, {cond, x, lanes_value(t, lanes, depth - 1)});
      }
      case 2:
        return splat(c(), lane(c(), x, c().i64(dice_.pick(0, lanes - 1))), lanes);
      case 3:
        return splat(c(), reduce_lanes(c(), "max", x), lanes);
      default:
        return x;
    }
  }
  Expr lanes_write(Expr b) {
    const int lanes = dice_.one_of({2, 8, 16, 64});
    const Expr v = lanes_value(b->dtype(), lanes, 3);
    return store_lanes(c(), b, v, dice_.pick(0, 1) != 0 ? lanes_mask(lanes) : nullptr,
                       lanes_indices(b, lanes));
  }

  std::vector<Expr> indices(Expr b) {
    std::vector<Expr> all;
    for (int r = 0; r < b->rank(); ++r) all.push_back(index(2));
    return all;
  }

  Expr top() {
    if (dice_.pick(0, 2) == 0) return in_loop("parallel", 3);
    return statement(3);
  }
  Expr body(int depth) {
    std::vector<Expr> all;
    for (int64_t i = dice_.pick(0, 3); i > 0; --i) all.push_back(statement(depth));
    return all.size() == 1 && dice_.pick(0, 4) != 0 ? all[0]
                                                    : c().make(Op::seq, c().void_type(), all);
  }
  Expr in_loop(std::string kind, int depth) {
    const Expr extent = index(1);
    const Expr var = c().var(word());
    scope_.push_back(var);
    const Expr inner = body(depth - 1);
    scope_.pop_back();
    return for_loop(c(), var, extent, inner, std::move(kind),
                    dice_.pick(0, 3) == 0 ? "a=\"1\"" : "");
  }
  Expr statement(int depth) {
    const int64_t kind = dice_.pick(depth > 0 ? 0 : 6, 9);
    switch (kind) {
      case 0:
      case 1:
        return in_loop(dice_.one_of<std::string>({"serial", "vector", "unroll"}), depth);
      case 2: {
        const Expr cond = truth(2);
        const Expr then = body(depth - 1);
        if (dice_.pick(0, 1) != 0) return c().make(Op::cond, c().void_type(), {cond, then});
        return c().make(Op::cond, c().void_type(), {cond, then, body(depth - 1)});
      }
      case 3:
        return c().make(Op::while_, c().void_type(), {truth(2), body(depth - 1)});
      case 4: {
        const DType t = dice_.one_of({DType::i64, DType::f32});
        const Expr init = value(t, 2);
        const Expr var = c().var(word(), c().scalar(t));
        if (t == DType::i64) scope_.push_back(var);
        const Expr inner = body(depth - 1);
        if (t == DType::i64) scope_.pop_back();
        return let(c(), var, init, inner);
      }
      case 5:
        return stage_ == 'L' ? block(depth) : body(depth - 1);
      case 6:
        return c().make(Op::fail_, c().void_type(), {index(1)});
      case 7: {
        std::vector<InstrAxis> axes;
        for (int64_t i = dice_.pick(0, 3); i > 0; --i) axes.push_back({c().var(word()), index(2)});
        for (const InstrAxis& axis : axes) scope_.push_back(axis.var);
        std::vector<Expr> operands;
        for (int64_t i = dice_.pick(1, 3); i > 0; --i) {
          const Expr b =
              all_[static_cast<size_t>(dice_.pick(0, static_cast<int64_t>(all_.size()) - 1))];
          operands.push_back(load(c(), b, indices(b)));
        }
        scope_.resize(scope_.size() - axes.size());
        std::vector<int64_t> params;
        if (dice_.pick(0, 1) != 0) params = {12, 32};
        return instr(c(), "fma_tile", params, axes, operands);
      }
      default:
        return write();
    }
  }
  Expr write() {
    const Expr b =
        writable_[static_cast<size_t>(dice_.pick(0, static_cast<int64_t>(writable_.size()) - 1))];
    if (stage_ == 'T' && dice_.pick(0, 2) == 0) return lanes_write(b);
    const Expr v = value(b->dtype(), 3);
    if (stage_ == 'L' && dice_.pick(0, 2) == 0)
      return update(c(), b, value(b->dtype(), 1), v, indices(b),
                    dice_.one_of<std::string>({"sum", "max", "or"}));
    return store(c(), b, v, indices(b));
  }
  Expr block(int depth) {
    std::vector<BlockIter> iters;
    for (int64_t i = dice_.pick(0, 3); i > 0; --i)
      iters.push_back({c().var(word()), index(2), dice_.pick(0, 1) != 0 ? 's' : 'r'});
    std::vector<Expr> outer = scope_;
    for (const BlockIter& it : iters) scope_.push_back(it.var);
    const Expr predicate = dice_.pick(0, 1) != 0 ? c().bool_imm(true) : truth(2);
    scope_ = k.sizes;
    for (const BlockIter& it : iters) scope_.push_back(it.var);
    const Expr inner = body(depth - 1);
    scope_ = std::move(outer);
    return ir::block(c(), dice_.one_of<std::string>({"b", "dot", "a b"}), iters, predicate, inner,
                     dice_.pick(0, 2) == 0 ? "init=done" : "");
  }

  Dice dice_;
  char stage_;
  std::vector<Expr> scope_, all_, writable_;
};

/// TENON_TEST_SEED shifts the seeds of all rounds.
uint64_t first_seed() {
  const char* wanted = std::getenv("TENON_TEST_SEED");
  return wanted != nullptr ? static_cast<uint64_t>(std::atoll(wanted)) : 0;
}

TEST(TextRandom, kernels_read_back) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t seed = first_seed() + static_cast<uint64_t>(round);
    const char stage = round % 2 == 0 ? 'L' : 'T';
    const RandomKernel made(seed, stage);
    const Status before = verify(made.k, stage);
    ASSERT_TRUE(before.has_value()) << "seed " << seed << "\n"
                                    << before.error().text() << "\n"
                                    << print(made.k);
    const std::string text = print(made.k);
    const auto module = parse(text, "t.tir");
    ASSERT_TRUE(module.has_value()) << "seed " << seed << "\n"
                                    << module.error().text() << "\n"
                                    << text;
    const Kernel& back = *module->kernels[0];
    ASSERT_EQ(print(back), text) << "seed " << seed;
    ASSERT_EQ(canonical_text(back), canonical_text(made.k)) << "seed " << seed;
    ASSERT_TRUE(verify(back, stage).has_value()) << "seed " << seed;
  }
}

/// A random graph function with composites and attributes of every kind.
class RandomGraph {
 public:
  explicit RandomGraph(uint64_t seed) : dice_(seed) {
    f.name = "main";
    symbols_ = {c.var("n"), c.var(dice_.one_of<std::string>({"n", "batch size", "t1"}))};
    for (int64_t i = dice_.pick(1, 3); i > 0; --i) {
      const ParamRole role = dice_.one_of(
          {ParamRole::in, ParamRole::in, ParamRole::constant, ParamRole::inout, ParamRole::state});
      std::string name = dice_.one_of<std::string>({"x", "in/put", "t0", "n"});
      if (role != ParamRole::in) name += std::to_string(i);  // theirs are distinct
      f.params.push_back(param_with_role(c, name, type(), role, {dice_.pick(0, 2) * 100}));
      nodes_.push_back(f.params.back());
    }
    for (int64_t i = dice_.pick(0, 25); i > 0; --i) nodes_.push_back(node());
    for (int64_t i = dice_.pick(1, 3); i > 0; --i) f.results.push_back(any());
    if (dice_.pick(0, 1) != 0)
      for (size_t i = 0; i < f.results.size(); ++i)
        f.result_names.push_back("out " + std::to_string(i));
    const Expr scalars[] = {extent(), c.i64(3)};
    const Expr shape[] = {c.i64(2)};
    if (dice_.pick(0, 1) != 0)
      f.bindings.push_back(
          {symbols_[0], c.make(Op::from_scalars, c.tensor(DType::i64, shape), scalars), 1});
    for (int64_t i = dice_.pick(0, 2); i > 0; --i)
      f.guards.push_back({le(c, extent(), extent()), dice_.one_of<std::string>({"", "a \"b\\"})});
  }

  Context c;
  Function f;

 private:
  Expr extent() {
    const Expr s = symbols_[static_cast<size_t>(dice_.pick(0, 1))];
    switch (dice_.pick(0, 4)) {
      case 0:
        return s;
      case 1:
        return add(c, s, c.i64(dice_.pick(-3, 9)));
      case 2: {
        Expr e = s;
        for (int i = 0; i < 40; ++i)
          e = c.make(Op::mul, c.index(), {c.make(Op::add, c.index(), {e, c.i64(i)}), e});
        return e;
      }
      default:
        return c.i64(dice_.pick(1, 64));
    }
  }
  Type type() {
    std::vector<Expr> shape;
    for (int64_t r = dice_.pick(0, 3); r > 0; --r) shape.push_back(extent());
    return c.tensor(dice_.one_of({DType::f32, DType::i64, DType::u8, DType::f8e5m2}), shape);
  }
  Expr any() {
    return nodes_[static_cast<size_t>(dice_.pick(0, static_cast<int64_t>(nodes_.size()) - 1))];
  }
  std::vector<int64_t> ints() {
    return std::vector<int64_t>(static_cast<size_t>(dice_.pick(0, 3)), dice_.pick(-4, 9));
  }

  Expr node() {
    const Expr x = any();
    Expr out = x;
    switch (dice_.pick(0, 7)) {
      case 0:
        out = c.make(Op::exp, x->type, {x});
        break;
      case 1:
        out = c.make(Op::add, x->type, {x, x});
        break;
      case 2:
        out =
            c.make(Op::slice, type(), {x},
                   {{Key::starts, std::vector<Expr>{extent(), extent()}}, {Key::strides, ints()}});
        break;
      case 3:
        out = c.make(Op::reduce, type(), {x},
                     {{Key::kind, std::string("su\"m")}, {Key::axes, ints()}});
        break;
      case 4: {
        std::vector<std::byte> bytes(static_cast<size_t>(dice_.pick(0, 16)) * 4);
        for (std::byte& b : bytes) b = static_cast<std::byte>(dice_.pick(0, 255));
        const Type t = c.tensor(dice_.one_of({DType::f32, DType::i32}),
                                {static_cast<int64_t>(bytes.size()) / 4});
        out = c.constant(t, bytes.data(), bytes.size(), dice_.pick(0, 1) != 0 ? "w" : "");
        break;
      }
      case 5: {
        const Type fields[] = {x->type, c.index()};
        const Expr pair = c.make(Op::tuple, c.tuple(fields), {x, c.i64(1)});
        out = c.make(Op::get, x->type, {pair}, {{Key::index, int64_t{0}}});
        break;
      }
      case 6: {
        auto body = std::make_unique<Function>();
        body->name = dice_.one_of<std::string>({"softmax", "main", "a b"});
        body->params = {c.param("x", x->type)};
        body->results = {c.make(Op::neg, x->type, {body->params[0]})};
        out = c.make(Op::call, x->type, {x},
                     {{Key::name, std::string("softmax")},
                      {Key::body, c.add(std::move(body))},
                      {Key::options, std::string("axis=1")}});
        break;
      }
      default:
        out = c.make(Op::reshape, type(), {x});
    }
    if (dice_.pick(0, 3) == 0) c.set_location(out, "m.onnx:node \"7\"");
    return out;
  }

  Dice dice_;
  std::vector<Expr> symbols_, nodes_;
};

TEST(TextRandom, graphs_read_back) {
  PrintOptions options;
  options.locations = true;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t seed = first_seed() + 7000 + static_cast<uint64_t>(round);
    const RandomGraph made(seed);
    const std::string text = print(made.c, made.f, options);
    const auto module = parse(text, "t.tir");
    ASSERT_TRUE(module.has_value()) << "seed " << seed << "\n"
                                    << module.error().text() << "\n"
                                    << text;
    ASSERT_EQ(print(*module->context, *module->functions.back(), options), text) << "seed " << seed;
    EXPECT_EQ(verify(made.f).has_value(), verify(*module->functions.back()).has_value())
        << "seed " << seed;
  }
}

TEST(TextRandom, damaged_text_is_refused_or_read_but_never_breaks) {
  for (int round = 0; round < kRounds; ++round) {
    const auto seed = 9000 + static_cast<uint64_t>(round);
    Dice dice(seed);
    const RandomKernel made(seed, 'L');
    std::string text = print(made.k);
    for (int64_t i = dice.pick(1, 4); i > 0; --i) {
      const auto at = static_cast<size_t>(dice.pick(0, static_cast<int64_t>(text.size()) - 1));
      if (dice.pick(0, 1) != 0) {
        text.erase(at, static_cast<size_t>(dice.pick(1, 8)));
      } else {
        text.insert(at, 1, "{}()[]<>=+-*/%!,:@#\"`;x0. \n"[dice.pick(0, 26)]);
      }
      if (text.empty()) break;
    }
    const auto module = parse(text, "t.tir");
    if (module && !module->kernels.empty()) {
      (void)verify(*module->kernels[0], 'L');
      EXPECT_FALSE(print(*module->kernels[0]).empty());
    }
  }
}

}  // namespace
}  // namespace tenon::ir
