// Constants of the compiled model: in the layout that kernels ask for, each form of equal content
// once.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "artifact/model.h"
#include "ir/node.h"
#include "support/result.h"

namespace tenon::compiler::packaging {

/// Row-major elements of `width` bytes, packed one after another as ir::Packing says; padding is
/// zero.
[[nodiscard]] std::vector<std::byte> apply_packing(std::span<const std::byte> bytes,
                                                   std::span<const int64_t> dims, size_t width,
                                                   std::span<const ir::Packing> packing);

class Constants {
 public:
  explicit Constants(artifact::Model& model) : model_(model) {}
  /// Index of the literal `node` (constant or imm) as a kernel's constant parameter: in packed
  /// storage, in a packing that sees it with extents `dims`.
  [[nodiscard]] uint32_t add(ir::Expr node, std::span<const int64_t> dims,
                             std::span<const ir::Packing> packing);
  /// Index of the literal with elements that are addressed alone, as everything but a constant
  /// parameter takes them: copies, results, the caller.
  [[nodiscard]] uint32_t add(ir::Expr node);

 private:
  uint32_t store(std::vector<std::byte> bytes);
  uint32_t add_literal(ir::Expr node);

  artifact::Model& model_;
  std::map<std::string, uint32_t> known_;
};

}  // namespace tenon::compiler::packaging
