// Constants of the compiled model: packed as kernels ask, each form of equal content once.
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
  /// Index of the literal `node` (constant or imm) in a packing that sees it with extents `dims`.
  [[nodiscard]] uint32_t add(ir::Expr node, std::span<const int64_t> dims,
                             std::span<const ir::Packing> packing);
  /// The same as it is.
  [[nodiscard]] uint32_t add(ir::Expr node) { return add(node, {}, {}); }

 private:
  uint32_t store(std::vector<std::byte> bytes);

  artifact::Model& model_;
  std::map<std::string, uint32_t> known_;
};

}  // namespace tenon::compiler::packaging
