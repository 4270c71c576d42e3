// Rows of the elementwise family. Tolerances are relative, for f32: 0 for what IEEE 754 rounds
// correctly, a few units in the last place (6e-8 each) for polynomial approximations.
#include "ops/elementwise/elementwise.h"
#include "ops/families.h"

namespace tenon::ops {
namespace {

using ir::Op;

/// exp and its relatives as compiled polynomials: up to 4 ulp.
constexpr double kSeries = 2.5e-7;
/// pow and inverse hyperbolic functions: errors of an inner logarithm are magnified.
constexpr double kMagnified = 2e-6;

OpRow row(Op op, double tolerance = 0) {
  OpRow r{op, Pattern::elementwise, elementwise_type, elementwise_eval, elementwise_point};
  r.tolerance = tolerance;
  return r;
}

std::vector<OpRow> make_rows() {
  std::vector<OpRow> rows;
  for (int i = static_cast<int>(Op::neg); i <= static_cast<int>(Op::fma); ++i) {
    const Op op = static_cast<Op>(i);
    double tolerance = 0;
    if (op >= Op::exp && op <= Op::sigmoid && op != Op::sqrt) tolerance = kSeries;
    if (op == Op::pow || op == Op::tan || (op >= Op::asinh && op <= Op::atanh))
      tolerance = kMagnified;
    if (op == Op::atan2) tolerance = kSeries;
    rows.push_back(row(op, tolerance));
    if (op == Op::cast) rows.back().type = cast_type;
  }
  return rows;
}

}  // namespace

std::span<const OpRow> elementwise_rows() {
  static const std::vector<OpRow> rows = make_rows();
  return rows;
}

}  // namespace tenon::ops
