// cache_read, cache_write, set_scope: buffers of their own for what a block reads or writes.
#include <algorithm>

#include "schedule/primitives/place.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Op;

namespace {

std::string quote(Expr named) { return "'" + name_of(named) + "'"; }

std::optional<ir::Scope> parse_scope(const std::string& name) {
  if (name == "global") return ir::Scope::global;
  if (name == "scratch") return ir::Scope::scratch;
  if (name == "reg") return ir::Scope::reg;
  if (name == "tile") return ir::Scope::tile;
  return std::nullopt;
}

std::string no_scope(const std::string& scope) {
  return "the scope must be global, scratch, reg or tile, not '" + scope + "'";
}

/// The buffer that the block writes, when it is just one.
Expr written_buffer(Context& c, Expr block) {
  Expr buffer = nullptr;
  for (const Access& a : accesses(c, block)) {
    if (!a.write) continue;
    if (buffer != nullptr && buffer != a.buffer) return nullptr;
    buffer = a.buffer;
  }
  return buffer;
}

}  // namespace

Result<Edited> set_scope(const Program& p, const std::string& block, const std::string& scope) {
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_block(draft.body(), block);
  if (!site) return refuse("set_scope", no_block(block));
  const auto to = parse_scope(scope);
  if (!to) return refuse("set_scope", no_scope(scope));
  const Expr buffer = written_buffer(c, site->node);
  if (buffer == nullptr)
    return refuse("set_scope", "block '" + block + "' does not write just one buffer");
  if (draft.is_param(buffer))
    return refuse("set_scope", quote(buffer) + " is an output; see cache_write");
  draft.replace_buffer(buffer,
                       c.buffer(name_of(buffer), c.tensor(buffer->dtype(), buffer->shape(), *to)));
  return draft.finish();
}

Result<Edited> cache_write(const Program& p, const std::string& block, const std::string& scope) {
  constexpr std::string_view kName = "cache_write";
  Draft draft(p);
  Context& c = draft.c();
  const auto site = find_block(draft.body(), block);
  if (!site) return refuse(kName, no_block(block));
  const auto to = parse_scope(scope);
  if (!to) return refuse(kName, no_scope(scope));
  const BlockKind kind = kind_of(c, site->node);
  if ((kind != BlockKind::store && kind != BlockKind::reduction) || is_initialized(site->node))
    return refuse(kName, "block '" + block + "' is no plain store or reduction");
  if (block_above(*site) != nullptr)
    return refuse(kName, "block '" + block + "' stands in another block");
  const Expr statement = sole_statement(site->node);
  const Expr buffer = statement->operand(0);
  const Site top = outermost_loop(*site);
  const Expr skip[] = {site->node};
  if (writes(accesses(c, draft.body(), skip), buffer))
    return refuse(kName, "other statements write " + quote(buffer) + " too");
  if (reads(accesses(c, top.node, skip), buffer))
    return refuse(kName, quote(buffer) + " is read in the same nest");
  const auto domain = iterator_domain(draft, *site);
  if (!domain) return refuse(kName, "the iterators of '" + block + "' do not form a box");
  // The elements written: the indices while the iterators run through the domain.
  Access target{.buffer = buffer, .write = true};
  const std::vector<ir::BlockIter> iters = ir::BlockView{site->node}.iters();
  ir::Map shifted;
  for (size_t i = 0; i < iters.size(); ++i) {
    const auto& [lo, hi] = (*domain)[i];
    shifted[iters[i].var] = ir::add(c, iters[i].var, lo);
    target.loops.push_back({iters[i].var, ir::add(c, ir::sub(c, hi, lo), c.i64(1))});
  }
  for (Expr index : target_indices(statement))
    target.indices.push_back(ir::substitute(c, index, shifted));
  const auto box = ir::bounded(box_of(c, target, 0, draft.known_sizes()));
  if (!box) return refuse(kName, "the elements that '" + block + "' writes cannot be bounded");
  const Expr cache = c.buffer(draft.fresh_buffer(name_of(buffer) + "_" + scope),
                              c.tensor(buffer->dtype(), buffer->shape(), *to));
  const std::string name = draft.fresh(name_of(buffer) + "_write");
  const Expr copy = copy_nest(draft, name, *box, cache, buffer);
  // Only the block changes inside of its nest.
  const Expr changed =
      ir::substitute(c, top.node, {{site->node, ir::substitute(c, site->node, {{buffer, cache}})}});
  insert_beside(draft, top, nullptr, changed, copy);
  return draft.finish({name});
}

Result<Edited> cache_read(const Program& p, const std::string& block,
                          const std::string& buffer_name, const std::string& scope) {
  const auto to = parse_scope(scope);
  if (!to) return refuse("cache_read", no_scope(scope));
  Draft draft(p);
  Context& c = draft.c();
  const auto copied = [&](Expr buffer) {
    return c.buffer(draft.fresh_buffer(buffer_name + "_" + scope),
                    c.tensor(buffer->dtype(), buffer->shape(), *to));
  };
  const auto through = [&](Expr node, Expr buffer, Expr cache) -> Result<Expr> {
    return ir::substitute(c, node, {{buffer, cache}});
  };
  return read_through_copy(draft, "cache_read", {block, buffer_name, "_read"}, copied, through);
}

}  // namespace tenon::schedule::primitives
