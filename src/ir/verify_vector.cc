// Checks of vectors: operators of class `lanes`, and the lanes of loads and stores.
#include <algorithm>
#include <bit>

#include "ir/combiner.h"
#include "ir/text.h"
#include "ir/vector.h"
#include "ir/verify_impl.h"
#include "support/text.h"

namespace tenon::ir {
namespace {

bool is_index(Expr e) {
  return e->type->is_scalar() && e->op != Op::buffer && e->dtype() == DType::i64;
}

bool is_kind(std::string_view kind) {
  return std::ranges::any_of(all_ops(),
                             [&](Op op) { return !kind.empty() && combiner_name(op) == kind; });
}

/// What is wrong with a node of class `lanes`; empty: nothing. Operands are scalars or vectors.
std::string fault(Expr e) {
  const Type in = e->operand(0)->type;
  if (e->dtype() != in->dtype) return "gives another element type than it takes";
  const bool makes_vector = e->op == Op::splat || e->op == Op::ramp || e->op == Op::shuffle;
  if (makes_vector != e->type->is_vector())
    return makes_vector ? "makes a vector" : "makes a scalar";
  if ((e->op == Op::splat || e->op == Op::ramp) == in->is_vector())
    return in->is_vector() ? "takes scalars" : "takes vectors";
  switch (e->op) {
    case Op::ramp:
      if (e->operand(1)->type != in) return "takes a base and a step of one type";
      return is_integer(in->dtype) ? "" : "counts integers";
    case Op::shuffle: {
      const size_t operands = e->operands.size();
      if (operands == 2 && e->operand(1)->type != in) return "takes vectors of one type";
      const std::vector<int64_t>& pattern = e->ints_attr(Key::pattern);
      if (pattern.size() != static_cast<size_t>(e->type->lanes))
        return "needs one place for each lane";
      const auto most = in->lanes * static_cast<int64_t>(operands);
      const bool inside =
          std::ranges::all_of(pattern, [&](int64_t i) { return i >= 0 && i < most; });
      return inside ? "" : "takes a lane that its operands do not have";
    }
    case Op::lane:
      return is_index(e->operand(1)) && !e->operand(1)->type->is_vector()
                 ? ""
                 : "takes an i64 scalar as number of the lane";
    case Op::reduce_lanes:
      if (!is_kind(e->string_attr(Key::kind)))
        return "knows no kind '" + e->string_attr(Key::kind) + "'";
      return std::has_single_bit(static_cast<unsigned>(in->lanes))
                 ? ""
                 : "takes a number of lanes that is a power of two";
    default:
      return "";
  }
}

}  // namespace

void check_lanes(Expr e, Findings& out) {
  const std::string wrong = fault(e);
  if (!wrong.empty()) out.add("verify.lanes", cat(info(e->op).name, " ", wrong), e);
}

void check_access(Expr e, Findings& out) {
  const AccessView view{e};
  for (Expr i : view.indices())
    if (!is_index(i)) return out.add("verify.type", "an index is not an i64 scalar", e);
  const int lanes = view.lanes();
  for (Expr i : view.indices())
    if (i->type->is_vector() && i->type->lanes != lanes)
      return out.add("verify.lanes", "indices differ in lanes", e);
  const Type accessed = is_load(e->op) ? e->type : view.value()->type;
  if (accessed->lanes != lanes)
    return out.add("verify.lanes",
                   cat("indices of ", lanes, " lanes reach a value of ", accessed->lanes), e);
  const Expr mask = view.mask();
  if (mask == nullptr) return;
  if (!mask->type->is_scalar() || mask->dtype() != DType::boolean || mask->type->lanes != lanes)
    out.add("verify.lanes", cat("a mask of ", lanes, " lanes is needed, not ", print(mask->type)),
            e);
}

}  // namespace tenon::ir
