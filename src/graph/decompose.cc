// decompose: every composite becomes its body of primitives, nested composites too.
#include "graph/pass.h"
#include "graph/rules.h"
#include "ir/rewrite.h"
#include "ops/call.h"

namespace tenon::graph {

using namespace ir;  // NOLINT: this file speaks of nothing else

namespace {

void inline_calls(Context& c, Function& f) {
  rewrite_bodies(c, f, [&](Function& body) { inline_calls(c, body); });
  for (bool again = true; again;) {
    again = false;
    rewrite_function(c, f, [&](Expr n) -> Expr {
      if (n->op == Op::call) {
        const std::vector<Expr> values = ops::inline_call(c, n);
        for (Expr v : values) c.set_location(v, c.location(n));
        again = true;
        return values.size() == 1 && n->type->is_tensor() ? values[0]
                                                          : c.make(Op::tuple, n->type, values);
      }
      if (n->op == Op::get && n->operand(0)->op == Op::tuple)
        return n->operand(0)->operand(static_cast<size_t>(n->int_attr(Key::index)));
      return nullptr;
    });
    // A body may hold calls, loops and ifs of its own: once more until none is left.
    if (again) rewrite_bodies(c, f, [&](Function& body) { inline_calls(c, body); });
  }
}

}  // namespace

Status decompose(Context& c, Function& f) {
  inline_calls(c, f);
  return {};
}

}  // namespace tenon::graph
