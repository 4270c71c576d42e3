// LLVM behind the emitters: one module a kernel, a short list of passes, machine code or assembly.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "support/result.h"
#include "target/llvm/backend.h"

namespace tenon::target::via_llvm {

struct Unit {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> target;
};

[[nodiscard]] Unit make_unit(const std::string& name, const Backend& backend,
                             const machine::Machine& machine);
/// Verifies the module and runs the passes.
void optimize(Unit& unit);
[[nodiscard]] std::vector<std::byte> object_code(Unit& unit);
[[nodiscard]] std::string assembly(Unit& unit);

}  // namespace tenon::target::via_llvm
