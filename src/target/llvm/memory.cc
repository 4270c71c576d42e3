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
}  // namespace

bool Emitter::are_neighbours(std::span<const Expr> indices) {
  return indices.back()->op == Op::ramp && ir::is_int(indices.back()->operand(1), 1) &&
         std::none_of(indices.begin(), indices.end() - 1, is_vector);
}

/// Of lanes that are no neighbours, what is the same for all is in `first`, and the rest in `lanes`
/// (nullptr: they touch one element).
Emitter::Offsets Emitter::offsets(const ir::AccessView& view) {
  const std::span<const Expr> indices = view.indices();
  Value* one = i64(1);
  const std::span<Value* const> strides =
      view.is_offset() ? std::span<Value* const>(&one, 1)
                       : std::span<Value* const>(buffers_[view.buffer()].strides);
  const auto lanes = static_cast<unsigned>(view.lanes());
  Offsets out{i64(0), nullptr};
  const auto add = [&](Expr index, Value* stride) {
    out.first = b_.CreateAdd(out.first, b_.CreateMul(scalar(index), stride));
  };
  if (lanes == 1 || are_neighbours(indices)) {
    for (size_t d = 0; d < indices.size(); ++d)
      add(is_vector(indices[d]) ? indices[d]->operand(0) : indices[d], strides[d]);
    return out;
  }
  const auto spread = [&](Value* values, Value* stride) {
    Value* term = b_.CreateMul(values, b_.CreateVectorSplat(lanes, stride));
    out.lanes = out.lanes == nullptr ? term : b_.CreateAdd(out.lanes, term);
  };
  for (size_t d = 0; d < indices.size(); ++d) {
    const Expr index = indices[d];
    if (is_vector(index) && index->op != Op::ramp && index->op != Op::splat) {
      spread(expr(index), strides[d]);
      continue;
    }
    add(is_vector(index) ? index->operand(0) : index, strides[d]);
    if (index->op != Op::ramp) continue;
    spread(lane_numbers(lanes), b_.CreateMul(strides[d], scalar(index->operand(1))));
  }
  return out;
}

Value* Emitter::lane_numbers(unsigned lanes) {
  llvm::SmallVector<llvm::Constant*, 64> numbers;
  for (unsigned i = 0; i < lanes; ++i) numbers.push_back(b_.getInt64(i));
  return llvm::ConstantVector::get(numbers);
}

Emitter::Access Emitter::access(const ir::AccessView& view) {
  Access a;
  a.buffer = view.buffer();
  a.lanes = static_cast<unsigned>(view.lanes());
  if (const Expr mask = view.mask(); mask != nullptr) a.mask = expr(mask);
  a.align = llvm::Align(static_cast<uint64_t>(ir::info(a.buffer->dtype()).element_bytes));
  llvm::Type* element = storage_type(context_, a.buffer->dtype());
  a.type = a.lanes == 1 ? element : llvm::FixedVectorType::get(element, a.lanes);
  const Offsets at = offsets(view);
  Value* first = b_.CreateInBoundsGEP(element, buffers_[a.buffer].base, at.first);
  if (a.lanes == 1 || are_neighbours(view.indices())) {
    a.pointer = first;
    return a;
  }
  a.pointers = at.lanes == nullptr ? b_.CreateVectorSplat(a.lanes, first)
                                   : b_.CreateGEP(element, first, at.lanes);
  if (a.mask == nullptr) a.mask = all_lanes(a.lanes);
  return a;
}

Value* Emitter::all_lanes(unsigned lanes) {
  return llvm::Constant::getAllOnesValue(llvm::FixedVectorType::get(b_.getInt1Ty(), lanes));
}

// ---- accesses

Value* Emitter::load(Expr e) {
  if (buffers_[ir::AccessView{e}.buffer()].per_byte != 1)
    return load_shared_bytes(ir::AccessView{e});
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
