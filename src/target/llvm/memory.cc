// Loads and stores: addresses, contiguous and strided lanes, masks, reductions into one element.
#include <algorithm>

#include "ir/rewrite.h"
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

Value* Emitter::active(size_t chunk) {
  return vector_ && lane_chunk_ < 0 && vector_->mask ? vector_->mask->parts[chunk] : nullptr;
}

/// `pointer` if any lane is active, else the address of zeros: a uniform load under a mask that may
/// be empty must not fault.
Value* Emitter::guarded_pointer(Value* pointer) {
  if (!vector_ || !vector_->mask || vector_->mask->nonempty) return pointer;
  Value* any = b_.getFalse();
  for (Value* m : vector_->mask->parts) any = b_.CreateOr(any, b_.CreateOrReduce(m));
  llvm::GlobalVariable* zeros = module_.getNamedGlobal("tenon.zeros");
  if (zeros == nullptr) {
    auto* type = llvm::ArrayType::get(b_.getInt8Ty(), 64);
    zeros = new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::PrivateLinkage,
                                     llvm::ConstantAggregateZero::get(type), "tenon.zeros");
    zeros->setAlignment(llvm::Align(64));
  }
  return b_.CreateSelect(any, pointer, zeros);
}

Value* Emitter::scalar_pointer(Expr buffer, std::span<const Expr> indices) {
  const BufferInfo& info = buffers_[buffer];
  Value* offset = i64(0);
  for (size_t d = 0; d < indices.size(); ++d)
    offset = b_.CreateAdd(offset, b_.CreateMul(scalar(indices[d]), info.strides[d]));
  return b_.CreateInBoundsGEP(storage_type(context_, buffer->dtype()), info.base, offset);
}

namespace {

/// `near` plus the offsets times a constant stride; empty where one of them is unknown.
std::vector<int64_t> nearer(std::vector<int64_t> near, const std::vector<int64_t>& offsets,
                            Value* stride) {
  const auto* k = llvm::dyn_cast<llvm::ConstantInt>(stride);
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] != 0 && k == nullptr) return {};
    if (offsets[i] != 0) near[i] += offsets[i] * k->getSExtValue();
  }
  return offsets.empty() ? std::vector<int64_t>{} : near;
}

/// All lanes within one vector from the first lane on.
bool is_near(const std::vector<int64_t>& near) {
  const auto width = static_cast<int64_t>(near.size());
  return width > 0 &&
         std::all_of(near.begin(), near.end(), [&](int64_t o) { return o >= 0 && o < width; });
}

}  // namespace

/// The row-major offset of the element as one expression that steps evenly from lane to lane, where
/// the indices do not each (x / n and x % n of axes that a loop runs over together); or nullptr.
Expr Emitter::even_offset(Expr buffer, std::span<const Expr> indices, const Chunk& lanes) {
  const auto even = [&](Expr e) { return lane_step(e, lanes).has_value(); };
  if (indices.size() < 2 || std::ranges::all_of(indices, even)) return nullptr;
  ir::Context& c = *kernel_.context;
  Expr flat = c.i64(0);
  for (size_t d = 0; d < indices.size(); ++d)
    flat = ir::add(c, ir::mul(c, flat, buffer->shape()[d]), indices[d]);
  for (Expr before = nullptr; before != flat;) {
    before = flat;
    for (Expr n : ir::post_order(std::span(&before, 1))) {
      if (n->op == Op::load) return nullptr;
      if (const auto d = definitions_.find(n); d != definitions_.end())
        flat = ir::substitute(c, flat, {{n, d->second}});
    }
  }
  const auto [at, fresh] = offsets_.try_emplace(flat, nullptr);
  if (fresh) at->second = ir::simplify(c, flat, known_);
  return even(at->second) ? at->second : nullptr;
}

