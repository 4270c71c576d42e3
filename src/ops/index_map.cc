#include "ops/index_map.h"

#include <numeric>

#include "ops/op.h"

namespace tenon::ops {

std::optional<std::vector<int>> read_axes(ir::Expr n, size_t k) {
  const OpRow* row = kernel_row(n);
  if (row == nullptr) return std::nullopt;
  if (row->axes != nullptr) return row->axes(n, k);
  if (row->pattern != Pattern::elementwise) return std::nullopt;
  std::vector<int> same(static_cast<size_t>(n->operand(k)->rank()));
  std::iota(same.begin(), same.end(), 0);
  return same;
}

}  // namespace tenon::ops
