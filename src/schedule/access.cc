#include "schedule/access.h"

#include <algorithm>

#include "machine/instruction.h"
#include "support/check.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Key;
using ir::Op;

namespace {

/// Walks statements with the bindings of the blocks and the loops passed on the way.
class Collector {
 public:
  Collector(Context& c, std::span<const Expr> skip) : c_(c), skip_(skip) {}

  void statement(Expr s, const ir::Map& bindings) {
    if (std::find(skip_.begin(), skip_.end(), s) != skip_.end()) return;
    switch (s->op) {
      case Op::seq:
        for (Expr child : s->operands) statement(child, bindings);
        break;
      case Op::for_:
        loads(s->operand(1), bindings);
        locals_.push_back({s->operand(0), ir::substitute(c_, s->operand(1), bindings)});
        statement(s->operand(2), bindings);
        locals_.pop_back();
        break;
      case Op::cond:
        loads(s->operand(0), bindings);
        for (size_t i = 1; i < s->operands.size(); ++i) statement(s->operand(i), bindings);
        break;
      case Op::while_:
        loads(s->operand(0), bindings);
        statement(s->operand(1), bindings);
        break;
      case Op::let:
        loads(s->operand(1), bindings);
        unknown_.push_back(s->operand(0));
        statement(s->operand(2), bindings);
        unknown_.pop_back();
        break;
      case Op::block:
        block(s, bindings);
        break;
      default:
        leaf(s, bindings);
    }
  }

  std::vector<Access> take() { return std::move(out_); }

 private:
  void block(Expr s, const ir::Map& bindings) {
    const ir::BlockView view{s};
    ir::Map inner = bindings;
    const bool outermost = block_ == nullptr;
    if (outermost) {
      block_ = s;
      ++order_;
    }
    loads(view.predicate(), bindings);
    for (const ir::BlockIter& it : view.iters()) {
      loads(it.binding, bindings);
      inner[it.var] = ir::substitute(c_, it.binding, bindings);
    }
    statement(view.body(), inner);
    if (outermost) block_ = nullptr;
  }

  void leaf(Expr s, const ir::Map& bindings) {
    if (block_ == nullptr) ++order_;
    if (s->op == Op::store || s->op == Op::update) {
      for (size_t i = 1; i < s->operands.size(); ++i) loads(s->operand(i), bindings);
      add(s->operand(0), target_indices(s), bindings, true, s->op == Op::update);
    } else if (s->op == Op::instr &&
               machine::find_instruction(ir::InstrView{s}.name()) != nullptr) {
      instruction(s, bindings);
    } else {
      for (Expr operand : s->operands) loads(operand, bindings);
      // An instruction that is not known may write what it names.
      for (Expr e : ir::post_order(s->operands))
        if (e->op == Op::buffer && s->op == Op::instr) unknown_access(e, true);
    }
  }

  void unknown_access(Expr buffer, bool write) {
    out_.push_back({buffer, {}, locals_, write, false, write, block_, order_});
  }

  void loads(Expr e, const ir::Map& bindings) {
    for (Expr n : ir::post_order(std::span(&e, 1))) {
      if (n->op != Op::load) continue;
      add(n->operand(0), {n->operands.begin() + 1, n->operands.end()}, bindings, false, false);
    }
  }

  void add(Expr buffer, std::vector<Expr> indices, const ir::Map& bindings, bool write,
           bool updates) {
    bool exact = true;
    for (Expr& i : indices) {
      exact = exact && !mentions_any(i, unknown_);
      i = ir::substitute(c_, i, bindings);
    }
    if (!exact) return unknown_access(buffer, write);
    out_.push_back({buffer, std::move(indices), locals_, write, true, updates, block_, order_});
  }

