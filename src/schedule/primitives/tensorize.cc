// tensorize: a loop nest becomes an instruction. The one instruction is fma_tile (machine.h).
#include <algorithm>

#include "schedule/access.h"
#include "schedule/primitives/primitives.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;

namespace {

constexpr std::string_view kName = "tensorize";

std::string quote(const std::string& name) { return "'" + name + "'"; }

/// A load or the update's target: buffer and indices in terms of iterators and of loops.
struct Operand {
  Expr buffer;
  std::vector<Expr> at;     // iterators
  std::vector<Expr> loops;  // the same, in loop variables
};

struct Match {
  Site block;
  std::vector<ForView> nest;
  ForView rows{nullptr}, columns{nullptr}, depth{nullptr};  // rows may be missing
  Operand a, b, c;
  ir::Assumptions known;
};

/// Coefficients of the row-major offset in `vars`. An internal buffer's strides change when it
/// shrinks, so each of its indices has to be linear; a param needs just the offset to be.
std::optional<std::vector<Expr>> strides(Draft& draft, const Operand& x, std::span<const Expr> vars,
                                         const ir::Assumptions& known) {
  Context& c = draft.c();
  std::vector<Expr> total(vars.size(), c.i64(0));
  Expr flat = c.i64(0);
  bool linear = true;
  for (size_t d = 0; d < x.loops.size(); ++d) {
    const Expr extent = x.buffer->shape()[d];
    flat = ir::add(c, ir::mul(c, flat, extent), x.loops[d]);
    const auto part = linear ? ir::linear_in(c, x.loops[d], vars) : std::nullopt;
    linear = part.has_value();
    for (size_t i = 0; linear && i < vars.size(); ++i)
      total[i] = ir::add(c, ir::mul(c, total[i], extent), part->coefficients[i]);
  }
  if (!linear) {
    if (!draft.is_param(x.buffer)) return std::nullopt;
    const auto whole = ir::linear_in(c, ir::simplify(c, flat, known), vars);
    if (!whole) return std::nullopt;
    total = whole->coefficients;
  }
  for (Expr& s : total) s = ir::simplify(c, s, known);
  return total;
}

bool uses(const Operand& x, Expr var) {
  return std::any_of(x.loops.begin(), x.loops.end(), [&](Expr e) { return mentions(e, var); });
}

Operand operand_of(Context& c, Expr buffer, std::span<const Expr> indices, const ir::Map& bindings,
                   const ir::Assumptions& known) {
  Operand out{buffer, {indices.begin(), indices.end()}, {}};
  for (Expr i : indices)
    out.loops.push_back(ir::simplify(c, ir::substitute(c, i, bindings), known));
  return out;
}

/// Which loop is which; false when the nest has another shape.
bool assign_loops(Match& m) {
  std::vector<ForView> outer;
  m.depth = ForView{nullptr};
  for (ForView loop : m.nest) {
    if (uses(m.c, loop.var())) {
      outer.push_back(loop);
    } else if (m.depth.node == nullptr) {
      m.depth = loop;
    } else {
      return false;
    }
  }
  if (m.depth.node == nullptr) return false;
  m.rows = m.columns = ForView{nullptr};
  for (ForView loop : outer) {
    const bool in_a = uses(m.a, loop.var());
    const bool in_b = uses(m.b, loop.var());
    ForView& role = in_a && !in_b ? m.rows : m.columns;
    if (in_a == in_b || role.node != nullptr) return false;
    role = loop;
  }
  return m.columns.node != nullptr;
}

/// The block and its operands; loops not yet assigned.
Result<Match> match_nest(Draft& draft, const Site& top) {
  Context& c = draft.c();
  Match m;
  Site site = top;
  while (site.node->op == Op::for_) {
    m.nest.push_back({site.node});
    if (m.nest.back().kind() != "serial")
      return refuse(kName,
                    "loop " + quote(loop_name(m.nest.back())) + " is " + m.nest.back().kind());
    site.path.push_back({site.node, 2});
    site.node = site.node->operand(2);
  }
  if (site.node->op != Op::block) return refuse(kName, "the nest does not end in one block");
  m.block = site;
  const std::string& name = name_of(site.node);
  if (kind_of(c, site.node) != BlockKind::reduction)
    return refuse(kName, "block " + quote(name) + " is no plain reduction");
  if (!is_initialized(site.node))
    return refuse(kName, "decompose the reduction of " + quote(name) + " first");
  const Expr update = sole_statement(site.node);
  const std::string& combine = update->string_attr(ir::Key::combine);
  const Expr value = update->operand(2);
  if ((combine != "fma" && combine != "sum") || value->op != Op::mul ||
      value->operand(0)->op != Op::load || value->operand(1)->op != Op::load)
    return refuse(kName, "block " + quote(name) + " does not sum products of two loads");
  if (draft.is_param(update->operand(0)))
    return refuse(kName, quote(name_of(update->operand(0))) +
                             " is an output: accumulate in a cache_write of it");
  m.known = draft.known(site);
  ir::Map bindings;
  for (const ir::BlockIter& it : ir::BlockView{site.node}.iters()) bindings[it.var] = it.binding;
  m.c = operand_of(c, update->operand(0), target_indices(update), bindings, m.known);
  const auto loaded = [&](size_t i) {
    const Expr load = value->operand(i);
    return operand_of(c, load->operand(0), load->operands.subspan(1), bindings, m.known);
  };
  m.a = loaded(0);
  m.b = loaded(1);
  if (!assign_loops(m)) {
    std::swap(m.a, m.b);
    if (!assign_loops(m))
      return refuse(kName, "the loops are not rows, columns and depth of a product");
  }
  for (const Operand* x : {&m.a, &m.b, &m.c})
    if (x->buffer->dtype() != ir::DType::f32)
      return refuse(kName, quote(name_of(x->buffer)) + " is not f32");
  return m;
}

/// Columns lie side by side and each operand has one stride a loop.
Status check_strides(Draft& draft, const Match& m) {
  Context& c = draft.c();
  std::vector<Expr> vars{m.columns.var(), m.depth.var()};
  if (m.rows.node != nullptr) vars.push_back(m.rows.var());
  const auto of_a = strides(draft, m.a, vars, m.known);
  const auto of_b = strides(draft, m.b, vars, m.known);
  const auto of_c = strides(draft, m.c, vars, m.known);
  if (!of_a || !of_b || !of_c)
    return refuse(kName, "an operand has no constant stride along a loop");
  if (!ir::is_int((*of_b)[0], 1))
    return refuse(kName, "columns of " + quote(name_of(m.b.buffer)) + " are not side by side");
  if (!ir::is_int((*of_c)[0], 1))
    return refuse(kName, "columns of " + quote(name_of(m.c.buffer)) + " are not side by side");
  for (const auto* all : {&*of_a, &*of_b, &*of_c})
    for (Expr stride : *all)
      for (ForView loop : m.nest)
        if (mentions(stride, loop.var()))
          return refuse(kName, "a stride depends on loop " + quote(loop_name(loop)));
  (void)c;
  return {};
}

struct Guards {
  Expr rows, depth;
  std::vector<Expr> kept;
};

/// True if b has elements for every column, also those beyond the definition.
bool has_room(Draft& draft, const Match& m) {
  Context& c = draft.c();
  const Expr vars[] = {m.columns.var()};
  for (size_t d = 0; d < m.b.loops.size(); ++d) {
    if (!mentions(m.b.loops[d], m.columns.var())) continue;
    const auto range = ir::range_over(c, m.b.loops[d], vars, m.known);
    if (!range || !ir::prove(c, ir::le(c, c.i64(0), range->lo), m.known) ||
        !ir::prove(c, ir::lt(c, range->hi, m.b.buffer->shape()[d]), m.known))
      return false;
  }
  return true;
}

/// Turns conditions on the three loops into the counts of valid rows and of steps.
Result<Guards> take_guards(Draft& draft, const Match& m, std::span<const int64_t> params) {
  Context& c = draft.c();
  Guards out{c.i64(params[0]), m.depth.extent(), {}};
  if (m.rows.node != nullptr) out.rows = m.rows.extent();
  bool cuts_columns = false;
  for (Expr part : conjuncts(ir::BlockView{m.block.node}.predicate())) {
    std::vector<ForView> used;
    for (ForView loop : m.nest)
      if (mentions(part, loop.var())) used.push_back(loop);
    if (used.empty()) {
      out.kept.push_back(part);
      continue;
    }
    const std::string where = quote(loop_name(used[0]));
    if (used.size() > 1 || part->op != Op::lt || mentions(part->operand(1), used[0].var()))
      return refuse(kName, "a condition on loop " + where + " is no tail");
    const Expr vars[] = {used[0].var()};
    const auto linear = ir::linear_in(c, part->operand(0), vars);
    if (!linear || !ir::is_int(linear->coefficients[0], 1))
      return refuse(kName, "a condition on loop " + where + " is no tail");
    const Expr left = ir::sub(c, part->operand(1), linear->rest);
    if (used[0].node == m.columns.node) {
      cuts_columns = true;
    } else if (used[0].node == m.depth.node) {
      out.depth = ir::min(c, out.depth, left);
    } else {
      out.rows = ir::min(c, out.rows, left);
    }
  }
  if (cuts_columns && !has_room(draft, m))
    return refuse(kName, "the last columns lie outside of " + quote(name_of(m.b.buffer)) +
                             ": pack it by the tile's width");
  out.rows = ir::simplify(c, out.rows, draft.known(Site{m.block.path, m.block.node}));
  out.depth = ir::simplify(c, out.depth, m.known);
  return out;
}

/// Writes the block with the instruction.
class TileWriter {
 public:
  TileWriter(Draft& draft, const Match& m) : draft_(draft), c_(draft.c()), m_(m) {
    for (ForView loop : m.nest) origin_[loop.var()] = c_.i64(0);
    for (ir::BlockIter it : ir::BlockView{m.block.node}.iters()) {
      old_.push_back(it);
      it.binding = base(it.binding);
      iters_.push_back(it);
    }
  }

