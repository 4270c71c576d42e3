// Type rules and identities of reductions.
#include <algorithm>

#include "ops/reduction/reduction.h"
#include "ops/rule.h"
#include "support/check.h"

namespace tenon::ops {

using ir::DType;
using ir::Key;

bool is_reduce_kind(std::string_view kind) {
  return kind == "sum" || kind == "prod" || kind == "max" || kind == "min" || kind == "and" ||
         kind == "or";
}

bool is_reduce_kind(std::string_view kind, DType type) {
  if (!is_reduce_kind(kind)) return false;
  if (kind == "and" || kind == "or") return !ir::is_float(type);
  return type != DType::boolean;
}

DType accumulator(DType type) {
  return ir::is_float(type) && ir::info(type).bits < 32 ? DType::f32 : type;
}

Result<Type> reduce_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* kind = rule.attr<std::string>(Key::kind);
  const auto* axes = rule.ints(Key::axes);
  if (kind == nullptr) return rule.missing(Key::kind);
  if (axes == nullptr) return rule.missing(Key::axes);
  TENON_TRY_VOID(rule.check_axes(1, *axes, rule.rank(0)));
  if (!std::is_sorted(axes->begin(), axes->end()))
    return rule.refuse(1, "axes " + show(*axes) + " are not ascending");
  if (!is_reduce_kind(*kind)) return rule.refuse(2, "there is no reduction '" + *kind + "'");
  if (!is_reduce_kind(*kind, rule.operand(0)->dtype()))
    return rule.refuse(3, *kind + " is not defined for " + show(rule.operand(0)->type));
  std::vector<Expr> shape;
  for (size_t i = 0; i < rule.shape(0).size(); ++i)
    if (!std::binary_search(axes->begin(), axes->end(), static_cast<int64_t>(i)))
      shape.push_back(rule.shape(0)[i]);
  return args.c.tensor(rule.operand(0)->dtype(), shape);
}

Result<Type> arg_reduce_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* kind = rule.attr<std::string>(Key::kind);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (kind == nullptr) return rule.missing(Key::kind);
  if (axis == nullptr) return rule.missing(Key::axis);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  if (*kind != "max" && *kind != "min")
    return rule.refuse(2, "kind '" + *kind + "' is neither max nor min");
  if (rule.operand(0)->dtype() == DType::boolean)
    return rule.refuse(3, "not defined for " + show(rule.operand(0)->type));
  std::vector<Expr> shape = rule.shape(0);
  if (ir::is_int(shape[static_cast<size_t>(*axis)], 0))
    return rule.refuse(
        4, "axis " + std::to_string(*axis) + " of " + show(rule.operand(0)->type) + " is empty");
  shape.erase(shape.begin() + *axis);
  return args.c.tensor(DType::i64, shape);
}

}  // namespace tenon::ops