Emitter::Access Emitter::access(Expr buffer, std::span<const Expr> indices, size_t chunk) {
  const BufferInfo& info = buffers_[buffer];
  const Chunk& lanes = vector_->chunks[chunk];
  llvm::Type* element = storage_type(context_, buffer->dtype());
  Value* offset = i64(0);
  Value* scattered = nullptr;  // offsets of axes that do not step evenly
  Step step;
  std::vector<int64_t> near(lanes.width, 0);
  const Expr flat = even_offset(buffer, indices, lanes);
  if (flat != nullptr) {
    offset = first_lane(flat, chunk);
    step.constant = *lane_step(flat, lanes);
    near.clear();
  }
  for (size_t d = 0; d < indices.size() && flat == nullptr; ++d) {
    const auto s = lane_step(indices[d], lanes);
    if (!near.empty()) near = nearer(near, lane_offsets(indices[d], lanes), info.strides[d]);
    if (!s) {
      const Val index = expr(indices[d]);
      Value* term =
          b_.CreateMul(part(index, chunk), b_.CreateVectorSplat(lanes.width, info.strides[d]));
      scattered = scattered == nullptr ? term : b_.CreateAdd(scattered, term);
      continue;
    }
    offset = b_.CreateAdd(offset, b_.CreateMul(first_lane(indices[d], chunk), info.strides[d]));
    if (*s == 0) continue;
    if (const auto* k = llvm::dyn_cast<llvm::ConstantInt>(info.strides[d])) {
      step.constant += *s * k->getSExtValue();
    } else {
      Value* term = b_.CreateMul(info.strides[d], i64(*s));
      step.symbolic = step.symbolic == nullptr ? term : b_.CreateAdd(step.symbolic, term);
    }
  }
  Access a;
  if (lanes.width == 1) {  // one address: LLVM does not keep the type of a vector of one pointer
    if (scattered != nullptr)
      offset = b_.CreateAdd(offset, b_.CreateExtractElement(scattered, uint64_t{0}));
    a.pointer = b_.CreateGEP(element, info.base, offset);
    a.step = Step{.constant = 1};
    return a;
  }
  a.pointer = b_.CreateInBoundsGEP(element, info.base, offset);
  if (scattered == nullptr && step.symbolic == nullptr) {
    a.step = step;
    if (step.constant >= -1 && step.constant <= 2) return a;
  }
  Value* base = a.pointer;
  if (is_near(near)) {
    Value* first = i64(0);
    for (size_t d = 0; d < indices.size(); ++d)
      first = b_.CreateAdd(first, b_.CreateMul(first_lane(indices[d], chunk), info.strides[d]));
    a.pointer = b_.CreateInBoundsGEP(element, info.base, first);
    a.near = near;
  }
  Value* stride = i64(step.constant);
  if (step.symbolic != nullptr) stride = b_.CreateAdd(stride, step.symbolic);
  llvm::SmallVector<llvm::Constant*, 16> numbers;
  for (unsigned i = 0; i < lanes.width; ++i) numbers.push_back(b_.getInt64(i));
  Value* offsets =
      b_.CreateMul(b_.CreateVectorSplat(lanes.width, stride), llvm::ConstantVector::get(numbers));
  if (scattered != nullptr) offsets = b_.CreateAdd(offsets, scattered);
  a.pointers = b_.CreateGEP(element, base, offsets);
  return a;
}

