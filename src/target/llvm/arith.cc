#include "target/llvm/arith.h"

#include "support/check.h"
#include "target/llvm/math.h"

namespace tenon::target::via_llvm {

using ir::Op;
using llvm::Constant;
using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

namespace {

Value* zero_like(const Value* v) { return Constant::getNullValue(v->getType()); }
Value* int_like(const Value* v, int64_t k) { return llvm::ConstantInt::getSigned(v->getType(), k); }

/// The literal's float value if `v` is one (or a splat of one).
const llvm::ConstantFP* float_literal(const Value* v) {
  if (const auto* f = llvm::dyn_cast<llvm::ConstantFP>(v)) return f;
  if (const auto* c = llvm::dyn_cast<Constant>(v); c != nullptr && c->getType()->isVectorTy())
    return llvm::dyn_cast_or_null<llvm::ConstantFP>(c->getSplatValue());
  return nullptr;
}
bool never_nan(const Value* v) {
  const auto* f = float_literal(v);
  return f != nullptr && !f->isNaN();
}

/// maxps and minps give their second operand when either is NaN: one instruction where one operand
/// is known to be a number, three otherwise.
Value* float_extreme(Builder& b, bool greatest, Value* x, Value* y) {
  const auto pick = [&](Value* p, Value* q) {
    return b.CreateSelect(greatest ? b.CreateFCmpOGT(p, q) : b.CreateFCmpOLT(p, q), p, q);
  };
  if (never_nan(y)) return pick(y, x);
  if (never_nan(x)) return pick(x, y);
  return b.CreateSelect(b.CreateFCmpUNO(x, x), x, pick(x, y));
}

// ---- integers
// ---------------------------------------------------------------------------------------

/// The literal's value if `v` is an integer one (or a splat of one).
const llvm::ConstantInt* int_literal(const Value* v) {
  const auto* c = llvm::dyn_cast<Constant>(v);
  if (c == nullptr) return nullptr;
  return llvm::dyn_cast_or_null<llvm::ConstantInt>(c->getType()->isVectorTy() ? c->getSplatValue()
                                                                              : c);
}

struct Quotient {
  Value* divisor;  // never one that traps
  Value* is_zero;  // nullptr: known not to be
};

Quotient safe_divisor(Builder& b, bool is_signed, Value* x, Value* y) {
  const auto* k = int_literal(y);
  if (k != nullptr && !k->isZero() && !k->isMinusOne()) return {y, nullptr};
  Value* is_zero = b.CreateICmpEQ(y, zero_like(y));
  Value* unsafe = is_zero;
  if (is_signed) {
    const unsigned bits = x->getType()->getScalarSizeInBits();
    Value* smallest = llvm::ConstantInt::get(x->getType(), llvm::APInt::getSignedMinValue(bits));
    unsafe = b.CreateOr(
        unsafe, b.CreateAnd(b.CreateICmpEQ(x, smallest), b.CreateICmpEQ(y, int_like(y, -1))));
  }
  return {b.CreateSelect(unsafe, int_like(y, 1), y), is_zero};
}

/// div, floordiv, mod and fmod. With the divisor 1 in place of an unsafe one, smallest / -1 wraps
/// to the smallest and its remainder is 0, as the operator table says.
Value* int_division(Builder& b, Op op, bool is_signed, Value* x, Value* y) {
  if (const auto* k = int_literal(y); k != nullptr && k->getValue().isStrictlyPositive() &&
                                      k->getValue().isPowerOf2() && op != Op::div &&
                                      op != Op::fmod) {
    // Rounding down makes these exact for negative x too.
    if (op == Op::mod)
      return b.CreateAnd(x, llvm::ConstantInt::get(x->getType(), k->getValue() - 1));
    Value* shift = int_like(x, k->getValue().logBase2());
    return is_signed ? b.CreateAShr(x, shift) : b.CreateLShr(x, shift);
  }
  const Quotient safe = safe_divisor(b, is_signed, x, y);
  Value* d = safe.divisor;
  Value* result = nullptr;
  if (!is_signed) {
    result = op == Op::div || op == Op::floordiv ? b.CreateUDiv(x, d) : b.CreateURem(x, d);
  } else if (op == Op::div) {
    result = b.CreateSDiv(x, d);
  } else if (op == Op::fmod) {
    result = b.CreateSRem(x, d);
  } else {
    Value* q = b.CreateSDiv(x, d);
    Value* r = b.CreateSub(x, b.CreateMul(q, d));
    Value* adjust = b.CreateAnd(b.CreateICmpNE(r, zero_like(r)),
                                b.CreateICmpSLT(b.CreateXor(r, d), zero_like(r)));
    result = op == Op::floordiv ? b.CreateSub(q, b.CreateZExt(adjust, q->getType()))
                                : b.CreateSelect(adjust, b.CreateAdd(r, d), r);
  }
  return safe.is_zero == nullptr ? result : b.CreateSelect(safe.is_zero, zero_like(result), result);
}

Value* int_shift(Builder& b, Op op, bool is_signed, Value* x, Value* count) {
  const auto bits = static_cast<int64_t>(x->getType()->getScalarSizeInBits());
  Value* in_range = b.CreateICmpULT(count, int_like(count, bits));
  if (op == Op::shr && is_signed)
    return b.CreateAShr(x, b.CreateSelect(in_range, count, int_like(count, bits - 1)));
  Value* safe = b.CreateSelect(in_range, count, zero_like(count));
  Value* shifted = op == Op::shl ? b.CreateShl(x, safe) : b.CreateLShr(x, safe);
  return b.CreateSelect(in_range, shifted, zero_like(x));
}

/// x^y by squaring. Negative exponents: 1 for 1, +-1 for -1, 0 for others (0 included).
Value* int_pow(Builder& b, bool is_signed, Value* x, Value* y) {
  llvm::Type* type = x->getType();
  Value* result = int_like(x, 1);
  Value* base = x;
  const auto* k = int_literal(y);
  if (k != nullptr && !(is_signed && k->isNegative())) {
    for (uint64_t n = k->getZExtValue(); n != 0; n >>= 1) {
      if (n & 1) result = b.CreateMul(result, base);
      if (n > 1) base = b.CreateMul(base, base);
    }
    return result;
  }
  // Squares until no lane's exponent has a bit left.
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock* inside =
      llvm::BasicBlock::Create(b.getContext(), "square", before->getParent());
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "power", before->getParent());
  b.CreateBr(inside);
  b.SetInsertPoint(inside);
  llvm::PHINode* phis[] = {b.CreatePHI(type, 2), b.CreatePHI(type, 2), b.CreatePHI(type, 2)};
  Value* first[] = {result, base, y};
  Value* bit = b.CreateTrunc(phis[2], with_width_of(type, b.getInt1Ty()));
  result = b.CreateSelect(bit, b.CreateMul(phis[0], phis[1]), phis[0]);
  Value* rest = b.CreateLShr(phis[2], int_like(y, 1));
  Value* next[] = {result, b.CreateMul(phis[1], phis[1]), rest};
  for (size_t p = 0; p < 3; ++p) {
    phis[p]->addIncoming(first[p], before);
    phis[p]->addIncoming(next[p], inside);
  }
  Value* more = b.CreateICmpNE(rest, zero_like(rest));
  b.CreateCondBr(type->isVectorTy() ? b.CreateOrReduce(more) : more, inside, after);
  b.SetInsertPoint(after);
  if (!is_signed) return result;
  Value* odd = b.CreateICmpNE(b.CreateAnd(y, int_like(y, 1)), zero_like(y));
  Value* of_minus_one = b.CreateSelect(odd, int_like(x, -1), int_like(x, 1));
  Value* inverse = b.CreateSelect(b.CreateICmpEQ(x, int_like(x, -1)), of_minus_one, zero_like(x));
  inverse = b.CreateSelect(b.CreateICmpEQ(x, int_like(x, 1)), int_like(x, 1), inverse);
  return b.CreateSelect(b.CreateICmpSLT(y, zero_like(y)), inverse, result);
}

Value* int_unary(Builder& b, Op op, bool is_signed, Value* x) {
  switch (op) {
    case Op::neg:
      return b.CreateNeg(x);
    case Op::abs:
      return is_signed ? b.CreateSelect(b.CreateICmpSLT(x, zero_like(x)), b.CreateNeg(x), x) : x;
    case Op::sign: {
      Value* positive = b.CreateZExt(b.CreateICmpNE(x, zero_like(x)), x->getType());
      if (!is_signed) return positive;
      return b.CreateSelect(b.CreateICmpSLT(x, zero_like(x)), int_like(x, -1), positive);
    }
    case Op::not_:
      return b.CreateNot(x);
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::trunc:
      return x;
    case Op::is_nan:
    case Op::is_inf:
      return Constant::getNullValue(with_width_of(x->getType(), b.getInt1Ty()));
    default:
      TENON_UNREACHABLE("operator is not defined for integers");
  }
}

Value* int_binary(Builder& b, Op op, bool is_signed, Value* x, Value* y) {
  switch (op) {
    case Op::add:
      return b.CreateAdd(x, y);
    case Op::sub:
      return b.CreateSub(x, y);
    case Op::mul:
      return b.CreateMul(x, y);
    case Op::div:
    case Op::floordiv:
    case Op::mod:
    case Op::fmod:
      return int_division(b, op, is_signed, x, y);
    case Op::pow:
      return int_pow(b, is_signed, x, y);
    case Op::max:
      return b.CreateBinaryIntrinsic(is_signed ? Intrinsic::smax : Intrinsic::umax, x, y);
    case Op::min:
      return b.CreateBinaryIntrinsic(is_signed ? Intrinsic::smin : Intrinsic::umin, x, y);
    case Op::and_:
      return b.CreateAnd(x, y);
    case Op::or_:
      return b.CreateOr(x, y);
    case Op::xor_:
      return b.CreateXor(x, y);
    case Op::shl:
    case Op::shr:
      return int_shift(b, op, is_signed, x, y);
    case Op::eq:
      return b.CreateICmpEQ(x, y);
    case Op::ne:
      return b.CreateICmpNE(x, y);
    case Op::lt:
      return is_signed ? b.CreateICmpSLT(x, y) : b.CreateICmpULT(x, y);
    case Op::le:
      return is_signed ? b.CreateICmpSLE(x, y) : b.CreateICmpULE(x, y);
    case Op::gt:
      return is_signed ? b.CreateICmpSGT(x, y) : b.CreateICmpUGT(x, y);
    case Op::ge:
      return is_signed ? b.CreateICmpSGE(x, y) : b.CreateICmpUGE(x, y);
    default:
      TENON_UNREACHABLE("operator is not defined for integers");
  }
}

/// Shifts of sub-byte values count their own width, not the register's.
Value* sub_byte_shift(Builder& b, const Operation& o, Value* x, Value* count) {
  Value* limit = int_like(count, ir::info(o.operand).bits - 1);
  Value* too_far = b.CreateICmpUGT(count, limit);
  Value* all =
      o.op == Op::shr && ir::is_signed(o.operand) ? b.CreateAShr(x, int_like(x, 7)) : zero_like(x);
  Value* safe = b.CreateSelect(too_far, zero_like(count), count);
  Value* shifted = o.op == Op::shl            ? b.CreateShl(x, safe)
                   : ir::is_signed(o.operand) ? b.CreateAShr(x, safe)
                                              : b.CreateLShr(x, safe);
  return b.CreateSelect(too_far, all, shifted);
}

Value* integer_operation(Builder& b, const Operation& o, std::span<Value* const> v) {
  const bool is_signed = ir::is_signed(o.operand);
  const bool narrow = is_sub_byte_int(o.operand);
  Value* result = nullptr;
  if (v.size() == 1) {
    result = int_unary(b, o.op, is_signed, v[0]);
  } else if (v.size() == 2) {
    result = narrow && (o.op == Op::shl || o.op == Op::shr)
                 ? sub_byte_shift(b, o, v[0], v[1])
                 : int_binary(b, o.op, is_signed, v[0], v[1]);
  } else {
    result = b.CreateAdd(b.CreateMul(v[0], v[1]), v[2]);  // fma
  }
  return narrow && o.result == o.operand ? wrap_sub_byte(b, o.operand, result) : result;
}

// ---- booleans
// ---------------------------------------------------------------------------------------

Value* boolean_operation(Builder& b, Op op, std::span<Value* const> v) {
  switch (op) {
    case Op::not_:
      return b.CreateNot(v[0]);
    case Op::abs:
    case Op::sign:
    case Op::neg:
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::trunc:
      return v[0];
    case Op::is_nan:
    case Op::is_inf:
      return zero_like(v[0]);
    case Op::and_:
    case Op::mul:
    case Op::div:
    case Op::floordiv:
    case Op::min:
      return b.CreateAnd(v[0], v[1]);
    case Op::or_:
    case Op::add:
    case Op::max:
      return b.CreateOr(v[0], v[1]);
    case Op::mod:
    case Op::fmod:
      return zero_like(v[0]);
    case Op::pow:
      return b.CreateOr(v[0], b.CreateNot(v[1]));
    case Op::xor_:
    case Op::sub:
      return b.CreateXor(v[0], v[1]);
    case Op::shl:
    case Op::shr:
      return b.CreateAnd(v[0], b.CreateNot(v[1]));
    case Op::fma:
      return b.CreateOr(b.CreateAnd(v[0], v[1]), v[2]);
    default:
      return int_binary(b, op, false, v[0], v[1]);  // comparisons
  }
}

// ---- floats: in f32 or f64; narrow types round afterwards
// -------------------------------------------

Value* float_unary(Builder& b, Op op, Value* x) {
  switch (op) {
    case Op::neg:
      return b.CreateFNeg(x);
    case Op::abs:
      return b.CreateUnaryIntrinsic(Intrinsic::fabs, x);
    case Op::sign: {
      Value* one = llvm::ConstantFP::get(x->getType(), 1.0);
      Value* unit = b.CreateBinaryIntrinsic(Intrinsic::copysign, one, x);
      return b.CreateSelect(b.CreateFCmpONE(x, zero_like(x)), unit, x);  // 0 and NaN stay
    }
    case Op::sqrt:
      return b.CreateUnaryIntrinsic(Intrinsic::sqrt, x);
    case Op::floor:
      return b.CreateUnaryIntrinsic(Intrinsic::floor, x);
    case Op::ceil:
      return b.CreateUnaryIntrinsic(Intrinsic::ceil, x);
    case Op::round:
      return b.CreateUnaryIntrinsic(Intrinsic::roundeven, x);
    case Op::trunc:
      return b.CreateUnaryIntrinsic(Intrinsic::trunc, x);
    case Op::is_nan:
      return b.CreateFCmpUNO(x, x);
    case Op::is_inf:
      return b.CreateFCmpOEQ(b.CreateUnaryIntrinsic(Intrinsic::fabs, x),
                             llvm::ConstantFP::getInfinity(x->getType()));
    default:
      return emit_math(b, op, x);
  }
}

Value* float_binary(Builder& b, Op op, Value* x, Value* y) {
  switch (op) {
    case Op::add:
      return b.CreateFAdd(x, y);
    case Op::sub:
      return b.CreateFSub(x, y);
    case Op::mul:
      return b.CreateFMul(x, y);
    case Op::div:
      return b.CreateFDiv(x, y);
    case Op::floordiv: {
      // In f64: an f32 quotient may round up to the next integer.
      llvm::Type* f64 = with_width_of(x->getType(), b.getDoubleTy());
      const bool wide = x->getType() == f64;
      Value* q = b.CreateFDiv(wide ? x : b.CreateFPExt(x, f64), wide ? y : b.CreateFPExt(y, f64));
      q = b.CreateUnaryIntrinsic(Intrinsic::floor, q);
      return wide ? q : b.CreateFPTrunc(q, x->getType());
    }
    case Op::max:
      return float_extreme(b, true, x, y);
    case Op::min:
      return float_extreme(b, false, x, y);
    case Op::eq:
      return b.CreateFCmpOEQ(x, y);
    case Op::ne:
      return b.CreateFCmpUNE(x, y);
    case Op::lt:
      return b.CreateFCmpOLT(x, y);
    case Op::le:
      return b.CreateFCmpOLE(x, y);
    case Op::gt:
      return b.CreateFCmpOGT(x, y);
    case Op::ge:
      return b.CreateFCmpOGE(x, y);
    default:
      return emit_math(b, op, x, y);
  }
}

Value* float_fma(Builder& b, DType t, std::span<Value* const> v) {
  if (!is_narrow_float(t))
    return b.CreateIntrinsic(Intrinsic::fma, {v[0]->getType()}, {v[0], v[1], v[2]});
  llvm::Type* f64 = with_width_of(v[0]->getType(), b.getDoubleTy());
  Value* exact = b.CreateFMul(b.CreateFPExt(v[0], f64), b.CreateFPExt(v[1], f64));
  return round_from_f64(b, t, b.CreateFAdd(exact, b.CreateFPExt(v[2], f64)));
}

Value* float_operation(Builder& b, const Operation& o, std::span<Value* const> v) {
  if (o.op == Op::fma) return float_fma(b, o.operand, v);
  Value* result = v.size() == 1 ? float_unary(b, o.op, v[0]) : float_binary(b, o.op, v[0], v[1]);
  const bool exact = o.op == Op::neg || o.op == Op::abs || o.op == Op::max || o.op == Op::min ||
                     o.result == DType::boolean;
  return is_narrow_float(o.operand) && !exact ? round_narrow(b, o.operand, result) : result;
}

// ---- conversions
// ------------------------------------------------------------------------------------

/// Truncates; out of range and NaN give the smallest value of the i32 or i64 that it goes through.
Value* float_to_int(Builder& b, DType to, Value* v) {
  const auto& row = ir::info(to);
  const bool wide = row.bits == 64 || (row.bits == 32 && row.kind == ir::DTypeKind::uint);
  llvm::Type* type = with_width_of(v->getType(), wide ? b.getInt64Ty() : b.getInt32Ty());
  const double limit = wide ? 0x1p63 : 0x1p31;
  Value* hi = llvm::ConstantFP::get(v->getType(), limit);
  if (to == DType::u64) {
    // Above 2^63 the value minus 2^63 converts, and its top bit is set again.
    Value* large = b.CreateFCmpOGE(v, hi);
    Value* low = float_to_int(b, DType::i64, b.CreateSelect(large, b.CreateFSub(v, hi), v));
    Value* top = llvm::ConstantInt::get(type, uint64_t{1} << 63);
    return b.CreateSelect(large, b.CreateOr(low, top), low);
  }
  // Below the smallest value truncation may still bring it into range (f64 to i32).
  Value* lo = llvm::ConstantFP::get(
      v->getType(), v->getType()->getScalarType()->isDoubleTy() && !wide ? -limit - 1 : -limit);
  const bool open = v->getType()->getScalarType()->isDoubleTy() && !wide;
  Value* above = open ? b.CreateFCmpOGT(v, lo) : b.CreateFCmpOGE(v, lo);
  Value* fits = b.CreateAnd(above, b.CreateFCmpOLT(v, hi));
  Value* safe = b.CreateSelect(fits, v, zero_like(v));
  const unsigned bits = wide ? 64 : 32;
  Value* smallest = llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(bits));
  Value* whole = b.CreateSelect(fits, b.CreateFPToSI(safe, type), smallest);
  return b.CreateTrunc(whole, with_width_of(v->getType(), register_type(b.getContext(), to)));
}

