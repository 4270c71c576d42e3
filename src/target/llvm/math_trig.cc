// sin, cos and tan in f64. Arguments below 2^30 lose multiples of pi/2 in two fused steps; larger
// ones, lane by lane, by an integer product with enough bits of 2/pi (Payne and Hanek).
#include "target/llvm/math_builder.h"

namespace tenon::target::via_llvm {

using ir::Op;
using llvm::Value;

namespace {

constexpr double kHalfPi = 0x1.921fb54442d18p+0;
constexpr double kHalfPiLow = 0x1.1a62633145c07p-54;
constexpr double kHalfPiLowest = -0x1.f1976b7ed8fbcp-110;

/// 2/pi: 1280 bits behind the point.
constexpr uint64_t kTwoOverPi[] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

llvm::GlobalVariable* two_over_pi(llvm::Module& module) {
  if (llvm::GlobalVariable* g = module.getNamedGlobal("tenon.two_over_pi")) return g;
  std::vector<uint64_t> words(1, 0);
  words.insert(words.end(), std::begin(kTwoOverPi), std::end(kTwoOverPi));
  words.insert(words.end(), 3, 0);
  auto* data = llvm::ConstantDataArray::get(module.getContext(), words);
  auto* g = new llvm::GlobalVariable(module, data->getType(), true,
                                     llvm::GlobalValue::PrivateLinkage, data, "tenon.two_over_pi");
  g->setAlignment(llvm::Align(8));
  return g;
}

/// double reduce(double x, i64* quadrant): x - quadrant * pi/2 in [-pi/4, pi/4] for finite |x| >=
/// 2^30.
llvm::Function* reduction_function(Builder& outer) {
  llvm::Module& module = *outer.GetInsertBlock()->getModule();
  constexpr const char* kName = "tenon.reduce_by_half_pi";
  if (llvm::Function* f = module.getFunction(kName)) return f;
  llvm::Type* i64 = outer.getInt64Ty();
  llvm::Type* wide = outer.getIntNTy(256);
  auto* result = llvm::StructType::get(outer.getDoubleTy(), i64);
  auto* f = llvm::Function::Create(llvm::FunctionType::get(result, {outer.getDoubleTy()}, false),
                                   llvm::GlobalValue::InternalLinkage, kName, module);
  copy_code_attributes(*outer.GetInsertBlock()->getParent(), *f);
  Builder b(llvm::BasicBlock::Create(module.getContext(), "entry", f), outer.backend);
  Value* raw = b.CreateBitCast(f->getArg(0), i64);
  Value* exponent = b.CreateAnd(b.CreateLShr(raw, 52), b.getInt64(0x7ff));
  Value* mantissa = b.CreateOr(b.CreateAnd(raw, b.getInt64((uint64_t{1} << 52) - 1)),
                               b.getInt64(uint64_t{1} << 52));
  // |x| = mantissa * 2^e with e = exponent - 1075. Bit k behind the point of 2/pi has weight
  // 2^(e - k - 1) in the product: those of weight 8 and more do not change its value modulo 8, so
  // the window starts at k = e - 3, in a table that begins with 64 zeros.
  Value* first = b.CreateAdd(exponent, b.getInt64(static_cast<uint64_t>(64 - 1075 - 3)));
  Value* word = b.CreateLShr(first, 6);
  Value* shift = b.CreateAnd(first, b.getInt64(63));
  Value* window = llvm::ConstantInt::get(wide, 0);
  for (uint64_t i = 0; i < 4; ++i) {
    Value* at = b.CreateInBoundsGEP(i64, two_over_pi(module), b.CreateAdd(word, b.getInt64(i)));
    window = b.CreateOr(b.CreateShl(window, 64), b.CreateZExt(b.CreateLoad(i64, at), wide));
  }
  // 192 bits from `first` on, the topmost of weight 4; bits 191 to 189 of the product are the
  // quadrant.
  window = b.CreateLShr(b.CreateShl(window, b.CreateZExt(shift, wide)), 64);
  Value* product = b.CreateMul(window, b.CreateZExt(mantissa, wide));
  Value* high = b.CreateTrunc(b.CreateLShr(product, 128), i64);   // bits 191..128
  Value* middle = b.CreateTrunc(b.CreateLShr(product, 64), i64);  // bits 127..64
  Value* quadrant = b.CreateLShr(high, 61);                       // weight 4, 2, 1
  // The fraction, centred: above one half it belongs to the next quadrant.
  Value* fraction = b.CreateOr(b.CreateShl(high, 3), b.CreateLShr(middle, 61));
  Value* fraction_low = b.CreateShl(middle, 3);
  Value* up = b.CreateLShr(fraction, 63);
  quadrant = b.CreateAdd(quadrant, up);
  auto* i128 = outer.getIntNTy(128);
  Value* both =
      b.CreateOr(b.CreateShl(b.CreateZExt(fraction, i128), 64), b.CreateZExt(fraction_low, i128));
  Value* negative = b.CreateICmpSLT(both, llvm::ConstantInt::get(i128, 0));
  Value* magnitude = b.CreateSelect(negative, b.CreateNeg(both), both);
  // To double without losing leading zeros: shift them out, then scale back.
  Value* zeros = b.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, magnitude, b.getFalse());
  zeros = b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, zeros, llvm::ConstantInt::get(i128, 127));
  Value* top = b.CreateTrunc(b.CreateLShr(b.CreateShl(magnitude, zeros), 65), i64);  // 63 bits
  Value* scale = b.CreateShl(b.CreateSub(b.getInt64(1023 - 63), b.CreateTrunc(zeros, i64)), 52);
  Value* t =
      b.CreateFMul(b.CreateSIToFP(top, b.getDoubleTy()), b.CreateBitCast(scale, b.getDoubleTy()));
  Value* r = b.CreateFMul(t, llvm::ConstantFP::get(b.getDoubleTy(), kHalfPi));
  r = b.CreateSelect(negative, b.CreateFNeg(r), r);
  // sin is odd: a negative x negates both.
  Value* is_minus = b.CreateICmpSLT(raw, b.getInt64(0));
  r = b.CreateSelect(is_minus, b.CreateFNeg(r), r);
  quadrant = b.CreateSelect(is_minus, b.CreateNeg(quadrant), quadrant);
  Value* out = b.CreateInsertValue(llvm::PoisonValue::get(result), r, 0);
  b.CreateRet(b.CreateInsertValue(out, quadrant, 1));
  return f;
}

