// Elementary functions in f64, good to about 1e-15 relative. f32 functions that are not worth a
// polynomial of their own go through these.
#include "support/check.h"
#include "target/llvm/math_builder.h"

namespace tenon::target::via_llvm {

using ir::Op;
using llvm::Value;

namespace {

constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr double kLn2High = 0x1.62e42fee00000p-1;  // 21 trailing zeros: exact times any exponent
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kPi = 0x1.921fb54442d18p+1;
constexpr double kPiLow = 0x1.1a62633145c07p-53;
constexpr double kHalfPi = 0x1.921fb54442d18p+0;
constexpr double kHalfPiLow = 0x1.1a62633145c07p-54;

/// e^r - 1 for |r| <= ln 2 / 2.
Value* small_expm1(const MathBuilder& m, Value* r) {
  Value* tail =
      m.polynomial(r, {0.5, 0.166666666666666758, 0.0416666666666666993, 0.00833333333332214382,
                       0.00138888888888676606, 0.000198412698849679825, 0.0000248015873591989698,
                       2.7557245268725455e-6, 2.75572437600518519e-7, 2.51086973745152617e-8,
                       2.09241712326036601e-9});
  return m.fma(m.mul(r, r), tail, r);
}

/// e^x - 1 for |x| <= 700.
Value* expm1(const MathBuilder& m, Value* x) {
  const MathBuilder::Reduced e = m.reduced(x, kLog2E, kLn2High, kLn2Low);
  Value* power = m.power_of_two(e.n.integer);
  return m.fma(power, small_expm1(m, e.r), m.sub(power, m.c(1.0)));
}

struct Split {
  Value* exponent;  // x = 2^exponent * m
  Value* m;         // in [sqrt(1/2), sqrt(2))
};
Split split(const MathBuilder& m, Value* x) {
  Value* tiny = m.lt(x, m.c(0x1p-1022));
  Value* raw = m.bits(m.select(tiny, m.mul(x, m.c(0x1p54)), x));
  Value* e = m.b.CreateAShr(m.b.CreateSub(raw, m.ci(0x3fe6a09e667f3bcd)), m.ci(52));
  Value* mantissa = m.real(m.b.CreateSub(raw, m.b.CreateShl(e, m.ci(52))));
  e = m.b.CreateSub(e, m.select(tiny, m.ci(54), m.ci(0)));
  // Small integers become floats through the mantissa of 1.5 * 2^52: AVX2 has no such conversion.
  Value* magic = m.c(0x1.8p52);
  return {m.sub(m.real(m.b.CreateAdd(e, m.bits(magic))), magic), mantissa};
}

/// log((1 + z) / (1 - z)) - 2z over z^3, from z^2.
Value* log_tail(const MathBuilder& m, Value* s) {
  return m.polynomial(s, {0.666666666666666667, 0.399999999999999923, 0.285714285714355156,
                          0.222222222198134838, 0.18181818600048541, 0.153845746438388522,
                          0.133356592914183241, 0.116876714790330651, 0.118860159644905624});
}

/// log x as an unevaluated sum; x > 0 and finite.
struct Pair {
  Value* high;
  Value* low;
};
Pair log_pair(const MathBuilder& m, Value* x) {
  const Split s = split(m, x);
  Value* numerator = m.sub(s.m, m.c(1.0));
  Value* denominator = m.add(s.m, m.c(1.0));
  Value* denominator_low = m.sub(s.m, m.sub(denominator, m.c(1.0)));
  Value* z = m.div(numerator, denominator);
  Value* z_low = m.fma(m.neg(z), denominator, numerator);
  z_low = m.div(m.fma(m.neg(z), denominator_low, z_low), denominator);
  Value* square = m.mul(z, z);
  Value* tail = m.mul(m.mul(z, square), log_tail(m, square));
  Value* a = m.mul(s.exponent, m.c(kLn2High));
  Value* twice = m.add(z, z);
  Value* high = m.add(a, twice);
  // The rounding error of that sum, whichever term is larger.
  Value* back = m.sub(high, a);
  Value* error = m.add(m.sub(a, m.sub(high, back)), m.sub(twice, back));
  Value* low = m.fma(s.exponent, m.c(kLn2Low), m.add(z_low, z_low));
  low = m.add(m.add(low, tail), error);
  Value* sum = m.add(high, low);
  return {sum, m.sub(low, m.sub(sum, high))};
}

Value* log_special(const MathBuilder& m, Value* x, Value* r) {
  r = m.select(m.eq(x, m.inf()), x, r);
  r = m.select(m.lt(x, m.c(0.0)), m.nan(), r);
  r = m.select(m.eq(x, m.c(0.0)), m.neg(m.inf()), r);
  return m.select(m.unordered(x), x, r);
}

/// asin for |x| <= 1/2 as x + x * R(x^2).
Value* asin_tail(const MathBuilder& m, Value* s) {
  Value* p = m.polynomial(
      s, {1.66666666666666657415e-01, -3.25565818622400915405e-01, 2.01212532134862925881e-01,
          -4.00555345006794114027e-02, 7.91534994289814532176e-04, 3.47933107596021167570e-05});
  Value* q = m.polynomial(s, {1.0, -2.40339491173441421878e+00, 2.02094576023350569471e+00,
                              -6.88283971605453293030e-01, 7.70381505559019352791e-02});
  return m.div(m.mul(s, p), q);
}

Value* asin(const MathBuilder& m, Value* x) {
  Value* a = m.abs(x);
  Value* large = m.gt(a, m.c(0.5));
  Value* s = m.select(large, m.mul(m.sub(m.c(1.0), a), m.c(0.5)), m.mul(a, a));
  Value* root = m.select(large, m.sqrt(s), a);
  Value* r = m.fma(root, asin_tail(m, s), root);
  r = m.select(large, m.sub(m.c(kHalfPi), m.sub(m.add(r, r), m.c(kHalfPiLow))), r);
  return m.copysign(r, x);
}

Value* acos(const MathBuilder& m, Value* x) {
  Value* a = m.abs(x);
  Value* large = m.gt(a, m.c(0.5));
  Value* s = m.select(large, m.mul(m.sub(m.c(1.0), a), m.c(0.5)), m.mul(a, a));
  Value* root = m.select(large, m.sqrt(s), a);
  Value* r = m.fma(root, asin_tail(m, s), root);
  Value* twice = m.add(r, r);
  Value* outer = m.select(m.lt(x, m.c(0.0)), m.sub(m.c(kPi), m.sub(twice, m.c(kPiLow))), twice);
  Value* inner = m.sub(m.c(kHalfPi), m.sub(m.copysign(r, x), m.c(kHalfPiLow)));
  return m.select(large, outer, inner);
}

Value* sinh(const MathBuilder& m, Value* x) {
  Value* a = m.abs(x);
  Value* e = expm1(m, m.at_most(a, 40.0));
  Value* small = m.mul(m.c(0.5), m.add(e, m.div(e, m.add(e, m.c(1.0)))));
  Value* half = emit_exp_f64(m, m.mul(a, m.c(0.5)));
  Value* large = m.mul(m.mul(m.c(0.5), half), half);
  return m.copysign(m.select(m.gt(a, m.c(32.0)), large, small), x);
}

Value* cosh(const MathBuilder& m, Value* x) {
  Value* half = emit_exp_f64(m, m.mul(m.abs(x), m.c(0.5)));
  Value* e = m.mul(half, half);
  Value* large = m.mul(m.mul(m.c(0.5), half), half);
  return m.select(m.gt(m.abs(x), m.c(32.0)), large, m.mul(m.c(0.5), m.add(e, m.div(m.c(1.0), e))));
}

Value* tanh(const MathBuilder& m, Value* x) {
  Value* a = m.at_most(m.abs(x), 22.0);
  Value* e = expm1(m, m.add(a, a));
  return m.copysign(m.div(e, m.add(e, m.c(2.0))), x);
}

constexpr double kLn2 = 0x1.62e42fefa39efp-1;

Value* asinh(const MathBuilder& m, Value* x) {
  Value* a = m.abs(x);
  Value* s = m.mul(a, a);
  Value* t = m.add(a, m.div(s, m.add(m.c(1.0), m.sqrt(m.add(s, m.c(1.0))))));
  Value* large = m.gt(a, m.c(0x1p28));
  Value* r = emit_log1p_f64(m, m.select(large, m.sub(a, m.c(1.0)), t));
  return m.copysign(m.select(large, m.add(r, m.c(kLn2)), r), x);
}

Value* acosh(const MathBuilder& m, Value* x) {
  Value* d = m.sub(x, m.c(1.0));
  Value* t = m.add(d, m.sqrt(m.add(m.add(d, d), m.mul(d, d))));
  Value* large = m.gt(x, m.c(0x1p28));
  Value* r = emit_log1p_f64(m, m.select(large, d, t));
  r = m.select(large, m.add(r, m.c(kLn2)), r);
  return m.select(m.lt(x, m.c(1.0)), m.nan(), r);
}

Value* atanh(const MathBuilder& m, Value* x) {
  Value* a = m.abs(x);
  Value* r = m.mul(m.c(0.5), emit_log1p_f64(m, m.div(m.add(a, a), m.sub(m.c(1.0), a))));
  return m.copysign(m.select(m.gt(a, m.c(1.0)), m.nan(), r), x);
}

Value* erf(const MathBuilder& m, Value* x) {
  Value* a = m.at_most(m.abs(x), 6.2);
  Value* s = m.mul(a, a);
  Value* inner =
      m.polynomial(s, {1.12837916709551257, -0.376126389031837524, 0.112837916709551204,
                       -0.0268661706451298678, 0.00522397762542360683, -0.000854832702195581625,
                       0.000120553329038047286, -0.0000149256475942984005, 1.64620459770924999e-6,
                       -1.63646495100941283e-7, 1.47924693109907318e-8, -1.21649668837191791e-9,
                       8.71046009864999413e-11, -4.23312254614722813e-12});
  inner = m.mul(inner, a);
  // 1 - e^(-x^2) * g((x - 3) / (x + 3)).
  Value* t = m.div(m.sub(a, m.c(3.0)), m.add(a, m.c(3.0)));
  Value* g = m.polynomial(
      t, {0.17900115118138995, -0.32623356004303723, 0.24560380171233091, -0.150115936500776843,
          0.0716658371979733452, -0.0243924993187058521, 0.00426913633312577122,
          0.000707746440440899436, -0.000597061956638023092, 0.0000452552604266075325,
          0.0000640566741492431483, -0.0000128599333211610879, -7.97898602079327951e-6,
          2.11512898395670811e-6, 1.25431119737913011e-6, -2.71191238437300816e-7,
          -2.24548938679292423e-7, -1.53742049031580284e-8});
  Value* outer = m.fma(m.neg(emit_exp_f64(m, m.neg(s))), g, m.c(1.0));
  return m.copysign(m.select(m.gt(a, m.c(1.0)), outer, inner), x);
}

Value* sigmoid(const MathBuilder& m, Value* x) {
  Value* e = emit_exp_f64(m, m.neg(m.abs(x)));
  Value* numerator = m.select(m.lt(x, m.c(0.0)), e, m.c(1.0));
  return m.div(numerator, m.add(e, m.c(1.0)));
}

/// e^(y log|x|) with the logarithm in two words; then the table of special cases.
Value* pow(const MathBuilder& m, Value* x, Value* y) {
  Value* a = m.abs(x);
  const Pair l = log_pair(m, a);
  Value* usable = m.b.CreateAnd(m.gt(a, m.c(0.0)), m.lt(a, m.inf()));
  Value* special = m.select(m.eq(a, m.c(0.0)), m.neg(m.inf()), a);  // inf or NaN otherwise
  Value* p = m.mul(y, m.select(usable, l.high, special));
  Value* low = m.fma(y, l.high, m.neg(p));
  low = m.fma(y, l.low, low);
  Value* finite = m.b.CreateAnd(usable, m.lt(m.abs(p), m.c(0x1p20)));
  low = m.select(finite, low, m.c(0.0));
  Value* e = emit_exp_f64(m, p);
  Value* r = m.select(m.lt(e, m.inf()), m.fma(e, low, e), e);
  Value* half = m.mul(y, m.c(0.5));
  Value* whole = m.eq(m.floor(y), y);
  // A whole number to a whole power is whole: where the error is below 1/2, rounding is exact.
  Value* exact = m.b.CreateAnd(m.b.CreateAnd(whole, m.eq(m.floor(a), a)),
                               m.b.CreateAnd(m.gt(y, m.c(-0.5)), m.lt(r, m.c(0x1p44))));
  r = m.select(exact, m.floor(m.add(r, m.c(0.5))), r);
  Value* odd = m.b.CreateAnd(whole, m.b.CreateFCmpUNE(m.floor(half), half));
  Value* negative = m.b.CreateICmpSLT(m.bits(x), m.ci(0));
  r = m.select(m.b.CreateAnd(negative, odd), m.neg(r), r);
  Value* undefined = m.b.CreateAnd(m.b.CreateAnd(m.lt(x, m.c(0.0)), m.gt(x, m.neg(m.inf()))),
                                   m.b.CreateNot(whole));
  r = m.select(undefined, m.nan(), r);
  Value* infinite_y = m.eq(m.abs(y), m.inf());
  Value* one = m.b.CreateOr(m.eq(x, m.c(1.0)), m.eq(y, m.c(0.0)));
  one = m.b.CreateOr(one, m.b.CreateAnd(m.eq(a, m.c(1.0)), infinite_y));
  return m.select(one, m.c(1.0), r);
}

Value* atan2(const MathBuilder& m, Value* y, Value* x) {
  Value* ay = m.abs(y);
  Value* ax = m.abs(x);
  Value* both_infinite = m.b.CreateAnd(m.eq(ay, m.inf()), m.eq(ax, m.inf()));
  Value* q = m.select(both_infinite, m.c(1.0), m.div(ay, ax));
  q = m.select(m.b.CreateAnd(m.eq(ay, m.c(0.0)), m.eq(ax, m.c(0.0))), m.c(0.0), q);
  Value* r = emit_atan_f64(m, q);
  Value* negative = m.b.CreateICmpSLT(m.bits(x), m.ci(0));
  r = m.select(negative, m.sub(m.c(kPi), m.sub(r, m.c(kPiLow))), r);
  return m.select(m.b.CreateFCmpUNO(x, y), m.nan(), m.copysign(r, y));
}

/// The exact remainder of |x| / |y| by long division: every step takes up to 50 bits of the
/// quotient.
Value* fmod(const MathBuilder& m, Value* x, Value* y) {
  Builder& b = m.b;
  Value* divisor = m.abs(y);
  Value* valid = b.CreateAnd(m.lt(m.abs(x), m.inf()), m.gt(divisor, m.c(0.0)));
  Value* start = m.select(b.CreateAnd(valid, m.lt(divisor, m.inf())), m.abs(x), m.c(0.0));
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::Function* f = before->getParent();
  llvm::BasicBlock* head = llvm::BasicBlock::Create(b.getContext(), "fmod", f);
  llvm::BasicBlock* step = llvm::BasicBlock::Create(b.getContext(), "divide", f);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "remainder", f);
  b.CreateBr(head);
  b.SetInsertPoint(head);
  llvm::PHINode* rest = b.CreatePHI(m.f, 2, "rest");
  rest->addIncoming(start, before);
  Value* more = b.CreateAnd(valid, m.ge(rest, divisor));
  b.CreateCondBr(m.any(more), step, after);
  b.SetInsertPoint(step);
  // The divisor moved up by 2^k so that the quotient stays below 2^50.
  Value* tiny = m.lt(divisor, m.c(0x1p-1022));
  Value* from =
      b.CreateLShr(m.bits(m.select(tiny, m.mul(divisor, m.c(0x1p54)), divisor)), m.ci(52));
  from = b.CreateSub(from, m.select(tiny, m.ci(54), m.ci(0)));
  Value* k = b.CreateSub(b.CreateLShr(m.bits(rest), m.ci(52)), b.CreateAdd(from, m.ci(49)));
  // A subnormal rest has a quotient below 2^52 in any case.
  Value* far = b.CreateAnd(b.CreateICmpSGT(k, m.ci(0)), m.ge(rest, m.c(0x1p-1022)));
  k = b.CreateSelect(far, b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, k, m.ci(2046)), m.ci(0));
  Value* d = m.scale(divisor, k);
  Value* quotient = m.trunc(m.div(rest, d));
  Value* r = m.fma(m.neg(quotient), d, rest);
  r = m.select(m.lt(r, m.c(0.0)), m.add(r, d), r);
  r = m.select(m.ge(r, d), m.sub(r, d), r);
  rest->addIncoming(m.select(more, r, rest), step);
  b.CreateBr(head);
  b.SetInsertPoint(after);
  Value* kept = b.CreateAnd(valid, m.eq(divisor, m.inf()));
  Value* result = m.select(kept, x, m.copysign(rest, x));
  return m.select(b.CreateAnd(valid, b.CreateFCmpORD(x, y)), result, m.nan());
}

