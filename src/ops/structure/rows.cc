// Structural operators: leaves, tuples, calls and control flow. They have types but no evaluation
// or lowering of their own: interpreters and the pipeline walk through them.
//
// Constraints:
//   get    C1 the operand is a tuple  C2 index in range
//   call, if, loop  C1 arguments match the functions' parameters in number, element type and rank
//   if     C2 the condition is a bool of rank 0  C3 both functions return matching values
//   loop   C2 trip count i64 and condition bool, both of rank 0  C3 the body returns a bool, then
//   the
//          carried values, then the stacked ones  C4 stacked results need a proposed type
#include <array>

#include "ops/families.h"
#include "ops/rule.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Function;
using ir::Key;
using ir::Op;

Result<Type> leaf_type(const TypeArgs& args) {
  if (args.wanted != nullptr) return args.wanted;
  return Rule(args).refuse(1, "the type must be given");
}

Result<Type> tuple_type(const TypeArgs& args) {
  std::vector<Type> fields;
  for (Expr e : args.operands) fields.push_back(e->type);
  return args.c.tuple(fields);
}

Result<Type> get_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* index = rule.attr<int64_t>(Key::index);
  if (index == nullptr) return rule.missing(Key::index);
  const Type type = rule.operand(0)->type;
  if (type->kind != ir::TypeKind::tuple) return rule.refuse(1, show(type) + " is not a tuple");
  if (*index < 0 || *index >= static_cast<int64_t>(type->fields.size()))
    return rule.refuse(2, show(type) + " has no element " + std::to_string(*index));
  return type->fields[static_cast<size_t>(*index)];
}

Status check_arguments(const Rule& rule, const Function& f, std::span<const Expr> arguments) {
  if (f.params.size() != arguments.size())
    return rule.refuse(1, "function '" + f.name + "' takes " + std::to_string(f.params.size()) +
                              " arguments, not " + std::to_string(arguments.size()));
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Type have = arguments[i]->type;
    const Type want = f.params[i]->type;
    if (have->kind != want->kind || have->dtype != want->dtype || have->rank() != want->rank())
      return rule.refuse(1, "argument " + std::to_string(i) + " of function '" + f.name + "' is " +
                                show(have) + ", not " + show(want));
  }
  return {};
}

Result<Type> call_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* body = rule.attr<const Function*>(Key::body);
  if (body == nullptr || *body == nullptr) return rule.missing(Key::body);
  TENON_TRY_VOID(check_arguments(rule, **body, args.operands));
  std::vector<Type> types;
  for (Expr e : (*body)->results) types.push_back(e->type);
  return types.size() == 1 ? types[0] : args.c.tuple(types);
}

Result<Type> if_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* then = rule.attr<const Function*>(Key::then);
  const auto* otherwise = rule.attr<const Function*>(Key::else_);
  if (then == nullptr) return rule.missing(Key::then);
  if (otherwise == nullptr) return rule.missing(Key::else_);
  if (rule.operand(0)->type != args.c.boolean())
    return rule.refuse(2, "the condition is " + show(rule.operand(0)->type) + ", not bool[]");
  TENON_TRY_VOID(check_arguments(rule, **then, args.operands.subspan(1)));
  TENON_TRY_VOID(check_arguments(rule, **otherwise, args.operands.subspan(1)));
  const auto& a = (*then)->results;
  const auto& b = (*otherwise)->results;
  if (a.size() != b.size())
    return rule.refuse(3, "the branches return different numbers of values");
  std::vector<Type> types;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i]->dtype() != b[i]->dtype() || a[i]->rank() != b[i]->rank())
      return rule.refuse(3, "the branches return " + show(a[i]->type) + " and " + show(b[i]->type));
    types.push_back(a[i]->type);
  }
  if (args.wanted == nullptr) return args.c.tuple(types);
  if (args.wanted->kind != ir::TypeKind::tuple || args.wanted->fields.size() != types.size())
    return rule.refuse(3, "the branches do not return " + show(args.wanted));
  return args.wanted;
}

Result<Type> loop_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* body = rule.attr<const Function*>(Key::body);
  const auto* carried = rule.attr<int64_t>(Key::carried);
  const auto* stacked = rule.attr<int64_t>(Key::stacked);
  if (body == nullptr) return rule.missing(Key::body);
  if (carried == nullptr) return rule.missing(Key::carried);
  if (stacked == nullptr) return rule.missing(Key::stacked);
  if (rule.operand(0)->type != args.c.index() || rule.operand(1)->type != args.c.boolean())
    return rule.refuse(2, "trip count and condition are " + show(rule.operand(0)->type) + " and " +
                              show(rule.operand(1)->type) + ", not i64[] and bool[]");
  std::vector<Expr> arguments{args.operands[0]};
  arguments.insert(arguments.end(), args.operands.begin() + 2, args.operands.end());
  TENON_TRY_VOID(check_arguments(rule, **body, arguments));
  const std::vector<Expr>& results = (*body)->results;
  if (*carried < 0 || *stacked < 0 || *carried > static_cast<int64_t>(args.operands.size()) - 2 ||
      static_cast<int64_t>(results.size()) != 1 + *carried + *stacked ||
      results[0]->type != args.c.boolean())
    return rule.refuse(3, "the body must return a bool, " + std::to_string(*carried) +
                              " carried and " + std::to_string(*stacked) + " stacked values");
  std::vector<Type> types;
  for (size_t i = 0; i < static_cast<size_t>(*carried); ++i) {
    const Type type = args.operands[2 + i]->type;
    if (results[1 + i]->dtype() != type->dtype || results[1 + i]->rank() != type->rank())
      return rule.refuse(3, "carried value " + std::to_string(i) + " turns from " + show(type) +
                                " into " + show(results[1 + i]->type));
    types.push_back(type);
  }
  const size_t count = static_cast<size_t>(*carried + *stacked);
  if (args.wanted == nullptr && *stacked == 0) return args.c.tuple(types);
  if (args.wanted == nullptr || args.wanted->kind != ir::TypeKind::tuple ||
      args.wanted->fields.size() != count)
    return rule.refuse(4, "a tuple type of " + std::to_string(count) + " values must be proposed");
  for (size_t i = types.size(); i < count; ++i) {
    const Type type = args.wanted->fields[i];
    if (type->dtype != results[1 + i]->dtype() || type->rank() != results[1 + i]->rank() + 1)
      return rule.refuse(4,
                         "stacking " + show(results[1 + i]->type) + " does not give " + show(type));
  }
  return args.wanted;
}

}  // namespace

std::span<const OpRow> structure_rows() {
  static const std::array rows{
      OpRow{Op::param, Pattern::structural, leaf_type, nullptr},
      OpRow{Op::var, Pattern::structural, leaf_type, nullptr},
      OpRow{Op::imm, Pattern::structural, leaf_type, nullptr},
      OpRow{Op::constant, Pattern::structural, leaf_type, nullptr},
      OpRow{Op::tuple, Pattern::structural, tuple_type, nullptr},
      OpRow{Op::get, Pattern::structural, get_type, nullptr},
      OpRow{Op::call, Pattern::structural, call_type, nullptr},
      OpRow{Op::if_, Pattern::structural, if_type, nullptr},
      OpRow{Op::loop, Pattern::structural, loop_type, nullptr},
      OpRow{Op::call_kernel, Pattern::structural, leaf_type, nullptr},
  };
  return rows;
}

}  // namespace tenon::ops
