// Elementwise operators: a row for each that ONNX has, a function for what is several nodes there.
#include "export/exporter.h"
#include "frontend/onnx/tensor_proto.h"
#include "ir/expr.h"

namespace tenon::onnx_export {

using ir::Key;
using ir::Op;

namespace {

enum Types : uint8_t { kAll, kFloats, kSignedAndFloats, kBool, kBits, kUnsigned, kPowers };

struct Row {
  Op op;
  const char* name;
  Types types = kAll;
};
constexpr Row kRows[] = {
    {Op::neg, "Neg", kSignedAndFloats},
    {Op::abs, "Abs"},
    {Op::sign, "Sign"},
    {Op::exp, "Exp", kFloats},
    {Op::log, "Log", kFloats},
    {Op::sqrt, "Sqrt", kFloats},
    {Op::sin, "Sin", kFloats},
    {Op::cos, "Cos", kFloats},
    {Op::tan, "Tan", kFloats},
    {Op::asin, "Asin", kFloats},
    {Op::acos, "Acos", kFloats},
    {Op::atan, "Atan", kFloats},
    {Op::sinh, "Sinh", kFloats},
    {Op::cosh, "Cosh", kFloats},
    {Op::tanh, "Tanh", kFloats},
    {Op::asinh, "Asinh", kFloats},
    {Op::acosh, "Acosh", kFloats},
    {Op::atanh, "Atanh", kFloats},
    {Op::erf, "Erf", kFloats},
    {Op::sigmoid, "Sigmoid", kFloats},
    {Op::floor, "Floor", kFloats},
    {Op::ceil, "Ceil", kFloats},
    {Op::round, "Round", kFloats},
    {Op::is_nan, "IsNaN", kFloats},
    {Op::is_inf, "IsInf", kFloats},
    {Op::not_, "Not", kBool},
    {Op::not_, "BitwiseNot", kBits},
    {Op::add, "Add"},
    {Op::sub, "Sub"},
    {Op::mul, "Mul"},
    {Op::div, "Div"},
    {Op::pow, "Pow", kPowers},
    {Op::max, "Max"},
    {Op::min, "Min"},
    {Op::and_, "And", kBool},
    {Op::and_, "BitwiseAnd", kBits},
    {Op::or_, "Or", kBool},
    {Op::or_, "BitwiseOr", kBits},
    {Op::xor_, "Xor", kBool},
    {Op::xor_, "BitwiseXor", kBits},
    {Op::eq, "Equal"},
    {Op::lt, "Less"},
    {Op::le, "LessOrEqual"},
    {Op::gt, "Greater"},
    {Op::ge, "GreaterOrEqual"},
};

bool fits(Types types, DType type) {
  switch (types) {
    case kAll:
      return true;
    case kFloats:
      return ir::is_float(type);
    case kSignedAndFloats:
      return ir::is_float(type) || ir::is_signed(type);
    case kBool:
      return type == DType::boolean;
    case kBits:
      return ir::is_integer(type);
    case kUnsigned:
      return ir::is_integer(type) && !ir::is_signed(type);
    case kPowers:
      return ir::is_float(type) || type == DType::i32 || type == DType::i64;
  }
  return false;
}

/// What is one node there.
bool emit_row(Scope& scope, Expr n, const std::string& out_hint) {
  const DType type = n->operand(0)->dtype();
  for (const Row& row : kRows) {
    if (row.op != n->op || !fits(row.types, type)) continue;
    Names inputs;
    for (Expr operand : n->operands) inputs.push_back(scope.value(operand));
    const std::string out = scope.name_for(n, out_hint);
    scope.add(row.name, inputs, {out});
    scope.put(n, {out});
    return true;
  }
  return false;
}

/// ONNX has the remainder with the sign of the dividend; where signs differ, the divisor is added.
std::string float_mod(Scope& scope, Expr n, const Names& x) {
  const DType type = n->dtype();
  const auto test = [&](const char* op, const Names& inputs) {
    return scope.node(op, inputs, {}, DType::boolean, &n->shape());
  };
  const std::string zero = scope.scalar(type, 0);
  const std::string rest = scope.node("Mod", x, {attribute("fmod", int64_t{1})}, type, &n->shape());
  const std::string differ = test("Xor", {test("Less", {rest, zero}), test("Less", {x[1], zero})});
  const std::string some = test("Not", {test("Equal", {rest, zero})});
  return scope.node(
      "Where",
      {test("And", {differ, some}), scope.node("Add", {rest, x[1]}, {}, type, &n->shape()), rest},
      {}, type, &n->shape());
}

/// The name of the last of several nodes; empty: ONNX has none of that meaning.
std::string emit_several(Scope& scope, Expr n, const Names& x) {
  const DType type = n->operand(0)->dtype();
  const auto node = [&](const char* op, const Names& inputs, Attributes attributes = {}) {
    return scope.node(op, inputs, std::move(attributes), type, &n->shape());
  };
  const bool real = ir::is_float(type);
  switch (n->op) {
    case Op::log1p:
      return node("Log", {node("Add", {x[0], scope.scalar(type, 1)})});
    case Op::trunc:
      return node("Mul", {node("Sign", x), node("Floor", {node("Abs", x)})});
    case Op::fma:
      return node("Add", {node("Mul", {x[0], x[1]}), x[2]});
    case Op::ne:
      return scope.node("Not", {scope.node("Equal", x, {}, DType::boolean, &n->shape())}, {},
                        DType::boolean, &n->shape());
    case Op::mod:
      if (!real) return node("Mod", x);
      return float_mod(scope, n, x);
    case Op::fmod:
      return node("Mod", x, {attribute("fmod", int64_t{1})});
    case Op::floordiv:
      return node("Div", {node("Sub", {x[0], node("Mod", x)}), x[1]});
    case Op::shl:
    case Op::shr:
      if (ir::is_signed(type)) return "";
      return node("BitShift", x,
                  {attribute("direction", std::string(n->op == Op::shl ? "LEFT" : "RIGHT"))});
    case Op::select:
      return scope.node("Where", x, {}, n->dtype(), &n->shape());
    case Op::cast: {
      Attributes attributes{attribute("to", int64_t{onnx_import::data_type_of(n->dtype())})};
      if (ir::is_float(n->dtype()) && info(n->dtype()).bits == 8)
        attributes.push_back(attribute("saturate", n->int_attr_or(Key::saturate, 0)));
      return scope.node("Cast", x, std::move(attributes), n->dtype(), &n->shape());
    }
    default:
      return "";
  }
}

}  // namespace

bool is_common(DType type) {
  return type == DType::boolean || (info(type).bits >= 8 && info(type).element_bytes >= 1 &&
                                    !(ir::is_float(type) && info(type).bits < 16));
}

bool emit_elementwise(Scope& scope, Expr n) {
  if (!ir::is_elementwise(n->op)) return false;
  const bool moves = n->op == Op::cast || n->op == Op::select;
  for (Expr operand : n->operands)
    if (!moves && !is_common(operand->dtype())) return false;
  if (emit_row(scope, n, std::string(ir::info(n->op).name))) return true;
  Names inputs;
  for (Expr operand : n->operands) inputs.push_back(scope.value(operand));
  const std::string made = emit_several(scope, n, inputs);
  if (made.empty()) return false;
  scope.finish(n, made);
  return true;
}

}  // namespace tenon::onnx_export