struct Angle {
  Value* r;         // in [-pi/4, pi/4]
  Value* quadrant;  // modulo 4
};

Angle reduce(const MathBuilder& m, Value* x) {
  Builder& b = m.b;
  Value* huge = m.b.CreateAnd(m.ge(m.abs(x), m.c(0x1p30)), m.lt(m.abs(x), m.inf()));
  const MathBuilder::Whole n = m.nearest(m.select(huge, m.c(0.0), x), m.c(0x1.45f306dc9c883p-1));
  Value* r = m.fma(n.real, m.c(-kHalfPi), x);
  r = m.fma(n.real, m.c(-kHalfPiLow), r);
  r = m.fma(n.real, m.c(-kHalfPiLowest), r);
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::Function* f = before->getParent();
  llvm::BasicBlock* slow = llvm::BasicBlock::Create(b.getContext(), "huge", f);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "reduced", f);
  b.CreateCondBr(m.any(huge), slow, after);
  b.SetInsertPoint(slow);
  Value* in_range = m.select(huge, x, m.c(0x1p30));
  Value* slow_r = r;
  Value* slow_q = n.integer;
  llvm::Function* reduction = reduction_function(b);
  const unsigned width = width_of(m.f);
  for (unsigned lane = 0; lane < std::max(1U, width); ++lane) {
    Value* one = width == 0 ? in_range : b.CreateExtractElement(in_range, lane);
    Value* pair = b.CreateCall(reduction, {one});
    slow_r = width == 0 ? b.CreateExtractValue(pair, 0)
                        : b.CreateInsertElement(slow_r, b.CreateExtractValue(pair, 0), lane);
    slow_q = width == 0 ? b.CreateExtractValue(pair, 1)
                        : b.CreateInsertElement(slow_q, b.CreateExtractValue(pair, 1), lane);
  }
  slow_r = m.select(huge, slow_r, r);
  slow_q = m.select(huge, slow_q, n.integer);
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* angle = b.CreatePHI(m.f, 2);
  angle->addIncoming(r, before);
  angle->addIncoming(slow_r, slow);
  llvm::PHINode* quadrant = b.CreatePHI(m.i, 2);
  quadrant->addIncoming(n.integer, before);
  quadrant->addIncoming(slow_q, slow);
  return {angle, quadrant};
}

Value* small_sin(const MathBuilder& m, Value* r) {
  Value* s = m.mul(r, r);
  Value* p =
      m.polynomial(s, {-0.166666666666666667, 0.00833333333333333147, -0.000198412698412650192,
                       2.75573192193034454e-6, -2.50521062200068637e-8, 1.60585296430228381e-10,
                       -7.58658044866062834e-13});
  return m.fma(m.mul(r, s), p, r);
}

Value* small_cos(const MathBuilder& m, Value* r) {
  Value* s = m.mul(r, r);
  Value* p =
      m.polynomial(s, {0.0416666666666666667, -0.00138888888888888879, 0.0000248015873015846209,
                       -2.75573192213828756e-7, 2.08767557841359535e-9, -1.14704597850280772e-11,
                       4.74580682116834764e-14});
  Value* half = m.mul(s, m.c(0.5));
  Value* w = m.sub(m.c(1.0), half);
  // What 1 - s/2 lost in rounding comes back with the tail.
  Value* lost = m.sub(m.sub(m.c(1.0), w), half);
  return m.add(w, m.fma(m.mul(s, s), p, lost));
}

}  // namespace

Value* emit_trigonometric_f64(const MathBuilder& m, Op op, Value* x) {
  Builder& b = m.b;
  const Angle a = reduce(m, x);
  Value* s = small_sin(m, a.r);
  Value* c = small_cos(m, a.r);
  Value* q = op == Op::cos ? b.CreateAdd(a.quadrant, m.ci(1)) : a.quadrant;
  Value* odd = b.CreateICmpNE(b.CreateAnd(q, m.ci(1)), m.ci(0));
  if (op == Op::tan) {
    Value* top = m.select(odd, c, s);
    Value* bottom = m.select(odd, m.neg(s), c);
    Value* t = m.div(top, bottom);
    return m.select(m.eq(x, m.c(0.0)), x, m.select(m.lt(m.abs(x), m.inf()), t, m.nan()));
  }
  Value* r = m.select(odd, c, s);
  Value* sign = b.CreateShl(b.CreateAnd(q, m.ci(2)), m.ci(62));
  r = m.real(b.CreateXor(m.bits(r), sign));
  r = m.select(m.lt(m.abs(x), m.inf()), r, m.nan());
  return op == Op::sin ? m.select(m.eq(x, m.c(0.0)), x, r) : r;
}

}  // namespace tenon::target::via_llvm
