// Comparisons, boolean and bitwise operators, Where, tests for NaN and infinity.
#include <limits>

#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

template <Op kOp>
Exprs binary(Call& k) {
  return {k.b.binary(kOp, k.in(0), legacy_operand(k, k.in(0), k.in(1)))};
}

Exprs negate(Call& k) { return {k.b.unary(Op::not_, k.in(0))}; }

Exprs where(Call& k) { return {k.b.select(k.in(0), k.in(1), k.in(2))}; }

Exprs bit_shift(Call& k) {
  const std::string direction = k.string_attr("direction");
  if (direction != "LEFT" && direction != "RIGHT")
    k.fail("attribute 'direction' is '" + direction + "'");
  return {k.b.binary(direction == "LEFT" ? Op::shl : Op::shr, k.in(0), k.in(1))};
}

Exprs is_inf(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const bool negative = k.int_attr("detect_negative", 1) != 0;
  const bool positive = k.int_attr("detect_positive", 1) != 0;
  if (negative && positive) return {b.unary(Op::is_inf, x)};
  if (!negative && !positive) return {b.broadcast_to(b.c.bool_imm(false), x->shape())};
  const Expr sign = b.binary(positive ? Op::gt : Op::lt, x, b.like(x, 0));
  return {b.binary(Op::and_, b.unary(Op::is_inf, x), sign)};
}

constexpr ConverterRow kRows[] = {
    {"", "And", binary<Op::and_>},
    {"", "Or", binary<Op::or_>},
    {"", "Xor", binary<Op::xor_>},
    {"", "Not", negate},
    {"", "BitwiseAnd", binary<Op::and_>},
    {"", "BitwiseOr", binary<Op::or_>},
    {"", "BitwiseXor", binary<Op::xor_>},
    {"", "BitwiseNot", negate},
    {"", "BitShift", bit_shift},
    {"", "Equal", binary<Op::eq>},
    {"", "Less", binary<Op::lt>},
    {"", "LessOrEqual", binary<Op::le>},
    {"", "Greater", binary<Op::gt>},
    {"", "GreaterOrEqual", binary<Op::ge>},
    {"", "Where", where},
    {"", "IsNaN", [](Call& k) -> Exprs { return {k.b.unary(Op::is_nan, k.in(0))}; }},
    {"", "IsInf", is_inf},
};

}  // namespace

std::span<const ConverterRow> logic_converters() { return kRows; }

}  // namespace tenon::onnx_import
