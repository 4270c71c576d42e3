// decompose_reduction.
#include <algorithm>

#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

namespace {

constexpr std::string_view kDecompose = "decompose_reduction";

std::string quote(const std::string& name) { return "'" + name + "'"; }

/// Loops between `top` (included) and the block; empty when other statements stand between.
std::vector<ForView> loops_between(const Site& block, Expr top) {
  std::vector<ForView> loops;
  for (const Step& step : block.path) {
    if (loops.empty() && step.parent != top) continue;
    if (step.parent->op == Op::for_) {
      loops.push_back({step.parent});
    } else if (step.parent->op != Op::seq) {
      return {};
    }
  }
  return loops;
}

/// Refuses unless all of the block's reduction happens in `loops`, each of which carries either
/// spatial or reduction iterators. Gives the variables of those that carry the reduction.
Result<std::vector<Expr>> reduction_loops(Draft& draft, Expr block,
                                          std::span<const ForView> loops) {
  std::vector<Expr> below, reducing;
  for (ForView each : loops) {
    below.push_back(each.var());
    if (!in_bindings(block, 'r', each.var())) continue;
    reducing.push_back(each.var());
    if (in_bindings(block, 's', each.var()))
      return refuse(kDecompose, "loop " + quote(loop_name(each)) +
                                    " carries both spatial and reduction iterators");
  }
  const std::vector<Expr>& sizes = draft.kernel().sizes;
  for (const ir::BlockIter& it : ir::BlockView{block}.iters()) {
    if (it.kind != 'r') continue;
    for (Expr e : ir::post_order(std::span(&it.binding, 1))) {
      const bool is_size = std::find(sizes.begin(), sizes.end(), e) != sizes.end();
      if (e->op == Op::var && !is_size && std::find(below.begin(), below.end(), e) == below.end())
        return refuse(kDecompose,
                      quote(name_of(e)) + " outside of the loop carries a part of the reduction");
    }
  }
  return reducing;
}

/// The block's conditions that do not concern the reduction.
Result<std::vector<Expr>> spatial_guards(Expr block, std::span<const ForView> loops,
                                         std::span<const Expr> reducing) {
  std::vector<Expr> guards;
  for (Expr part : conjuncts(ir::BlockView{block}.predicate())) {
    if (!mentions_any(part, reducing)) {
      guards.push_back(part);
      continue;
    }
    for (ForView each : loops)
      if (mentions(part, each.var()) &&
          std::find(reducing.begin(), reducing.end(), each.var()) == reducing.end())
        return refuse(kDecompose, "a condition mixes spatial and reduction loops");
  }
  return guards;
}

/// Loops over the elements that the block writes, with fresh variables, around NAME_init.
class InitNest {
 public:
  InitNest(Draft& draft, Expr block, Expr condition)
      : draft_(draft), c_(draft.c()), block_(block), condition_(condition) {}

  Result<Expr> make(std::span<const ForView> loops, const std::string& name) {
    TENON_TRY_VOID(keep_loops(loops));
    std::vector<ir::BlockIter> iters;
    ir::Map renamed;
    for (ir::BlockIter it : ir::BlockView{block_}.iters()) {
      if (it.kind != 's') continue;
      renamed[it.var] = c_.var(name_of(it.var));
      iters.push_back({renamed[it.var], ir::substitute(c_, it.binding, fresh_), 's'});
    }
    const Expr update = sole_statement(block_);
    const Expr body = ir::store(c_, update->operand(0), update->operand(1), target_indices(update));
    Expr init = ir::block(c_, name, iters, ir::substitute(c_, condition_, fresh_),
                          ir::substitute(c_, body, renamed));
    for (size_t i = kept_.size(); i-- > 0;)
      init = ir::for_loop(c_, fresh_[kept_[i].var()], ir::substitute(c_, kept_[i].extent(), fresh_),
                          init, kept_[i].kind() == "parallel" ? "serial" : kept_[i].kind());
    return init;
  }

 private:
  Status keep_loops(std::span<const ForView> loops) {
    for (ForView each : loops) {
      if (!in_bindings(block_, 's', each.var()) && !mentions(condition_, each.var())) continue;
      kept_.push_back(each);
      fresh_[each.var()] = draft_.fresh_var(loop_name(each) + "_init");
    }
    for (ForView each : kept_)
      for (ForView other : loops)
        if (mentions(each.extent(), other.var()) && !fresh_.contains(other.var()))
          return refuse(kDecompose, "the extent of loop " + quote(loop_name(each)) +
                                        " depends on loop " + quote(loop_name(other)));
    return {};
  }

  Draft& draft_;
  ir::Context& c_;
  Expr block_, condition_;
  std::vector<ForView> kept_;
  ir::Map fresh_;
};

}  // namespace

Result<Edited> decompose_reduction(const Program& p, const std::string& block,
                                   const std::string& loop) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_block(draft.body(), block);
  const auto at = find_loop(draft.body(), loop);
  if (!site) return refuse(kDecompose, no_block(block));
  if (!at) return refuse(kDecompose, no_loop(loop));
  TENON_TRY_VOID(check_reduction(kDecompose, c, *site));
  if (!is_under(*site, at->node) || block_above(*site) != block_above(*at))
    return refuse(kDecompose, quote(block) + " is not under loop " + quote(loop));
  const std::vector<ForView> loops = loops_between(*site, at->node);
  if (loops.empty())
    return refuse(kDecompose, "statements other than loops are between loop and block");
  const std::string_view note = site->node->string_attr_or(ir::Key::note, "");
  if (note_value(note, "again") == "yes" && !runs_once(c, site->node, loops))
    return refuse(kDecompose,
                  quote(block) + " takes some elements in several iterations of " + quote(loop));
  TENON_TRY(const std::vector<Expr> reducing, reduction_loops(draft, site->node, loops));
  TENON_TRY(const std::vector<Expr> guards, spatial_guards(site->node, loops, reducing));
  InitNest nest(draft, site->node, conjunction(c, guards));
  const std::string name = draft.fresh(block + "_init");
  TENON_TRY(const Expr init, nest.make(loops, name));
  const ir::BlockView view{site->node};
  const Expr rest = ir::block(c, block, view.iters(), view.predicate(), view.body(),
                              with_note(note, "init", "done"));
  const std::vector<Expr> both{init, ir::substitute(c, at->node, {{site->node, rest}})};
  draft.set_body(replace(c, *at, ir::seq(c, both)));
  return draft.finish({name});
}

}  // namespace tenon::schedule::primitives
