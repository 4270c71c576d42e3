// Rows of the elementwise family, made of the columns of ir/ops.def.
#include "ops/elementwise/elementwise.h"
#include "ops/families.h"

namespace tenon::ops {
namespace {

using ir::Op;

std::vector<OpRow> make_rows() {
  std::vector<OpRow> rows;
  for (const Op op : ir::all_ops()) {
    if (!ir::is_elementwise(op)) continue;
    OpRow r{op, Pattern::elementwise, elementwise_type, elementwise_eval, elementwise_point};
    if (op == Op::cast) r.type = cast_type;
    r.tolerance = ir::info(op).error;
    rows.push_back(r);
  }
  return rows;
}

}  // namespace

std::span<const OpRow> elementwise_rows() {
  static const std::vector<OpRow> rows = make_rows();
  return rows;
}

}  // namespace tenon::ops
