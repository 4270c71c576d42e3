// What blocks are: their kind, the domain of their iterators, how often they run.
#include "schedule/block_facts.h"

#include <algorithm>
#include <unordered_set>

#include "ir/injective.h"
#include "machine/instruction.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Key;
using ir::Op;

bool used_by_instruction(Expr root, Expr buffer) {
  bool used = false;
  visit_statements(root, [&](const Site& at) {
    if (at.node->op == Op::instr) used = used || mentions(at.node, buffer);
    return !used;
  });
  return used;
}

Expr sole_statement(Expr block) {
  const Expr body = ir::BlockView{block}.body();
  return body->op == Op::store || body->op == Op::update || body->op == Op::instr ? body : nullptr;
}

std::vector<Expr> target_indices(Expr s) {
  return {s->operands.begin() + (s->op == Op::update ? 3 : 2), s->operands.end()};
}

bool is_initialized(Expr block) {
  return note_value(block->string_attr_or(Key::note, ""), "init") == "done";
}

bool feeds_reduction(Expr block, Expr loop_var) {
  for (const ir::BlockIter& it : ir::BlockView{block}.iters())
    if (it.kind == 'r' && mentions(it.binding, loop_var)) return true;
  return false;
}

BlockKind kind_of(Context& c, Expr block) {
  const Expr s = sole_statement(block);
  if (s == nullptr) return BlockKind::opaque;
  if (s->op == Op::instr)
    return machine::find_instruction(ir::InstrView{s}.name()) != nullptr ? BlockKind::tile
                                                                         : BlockKind::opaque;
  const std::vector<ir::BlockIter> iters = ir::BlockView{block}.iters();
  for (size_t i = 1; i < s->operands.size(); ++i) {
    const Expr operand = s->operand(i);
    for (Expr e : ir::post_order(std::span(&operand, 1)))
      if (e->op == Op::load && e->operand(0) == s->operand(0)) return BlockKind::opaque;
  }
  const std::vector<Expr> indices = target_indices(s);
  if (std::ranges::any_of(indices, ir::has_load)) return BlockKind::opaque;
  std::vector<Expr> spatial;
  for (const ir::BlockIter& it : iters)
    if (it.kind == 's') spatial.push_back(it.var);
  if (!ir::is_injective(c, indices, spatial, std::vector<Expr>(spatial.size(), nullptr)))
    return BlockKind::opaque;
  bool has_reduction = false;
  for (const ir::BlockIter& it : iters) {
    if (it.kind != 'r') continue;
    has_reduction = true;
    for (Expr index : indices)
      if (mentions(index, it.var)) return BlockKind::opaque;
  }
  if (s->op == Op::update) return BlockKind::reduction;
  return has_reduction ? BlockKind::opaque : BlockKind::store;
}

bool runs_once(Context& c, Expr block, std::span<const ir::ForView> loops) {
  std::vector<Expr> vars, extents, bindings;
  for (ir::ForView loop : loops) {
    vars.push_back(loop.var());
    extents.push_back(loop.extent());
  }
  for (const ir::BlockIter& it : ir::BlockView{block}.iters()) bindings.push_back(it.binding);
  return ir::is_injective(c, bindings, vars, extents);
}

Expr with_repetition_note(Context& c, Expr block, std::span<const ir::ForView> loops) {
  const ir::BlockView view{block};
  const std::string_view note = block->string_attr_or(Key::note, "");
  const std::string next =
      runs_once(c, block, loops) ? without_note(note, "again") : with_note(note, "again", "yes");
  return ir::block(c, view.name(), view.iters(), view.predicate(), view.body(), next);
}

std::vector<ir::ForView> loops_from(const Site& site, Expr top) {
  std::vector<ir::ForView> loops;
  bool below = false;
  for (const Step& step : site.path) {
    below = below || step.parent == top;
    if (below && step.parent->op == Op::for_) loops.push_back({step.parent});
  }
  return loops;
}

bool accumulates_again(Context& c, Expr block, std::span<const ir::ForView> loops) {
  if (note_value(block->string_attr_or(Key::note, ""), "again") != "yes") return false;
  bool accumulates = false;
  for (ir::ForView loop : loops) accumulates = accumulates || feeds_reduction(block, loop.var());
  return accumulates && !runs_once(c, block, loops);
}

namespace {
/// True if a variable stands at two places of e: then the bounds of the parts need not be reached
/// together, and those of the whole not at all.
bool repeats_var(Expr e, std::span<const Expr> vars, std::unordered_set<Expr>& met) {
  if (e->op == Op::var && std::ranges::find(vars, e) != vars.end()) return !met.insert(e).second;
  return std::any_of(e->operands.begin(), e->operands.end(),
                     [&](Expr operand) { return repeats_var(operand, vars, met); });
}
}  // namespace

