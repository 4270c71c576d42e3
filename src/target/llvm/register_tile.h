// A register tile: rows of accumulators that stay in registers across the loop over k. What a step
// of that loop does to them is the instruction's own (fma_tile.cc, dot_tile.h).
#pragma once

#include <functional>

#include "ir/node.h"
#include "target/llvm/types.h"

namespace tenon::target::via_llvm {

/// Vectors have `lanes` elements of the result; lanes = 1 is a scalar.
struct TileStep {
  int64_t lanes;
  int64_t width;  // elements of b that one vector of columns takes
  /// What a row of a, at that address, contributes to all columns.
  std::function<llvm::Value*(llvm::Value* pointer)> row;
  /// What a row of b contributes to one vector of columns.
  std::function<llvm::Value*(llvm::Value* pointer)> columns;
  std::function<llvm::Value*(llvm::Value* sum, llvm::Value* row, llvm::Value* columns)> add;
  /// Empty, or how a sum for each vector of columns grows that is taken off every row at the end.
  std::function<llvm::Value*(llvm::Value* sum, llvm::Value* columns)> excess = {};
};

class Emitter;

/// The emitter of products of single elements, on every machine.
void fma_tile(Emitter& e, ir::Expr node);

}  // namespace tenon::target::via_llvm
