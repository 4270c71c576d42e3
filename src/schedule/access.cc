#include "schedule/access.h"

#include <algorithm>

#include "machine/machine.h"
#include "support/check.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::Key;
using ir::Op;

namespace {

/// Walks statements with the bindings of the blocks and the loops passed on the way.
class Collector {
 public:
  Collector(Context& c, std::span<const Expr> skip) : c_(c), skip_(skip) {}

  void statement(Expr s, const ir::Map& bindings) {
    if (std::find(skip_.begin(), skip_.end(), s) != skip_.end()) return;
    switch (s->op) {
      case Op::seq:
        for (Expr child : s->operands) statement(child, bindings);
        break;
      case Op::for_:
        loads(s->operand(1), bindings);
        locals_.push_back({s->operand(0), ir::substitute(c_, s->operand(1), bindings)});
        statement(s->operand(2), bindings);
        locals_.pop_back();
        break;
      case Op::cond:
        loads(s->operand(0), bindings);
        for (size_t i = 1; i < s->operands.size(); ++i) statement(s->operand(i), bindings);
        break;
      case Op::while_:
        loads(s->operand(0), bindings);
        statement(s->operand(1), bindings);
        break;
      case Op::let:
        loads(s->operand(1), bindings);
        unknown_.push_back(s->operand(0));
        statement(s->operand(2), bindings);
        unknown_.pop_back();
        break;
      case Op::block:
        block(s, bindings);
        break;
      default:
        leaf(s, bindings);
    }
  }

  std::vector<Access> take() { return std::move(out_); }

 private:
  void block(Expr s, const ir::Map& bindings) {
    const ir::BlockView view{s};
    ir::Map inner = bindings;
    const bool outermost = block_ == nullptr;
    if (outermost) {
      block_ = s;
      ++order_;
    }
    loads(view.predicate(), bindings);
    for (const ir::BlockIter& it : view.iters()) {
      loads(it.binding, bindings);
      inner[it.var] = ir::substitute(c_, it.binding, bindings);
    }
    statement(view.body(), inner);
    if (outermost) block_ = nullptr;
  }

  void leaf(Expr s, const ir::Map& bindings) {
    if (block_ == nullptr) ++order_;
    if (s->op == Op::store || s->op == Op::update) {
      for (size_t i = 1; i < s->operands.size(); ++i) loads(s->operand(i), bindings);
      add(s->operand(0), target_indices(s), bindings, true, s->op == Op::update);
    } else if (s->op == Op::instr && s->string_attr(Key::name) == machine::kFmaTile) {
      tile(s, bindings);
    } else {
      for (Expr operand : s->operands) loads(operand, bindings);
      // An instruction that is not known may write what it names.
      for (Expr e : ir::post_order(s->operands))
        if (e->op == Op::buffer && s->op == Op::instr) unknown_access(e, true);
    }
  }

  void unknown_access(Expr buffer, bool write) {
    out_.push_back({buffer, {}, locals_, write, false, write, block_, order_});
  }

  void loads(Expr e, const ir::Map& bindings) {
    for (Expr n : ir::post_order(std::span(&e, 1))) {
      if (n->op != Op::load) continue;
      add(n->operand(0), {n->operands.begin() + 1, n->operands.end()}, bindings, false, false);
    }
  }

  void add(Expr buffer, std::vector<Expr> indices, const ir::Map& bindings, bool write,
           bool updates) {
    bool exact = true;
    for (Expr& i : indices) {
      exact = exact && !mentions_any(i, unknown_);
      i = ir::substitute(c_, i, bindings);
    }
    if (!exact) return unknown_access(buffer, write);
    out_.push_back({buffer, std::move(indices), locals_, write, true, updates, block_, order_});
  }

