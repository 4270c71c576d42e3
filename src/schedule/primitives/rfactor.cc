// rfactor.
#include <algorithm>

#include "ir/combiner.h"
#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

namespace {
std::string quote(const std::string& name) { return "'" + name + "'"; }
}  // namespace

namespace {

constexpr std::string_view kRfactor = "rfactor";

/// The block of partial results in the making.
struct Partial {
  std::vector<ir::BlockIter> iters;
  std::vector<Expr> predicate;
  ir::Map body;  // old reduction iterators in terms of the new ones
  Expr factored = nullptr;
  std::vector<Expr> inside;  // conditions that move into the value
};

/// Reduction iterators touched by the loop give way to one iterator for each loop in their
/// bindings.
Result<Partial> factored_iterators(Draft& draft, const Site& site, ForView loop) {
  Context& c = draft.c();
  Partial out;
  ir::Map iterator_of;  // loop variables that have an iterator
  out.factored = c.var("v" + loop_name(loop));
  iterator_of[loop.var()] = out.factored;
  std::vector<ir::BlockIter> reductions;
  const std::vector<ForView> loops = loops_above(site);
  for (const ir::BlockIter& it : ir::BlockView{site.node}.iters()) {
    if (it.kind == 's' || !mentions(it.binding, loop.var())) {
      (it.kind == 's' ? out.iters : reductions).push_back(it);
      if (it.binding->op == Op::var) iterator_of.try_emplace(it.binding, it.var);
      continue;
    }
    for (ForView other : loops) {
      if (!mentions(it.binding, other.var()) || iterator_of.contains(other.var())) continue;
      if (in_bindings(site.node, 's', other.var()))
        return refuse(kRfactor, "loop " + quote(loop_name(other)) +
                                    " carries both spatial and reduction iterators");
      const Expr var = c.var("v" + loop_name(other));
      iterator_of[other.var()] = var;
      reductions.push_back({var, other.var(), 'r'});
    }
  }
  out.iters.push_back({out.factored, loop.var(), 's'});
  out.iters.insert(out.iters.end(), reductions.begin(), reductions.end());
  for (const ir::BlockIter& it : ir::BlockView{site.node}.iters())
    if (it.kind == 'r' && mentions(it.binding, loop.var()))
      out.body[it.var] = ir::substitute(c, it.binding, iterator_of);
  for (Expr part : conjuncts(ir::BlockView{site.node}.predicate())) {
    bool reduces = false;
    for (ForView each : loops)
      reduces = reduces || (mentions(part, each.var()) && in_bindings(site.node, 'r', each.var()));
    if (!reduces) {
      out.predicate.push_back(part);
      continue;
    }
    const Expr moved = ir::substitute(c, part, iterator_of);
    for (ForView each : loops)
      if (mentions(moved, each.var()))
        return refuse(kRfactor, "a condition on loop " + quote(loop_name(each)) +
                                    " cannot move into the block");
    out.inside.push_back(moved);
  }
  return out;
}

/// The value, neutral where the conditions do not hold.
Expr guarded_value(Context& c, const Partial& part, Expr update, const std::string& combine) {
  const Expr value = ir::substitute(c, update->operand(2), part.body);
  const Expr condition = conjunction(c, part.inside);
  if (combine != "fma")
    return ir::select(c, condition, value, ir::identity(c, combine, value->dtype()));
  const Expr zero = ir::identity(c, "sum", value->dtype());
  return ir::binary(c, Op::mul, ir::select(c, condition, value->operand(0), zero),
                    ir::select(c, condition, value->operand(1), zero));
}

Status check_rfactor(Draft& draft, const Site& site, const Site& at) {
  const ForView loop{at.node};
  const std::string& block = name_of(site.node);
  TENON_TRY_VOID(check_reduction(kRfactor, draft.c(), site));
  if (block_above(site) != nullptr)
    return refuse(kRfactor, quote(block) + " stands in another block");
  if (!is_under(site, at.node) || !in_bindings(site.node, 'r', loop.var()))
    return refuse(kRfactor,
                  "loop " + quote(loop_name(loop)) + " carries no reduction of " + quote(block));
  if (in_bindings(site.node, 's', loop.var()))
    return refuse(kRfactor, "loop " + quote(loop_name(loop)) +
                                " carries both spatial and reduction iterators");
  for (ForView outer : all_loops_above(at))
    if (mentions(loop.extent(), outer.var()))
      return refuse(kRfactor, "the extent of " + quote(loop_name(loop)) + " depends on " +
                                  quote(loop_name(outer)));
  if (has_load(loop.extent()))
    return refuse(kRfactor, "the extent of the loop is read from memory");
  const Expr buffer = sole_statement(site.node)->operand(0);
  const Expr skip[] = {site.node};
  for (const Access& a : accesses(draft.c(), draft.body(), skip))
    if (a.buffer == buffer && a.write)
      return refuse(kRfactor, "other statements write " + quote(name_of(buffer)) + " too");
  if (reads(accesses(draft.c(), outermost_loop(site).node, skip), buffer))
    return refuse(kRfactor, quote(name_of(buffer)) + " is read in the same nest");
  return {};
}

/// NAME after the factoring: combines the partial results.
Expr combining_nest(Draft& draft, const Site& site, Expr partial, Expr count,
                    const std::vector<ir::SymbolicRange>& domain) {
  Context& c = draft.c();
  const Expr update = sole_statement(site.node);
  std::vector<ir::BlockIter> iters;
  std::vector<ir::SymbolicRange> ranges;
  ir::Map renamed;
  const std::vector<ir::BlockIter> old = ir::BlockView{site.node}.iters();
  for (size_t i = 0; i < old.size(); ++i) {
    if (old[i].kind != 's') continue;
    renamed[old[i].var] = c.var(name_of(old[i].var));
    iters.push_back({renamed[old[i].var], c.i64(0), 's'});
    ranges.push_back(domain[i]);
  }
  const Expr over = c.var("vr");
  iters.push_back({over, c.i64(0), 'r'});
  ranges.push_back({c.i64(0), ir::add(c, count, c.i64(-1))});
  std::vector<Expr> at;
  for (Expr index : target_indices(update)) at.push_back(ir::substitute(c, index, renamed));
  std::vector<Expr> from{over};
  from.insert(from.end(), at.begin(), at.end());
  const std::string& combine = update->string_attr(ir::Key::combine);
  const Expr body =
      ir::update(c, update->operand(0), ir::substitute(c, update->operand(1), renamed),
                 ir::load(c, partial, from), at, combine == "fma" ? "sum" : combine);
  const Expr block = ir::block(c, name_of(site.node), iters, c.bool_imm(true), body);
  return nest_over(draft, block, ranges, ranges, draft.known_sizes(), {});
}

}  // namespace

