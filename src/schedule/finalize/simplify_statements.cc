// Statements in canonical form: expressions simplified under the loops and conditions around them,
// loops of one iteration removed, conditions moved out of loops that they do not depend on, and
// bounds of a serial loop's own variable made part of its extent.
#include "machine/instruction.h"
#include "schedule/finalize/passes.h"

namespace tenon::schedule::finalizing {
namespace {
using namespace ir;  // NOLINT

class Simplifier {
 public:
  explicit Simplifier(Context& c) : c_(c) {}

  Expr visit(Expr s, const Assumptions& known) {
    switch (s->op) {
      case Op::for_:
        return visit_for(s, known);
      case Op::cond:
        return visit_cond(s, known);
      case Op::seq:
        return visit_seq(s, known);
      case Op::let: {
        // A variable that nothing is said of counts as an extent, at least 0; this one is data.
        Assumptions inner = known;
        inner.ranges[s->operand(0)] = bounds(s->operand(1), known);
        const Expr body = visit(s->operand(2), inner);
        return is_empty(body) ? body
                              : let(c_, s->operand(0), simplify(c_, s->operand(1), known), body);
      }
      case Op::instr:
        return visit_instruction(s, known);
      case Op::while_:
        return while_loop(c_, simplify(c_, s->operand(0), known), visit(s->operand(1), known));
      default:
        return simplify(c_, s, known);
    }
  }

 private:
  /// Axes stay, also those that take one value: the result has room beyond their extents.
  Expr visit_instruction(Expr s, const Assumptions& known) {
    const InstrView view{s};
    std::vector<InstrAxis> axes = view.axes();
    for (InstrAxis& axis : axes) axis.extent = simplify(c_, axis.extent, known);
    std::vector<Expr> operands;
    for (Expr operand : view.operands()) {
      Assumptions inner = known;
      for (const InstrAxis& axis : operands.empty() ? machine::written_axes(c_, s) : axes)
        inner.below(axis.var, axis.extent);
      std::vector<Expr> indices;
      for (Expr index : operand->operands.subspan(1)) indices.push_back(simplify(c_, index, inner));
      operands.push_back(load(c_, operand->operand(0), indices));
    }
    return instr(c_, view.name(), view.params(), axes, operands);
  }

  Expr visit_seq(Expr s, const Assumptions& known) {
    std::vector<Expr> all;
    for (Expr child : s->operands) {
      const Expr done = visit(child, known);
      for (Expr part : in_sequence(done)) append(all, part);
    }
    return seq(c_, all);
  }

  /// Neighbours under the same condition become one.
  void append(std::vector<Expr>& all, Expr s) {
    if (!all.empty() && s->op == Op::cond && all.back()->op == Op::cond &&
        s->operands.size() == 2 && all.back()->operands.size() == 2 &&
        s->operand(0) == all.back()->operand(0) && !has_load(s->operand(0))) {
      const std::vector<Expr> both{all.back()->operand(1), s->operand(1)};
      all.back() = if_then(c_, s->operand(0), seq(c_, both));
      return;
    }
    all.push_back(s);
  }

  Expr visit_cond(Expr s, const Assumptions& known) {
    std::vector<Expr> parts;
    Assumptions inner = known;
    for (Expr part : conjuncts(simplify(c_, s->operand(0), known))) {
      const Expr p = simplify(c_, part, inner);
      if (is_int(p, 1)) continue;
      parts.push_back(p);
      inner.fact(p);
    }
    const Expr condition = conjunction(c_, parts);
    if (is_int(condition, 0))
      return s->operands.size() > 2 ? visit(s->operand(2), known) : seq(c_, {});
    const Expr then = visit(s->operand(1), inner);
    if (is_int(condition, 1)) return then;
    if (s->operands.size() > 2) {
      const Expr otherwise = visit(s->operand(2), known);
      if (!is_empty(otherwise)) return if_then(c_, condition, then, otherwise);
    }
    if (is_empty(then)) return then;
    if (then->op == Op::cond && then->operands.size() == 2)
      return if_then(c_, logical_and(c_, condition, then->operand(0)), then->operand(1));
    return if_then(c_, condition, then);
  }

  Expr visit_for(Expr s, const Assumptions& known) {
    const ForView loop{s};
    const Expr extent = simplify(c_, loop.extent(), known);
    if (const auto n = as_int(extent)) {
      if (*n <= 0) return seq(c_, {});
      const bool launch = loop.kind() == "parallel" && loop.body()->op == Op::seq;
      if (*n == 1 && !launch)
        return visit(substitute(c_, loop.body(), {{loop.var(), c_.i64(0)}}), known);
    }
    Assumptions inner = known;
    inner.below(loop.var(), extent);
    const Expr body = visit(loop.body(), inner);
    return is_empty(body) ? body : wrap(loop, extent, body, known);
  }

