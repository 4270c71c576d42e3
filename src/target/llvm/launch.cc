// The frame of a launch: its function, sizes, buffers and scratch.
#include <functional>

#include "ir/packed.h"
#include "ir/rewrite.h"
#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {
namespace {

/// Nodes that one launch may emit; beyond it the program was unrolled absurdly.
constexpr int64_t kNodeBudget = 400'000;
constexpr uint64_t kAlign = 64;

/// Buffers that a statement mentions, in order of appearance.
std::vector<Expr> buffers_of(Expr root) {
  std::vector<Expr> found;
  std::set<uint32_t> seen;
  std::vector<Expr> work{root};
  while (!work.empty()) {
    const Expr e = work.back();
    work.pop_back();
    if (!seen.insert(e->id).second) continue;
    if (e->op == ir::Op::buffer) found.push_back(e);
    work.insert(work.end(), e->operands.rbegin(), e->operands.rend());
  }
  return found;
}

}  // namespace

Emitter::Emitter(llvm::Module& module, const Backend& backend, const ir::Kernel& kernel,
                 const machine::Machine& machine)
    : context_(module.getContext()),
      module_(module),
      kernel_(kernel),
      machine_(machine),
      b_(context_, backend) {}

void Emitter::fail(std::string message) {
  if (!error_) error_ = Error{{{"target.emit", std::move(message)}}};
}

llvm::BasicBlock* Emitter::block(const char* name) {
  return llvm::BasicBlock::Create(context_, name, function_);
}

Result<Launch> Emitter::emit(Expr statement_node, const std::string& symbol) {
  begin_function(statement_node, symbol);
  ir::Context& c = *kernel_.context;
  Launch launch{symbol, c.i64(1), c.i64(0)};
  bind_buffers(statement_node, launch.scratch_bytes);
  if (statement_node->op == ir::Op::for_ && ir::ForView{statement_node}.kind() == "parallel") {
    const ir::ForView f{statement_node};
    launch.grid = f.extent();
    counted_loop(f.var(), function_->getArg(1), function_->getArg(2), f.body());
  } else {
    statement(statement_node);
  }
  b_.CreateRet(i64(0));
  if (failure_ != nullptr) {
    b_.SetInsertPoint(failure_);
    b_.CreateRet(failure_code_);
  }
  memo_.clear();
  environment_.clear();
  buffers_.clear();
  if (error_) return tl::make_unexpected(*error_);
  return launch;
}

void Emitter::begin_function(Expr, const std::string& symbol) {
  llvm::Type* pointer = b_.getPtrTy();
  llvm::Type* params[] = {pointer, b_.getInt64Ty(), b_.getInt64Ty(), pointer};
  auto* type = llvm::FunctionType::get(b_.getInt64Ty(), params, false);
  function_ = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, symbol, module_);
  function_->setAlignment(llvm::Align(kAlign));
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr("target-cpu", b_.backend.cpu);
  function_->addFnAttr("target-features", machine_.llvm_features);
  function_->addFnAttr("tune-cpu", machine_.llvm_cpu);
  if (b_.backend.decorate != nullptr) b_.backend.decorate(*function_, machine_);
  for (unsigned i : {0U, 3U}) function_->addParamAttr(i, llvm::Attribute::NoAlias);
  failure_ = nullptr;
  failure_code_ = nullptr;
  budget_ = kNodeBudget;
  error_.reset();
  memo_.assign(1, {});
  llvm::BasicBlock* entry = block("entry");
  llvm::BasicBlock* body = block("body");
  b_.SetInsertPoint(entry);
  entry_end_ = b_.CreateBr(body);
  b_.SetInsertPoint(entry_end_);
  Value* sizes = b_.CreateLoad(
      pointer, b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), function_->getArg(0), 8), "sizes");
  for (size_t i = 0; i < kernel_.sizes.size(); ++i) {
    Value* at = b_.CreateConstInBoundsGEP1_64(b_.getInt64Ty(), sizes, i);
    environment_[kernel_.sizes[i]] = b_.CreateLoad(b_.getInt64Ty(), at);
  }
  b_.SetInsertPoint(body);
}