Value* floor_mod(const MathBuilder& m, Value* x, Value* y) {
  Value* r = fmod(m, x, y);
  Value* zero = m.eq(r, m.c(0.0));
  Value* differs = m.b.CreateXor(m.lt(r, m.c(0.0)), m.lt(y, m.c(0.0)));
  Value* moved = m.select(differs, m.add(r, y), r);
  return m.select(zero, m.copysign(m.c(0.0), y), moved);
}

}  // namespace

Value* emit_exp_f64(const MathBuilder& m, Value* x) {
  const MathBuilder::Reduced e =
      m.reduced(m.at_least(m.at_most(x, 710.0), -746.0), kLog2E, kLn2High, kLn2Low);
  return m.scale(m.add(small_expm1(m, e.r), m.c(1.0)), e.n.integer);
}

Value* emit_log_f64(const MathBuilder& m, Value* x) {
  return log_special(m, x, log_pair(m, x).high);
}

/// log(u) with u = 1 + x rounded, corrected by what the rounding lost.
Value* emit_log1p_f64(const MathBuilder& m, Value* x) {
  Value* u = m.add(x, m.c(1.0));
  Value* lost = m.select(m.gt(m.abs(x), m.c(1.0)), m.sub(m.c(1.0), m.sub(u, x)),
                         m.sub(x, m.sub(u, m.c(1.0))));
  Value* r = m.add(log_pair(m, u).high, m.div(lost, u));
  r = log_special(m, u, r);
  // Keeps -0 and the smallest numbers.
  return m.select(m.lt(m.abs(x), m.c(0x1p-54)), x, r);
}

