// x86-64 as a target of LLVM: its rows of instructions, mathematics and relocations.
#pragma once

#include "target/llvm/backend.h"

namespace tenon::target::x86 {

[[nodiscard]] const via_llvm::Backend& backend();

/// The instruction table: what x86 emits itself. Other instructions are lowered as the loops that
/// they mean.
[[nodiscard]] std::span<const via_llvm::InstructionEmitter> instructions();

/// x * 2^n by AVX-512's vscalefps.
[[nodiscard]] llvm::Value* scale(const via_llvm::MathBuilder& m, llvm::Value* x, llvm::Value* n);

}  // namespace tenon::target::x86
