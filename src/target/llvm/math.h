// Elementary functions as straight-line LLVM IR on f32 or f64 values of any width. No libm.
#pragma once

#include "ir/node.h"
#include "target/llvm/types.h"

namespace tenon::target::via_llvm {

/// exp, log, sin, ...: `x` is float or double, scalar or vector.
[[nodiscard]] llvm::Value* emit_math(Builder& b, ir::Op op, llvm::Value* x);
/// pow, atan2, mod, fmod.
[[nodiscard]] llvm::Value* emit_math(Builder& b, ir::Op op, llvm::Value* x, llvm::Value* y);

}  // namespace tenon::target::via_llvm
