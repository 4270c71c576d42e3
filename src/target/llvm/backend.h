// What a target of LLVM brings to the common emitter and linker, as data and short functions.
#pragma once

#include <llvm/IR/Function.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "ir/node.h"
#include "machine/machine.h"
#include "target/target.h"

namespace tenon::target::via_llvm {

class Emitter;
class MathBuilder;

/// A row of an instruction table: how an instruction of machine/instruction.h becomes code. Sizes,
/// axes, operands and types of the node are the row's, its operands lie as the row says.
struct InstructionEmitter {
  std::string_view name;
  void (*emit)(Emitter& e, ir::Expr node);
};

/// Steps of elementary functions for which a target may have an instruction.
struct Mathematics {
  /// x * 2^n with one rounding, n a whole float; nullptr where this machine has no instruction for
  /// the width of x. Null: no machine has.
  llvm::Value* (*scale)(const MathBuilder& m, llvm::Value* x, llvm::Value* n) = nullptr;
};

/// A function of the C library that LLVM calls by itself, as machine code that the linker adds.
struct LibraryFunction {
  std::string_view name, code;
};

struct Relocation {
  uint32_t type;    // ELF's number
  uint64_t place;   // offset in the blob of what has to be filled in
  uint64_t target;  // offset of what it refers to, addend included
};
enum class Relocated : uint8_t { done, out_of_range, unknown_type };

struct Backend {
  const char* triple;
  const char* cpu;               // the least CPU; features come from the machine row
  void (*register_with_llvm)();  // once
  /// Attributes of functions for this machine beyond its features; may be null.
  void (*decorate)(llvm::Function& f, const machine::Machine& machine);
  std::span<const InstructionEmitter>
      instructions;  // beside those of every target (instructions.cc)
  Mathematics mathematics;
  std::span<const LibraryFunction> library;
  Relocated (*relocate)(std::span<std::byte> blob, const Relocation& r);
};

// The functions of the rows of such targets.
[[nodiscard]] Result<Object> emit(const Target& target, const ir::Kernel& kernel,
                                  const machine::Machine& machine, std::string symbol_prefix);
[[nodiscard]] Result<std::string> text(const Target& target, const ir::Kernel& kernel,
                                       const machine::Machine& machine, Form form);
[[nodiscard]] Result<Blob> link(const Target& target, std::span<const Object> objects,
                                std::span<const Given> given);

/// Writes `value` at an offset of the blob.
template <class T>
void put(std::span<std::byte> blob, uint64_t place, T value) {
  __builtin_memcpy(blob.subspan(place, sizeof value).data(), &value, sizeof value);
}

}  // namespace tenon::target::via_llvm
