// Which function goes by which way: hot f32 functions inline, the others as functions of the module
// that work in f64.
#include "target/llvm/math.h"

#include "target/llvm/math_builder.h"

namespace tenon::target::via_llvm {

using ir::Op;
using llvm::Value;

void copy_code_attributes(const llvm::Function& from, llvm::Function& to) {
  for (const char* key : {"target-cpu", "target-features", "tune-cpu", "prefer-vector-width",
                          "min-legal-vector-width"})
    if (from.hasFnAttribute(key)) to.addFnAttr(from.getFnAttribute(key));
  to.addFnAttr(llvm::Attribute::NoUnwind);
  to.addFnAttr(llvm::Attribute::NoInline);
}

namespace {

/// A function of the module for this operator and type, built once; kept out of line, as its
/// callers may use it many times.
Value* call_shared(Builder& b, Op op, llvm::Type* type, llvm::ArrayRef<Value*> operands) {
  const llvm::Function* caller = b.GetInsertBlock()->getParent();
  llvm::Module& module = *b.GetInsertBlock()->getModule();
  std::string name = "tenon." + std::string(ir::info(op).name) +
                     (type->getScalarType()->isDoubleTy() ? ".f64" : ".f32");
  name += "." + std::to_string(width_of(type));
  llvm::Function* f = module.getFunction(name);
  if (f == nullptr) {
    const std::vector<llvm::Type*> params(operands.size(), type);
    f = llvm::Function::Create(llvm::FunctionType::get(type, params, false),
                               llvm::GlobalValue::InternalLinkage, name, module);
    copy_code_attributes(*caller, *f);
    Builder inner(llvm::BasicBlock::Create(module.getContext(), "entry", f), b.backend);
    llvm::Type* f64 = with_width_of(type, inner.getDoubleTy());
    const MathBuilder m(inner, f64);
    std::vector<Value*> wide;
    for (llvm::Argument& a : f->args())
      wide.push_back(type == f64 ? &a : inner.CreateFPExt(&a, f64));
    Value* r = wide.size() == 1 ? emit_unary_f64(m, op, wide[0])
                                : emit_binary_f64(m, op, wide[0], wide[1]);
    inner.CreateRet(type == f64 ? r : inner.CreateFPTrunc(r, type));
  }
  return b.CreateCall(f, operands);
}

}  // namespace

Value* emit_math(Builder& b, Op op, Value* x) {
  llvm::Type* type = x->getType();
  const MathBuilder m(b, type);
  if (m.is_f64) return op == Op::exp ? emit_exp_f64(m, x) : call_shared(b, op, type, x);
  switch (op) {
    case Op::exp:
      return emit_exp_f32(m, x);
    case Op::log:
      return emit_log_f32(m, x);
    case Op::tanh:
      return emit_tanh_f32(m, x);
    case Op::erf:
      return emit_erf_f32(m, x);
    case Op::sigmoid:
      return emit_sigmoid_f32(m, x);
    default:
      return call_shared(b, op, type, x);
  }
}

Value* emit_math(Builder& b, Op op, Value* x, Value* y) {
  return call_shared(b, op, x->getType(), {x, y});
}

}  // namespace tenon::target::via_llvm
