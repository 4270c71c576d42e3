// widen: a block reads a buffer through a copy of a wider element type.
#include "ir/dtype.h"
#include "ir/rewrite.h"
#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"
#include "support/text.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Op;

namespace {

/// `cast<t>(load(buffer, ..))` where t holds all of the copy's values.
bool is_cast_load(Expr e, Expr buffer, DType copied) {
  return e->op == Op::cast && e->operand(0)->op == Op::load &&
         e->operand(0)->operand(0) == buffer && ir::holds_all(e->dtype(), copied);
}

/// The casts of loads of `buffer` as those of `copy`; refuses other reads of it.
Result<Expr> read_wide(Context& c, Expr block, Expr buffer, Expr copy) {
  const Expr changed = ir::rewrite_bottom_up(c, block, [&](Expr e) -> Expr {
    if (!is_cast_load(e, buffer, copy->dtype())) return nullptr;
    const Expr load = ir::load(c, copy, e->operand(0)->operands.subspan(1));
    return ir::cast(c, e->dtype(), load);
  });
  for (const Access& a : accesses(c, changed))
    if (a.buffer == buffer)
      return refuse("widen", "a read of '" + name_of(buffer) + "' is not cast to " +
                                 std::string(ir::info(copy->dtype()).name) +
                                 " or a type that holds all of its values");
  return changed;
}

}  // namespace

Result<Edited> widen(const Program& p, const std::string& block, const std::string& buffer_name,
                     const std::string& type) {
  const auto to = ir::parse_dtype(type);
  if (!to) return refuse("widen", "there is no element type '" + type + "'");
  Draft draft(p);
  Context& c = draft.c();
  if (const Expr buffer = find_buffer(draft, buffer_name);
      buffer != nullptr && (buffer->dtype() == *to || !ir::holds_all(*to, buffer->dtype())))
    return refuse("widen",
                  cat("'", buffer_name, "' has elements of ", ir::info(buffer->dtype()).name,
                      ", which ", type, buffer->dtype() == *to ? " is" : " does not hold"));
  const auto copied = [&](Expr buffer) {
    return c.buffer(draft.fresh_buffer(buffer_name + "_wide"), c.tensor(*to, buffer->shape()));
  };
  const auto through = [&](Expr node, Expr buffer, Expr copy) {
    return read_wide(c, node, buffer, copy);
  };
  return read_through_copy(draft, "widen", {block, buffer_name, "_widen"}, copied, through);
}

}  // namespace tenon::schedule::primitives
