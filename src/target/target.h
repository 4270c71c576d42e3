// A target turns target-stage loop programs into machine code: a folder and a row of targets().
// What targets of LLVM share stands in llvm/.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "ir/node.h"
#include "machine/machine.h"
#include "support/result.h"

namespace tenon::target {

/// One launch of a kernel: a function
///   int64_t f(const Frame* frame, int64_t begin, int64_t end, void* scratch)
/// that runs iterations begin..end of its parallel loop (a serial statement has grid 1). Returns 0
/// or a failure (support/kernel_failure.h). Frame buffers are the kernel's params, then its
/// internal buffers of scope global, in the order of Kernel::buffers; frame sizes are
/// Kernel::sizes.
struct Launch {
  std::string symbol;
  ir::Expr grid;           // over Kernel::sizes, in the kernel's context
  ir::Expr scratch_bytes;  // a worker's scratch, 64-byte aligned; over Kernel::sizes
};

struct Object {
  std::vector<std::byte> elf;  // a relocatable object
  std::vector<Launch> launches;
};

/// Position-independent code with its constants; relocations resolved inside the blob, which has to
/// lie at a page's start.
struct Blob {
  std::vector<std::byte> bytes;                           // read and execute
  std::vector<std::pair<std::string, uint64_t>> symbols;  // name, offset
};

/// Bytes that the linker puts into a blob under a symbol, for objects that refer to it.
struct Given {
  std::string_view symbol;
  std::span<const std::byte> bytes;
  uint64_t alignment = 64;  // a power of two, at most a page
};

/// What a person may read of a kernel's code.
enum class Form : uint8_t { llvm, assembly };

namespace via_llvm {
struct Backend;  // llvm/backend.h
}

/// A row for each kind of code. All functions are safe to call for distinct kernels at once.
struct Target {
  std::string_view name;
  machine::Architecture machines;  // the machine rows that it serves
  Result<Object> (*emit)(const Target&, const ir::Kernel&, const machine::Machine&,
                         std::string symbol_prefix);
  Result<std::string> (*text)(const Target&, const ir::Kernel&, const machine::Machine&, Form);
  Result<Blob> (*link)(const Target&, std::span<const Object>, std::span<const Given>);
  const via_llvm::Backend* backend;  // its instructions and mathematics, where LLVM serves it
};

[[nodiscard]] std::span<const Target> targets();
/// What makes their code, with its version: "LLVM 19.1.7".
[[nodiscard]] std::string code_generator();
/// The target that serves the machine.
[[nodiscard]] const Target& target_of(const machine::Machine& machine);

/// Machine code of one kernel (target stage).
[[nodiscard]] Result<Object> emit(const ir::Kernel& kernel, const machine::Machine& machine,
                                  std::string symbol_prefix);
/// The same as text.
[[nodiscard]] Result<std::string> emit_llvm(const ir::Kernel& kernel,
                                            const machine::Machine& machine);
[[nodiscard]] Result<std::string> emit_asm(const ir::Kernel& kernel,
                                           const machine::Machine& machine);
/// Joins objects that were emitted for the machine, and what is given beside them.
[[nodiscard]] Result<Blob> link(std::span<const Object> objects, const machine::Machine& machine,
                                std::span<const Given> given = {});

}  // namespace tenon::target
