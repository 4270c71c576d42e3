// inline and reverse_inline.
#include <algorithm>

#include "schedule/block_facts.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Op;

namespace {

std::string quote(Expr named) { return "'" + name_of(named) + "'"; }

/// Solves indices = at for the iterators: each index must be an iterator plus something free of
/// them. An index without an iterator is left alone. Empty when an iterator stays unknown.
std::optional<ir::Map> solve(Context& c, const std::vector<ir::BlockIter>& iters,
                             std::span<const Expr> indices, std::span<const Expr> at) {
  std::vector<Expr> vars;
  for (const ir::BlockIter& it : iters) vars.push_back(it.var);
  ir::Map map;
  for (size_t d = 0; d < indices.size(); ++d) {
    if (!mentions_any(indices[d], vars)) continue;
    const auto linear = ir::linear_in(c, indices[d], vars);
    if (!linear) return std::nullopt;
    std::optional<size_t> sole;
    for (size_t i = 0; i < vars.size(); ++i) {
      if (ir::is_int(linear->coefficients[i], 0)) continue;
      if (sole || !ir::is_int(linear->coefficients[i], 1)) return std::nullopt;
      sole = i;
    }
    if (!sole || !map.emplace(vars[*sole], ir::sub(c, at[d], linear->rest)).second)
      return std::nullopt;
  }
  if (map.size() != vars.size()) return std::nullopt;
  return map;
}

Status check_inlined(Draft& draft, const Site& site) {
  Context& c = draft.c();
  if (kind_of(c, site.node) != BlockKind::store)
    return refuse("inline", "block " + quote(site.node) + " is no plain store");
  if (block_above(site) != nullptr)
    return refuse("inline", "block " + quote(site.node) + " stands in another block");
  const Expr buffer = sole_statement(site.node)->operand(0);
  if (draft.is_param(buffer)) return refuse("inline", quote(buffer) + " is an output");
  if (used_by_instruction(draft.body(), buffer))
    return refuse("inline", quote(buffer) + " is read by an instruction");
  const std::vector<Access> all = accesses(c, draft.body());
  const std::vector<Access> mine = accesses(c, site.node);
  const int order = order_of(all, site.node);
  bool has_reader = false;
  for (const Access& a : all) {
    if (a.block == site.node) continue;
    if (a.buffer == buffer) {
      if (a.write) return refuse("inline", "other statements write " + quote(buffer) + " too");
      if (a.order < order) return refuse("inline", quote(buffer) + " is read before the block");
      has_reader = true;
    }
    if (a.write && a.order > order && reads(mine, a.buffer))
      return refuse("inline", quote(a.buffer) + " is written after the block reads it");
  }
  if (!has_reader) return refuse("inline", "nothing reads " + quote(buffer));
  return {};
}

}  // namespace

Result<Edited> inline_block(const Program& p, const std::string& block) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_block(draft.body(), block);
  if (!site) return refuse("inline", no_block(block));
  TENON_TRY_VOID(check_inlined(draft, *site));
  const Expr store = sole_statement(site->node);
  const Expr buffer = store->operand(0);
  const std::vector<ir::BlockIter> iters = ir::BlockView{site->node}.iters();
  const std::vector<Expr> indices = target_indices(store);
  if (!solve(c, iters, indices, indices))
    return refuse("inline",
                  "the indices of " + quote(buffer) + " are not the iterators of the block");
  const Expr rest = erase(c, *site);
  draft.set_body(ir::rewrite_bottom_up(c, rest, [&](Expr e) -> Expr {
    if (e->op != Op::load || e->operand(0) != buffer) return nullptr;
    return ir::substitute(c, store->operand(1), *solve(c, iters, indices, e->operands.subspan(1)));
  }));
  return draft.finish();
}

