#include "schedule/primitives/place.h"

#include "schedule/primitives/primitives.h"
#include "support/text.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::SymbolicRange;

namespace {
/// The range, or the domain where the range covers all of it.
SymbolicRange clipped(Context& c, const SymbolicRange& range, const SymbolicRange& domain,
                      const ir::Assumptions& known) {
  const bool all = ir::prove(c, ir::le(c, range.lo, domain.lo), known) &&
                   ir::prove(c, ir::le(c, domain.hi, range.hi), known);
  return all ? domain : range;
}

/// The whole buffer.
Ranges whole(Context& c, Expr buffer) {
  Ranges box;
  for (Expr extent : buffer->shape()) box.push_back({c.i64(0), ir::add(c, extent, c.i64(-1))});
  return box;
}

/// `part` where it is known to be inside of the buffer, else all of the axis.
Ranges inside(Context& c, Ranges part, Expr buffer, const ir::Assumptions& known) {
  const Ranges all = whole(c, buffer);
  for (size_t d = 0; d < part.size(); ++d)
    if (!ir::prove(c, ir::le(c, all[d].lo, part[d].lo), known) ||
        !ir::prove(c, ir::le(c, part[d].hi, all[d].hi), known))
      part[d] = all[d];
  return part;
}

}  // namespace

Expr nest_over(Draft& draft, Expr node, const Ranges& ranges, const Ranges& domain,
               ir::Assumptions known, std::span<const ir::ForView> outer) {
  Context& c = draft.c();
  const ir::BlockView view{node};
  std::vector<ir::BlockIter> iters = view.iters();
  std::vector<std::pair<Expr, Expr>> loops;
  std::vector<Expr> guards;
  for (size_t i = 0; i < iters.size(); ++i) {
    const SymbolicRange range = clipped(c, ranges[i], domain[i], known);
    const Expr extent =
        ir::simplify(c, ir::add(c, ir::sub(c, range.hi, range.lo), c.i64(1)), known);
    if (ir::is_int(extent, 1)) {
      iters[i].binding = range.lo;
    } else {
      const Expr var =
          draft.fresh_var(name_of(node) + "_" + axis_name(name_of(node), iters[i].var));
      iters[i].binding = ir::add(c, range.lo, var);
      loops.emplace_back(var, extent);
      known.below(var, extent);
    }
    const Expr end = ir::add(c, domain[i].hi, c.i64(1));
    if (!ir::prove(c, ir::le(c, domain[i].lo, range.lo), known))
      guards.push_back(ir::le(c, domain[i].lo, iters[i].binding));
    if (!ir::prove(c, ir::le(c, range.hi, domain[i].hi), known))
      guards.push_back(ir::lt(c, iters[i].binding, end));
  }
  Expr s = ir::block(c, name_of(node), iters, conjunction(c, guards), view.body(),
                     std::string(node->string_attr_or(ir::Key::note, "")));
  std::vector<ir::ForView> around(outer.begin(), outer.end());
  for (const auto& [var, extent] : loops) around.push_back({ir::for_loop(c, var, extent, s)});
  s = with_repetition_note(c, s, around);
  for (size_t i = loops.size(); i-- > 0;) s = ir::for_loop(c, loops[i].first, loops[i].second, s);
  return s;
}

void narrow(Context& c, const std::vector<ir::BlockIter>& iters, std::span<const Expr> indices,
            const Ranges& box, char kind, Ranges& ranges, std::vector<bool>& narrowed) {
  std::vector<Expr> vars;
  for (const ir::BlockIter& it : iters) vars.push_back(it.var);
  for (size_t d = 0; d < indices.size(); ++d) {
    const auto linear = ir::linear_in(c, indices[d], vars);
    if (!linear) continue;
    size_t used = 0;
    size_t at = 0;
    for (size_t i = 0; i < vars.size(); ++i) {
      if (ir::is_int(linear->coefficients[i], 0)) continue;
      ++used;
      at = i;
    }
    if (used != 1 || !ir::is_int(linear->coefficients[at], 1)) continue;
    if (iters[at].kind != kind || narrowed[at]) continue;
    ranges[at] = {ir::simplify(c, ir::sub(c, box[d].lo, linear->rest)),
                  ir::simplify(c, ir::sub(c, box[d].hi, linear->rest))};
    narrowed[at] = true;
  }
}