std::optional<std::vector<ir::SymbolicRange>> iterator_domain(Draft& draft, const Site& site) {
  Context& c = draft.c();
  const std::vector<ir::BlockIter> iters = ir::BlockView{site.node}.iters();
  const ir::Assumptions known = draft.known(site);
  const ir::Assumptions sizes = draft.known_sizes();
  std::vector<Expr> loops;
  for (ir::ForView loop : loops_above(site)) loops.push_back(loop.var());
  std::vector<Expr> lo(iters.size()), hi(iters.size());
  std::vector<Expr> others;
  for (Expr part : conjuncts(ir::BlockView{site.node}.predicate())) {
    bool used = false;
    for (size_t i = 0; i < iters.size(); ++i) {
      if (part->op == Op::lt && part->operand(0) == iters[i].binding &&
          !mentions_any(part->operand(1), loops)) {
        const Expr bound = ir::add(c, part->operand(1), c.i64(-1));
        hi[i] = hi[i] == nullptr ? bound : ir::simplify(c, ir::min(c, hi[i], bound), sizes);
        used = true;
      }
      if (part->op == Op::le && part->operand(1) == iters[i].binding &&
          !mentions_any(part->operand(0), loops)) {
        lo[i] = part->operand(0);
        used = true;
      }
    }
    if (used) continue;
    if (part->op != Op::lt && part->op != Op::le) return std::nullopt;
    others.push_back(part);
  }
  std::vector<ir::SymbolicRange> domain;
  for (size_t i = 0; i < iters.size(); ++i) {
    // Without a bound of its own the iterator takes all that its loops give; a guard on those loops
    // would make that too much.
    if (hi[i] == nullptr || lo[i] == nullptr) {
      std::vector<Expr> mine;
      for (Expr v : loops)
        if (mentions(iters[i].binding, v)) mine.push_back(v);
      for (Expr other : others)
        if (hi[i] == nullptr && mentions_any(other, mine)) return std::nullopt;
      if (has_load(iters[i].binding)) return std::nullopt;
      const Expr e = ir::simplify(c, iters[i].binding, known);
      std::unordered_set<Expr> met;
      if (repeats_var(e, loops, met)) return std::nullopt;
      const auto range = loops.empty() || !mentions_any(e, loops)
                             ? std::optional<ir::SymbolicRange>({e, e})
                             : ir::range_over(c, e, loops, known);
      if (!range) return std::nullopt;
      if (lo[i] == nullptr) lo[i] = ir::simplify(c, range->lo, sizes);
      if (hi[i] == nullptr) hi[i] = ir::simplify(c, range->hi, sizes);
    }
    if (mentions_any(lo[i], loops) || mentions_any(hi[i], loops)) return std::nullopt;
    domain.push_back({lo[i], hi[i]});
  }
  return domain;
}

bool in_bindings(Expr block, char kind, Expr var) {
  for (const ir::BlockIter& it : ir::BlockView{block}.iters())
    if (it.kind == kind && mentions(it.binding, var)) return true;
  return false;
}

bool starts_inside(const Site& block) {
  return std::ranges::any_of(block.path, [&](const Step& step) {
    if (step.parent->op != Op::for_) return false;
    const Expr var = ir::ForView{step.parent}.var();
    return in_bindings(block.node, 's', var) && in_bindings(block.node, 'r', var);
  });
}

bool reduction_runs(Draft& draft, const Site& block) {
  Context& c = draft.c();
  ir::Assumptions known = draft.known_sizes();
  for (const Step& step : block.path) {
    if (step.parent->op != Op::for_) continue;
    const ir::ForView loop{step.parent};
    if (in_bindings(block.node, 'r', loop.var()) &&
        !ir::prove(c, ir::le(c, c.i64(1), loop.extent()), known))
      return false;
    known.below(loop.var(), loop.extent());
  }
  return true;
}

Status check_reduction(std::string_view primitive, Context& c, const Site& site) {
  const std::string name = "'" + name_of(site.node) + "'";
  if (kind_of(c, site.node) != BlockKind::reduction)
    return refuse(primitive, "block " + name + " is no plain reduction");
  if (is_initialized(site.node))
    return refuse(primitive, "the reduction of " + name + " is decomposed already");
  const Expr init = sole_statement(site.node)->operand(1);
  for (const ir::BlockIter& it : ir::BlockView{site.node}.iters())
    if (it.kind == 'r' && mentions(init, it.var))
      return refuse(primitive, "the initial value of " + name + " depends on a reduction iterator");
  return {};
}

}  // namespace tenon::schedule::primitives
