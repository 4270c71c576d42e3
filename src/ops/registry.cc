// The table of graph operators, joined from the families' rows.
#include <array>

#include "ops/families.h"
#include "ops/op.h"
#include "support/check.h"

namespace tenon::ops {
namespace {

constexpr size_t kOps = 256;

std::array<const OpRow*, kOps> make_table() {
  std::array<const OpRow*, kOps> table{};
  for (const std::span<const OpRow> rows :
       {elementwise_rows(), movement_rows(), reduction_rows(), contraction_rows(), window_rows(),
        structure_rows(), opaque_rows()}) {
    for (const OpRow& row : rows) {
      const OpRow*& entry = table[static_cast<size_t>(row.op)];
      TENON_CHECK(entry == nullptr, "two rows for operator " + std::string(ir::info(row.op).name));
      entry = &row;
    }
  }
  return table;
}

}  // namespace

const OpRow* find_op(ir::Op op) {
  static const std::array<const OpRow*, kOps> table = make_table();
  return table[static_cast<size_t>(op)];
}

}  // namespace tenon::ops