  /// The loop around `body`, with what can leave it outside.
  Expr wrap(const ForView& loop, Expr extent, Expr body, const Assumptions& known) {
    const std::string note(loop.note());
    if (loop.kind() == "serial" && body->op != Op::cond)
      if (const Expr bound = needed(body, loop.var(), {}, known); bound != nullptr)
        extent = simplify(c_, min(c_, extent, bound), known);
    if (body->op != Op::cond || body->operands.size() > 2 || has_load(body->operand(0)))
      return for_loop(c_, loop.var(), extent, body, loop.kind(), note);
    std::vector<Expr> outside, inside;
    const bool parallel = loop.kind() == "parallel";
    const bool serial = parallel || loop.kind() == "serial";
    for (Expr part : conjuncts(body->operand(0))) {
      if (!mentions(part, loop.var())) {
        (parallel ? inside : outside).push_back(part);
      } else if (const Expr bound = serial ? upper_bound(part, loop.var(), known) : nullptr) {
        extent = min(c_, extent, bound);
      } else {
        inside.push_back(part);
      }
    }
    extent = simplify(c_, extent, known);
    const Expr kept =
        inside.empty() ? body->operand(1) : if_then(c_, conjunction(c_, inside), body->operand(1));
    const Expr result = for_loop(c_, loop.var(), extent, kept, loop.kind(), note);
    return outside.empty() ? result : if_then(c_, conjunction(c_, outside), result);
  }

  /// b such that the statement does nothing for var >= b, or nullptr: the largest of its parts'.
  /// `inner`: variables of loops inside, of which b is free.
  Expr needed(Expr s, Expr var, std::vector<Expr> inner, Assumptions known) {
    if (s->op == Op::for_) {
      const ForView loop{s};
      std::vector<Expr> runs;  // 0 < each of the extents that the loop's is the smallest of
      std::vector<Expr> work{loop.extent()};
      while (!work.empty()) {
        const Expr e = work.back();
        work.pop_back();
        if (e->op == Op::min) work.insert(work.end(), e->operands.begin(), e->operands.end());
        if (e->op != Op::min) runs.push_back(lt(c_, c_.i64(0), e));
      }
      if (const Expr bound = least_bound(runs, var, inner, known)) return bound;
      inner.push_back(loop.var());
      known.below(inner.back(), loop.extent());
      return needed(loop.body(), var, inner, known);
    }
    if (s->op == Op::seq) {
      Expr most = nullptr;
      for (Expr part : s->operands) {
        const Expr bound = needed(part, var, inner, known);
        if (bound == nullptr) return nullptr;
        most = most == nullptr || most == bound ? bound : max(c_, most, bound);
      }
      return most == nullptr ? nullptr : simplify(c_, most, known);
    }
    if (s->op != Op::cond || s->operands.size() > 2 || has_load(s->operand(0))) return nullptr;
    return least_bound(conjuncts(s->operand(0)), var, inner, known);
  }

  /// The smallest b such that all conditions say var < b, whatever the inner variables are.
  Expr least_bound(const std::vector<Expr>& conditions, Expr var, const std::vector<Expr>& inner,
                   const Assumptions& known) {
    Expr least = nullptr;
    for (Expr part : conditions) {
      const Expr bound = mentions(part, var) ? upper_bound(part, var, known) : nullptr;
      if (bound == nullptr) continue;
      const auto range = range_over(c_, bound, inner, known);
      if (!range || mentions_any(range->hi, inner)) continue;
      least = simplify(c_, least == nullptr ? range->hi : min(c_, least, range->hi), known);
    }
    return least;
  }

  /// b such that `part` says var < b for var >= 0, or nullptr.
  Expr upper_bound(Expr part, Expr var, const Assumptions& known) {
    if (part->op != Op::lt && part->op != Op::le) return nullptr;
    const Expr difference = simplify(c_, sub(c_, part->operand(0), part->operand(1)), known);
    const auto linear = linear_in(c_, difference, std::span(&var, 1));
    if (!linear) return nullptr;
    // a * var + rest < 0  (or <= 0), a > 0
    const auto a = as_int(linear->coefficients[0]);
    if (!a || *a <= 0) return nullptr;
    const Expr top = sub(c_, c_.i64(part->op == Op::lt ? 0 : 1), linear->rest);  // a * var < top
    return *a == 1 ? top : ceildiv(c_, top, c_.i64(*a));
  }

  Context& c_;
};

}  // namespace

void simplify_statements(Work& w) {
  w.kernel.body = Simplifier(w.c).visit(w.kernel.body, assume_extents(w.kernel));
}

}  // namespace tenon::schedule::finalizing
