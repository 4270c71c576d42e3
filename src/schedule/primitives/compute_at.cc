// compute_at: a producer moves to its consumers.
#include <algorithm>

#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Op;
using ir::SymbolicRange;

namespace {

constexpr std::string_view kName = "compute_at";

std::string quote(const std::string& name) { return "'" + name + "'"; }

/// Refuses unless the block alone defines an internal buffer, in a form that can be computed in
/// parts.
Status check_producer(Draft& draft, const Site& site) {
  const std::string& name = name_of(site.node);
  const BlockKind kind = kind_of(draft.c(), site.node);
  if (kind != BlockKind::store && kind != BlockKind::reduction)
    return refuse(kName, "block " + quote(name) + " is no plain store or reduction");
  if (is_initialized(site.node))
    return refuse(kName, "the reduction of " + quote(name) + " is decomposed already");
  const Expr buffer = sole_statement(site.node)->operand(0);
  if (draft.is_param(buffer))
    return refuse(kName, quote(name) + " writes the output " + quote(name_of(buffer)));
  const Expr skip[] = {site.node};
  if (writes(accesses(draft.c(), draft.body(), skip), buffer))
    return refuse(kName, "other blocks write " + quote(name_of(buffer)) + " too");
  return {};
}

/// The union of what is read of the buffer inside the loop, in one iteration.
Result<Ranges> needed(Draft& draft, const Site& loop, Expr producer, Expr buffer) {
  Context& c = draft.c();
  const ir::Assumptions known = known_inside(draft, loop);
  const Expr skip[] = {producer};
  std::optional<ir::Box> all;
  for (const Access& a : accesses(c, ir::ForView{loop.node}.body(), skip)) {
    if (a.buffer != buffer || a.write) continue;
    const ir::Box box = box_of(c, a, 0, known);
    all = all ? hull(c, *all, box, known) : box;
  }
  if (!all) return refuse(kName, "nothing under the loop reads " + quote(name_of(buffer)));
  if (auto ranges = ir::bounded(*all)) return *std::move(ranges);
  return refuse(kName,
                "the elements of " + quote(name_of(buffer)) + " that are read cannot be bounded");
}

/// Index among the loop's child statements of the first that reads the buffer.
size_t first_reader(Context& c, Expr body, Expr buffer) {
  const std::span<const Expr> all = ir::in_sequence(body);
  for (size_t i = 0; i < all.size(); ++i)
    if (reads(accesses(c, all[i]), buffer)) return i;
  return 0;
}

Expr inserted(Context& c, Expr body, size_t at, Expr statement) {
  const std::span<const Expr> old = ir::in_sequence(body);
  std::vector<Expr> all(old.begin(), old.end());
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), statement);
  return ir::seq(c, all);
}

/// Refuses when an input of the producer would be written between its old and its new place.
Status check_inputs(Draft& draft, Expr producer, Expr body, size_t at) {
  Context& c = draft.c();
  const std::vector<Access> mine = accesses(c, producer);
  const std::vector<Access> all = accesses(c, draft.body());
  const int order = order_of(all, producer);
  for (const Access& a : all)
    if (a.order > order && a.write && reads(mine, a.buffer))
      return refuse(kName, quote(name_of(a.buffer)) + " is written after the block reads it");
  for (Expr statement : ir::in_sequence(body).subspan(at)) {
    const Expr skip[] = {producer};
    for (const Access& a : accesses(c, statement, skip))
      if (a.write && reads(mine, a.buffer))
        return refuse(kName, quote(name_of(a.buffer)) + " is written after the place in the loop");
  }
  return {};
}

}  // namespace

Result<Edited> compute_at(const Program& p, const std::string& block, const std::string& loop) {
  Draft draft(p);
  auto producer = find_block(draft.body(), block);
  auto target = find_loop(draft.body(), loop);
  if (!producer) return refuse(kName, no_block(block));
  if (!target) return refuse(kName, no_loop(loop));
  if (const std::string why = bad_place(*producer, *target); !why.empty())
    return refuse(kName, why);
  TENON_TRY_VOID(check_producer(draft, *producer));
  const Expr buffer = sole_statement(producer->node)->operand(0);
  const Expr skip[] = {producer->node, target->node};
  if (reads(accesses(draft.c(), draft.body(), skip), buffer))
    return refuse(kName, quote(name_of(buffer)) + " is read outside of loop '" + loop + "'");
  const auto domain = iterator_domain(draft, *producer);
  if (!domain) return refuse(kName, "the iterators of " + quote(block) + " do not form a box");
  TENON_TRY(const Ranges box, needed(draft, *target, producer->node, buffer));
  {
    const Expr body = ir::ForView{target->node}.body();
    TENON_TRY_VOID(
        check_inputs(draft, producer->node, body, first_reader(draft.c(), body, buffer)));
  }
  const std::vector<ir::BlockIter> iters = ir::BlockView{producer->node}.iters();
  for (size_t i = 0; i < iters.size(); ++i)
    if (iters[i].kind == 'r' && !ir::is_int((*domain)[i].lo, 0))
      return refuse(kName, quote(block) + " does not run through its reduction from the start");
  Ranges ranges = *domain;
  std::vector<bool> narrowed(ranges.size(), false);
  narrow(draft.c(), iters, target_indices(sole_statement(producer->node)), box, 's', ranges,
         narrowed);

  // Out of its old place, into the new one.
  const Expr moved = producer->node;
  draft.set_body(erase(draft.c(), *producer));
  Draft next(draft.finish().program);
  target = find_loop(next.body(), loop);
  if (!target) return refuse(kName, "loop '" + loop + "' holds nothing but the block");
  const Expr nest =
      nest_over(next, moved, ranges, *domain, known_inside(next, *target), loops_inside(*target));
  const Expr body = ir::ForView{target->node}.body();
  next.set_body(
      replace(next.c(), *target,
              with_child(next.c(), target->node, 2,
                         inserted(next.c(), body, first_reader(next.c(), body, buffer), nest))));
  return next.finish();
}

}  // namespace tenon::schedule::primitives