Value* Emitter::load_part(Expr buffer, const Access& a, size_t chunk) {
  const unsigned width = vector_->chunks[chunk].width;
  const int64_t bytes = ir::info(buffer->dtype()).bytes;
  const llvm::Align align(static_cast<uint64_t>(bytes));
  llvm::Type* element = storage_type(context_, buffer->dtype());
  llvm::Type* type = llvm::FixedVectorType::get(element, width);
  const bool in_registers = buffer->type->scope == ir::Scope::reg;
  Value* mask = active(chunk);
  const int64_t step = a.pointers != nullptr ? INT64_MAX : a.step->constant;
  const auto at = [&](int64_t lane) { return b_.CreateInBoundsGEP(element, a.pointer, i64(lane)); };
  if (step == 0 && mask == nullptr) {
    Value* one = mark(buffer, b_.CreateAlignedLoad(element, a.pointer, align));
    return b_.CreateVectorSplat(width, from_storage(b_, buffer->dtype(), one));
  }
  Value* stored = nullptr;
  if (step == 1) {
    stored = mask == nullptr || in_registers
                 ? mark(buffer, b_.CreateAlignedLoad(type, a.pointer, align))
                 : mark(buffer, b_.CreateMaskedLoad(type, a.pointer, align, mask,
                                                    llvm::Constant::getNullValue(type)));
  } else if (step == -1) {
    Value* low = at(1 - static_cast<int64_t>(width));
    stored = mask == nullptr
                 ? mark(buffer, b_.CreateAlignedLoad(type, low, align))
                 : mark(buffer, b_.CreateMaskedLoad(type, low, align, b_.CreateVectorReverse(mask),
                                                    llvm::Constant::getNullValue(type)));
    stored = b_.CreateVectorReverse(stored);
  } else if (step == 2 && mask == nullptr) {
    // Two overlapping vectors end exactly at the last element; every second lane of both.
    Value* low = mark(buffer, b_.CreateAlignedLoad(type, a.pointer, align));
    Value* high = mark(buffer, b_.CreateAlignedLoad(type, at(width - 1), align));
    llvm::SmallVector<int, 16> pick;
    for (unsigned i = 0; i < width; ++i) {
      const int j = static_cast<int>(2 * i);
      const int w = static_cast<int>(width);
      pick.push_back(j < w ? j : w + j - (w - 1));
    }
    stored = b_.CreateShuffleVector(low, high, pick);
  } else if (!a.near.empty() && mask == nullptr) {
    // One vector that ends at the last lane's element, and its elements in the lanes' order.
    llvm::SmallVector<int, 16> pick(a.near.begin(), a.near.end());
    const int64_t last = *std::max_element(a.near.begin(), a.near.end());
    llvm::SmallVector<llvm::Constant*, 16> wanted;
    for (unsigned i = 0; i < width; ++i) wanted.push_back(b_.getInt1(i <= last));
    stored =
        mark(buffer, b_.CreateMaskedLoad(type, a.pointer, align, llvm::ConstantVector::get(wanted),
                                         llvm::Constant::getNullValue(type)));
    stored = b_.CreateShuffleVector(stored, pick);
  } else {
    Value* pointers = a.pointers;
    if (pointers == nullptr) {
      llvm::SmallVector<llvm::Constant*, 16> numbers;
      for (unsigned i = 0; i < width; ++i)
        numbers.push_back(b_.getInt64(static_cast<uint64_t>(step * i)));
      pointers = b_.CreateGEP(element, a.pointer, llvm::ConstantVector::get(numbers));
    }
    if (mask == nullptr)
      mask = llvm::Constant::getAllOnesValue(llvm::FixedVectorType::get(b_.getInt1Ty(), width));
    stored = mark(buffer, b_.CreateMaskedGather(type, pointers, align, mask,
                                                llvm::Constant::getNullValue(type)));
  }
  return from_storage(b_, buffer->dtype(), stored);
}

Val Emitter::load(Expr e) {
  const Expr buffer = e->operand(0);
  const std::span<const Expr> indices = e->operands.subspan(1);
  bool uniform = true;
  if (vector_ && lane_chunk_ < 0)
    for (Expr i : indices) uniform = uniform && is_uniform(i);
  if (uniform) {
    Value* pointer = scalar_pointer(buffer, indices);
    if (vector_) pointer = guarded_pointer(pointer);
    const llvm::Align align(static_cast<uint64_t>(ir::info(buffer->dtype()).bytes));
    Value* stored =
        mark(buffer, b_.CreateAlignedLoad(storage_type(context_, buffer->dtype()), pointer, align));
    return {{from_storage(b_, buffer->dtype(), stored)}, false};
  }
  Val result{{}, true};
  for (size_t i = 0; i < vector_->chunks.size(); ++i)
    result.parts.push_back(load_part(buffer, access(buffer, indices, i), i));
  return result;
}