Result<Edited> rfactor(const Program& p, const std::string& block, const std::string& loop) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_block(draft.body(), block);
  const auto at = find_loop(draft.body(), loop);
  if (!site) return refuse(kRfactor, no_block(block));
  if (!at) return refuse(kRfactor, no_loop(loop));
  TENON_TRY_VOID(check_rfactor(draft, *site, *at));
  const auto domain = iterator_domain(draft, *site);
  if (!domain) return refuse(kRfactor, "the iterators of " + quote(block) + " do not form a box");
  TENON_TRY(Partial part, factored_iterators(draft, *site, {at->node}));
  const Expr update = sole_statement(site->node);
  const Expr buffer = update->operand(0);
  const Expr count = ForView{at->node}.extent();
  std::vector<Expr> shape{count};
  shape.insert(shape.end(), buffer->shape().begin(), buffer->shape().end());
  const Expr partial =
      c.buffer(draft.fresh_buffer(name_of(buffer) + "_rf"), c.tensor(buffer->dtype(), shape));
  const std::string& combine = update->string_attr(ir::Key::combine);
  std::vector<Expr> to{part.factored};
  for (Expr index : target_indices(update)) to.push_back(index);
  const Expr value = guarded_value(c, part, update, combine);
  const bool reduces = std::any_of(part.iters.begin(), part.iters.end(),
                                   [](const ir::BlockIter& it) { return it.kind == 'r'; });
  const Expr body = reduces ? ir::update(c, partial, ir::identity(c, combine, buffer->dtype()),
                                         value, to, combine)
                            : ir::store(c, partial, value, to);
  const std::string name = draft.fresh(block + "_rf");
  const Expr factored = ir::block(c, name, part.iters, conjunction(c, part.predicate), body,
                                  std::string(site->node->string_attr_or(ir::Key::note, "")));
  const Site top = outermost_loop(*site);
  const Expr combining = combining_nest(draft, *site, partial, count, *domain);
  const std::vector<Expr> both{ir::substitute(c, top.node, {{site->node, factored}}), combining};
  draft.set_body(replace(c, top, ir::seq(c, both)));
  return draft.finish({name});
}

}  // namespace tenon::schedule::primitives
