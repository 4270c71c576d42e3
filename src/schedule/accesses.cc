#include "schedule/accesses.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/vector.h"
#include "machine/instruction.h"

namespace tenon::schedule {
using ir::Context;
using ir::Expr;
using ir::Op;

namespace {

/// Walks statements with the bindings of the blocks and the loops passed on the way.
class Collector {
 public:
  Collector(Context& c, Expr root, std::span<const Expr> skip) : c_(c), skip_(skip) {
    at_.node = root;
  }

  std::vector<Access> run() {
    statement({});
    return std::move(out_);
  }

 private:
  void statement(const ir::Map& bindings) {
    const Expr s = at_.node;
    if (std::ranges::find(skip_, s) != skip_.end()) return;
    if (ir::children(s).empty() && s->op != Op::seq) return leaf(s, bindings);
    const bool is_outermost = block_ == nullptr && s->op == Op::block;
    if (is_outermost) {
      block_ = s;
      ++order_;
    }
    for (size_t i = 0; i < s->operands.size(); ++i)
      if (!ir::is_statement(s->operand(i))) loads(s->operand(i), i, bindings);
    if (s->op == Op::block) {
      children(s, inside(s, bindings));
    } else {
      enter(s, bindings);
      children(s, bindings);
      leave(s);
    }
    if (is_outermost) block_ = nullptr;
  }

  void children(Expr s, const ir::Map& bindings) {
    for (size_t i : ir::child_positions(s)) {
      at_.path.push_back({s, i});
      at_.node = s->operand(i);
      statement(bindings);
      at_.path.pop_back();
      at_.node = s;
    }
  }

  void enter(Expr s, const ir::Map& bindings) {
    if (s->op == Op::for_)
      loops_.push_back({s->operand(0), ir::substitute(c_, s->operand(1), bindings), s});
    if (s->op == Op::let) unknown_.push_back(s->operand(0));
  }
  void leave(Expr s) {
    if (s->op == Op::for_) loops_.pop_back();
    if (s->op == Op::let) unknown_.pop_back();
  }

  ir::Map inside(Expr block, const ir::Map& bindings) {
    ir::Map inner = bindings;
    for (const ir::BlockIter& it : ir::BlockView{block}.iters())
      inner[it.var] = ir::substitute(c_, it.binding, bindings);
    return inner;
  }

  void leaf(Expr s, const ir::Map& bindings) {
    if (block_ == nullptr) ++order_;
    if (s->op == Op::instr && machine::find_instruction(ir::InstrView{s}.name()) != nullptr)
      return instruction(s, bindings);
    for (size_t i = 0; i < s->operands.size(); ++i) loads(s->operand(i), i, bindings);
    if (s->op == Op::instr) {
      // An instruction that is not known may write what it names.
      for (Expr e : ir::post_order(s->operands))
        if (e->op == Op::buffer) {
          Access& a = add(s, e, {}, bindings, 0);
          a.write = a.updates = true;
          a.exact = false;
        }
    } else if (s->op != Op::fail_) {
      Access& a = add(s, s->operand(0), ir::AccessView{s}.indices(), bindings, 0);
      a.write = true;
      a.updates = s->op == Op::update;
    }
  }

  void loads(Expr e, size_t operand, const ir::Map& bindings) {
    for (Expr n : ir::post_order(std::span(&e, 1)))
      if (ir::is_load(n->op)) add(n, n->operand(0), ir::AccessView{n}.indices(), bindings, operand);
  }

  Access& add(Expr node, Expr buffer, std::span<const Expr> indices, const ir::Map& bindings,
              size_t operand) {
    Access a{.buffer = buffer, .indices = {}, .loops = loops_, .site = at_};
    a.exact = !std::ranges::any_of(
        indices, [&](Expr i) { return i->type->is_vector() || ir::mentions_any(i, unknown_); });
    for (Expr i : indices) a.indices.push_back(ir::substitute(c_, i, bindings));
    a.operand = operand;
    a.node = node;
    a.block = block_;
    a.order = order_;
    out_.push_back(std::move(a));
    return out_.back();
  }

  /// Its operands over its own axes: the first is read and written, over its whole room.
  void instruction(Expr s, const ir::Map& bindings) {
    const ir::InstrView view{s};
    const std::vector<ir::InstrAxis> axes = view.axes();
    const size_t first = 2 * axes.size();  // behind pairs of variable and extent
    for (size_t i = 0; i < first; ++i) loads(s->operand(i), i, bindings);
    const size_t outer = loops_.size();
    const auto within = [&](const std::vector<ir::InstrAxis>& over, size_t i, bool write) {
      for (const ir::InstrAxis& axis : over)
        loops_.push_back({axis.var, ir::substitute(c_, axis.extent, bindings), s});
      const Expr element = s->operand(i);
      for (Expr index : element->operands.subspan(1)) loads(index, i, bindings);
      Access& a = add(element, element->operand(0), element->operands.subspan(1), bindings, i);
      a.write = a.updates = write;
      loops_.resize(outer);
    };
    for (size_t i = first + 1; i < s->operands.size(); ++i) within(axes, i, false);
    within(machine::written_axes(c_, s), first, true);
  }

  Context& c_;
  std::span<const Expr> skip_;
  ir::Site at_;
  std::vector<Loop> loops_;
  std::vector<Expr> unknown_;  // variables of lets
  std::vector<Access> out_;
  Expr block_ = nullptr;
  int order_ = 0;
};

}  // namespace

bool Access::is_instruction_operand() const {
  return site.node->op == Op::instr && site.node->operand(operand) == node;
}

std::vector<Access> accesses(Context& c, Expr root, std::span<const Expr> skip) {
  return Collector(c, root, skip).run();
}

ir::Assumptions assume_loops(ir::Assumptions known, const Access& access) {
  for (const Loop& loop : access.loops) known.below(loop.var, loop.extent);
  return known;
}

ir::Box box_of(Context& c, const Access& access, size_t outer, const ir::Assumptions& known) {
  const ir::Assumptions inside = assume_loops(known, access);
  std::vector<Expr> inner, unknown;
  for (size_t l = outer; l < access.loops.size(); ++l) inner.push_back(access.loops[l].var);
  for (const ir::Step& step : access.site.path)
    if (step.parent->op == Op::let) unknown.push_back(step.parent->operand(0));
  ir::Box box(access.buffer->shape().size());
  if (access.indices.size() != box.size()) return box;
  for (size_t d = 0; d < box.size(); ++d) {
    const Expr index = access.indices[d];
    if (index->type->is_vector() || ir::has_load(index) || ir::mentions_any(index, unknown))
      continue;
    const auto range = ir::range_over(c, index, inner, inside);
    if (!range || ir::mentions_any(range->lo, inner) || ir::mentions_any(range->hi, inner))
      continue;
    box[d] = {ir::simplify(c, range->lo, inside), ir::simplify(c, range->hi, inside)};
  }
  return box;
}

bool reads(const std::vector<Access>& all, Expr buffer) {
  return std::ranges::any_of(all, [&](const Access& a) { return a.buffer == buffer && !a.write; });
}
bool writes(const std::vector<Access>& all, Expr buffer) {
  return std::ranges::any_of(all, [&](const Access& a) { return a.buffer == buffer && a.write; });
}
int order_of(const std::vector<Access>& all, Expr block) {
  const auto found = std::ranges::find(all, block, &Access::block);
  return found == all.end() ? 0 : found->order;
}

}  // namespace tenon::schedule
