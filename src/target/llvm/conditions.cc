// Conditions over lanes: comparisons of indices as counts of lanes, and copies of a statement for
// the case that a condition holds in every lane.
#include <functional>

#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

/// lt and its kin where one side steps by one lane and the other stays: the active lanes are a
/// prefix or a suffix, whose length is one scalar subtraction.
bool Emitter::lane_range(Expr e, Condition& out) {
  if (e->op != Op::lt && e->op != Op::le && e->op != Op::gt && e->op != Op::ge) return false;
  if (e->operand(0)->dtype() != DType::i64) return false;
  const bool flipped = e->op == Op::gt || e->op == Op::ge;
  const Expr low = e->operand(flipped ? 1 : 0);
  const Expr high = e->operand(flipped ? 0 : 1);
  const int64_t slack = e->op == Op::le || e->op == Op::ge ? 1 : 0;
  const std::vector<Chunk>& chunks = vector_->chunks;
  const int64_t span = chunks.back().offset - chunks[0].offset + chunks.back().width;
  const Chunk whole{chunks[0].offset, static_cast<unsigned>(span)};
  const auto low_step = lane_step(low, whole);
  const auto high_step = lane_step(high, whole);
  const bool prefix = low_step == 1 && high_step == 0;
  if (!prefix && !(low_step == 0 && high_step == 1)) return false;
  // Active: lanes below `bound` (prefix) or from `bound` on (suffix).
  Value* distance = prefix ? b_.CreateSub(first_lane(high, 0), first_lane(low, 0))
                           : b_.CreateSub(first_lane(low, 0), first_lane(high, 0));
  Value* bound = b_.CreateAdd(distance, i64(prefix ? slack : 1 - slack));
  out.all = prefix ? b_.CreateICmpSGE(bound, i64(span)) : b_.CreateICmpSLE(bound, i64(0));
  out.any = prefix ? b_.CreateICmpSGT(bound, i64(0)) : b_.CreateICmpSLT(bound, i64(span));
  for (const Chunk& chunk : chunks) {
    Value* rest = b_.CreateSub(bound, i64(chunk.offset - whole.offset));
    rest = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, rest, i64(0));
    rest = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, rest, i64(chunk.width));
    // Compare in narrow lanes: one instruction for a chunk.
    llvm::Type* type = chunk.width > 16 ? b_.getInt8Ty() : b_.getInt32Ty();
    llvm::SmallVector<llvm::Constant*, 64> numbers;
    for (unsigned i = 0; i < chunk.width; ++i) numbers.push_back(llvm::ConstantInt::get(type, i));
    Value* limit = b_.CreateVectorSplat(chunk.width, b_.CreateTrunc(rest, type));
    Value* lanes = llvm::ConstantVector::get(numbers);
    out.mask.parts.push_back(prefix ? b_.CreateICmpULT(lanes, limit)
                                    : b_.CreateICmpUGE(lanes, limit));
  }
  return true;
}

Emitter::Condition Emitter::condition_mask(Expr e) {
  Condition c;
  if (lane_range(e, c)) return c;
  if (e->op == Op::and_) {
    const Condition x = condition_mask(e->operand(0));
    const Condition y = condition_mask(e->operand(1));
    c.all = b_.CreateAnd(x.all, y.all);
    for (size_t i = 0; i < x.mask.parts.size(); ++i)
      c.mask.parts.push_back(b_.CreateAnd(x.mask.parts[i], y.mask.parts[i]));
  } else {
    const Val v = expr(e);
    for (size_t i = 0; i < vector_->chunks.size(); ++i) c.mask.parts.push_back(part(v, i));
    if (!v.varying) {
      c.all = c.any = v.scalar();
      return c;
    }
    c.all = b_.getTrue();
    for (Value* m : c.mask.parts) c.all = b_.CreateAnd(c.all, b_.CreateAndReduce(m));
  }
  c.any = b_.getFalse();
  for (Value* m : c.mask.parts) c.any = b_.CreateOr(c.any, b_.CreateOrReduce(m));
  return c;
}

/// True in every lane, as a scalar; nullptr where that is not cheap to tell.
Value* Emitter::holds_everywhere(Expr condition) {
  if (condition->op == Op::and_) {
    Value* x = holds_everywhere(condition->operand(0));
    Value* y = x == nullptr ? nullptr : holds_everywhere(condition->operand(1));
    return y == nullptr ? nullptr : b_.CreateAnd(x, y);
  }
  // A load in it could depend on what a condition around it guards.
  if (has_load(condition)) return nullptr;
  if (is_uniform(condition)) return expr(condition).scalar();
  Condition range;
  return lane_range(condition, range) ? range.all : nullptr;
}

/// Conditions of selects with loads that vary between lanes and can be told for all lanes at once.
std::vector<Expr> Emitter::lane_guards(Expr value) {
  std::vector<Expr> found;
  std::vector<Expr> work{value};
  std::set<uint32_t> seen;
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (!seen.insert(e->id).second || e->op == Op::load) continue;
    if (e->op == Op::select && !is_uniform(e->operand(0)) && has_load(e) &&
        std::find(found.begin(), found.end(), e->operand(0)) == found.end())
      found.push_back(e->operand(0));
    work.insert(work.end(), e->operands.begin(), e->operands.end());
  }
  return found;
}

/// Emits `body` twice where selects guard loads lane by lane: once for whole vectors, whose
/// conditions are known to hold, and once in general.
void Emitter::versioned(Expr value, const std::function<void()>& body) {
  constexpr size_t kMostGuards = 3;
  if (!vector_ || vector_->mask || versioned_) return body();
  std::vector<Expr> guards;
  Value* all = b_.getTrue();
  for (Expr guard : lane_guards(value)) {
    Value* holds = guards.size() < kMostGuards ? holds_everywhere(guard) : nullptr;
    if (holds == nullptr) continue;
    guards.push_back(guard);
    all = b_.CreateAnd(all, holds);
  }
  if (guards.empty()) return body();
  versioned_ = true;
  const auto fast = [&] {
    for (Expr guard : guards) memo_.back()[{guard, -1}] = Val{{b_.getTrue()}, false};
    body();
  };
  branch(all, fast, body);
  versioned_ = false;
}

}  // namespace tenon::target::via_llvm
