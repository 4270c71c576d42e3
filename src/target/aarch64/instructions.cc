// The instruction table of AArch64, and the dot products that its later cores have.
#include <llvm/IR/IntrinsicsAArch64.h>

#include <algorithm>

#include "target/aarch64/backend.h"
#include "target/llvm/dot_tile.h"
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"

namespace tenon::target::aarch64 {

using ir::Expr;
using llvm::Value;
using via_llvm::Builder;
using via_llvm::Emitter;
using via_llvm::Groups;

namespace {

/// sum[lane] += x[lane] . y[lane] by one of the instructions on 128 bits; `element` says as what
/// they see x and y.
Value* product(Builder& b, llvm::Intrinsic::ID id, llvm::Type* element, Value* sum, Value* x,
               Value* y) {
  const auto count = 128 / static_cast<unsigned>(element->getPrimitiveSizeInBits());
  llvm::Type* type = llvm::FixedVectorType::get(element, count);
  return b.CreateIntrinsic(id, {sum->getType(), type},
                           {sum, b.CreateBitCast(x, type), b.CreateBitCast(y, type)});
}

/// Factors of one sign have an instruction wherever there are dot products. Those of different
/// signs have one more rarely (i8mm); else a is moved to the sign of b.
void byte_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  const std::vector<std::string>& has = e.machine().needs;
  const bool mixed = of.a != of.b;
  const bool direct = std::ranges::find(has, "i8mm") != has.end();
  Builder& b = e.builder();
  via_llvm::dot_tile(e, node, mixed && !direct, [&](Value* sum, Value* x, Value* y) {
    if (mixed && direct) {
      if (ir::is_signed(of.a)) std::swap(x, y);  // the unsigned factor stands first
      return product(b, llvm::Intrinsic::aarch64_neon_usdot, b.getInt8Ty(), sum, x, y);
    }
    const auto id = ir::is_signed(of.b) ? llvm::Intrinsic::aarch64_neon_sdot
                                        : llvm::Intrinsic::aarch64_neon_udot;
    return product(b, id, b.getInt8Ty(), sum, x, y);
  });
}

void half_tile(Emitter& e, Expr node) {
  Builder& b = e.builder();
  via_llvm::dot_tile(e, node, false, [&](Value* sum, Value* x, Value* y) {
    return product(b, llvm::Intrinsic::aarch64_neon_bfdot, b.getBFloatTy(), sum, x, y);
  });
}

}  // namespace

std::span<const via_llvm::InstructionEmitter> instructions() {
  static constexpr via_llvm::InstructionEmitter kTable[] = {
      {"dot4_tile_u8i8", byte_tile}, {"dot4_tile_i8u8", byte_tile}, {"dot4_tile_i8i8", byte_tile},
      {"dot4_tile_u8u8", byte_tile}, {"dot2_tile_bf16", half_tile},
  };
  return kTable;
}

}  // namespace tenon::target::aarch64
