// blockize and specialize.
#include <algorithm>

#include "schedule/block_facts.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

Result<Edited> blockize(const Program& p, const std::string& loop) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_loop(draft.body(), loop);
  if (!site) return refuse("blockize", no_loop(loop));
  if (ForView{site->node}.kind() == "parallel")
    return refuse("blockize", "loop '" + loop + "' is parallel");
  for (const Step& step : site->path)
    if (step.parent->op == Op::let || step.parent->op == Op::while_)
      return refuse("blockize", "loop '" + loop + "' stands in a statement other than loops");
  std::vector<Expr> outer;
  for (ForView each : loops_above(*site)) outer.push_back(each.var());
  if (const std::string why = order_matters(draft, *site, outer, false); !why.empty())
    return refuse("blockize", why);
  for (const Site& block : find_blocks(site->node))
    for (Expr var : outer)
      if (in_bindings(block.node, 's', var) && in_bindings(block.node, 'r', var))
        return refuse("blockize", "'" + name_of(var) +
                                      "' carries both spatial and reduction "
                                      "iterators of '" +
                                      name_of(block.node) + "'");
  std::vector<ir::BlockIter> iters;
  ir::Map inner;
  for (Expr var : outer) {
    if (!mentions(site->node, var)) continue;
    char kind = 's';
    for (const Site& block : find_blocks(site->node))
      if (feeds_reduction(block.node, var)) kind = 'r';
    const Expr iterator = c.var("v" + name_of(var));
    inner[var] = iterator;
    iters.push_back({iterator, var, kind});
  }
  const std::string name = draft.fresh(loop + "_block");
  draft.set_body(replace(
      c, *site, ir::block(c, name, iters, c.bool_imm(true), ir::substitute(c, site->node, inner))));
  return draft.finish({name});
}

namespace {

/// The statement that `path` leads to from another root of the same shape.
Site follow(Expr root, std::span<const Step> path) {
  Site site{{}, root};
  for (const Step& step : path) {
    site.path.push_back({site.node, step.child});
    site.node = site.node->operand(step.child);
  }
  return site;
}

/// A copy of the loop's body in which `inner` has a constant extent and a guard.
Expr special_copy(Draft& draft, Expr body, std::span<const Step> to_inner, int64_t bound) {
  Context& c = draft.c();
  const Expr copy = draft.copy(body, "_LE" + std::to_string(bound));
  const Site site = follow(copy, to_inner);
  const ForView inner{site.node};
  const Expr guarded = guard(c, inner.body(), ir::lt(c, inner.var(), inner.extent()));
  return replace(
      c, site,
      ir::for_loop(c, inner.var(), c.i64(bound), guarded, inner.kind(), std::string(inner.note())));
}

}  // namespace

Result<Edited> specialize(const Program& p, const std::string& loop, const std::string& inner_name,
                          const std::vector<int64_t>& bounds) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_loop(draft.body(), loop);
  const auto inner = find_loop(draft.body(), inner_name);
  if (!site) return refuse("specialize", no_loop(loop));
  if (!inner) return refuse("specialize", no_loop(inner_name));
  if (!is_under(*inner, site->node))
    return refuse("specialize", "loop '" + inner_name + "' is not inside of '" + loop + "'");
  if (bounds.empty() || bounds.size() > 8)
    return refuse("specialize", "it takes one to eight bounds");
  for (size_t i = 0; i < bounds.size(); ++i)
    if (bounds[i] < 1 || bounds[i] > 4096 || (i > 0 && bounds[i] <= bounds[i - 1]))
      return refuse("specialize", "bounds ascend from 1 to 4096");
  const ForView target{inner->node};
  if (target.kind() != "serial")
    return refuse("specialize", "loop '" + inner_name + "' is " + target.kind() + " already");
  const Expr extent = target.extent();
  if (ir::as_int(extent))
    return refuse("specialize", "the extent of '" + inner_name + "' is constant");
  // The condition stands above the body, so the extent may only use what is known there.
  const size_t depth = site->path.size() + 1;
  const std::vector<Step> to_inner(inner->path.begin() + static_cast<std::ptrdiff_t>(depth),
                                   inner->path.end());
  for (const Step& step : to_inner) {
    std::vector<Expr> bound;
    if (step.parent->op == Op::for_ || step.parent->op == Op::let)
      bound.push_back(step.parent->operand(0));
    if (step.parent->op == Op::block)
      for (const ir::BlockIter& it : ir::BlockView{step.parent}.iters()) bound.push_back(it.var);
    if (mentions_any(extent, bound))
      return refuse("specialize",
                    "the extent of '" + inner_name + "' is not known at loop '" + loop + "'");
  }
  if (has_load(extent))
    return refuse("specialize", "the extent of '" + inner_name + "' is read from memory");
  const Expr body = ForView{site->node}.body();
  Expr chain = body;
  std::vector<Expr> copies;
  for (int64_t bound : bounds) copies.push_back(special_copy(draft, body, to_inner, bound));
  // An empty loop stays with the general copy: a guard inside would leave a reduction without init.
  const bool runs = ir::prove(c, ir::lt(c, c.i64(0), extent), draft.known(*site));
  for (size_t i = bounds.size(); i-- > 0;) {
    Expr condition = ir::le(c, extent, c.i64(bounds[i]));
    if (!runs) condition = ir::logical_and(c, ir::lt(c, c.i64(0), extent), condition);
    chain = ir::if_then(c, condition, copies[i], chain);
  }
  draft.set_body(replace(c, *site, with_child(c, site->node, 2, chain)));
  return draft.finish();
}

}  // namespace tenon::schedule::primitives
