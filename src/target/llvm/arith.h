// Elementwise operators on register values (see types.h) of any width: scalars and vectors alike.
#pragma once

#include <span>

#include "ir/node.h"
#include "target/llvm/types.h"

namespace tenon::target::via_llvm {

/// What an operator computes: `operand` is the element type of operand 0 (of the arms for select).
struct Operation {
  ir::Op op;
  DType operand;
  DType result;
  bool saturate = false;  // cast only
};

/// The value of an elementwise operator; operands have the same width. Elementary functions
/// included.
[[nodiscard]] llvm::Value* emit_operation(Builder& b, const Operation& o,
                                          std::span<llvm::Value* const> operands);

/// Conversion between element types.
[[nodiscard]] llvm::Value* emit_cast(Builder& b, DType from, DType to, llvm::Value* v,
                                     bool saturate);

}  // namespace tenon::target::via_llvm
