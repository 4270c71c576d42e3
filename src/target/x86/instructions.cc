// The instruction table of x86, and the products that only x86 has.
#include <llvm/IR/IntrinsicsX86.h>

#include "target/llvm/dot_tile.h"
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"
#include "target/x86/backend.h"

namespace tenon::target::x86 {

using ir::DType;
using ir::Expr;
using llvm::Value;
using via_llvm::Builder;
using via_llvm::Emitter;
using via_llvm::Groups;
using via_llvm::widened;

namespace {

Value* bytes_product(Builder& b, int64_t lanes, Value* sum, Value* without_sign, Value* with_sign) {
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512_vpdpbusd_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx512_vpdpbusd_256
                                              : llvm::Intrinsic::x86_avx512_vpdpbusd_128;
  return b.CreateIntrinsic(id, {}, {sum, without_sign, with_sign});
}

Value* halves_product(Builder& b, int64_t lanes, Value* sum, Value* x, Value* y) {
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx512bf16_dpbf16ps_256
                                              : llvm::Intrinsic::x86_avx512bf16_dpbf16ps_128;
  llvm::Type* pairs = llvm::FixedVectorType::get(b.getBFloatTy(), static_cast<unsigned>(2 * lanes));
  return b.CreateIntrinsic(id, {}, {sum, b.CreateBitCast(x, pairs), b.CreateBitCast(y, pairs)});
}

Value* words_product(Builder& b, int64_t lanes, Value* x, Value* y) {
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512_pmaddw_d_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx2_pmadd_wd
                                              : llvm::Intrinsic::x86_sse2_pmadd_wd;
  return b.CreateIntrinsic(id, {}, {x, y});
}

/// One factor of a byte product is unsigned, the other signed.
void byte_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  via_llvm::dot_tile(e, node, of.a == of.b, [&](Value* sum, Value* x, Value* y) {
    return ir::is_signed(of.b) ? bytes_product(e.builder(), of.lanes, sum, x, y)
                               : bytes_product(e.builder(), of.lanes, sum, y, x);
  });
}

void half_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  via_llvm::dot_tile(e, node, false, [&](Value* sum, Value* x, Value* y) {
    return halves_product(e.builder(), of.lanes, sum, x, y);
  });
}

/// Two bytes each, widened to 16 bits before they are multiplied.
void widened_byte_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  if (of.lanes < 4) return e.as_loops(node);
  Builder& b = e.builder();
  const Expr extent = ir::InstrView{node}.axes()[3].extent;
  Value* some = ir::is_int(extent, 2) ? nullptr : e.scalar(extent);
  const auto width = static_cast<unsigned>(of.lanes);
  llvm::Type* bytes = widened(b.getInt8Ty(), 2 * width);
  llvm::Type* words = widened(b.getInt16Ty(), 2 * width);
  const auto widen = [&](DType from, Value* v) {
    return ir::is_signed(from) ? b.CreateSExt(v, words) : b.CreateZExt(v, words);
  };
  e.register_tile(
      node, {of.lanes, of.lanes * 2,
             [&](Value* at) {
               llvm::Type* pair = b.getInt16Ty();
               Value* x = some == nullptr ? b.CreateAlignedLoad(pair, at, llvm::Align(1))
                                          : via_llvm::part_of_group(b, at, of.a, some, pair);
               return widen(of.a, b.CreateBitCast(b.CreateVectorSplat(width, x), bytes));
             },
             [&](Value* at) { return widen(of.b, b.CreateAlignedLoad(bytes, at, llvm::Align(1))); },
             [&](Value* sum, Value* x, Value* y) {
               return b.CreateAdd(sum, words_product(b, of.lanes, x, y));
             }});
}

}  // namespace

std::span<const via_llvm::InstructionEmitter> instructions() {
  static constexpr via_llvm::InstructionEmitter kTable[] = {
      {"dot4_tile_u8i8", byte_tile},         {"dot4_tile_i8u8", byte_tile},
      {"dot4_tile_i8i8", byte_tile},         {"dot4_tile_u8u8", byte_tile},
      {"dot2_tile_bf16", half_tile},         {"dot2_tile_u8i8", widened_byte_tile},
      {"dot2_tile_i8u8", widened_byte_tile}, {"dot2_tile_i8i8", widened_byte_tile},
      {"dot2_tile_u8u8", widened_byte_tile},
  };
  return kTable;
}

}  // namespace tenon::target::x86
