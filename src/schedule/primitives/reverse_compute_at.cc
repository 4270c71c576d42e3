// reverse_compute_at: a consumer moves to its producers.
#include <algorithm>
#include <limits>

#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Op;
using ir::SymbolicRange;

namespace {

constexpr std::string_view kName = "reverse_compute_at";

std::string quote(const std::string& name) { return "'" + name + "'"; }

struct Places {
  Site consumer, loop;
  Expr root = nullptr;  // the outermost statement with the loop
  std::vector<Access> mine, inside, all;
  int consumer_order = 0, first = 0, last = 0;  // of the blocks under the loop
};

/// Orders of the statements with the loop and the consumer.
Places locate(Draft& draft, Site consumer, Site loop) {
  Context& c = draft.c();
  Places at{std::move(consumer), std::move(loop), nullptr, {}, {}, {}, 0, 0, 0};
  size_t depth = 0;
  while (depth < at.loop.path.size() && at.loop.path[depth].parent->op != Op::for_) ++depth;
  at.root = ancestor(at.loop, depth).node;
  at.mine = accesses(c, at.consumer.node);
  at.inside = accesses(c, at.loop.node);
  at.all = accesses(c, draft.body());
  std::vector<Expr> blocks;
  for (const Site& site : find_blocks(at.loop.node)) blocks.push_back(site.node);
  at.first = std::numeric_limits<int>::max();
  for (const Access& a : at.all) {
    if (a.block == nullptr) continue;
    if (a.block == at.consumer.node) at.consumer_order = a.order;
    if (std::find(blocks.begin(), blocks.end(), a.block) == blocks.end()) continue;
    at.first = std::min(at.first, a.order);
    at.last = std::max(at.last, a.order);
  }
  return at;
}

/// Refuses when statements that the consumer would overtake touch what it touches.
Status check_overtaking(const Places& at) {
  const Expr written = sole_statement(at.consumer.node)->operand(0);
  for (const Access& a : at.all) {
    if (a.order <= at.last || a.order >= at.consumer_order) continue;
    if ((a.write && (reads(at.mine, a.buffer) || a.buffer == written)) || a.buffer == written)
      return refuse(kName, quote(name_of(a.buffer)) + " is used between the loop and the block");
  }
  // Readers behind it in a loop around both find what it wrote in the same iteration, as before.
  std::vector<Expr> nest;
  for (const Site& site : find_blocks(at.root)) nest.push_back(site.node);
  for (const Access& a : at.all)
    if (a.buffer == written && a.block != at.consumer.node &&
        (a.write || a.order < at.consumer_order) &&
        (a.block == nullptr || std::ranges::find(nest, a.block) != nest.end()))
      return refuse(kName, quote(name_of(written)) + " is used in the nest of the loop");
  return {};
}

/// Buffers that the consumer reads and the loop writes, each written under the loop alone and
/// complete after one iteration.
Result<std::vector<Expr>> produced(Draft& draft, const Places& at) {
  std::vector<Expr> buffers;
  std::vector<ir::ForView> around = all_loops_above(at.loop);
  around.push_back({at.loop.node});
  for (const Access& w : at.inside) {
    if (!w.write || !reads(at.mine, w.buffer)) continue;
    if (std::find(buffers.begin(), buffers.end(), w.buffer) == buffers.end())
      buffers.push_back(w.buffer);
    if (w.block == nullptr)
      return refuse(kName, quote(name_of(w.buffer)) + " is written by a bare statement");
    for (ir::ForView loop : around)
      if (feeds_reduction(w.block, loop.var()))
        return refuse(kName, "block " + quote(name_of(w.block)) + " still reduces over '" +
                                 loop_name(loop) + "'");
  }
  if (buffers.empty())
    return refuse(kName, "the block reads nothing that is written under the loop");
  const Expr skip[] = {at.loop.node};
  const std::vector<Access> outside = accesses(draft.c(), draft.body(), skip);
  for (Expr b : buffers)
    if (writes(outside, b))
      return refuse(kName, quote(name_of(b)) + " is also written outside of the loop");
  return buffers;
}

/// Variables of the loops in the loop's body.
std::vector<Expr> vars_inside(Expr loop) {
  std::vector<Expr> vars;
  const Expr body = ir::ForView{loop}.body();
  visit_statements(body, [&](const Site& at) {
    if (at.node->op == Op::for_) vars.push_back(ir::ForView{at.node}.var());
    return true;
  });
  return vars;
}

/// Parts of the producers' predicates that one iteration of the loop decides as a whole: where one
/// does not hold nothing is written, so the consumer runs under them as well.
std::vector<Expr> shared_conditions(Draft& draft, const Places& at, std::span<const Expr> buffers) {
  const std::vector<Expr> inside = vars_inside(at.loop.node);
  std::vector<Expr> around{at.loop.node->operand(0)};
  for (ir::ForView loop : all_loops_above(at.loop)) around.push_back(loop.var());
  std::vector<Expr> shared;
  for (const Access& a : accesses(draft.c(), ir::ForView{at.loop.node}.body())) {
    if (!a.write || std::ranges::find(buffers, a.buffer) == buffers.end()) continue;
    for (Expr part : conjuncts(ir::BlockView{a.block}.predicate()))
      if (mentions_any(part, around) && !mentions_any(part, inside) &&
          std::ranges::find(shared, part) == shared.end())
        shared.push_back(part);
  }
  return shared;
}

/// The nest of one block with more conditions on the block.
Expr under(Context& c, Expr nest, std::span<const Expr> conditions) {
  if (conditions.empty()) return nest;
  return ir::rewrite_bottom_up(c, nest, [&](Expr e) -> Expr {
    if (e->op != Op::block) return nullptr;
    const ir::BlockView view{e};
    std::vector<Expr> parts = conjuncts(view.predicate());
    parts.insert(parts.end(), conditions.begin(), conditions.end());
    return ir::block(c, view.name(), view.iters(), conjunction(c, parts), view.body(),
                     std::string(e->string_attr_or(ir::Key::note, "")));
  });
}

/// True if the block's predicate does no more to what is written than end iterators at their
/// bounds. Any other part would leave the box of its loops with holes, and the consumer would run
/// where nothing is yet.
bool fills_its_box(Context& c, Expr block, std::span<const Expr> loops,
                   const ir::Assumptions& known) {
  const ir::BlockView view{block};
  const auto iters = view.iters();
  for (Expr part : conjuncts(view.predicate())) {
    const bool ends =
        part->op == Op::lt && !mentions_any(part->operand(1), loops) &&
        std::ranges::any_of(iters, [&](const ir::BlockIter& it) {
          return it.kind == 's' &&
                 (it.binding == part->operand(0) ||
                  ir::is_int(ir::simplify(c, ir::sub(c, it.binding, part->operand(0)), known), 0));
        });
    const bool moves = std::ranges::any_of(
        loops, [&](Expr v) { return mentions(part, v) && in_bindings(block, 's', v); });
    if (!ends && moves) return false;
  }
  return true;
}

/// What the loop writes of the buffer in one iteration.
std::optional<Ranges> written_box(Draft& draft, const Places& at, Expr buffer) {
  Context& c = draft.c();
  const ir::Assumptions known = known_inside(draft, at.loop);
  std::optional<ir::Box> all;
  const std::vector<Expr> loops = vars_inside(at.loop.node);
  for (const Access& a : accesses(c, ir::ForView{at.loop.node}.body())) {
    if (a.buffer != buffer || !a.write) continue;
    if (!fills_its_box(c, a.block, loops, known)) return std::nullopt;
    const ir::Box box = box_of(c, a, 0, known);
    all = all ? hull(c, *all, box, known) : box;
  }
  return all ? ir::bounded(*all) : std::nullopt;
}

/// True if the ranges of all iterations of the loops around make up the whole domain: an iterator
/// that reads the buffer under a condition only may run further than the buffer is written.
bool makes_up(Draft& draft, const Places& at, const SymbolicRange& range,
              const SymbolicRange& domain) {
  Context& c = draft.c();
  const ir::Assumptions known = known_inside(draft, at.loop);
  std::vector<Expr> vars;
  for (ir::ForView loop : loops_above(at.loop)) vars.push_back(loop.var());
  vars.push_back(at.loop.node->operand(0));
  const auto extreme = [&](Expr e) {
    return mentions_any(e, vars) ? ir::range_over(c, e, vars, known)
                                 : std::optional<SymbolicRange>({e, e});
  };
  const auto lo = extreme(range.lo);
  const auto hi = extreme(range.hi);
  return lo && hi && ir::prove(c, ir::le(c, lo->lo, domain.lo), known) &&
         ir::prove(c, ir::le(c, domain.hi, hi->hi), known);
}

/// Refuses unless the loops of the place have iterations wherever the block has elements.
Status check_runs(Draft& draft, const Places& at, const Ranges& domain) {
  Context& c = draft.c();
  ir::Assumptions known = draft.known_sizes();
  for (const SymbolicRange& range : domain) known.facts.push_back(ir::le(c, range.lo, range.hi));
  std::vector<ir::ForView> around = all_loops_above(at.loop);
  around.push_back({at.loop.node});
  for (ir::ForView loop : around) {
    const bool shared = std::ranges::any_of(
        at.consumer.path, [&](const Step& step) { return step.parent == loop.node; });
    if (!shared && !ir::prove(c, ir::le(c, c.i64(1), loop.extent()), known))
      return refuse(kName, "loop '" + loop_name(loop) + "' may have no iterations where " +
                               quote(name_of(at.consumer.node)) + " has elements");
    known.below(loop.var(), loop.extent());
  }
  return {};
}

/// The iterators' ranges in one iteration of the loop.
Result<Ranges> ranges_for(Draft& draft, const Places& at, std::span<const Expr> buffers,
                          const Ranges& domain) {
  Ranges ranges = domain;
  std::vector<bool> narrowed(ranges.size(), false);
  const std::vector<ir::BlockIter> iters = ir::BlockView{at.consumer.node}.iters();
  const Expr body = ir::BlockView{at.consumer.node}.body();
  for (Expr buffer : buffers) {
    const auto box = written_box(draft, at, buffer);
    if (!box)
      return refuse(kName, "the elements of " + quote(name_of(buffer)) +
                               " that are written cannot be bounded");
    for (Expr e : ir::post_order(std::span(&body, 1))) {
      if (e->op != Op::load || e->operand(0) != buffer) continue;
      narrow(draft.c(), iters, e->operands.subspan(1), *box, 's', ranges, narrowed);
    }
  }
  for (size_t i = 0; i < ranges.size(); ++i)
    if (narrowed[i] && !makes_up(draft, at, ranges[i], domain[i])) ranges[i] = domain[i];
  return ranges;
}

}  // namespace

