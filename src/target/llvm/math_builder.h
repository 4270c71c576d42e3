// Arithmetic on float or double values of any width, spelt briefly for polynomials.
#pragma once

#include <llvm/IR/Module.h>

#include <cstdint>
#include <functional>
#include <initializer_list>

#include "ir/node.h"
#include "target/llvm/types.h"

namespace tenon::target::via_llvm {

/// Builds with one floating-point type (f32 or f64, scalar or vector) and the integer type beside
/// it.
class MathBuilder {
 public:
  using V = llvm::Value*;
  MathBuilder(Builder& builder, llvm::Type* type)
      : b(builder),
        f(type),
        is_f64(type->getScalarType()->isDoubleTy()),
        i(with_width_of(type, builder.getIntNTy(is_f64 ? 64 : 32))) {}

  Builder& b;
  llvm::Type* f;
  bool is_f64;
  llvm::Type* i;

  [[nodiscard]] V c(double v) const { return llvm::ConstantFP::get(f, v); }
  [[nodiscard]] V ci(uint64_t v) const { return llvm::ConstantInt::get(i, v); }
  [[nodiscard]] V inf() const { return llvm::ConstantFP::getInfinity(f); }
  [[nodiscard]] V nan() const { return llvm::ConstantFP::getNaN(f); }
  [[nodiscard]] V add(V x, V y) const { return b.CreateFAdd(x, y); }
  [[nodiscard]] V sub(V x, V y) const { return b.CreateFSub(x, y); }
  [[nodiscard]] V mul(V x, V y) const { return b.CreateFMul(x, y); }
  [[nodiscard]] V div(V x, V y) const { return b.CreateFDiv(x, y); }
  [[nodiscard]] V neg(V x) const { return b.CreateFNeg(x); }
  [[nodiscard]] V fma(V x, V y, V z) const {
    return b.CreateIntrinsic(llvm::Intrinsic::fma, {f}, {x, y, z});
  }
  [[nodiscard]] V abs(V x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  [[nodiscard]] V sqrt(V x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x); }
  [[nodiscard]] V floor(V x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::floor, x); }
  [[nodiscard]] V trunc(V x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::trunc, x); }
  [[nodiscard]] V copysign(V magnitude, V sign) const {
    return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, magnitude, sign);
  }
  [[nodiscard]] V bits(V x) const { return b.CreateBitCast(x, i); }
  [[nodiscard]] V real(V x) const { return b.CreateBitCast(x, f); }
  [[nodiscard]] V select(V mask, V x, V y) const { return b.CreateSelect(mask, x, y); }
  [[nodiscard]] V lt(V x, V y) const { return b.CreateFCmpOLT(x, y); }
  [[nodiscard]] V gt(V x, V y) const { return b.CreateFCmpOGT(x, y); }
  [[nodiscard]] V ge(V x, V y) const { return b.CreateFCmpOGE(x, y); }
  [[nodiscard]] V eq(V x, V y) const { return b.CreateFCmpOEQ(x, y); }
  [[nodiscard]] V unordered(V x) const { return b.CreateFCmpUNO(x, x); }
  /// Limits that let a NaN through: the value stands last, where maxps and minps prefer it.
  [[nodiscard]] V at_most(V x, double limit) const { return select(lt(c(limit), x), c(limit), x); }
  [[nodiscard]] V at_least(V x, double limit) const { return select(gt(c(limit), x), c(limit), x); }

  /// Coefficients from the constant term up.
  [[nodiscard]] V polynomial(V x, std::initializer_list<double> low_to_high) const {
    const double* p = low_to_high.end();
    V sum = c(*--p);
    while (p != low_to_high.begin()) sum = fma(sum, x, c(*--p));
    return sum;
  }

  /// x to the nearest integer, as a float and as an integer; |x| < 2^22 (f32), 2^51 (f64). No
  /// conversion instruction, and any NaN gives some integer.
  struct Whole {
    V real, integer;
  };
  [[nodiscard]] Whole nearest(V x, V factor) const {
    V magic = c(is_f64 ? 0x1.8p52 : 0x1.8p23);
    V shifted = fma(x, factor, magic);
    return {sub(shifted, magic), b.CreateSub(bits(shifted), bits(magic))};
  }
  /// x = n * ln 2 + r with |r| <= ln 2 / 2; ln 2 is high + low, and high times n is exact.
  struct Reduced {
    Whole n;
    V r;
  };
  [[nodiscard]] Reduced reduced(V x, double log2_e, double high, double low) const {
    const Whole n = nearest(x, c(log2_e));
    return {n, fma(n.real, c(-low), fma(n.real, c(-high), x))};
  }
  /// 2^n for n in the range of normal numbers.
  [[nodiscard]] V power_of_two(V n) const {
    return real(b.CreateShl(b.CreateAdd(n, ci(is_f64 ? 1023 : 127)), ci(is_f64 ? 52 : 23)));
  }
  /// x * 2^n with one rounding; |n| up to twice the range of exponents.
  [[nodiscard]] V scale(V x, V n) const {
    V half = b.CreateAShr(n, ci(1));
    return mul(mul(x, power_of_two(half)), power_of_two(b.CreateSub(n, half)));
  }
  /// True if any lane is.
  [[nodiscard]] V any(V mask) const {
    return mask->getType()->isVectorTy() ? b.CreateOrReduce(mask) : mask;
  }
};

// f32 functions good to 2 ulp, and their f64 counterparts (1e-14); the files behind math.cc.
[[nodiscard]] llvm::Value* emit_exp_f32(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_log_f32(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_tanh_f32(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_erf_f32(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_sigmoid_f32(const MathBuilder& m, llvm::Value* x);

/// Makes a helper function be compiled for the same CPU as its caller, out of line.
void copy_code_attributes(const llvm::Function& from, llvm::Function& to);

/// Any unary elementary function in f64.
[[nodiscard]] llvm::Value* emit_unary_f64(const MathBuilder& m, ir::Op op, llvm::Value* x);
/// pow, atan2, fmod, mod in f64.
[[nodiscard]] llvm::Value* emit_binary_f64(const MathBuilder& m, ir::Op op, llvm::Value* x,
                                           llvm::Value* y);
/// sin, cos, tan in f64.
[[nodiscard]] llvm::Value* emit_trigonometric_f64(const MathBuilder& m, ir::Op op, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_exp_f64(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_log_f64(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_log1p_f64(const MathBuilder& m, llvm::Value* x);
[[nodiscard]] llvm::Value* emit_atan_f64(const MathBuilder& m, llvm::Value* x);

}  // namespace tenon::target::via_llvm
