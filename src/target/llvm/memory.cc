// Loads and stores: addresses, neighbours, gathers and scatters, masks.
#include <algorithm>

#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

Value* Emitter::mark(Expr buffer, Value* access) {
  const BufferInfo& info = buffers_[buffer];
  if (info.alias_scope != nullptr) {
    auto* instruction = llvm::cast<llvm::Instruction>(access);
    instruction->setMetadata(llvm::LLVMContext::MD_alias_scope, info.alias_scope);
    if (info.no_alias->getNumOperands() != 0)
      instruction->setMetadata(llvm::LLVMContext::MD_noalias, info.no_alias);
  }
  return access;
}

/// `pointer` where the mask, a scalar, is true, else the address of zeros: the load must not fault.
Value* Emitter::guarded_pointer(Value* pointer, Value* mask) {
  llvm::GlobalVariable* zeros = module_.getNamedGlobal("tenon.zeros");
  if (zeros == nullptr) {
    auto* type = llvm::ArrayType::get(b_.getInt8Ty(), 64);
    zeros = new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::PrivateLinkage,
                                     llvm::ConstantAggregateZero::get(type), "tenon.zeros");
    zeros->setAlignment(llvm::Align(64));
  }
  return b_.CreateSelect(mask, pointer, zeros);
}

// ---- addresses

namespace {

bool is_vector(Expr e) { return e->type->is_vector(); }

/// Lanes lie side by side: the last index counts them and the others are the same for all.
bool are_neighbours(std::span<const Expr> indices) {
  return indices.back()->op == Op::ramp && ir::is_int(indices.back()->operand(1), 1) &&
         std::none_of(indices.begin(), indices.end() - 1, is_vector);
}

}  // namespace

Emitter::Access Emitter::access(const ir::AccessView& view) {
  const std::span<const Expr> indices = view.indices();
  const BufferInfo& info = buffers_[view.buffer()];
  Access a;
  a.buffer = view.buffer();
  a.lanes = static_cast<unsigned>(view.lanes());
  if (const Expr mask = view.mask(); mask != nullptr) a.mask = expr(mask);
  a.align = llvm::Align(static_cast<uint64_t>(ir::info(a.buffer->dtype()).bytes));
  llvm::Type* element = storage_type(context_, a.buffer->dtype());
  a.type = a.lanes == 1 ? element : llvm::FixedVectorType::get(element, a.lanes);
  Value* one = i64(1);
  const std::span<Value* const> strides =
      view.is_offset() ? std::span<Value* const>(&one, 1) : info.strides;
  if (a.lanes > 1 && !are_neighbours(indices)) {
    scatter(a, indices, strides);
    return a;
  }
  Value* offset = i64(0);
  for (size_t d = 0; d < indices.size(); ++d) {
    const Expr index = is_vector(indices[d]) ? indices[d]->operand(0) : indices[d];
    offset = b_.CreateAdd(offset, b_.CreateMul(scalar(index), strides[d]));
  }
  a.pointer = b_.CreateInBoundsGEP(element, info.base, offset);
  return a;
}

/// What is the same for all lanes is added to the base.
void Emitter::scatter(Access& a, std::span<const Expr> indices, std::span<Value* const> strides) {
  Value* offset = i64(0);
  Value* offsets = nullptr;
  const auto spread = [&](Value* lanes, Value* stride) {
    Value* term = b_.CreateMul(lanes, b_.CreateVectorSplat(a.lanes, stride));
    offsets = offsets == nullptr ? term : b_.CreateAdd(offsets, term);
  };
  for (size_t d = 0; d < indices.size(); ++d) {
    const Expr index = indices[d];
    if (is_vector(index) && index->op != Op::ramp && index->op != Op::splat) {
      spread(expr(index), strides[d]);
      continue;
    }
    const Expr base = is_vector(index) ? index->operand(0) : index;
    offset = b_.CreateAdd(offset, b_.CreateMul(scalar(base), strides[d]));
    if (index->op != Op::ramp) continue;
    llvm::SmallVector<llvm::Constant*, 64> numbers;
    for (unsigned i = 0; i < a.lanes; ++i) numbers.push_back(b_.getInt64(i));
    spread(llvm::ConstantVector::get(numbers), b_.CreateMul(strides[d], scalar(index->operand(1))));
  }
  llvm::Type* element = storage_type(context_, a.buffer->dtype());
  Value* base = b_.CreateInBoundsGEP(element, buffers_[a.buffer].base, offset);
  a.pointers = offsets == nullptr ? b_.CreateVectorSplat(a.lanes, base)
                                  : b_.CreateGEP(element, base, offsets);
  if (a.mask == nullptr)
    a.mask = llvm::Constant::getAllOnesValue(llvm::FixedVectorType::get(b_.getInt1Ty(), a.lanes));
}

// ---- accesses

Value* Emitter::load(Expr e) {
  const Access a = access(ir::AccessView{e});
  return from_storage(b_, a.buffer->dtype(), mark(a.buffer, load_stored(a)));
}

Value* Emitter::load_stored(const Access& a) {
  Value* zero = llvm::Constant::getNullValue(a.type);
  if (a.pointers != nullptr)
    return b_.CreateMaskedGather(a.type, a.pointers, a.align, a.mask, zero);
  if (a.mask == nullptr || (a.lanes > 1 && a.buffer->type->scope == ir::Scope::reg))
    return b_.CreateAlignedLoad(a.type, a.pointer, a.align);
  if (a.lanes == 1)
    return b_.CreateAlignedLoad(a.type, guarded_pointer(a.pointer, a.mask), a.align);
  return b_.CreateMaskedLoad(a.type, a.pointer, a.align, a.mask, zero);
}

void Emitter::store(Expr s) {
  const Scope scope(*this);
  const ir::AccessView view{s};
  if (view.mask() != nullptr && view.lanes() == 1) {
    const ir::Expr plain =
        ir::store_lanes(*kernel_.context, view.buffer(), view.value(), nullptr, view.indices());
    return branch(expr(view.mask()), [&] { store(plain); }, nullptr);
  }
  Value* value = expr(view.value());
  store_stored(access(view), to_storage(b_, view.buffer()->dtype(), value));
}

void Emitter::store_stored(const Access& a, Value* stored) {
  if (a.pointers != nullptr) {
    mark(a.buffer, b_.CreateMaskedScatter(stored, a.pointers, a.align, a.mask));
  } else if (a.mask == nullptr) {
    mark(a.buffer, b_.CreateAlignedStore(stored, a.pointer, a.align));
  } else if (a.buffer->type->scope == ir::Scope::reg) {
    // A blend keeps the buffer in registers.
    Value* old = b_.CreateAlignedLoad(a.type, a.pointer, a.align);
    b_.CreateAlignedStore(b_.CreateSelect(a.mask, stored, old), a.pointer, a.align);
  } else {
    mark(a.buffer, b_.CreateMaskedStore(stored, a.pointer, a.align, a.mask));
  }
}

}  // namespace tenon::target::via_llvm
