// The functions that neural networks use most, in f32 throughout: at most 2 ulp over all arguments,
// denormals, infinities and NaN included. Polynomials are minimax fits (relative error).
#include "target/llvm/backend.h"
#include "target/llvm/math_builder.h"

namespace tenon::target::via_llvm {

using llvm::Value;

namespace {

constexpr double kLog2E = 0x1.715476p+0;
constexpr double kLn2High =
    0x1.62e400p-1;  // few bits, so that its products with integers are exact
constexpr double kLn2Low = 0x1.7f7d1cp-20;

/// x * 2^n with one rounding.
Value* scale_by(const MathBuilder& m, Value* x, const MathBuilder::Whole& n) {
  const Mathematics& own = m.b.backend.mathematics;
  Value* scaled = own.scale == nullptr ? nullptr : own.scale(m, x, n.real);
  return scaled == nullptr ? m.scale(x, n.integer) : scaled;
}

}  // namespace

Value* emit_exp_f32(const MathBuilder& m, Value* x) {
  // Beyond these limits the result is infinite or 0 all the same.
  Value* limited = m.at_least(m.at_most(x, 89.0), -105.0);
  const MathBuilder::Reduced e = m.reduced(limited, kLog2E, kLn2High, kLn2Low);
  Value* tail =
      m.polynomial(e.r, {0.500000005838809105, 0.166665452572048218, 0.0416662900515320666,
                         0.00836637376470651522, 0.00139460332222033602});
  Value* p = m.fma(m.fma(tail, e.r, m.c(1.0)), e.r, m.c(1.0));
  return scale_by(m, p, e.n);
}

Value* emit_log_f32(const MathBuilder& m, Value* x) {
  Value* tiny = m.lt(x, m.c(0x1p-126));
  Value* scaled = m.select(tiny, m.mul(x, m.c(0x1p23)), x);
  Value* raw = m.bits(scaled);
  // x = 2^e * (1 + f) with 1 + f in [2/3, 4/3).
  Value* e = m.b.CreateAnd(m.b.CreateSub(raw, m.ci(0x3f2aaaab)), m.ci(0xff800000));
  Value* f = m.sub(m.real(m.b.CreateSub(raw, e)), m.c(1.0));
  Value* exponent = m.mul(m.b.CreateSIToFP(e, m.f), m.c(0x1p-23));
  exponent = m.add(exponent, m.select(tiny, m.c(-23.0), m.c(0.0)));
  Value* s = m.mul(f, f);
  Value* even = m.polynomial(s, {-0.249996200, -0.166846126, -0.121489234, -0.130187988});
  Value* odd = m.polynomial(s, {0.200120345, 0.139814854, 0.140889585});
  Value* r = m.fma(odd, f, even);
  r = m.fma(r, f, m.c(0.333331972));
  r = m.fma(r, f, m.c(-0.5));
  r = m.fma(r, s, f);
  r = m.fma(exponent, m.c(0x1.62e430p-1), r);
  r = m.select(m.eq(x, m.inf()), x, r);
  r = m.select(m.lt(x, m.c(0.0)), m.nan(), r);
  r = m.select(m.eq(x, m.c(0.0)), m.neg(m.inf()), r);
  return m.select(m.unordered(x), x, r);
}

/// Two branches, both taken: an odd polynomial near 0, and 1 - 2 / (e^2|x| + 1).
Value* emit_tanh_f32(const MathBuilder& m, Value* x) {
  Value* a = m.at_most(m.abs(x), 9.25);
  Value* e = emit_exp_f32(m, m.add(a, a));
  Value* outer = m.copysign(m.sub(m.c(1.0), m.div(m.c(2.0), m.add(e, m.c(1.0)))), x);
  Value* s = m.mul(x, x);
  Value* inner =
      m.polynomial(s, {-0.333332949587876966, 0.133317252688501978, -0.0537598370895492711,
                       0.0206969533946565986, -0.00576324589207398027});
  inner = m.fma(m.mul(x, s), inner, x);
  return m.select(m.gt(a, m.c(0.625)), outer, inner);
}

/// Two branches, both taken: an odd polynomial, and 1 - e^p(|x|).
Value* emit_erf_f32(const MathBuilder& m, Value* x) {
  Value* t = m.at_most(m.abs(x), 4.25);
  Value* s = m.mul(t, t);
  Value* high = m.fma(m.c(-1.72853470e-5), t, m.c(3.83197126e-4));
  Value* low = m.fma(m.c(-3.88396438e-3), t, m.c(2.42546219e-2));
  Value* r = m.fma(high, s, low);
  r = m.fma(r, t, m.c(-1.06777877e-1));
  r = m.fma(r, t, m.c(-6.34846687e-1));
  r = m.fma(r, t, m.c(-1.28717512e-1));
  r = m.fma(r, t, m.neg(t));
  Value* outer = m.copysign(m.sub(m.c(1.0), emit_exp_f32(m, r)), x);
  Value* square = m.mul(x, x);
  Value* inner = m.polynomial(square, {1.28379166e-1, -3.76125336e-1, 1.12819925e-1, -2.67681349e-2,
                                       4.99119423e-3, -5.96761703e-4});
  inner = m.fma(inner, x, x);
  return m.select(m.gt(t, m.c(0.927734375)), outer, inner);
}

Value* emit_sigmoid_f32(const MathBuilder& m, Value* x) {
  Value* e = emit_exp_f32(m, m.neg(m.abs(x)));
  Value* numerator = m.select(m.lt(x, m.c(0.0)), e, m.c(1.0));
  return m.div(numerator, m.add(e, m.c(1.0)));
}

}  // namespace tenon::target::via_llvm
