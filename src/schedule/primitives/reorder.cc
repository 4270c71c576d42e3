// fuse and reorder.
#include <algorithm>

#include "schedule/block_facts.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

Result<Edited> fuse(const Program& p, const std::string& outer, const std::string& inner) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_loop(draft.body(), outer);
  if (!site) return refuse("fuse", no_loop(outer));
  if (!find_loop(draft.body(), inner)) return refuse("fuse", no_loop(inner));
  const ForView a{site->node};
  if (a.body()->op != Op::for_ || loop_name({a.body()}) != inner)
    return refuse("fuse", "loop '" + inner + "' is not all of the body of '" + outer + "'");
  const ForView b{a.body()};
  for (ForView loop : {a, b})
    if (loop.kind() != "serial")
      return refuse("fuse", "loop '" + loop_name(loop) + "' is " + loop.kind() + " already");
  if (mentions(b.extent(), a.var()))
    return refuse("fuse", "the extent of '" + inner + "' depends on '" + outer + "'");
  for (const Site& block : find_blocks(a.node)) {
    const auto carries = [&](char kind, Expr v) { return in_bindings(block.node, kind, v); };
    const bool mixes = (carries('s', a.var()) && carries('r', b.var())) ||
                       (carries('r', a.var()) && carries('s', b.var()));
    if (mixes && !is_initialized(block.node) &&
        !reduction_runs(draft, *find_block(draft.body(), name_of(block.node))))
      return refuse("fuse", "the reduction of '" + name_of(block.node) +
                                "' may be empty: in a loop that carries spatial iterators too, "
                                "its elements would not start");
  }
  const Expr var = draft.fresh_var(outer + "_" + inner);
  const ir::Map map{{a.var(), ir::floordiv(c, var, b.extent())},
                    {b.var(), ir::mod(c, var, b.extent())}};
  // A negative extent runs no iteration, but two of them would multiply to some.
  const ir::Assumptions known = draft.known(*site);
  const auto count = [&](Expr n) {
    return ir::prove(c, ir::le(c, c.i64(0), n), known) ? n : ir::max(c, n, c.i64(0));
  };
  const Expr extent = ir::simplify(c, ir::mul(c, count(a.extent()), count(b.extent())), known);
  draft.set_body(replace(c, *site, ir::for_loop(c, var, extent, ir::substitute(c, b.body(), map))));
  return draft.finish({name_of(var)});
}

namespace {

/// The chain of perfectly nested loops that starts at `top`.
std::vector<ForView> chain_of(Expr top) {
  std::vector<ForView> chain;
  for (Expr s = top; s->op == Op::for_; s = s->operand(2)) chain.push_back({s});
  return chain;
}

/// Index in the chain of each of the loops, in the order given; empty when one is missing.
std::vector<size_t> places(const std::vector<ForView>& chain, const Handles& loops) {
  std::vector<size_t> at;
  for (const std::string& name : loops) {
    const auto found = std::find_if(chain.begin(), chain.end(),
                                    [&](ForView loop) { return loop_name(loop) == name; });
    if (found == chain.end()) return {};
    at.push_back(static_cast<size_t>(found - chain.begin()));
  }
  return at;
}

/// Refuses an order in which an extent precedes a variable that it uses.
Status check_extents(const std::vector<ForView>& order) {
  std::vector<Expr> inner;
  for (size_t i = order.size(); i-- > 0;) {
    inner.push_back(order[i].var());
    for (Expr v : inner)
      if (mentions(order[i].extent(), v))
        return refuse("reorder", "the extent of '" + loop_name(order[i]) + "' depends on '" +
                                     name_of(v) + "'");
  }
  return {};
}

/// A loop that carries both spatial and reduction iterators of a block (a fused one, split again)
/// has to keep its order with others of that kind: the block starts an element where its reduction
/// iterators are 0, which would no longer come first.
Status check_starts(Expr nest, const std::vector<ForView>& before,
                    const std::vector<ForView>& after) {
  for (const Site& site : find_blocks(nest)) {
    if (is_initialized(site.node)) continue;
    const auto mixed = [&](const std::vector<ForView>& loops) {
      std::vector<Expr> vars;
      for (ForView loop : loops)
        if (in_bindings(site.node, 'r', loop.var()) && in_bindings(site.node, 's', loop.var()))
          vars.push_back(loop.var());
      return vars;
    };
    if (mixed(before) != mixed(after))
      return refuse("reorder",
                    "block '" + name_of(site.node) +
                        "' needs the order of loops that carry spatial and reduction iterators");
  }
  return {};
}

}  // namespace

Result<Edited> reorder(const Program& p, const Handles& loops) {
  Draft draft(p);
  Context& c = draft.c();
  if (loops.size() < 2) return refuse("reorder", "it needs at least two loops");
  std::optional<Site> top;
  for (size_t i = 0; i < loops.size(); ++i) {
    if (std::count(loops.begin(), loops.end(), loops[i]) > 1)
      return refuse("reorder", "'" + loops[i] + "' is given twice");
    const auto site = find_loop(draft.body(), loops[i]);
    if (!site) return refuse("reorder", no_loop(loops[i]));
    if (!top || site->path.size() < top->path.size()) top = site;
  }
  std::vector<ForView> chain = chain_of(top->node);
  const std::vector<size_t> wanted = places(chain, loops);
  if (wanted.empty()) return refuse("reorder", "the loops are not perfectly nested in one another");
  std::vector<size_t> slots = wanted;
  std::sort(slots.begin(), slots.end());
  const std::vector<ForView> before = chain;
  for (size_t i = 0; i < slots.size(); ++i) chain[slots[i]] = before[wanted[i]];
  const size_t last = slots.back();
  chain.resize(last + 1);
  for (size_t i = 1; i < chain.size(); ++i)
    if (chain[i].kind() == "parallel")
      return refuse("reorder", "parallel loop '" + loop_name(chain[i]) + "' must stay outermost");
  TENON_TRY_VOID(check_extents(chain));
  TENON_TRY_VOID(check_starts(
      top->node, {before.begin(), before.begin() + static_cast<std::ptrdiff_t>(last) + 1}, chain));
  std::vector<Expr> vars;
  for (size_t i = 0; i <= last; ++i) vars.push_back(before[i].var());
  if (const std::string why = order_matters(draft, *top, vars, false); !why.empty())
    return refuse("reorder", why);
  Expr body = before[last].body();
  for (size_t i = chain.size(); i-- > 0;)
    body = ir::for_loop(c, chain[i].var(), chain[i].extent(), body, chain[i].kind(),
                        std::string(chain[i].note()));
  draft.set_body(replace(c, *top, body));
  return draft.finish();
}

}  // namespace tenon::schedule::primitives