void Emitter::store_part(Expr buffer, const Access& a, Value* value, size_t chunk) {
  const unsigned width = vector_->chunks[chunk].width;
  const llvm::Align align(static_cast<uint64_t>(ir::info(buffer->dtype()).bytes));
  llvm::Type* element = storage_type(context_, buffer->dtype());
  Value* stored = to_storage(b_, buffer->dtype(), value);
  Value* mask = active(chunk);
  const int64_t step = a.pointers != nullptr ? INT64_MAX : a.step->constant;
  if (step == 1 && mask != nullptr && buffer->type->scope == ir::Scope::reg) {
    // A blend keeps the buffer in registers.
    Value* old = b_.CreateAlignedLoad(stored->getType(), a.pointer, align);
    b_.CreateAlignedStore(b_.CreateSelect(mask, stored, old), a.pointer, align);
    return;
  }
  if (step == 1 || step == -1) {
    Value* pointer = a.pointer;
    if (step == -1) {
      pointer = b_.CreateInBoundsGEP(element, pointer, i64(1 - static_cast<int64_t>(width)));
      stored = b_.CreateVectorReverse(stored);
      if (mask != nullptr) mask = b_.CreateVectorReverse(mask);
    }
    mark(buffer, mask == nullptr
                     ? static_cast<Value*>(b_.CreateAlignedStore(stored, pointer, align))
                     : b_.CreateMaskedStore(stored, pointer, align, mask));
    return;
  }
  Value* pointers = a.pointers;
  if (pointers == nullptr) {
    llvm::SmallVector<llvm::Constant*, 16> numbers;
    for (unsigned i = 0; i < width; ++i)
      numbers.push_back(b_.getInt64(static_cast<uint64_t>(step * i)));
    pointers = b_.CreateGEP(element, a.pointer, llvm::ConstantVector::get(numbers));
  }
  if (mask == nullptr)
    mask = llvm::Constant::getAllOnesValue(llvm::FixedVectorType::get(b_.getInt1Ty(), width));
  mark(buffer, b_.CreateMaskedScatter(stored, pointers, align, mask));
}

void Emitter::store(Expr s) {
  versioned(s->operand(1), [&] { store_once(s); });
}

void Emitter::store_once(Expr s) {
  const Scope scope(*this);
  const Expr buffer = s->operand(0);
  const std::span<const Expr> indices = s->operands.subspan(2);
  bool uniform = true;
  for (Expr i : indices) uniform = uniform && is_uniform(i);
  if (!uniform) {
    const Val value = expr(s->operand(1));
    // All addresses first: a store must not come before another chunk's loads of the same
    // statement.
    std::vector<Access> accesses;
    for (size_t i = 0; i < vector_->chunks.size(); ++i)
      accesses.push_back(access(buffer, indices, i));
    for (size_t i = 0; i < vector_->chunks.size(); ++i)
      store_part(buffer, accesses[i], part(value, i), i);
    return;
  }
  if (vector_ && reduction_store(s)) return;
  const auto plain = [&] {
    Val value = expr(s->operand(1));
    TENON_CHECK(!value.varying, "a varying value stored into one element");
    const llvm::Align align(static_cast<uint64_t>(ir::info(buffer->dtype()).bytes));
    Value* pointer = scalar_pointer(buffer, indices);
    mark(buffer,
         b_.CreateAlignedStore(to_storage(b_, buffer->dtype(), value.scalar()), pointer, align));
  };
  if (!vector_ || !vector_->mask || vector_->mask->nonempty) return plain();
  Value* any = b_.getFalse();
  for (Value* m : vector_->mask->parts) any = b_.CreateOr(any, b_.CreateOrReduce(m));
  branch(any, plain, nullptr);
}

namespace {

/// The value that leaves combine(x, value) = x.
Value* neutral(llvm::Type* type, Op op, DType t) {
  const unsigned bits = type->getScalarSizeInBits();
  const bool real = ir::is_float(t);
  switch (op) {
    case Op::mul:
      return real ? llvm::ConstantFP::get(type, 1.0) : llvm::ConstantInt::get(type, 1);
    case Op::max:
      if (real) return llvm::ConstantFP::getInfinity(type, true);
      return llvm::ConstantInt::get(
          type, ir::is_signed(t) ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt(bits, 0));
    case Op::min:
      if (real) return llvm::ConstantFP::getInfinity(type, false);
      return llvm::ConstantInt::get(type, ir::is_signed(t) ? llvm::APInt::getSignedMaxValue(bits)
                                                           : llvm::APInt::getMaxValue(bits));
    case Op::and_:
      return llvm::Constant::getAllOnesValue(type);
    default:
      return real ? llvm::ConstantFP::getNegativeZero(type) : llvm::Constant::getNullValue(type);
  }
}

bool is_combiner(Op op) {
  return op == Op::add || op == Op::mul || op == Op::max || op == Op::min || op == Op::and_ ||
         op == Op::or_ || op == Op::xor_;
}

}  // namespace

