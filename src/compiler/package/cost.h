// What a kernel costs, read off its definition: operations and bytes as expressions over its sizes,
// and the words by which profiles name it.
#pragma once

#include <string>
#include <vector>

#include "ir/node.h"

namespace tenon::compiler::packaging {

struct KernelCost {
  ir::Expr flops = nullptr;       // nullptr when the body has no blocks to count
  ir::Expr bytes = nullptr;       // every param once
  std::string op;                 // the anchor: the block that does most
  std::vector<ir::Expr> extents;  // of the anchor's iterators
};

/// Counts additions, multiplications and other floating-point operations, two for each step of a
/// sum of products. Creates nodes in the kernel's context.
[[nodiscard]] KernelCost cost_of(const ir::Kernel& definition);

}  // namespace tenon::compiler::packaging