void Emitter::bind_buffers(Expr statement_node, Expr& scratch_bytes) {
  ir::Context& c = *kernel_.context;
  const llvm::IRBuilderBase::InsertPointGuard guard(b_);
  b_.SetInsertPoint(entry_end_);
  buffer_order_ = buffers_of(statement_node);
  std::vector<Expr> frame;
  for (const ir::KernelParam& p : kernel_.params) frame.push_back(p.buffer);
  for (Expr e : kernel_.buffers)
    if (e->type->scope == ir::Scope::global) frame.push_back(e);
  Value* table = nullptr;
  for (Expr e : buffer_order_) {
    switch (e->type->scope) {
      case ir::Scope::global: {
        const auto found = std::find(frame.begin(), frame.end(), e);
        TENON_CHECK(found != frame.end(),
                    "a global buffer is neither a param nor listed in Kernel::buffers");
        if (table == nullptr) table = b_.CreateLoad(b_.getPtrTy(), function_->getArg(0), "buffers");
        Value* at = b_.CreateConstInBoundsGEP1_64(b_.getPtrTy(), table,
                                                  static_cast<uint64_t>(found - frame.begin()));
        bind_buffer(e, b_.CreateLoad(b_.getPtrTy(), at, e->string_attr(ir::Key::name)));
        break;
      }
      case ir::Scope::scratch: {
        Value* offset = scalar(scratch_bytes);
        bind_buffer(e, b_.CreateInBoundsGEP(b_.getInt8Ty(), function_->getArg(3), offset,
                                            e->string_attr(ir::Key::name)));
        const Expr bytes =
            ir::mul(c, ir::product(c, e->shape()), c.i64(ir::info(e->dtype()).element_bytes));
        const Expr rounded = ir::mul(c, ir::ceildiv(c, bytes, c.i64(kAlign)), c.i64(kAlign));
        scratch_bytes = ir::add(c, scratch_bytes, rounded);
        break;
      }
      case ir::Scope::reg:
        bind_buffer(e, reg_storage(e));
        break;
      case ir::Scope::tile:
        fail("matrix-unit buffers are not supported on this machine row");
        break;
    }
  }
  bind_alias_scopes();
}

/// Stack memory that SROA turns into registers. One vector more than the extents say, so that whole
/// vectors may be read where a mask leaves lanes out.
Value* Emitter::reg_storage(Expr buffer) {
  int64_t count = 1;
  for (Expr extent : buffer->shape()) {
    const auto n = ir::as_int(extent);
    if (!n) {
      fail("register buffer '" + buffer->string_attr(ir::Key::name) + "' has a symbolic extent");
      return llvm::PoisonValue::get(b_.getPtrTy());
    }
    count *= *n;
  }
  llvm::Type* type = storage_type(context_, buffer->dtype());
  const int64_t bytes = count * ir::info(buffer->dtype()).element_bytes;
  if (bytes > 65536) {
    fail("register buffer '" + buffer->string_attr(ir::Key::name) + "' is larger than 64 KiB");
    return llvm::PoisonValue::get(b_.getPtrTy());
  }
  const int64_t lanes = machine_.vector_bytes / ir::info(buffer->dtype()).element_bytes;
  auto* array =
      llvm::ArrayType::get(type, static_cast<uint64_t>(count + (count % lanes == 0 ? 0 : lanes)));
  auto* slot = b_.CreateAlloca(array, nullptr, buffer->string_attr(ir::Key::name));
  slot->setAlignment(llvm::Align(kAlign));
  return slot;
}

void Emitter::bind_buffer(Expr buffer, Value* base) {
  BufferInfo info;
  info.base = base;
  for (const ir::KernelParam& p : kernel_.params)
    if (p.buffer == buffer && ir::shares_bytes(p))
      info.per_byte = 8 / ir::storage_bits(buffer->dtype());
  info.strides.resize(buffer->shape().size());
  Value* stride = i64(1);
  for (size_t d = buffer->shape().size(); d-- > 0;) {
    info.strides[d] = stride;
    if (d > 0) stride = b_.CreateMul(stride, scalar(buffer->shape()[d]), "", false, true);
  }
  buffers_[buffer] = std::move(info);
}

/// Distinct buffers never overlap; this tells LLVM.
void Emitter::bind_alias_scopes() {
  llvm::MDBuilder md(context_);
  llvm::MDNode* domain = md.createAnonymousAliasScopeDomain();
  std::vector<llvm::Metadata*> scopes;
  for (size_t i = 0; i < buffer_order_.size(); ++i)
    scopes.push_back(md.createAnonymousAliasScope(domain));
  for (size_t i = 0; i < buffer_order_.size(); ++i) {
    BufferInfo& info = buffers_[buffer_order_[i]];
    if (buffer_order_[i]->type->scope == ir::Scope::reg) continue;
    std::vector<llvm::Metadata*> others = scopes;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    info.alias_scope = llvm::MDNode::get(context_, scopes[i]);
    info.no_alias = llvm::MDNode::get(context_, others);
  }
}

void Emitter::exit_with(Value* code) {
  if (failure_ == nullptr) {
    failure_ = block("failure");
    failure_code_ = llvm::PHINode::Create(b_.getInt64Ty(), 2, "code", failure_);
  }
  failure_code_->addIncoming(code, b_.GetInsertBlock());
  b_.CreateBr(failure_);
}

}  // namespace tenon::target::via_llvm
