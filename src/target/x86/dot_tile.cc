// Products of groups that fill 32 bits: four bytes into i32, two bf16 into f32. A group of a, in
// all lanes, against the groups of b, one for each lane.
//
// One factor of a byte product is unsigned, the other signed. Where both operands are of one kind,
// a is moved by 128 to the other (its highest bit flips), and the sum of 128 b, which is the
// excess, is taken off again: sum(a b) = sum((a + 128) b) - sum(128 b), modulo 2^32.
#include <llvm/IR/IntrinsicsX86.h>

#include "machine/instruction.h"
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"

namespace tenon::target::via_llvm {
namespace {

constexpr uint32_t kHighBits = 0x80808080;

/// The first `some` of the elements that fill `word`, zeros behind them. Reads no others.
Value* part_of_group(Builder& b, Value* pointer, DType type, Value* some, llvm::Type* word) {
  const unsigned bits = static_cast<unsigned>(ir::info(type).bits);
  llvm::Type* element = b.getIntNTy(bits);
  Value* last = b.CreateSub(some, b.getInt64(1));
  Value* none = llvm::Constant::getNullValue(word);
  Value* all = none;
  for (unsigned i = 0; i < word->getIntegerBitWidth() / bits; ++i) {
    Value* at = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b.getInt64(i), last);
    Value* stored = b.CreateAlignedLoad(element, b.CreateInBoundsGEP(element, pointer, at),
                                        llvm::Align(bits / 8));
    Value* placed = b.CreateShl(b.CreateZExt(stored, word), i * bits);
    all = b.CreateOr(all, b.CreateSelect(b.CreateICmpSLT(b.getInt64(i), some), placed, none));
  }
  return all;
}

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

/// Vectors of the result that a tile's columns are a multiple of.
int64_t vector_lanes(const machine::Machine& m, int64_t columns) {
  int64_t lanes = m.vector_bytes / 4;
  while (columns % lanes != 0) lanes /= 2;
  return lanes;
}

}  // namespace

void Emitter::dot_tile(Expr node) {
  const Scope scope(*this);
  const ir::InstrView view{node};
  const DType a = view.operands()[1]->dtype(), b = view.operands()[2]->dtype();
  const int64_t group = 32 / ir::info(a).bits;
  const Expr extent = view.axes()[3].extent;
  Value* some = ir::is_int(extent, group) ? nullptr : scalar(extent);
  const int64_t lanes = vector_lanes(machine_, view.params()[1]);
  if (lanes < 4) return statement(machine::expand(*kernel_.context, node));
  const auto width = static_cast<unsigned>(lanes);
  const llvm::Align align(static_cast<uint64_t>(ir::info(a).bytes));
  const bool halves = ir::is_float(a);
  const bool moved = !halves && a == b;
  Value* high_bits = b_.CreateVectorSplat(width, b_.getInt32(kHighBits));
  const auto bytes = [&](Value* sum, Value* x, Value* y) {
    return ir::is_signed(b) ? bytes_product(b_, lanes, sum, x, y)
                            : bytes_product(b_, lanes, sum, y, x);
  };
  TileStep step{lanes, lanes * group, {}, {}, {}};
  step.row = [&](Value* at) {
    Value* word = some == nullptr ? b_.CreateAlignedLoad(b_.getInt32Ty(), at, align)
                                  : part_of_group(b_, at, a, some, b_.getInt32Ty());
    Value* x = b_.CreateVectorSplat(width, word);
    return moved ? b_.CreateXor(x, high_bits) : x;
  };
  step.columns = [&](Value* at) {
    Value* y = b_.CreateAlignedLoad(widened(b_.getInt32Ty(), width), at, align);
    // What stands behind a part may be no number, and times 0 neither.
    return halves && some != nullptr
               ? b_.CreateAnd(y, b_.CreateVectorSplat(width, b_.getInt32(0xffff)))
               : y;
  };
  if (halves) {
    step.add = [&](Value* sum, Value* x, Value* y) { return halves_product(b_, lanes, sum, x, y); };
  } else {
    step.add = bytes;
  }
  if (moved) step.excess = [&](Value* sum, Value* y) { return bytes(sum, high_bits, y); };
  register_tile(node, step);
}

void Emitter::widened_dot_tile(Expr node) {
  const Scope scope(*this);
  const ir::InstrView view{node};
  const DType a = view.operands()[1]->dtype(), b = view.operands()[2]->dtype();
  const Expr extent = view.axes()[3].extent;
  Value* some = ir::is_int(extent, 2) ? nullptr : scalar(extent);
  const int64_t lanes = vector_lanes(machine_, view.params()[1]);
  if (lanes < 4) return statement(machine::expand(*kernel_.context, node));
  const auto width = static_cast<unsigned>(lanes);
  llvm::Type* bytes = widened(b_.getInt8Ty(), 2 * width);
  llvm::Type* words = widened(b_.getInt16Ty(), 2 * width);
  const auto widen = [&](DType from, Value* v) {
    return ir::is_signed(from) ? b_.CreateSExt(v, words) : b_.CreateZExt(v, words);
  };
  register_tile(
      node, {lanes, lanes * 2,
             [&](Value* at) {
               llvm::Type* pair = b_.getInt16Ty();
               Value* x = some == nullptr ? b_.CreateAlignedLoad(pair, at, llvm::Align(1))
                                          : part_of_group(b_, at, a, some, pair);
               return widen(a, b_.CreateBitCast(b_.CreateVectorSplat(width, x), bytes));
             },
             [&](Value* at) { return widen(b, b_.CreateAlignedLoad(bytes, at, llvm::Align(1))); },
             [&](Value* sum, Value* x, Value* y) {
               return b_.CreateAdd(sum, words_product(b_, lanes, x, y));
             }});
}

}  // namespace tenon::target::via_llvm