/// Twice reduced: by 1 / x, then around tan(pi / 8).
Value* emit_atan_f64(const MathBuilder& m, Value* x) {
  Value* a = m.abs(x);
  Value* inverted = m.gt(a, m.c(1.0));
  Value* t = m.select(inverted, m.div(m.c(1.0), a), a);
  Value* middle = m.gt(t, m.c(0.4142135623730950));
  Value* reduced = m.div(m.sub(t, m.c(1.0)), m.add(t, m.c(1.0)));
  Value* z = m.select(middle, reduced, t);
  Value* s = m.mul(z, z);
  Value* p = m.polynomial(
      s, {3.33333333333329318027e-01, -1.99999999998764832476e-01, 1.42857142725034663711e-01,
          -1.11111104054623557880e-01, 9.09088713343650656196e-02, -7.69187620504482999495e-02,
          6.66107313738753120669e-02, -5.83357013379057348645e-02, 4.97687799461593236017e-02,
          -3.65315727442169155270e-02, 1.62858201153657823623e-02});
  Value* r = m.fma(m.neg(m.mul(z, s)), p, z);
  r = m.select(middle, m.add(m.add(r, m.c(kHalfPiLow / 2)), m.c(kHalfPi / 2)), r);
  r = m.select(inverted, m.sub(m.c(kHalfPi), m.sub(r, m.c(kHalfPiLow))), r);
  return m.copysign(r, x);
}

