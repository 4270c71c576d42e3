// What schedules are told of a graph node: its form and its index maps.
#include <algorithm>

#include "graph/fusion/groups.h"
#include "graph/lower.h"
#include "ops/index_map.h"
#include "ops/op.h"

namespace tenon::graph::fusion {

using schedule::Form;

namespace {

/// Leading axes that the node leaves alone when what lies behind them is one piece of work, in
/// every operand that has them; kNone otherwise.
int rows_of(Expr n) {
  if (!n->type->is_tensor()) return kNone;
  int rows = kNone;
  for (size_t k = 0; k < n->operands.size(); ++k) {
    const auto axes = ops::read_axes(n, k);
    if (!axes) return kNone;
    int kept = 0;
    const int most = std::min(static_cast<int>(axes->size()), n->rank());
    while (kept < most && (*axes)[static_cast<size_t>(kept)] == kept) ++kept;
    for (size_t i = static_cast<size_t>(kept); i < axes->size(); ++i)
      if ((*axes)[i] < n->rank()) return kNone;
    const bool shared = kept == 0 && rows != kNone;  // the same for all rows
    if (!shared && rows != kNone && kept != rows) return kNone;
    if (!shared) rows = kept;
  }
  return rows;
}

bool is_dear(Expr n) { return ir::info(n->op).cost >= ir::kSlowCost; }

}  // namespace

Form form(Expr n) {
  const ops::OpRow& row = *ops::kernel_row(n);
  if (!n->type->is_tensor()) return Form::whole;
  switch (row.pattern) {
    case ops::Pattern::elementwise:
    case ops::Pattern::broadcast:
      return Form::point;
    case ops::Pattern::injective:
      return row.check != nullptr && !ops::needs_check(n) ? Form::listed : Form::moved;
    case ops::Pattern::reduction:
      return rows_of(n) > 0 ? Form::rows : Form::anchor;
    case ops::Pattern::contraction:
    case ops::Pattern::window:
      return Form::anchor;
    case ops::Pattern::pieces:
    case ops::Pattern::opaque:
    case ops::Pattern::structural:
      break;
  }
  return Form::whole;
}

bool can_join(Expr n) { return form(n) < Form::anchor; }

schedule::Anchor anchor(Expr n) {
  schedule::Anchor a{form(n), {}, is_dear(n)};
  if (n->type->is_tensor()) a.domain = n->shape();
  if (a.form == Form::rows) a.domain.resize(static_cast<size_t>(rows_of(n)));
  return a;
}

schedule::Candidate Groups::candidate(Expr n, int g) const {
  schedule::Candidate c;
  c.form = form(n);
  c.extents = n->shape();
  c.rows = c.form == Form::rows ? rows_of(n) : 0;
  c.dear = is_dear(n);
  for (size_t k = 0; k < n->operands.size(); ++k) {
    const Expr operand = n->operand(k);
    const bool repeated = is_free(operand) && !operand->operands.empty() && of(operand) != g;
    const Expr value = repeated ? operand->operand(0) : operand;
    if (of(value) != g) continue;
    schedule::InnerRead read{value->shape(), ops::read_axes(n, k), false};
    if (repeated) {
      read.repeats = value->shape() != operand->shape();
      const auto inner = ops::read_axes(operand, 0);
      if (read.axes && inner) {
        const std::vector<int> outer = *read.axes;
        read.axes->clear();
        for (int axis : *inner) read.axes->push_back(outer[static_cast<size_t>(axis)]);
      }
    }
    c.reads.push_back(std::move(read));
  }
  return c;
}

}  // namespace tenon::graph::fusion
