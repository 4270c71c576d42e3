// Scalar and vector expressions.
#include "ir/combiner.h"
#include "ir/statement.h"
#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

Value* Emitter::remembered(Expr e) const {
  for (size_t i = memo_.size(); i-- > 0;)
    if (const auto found = memo_[i].find(e); found != memo_[i].end()) return found->second;
  return nullptr;
}

Value* Emitter::expr(Expr e) {
  if (e->op == Op::imm) return literal(e);
  if (e->op == Op::var) return variable(e);
  if (Value* known = remembered(e)) return known;
  if (--budget_ < 0)
    fail("the program is unrolled too far: more than 400000 operations in one launch");
  Value* v = compute(e);
  memo_.back()[e] = v;
  return v;
}

Value* Emitter::compute(Expr e) {
  switch (e->op) {
    case Op::load:
    case Op::masked_load:
      return load(e);
    case Op::select:
      return select(e);
    case Op::splat:
      return b_.CreateVectorSplat(static_cast<unsigned>(e->type->lanes), expr(e->operand(0)));
    case Op::ramp:
      return ramp(e);
    case Op::shuffle:
      return shuffle(e);
    case Op::lane:
      return b_.CreateExtractElement(expr(e->operand(0)), expr(e->operand(1)));
    case Op::reduce_lanes:
      return reduce_lanes(e);
    default:
      TENON_CHECK(ir::is_elementwise(e->op),
                  "not a target-stage expression: " + std::string(ir::info(e->op).name));
      return operation(e);
  }
}

Value* Emitter::literal(Expr e) {
  llvm::Type* type = register_type(context_, e->dtype());
  if (const auto k = ir::as_int(e)) return llvm::ConstantInt::getSigned(type, *k);
  return llvm::ConstantFP::get(type, e->float_attr(ir::Key::value));
}

Value* Emitter::variable(Expr e) {
  const auto found = environment_.find(e);
  TENON_CHECK(found != environment_.end(), "unbound variable " + e->string_attr(ir::Key::name));
  return found->second;
}

Value* Emitter::operation(Expr e) {
  llvm::SmallVector<Value*, 3> operands;
  for (Expr o : e->operands) operands.push_back(expr(o));
  if (e->dtype() == DType::i64 && (e->op == Op::floordiv || e->op == Op::mod)) {
    if (!e->type->is_vector()) return index_division(e, operands[0], operands[1]);
    if (is_plain_index(e)) return lane_division(e->op, operands[0], operands[1]);
  }
  const Operation o{e->op, e->operand(0)->dtype(), e->dtype(),
                    e->op == Op::cast && e->int_attr_or(ir::Key::saturate, 0) != 0};
  return emit_operation(b_, o, operands);
}

// ---- lanes

Value* Emitter::ramp(Expr e) {
  Value* base = expr(e->operand(0));
  const auto step = ir::as_int(e->operand(1));
  llvm::SmallVector<llvm::Constant*, 64> numbers;
  for (int i = 0; i < e->type->lanes; ++i)
    numbers.push_back(llvm::ConstantInt::getSigned(base->getType(), step ? *step * i : i));
  Value* distances = llvm::ConstantVector::get(numbers);
  const auto lanes = static_cast<unsigned>(e->type->lanes);
  if (!step) distances = b_.CreateMul(distances, b_.CreateVectorSplat(lanes, expr(e->operand(1))));
  return b_.CreateAdd(b_.CreateVectorSplat(lanes, base), distances);
}

Value* Emitter::shuffle(Expr e) {
  llvm::SmallVector<int, 64> pattern;
  for (const int64_t i : e->ints_attr(ir::Key::pattern)) pattern.push_back(static_cast<int>(i));
  Value* first = expr(e->operand(0));
  if (e->operands.size() == 1) return b_.CreateShuffleVector(first, pattern);
  return b_.CreateShuffleVector(first, expr(e->operand(1)), pattern);
}

/// By halves, in the order that the operator means.
Value* Emitter::reduce_lanes(Expr e) {
  const Op op = ir::combiner(e->string_attr(ir::Key::kind));
  Value* all = expr(e->operand(0));
  if (e->dtype() == DType::boolean && op == Op::and_) return b_.CreateAndReduce(all);
  if (e->dtype() == DType::boolean && op == Op::or_) return b_.CreateOrReduce(all);
  for (int half = e->operand(0)->type->lanes / 2; half > 0; half /= 2) {
    llvm::SmallVector<int, 64> low;
    llvm::SmallVector<int, 64> high;
    for (int i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(i + half);
    }
    Value* halves[] = {b_.CreateShuffleVector(all, low), b_.CreateShuffleVector(all, high)};
    all = emit_operation(b_, {op, e->dtype(), e->dtype()}, halves);
  }
  return b_.CreateExtractElement(all, uint64_t{0});
}

// ---- select

Value* Emitter::select(Expr e) {
  Value* condition = expr(e->operand(0));
  if (!e->operand(0)->type->is_vector()) {
    if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition))
      return expr(known->isOne() ? e->operand(1) : e->operand(2));
    if (has_load(e->operand(1)) || has_load(e->operand(2))) return branching_select(condition, e);
  }
  Value* yes = expr(e->operand(1));
  return b_.CreateSelect(condition, yes, expr(e->operand(2)));
}

/// Only the chosen arm runs, as its loads may be out of range in the other case.
Value* Emitter::branching_select(Value* condition, Expr e) {
  Value* arms[2];
  llvm::BasicBlock* ends[2];
  llvm::BasicBlock* after = block("selected");
  llvm::BasicBlock* starts[2] = {block("yes"), block("no")};
  b_.CreateCondBr(condition, starts[0], starts[1]);
  for (size_t i = 0; i < 2; ++i) {
    b_.SetInsertPoint(starts[i]);
    const Scope scope(*this);
    arms[i] = expr(e->operand(1 + i));
    ends[i] = b_.GetInsertBlock();
    b_.CreateBr(after);
  }
  b_.SetInsertPoint(after);
  llvm::PHINode* phi = b_.CreatePHI(arms[0]->getType(), 2);
  for (size_t i = 0; i < 2; ++i) phi->addIncoming(arms[i], ends[i]);
  return phi;
}

}  // namespace tenon::target::via_llvm
