// Scalar expressions, and the same over the lanes of a vector loop.
#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

Value* Val::scalar() const {
  TENON_CHECK(!varying && parts.size() == 1, "a varying value where a uniform one is needed");
  return parts[0];
}

const Val* Emitter::remembered(const Key& key) const {
  for (size_t i = memo_.size(); i-- > 0;)
    if (const auto found = memo_[i].find(key); found != memo_[i].end()) return &found->second;
  return nullptr;
}

Val Emitter::expr(Expr e) {
  if (e->op == Op::imm) return literal(e);
  if (e->op == Op::var) return variable(e);
  const Key key{e, lane_chunk_};
  if (const Val* known = remembered(key)) return *known;
  if (--budget_ < 0)
    fail("the program is unrolled too far: more than 400000 operations in one launch");
  Val v = compute(e);
  memo_.back()[key] = v;
  return v;
}

Val Emitter::compute(Expr e) {
  if (e->op == Op::load) return load(e);
  if (e->op == Op::select) return select(e);
  TENON_CHECK(ir::is_elementwise(e->op),
              "not a target-stage expression: " + std::string(ir::info(e->op).name));
  return operation(e);
}

Val Emitter::literal(Expr e) {
  llvm::Type* type = register_type(context_, e->dtype());
  if (const auto k = ir::as_int(e)) return {{llvm::ConstantInt::getSigned(type, *k)}, false};
  return {{llvm::ConstantFP::get(type, e->float_attr(ir::Key::value))}, false};
}

Val Emitter::variable(Expr e) {
  if (vector_ && lane_chunk_ >= 0) {
    const Chunk& chunk = vector_->chunks[static_cast<size_t>(lane_chunk_)];
    if (e == vector_->var) return {{i64(chunk.offset)}, false};
    if (const auto known = environment_.find(e);
        known != environment_.end() && known->second.varying)
      return {{b_.CreateExtractElement(known->second.parts[static_cast<size_t>(lane_chunk_)],
                                       uint64_t{0})},
              false};
  } else if (vector_ && e == vector_->var) {
    Val ramp{{}, true};
    for (const Chunk& chunk : vector_->chunks) {
      llvm::SmallVector<llvm::Constant*, 16> lanes;
      for (unsigned i = 0; i < chunk.width; ++i)
        lanes.push_back(b_.getInt64(static_cast<uint64_t>(chunk.offset) + i));
      ramp.parts.push_back(llvm::ConstantVector::get(lanes));
    }
    return ramp;
  }
  const auto found = environment_.find(e);
  TENON_CHECK(found != environment_.end(), "unbound variable " + e->string_attr(ir::Key::name));
  return found->second;
}

Value* Emitter::part(const Val& v, size_t chunk) {
  if (v.varying) return v.parts[chunk];
  const unsigned width = vector_->chunks[chunk].width;
  return b_.CreateVectorSplat(width, v.parts[0]);
}

Val Emitter::operation(Expr e) {
  if (vector_ && lane_chunk_ < 0)
    if (Condition range; lane_range(e, range)) return {range.mask.parts, true};
  llvm::SmallVector<Val, 3> operands;
  bool varying = false;
  for (Expr o : e->operands) {
    operands.push_back(expr(o));
    varying = varying || operands.back().varying;
  }
  if (!varying && e->dtype() == DType::i64 && (e->op == Op::floordiv || e->op == Op::mod))
    return {{index_division(e, operands[0].scalar(), operands[1].scalar())}, false};
  const bool divides_lanes = varying && e->dtype() == DType::i64 &&
                             (e->op == Op::floordiv || e->op == Op::mod) && is_plain_index(e);
  const Operation o{e->op, e->operand(0)->dtype(), e->dtype(),
                    e->op == Op::cast && e->int_attr_or(ir::Key::saturate, 0) != 0};
  Val result{{}, varying};
  const size_t count = varying ? vector_->chunks.size() : 1;
  for (size_t i = 0; i < count; ++i) {
    llvm::SmallVector<Value*, 3> values;
    for (const Val& v : operands) values.push_back(varying ? part(v, i) : v.scalar());
    result.parts.push_back(divides_lanes ? lane_division(e->op, values[0], values[1])
                                         : emit_operation(b_, o, values));
  }
  return result;
}

