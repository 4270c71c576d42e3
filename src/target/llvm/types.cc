#include "target/llvm/types.h"

#include "support/check.h"

namespace tenon::target::via_llvm {

using llvm::Value;

namespace {

/// IRBuilder with the constants and bit casts that format conversions need, at the width of a
/// value.
struct Bits {
  Builder& b;
  llvm::Type* i32;
  llvm::Type* f32;
  Bits(Builder& builder, const llvm::Type* shape)
      : b(builder),
        i32(with_width_of(shape, builder.getInt32Ty())),
        f32(with_width_of(shape, builder.getFloatTy())) {}
  Value* c(uint32_t v) const { return llvm::ConstantInt::get(i32, v); }
  Value* as_int(Value* v) const { return b.CreateBitCast(v, i32); }
  Value* as_float(Value* v) const { return b.CreateBitCast(v, f32); }
};

Value* decode_small(Builder& b, const FloatFormat& f, Value* code_i8) {
  const Bits k(b, code_i8->getType());
  Value* code = b.CreateZExt(code_i8, k.i32);
  Value* magnitude = b.CreateAnd(code, k.c(f.magnitude_mask()));
  Value* sign = b.CreateShl(b.CreateAnd(code, k.c(1U << f.magnitude_bits())),
                            k.c(31 - static_cast<uint32_t>(f.magnitude_bits())));
  // The fields moved into place give the value scaled by 2^(bias - 127), denormals included.
  Value* scaled =
      k.as_float(b.CreateShl(magnitude, k.c(23 - static_cast<uint32_t>(f.mantissa_bits))));
  Value* scale = k.as_float(k.c(static_cast<uint32_t>(254 - f.bias) << 23));
  Value* bits = k.as_int(b.CreateFMul(scaled, scale));
  if (f.has_nan) {
    Value* nan = k.c(0x7fc00000);
    if (f.unsigned_zero) {
      Value* is_nan = b.CreateICmpEQ(code, k.c(1U << f.magnitude_bits()));
      bits = b.CreateSelect(is_nan, nan, bits);
    } else if (f.finite_only) {
      bits = b.CreateSelect(b.CreateICmpEQ(magnitude, k.c(f.magnitude_mask())), nan, bits);
    } else {
      Value* infinity =
          b.CreateSelect(b.CreateICmpEQ(magnitude, k.c(f.infinity_code())), k.c(0x7f800000), nan);
      bits = b.CreateSelect(b.CreateICmpUGT(magnitude, k.c(f.max_code())), infinity, bits);
    }
  }
  return k.as_float(b.CreateOr(bits, sign));
}

/// Codes (i32) of f32 values rounded to nearest even.
Value* encode_small(Builder& b, const FloatFormat& f, Value* value, bool saturate) {
  const Bits k(b, value->getType());
  const auto m = static_cast<uint32_t>(f.mantissa_bits);
  Value* raw = k.as_int(value);
  Value* sign =
      b.CreateShl(b.CreateLShr(raw, k.c(31)), k.c(static_cast<uint32_t>(f.magnitude_bits())));
  Value* a = b.CreateAnd(raw, k.c(0x7fffffff));
  // Normal: round the kept mantissa bits, then move the exponent's bias.
  Value* odd = b.CreateAnd(b.CreateLShr(a, k.c(23 - m)), k.c(1));
  Value* rounded =
      b.CreateLShr(b.CreateAdd(b.CreateAdd(a, k.c((1U << (22 - m)) - 1)), odd), k.c(23 - m));
  Value* normal = b.CreateSub(rounded, k.c(static_cast<uint32_t>(127 - f.bias) << m));
  // Subnormal: adding a number whose last place is the smallest step rounds in the adder.
  const auto magic = static_cast<uint32_t>(127 + (1 - f.bias - f.mantissa_bits) + 23) << 23;
  Value* sum = b.CreateFAdd(k.as_float(a), k.as_float(k.c(magic)));
  Value* subnormal = b.CreateSub(k.as_int(sum), k.c(magic));
  Value* is_normal = b.CreateICmpUGE(a, k.c(static_cast<uint32_t>(127 + 1 - f.bias) << 23));
  Value* code = b.CreateSelect(is_normal, normal, subnormal);
  Value* too_large = b.CreateICmpUGT(code, k.c(f.max_code()));
  too_large = b.CreateOr(too_large, b.CreateICmpUGE(a, k.c(0x7f800000)));
  const uint32_t nan_code = f.nan_code();
  const uint32_t overflow = saturate || !f.has_nan ? f.max_code()
                            : f.finite_only        ? nan_code
                                                   : f.infinity_code();
  code = b.CreateSelect(too_large, k.c(overflow), code);
  Value* is_nan = b.CreateICmpUGT(a, k.c(0x7f800000));
  code = b.CreateSelect(is_nan, k.c(nan_code), code);
  if (!f.unsigned_zero) return b.CreateOr(code, sign);
  // No negative zero, and the pattern of -0 is the NaN.
  Value* keeps_sign =
      b.CreateAnd(b.CreateICmpNE(code, k.c(0)), b.CreateICmpNE(code, k.c(nan_code)));
  return b.CreateOr(code, b.CreateSelect(keeps_sign, sign, k.c(0)));
}

Value* round_bf16(Builder& b, Value* value) {
  const Bits k(b, value->getType());
  Value* raw = k.as_int(value);
  Value* odd = b.CreateAnd(b.CreateLShr(raw, k.c(16)), k.c(1));
  Value* rounded = b.CreateAdd(b.CreateAdd(raw, k.c(0x7fff)), odd);
  Value* quiet = b.CreateOr(raw, k.c(0x400000));
  Value* bits = b.CreateSelect(b.CreateFCmpUNO(value, value), quiet, rounded);
  return k.as_float(b.CreateAnd(bits, k.c(0xffff0000)));
}

}  // namespace

bool is_sub_byte_int(DType t) { return ir::is_integer(t) && ir::info(t).bits < 8; }

llvm::Type* register_type(llvm::LLVMContext& c, DType t) {
  if (t == DType::boolean) return llvm::Type::getInt1Ty(c);
  if (t == DType::f64) return llvm::Type::getDoubleTy(c);
  if (ir::is_float(t)) return llvm::Type::getFloatTy(c);
  return llvm::Type::getIntNTy(c, ir::info(t).element_bytes * 8U);
}

llvm::Type* storage_type(llvm::LLVMContext& c, DType t) {
  if (t == DType::f16) return llvm::Type::getHalfTy(c);
  if (t == DType::f32) return llvm::Type::getFloatTy(c);
  if (t == DType::f64) return llvm::Type::getDoubleTy(c);
  return llvm::Type::getIntNTy(c, ir::info(t).element_bytes * 8U);
}

unsigned width_of(const llvm::Type* t) {
  const auto* v = llvm::dyn_cast<llvm::FixedVectorType>(t);
  return v == nullptr ? 0 : v->getNumElements();
}

llvm::Type* widened(llvm::Type* scalar, unsigned width) {
  return width == 0 ? scalar : llvm::FixedVectorType::get(scalar, width);
}

llvm::Type* with_width_of(const llvm::Type* shape, llvm::Type* scalar) {
  return widened(scalar, width_of(shape));
}

Value* from_storage(Builder& b, DType t, Value* stored) {
  if (t == DType::boolean)
    return b.CreateICmpNE(stored, llvm::Constant::getNullValue(stored->getType()));
  if (t == DType::f16)
    return b.CreateFPExt(stored, with_width_of(stored->getType(), b.getFloatTy()));
  if (t == DType::bf16) {
    const Bits k(b, stored->getType());
    return k.as_float(b.CreateShl(b.CreateZExt(stored, k.i32), k.c(16)));
  }
  if (is_narrow_float(t)) return decode_small(b, ir::info(t).format, stored);
  return stored;
}

Value* to_storage(Builder& b, DType t, Value* value) {
  llvm::Type* type = with_width_of(value->getType(), storage_type(b.getContext(), t));
  if (t == DType::boolean) return b.CreateZExt(value, type);
  if (t == DType::f16) return b.CreateFPTrunc(value, type);
  if (t == DType::bf16) {
    const Bits k(b, value->getType());
    return b.CreateTrunc(b.CreateLShr(k.as_int(value), k.c(16)), type);
  }
  if (is_narrow_float(t))
    return b.CreateTrunc(encode_small(b, ir::info(t).format, value, false), type);
  return value;
}

Value* round_narrow(Builder& b, DType t, Value* f32, bool saturate) {
  if (t == DType::f16) {
    Value* half = b.CreateFPTrunc(f32, with_width_of(f32->getType(), b.getHalfTy()));
    return b.CreateFPExt(half, f32->getType());
  }
  if (t == DType::bf16) return round_bf16(b, f32);
  const FloatFormat& f = ir::info(t).format;
  Value* code = encode_small(b, f, f32, saturate);
  return decode_small(b, f, b.CreateTrunc(code, with_width_of(f32->getType(), b.getInt8Ty())));
}

Value* round_from_f64(Builder& b, DType t, Value* f64, bool saturate) {
  llvm::Type* f32 = with_width_of(f64->getType(), b.getFloatTy());
  Value* nearest = b.CreateFPTrunc(f64, f32);
  if (t == DType::f32) return nearest;
  // Round to odd first, so that the second rounding sees that the value was inexact.
  const Bits k(b, f32);
  Value* back = b.CreateFPExt(nearest, f64->getType());
  Value* bits = k.as_int(nearest);
  Value* larger = b.CreateFCmpOGT(b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, back),
                                  b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, f64));
  Value* toward_zero = b.CreateSub(bits, b.CreateZExt(larger, k.i32));
  Value* odd = b.CreateOr(toward_zero, k.c(1));
  Value* inexact = b.CreateFCmpONE(back, f64);
  return round_narrow(b, t, k.as_float(b.CreateSelect(inexact, odd, bits)), saturate);
}

Value* wrap_sub_byte(Builder& b, DType t, Value* i8) {
  Value* shift = llvm::ConstantInt::get(i8->getType(), 8U - ir::info(t).bits);
  Value* up = b.CreateShl(i8, shift);
  return ir::is_signed(t) ? b.CreateAShr(up, shift) : b.CreateLShr(up, shift);
}

}  // namespace tenon::target::via_llvm