Result<Edited> reverse_compute_at(const Program& p, const std::string& block,
                                  const std::string& loop) {
  Draft draft(p);
  const auto consumer = find_block(draft.body(), block);
  const auto target = find_loop(draft.body(), loop);
  if (!consumer) return refuse(kName, no_block(block));
  if (!target) return refuse(kName, no_loop(loop));
  if (is_under(*consumer, target->node))
    return refuse(kName, quote(block) + " is under loop '" + loop + "' already");
  if (const std::string why = bad_place(*consumer, *target); !why.empty())
    return refuse(kName, why);
  const BlockKind kind = kind_of(draft.c(), consumer->node);
  if ((kind != BlockKind::store && kind != BlockKind::reduction) || is_initialized(consumer->node))
    return refuse(kName, "block " + quote(block) + " is no plain store or reduction");
  const Places at = locate(draft, *consumer, *target);
  if (at.consumer_order < at.last) return refuse(kName, quote(block) + " precedes the loop");
  TENON_TRY_VOID(check_overtaking(at));
  TENON_TRY(const std::vector<Expr> buffers, produced(draft, at));
  const auto domain = iterator_domain(draft, *consumer);
  if (!domain) return refuse(kName, "the iterators of " + quote(block) + " do not form a box");
  TENON_TRY_VOID(check_runs(draft, at, *domain));
  const std::vector<ir::BlockIter> iters = ir::BlockView{consumer->node}.iters();
  for (size_t i = 0; i < iters.size(); ++i)
    if (iters[i].kind == 'r' && !ir::is_int((*domain)[i].lo, 0))
      return refuse(kName, quote(block) + " does not run through its reduction from the start");
  TENON_TRY(const Ranges ranges, ranges_for(draft, at, buffers, *domain));

  const std::vector<Expr> shared = shared_conditions(draft, at, buffers);
  draft.set_body(erase(draft.c(), *consumer));
  Draft next(draft.finish().program);
  auto place = find_loop(next.body(), loop);
  const Expr nest = nest_over(next, consumer->node, ranges, *domain, known_inside(next, *place),
                              loops_inside(*place));
  const std::vector<Expr> both{ir::ForView{place->node}.body(), under(next.c(), nest, shared)};
  next.set_body(
      replace(next.c(), *place, with_child(next.c(), place->node, 2, ir::seq(next.c(), both))));

  // What it reads has to be complete by then, in the same iteration of every loop around.
  place = find_loop(next.body(), loop);
  const auto moved = find_block(next.body(), block);
  std::vector<Expr> vars;
  size_t depth = place->path.size();
  for (size_t i = place->path.size(); i-- > 0;)
    if (place->path[i].parent->op == Op::for_) depth = i;
  for (ir::ForView each : all_loops_above(*place)) vars.push_back(each.var());
  vars.push_back(place->node->operand(0));
  if (const std::string why =
          reads_other_iterations(next, ancestor(*place, depth), vars, moved->node);
      !why.empty())
    return refuse(kName, why);
  return next.finish();
}

}  // namespace tenon::schedule::primitives