bool has_load(Expr root) {
  std::vector<Expr> work{root};
  std::set<uint32_t> seen;
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (e->op == Op::load) return true;
    if (seen.insert(e->id).second) work.insert(work.end(), e->operands.begin(), e->operands.end());
  }
  return false;
}

Val Emitter::select(Expr e) {
  const Val condition = expr(e->operand(0));
  const bool lazy = has_load(e->operand(1)) || has_load(e->operand(2));
  if (!condition.varying) {
    if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition.scalar()))
      return expr(known->isOne() ? e->operand(1) : e->operand(2));
    if (lazy) return branching_select(condition.scalar(), e);
  } else if (lazy) {
    return masked_select(condition, e);
  }
  const Val yes = expr(e->operand(1));
  const Val no = expr(e->operand(2));
  if (!condition.varying && !yes.varying && !no.varying)
    return {{b_.CreateSelect(condition.scalar(), yes.scalar(), no.scalar())}, false};
  Val result{{}, true};
  for (size_t i = 0; i < vector_->chunks.size(); ++i)
    result.parts.push_back(b_.CreateSelect(
        condition.varying ? condition.parts[i] : condition.scalar(), part(yes, i), part(no, i)));
  return result;
}

/// Only the chosen arm runs, as its loads may be out of range in the other case.
Val Emitter::branching_select(Value* condition, Expr e) {
  Val arms[2];
  llvm::BasicBlock* ends[2];
  llvm::BasicBlock* after = block("selected");
  llvm::BasicBlock* starts[2] = {block("yes"), block("no")};
  b_.CreateCondBr(condition, starts[0], starts[1]);
  for (size_t i = 0; i < 2; ++i) {
    b_.SetInsertPoint(starts[i]);
    const Scope scope(*this);
    arms[i] = expr(e->operand(1 + i));
    ends[i] = b_.GetInsertBlock();
  }
  const bool varying = arms[0].varying || arms[1].varying;
  const size_t count = varying ? vector_->chunks.size() : 1;
  for (size_t i = 0; i < 2; ++i) {
    b_.SetInsertPoint(ends[i]);
    if (varying && !arms[i].varying) {
      Val wide{{}, true};
      for (size_t k = 0; k < count; ++k) wide.parts.push_back(part(arms[i], k));
      arms[i] = wide;
    }
    b_.CreateBr(after);
  }
  b_.SetInsertPoint(after);
  Val result{{}, varying};
  for (size_t k = 0; k < count; ++k) {
    llvm::PHINode* phi = b_.CreatePHI(arms[0].parts[k]->getType(), 2);
    for (size_t i = 0; i < 2; ++i) phi->addIncoming(arms[i].parts[k], ends[i]);
    result.parts.push_back(phi);
  }
  return result;
}

/// Each arm is evaluated under its part of the mask.
Val Emitter::masked_select(const Val& condition, Expr e) {
  const std::optional<Mask> outer = vector_->mask;
  Val arms[2];
  for (size_t i = 0; i < 2; ++i) {
    Mask mask;
    for (size_t k = 0; k < condition.parts.size(); ++k) {
      Value* m = i == 0 ? condition.parts[k] : b_.CreateNot(condition.parts[k]);
      mask.parts.push_back(outer ? b_.CreateAnd(outer->parts[k], m) : m);
    }
    vector_->mask = has_load(e->operand(1 + i)) ? std::optional(mask) : outer;
    const Scope scope(*this);
    arms[i] = expr(e->operand(1 + i));
  }
  vector_->mask = outer;
  Val result{{}, true};
  for (size_t k = 0; k < condition.parts.size(); ++k)
    result.parts.push_back(b_.CreateSelect(condition.parts[k], part(arms[0], k), part(arms[1], k)));
  return result;
}

}  // namespace tenon::target::via_llvm
