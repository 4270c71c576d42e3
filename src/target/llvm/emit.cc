// The entry points of targets of LLVM: one LLVM module for each kernel, one function for each
// launch.
#include <llvm/Support/raw_ostream.h>

#include "target/llvm/codegen.h"
#include "target/llvm/emitter.h"

namespace tenon::target {
namespace {

struct Built {
  via_llvm::Unit unit;
  std::vector<Launch> launches;
};

Result<Built> build(const ir::Kernel& kernel, const machine::Machine& machine,
                    const std::string& prefix) {
  Built built{via_llvm::make_unit(kernel.name, machine), {}};
  via_llvm::Emitter emitter(*built.unit.module, kernel, machine);
  std::vector<ir::Expr> statements{kernel.body};
  if (kernel.body->op == ir::Op::seq)
    statements.assign(kernel.body->operands.begin(), kernel.body->operands.end());
  for (size_t i = 0; i < statements.size(); ++i) {
    const std::string symbol = statements.size() == 1 ? prefix : prefix + "." + std::to_string(i);
    TENON_TRY(Launch launch, emitter.emit(statements[i], symbol));
    built.launches.push_back(std::move(launch));
  }
  via_llvm::optimize(built.unit);
  return built;
}

}  // namespace

Result<Object> emit(const ir::Kernel& kernel, const machine::Machine& machine,
                    std::string symbol_prefix) {
  TENON_TRY(Built built, build(kernel, machine, symbol_prefix));
  return Object{via_llvm::object_code(built.unit), std::move(built.launches)};
}

Result<std::string> emit_llvm(const ir::Kernel& kernel, const machine::Machine& machine) {
  TENON_TRY(const Built built, build(kernel, machine, kernel.name));
  std::string text;
  llvm::raw_string_ostream out(text);
  built.unit.module->print(out, nullptr);
  return text;
}

Result<std::string> emit_asm(const ir::Kernel& kernel, const machine::Machine& machine) {
  TENON_TRY(Built built, build(kernel, machine, kernel.name));
  return via_llvm::assembly(built.unit);
}

}  // namespace tenon::target
