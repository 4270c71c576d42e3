// Statements: loops, branches, variables, the way out.
#include <functional>

#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

using ir::Op;

void Emitter::statement(Expr s) {
  if (error_) return;
  if (--budget_ < 0)
    return fail("the program is unrolled too far: more than 400000 operations in one launch");
  switch (s->op) {
    case Op::seq:
      for (Expr e : s->operands) statement(e);
      return;
    case Op::for_:
      return loop(s);
    case Op::cond:
      return conditional(s);
    case Op::let:
      return let(s);
    case Op::while_:
      return while_loop(s);
    case Op::store:
    case Op::masked_store:
      return store(s);
    case Op::fail_:
      return fail_statement(s);
    case Op::instr:
      return instruction(s);
    default:
      TENON_CHECK(false, "not a target-stage statement: " + std::string(ir::info(s->op).name));
  }
}

void Emitter::loop(Expr node) {
  const ir::ForView f{node};
  const auto extent = ir::as_int(f.extent());
  if (extent && *extent <= 0) return;
  if (extent == 1 || (extent && f.kind() == "unroll"))
    return unrolled_loop(f.var(), *extent, f.body());
  Value* end = nullptr;
  {
    const Scope scope(*this);
    end = scalar(f.extent());
  }
  counted_loop(f.var(), i64(0), end, f.body());
}

void Emitter::counted_loop(Expr var, Value* begin, Value* end, Expr body) {
  llvm::BasicBlock* before = b_.GetInsertBlock();
  llvm::BasicBlock* inside = block(var->string_attr(ir::Key::name).c_str());
  llvm::BasicBlock* after = block("after");
  b_.CreateCondBr(b_.CreateICmpSLT(begin, end), inside, after);
  b_.SetInsertPoint(inside);
  llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2, var->string_attr(ir::Key::name));
  i->addIncoming(begin, before);
  environment_[var] = i;
  {
    const Scope scope(*this);
    statement(body);
  }
  Value* next = b_.CreateAdd(i, i64(1), "", true, true);
  i->addIncoming(next, b_.GetInsertBlock());
  b_.CreateCondBr(b_.CreateICmpSLT(next, end), inside, after);
  b_.SetInsertPoint(after);
}

void Emitter::unrolled_loop(Expr var, int64_t extent, Expr body) {
  for (int64_t i = 0; i < extent && !error_; ++i) {
    environment_[var] = i64(i);
    const Scope scope(*this);
    statement(body);
  }
}

void Emitter::branch(Value* condition, const std::function<void()>& then,
                     const std::function<void()>& otherwise) {
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
    const Scope scope(*this);
    if (known->isOne()) return then();
    if (otherwise) otherwise();
    return;
  }
  llvm::BasicBlock* yes = block("then");
  llvm::BasicBlock* no = otherwise ? block("else") : nullptr;
  llvm::BasicBlock* after = block("join");
  b_.CreateCondBr(condition, yes, no != nullptr ? no : after);
  b_.SetInsertPoint(yes);
  {
    const Scope scope(*this);
    then();
  }
  b_.CreateBr(after);
  if (no != nullptr) {
    b_.SetInsertPoint(no);
    {
      const Scope scope(*this);
      otherwise();
    }
    b_.CreateBr(after);
  }
  b_.SetInsertPoint(after);
}

void Emitter::conditional(Expr node) {
  Value* condition = nullptr;
  {
    const Scope scope(*this);
    condition = scalar(node->operand(0));
  }
  std::function<void()> otherwise;
  if (node->operands.size() == 3) otherwise = [&] { statement(node->operand(2)); };
  branch(condition, [&] { statement(node->operand(1)); }, otherwise);
}

void Emitter::let(Expr node) {
  const Expr var = node->operand(0);
  const Expr value = node->operand(1);
  {
    const Scope scope(*this);
    environment_[var] = expr(value);
  }
  definitions_[var] = value;
  const Scope scope(*this);
  statement(node->operand(2));
}

void Emitter::while_loop(Expr node) {
  llvm::BasicBlock* head = block("while");
  llvm::BasicBlock* inside = block("do");
  llvm::BasicBlock* after = block("done");
  b_.CreateBr(head);
  b_.SetInsertPoint(head);
  {
    const Scope scope(*this);
    b_.CreateCondBr(scalar(node->operand(0)), inside, after);
  }
  b_.SetInsertPoint(inside);
  {
    const Scope scope(*this);
    statement(node->operand(1));
  }
  b_.CreateBr(head);
  b_.SetInsertPoint(after);
}

void Emitter::fail_statement(Expr node) {
  const Scope scope(*this);
  llvm::BasicBlock* after = block("unfailed");
  llvm::BasicBlock* leave = block("leave");
  b_.CreateCondBr(b_.getTrue(), leave, after);
  b_.SetInsertPoint(leave);
  exit_with(expr(node->operand(0)));
  b_.SetInsertPoint(after);
}

}  // namespace tenon::target::via_llvm
