// Products of groups that fill 32 bits: four bytes into i32, two bf16 into f32. A group of a, in
// all lanes, against the groups of b, one for each lane. How a machine multiplies and adds them is
// its own.
#pragma once

#include <cstdint>
#include <functional>

#include "ir/node.h"
#include "target/llvm/types.h"

namespace tenon::target::via_llvm {

class Emitter;

/// sum[lane] + x[lane] . y[lane] on vectors of 32 bits a lane; x of operand a, y of operand b.
using GroupProduct = std::function<llvm::Value*(llvm::Value* sum, llvm::Value* x, llvm::Value* y)>;

/// What an emitter of such a tile knows of its node.
struct Groups {
  explicit Groups(Emitter& e, ir::Expr node);
  DType a, b;
  int64_t lanes;  // of the result's vectors; fewer than 4 where no vector divides the columns
};

/// Emits the tile. `moved`: a's bytes are moved by 128 to the other kind of sign (their highest bit
/// flips) before the product, and the sum of 128 b, the excess, is taken off again:
/// sum(a b) = sum((a + 128) b) - sum(128 b), or with -128 for unsigned a, modulo 2^32.
void dot_tile(Emitter& e, ir::Expr node, bool moved, const GroupProduct& product);

/// The first `some` of the elements that fill `word`, zeros behind them. Reads no others.
[[nodiscard]] llvm::Value* part_of_group(Builder& b, llvm::Value* pointer, DType type,
                                         llvm::Value* some, llvm::Type* word);

/// The bits of the first `some` elements of a group, which fills 32.
[[nodiscard]] llvm::Value* mask_of_part(Builder& b, DType type, llvm::Value* some);

}  // namespace tenon::target::via_llvm
