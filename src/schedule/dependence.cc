// Dependences that decide whether iterations may run in another order.
#include <algorithm>

#include "schedule/block_facts.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Op;

namespace {

std::string quoted(Expr named) { return "'" + name_of(named) + "'"; }

/// Iterators that `vars` reach.
std::string check_block(Draft& draft, Expr block, std::span<const Expr> vars, bool parallel) {
  const BlockKind kind = kind_of(draft.c(), block);
  for (const ir::BlockIter& it : ir::BlockView{block}.iters()) {
    if (it.kind != 'r' || !mentions_any(it.binding, vars)) continue;
    if (parallel) return "block " + quoted(block) + " reduces over it";
    if (kind == BlockKind::opaque)
      return "block " + quoted(block) + " is opaque and depends on its order";
  }
  const Expr s = sole_statement(block);
  if (kind != BlockKind::opaque || s == nullptr || s->op == Op::instr) return "";
  // A single statement that is neither a plain store nor a plain reduction: say what the promise of
  // spatial iterators cannot hold for.
  for (const ir::BlockIter& it : ir::BlockView{block}.iters()) {
    if (!mentions_any(it.binding, vars)) continue;
    bool indexes = false;
    for (Expr index : target_indices(s)) indexes = indexes || mentions(index, it.var);
    if (!indexes && it.kind == 's')
      return "block " + quoted(block) + " writes the same elements in several iterations";
  }
  for (size_t i = 1; i < s->operands.size(); ++i) {
    const Expr operand = s->operand(i);
    for (Expr e : ir::post_order(std::span(&operand, 1))) {
      if (e->op != Op::load || e->operand(0) != s->operand(0)) continue;
      const std::vector<Expr> target = target_indices(s);
      if (!std::equal(target.begin(), target.end(), e->operands.begin() + 1, e->operands.end()))
        return "block " + quoted(block) + " reads elements of " + quoted(s->operand(0)) +
               " that other iterations write";
    }
  }
  return "";
}

}  // namespace

std::string order_matters(Draft& draft, const Site& nest, std::span<const Expr> vars,
                          bool parallel) {
  std::string reason;
  visit_statements(nest.node, [&](const Site& at) {
    if (!reason.empty()) return false;
    const Op op = at.node->op;
    if (op == Op::block) {
      reason = check_block(draft, at.node, vars, parallel);
      const std::vector<ir::ForView> loops = loops_from(at, nest.node);
      if (reason.empty() && !parallel && accumulates_again(draft.c(), at.node, loops))
        reason = "block " + quoted(at.node) + " accumulates some elements in several iterations";
      return false;
    }
    if (op == Op::store || op == Op::update || op == Op::instr || op == Op::while_ ||
        op == Op::let || op == Op::fail_)
      reason = "statements inside stand in no block";
    return reason.empty();
  });
  if (!reason.empty()) return reason;
  return reads_other_iterations(draft, nest, vars, nullptr);
}

std::string reads_other_iterations(Draft& draft, const Site& nest, std::span<const Expr> vars,
                                   Expr reader) {
  Context& c = draft.c();
  const std::vector<Access> all = accesses(c, nest.node);
  ir::Assumptions known = draft.known(nest);
  if (nest.node->op == Op::for_) known.below(nest.node->operand(0), nest.node->operand(1));
  const auto boxed = [&](Access a) {
    std::erase_if(a.loops, [&](const Loop& l) {
      return std::find(vars.begin(), vars.end(), l.var) != vars.end();
    });
    return box_of(c, a, 0, known);
  };
  for (const Access& a : all)
    for (const Loop& l : a.loops)
      if (std::find(vars.begin(), vars.end(), l.var) != vars.end()) known.below(l.var, l.extent);
  for (const Access& r : all) {
    if ((r.write && r.exact && !r.updates) || (reader != nullptr && r.block != reader)) continue;
    bool covered = false;
    bool shared = false;
    for (const Access& w : all) {
      if (!w.write || w.buffer != r.buffer || w.block == r.block) continue;
      shared = true;
      if (w.order >= r.order || covered) continue;
      bool complete = w.block != nullptr;
      for (size_t i = 0; complete && i < vars.size(); ++i) {
        const Expr v = vars[i];
        complete = !feeds_reduction(w.block, v);
      }
      if (!complete) continue;
      ir::Box inner = boxed(r);
      clamp(c, inner, r.buffer->shape(), known);
      covered = contains(c, boxed(w), inner, known);
    }
    if (shared && !covered)
      return (r.block != nullptr ? "block " + quoted(r.block) : "a statement") +
             " uses elements of " + quoted(r.buffer) + " from other iterations";
  }
  return "";
}

}  // namespace tenon::schedule::primitives