Value* emit_unary_f64(const MathBuilder& m, Op op, Value* x) {
  switch (op) {
    case Op::exp:
      return emit_exp_f64(m, x);
    case Op::log:
      return emit_log_f64(m, x);
    case Op::log1p:
      return emit_log1p_f64(m, x);
    case Op::sin:
    case Op::cos:
    case Op::tan:
      return emit_trigonometric_f64(m, op, x);
    case Op::asin:
      return asin(m, x);
    case Op::acos:
      return acos(m, x);
    case Op::atan:
      return emit_atan_f64(m, x);
    case Op::sinh:
      return sinh(m, x);
    case Op::cosh:
      return cosh(m, x);
    case Op::tanh:
      return tanh(m, x);
    case Op::asinh:
      return asinh(m, x);
    case Op::acosh:
      return acosh(m, x);
    case Op::atanh:
      return atanh(m, x);
    case Op::erf:
      return erf(m, x);
    case Op::sigmoid:
      return sigmoid(m, x);
    default:
      TENON_UNREACHABLE("not an elementary function");
  }
}

Value* emit_binary_f64(const MathBuilder& m, Op op, Value* x, Value* y) {
  switch (op) {
    case Op::pow:
      return pow(m, x, y);
    case Op::atan2:
      return atan2(m, x, y);
    case Op::fmod:
      return fmod(m, x, y);
    case Op::mod:
      return floor_mod(m, x, y);
    default:
      TENON_UNREACHABLE("not an elementary function of two arguments");
  }
}

}  // namespace tenon::target::via_llvm
