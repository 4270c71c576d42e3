// A target turns target-stage loop programs into machine code. One folder a target; what targets
// of LLVM share stands in llvm/.
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
///   int32_t f(const Frame* frame, int64_t begin, int64_t end, void* scratch)
/// that runs iterations begin..end of its parallel loop (a serial statement has grid 1). Returns 0
/// or an error code (1: index out of range). Frame buffers are the kernel's params, then its
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

struct EmitOptions {
  bool keep_asm = false;
};

/// Machine code of one kernel (target stage). Thread-safe for distinct kernels.
[[nodiscard]] Result<Object> emit(const ir::Kernel& kernel, const machine::Machine& machine,
                                  std::string symbol_prefix);
/// The same as text.
[[nodiscard]] Result<std::string> emit_llvm(const ir::Kernel& kernel,
                                            const machine::Machine& machine);
[[nodiscard]] Result<std::string> emit_asm(const ir::Kernel& kernel,
                                           const machine::Machine& machine);

/// Position-independent code with its constants; relocations resolved inside the blob.
struct Blob {
  std::vector<std::byte> bytes;                           // read and execute
  std::vector<std::pair<std::string, uint64_t>> symbols;  // name, offset
};
[[nodiscard]] Result<Blob> link(std::span<const Object> objects);

}  // namespace tenon::target
