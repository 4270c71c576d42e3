// AArch64 as a target of LLVM: its rows of instructions and relocations. NEON's arithmetic is what
// LLVM makes of the common emitter's.
#pragma once

#include "target/llvm/backend.h"

namespace tenon::target::aarch64 {

[[nodiscard]] const via_llvm::Backend& backend();

/// The instruction table: what AArch64 emits itself.
[[nodiscard]] std::span<const via_llvm::InstructionEmitter> instructions();

}  // namespace tenon::target::aarch64
