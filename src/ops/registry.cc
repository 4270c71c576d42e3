// The table of graph operators, joined from their rows.
#include <array>
#include <vector>

#include "ops/families.h"
#include "ops/op.h"
#include "support/check.h"

namespace tenon::ops {
namespace {

using ir::Op;
using ir::OpClass;

constexpr size_t kOps = 256;

std::vector<OpRow> all_rows() {
  std::vector<OpRow> rows;
  for (const std::span<const OpRow> some : {elementwise_rows(), structure_rows()})
    rows.insert(rows.end(), some.begin(), some.end());
#define TENON_SCALAR(...)
#define TENON_OP(name, class, ...) \
  if constexpr (OpClass::class == OpClass::tensor) rows.push_back(tensor_row<Op::name>());
#include "ir/ops.def"
  return rows;
}

std::array<const OpRow*, kOps> make_table() {
  static const std::vector<OpRow> rows = all_rows();
  std::array<const OpRow*, kOps> table{};
  for (const OpRow& row : rows) {
    const OpRow*& entry = table[static_cast<size_t>(row.op)];
    TENON_CHECK(entry == nullptr, "two rows for operator " + std::string(ir::info(row.op).name));
    entry = &row;
  }
  return table;
}

}  // namespace

const OpRow* find_op(ir::Op op) {
  static const std::array<const OpRow*, kOps> table = make_table();
  return table[static_cast<size_t>(op)];
}

}  // namespace tenon::ops