Value* int_to_float(Builder& b, DType from, DType to, Value* v, bool saturate) {
  const bool through_f64 = to == DType::f64 || (is_narrow_float(to) && ir::info(from).bits > 16);
  llvm::Type* type = with_width_of(v->getType(), through_f64 ? b.getDoubleTy() : b.getFloatTy());
  Value* f = ir::is_signed(from) ? b.CreateSIToFP(v, type) : b.CreateUIToFP(v, type);
  if (!is_narrow_float(to)) return f;
  return through_f64 ? round_from_f64(b, to, f, saturate) : round_narrow(b, to, f, saturate);
}

Value* float_to_float(Builder& b, DType from, DType to, Value* v, bool saturate) {
  if (to == DType::f64) return b.CreateFPExt(v, with_width_of(v->getType(), b.getDoubleTy()));
  if (from == DType::f64) return round_from_f64(b, to, v, saturate);
  return is_narrow_float(to) ? round_narrow(b, to, v, saturate) : v;
}

}  // namespace

Value* emit_cast(Builder& b, DType from, DType to, Value* v, bool saturate) {
  if (from == to) return v;
  llvm::Type* type = with_width_of(v->getType(), register_type(b.getContext(), to));
  if (to == DType::boolean)
    return ir::is_float(from) ? b.CreateFCmpUNE(v, zero_like(v)) : b.CreateICmpNE(v, zero_like(v));
  if (from == DType::boolean)
    return ir::is_float(to) ? b.CreateUIToFP(v, type) : b.CreateZExt(v, type);
  if (ir::is_float(from)) {
    if (ir::is_float(to)) return float_to_float(b, from, to, v, saturate);
    Value* whole = float_to_int(b, to, v);
    return is_sub_byte_int(to) ? wrap_sub_byte(b, to, whole) : whole;
  }
  if (ir::is_float(to)) return int_to_float(b, from, to, v, saturate);
  Value* whole = ir::is_signed(from) ? b.CreateSExtOrTrunc(v, type) : b.CreateZExtOrTrunc(v, type);
  return is_sub_byte_int(to) ? wrap_sub_byte(b, to, whole) : whole;
}

Value* emit_operation(Builder& b, const Operation& o, std::span<Value* const> v) {
  if (o.op == Op::cast) return emit_cast(b, o.operand, o.result, v[0], o.saturate);
  if (o.op == Op::select) return b.CreateSelect(v[0], v[1], v[2]);
  if (o.operand == DType::boolean) {
    if (v.size() == 2 && b.getInt1Ty() == v[0]->getType()->getScalarType() &&
        ir::is_predicate(o.op))
      return int_binary(b, o.op, false, v[0], v[1]);
    return boolean_operation(b, o.op, v);
  }
  return ir::is_float(o.operand) ? float_operation(b, o, v) : integer_operation(b, o, v);
}

}  // namespace tenon::target::via_llvm