  /// c(i, j), a(i, kk), b(kk, j) over the instruction's own loops.
  void tile(Expr s, const ir::Map& bindings) {
    const std::vector<int64_t>& params = s->ints_attr(Key::params);
    for (size_t i = 0; i < s->operands.size(); ++i) {
      if (i < 9) {
        for (size_t d = 1; d < s->operand(i)->operands.size(); ++d)
          loads(s->operand(i)->operand(d), bindings);
      } else {
        loads(s->operand(i), bindings);
      }
    }
    const LocalLoop i{c_.var("ti"), c_.i64(params[0])};
    const LocalLoop j{c_.var("tj"), c_.i64(params[1])};
    const LocalLoop k{c_.var("tk"), ir::substitute(c_, s->operand(9), bindings)};
    const LocalLoop valid{c_.var("tr"), ir::substitute(c_, s->operand(10), bindings)};
    designated(s, 3, valid, k, bindings, false);
    designated(s, 6, k, j, bindings, false);
    designated(s, 0, i, j, bindings, true);
  }

  void designated(Expr s, size_t first, LocalLoop p, LocalLoop q, const ir::Map& bindings,
                  bool write) {
    const Expr origin = s->operand(first);
    std::vector<Expr> indices;
    for (size_t d = 1; d < origin->operands.size(); ++d) {
      const Expr o = origin->operand(d);
      const Expr step_p = ir::simplify(c_, ir::sub(c_, s->operand(first + 1)->operand(d), o));
      const Expr step_q = ir::simplify(c_, ir::sub(c_, s->operand(first + 2)->operand(d), o));
      indices.push_back(
          ir::add(c_, o, ir::add(c_, ir::mul(c_, step_p, p.var), ir::mul(c_, step_q, q.var))));
    }
    locals_.push_back(p);
    locals_.push_back(q);
    add(origin->operand(0), std::move(indices), bindings, write, write);
    locals_.pop_back();
    locals_.pop_back();
  }

  Context& c_;
  std::span<const Expr> skip_;
  std::vector<LocalLoop> locals_;
  std::vector<Expr> unknown_;  // variables of lets
  std::vector<Access> out_;
  Expr block_ = nullptr;
  int order_ = 0;
};

bool has_load(Expr e) {
  for (Expr n : ir::post_order(std::span(&e, 1)))
    if (n->op == Op::load) return true;
  return false;
}

}  // namespace

std::vector<Access> accesses(Context& c, Expr root, std::span<const Expr> skip) {
  Collector collector(c, skip);
  collector.statement(root, {});
  return collector.take();
}

bool reads(const std::vector<Access>& all, Expr buffer) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Access& a) { return a.buffer == buffer && !a.write; });
}
bool writes(const std::vector<Access>& all, Expr buffer) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Access& a) { return a.buffer == buffer && a.write; });
}
bool conflict(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& x : a)
    for (const Access& y : b)
      if (x.buffer == y.buffer && (x.write || y.write)) return true;
  return false;
}

std::optional<Box> box_of(Context& c, const Access& access, const ir::Assumptions& known) {
  if (!access.exact) return std::nullopt;
  ir::Assumptions inside = known;
  std::vector<Expr> inner;
  for (const LocalLoop& loop : access.locals) {
    inside.below(loop.var, loop.extent);
    inner.push_back(loop.var);
  }
  Box box;
  for (Expr index : access.indices) {
    if (has_load(index)) return std::nullopt;
    const Expr e = ir::simplify(c, index, inside);
    if (!mentions_any(e, inner)) {
      box.push_back({e, e});
      continue;
    }
    auto range = ir::range_over(c, e, inner, inside);
    if (!range || mentions_any(range->lo, inner) || mentions_any(range->hi, inner))
      return std::nullopt;
    box.push_back({ir::simplify(c, range->lo, known), ir::simplify(c, range->hi, known)});
  }
  return box;
}