  Result<Expr> write(const Guards& guards, std::span<const int64_t> params) {
    std::vector<Expr> operands;
    const Expr rows = m_.rows.node == nullptr ? nullptr : m_.rows.var();
    TENON_TRY_VOID(designate(m_.c, rows, m_.columns.var(), operands));
    TENON_TRY_VOID(designate(m_.a, rows, m_.depth.var(), operands));
    TENON_TRY_VOID(designate(m_.b, m_.depth.var(), m_.columns.var(), operands));
    operands.push_back(in_iterators(guards.depth));
    operands.push_back(in_iterators(guards.rows));
    const Expr instr =
        c_.make(Op::instr, c_.void_type(), operands,
                {{ir::Key::name, std::string(machine::kFmaTile)},
                 {ir::Key::params, std::vector<int64_t>(params.begin(), params.end())}});
    return ir::block(c_, name_of(m_.block.node), iters_, conjunction(c_, guards.kept), instr,
                     std::string(m_.block.node->string_attr_or(ir::Key::note, "")));
  }

 private:
  /// At the tile's origin.
  Expr base(Expr e) { return ir::simplify(c_, ir::substitute(c_, e, origin_), m_.known); }

  /// load(origin), load(one step of p), load(one step of q); the body speaks of iterators.
  Status designate(const Operand& x, Expr p, Expr q, std::vector<Expr>& out) {
    out.push_back(ir::load(c_, x.buffer, x.at));
    for (Expr var : {p, q}) {
      ir::Map step;
      for (size_t i = 0; var != nullptr && i < old_.size(); ++i) {
        ir::Map one = origin_;
        one[var] = c_.i64(1);
        const Expr moved = ir::simplify(c_, ir::substitute(c_, old_[i].binding, one), m_.known);
        const Expr distance = ir::simplify(c_, ir::sub(c_, moved, iters_[i].binding), m_.known);
        if (ir::is_int(distance, 0)) continue;
        for (Expr e : ir::post_order(std::span(&distance, 1)))
          if (e->op == Op::var && !is_size(e))
            return refuse(kName,
                          "iterator " + quote(name_of(old_[i].var)) + " has no constant step");
        step[old_[i].var] = ir::add(c_, old_[i].var, distance);
      }
      std::vector<Expr> at;
      for (Expr index : x.at) at.push_back(ir::substitute(c_, index, step));
      out.push_back(ir::load(c_, x.buffer, at));
    }
    return {};
  }

