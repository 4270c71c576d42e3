#include "schedule/unify.h"

#include <algorithm>
#include <functional>

namespace tenon::schedule {
namespace {
using ir::Expr;
using ir::Op;

using Binding = std::vector<Expr>;  // a load for each operand from 1 on; nullptr: not met yet

bool commutes(Op op) {
  return op == Op::add || op == Op::mul || op == Op::max || op == Op::min || op == Op::and_ ||
         op == Op::or_;
}

class Unifier {
 public:
  explicit Unifier(const machine::Semantics& row, bool wider = false) : row_(row), wider_(wider) {}

  std::vector<Binding> match(Expr pattern, Expr e, const Binding& bound) const {
    if (pattern->dtype() != e->dtype()) return {};
    if (wider_ && e->op == Op::cast && e->operand(0)->op == Op::load) {
      const Expr place = pattern->op == Op::cast ? pattern->operand(0) : pattern;
      if (place->op == Op::load && ir::holds_all(place->dtype(), e->operand(0)->dtype()))
        return bind(place, e->operand(0), bound);
    }
    if (pattern->op == Op::load) return bind(pattern, e, bound);
    if (pattern->op != e->op || pattern->operands.size() != e->operands.size() ||
        !std::ranges::equal(pattern->attrs, e->attrs))
      return {};
    std::vector<Binding> all =
        in_order(pattern, e, {e->operands.begin(), e->operands.end()}, bound);
    if (commutes(e->op)) {
      const std::vector<Binding> swapped =
          in_order(pattern, e, {e->operand(1), e->operand(0)}, bound);
      all.insert(all.end(), swapped.begin(), swapped.end());
    }
    return all;
  }

 private:
  std::vector<Binding> bind(Expr pattern, Expr e, Binding bound) const {
    if (e->op != Op::load) return {};
    for (size_t i = 1; i < row_.operands.size(); ++i) {
      if (row_.operands[i].buffer != pattern->operand(0)) continue;
      Expr& place = bound[i - 1];
      if (place != nullptr && place != e) return {};
      place = e;
    }
    return {bound};
  }

  std::vector<Binding> in_order(Expr pattern, Expr e, const std::vector<Expr>& operands,
                                const Binding& bound) const {
    std::vector<Binding> ways{bound};
    for (size_t i = 0; i < e->operands.size(); ++i) {
      std::vector<Binding> next;
      for (const Binding& way : ways) {
        const std::vector<Binding> more = match(pattern->operand(i), operands[i], way);
        next.insert(next.end(), more.begin(), more.end());
      }
      ways = std::move(next);
    }
    return ways;
  }

  const machine::Semantics& row_;
  bool wider_;  // loads may be of narrower elements
};

std::vector<Binding> ways(const machine::Instruction& row, Expr update, bool wider) {
  const machine::Semantics& s = machine::semantics(row);
  if (update->op != Op::update || update->string_attr(ir::Key::combine) != s.combine ||
      update->operand(0)->dtype() != s.operands[0].buffer->dtype())
    return {};
  return Unifier(s, wider).match(s.value, update->operand(2),
                                 Binding(s.operands.size() - 1, nullptr));
}

}  // namespace

std::vector<Binding> unify(const machine::Instruction& row, Expr update) {
  return ways(row, update, false);
}

std::vector<std::vector<Widening>> unify_wider(const machine::Instruction& row, Expr update) {
  if (!unify(row, update).empty()) return {};
  std::vector<std::vector<Widening>> all;
  for (const Binding& way : ways(row, update, true)) {
    std::vector<Widening> loads;
    for (size_t i = 0; i < way.size(); ++i) {
      const ir::DType type = machine::semantics(row).operands[i + 1].buffer->dtype();
      if (way[i]->dtype() != type) loads.push_back({way[i], type});
    }
    all.push_back(std::move(loads));
  }
  return all;
}

std::vector<const machine::Instruction*> instructions_for(Expr update,
                                                          const machine::Machine& machine) {
  std::vector<const machine::Instruction*> all;
  const auto steps = [](const machine::Instruction* row) { return semantics(*row).group(); };
  for (const machine::Instruction& row : machine::instructions())
    if (machine::has_instruction(machine, row) && !unify(row, update).empty())
      all.insert(std::ranges::upper_bound(all, steps(&row), std::greater{}, steps), &row);
  return all;
}

}  // namespace tenon::schedule
