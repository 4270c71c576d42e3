// Element types as LLVM sees them: in memory (storage) and in registers.
//
// Narrow floats (16 bits and less) live in registers as f32 values that are exact in their type;
// every operation rounds its f32 result again. Sub-byte integers live in i8, wrapped after every
// operation; booleans are i1 in registers and a byte 0 or 1 in memory.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "ir/dtype.h"

namespace tenon::target::via_llvm {

using ir::DType;

struct Backend;

/// Builds for a target whose own mathematics may be asked for.
struct Builder : llvm::IRBuilder<> {
  Builder(llvm::LLVMContext& context, const Backend& b) : IRBuilder(context), backend(b) {}
  Builder(llvm::BasicBlock* at, const Backend& b) : IRBuilder(at), backend(b) {}
  const Backend& backend;
};

[[nodiscard]] llvm::Type* register_type(llvm::LLVMContext& c, DType t);
[[nodiscard]] llvm::Type* storage_type(llvm::LLVMContext& c, DType t);
/// Lanes of a vector type; 0 for a scalar.
[[nodiscard]] unsigned width_of(const llvm::Type* t);
/// `scalar` with as many lanes as `shape`.
[[nodiscard]] llvm::Type* with_width_of(const llvm::Type* shape, llvm::Type* scalar);
[[nodiscard]] llvm::Type* widened(llvm::Type* scalar, unsigned width);

/// 4- and 2-bit integers.
[[nodiscard]] bool is_sub_byte_int(DType t);

// Conversions of values of any width.
[[nodiscard]] llvm::Value* from_storage(Builder& b, DType t, llvm::Value* stored);
[[nodiscard]] llvm::Value* to_storage(Builder& b, DType t, llvm::Value* value);
/// An f32 value rounded to a narrow float type, still as f32.
[[nodiscard]] llvm::Value* round_narrow(Builder& b, DType t, llvm::Value* f32,
                                        bool saturate = false);
/// An f64 value rounded once to f32 or a narrow float type, as f32.
[[nodiscard]] llvm::Value* round_from_f64(Builder& b, DType t, llvm::Value* f64,
                                          bool saturate = false);
/// An i8 value wrapped to a 4- or 2-bit integer.
[[nodiscard]] llvm::Value* wrap_sub_byte(Builder& b, DType t, llvm::Value* i8);

}  // namespace tenon::target::via_llvm