/// b[i] = combine(b[i], value) with one i for all lanes: lanes are combined by a tree of fixed
/// shape.
bool Emitter::reduction_store(Expr s) {
  const Expr buffer = s->operand(0);
  const Expr value = s->operand(1);
  const std::span<const Expr> indices = s->operands.subspan(2);
  const auto is_target = [&](Expr e) {
    return e->op == Op::load && e->operand(0) == buffer &&
           std::equal(indices.begin(), indices.end(), e->operands.begin() + 1, e->operands.end());
  };
  const DType t = buffer->dtype();
  Op op = value->op;
  Val lanes;
  if (op == Op::fma && is_target(value->operand(2))) {
    op = Op::add;
    const Val x = expr(value->operand(0));
    const Val y = expr(value->operand(1));
    lanes.varying = x.varying || y.varying;
    for (size_t i = 0; i < (lanes.varying ? vector_->chunks.size() : 1); ++i) {
      Value* factors[] = {lanes.varying ? part(x, i) : x.scalar(),
                          lanes.varying ? part(y, i) : y.scalar()};
      lanes.parts.push_back(emit_operation(b_, {Op::mul, t, t}, factors));
    }
  } else if (is_combiner(op)) {
    const size_t other = is_target(value->operand(0)) ? 1 : 0;
    if (!is_target(value->operand(1 - other))) return false;
    lanes = expr(value->operand(other));
  } else {
    return false;
  }
  const auto combine = [&](Value* x, Value* y) {
    Value* both[] = {x, y};
    return emit_operation(b_, {op, t, t}, both);
  };
  Value* total = nullptr;  // a scalar
  Value* wide = nullptr;   // chunks of the first width, combined
  for (size_t i = 0; i < vector_->chunks.size(); ++i) {
    Value* v = part(lanes, i);
    if (Value* mask = active(i)) v = b_.CreateSelect(mask, v, neutral(v->getType(), op, t));
    if (wide == nullptr) {
      wide = v;
    } else if (width_of(v->getType()) == width_of(wide->getType())) {
      wide = combine(wide, v);
    } else {
      // Narrower chunks come last: fold what there is to their width first.
      while (width_of(wide->getType()) > width_of(v->getType())) {
        const unsigned half = width_of(wide->getType()) / 2;
        llvm::SmallVector<int, 16> low;
        llvm::SmallVector<int, 16> high;
        for (unsigned k = 0; k < half; ++k) {
          low.push_back(static_cast<int>(k));
          high.push_back(static_cast<int>(k + half));
        }
        wide = combine(b_.CreateShuffleVector(wide, low), b_.CreateShuffleVector(wide, high));
      }
      wide = combine(wide, v);
    }
  }
  for (unsigned half = width_of(wide->getType()) / 2; half > 0; half /= 2) {
    llvm::SmallVector<int, 16> low;
    llvm::SmallVector<int, 16> high;
    for (unsigned k = 0; k < half; ++k) {
      low.push_back(static_cast<int>(k));
      high.push_back(static_cast<int>(k + half));
    }
    wide = combine(b_.CreateShuffleVector(wide, low), b_.CreateShuffleVector(wide, high));
  }
  total = b_.CreateExtractElement(wide, uint64_t{0});
  const llvm::Align align(static_cast<uint64_t>(ir::info(t).bytes));
  const auto finish = [&] {
    Value* pointer = scalar_pointer(buffer, indices);
    Value* old = mark(buffer, b_.CreateAlignedLoad(storage_type(context_, t), pointer, align));
    Value* next = combine(from_storage(b_, t, old), total);
    mark(buffer, b_.CreateAlignedStore(to_storage(b_, t, next), pointer, align));
  };
  if (!vector_->mask || vector_->mask->nonempty) {
    finish();
  } else {
    Value* any = b_.getFalse();
    for (Value* m : vector_->mask->parts) any = b_.CreateOr(any, b_.CreateOrReduce(m));
    branch(any, finish, nullptr);
  }
  return true;
}

}  // namespace tenon::target::via_llvm