Box unite(Context& c, const Box& a, const Box& b, const ir::Assumptions& known) {
  Box box;
  for (size_t d = 0; d < a.size(); ++d) {
    const Expr lo = ir::prove(c, ir::le(c, a[d].lo, b[d].lo), known) ? a[d].lo
                    : ir::prove(c, ir::le(c, b[d].lo, a[d].lo), known)
                        ? b[d].lo
                        : ir::min(c, a[d].lo, b[d].lo);
    const Expr hi = ir::prove(c, ir::le(c, b[d].hi, a[d].hi), known) ? a[d].hi
                    : ir::prove(c, ir::le(c, a[d].hi, b[d].hi), known)
                        ? b[d].hi
                        : ir::max(c, a[d].hi, b[d].hi);
    box.push_back({lo, hi});
  }
  return box;
}

bool contains(Context& c, const Box& outer, const Box& inner, const ir::Assumptions& known) {
  if (outer.size() != inner.size()) return false;
  for (size_t d = 0; d < outer.size(); ++d) {
    if (outer[d].lo != inner[d].lo && !ir::prove(c, ir::le(c, outer[d].lo, inner[d].lo), known))
      return false;
    if (outer[d].hi != inner[d].hi && !ir::prove(c, ir::le(c, inner[d].hi, outer[d].hi), known))
      return false;
  }
  return true;
}

// ---- blocks

Expr sole_statement(Expr block) {
  const Expr body = ir::BlockView{block}.body();
  return body->op == Op::store || body->op == Op::update || body->op == Op::instr ? body : nullptr;
}

std::vector<Expr> target_indices(Expr s) {
  return {s->operands.begin() + (s->op == Op::update ? 3 : 2), s->operands.end()};
}

bool is_initialized(Expr block) {
  return note_value(block->string_attr_or(Key::note, ""), "init") == "done";
}

bool feeds_reduction(Expr block, Expr loop_var) {
  for (const ir::BlockIter& it : ir::BlockView{block}.iters())
    if (it.kind == 'r' && mentions(it.binding, loop_var)) return true;
  return false;
}

namespace {
/// True if different values of the spatial iterators give different elements: each iterator stands
/// in an index of its own, alone or with a coefficient and a rest free of iterators.
bool is_injective(Context& c, const std::vector<Expr>& indices,
                  const std::vector<ir::BlockIter>& iters) {
  std::vector<Expr> spatial;
  for (const ir::BlockIter& it : iters)
    if (it.kind == 's') spatial.push_back(it.var);
  std::vector<bool> placed(spatial.size(), false);
  for (Expr index : indices) {
    if (has_load(index)) return false;
    int used = 0;
    for (size_t i = 0; i < spatial.size(); ++i) {
      if (!mentions(index, spatial[i])) continue;
      ++used;
      const auto linear = ir::linear_in(c, index, std::span(&spatial[i], 1));
      const auto factor = linear ? ir::as_int(linear->coefficients[0]) : std::nullopt;
      if (factor && *factor != 0) placed[i] = true;
    }
    if (used > 1) return false;
  }
  return std::all_of(placed.begin(), placed.end(), [](bool p) { return p; });
}
}  // namespace

BlockKind kind_of(Context& c, Expr block) {
  const Expr s = sole_statement(block);
  if (s == nullptr) return BlockKind::opaque;
  if (s->op == Op::instr)
    return s->string_attr(Key::name) == machine::kFmaTile ? BlockKind::tile : BlockKind::opaque;
  const std::vector<ir::BlockIter> iters = ir::BlockView{block}.iters();
  for (size_t i = 1; i < s->operands.size(); ++i) {
    const Expr operand = s->operand(i);
    for (Expr e : ir::post_order(std::span(&operand, 1)))
      if (e->op == Op::load && e->operand(0) == s->operand(0)) return BlockKind::opaque;
  }
  const std::vector<Expr> indices = target_indices(s);
  if (!is_injective(c, indices, iters)) return BlockKind::opaque;
  bool has_reduction = false;
  for (const ir::BlockIter& it : iters) {
    if (it.kind != 'r') continue;
    has_reduction = true;
    for (Expr index : indices)
      if (mentions(index, it.var)) return BlockKind::opaque;
  }
  if (s->op == Op::update) return BlockKind::reduction;
  return has_reduction ? BlockKind::opaque : BlockKind::store;
}

