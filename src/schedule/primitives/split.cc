// split and tile.
#include "schedule/block_facts.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

std::string no_loop(const std::string& name) { return "there is no loop '" + name + "'"; }
std::string no_block(const std::string& name) { return "there is no block '" + name + "'"; }

namespace {
/// Bindings and extents are evaluated before a predicate can forbid it.
bool loads_first(Expr s) {
  for (size_t i = s->op == Op::block ? 2 : 1; i < s->operands.size(); ++i) {
    if (s->op == Op::for_ && i == 2) break;
    if (has_load(s->operand(i))) return true;
  }
  return false;
}
}  // namespace

Expr guard(Context& c, Expr s, Expr condition) {
  if ((s->op == Op::for_ || s->op == Op::block) && loads_first(s))
    return ir::if_then(c, condition, s);
  switch (s->op) {
    case Op::seq: {
      std::vector<Expr> all;
      for (Expr child : s->operands) all.push_back(guard(c, child, condition));
      return ir::seq(c, all);
    }
    case Op::for_:
      return with_child(c, s, 2, guard(c, s->operand(2), condition));
    case Op::block: {
      std::vector<Expr> parts = conjuncts(s->operand(0));
      parts.push_back(condition);
      return with_child(c, s, 0, conjunction(c, parts));
    }
    default:
      return ir::if_then(c, condition, s);
  }
}

namespace {

Expr floor_part(Context& c, Expr extent, int64_t factor, const ir::Assumptions& known) {
  return ir::simplify(c, ir::floordiv(c, extent, c.i64(factor)), known);
}

/// The copied loop as the continuation of the one that it was copied from: reductions over it have
/// started there already, even where the first part is empty.
Expr continued(Context& c, Expr tail) {
  ir::Map map;
  for (const Site& site : find_blocks(tail)) {
    if (!feeds_reduction(site.node, ForView{tail}.var()) ||
        sole_statement(site.node)->op != Op::update)
      continue;
    // A fused loop that also moves on to other elements starts those here.
    const ir::BlockView view{site.node};
    bool moves = false;
    for (const ir::BlockIter& it : view.iters())
      moves = moves || (it.kind == 's' && mentions(it.binding, ForView{tail}.var()));
    if (moves) continue;
    map[site.node] =
        ir::block(c, view.name(), view.iters(), view.predicate(), view.body(),
                  with_note(site.node->string_attr_or(ir::Key::note, ""), "init", "done"));
  }
  return ir::substitute(c, tail, map);
}

Result<Edited> peel(Draft& draft, const Site& site, int64_t factor, Expr outer, Expr inner) {
  Context& c = draft.c();
  const ForView loop{site.node};
  const ir::Assumptions known = draft.known(site);
  const Expr main = floor_part(c, loop.extent(), factor, known);
  if (ir::prove(c, ir::le(c, main, c.i64(0)), known))
    return refuse("split", "the extent of '" + loop_name(loop) +
                               "' is smaller than the factor: nothing is left to peel from");
  const Expr done = ir::mul(c, main, c.i64(factor));
  const Expr rest = ir::simplify(c, ir::sub(c, loop.extent(), done), known);
  // The copy first, so that its names do not depend on the rest.
  for (const Site& block : find_blocks(loop.body()))
    if (feeds_reduction(block.node, loop.var())) {
      if (sole_statement(block.node) == nullptr)
        return refuse("split", "opaque block '" + name_of(block.node) + "' reduces over the loop");
      if (!is_initialized(block.node) && !ir::prove(c, ir::lt(c, c.i64(0), main), known) &&
          starts_inside(*find_block(draft.body(), name_of(block.node))))
        return refuse("split", "the first part may be empty, where '" + name_of(block.node) +
                                   "' starts the elements of its reduction");
    }
  const Expr tail = continued(c, draft.copy(site.node, "_tail"));
  const Expr tail_var = tail->operand(0);
  const Expr tail_body =
      ir::substitute(c, tail->operand(2), {{tail_var, ir::add(c, done, tail_var)}});
  const Expr body = ir::substitute(
      c, loop.body(), {{loop.var(), ir::add(c, ir::mul(c, outer, c.i64(factor)), inner)}});
  const std::vector<Expr> both{
      ir::for_loop(c, outer, main, ir::for_loop(c, inner, c.i64(factor), body)),
      ir::for_loop(c, tail_var, rest, tail_body)};
  draft.set_body(replace(c, site, ir::seq(c, both)));
  return draft.finish({name_of(outer), name_of(inner)});
}

}  // namespace

Result<Edited> split(const Program& p, const std::string& name, int64_t factor,
                     const std::string& tail) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_loop(draft.body(), name);
  if (!site) return refuse("split", no_loop(name));
  const ForView loop{site->node};
  if (factor < 1 || factor > (int64_t{1} << 31))
    return refuse("split", "the factor must be between 1 and 2^31");
  if (tail != "predicate" && tail != "peel" && tail != "pad")
    return refuse("split", "the tail must be predicate, peel or pad, not '" + tail + "'");
  if (loop.kind() != "serial")
    return refuse("split", "loop '" + name + "' is " + loop.kind() + " already");
  const ir::Assumptions known = draft.known(*site);
  const Expr rest = ir::mod(c, loop.extent(), c.i64(factor));
  const bool divides =
      ir::divisor(loop.extent()) % factor == 0 || ir::prove(c, ir::eq(c, rest, c.i64(0)), known);
  if (tail == "pad" && !divides)
    return refuse("split",
                  std::to_string(factor) + " is not known to divide the extent of '" + name + "'");
  const Expr outer = draft.fresh_var(name + "_0");
  const Expr inner = draft.fresh_var(name + "_1");
  if (tail == "peel" && !divides) return peel(draft, *site, factor, outer, inner);
  const Expr index = ir::add(c, ir::mul(c, outer, c.i64(factor)), inner);
  Expr body = ir::substitute(c, loop.body(), {{loop.var(), index}});
  if (!divides) body = guard(c, body, ir::lt(c, index, loop.extent()));
  const Expr trips = ir::simplify(c,
                                  divides ? ir::floordiv(c, loop.extent(), c.i64(factor))
                                          : ir::ceildiv(c, loop.extent(), c.i64(factor)),
                                  known);
  draft.set_body(replace(c, *site,
                         ir::for_loop(c, outer, trips, ir::for_loop(c, inner, c.i64(factor), body),
                                      "serial", std::string(loop.note()))));
  return draft.finish({name_of(outer), name_of(inner)});
}

Result<Edited> tile(const Program& p, const std::string& a, const std::string& b, int64_t fa,
                    int64_t fb) {
  const auto retitle = [](Result<Edited> r) {
    if (!r)
      for (Diagnostic& d : r.error().diagnostics) d.code = "schedule.tile";
    return r;
  };
  if (a == b) return refuse("tile", "it needs two different loops");
  TENON_TRY(const Edited first, retitle(split(p, a, fa, "predicate")));
  TENON_TRY(const Edited second, retitle(split(first.program, b, fb, "predicate")));
  const Handles order{first.handles[0], second.handles[0], first.handles[1], second.handles[1]};
  TENON_TRY(Edited done, retitle(reorder(second.program, order)));
  done.handles = order;
  return done;
}

}  // namespace tenon::schedule::primitives