  /// Its operands over its own axes: the first is read and written, over its whole room.
  void instruction(Expr s, const ir::Map& bindings) {
    const ir::InstrView view{s};
    for (const ir::InstrAxis& axis : view.axes()) loads(axis.extent, bindings);
    const size_t outer = locals_.size();
    const auto within = [&](const std::vector<ir::InstrAxis>& axes, Expr operand, bool write) {
      for (const ir::InstrAxis& axis : axes)
        locals_.push_back({axis.var, ir::substitute(c_, axis.extent, bindings)});
      for (Expr index : operand->operands.subspan(1)) loads(index, bindings);
      add(operand->operand(0), {operand->operands.begin() + 1, operand->operands.end()}, bindings,
          write, write);
      locals_.resize(outer);
    };
    for (Expr operand : view.operands().subspan(1)) within(view.axes(), operand, false);
    within(machine::written_axes(c_, s), view.operands()[0], true);
  }

  Context& c_;
  std::span<const Expr> skip_;
  std::vector<LocalLoop> locals_;
  std::vector<Expr> unknown_;  // variables of lets
  std::vector<Access> out_;
  Expr block_ = nullptr;
  int order_ = 0;
};

}  // namespace

bool has_load(Expr e) {
  for (Expr n : ir::post_order(std::span(&e, 1)))
    if (n->op == Op::load) return true;
  return false;
}

std::vector<Access> accesses(Context& c, Expr root, std::span<const Expr> skip) {
  Collector collector(c, skip);
  collector.statement(root, {});
  return collector.take();
}

bool reads(const std::vector<Access>& all, Expr buffer) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Access& a) { return a.buffer == buffer && !a.write; });
}
bool writes(const std::vector<Access>& all, Expr buffer) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Access& a) { return a.buffer == buffer && a.write; });
}
bool conflict(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& x : a)
    for (const Access& y : b)
      if (x.buffer == y.buffer && (x.write || y.write)) return true;
  return false;
}

std::optional<Box> box_of(Context& c, const Access& access, const ir::Assumptions& known) {
  if (!access.exact) return std::nullopt;
  ir::Assumptions inside = known;
  std::vector<Expr> inner;
  for (const LocalLoop& loop : access.locals) {
    inside.below(loop.var, loop.extent);
    inner.push_back(loop.var);
  }
  Box box;
  for (Expr index : access.indices) {
    if (has_load(index)) return std::nullopt;
    const Expr e = ir::simplify(c, index, inside);
    if (!mentions_any(e, inner)) {
      box.push_back({e, e});
      continue;
    }
    auto range = ir::range_over(c, e, inner, inside);
    if (!range || mentions_any(range->lo, inner) || mentions_any(range->hi, inner))
      return std::nullopt;
    box.push_back({ir::simplify(c, range->lo, known), ir::simplify(c, range->hi, known)});
  }
  return box;
}

Box unite(Context& c, const Box& a, const Box& b, const ir::Assumptions& known) {
  Box box;
  for (size_t d = 0; d < a.size(); ++d) {
    const Expr lo = ir::prove(c, ir::le(c, a[d].lo, b[d].lo), known) ? a[d].lo
                    : ir::prove(c, ir::le(c, b[d].lo, a[d].lo), known)
                        ? b[d].lo
                        : ir::min(c, a[d].lo, b[d].lo);
    const Expr hi = ir::prove(c, ir::le(c, b[d].hi, a[d].hi), known) ? a[d].hi
                    : ir::prove(c, ir::le(c, a[d].hi, b[d].hi), known)
                        ? b[d].hi
                        : ir::max(c, a[d].hi, b[d].hi);
    box.push_back({lo, hi});
  }
  return box;
}

bool contains(Context& c, const Box& outer, const Box& inner, const ir::Assumptions& known) {
  if (outer.size() != inner.size()) return false;
  for (size_t d = 0; d < outer.size(); ++d) {
    if (outer[d].lo != inner[d].lo && !ir::prove(c, ir::le(c, outer[d].lo, inner[d].lo), known))
      return false;
    if (outer[d].hi != inner[d].hi && !ir::prove(c, ir::le(c, inner[d].hi, outer[d].hi), known))
      return false;
  }
  return true;
}

}  // namespace tenon::schedule::primitives