std::optional<std::vector<ir::SymbolicRange>> iterator_domain(Draft& draft, const Site& site) {
  Context& c = draft.c();
  const std::vector<ir::BlockIter> iters = ir::BlockView{site.node}.iters();
  const ir::Assumptions known = draft.known(site);
  const ir::Assumptions sizes = draft.known_sizes();
  std::vector<Expr> loops;
  for (ir::ForView loop : loops_above(site)) loops.push_back(loop.var());
  std::vector<Expr> lo(iters.size()), hi(iters.size());
  std::vector<Expr> others;
  for (Expr part : conjuncts(ir::BlockView{site.node}.predicate())) {
    bool used = false;
    for (size_t i = 0; i < iters.size(); ++i) {
      if (part->op == Op::lt && part->operand(0) == iters[i].binding &&
          !mentions_any(part->operand(1), loops)) {
        const Expr bound = ir::add(c, part->operand(1), c.i64(-1));
        hi[i] = hi[i] == nullptr ? bound : ir::simplify(c, ir::min(c, hi[i], bound), sizes);
        used = true;
      }
      if (part->op == Op::le && part->operand(1) == iters[i].binding &&
          !mentions_any(part->operand(0), loops)) {
        lo[i] = part->operand(0);
        used = true;
      }
    }
    if (used) continue;
    if (part->op != Op::lt && part->op != Op::le) return std::nullopt;
    others.push_back(part);
  }
  std::vector<ir::SymbolicRange> domain;
  for (size_t i = 0; i < iters.size(); ++i) {
    // Without a bound of its own the iterator takes all that its loops give; a guard on those loops
    // would make that too much.
    if (hi[i] == nullptr || lo[i] == nullptr) {
      std::vector<Expr> mine;
      for (Expr v : loops)
        if (mentions(iters[i].binding, v)) mine.push_back(v);
      for (Expr other : others)
        if (hi[i] == nullptr && mentions_any(other, mine)) return std::nullopt;
      if (has_load(iters[i].binding)) return std::nullopt;
      const Expr e = ir::simplify(c, iters[i].binding, known);
      const auto range = loops.empty() || !mentions_any(e, loops)
                             ? std::optional<ir::SymbolicRange>({e, e})
                             : ir::range_over(c, e, loops, known);
      if (!range) return std::nullopt;
      if (lo[i] == nullptr) lo[i] = ir::simplify(c, range->lo, sizes);
      if (hi[i] == nullptr) hi[i] = ir::simplify(c, range->hi, sizes);
    }
    if (mentions_any(lo[i], loops) || mentions_any(hi[i], loops)) return std::nullopt;
    domain.push_back({lo[i], hi[i]});
  }
  return domain;
}

// ---- dependences

