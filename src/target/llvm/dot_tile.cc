#include "target/llvm/dot_tile.h"

#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"

namespace tenon::target::via_llvm {
namespace {

constexpr uint32_t kHighBits = 0x80808080;
constexpr int64_t kFewestLanes = 4;

}  // namespace

Groups::Groups(Emitter& e, Expr node)
    : a(ir::InstrView{node}.operands()[1]->dtype()),
      b(ir::InstrView{node}.operands()[2]->dtype()),
      lanes(e.machine().vector_bytes / 4) {
  while (ir::InstrView{node}.params()[1] % lanes != 0) lanes /= 2;
}

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

Value* mask_of_part(Builder& b, DType type, Value* some) {
  const unsigned bits = static_cast<unsigned>(ir::info(type).bits);
  Value* all = b.getInt32(0);
  for (unsigned i = 0; i < 32 / bits; ++i) {
    const uint64_t element = ((uint64_t{1} << bits) - 1) << (i * bits);
    Value* kept = b.CreateSelect(b.CreateICmpSLT(b.getInt64(i), some),
                                 b.getInt32(static_cast<uint32_t>(element)), b.getInt32(0));
    all = b.CreateOr(all, kept);
  }
  return all;
}

void dot_tile(Emitter& e, Expr node, bool moved, const GroupProduct& product) {
  const Groups of(e, node);
  if (of.lanes < kFewestLanes) return e.as_loops(node);
  Builder& b = e.builder();
  const int64_t group = 32 / ir::info(of.a).bits;
  const Expr extent = ir::InstrView{node}.axes()[3].extent;
  Value* some = ir::is_int(extent, group) ? nullptr : e.scalar(extent);
  const auto width = static_cast<unsigned>(of.lanes);
  const llvm::Align align(static_cast<uint64_t>(ir::info(of.a).element_bytes));
  // What stands behind a part may be no number, and times 0 neither.
  Value* mask = ir::is_float(of.a) && some != nullptr
                    ? b.CreateVectorSplat(width, mask_of_part(b, of.b, some))
                    : nullptr;
  Value* high_bits = b.CreateVectorSplat(width, b.getInt32(kHighBits));
  TileStep step{of.lanes, of.lanes * group, {}, {}, product};
  step.row = [&](Value* at) {
    Value* word = some == nullptr ? b.CreateAlignedLoad(b.getInt32Ty(), at, align)
                                  : part_of_group(b, at, of.a, some, b.getInt32Ty());
    Value* x = b.CreateVectorSplat(width, word);
    return moved ? b.CreateXor(x, high_bits) : x;
  };
  step.columns = [&](Value* at) {
    Value* y = b.CreateAlignedLoad(widened(b.getInt32Ty(), width), at, align);
    return mask == nullptr ? y : b.CreateAnd(y, mask);
  };
  if (moved) step.excess = [&](Value* sum, Value* y) { return product(sum, high_bits, y); };
  e.register_tile(node, step);
}

}  // namespace tenon::target::via_llvm
