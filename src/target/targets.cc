// The table of targets.
#include <llvm/Config/llvm-config.h>

#include <algorithm>

#include "support/check.h"
#include "target/aarch64/backend.h"
#include "target/llvm/backend.h"
#include "target/target.h"
#include "target/x86/backend.h"

namespace tenon::target {

using machine::Architecture;

std::span<const Target> targets() {
  static const Target kTable[] = {
      {"x86", Architecture::x86_64, via_llvm::emit, via_llvm::text, via_llvm::link,
       &x86::backend()},
      {"aarch64", Architecture::aarch64, via_llvm::emit, via_llvm::text, via_llvm::link,
       &aarch64::backend()},
  };
  return kTable;
}

std::string code_generator() { return "LLVM " LLVM_VERSION_STRING; }

const Target& target_of(const machine::Machine& machine) {
  const auto found = std::ranges::find(targets(), machine.architecture, &Target::machines);
  TENON_CHECK(found != targets().end(), "no target serves machine " + machine.name);
  return *found;
}

Result<Object> emit(const ir::Kernel& kernel, const machine::Machine& machine,
                    std::string symbol_prefix) {
  const Target& t = target_of(machine);
  return t.emit(t, kernel, machine, std::move(symbol_prefix));
}

Result<std::string> emit_llvm(const ir::Kernel& kernel, const machine::Machine& machine) {
  const Target& t = target_of(machine);
  return t.text(t, kernel, machine, Form::llvm);
}

Result<std::string> emit_asm(const ir::Kernel& kernel, const machine::Machine& machine) {
  const Target& t = target_of(machine);
  return t.text(t, kernel, machine, Form::assembly);
}

Result<Blob> link(std::span<const Object> objects, const machine::Machine& machine,
                  std::span<const Given> given) {
  const Target& t = target_of(machine);
  return t.link(t, objects, given);
}

}  // namespace tenon::target