namespace {

std::string quoted(Expr named) { return "'" + name_of(named) + "'"; }

/// Iterators that `vars` reach.
std::string check_block(Draft& draft, Expr block, std::span<const Expr> vars, bool parallel) {
  const BlockKind kind = kind_of(draft.c(), block);
  for (const ir::BlockIter& it : ir::BlockView{block}.iters()) {
    if (it.kind != 'r' || !mentions_any(it.binding, vars)) continue;
    if (parallel) return "block " + quoted(block) + " reduces over it";
    if (kind == BlockKind::opaque)
      return "block " + quoted(block) + " is opaque and depends on its order";
  }
  const Expr s = sole_statement(block);
  if (kind != BlockKind::opaque || s == nullptr || s->op == Op::instr) return "";
  // A single statement that is neither a plain store nor a plain reduction: say what the promise of
  // spatial iterators cannot hold for.
  for (const ir::BlockIter& it : ir::BlockView{block}.iters()) {
    if (!mentions_any(it.binding, vars)) continue;
    bool indexes = false;
    for (Expr index : target_indices(s)) indexes = indexes || mentions(index, it.var);
    if (!indexes && it.kind == 's')
      return "block " + quoted(block) + " writes the same elements in several iterations";
  }
  for (size_t i = 1; i < s->operands.size(); ++i) {
    const Expr operand = s->operand(i);
    for (Expr e : ir::post_order(std::span(&operand, 1))) {
      if (e->op != Op::load || e->operand(0) != s->operand(0)) continue;
      const std::vector<Expr> target = target_indices(s);
      if (!std::equal(target.begin(), target.end(), e->operands.begin() + 1, e->operands.end()))
        return "block " + quoted(block) + " reads elements of " + quoted(s->operand(0)) +
               " that other iterations write";
    }
  }
  return "";
}

}  // namespace

std::string order_matters(Draft& draft, const Site& nest, std::span<const Expr> vars,
                          bool parallel) {
  std::string reason;
  visit_statements(nest.node, [&](const Site& at) {
    if (!reason.empty()) return false;
    const Op op = at.node->op;
    if (op == Op::block) {
      reason = check_block(draft, at.node, vars, parallel);
      return false;
    }
    if (op == Op::store || op == Op::update || op == Op::instr || op == Op::while_ ||
        op == Op::let || op == Op::fail_)
      reason = "statements inside stand in no block";
    return reason.empty();
  });
  if (!reason.empty()) return reason;
  return reads_other_iterations(draft, nest, vars, nullptr);
}

namespace {
/// Guards keep accesses inside the buffer, whatever the loops around them cover.
void clamp(Context& c, Box& box, Expr buffer, const ir::Assumptions& known) {
  for (size_t d = 0; d < box.size(); ++d) {
    const Expr last = ir::sub(c, buffer->shape()[d], c.i64(1));
    if (ir::prove(c, ir::le(c, last, box[d].hi), known)) box[d].hi = last;
  }
}
}  // namespace

std::string reads_other_iterations(Draft& draft, const Site& nest, std::span<const Expr> vars,
                                   Expr reader) {
  Context& c = draft.c();
  const std::vector<Access> all = accesses(c, nest.node);
  ir::Assumptions known = draft.known(nest);
  if (nest.node->op == Op::for_) known.below(nest.node->operand(0), nest.node->operand(1));
  const auto boxed = [&](Access a) {
    std::erase_if(a.locals, [&](const LocalLoop& l) {
      return std::find(vars.begin(), vars.end(), l.var) != vars.end();
    });
    return box_of(c, a, known);
  };
  for (const Access& a : all)
    for (const LocalLoop& l : a.locals)
      if (std::find(vars.begin(), vars.end(), l.var) != vars.end()) known.below(l.var, l.extent);
  for (const Access& r : all) {
    if ((r.write && !r.updates) || (reader != nullptr && r.block != reader)) continue;
    bool covered = false;
    bool shared = false;
    for (const Access& w : all) {
      if (!w.write || w.buffer != r.buffer || w.block == r.block) continue;
      shared = true;
      if (w.order >= r.order || covered) continue;
      bool complete = w.block != nullptr;
      for (size_t i = 0; complete && i < vars.size(); ++i) {
        const Expr v = vars[i];
        complete = !feeds_reduction(w.block, v);
      }
      if (!complete) continue;
      const auto outer = boxed(w);
      auto inner = boxed(r);
      if (inner) clamp(c, *inner, r.buffer, known);
      covered = outer && inner && contains(c, *outer, *inner, known);
    }
    if (shared && !covered)
      return (r.block != nullptr ? "block " + quoted(r.block) : "a statement") +
             " uses elements of " + quoted(r.buffer) + " from other iterations";
  }
  return "";
}

}  // namespace tenon::schedule::primitives
