// decompose: every composite becomes its body of primitives, nested composites too, but for those
// that kernels compute as such.
#include <algorithm>

#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/rewrite.h"
#include "ops/call.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

Expr inlined(Context& c, Expr call) {
  const std::vector<Expr> values = ops::inline_call(c, call);
  for (Expr v : values) c.set_location(v, c.location(call));
  return values.size() == 1 && call->type->is_tensor() ? values[0]
                                                       : c.make(Op::tuple, call->type, values);
}

/// A composite with a lowering of its own, unless constants alone decide its value.
bool stays(Expr call) {
  return ops::is_kept(call) &&
         !std::all_of(call->operands.begin(), call->operands.end(),
                      [](Expr operand) { return operand->op == Op::constant; });
}

/// Until none is left: what a composite is made of may hold calls, and loops and ifs with calls in
/// their bodies, of its own.
Status inline_calls(Context& c, Function& f) {
  for (bool again = true; again;) {
    again = false;
    rewrite_function(c, f, [&](Expr n) -> Expr {
      if (n->op == Op::call && !stays(n)) {
        again = true;
        return inlined(c, n);
      }
      if (n->op == Op::get && n->operand(0)->op == Op::tuple)
        return n->operand(0)->operand(static_cast<size_t>(n->int_attr(Key::index)));
      return nullptr;
    });
    if (!again) break;
    TENON_TRY_VOID(
        pass::rewrite_bodies(c, f, [&](Function& body) { return inline_calls(c, body); }));
  }
  return {};
}

}  // namespace

Status decompose(PassContext& p, Function& f) { return inline_calls(p.nodes, f); }

}  // namespace tenon::graph
