// The entry points of targets of LLVM: one LLVM module for each kernel, one function for each
// launch.
#include <llvm/Support/raw_ostream.h>

#include "ir/statement.h"
#include "target/llvm/codegen.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {
namespace {

struct Built {
  Unit unit;
  std::vector<Launch> launches;
};

Result<Built> build(const Backend& backend, const ir::Kernel& kernel,
                    const machine::Machine& machine, const std::string& prefix) {
  Built built{make_unit(kernel.name, backend, machine), {}};
  Emitter emitter(*built.unit.module, backend, kernel, machine);
  const std::span<const ir::Expr> statements = ir::in_sequence(kernel.body);
  for (size_t i = 0; i < statements.size(); ++i) {
    const std::string symbol = statements.size() == 1 ? prefix : prefix + "." + std::to_string(i);
    TENON_TRY(Launch launch, emitter.emit(statements[i], symbol));
    built.launches.push_back(std::move(launch));
  }
  optimize(built.unit);
  return built;
}

}  // namespace

Result<Object> emit(const Target& target, const ir::Kernel& kernel, const machine::Machine& machine,
                    std::string symbol_prefix) {
  TENON_TRY(Built built, build(*target.backend, kernel, machine, symbol_prefix));
  return Object{object_code(built.unit), std::move(built.launches)};
}

Result<std::string> text(const Target& target, const ir::Kernel& kernel,
                         const machine::Machine& machine, Form form) {
  TENON_TRY(Built built, build(*target.backend, kernel, machine, kernel.name));
  if (form == Form::assembly) return assembly(built.unit);
  std::string out;
  llvm::raw_string_ostream stream(out);
  built.unit.module->print(stream, nullptr);
  return out;
}

}  // namespace tenon::target::via_llvm
