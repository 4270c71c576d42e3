// Loads of constants whose elements share bytes (ir::shares_bytes; the first element of a
// byte lies in its low bits). Lanes that fill whole bytes are loaded as these and widened; others
// take the byte of each element.
#include <bit>

#include "ir/packed.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/statement.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

Value* Emitter::load_shared_bytes(const ir::AccessView& view) {
  const DType type = view.buffer()->dtype();
  Value* mask = view.mask() == nullptr ? nullptr : expr(view.mask());
  Value* v = covers_bytes(view) ? load_whole_bytes(view, mask) : load_each(view, mask);
  if (ir::is_signed(type)) {
    Value* sign = llvm::ConstantInt::get(v->getType(), uint64_t{1} << (ir::storage_bits(type) - 1));
    v = b_.CreateSub(b_.CreateXor(v, sign), sign);
  }
  return from_storage(b_, type, v);
}

/// True if the lanes are neighbours that begin and end where bytes do, as far as the indices tell.
bool Emitter::covers_bytes(const ir::AccessView& view) {
  const auto per_byte = static_cast<int64_t>(buffers_[view.buffer()].per_byte);
  if (view.lanes() == 1 || view.lanes() % per_byte != 0 || !are_neighbours(view.indices()))
    return false;
  ir::Context& c = *kernel_.context;
  std::vector<Expr> first(view.indices().begin(), view.indices().end());
  first.back() = first.back()->operand(0);
  Expr offset = view.is_offset() ? first[0] : ir::offset_of(c, view.buffer()->shape(), first);
  // A let's value may speak of the variable of another one.
  ir::Map values;
  for (std::vector<Expr> work{offset}; !work.empty();) {
    const Expr e = work.back();
    work.pop_back();
    for (Expr n : ir::post_order(std::span(&e, 1))) {
      const auto let = definitions_.find(n);
      if (let == definitions_.end() || !values.emplace(n, let->second).second) continue;
      work.push_back(let->second);
    }
  }
  for (size_t depth = 0; depth < values.size(); ++depth) offset = ir::substitute(c, offset, values);
  return ir::divisor(offset) % per_byte == 0;
}

/// The bytes are widened by as many bits as they hold elements, and each element moved to a byte of
/// its own.
Value* Emitter::load_whole_bytes(const ir::AccessView& view, Value* mask) {
  const BufferInfo& info = buffers_[view.buffer()];
  const auto lanes = static_cast<unsigned>(view.lanes());
  const unsigned count = lanes / info.per_byte;
  const unsigned bits = ir::storage_bits(view.buffer()->dtype());
  Value* at = b_.CreateLShr(offsets(view).first, std::countr_zero(info.per_byte));
  Value* pointer = b_.CreateInBoundsGEP(b_.getInt8Ty(), info.base, at);
  llvm::Type* bytes = llvm::FixedVectorType::get(b_.getInt8Ty(), count);
  Value* packed = nullptr;
  if (mask == nullptr) {
    packed = b_.CreateAlignedLoad(bytes, pointer, llvm::Align(1));
  } else {
    Value* wanted = nullptr;  // a byte of which any element is
    for (unsigned i = 0; i < info.per_byte; ++i) {
      llvm::SmallVector<int, 64> pattern;
      for (unsigned k = 0; k < count; ++k)
        pattern.push_back(static_cast<int>(k * info.per_byte + i));
      Value* part = b_.CreateShuffleVector(mask, pattern);
      wanted = wanted == nullptr ? part : b_.CreateOr(wanted, part);
    }
    packed = b_.CreateMaskedLoad(bytes, pointer, llvm::Align(1), wanted,
                                 llvm::Constant::getNullValue(bytes));
  }
  mark(view.buffer(), packed);
  llvm::Type* wide = llvm::FixedVectorType::get(b_.getIntNTy(8 * info.per_byte), count);
  Value* extended = b_.CreateZExt(packed, wide);
  Value* spread = extended;
  uint64_t element = (uint64_t{1} << bits) - 1;
  for (unsigned i = 1; i < info.per_byte; ++i) {
    spread = b_.CreateOr(spread, b_.CreateShl(extended, uint64_t{i} * (8 - bits)));
    element |= ((uint64_t{1} << bits) - 1) << (8 * i);
  }
  spread = b_.CreateAnd(spread, llvm::ConstantInt::get(wide, element));
  return b_.CreateBitCast(spread, llvm::FixedVectorType::get(b_.getInt8Ty(), lanes));
}

Value* Emitter::load_each(const ir::AccessView& view, Value* mask) {
  const BufferInfo& info = buffers_[view.buffer()];
  const auto lanes = static_cast<unsigned>(view.lanes());
  const unsigned bits = ir::storage_bits(view.buffer()->dtype());
  const Offsets o = offsets(view);
  Value* at = o.first;
  if (lanes > 1) {
    at = b_.CreateVectorSplat(lanes, at);
    if (o.lanes != nullptr) at = b_.CreateAdd(at, o.lanes);
    if (are_neighbours(view.indices())) at = b_.CreateAdd(at, lane_numbers(lanes));
  }
  llvm::Type* byte = with_width_of(at->getType(), b_.getInt8Ty());
  Value* pointers =
      b_.CreateGEP(b_.getInt8Ty(), info.base, b_.CreateLShr(at, std::countr_zero(info.per_byte)));
  Value* packed = nullptr;
  if (lanes > 1) {
    packed = b_.CreateMaskedGather(byte, pointers, llvm::Align(1),
                                   mask == nullptr ? all_lanes(lanes) : mask,
                                   llvm::Constant::getNullValue(byte));
  } else {
    if (mask != nullptr) pointers = guarded_pointer(pointers, mask);
    packed = b_.CreateAlignedLoad(byte, pointers, llvm::Align(1));
  }
  mark(view.buffer(), packed);
  Value* place = b_.CreateAnd(at, llvm::ConstantInt::get(at->getType(), info.per_byte - 1));
  Value* shift = b_.CreateMul(b_.CreateTrunc(place, byte), llvm::ConstantInt::get(byte, bits));
  return b_.CreateAnd(b_.CreateLShr(packed, shift),
                      llvm::ConstantInt::get(byte, (uint64_t{1} << bits) - 1));
}

}  // namespace tenon::target::via_llvm
