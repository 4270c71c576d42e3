// Products of groups that fill 32 bits: four bytes into i32, two bf16 into f32. A group of a, in
// all lanes, against the groups of b, one for each lane.
//
// One factor of a byte product is unsigned, the other signed. Where both operands are of one kind,
// a is moved by 128 to the other (its highest bit flips), and the sum of 128 b, which is the
// excess, is taken off again: sum(a b) = sum((a + 128) b) - sum(128 b), modulo 2^32.
#include <llvm/IR/IntrinsicsX86.h>

#include "machine/instruction.h"
#include "target/x86/emitter.h"
#include "target/x86/register_tile.h"

namespace tenon::target::x86 {
namespace {

constexpr uint32_t kHighBits = 0x80808080;

/// The first `some` elements of a group as its 32 bits, zeros behind them. Reads no others.
Value* part_of_group(Builder& b, Value* pointer, DType type, Value* some) {
  const unsigned bits = static_cast<unsigned>(ir::info(type).bits);
  llvm::Type* element = b.getIntNTy(bits);
  Value* last = b.CreateSub(some, b.getInt64(1));
  Value* word = b.getInt32(0);
  for (unsigned i = 0; i < 32 / bits; ++i) {
    Value* at = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b.getInt64(i), last);
    Value* stored = b.CreateAlignedLoad(element, b.CreateInBoundsGEP(element, pointer, at),
                                        llvm::Align(bits / 8));
    Value* placed = b.CreateShl(b.CreateZExt(stored, b.getInt32Ty()), i * bits);
    word = b.CreateOr(word,
                      b.CreateSelect(b.CreateICmpSLT(b.getInt64(i), some), placed, b.getInt32(0)));
  }
  return word;
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

}  // namespace

void Emitter::dot_tile(Expr node) {
  const Scope scope(*this);
  const ir::InstrView view{node};
  const DType a = view.operands()[1]->dtype(), b = view.operands()[2]->dtype();
  const int64_t group = 32 / ir::info(a).bits;
  const Expr extent = view.axes()[3].extent;
  Value* some = ir::is_int(extent, group) ? nullptr : scalar(extent);
  int64_t lanes = machine_.vector_bytes / 4;
  while (view.params()[1] % lanes != 0) lanes /= 2;
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
                                  : part_of_group(b_, at, a, some);
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

}  // namespace tenon::target::x86