  bool is_size(Expr var) const {
    const auto& sizes = draft_.kernel().sizes;
    return std::find(sizes.begin(), sizes.end(), var) != sizes.end();
  }

  /// An expression over outer loops in terms of iterators; loops that no iterator is gain one.
  Expr in_iterators(Expr e) {
    ir::Map map;
    for (size_t i = 0; i < old_.size(); ++i)
      if (iters_[i].binding->op != Op::imm) map.try_emplace(iters_[i].binding, iters_[i].var);
    Expr out = ir::substitute(c_, e, map);
    // min(f, n - b) may hold the binding in another form: b's variables are then left.
    for (ForView loop : all_loops_above(m_.block)) {
      if (!mentions(out, loop.var())) continue;
      const Expr iterator = c_.var("v_" + loop_name(loop));
      iters_.push_back({iterator, loop.var(), 's'});
      out = ir::substitute(c_, out, {{loop.var(), iterator}});
    }
    return out;
  }

  Draft& draft_;
  Context& c_;
  const Match& m_;
  ir::Map origin_;
  std::vector<ir::BlockIter> old_, iters_;
};

}  // namespace

Result<Edited> tensorize(const Program& p, const std::string& loop, const std::string& instruction,
                         const std::vector<int64_t>& params) {
  Draft draft(p);
  Context& c = draft.c();
  if (instruction != machine::kFmaTile)
    return refuse(kName, "there is no instruction '" + instruction + "'");
  if (params.size() != 2 || params[0] < 1 || params[1] < 1 || params[0] > 4096 || params[1] > 4096)
    return refuse(kName, "fma_tile takes rows and columns, each from 1 to 4096");
  const auto top = find_loop(draft.body(), loop);
  if (!top) return refuse(kName, no_loop(loop));
  TENON_TRY(const Match m, match_nest(draft, *top));
  if (!ir::is_int(m.columns.extent(), params[1]))
    return refuse(kName, "loop " + quote(loop_name(m.columns)) + " does not run over " +
                             std::to_string(params[1]) + " columns");
  const Expr rows = m.rows.node == nullptr ? c.i64(1) : m.rows.extent();
  if (!ir::prove(c, ir::le(c, rows, c.i64(params[0])), m.known))
    return refuse(kName, "the nest may have more than " + std::to_string(params[0]) + " rows");
  TENON_TRY_VOID(check_strides(draft, m));
  TENON_TRY(Guards guards, take_guards(draft, m, params));
  if (m.rows.node == nullptr) guards.rows = ir::min(c, guards.rows, c.i64(1));
  TENON_TRY(const Expr block, TileWriter(draft, m).write(guards, params));
  draft.set_body(replace(c, *top, block));
  return draft.finish();
}

}  // namespace tenon::schedule::primitives