std::string bad_place(const Site& block, const Site& loop) {
  if (block_above(block) != block_above(loop)) return "block and loop stand in different blocks";
  std::vector<ir::ForView> around = all_loops_above(loop);
  around.push_back({loop.node});
  for (ir::ForView each : around)
    if (each.kind() == "vector") return "loop '" + loop_name(each) + "' is a vector loop";
  return "";
}

Expr copy_nest(Draft& draft, const std::string& name, const Ranges& box, Expr from, Expr to) {
  Context& c = draft.c();
  std::vector<ir::BlockIter> iters;
  std::vector<Expr> at;
  for (size_t d = 0; d < box.size(); ++d) {
    iters.push_back({c.var("vi" + std::to_string(d)), c.i64(0), 's'});
    at.push_back(iters.back().var);
  }
  const Expr value = ir::cast(c, to->dtype(), ir::load(c, from, at));
  const Expr block = ir::block(c, name, iters, c.bool_imm(true), ir::store(c, to, value, at));
  return nest_over(draft, block, box, box, draft.known_sizes(), {});
}

Result<Edited> read_through_copy(Draft& draft, std::string_view primitive, const ReadCopy& of,
                                 const std::function<Expr(Expr)>& copied,
                                 const RewriteReads& through) {
  Context& c = draft.c();
  const auto site = find_block(draft.body(), of.block);
  if (!site) return refuse(primitive, no_block(of.block));
  const Expr buffer = find_buffer(draft, of.buffer);
  const std::string quoted = "'" + of.buffer + "'";
  if (buffer == nullptr) return refuse(primitive, "there is no buffer " + quoted);
  const Site top = outermost_loop(*site);
  if (!reads(accesses(c, site->node), buffer))
    return refuse(primitive, "block '" + of.block + "' does not read " + quoted);
  if (block_above(*site) != nullptr)
    return refuse(primitive, "block '" + of.block + "' stands in another block");
  const std::vector<Access> all = accesses(c, draft.body());
  const int order = order_of(all, site->node);
  if (writes(accesses(c, top.node), buffer))
    return refuse(primitive, quoted + " is written in the same nest");
  for (const Access& a : all)
    if (a.write && a.buffer == buffer && a.order > order)
      return refuse(primitive, quoted + " is written after the block");
  std::optional<ir::Box> box;
  for (const Access& a : accesses(c, top.node)) {
    if (a.buffer != buffer || a.block != site->node || a.write) continue;
    const ir::Box part = box_of(c, a, 0, draft.known(top));
    box = box ? hull(c, *box, part, draft.known(top)) : part;
  }
  const auto bounds = box ? ir::bounded(*box) : std::nullopt;
  const Ranges region = bounds ? inside(c, *bounds, buffer, draft.known(top)) : whole(c, buffer);
  const Expr copy = copied(buffer);
  TENON_TRY(const Expr reader, through(site->node, buffer, copy));
  const std::string name = draft.fresh(cat(of.buffer, of.suffix));
  const Expr nest = copy_nest(draft, name, region, buffer, copy);
  insert_beside(draft, top, nest, ir::substitute(c, top.node, {{site->node, reader}}), nullptr);
  return draft.finish({name});
}

Site outermost_loop(const Site& site) {
  size_t depth = site.path.size();
  for (size_t i = site.path.size(); i-- > 0;) {
    if (site.path[i].parent->op == ir::Op::block) break;
    if (site.path[i].parent->op == ir::Op::for_) depth = i;
  }
  return ancestor(site, depth);
}

Expr find_buffer(Draft& draft, const std::string& name) {
  for (const ir::KernelParam& p : draft.kernel().params)
    if (name_of(p.buffer) == name) return p.buffer;
  for (Expr b : draft.kernel().buffers)
    if (name_of(b) == name) return b;
  return nullptr;
}

void insert_beside(Draft& draft, const Site& site, Expr before, Expr statement, Expr after) {
  std::vector<Expr> all;
  if (before != nullptr) all.push_back(before);
  all.push_back(statement);
  if (after != nullptr) all.push_back(after);
  draft.set_body(replace(draft.c(), site, ir::seq(draft.c(), all)));
}

std::vector<ir::ForView> loops_inside(const Site& loop) {
  std::vector<ir::ForView> loops = loops_above(loop);
  loops.push_back({loop.node});
  return loops;
}

ir::Assumptions known_inside(const Draft& draft, const Site& loop) {
  ir::Assumptions known = draft.known(loop);
  known.below(ir::ForView{loop.node}.var(), ir::ForView{loop.node}.extent());
  return known;
}

}  // namespace tenon::schedule::primitives
