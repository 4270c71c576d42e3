// random: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) of an
// explicit key, so that an element depends on nothing but the key and its index. Uniform values lie
// in [0, 1) with 24 bits (f64: 53); normal values are made in pairs by Box-Muller.
//
// C1 key is u64[2]  C2 kind is uniform or normal  C3 a float type is proposed
#include <array>
#include <cmath>
#include <numbers>

#include "ops/families.h"
#include "ops/rule.h"
#include "ops/tensor.h"

namespace tenon::ops {

using ir::DType;
using ir::Key;
using ir::Op;

namespace {

constexpr uint64_t kMul0 = 0xD2511F53;
constexpr uint64_t kMul1 = 0xCD9E8D57;
constexpr uint64_t kWeyl0 = 0x9E3779B9;
constexpr uint64_t kWeyl1 = 0xBB67AE85;
constexpr uint64_t kMask = 0xFFFFFFFF;
constexpr double kTau = 2 * std::numbers::pi;
constexpr double kScale24 = 1.0 / (1 << 24);

/// Ten rounds over words of type W with the operations of `Ops`.
template <class W, class Ops>
std::array<W, 4> philox(const Ops& ops, std::array<W, 4> x, W k0, W k1) {
  for (int round = 0; round < 10; ++round) {
    const W p0 = ops.mul(x[0], ops.word(kMul0));
    const W p1 = ops.mul(x[2], ops.word(kMul1));
    x = {ops.bit_xor(ops.bit_xor(ops.high(p1), x[1]), k0), ops.low(p1),
         ops.bit_xor(ops.bit_xor(ops.high(p0), x[3]), k1), ops.low(p0)};
    k0 = ops.low(ops.add(k0, ops.word(kWeyl0)));
    k1 = ops.low(ops.add(k1, ops.word(kWeyl1)));
  }
  return x;
}

struct HostOps {
  uint64_t word(uint64_t v) const { return v; }
  uint64_t mul(uint64_t a, uint64_t b) const { return a * b; }
  uint64_t add(uint64_t a, uint64_t b) const { return a + b; }
  uint64_t bit_xor(uint64_t a, uint64_t b) const { return a ^ b; }
  uint64_t high(uint64_t a) const { return a >> 32; }
  uint64_t low(uint64_t a) const { return a & kMask; }
};

struct ExprOps {
  Context& c;
  Expr word(uint64_t v) const { return c.imm(c.scalar(DType::u64), static_cast<int64_t>(v)); }
  Expr mul(Expr a, Expr b) const { return ir::binary(c, Op::mul, a, b); }
  Expr add(Expr a, Expr b) const { return ir::binary(c, Op::add, a, b); }
  Expr bit_xor(Expr a, Expr b) const { return ir::binary(c, Op::xor_, a, b); }
  Expr high(Expr a) const { return ir::binary(c, Op::shr, a, word(32)); }
  Expr low(Expr a) const { return ir::binary(c, Op::and_, a, word(kMask)); }
};

Result<Type> random_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* kind = rule.attr<std::string>(Key::kind);
  if (kind == nullptr) return rule.missing(Key::kind);
  if (rule.operand(0)->type != args.c.tensor(DType::u64, {2}))
    return rule.refuse(1, "the key is " + show(rule.operand(0)->type) + ", not u64[2]");
  if (*kind != "uniform" && *kind != "normal")
    return rule.refuse(2, "there is no distribution '" + *kind + "'");
  if (args.wanted == nullptr || !args.wanted->is_tensor() || !ir::is_float(args.wanted->dtype))
    return rule.refuse(3, "a float type must be proposed");
  return args.wanted;
}

Result<std::vector<Tensor>> random_eval(const EvalArgs& args) {
  const auto key = static_cast<uint64_t>(args.operands[0]->get_i(0));
  const auto counter = static_cast<uint64_t>(args.operands[0]->get_i(1));
  const bool normal = args.node->string_attr(Key::kind) == "normal";
  Tensor out = Tensor::zeros(args.node->dtype(), args.shape);
  const bool wide = out.dtype == DType::f64 && !normal;
  const int64_t each = wide ? 2 : 4;
  const HostOps ops;
  std::array<uint64_t, 4> words{};
  for (int64_t i = 0; i < out.count(); ++i) {
    const uint64_t block = counter + static_cast<uint64_t>(i / each);
    if (i % each == 0)
      words = philox<uint64_t>(ops, {block & kMask, block >> 32, 0, 0}, key & kMask, key >> 32);
    const auto lane = static_cast<size_t>(i % each);
    if (wide) {
      const uint64_t bits = (words[2 * lane] << 32 | words[2 * lane + 1]) >> 11;
      out.set_f(i, static_cast<double>(bits) * 0x1p-53);
    } else if (!normal) {
      out.set_f(i, static_cast<double>(words[lane] >> 8) * kScale24);
    } else {
      const size_t pair = lane / 2 * 2;
      const double u = static_cast<double>((words[pair] >> 8) + 1) * kScale24;
      const double angle = kTau * (static_cast<double>(words[pair + 1] >> 8) * kScale24);
      out.set_f(i,
                std::sqrt(-2 * std::log(u)) * (lane % 2 == 0 ? std::cos(angle) : std::sin(angle)));
    }
  }
  std::vector<Tensor> results;
  results.push_back(std::move(out));
  return results;
}

Expr random_point(const PointArgs& args) {
  Context& c = args.c;
  const ExprOps ops{c};
  const bool normal = args.node->string_attr(Key::kind) == "normal";
  const DType type = args.node->dtype();
  const bool wide = type == DType::f64 && !normal;
  const int64_t each = wide ? 2 : 4;
  Expr i = c.i64(0);
  for (size_t d = 0; d < args.out.size(); ++d)
    i = ir::add(c, ir::mul(c, i, args.extent(args.node->shape()[d])), args.out[d]);
  const auto key = [&](int64_t k) {
    const Expr at = c.i64(k);
    return args.load(0, std::span(&at, 1));
  };
  const Expr block = ops.add(key(1), ir::cast(c, DType::u64, ir::floordiv(c, i, c.i64(each))));
  const std::array<Expr, 4> words =
      philox<Expr>(ops, {ops.low(block), ops.high(block), ops.word(0), ops.word(0)},
                   ops.low(key(0)), ops.high(key(0)));
  const Expr lane = ir::mod(c, i, c.i64(each));
  const auto lane_is = [&](int64_t k) { return ir::eq(c, lane, c.i64(k)); };
  const auto real = [&](double v) { return c.imm_f(c.scalar(wide ? DType::f64 : DType::f32), v); };
  const auto shifted = [&](Expr word, uint64_t by) {
    return ir::binary(c, Op::shr, word, ops.word(by));
  };
  const auto number = [&](Expr word) {
    return ir::cast(c, wide ? DType::f64 : DType::f32, ir::cast(c, DType::i64, word));
  };
  const auto times = [&](Expr a, Expr b) { return ir::binary(c, Op::mul, a, b); };
  if (wide) {
    const auto pair = [&](size_t k) {
      const Expr high = ir::binary(c, Op::shl, words[k], ops.word(32));
      return shifted(ir::binary(c, Op::or_, high, words[k + 1]), 11);
    };
    return times(number(ir::select(c, lane_is(0), pair(0), pair(2))), real(0x1p-53));
  }
  if (!normal) {
    const Expr word = ir::select(
        c, lane_is(0), words[0],
        ir::select(c, lane_is(1), words[1], ir::select(c, lane_is(2), words[2], words[3])));
    return ir::cast(c, type, times(number(shifted(word, 8)), real(kScale24)));
  }
  const Expr first = ir::lt(c, lane, c.i64(2));
  const Expr a = ir::select(c, first, words[0], words[2]);
  const Expr b = ir::select(c, first, words[1], words[3]);
  const Expr u = times(number(ops.add(shifted(a, 8), ops.word(1))), real(kScale24));
  const Expr angle = times(times(number(shifted(b, 8)), real(kScale24)), real(kTau));
  const Expr radius = ir::unary(c, Op::sqrt, times(ir::unary(c, Op::log, u), real(-2)));
  const Expr even = ir::eq(c, ir::mod(c, lane, c.i64(2)), c.i64(0));
  const Expr turn = ir::select(c, even, ir::unary(c, Op::cos, angle), ir::unary(c, Op::sin, angle));
  return ir::cast(c, type, times(radius, turn));
}

}  // namespace

template <>
OpRow tensor_row<Op::random>() {
  OpRow r{Op::random, Pattern::injective, random_type, random_eval, random_point};
  r.tolerance = 1e-5;  // logarithm, root and cosine of Box-Muller are taken in f32
  return r;
}

}  // namespace tenon::ops