namespace {

/// The one index list with which the block loads the buffer; empty when there are several.
std::optional<std::vector<Expr>> sole_load(Expr block, Expr buffer) {
  std::optional<std::vector<Expr>> found;
  const Expr body = ir::BlockView{block}.body();
  for (Expr e : ir::post_order(std::span(&body, 1))) {
    if (e->op != Op::load || e->operand(0) != buffer) continue;
    if (found) return std::nullopt;  // loads are interned: equal ones are one node
    found = std::vector<Expr>(e->operands.begin() + 1, e->operands.end());
  }
  return found;
}

/// The producer into which the consumer can go.
Result<Site> find_producer(Draft& draft, const Site& consumer) {
  Context& c = draft.c();
  const std::vector<Access> all = accesses(c, draft.body());
  const std::vector<Access> mine = accesses(c, consumer.node);
  const int order = order_of(all, consumer.node);
  const Expr out = sole_statement(consumer.node)->operand(0);
  std::optional<Site> producer;
  for (const Site& site : find_blocks(draft.body())) {
    if (site.node == consumer.node || kind_of(c, site.node) != BlockKind::store ||
        block_above(site) != nullptr)
      continue;
    const Expr buffer = sole_statement(site.node)->operand(0);
    if (!reads(mine, buffer) || draft.is_param(buffer)) continue;
    bool alone = true;
    for (const Access& a : all)
      if (a.buffer == buffer && a.block != site.node && a.block != consumer.node) alone = false;
    if (alone && !used_by_instruction(draft.body(), buffer)) producer = site;
  }
  if (!producer)
    return refuse("reverse_inline", "no plain store writes a buffer that block " +
                                        quote(consumer.node) + " alone reads");
  const int first = order_of(all, producer->node);
  if (first > order) return refuse("reverse_inline", "the producer comes later");
  for (const Access& a : all) {
    if (a.block == consumer.node || a.block == producer->node) continue;
    if (a.write && a.order > first && reads(mine, a.buffer))
      return refuse("reverse_inline",
                    quote(a.buffer) + " is written after block " + quote(producer->node));
    if (a.buffer == out && a.order < order)
      return refuse("reverse_inline", quote(out) + " is used before block " + quote(consumer.node));
    if (a.write && a.buffer == out)
      return refuse("reverse_inline", quote(out) + " has several writers");
  }
  if (reads(accesses(c, producer->node), out))
    return refuse("reverse_inline", "the producer reads " + quote(out));
  return *producer;
}

}  // namespace

Result<Edited> reverse_inline(const Program& p, const std::string& block) {
  Draft draft(p);
  Context& c = draft.c();
  const auto consumer = find_block(draft.body(), block);
  if (!consumer) return refuse("reverse_inline", no_block(block));
  if (kind_of(c, consumer->node) != BlockKind::store || block_above(*consumer) != nullptr)
    return refuse("reverse_inline", "block '" + block + "' is no plain store");
  TENON_TRY(const Site producer, find_producer(draft, *consumer));
  const Expr from = sole_statement(producer.node);
  const Expr to = sole_statement(consumer->node);
  const Expr buffer = from->operand(0);
  const auto read_at = sole_load(consumer->node, buffer);
  if (!read_at)
    return refuse("reverse_inline", "the block reads " + quote(buffer) + " in several places");
  const std::vector<ir::BlockIter> iters = ir::BlockView{consumer->node}.iters();
  const std::vector<Expr> written_at = target_indices(from);
  const auto map = solve(c, iters, *read_at, written_at);
  if (!map)
    return refuse("reverse_inline",
                  "the block does not read " + quote(buffer) + " at its iterators");
  // It has to run through all of the buffer.
  const auto domain = iterator_domain(draft, *consumer);
  if (!domain)
    return refuse("reverse_inline", "the iterators of '" + block + "' do not form a box");
  const ir::Assumptions known = draft.known_sizes();
  for (size_t d = 0; d < read_at->size(); ++d) {
    const Expr extent = buffer->shape()[d];
    bool whole = ir::is_int(extent, 1);
    for (size_t i = 0; i < iters.size() && !whole; ++i)
      whole = (*read_at)[d] == iters[i].var && ir::is_int((*domain)[i].lo, 0) &&
              ir::prove(c, ir::eq(c, (*domain)[i].hi, ir::add(c, extent, c.i64(-1))), known);
    if (!whole) return refuse("reverse_inline", "the block does not read all of " + quote(buffer));
  }
  // The load first: what the producer stores must not be rewritten again.
  const Expr load = ir::load(c, buffer, *read_at);
  ir::Map value_map = *map;
  value_map[load] = from->operand(1);
  std::vector<Expr> at;
  for (Expr index : target_indices(to)) at.push_back(ir::substitute(c, index, *map));
  const Expr stored =
      ir::store(c, to->operand(0), ir::substitute(c, to->operand(1), value_map), at);
  const Expr merged = with_child(c, producer.node, 1, stored);
  // `consumer` may share loops with the producer, so the second edit looks for its place again.
  draft.set_body(erase(c, *consumer));
  const auto place = find_block(draft.body(), name_of(producer.node));
  draft.set_body(replace(c, *place, merged));
  return draft.finish();
}

}  // namespace tenon::schedule::primitives
