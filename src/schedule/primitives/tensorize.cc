// tensorize: a loop nest becomes an instruction of the table (machine/instruction.h). The value is
// unified with the instruction's body, then loops with its axes by the operands in which they
// occur; what stands at a loop in an operand's indices becomes a function of the axis.
#include <algorithm>

#include "schedule/block_facts.h"
#include "schedule/primitives/primitives.h"
#include "schedule/unify.h"

namespace tenon::schedule::primitives {
using ir::Context;
using ir::Expr;
using ir::ForView;
using ir::Op;
using machine::Semantics;

namespace {

constexpr std::string_view kName = "tensorize";

std::string quote(const std::string& name) { return "'" + name + "'"; }

/// A load or the update's target: buffer and indices in terms of iterators and of loops.
struct Operand {
  Expr buffer;
  std::vector<Expr> at;     // iterators
  std::vector<Expr> loops;  // the same, in loop variables
};

struct Nest {
  Site block;
  std::vector<ForView> loops;
  ir::Map bindings;
  ir::Assumptions known;
};

/// One way to read the nest as the instruction.
struct Match {
  std::vector<Operand> operands;
  std::vector<ForView> axes;  // the loop of each axis; its node is nullptr where there is none
};

/// Coefficients of the row-major offset in `vars`. An internal buffer's strides change when it
/// shrinks, so each of its indices has to be linear; a param needs just the offset to be.
std::optional<std::vector<Expr>> strides(Draft& draft, const Operand& x, std::span<const Expr> vars,
                                         const ir::Assumptions& known) {
  Context& c = draft.c();
  std::vector<Expr> total(vars.size(), c.i64(0));
  bool linear = true;
  for (size_t d = 0; d < x.loops.size(); ++d) {
    const Expr extent = x.buffer->shape()[d];
    const auto part = linear ? ir::linear_in(c, x.loops[d], vars) : std::nullopt;
    linear = part.has_value();
    for (size_t i = 0; linear && i < vars.size(); ++i)
      total[i] = ir::add(c, ir::mul(c, total[i], extent), part->coefficients[i]);
  }
  if (!linear) {
    if (!draft.is_param(x.buffer)) return std::nullopt;
    const Expr flat = ir::offset_of(c, x.buffer->shape(), x.loops);
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

/// The nest down to its one block.
Result<Nest> read_nest(Draft& draft, const Site& top) {
  Context& c = draft.c();
  Nest n;
  Site site = top;
  while (site.node->op == Op::for_) {
    n.loops.push_back({site.node});
    if (n.loops.back().kind() != "serial")
      return refuse(kName,
                    "loop " + quote(loop_name(n.loops.back())) + " is " + n.loops.back().kind());
    site.path.push_back({site.node, 2});
    site.node = site.node->operand(2);
  }
  if (site.node->op != Op::block) return refuse(kName, "the nest does not end in one block");
  n.block = site;
  const std::string& name = name_of(site.node);
  if (kind_of(c, site.node) != BlockKind::reduction)
    return refuse(kName, "block " + quote(name) + " is no plain reduction");
  if (!is_initialized(site.node))
    return refuse(kName, "decompose the reduction of " + quote(name) + " first");
  const Expr update = sole_statement(site.node);
  if (draft.is_param(update->operand(0)))
    return refuse(kName, quote(name_of(update->operand(0))) +
                             " is an output: accumulate in a cache_write of it");
  n.known = draft.known(site);
  for (const ir::BlockIter& it : ir::BlockView{site.node}.iters()) n.bindings[it.var] = it.binding;
  return n;
}

/// Searches the assignment of loops to axes.
class Matcher {
 public:
  Matcher(Draft& draft, const Nest& nest, const machine::Instruction& row,
          std::span<const int64_t> params)
      : draft_(draft), c_(draft.c()), n_(nest), row_(row), s_(semantics(row)), params_(params) {}

  Result<Match> run() {
    const Expr update = sole_statement(n_.block.node);
    for (const std::vector<Expr>& loads : unify(row_, update)) {
      Match m;
      m.operands.push_back(operand(update->operand(0), target_indices(update)));
      for (Expr load : loads)
        m.operands.push_back(
            operand(load->operand(0), {load->operands.begin() + 1, load->operands.end()}));
      m.axes.assign(s_.axes.size(), ForView{nullptr});
      if (assign(m, 0)) return m;
    }
    if (reason_.empty())
      reason_ = "block " + quote(name_of(n_.block.node)) + " does not compute what " +
                std::string(row_.name) + " does";
    return refuse(kName, reason_);
  }

 private:
  Operand operand(Expr buffer, std::vector<Expr> indices) {
    Operand out{buffer, std::move(indices), {}};
    for (Expr i : out.at)
      out.loops.push_back(ir::simplify(c_, ir::substitute(c_, i, n_.bindings), n_.known));
    return out;
  }

  /// The reason of the attempt that came furthest is told, among equals the first.
  bool no(size_t loops, std::string why) {
    if (reason_.empty() || loops > reached_) {
      reason_ = std::move(why);
      reached_ = loops;
    }
    return false;
  }

  /// The extent that an axis has in the instruction; 0: known at run time.
  int64_t fixed_extent(const Semantics::Axis& axis) const {
    return axis.param >= 0 ? params_[static_cast<size_t>(axis.param)] : axis.fixed;
  }

  /// What the result has room for along an axis that may run over less; 0: as much as it runs over.
  int64_t room_of(const Semantics::Axis& axis) const {
    return axis.most < 0 ? 0 : params_[static_cast<size_t>(axis.most)];
  }

  bool assign(Match& m, size_t at) {
    if (at == n_.loops.size()) return complete(m);
    const ForView loop = n_.loops[at];
    if (is_idle(m, loop)) return assign(m, at + 1);
    bool fits_some = false;
    for (size_t a = 0; a < s_.axes.size(); ++a) {
      if (m.axes[a].node != nullptr || !same_operands(m, a, loop.var())) continue;
      fits_some = true;
      if (!extent_fits(a, loop, at)) continue;
      m.axes[a] = loop;
      if (assign(m, at + 1)) return true;
      m.axes[a] = ForView{nullptr};
    }
    return fits_some ? false
                     : no(at, "loop " + quote(loop_name(loop)) + " is no axis of " +
                                  std::string(row_.name));
  }

  /// One iteration, which no index needs.
  static bool is_idle(const Match& m, ForView loop) {
    return ir::is_int(loop.extent(), 1) &&
           std::ranges::none_of(m.operands, [&](const Operand& x) { return uses(x, loop.var()); });
  }

  bool same_operands(const Match& m, size_t axis, Expr var) const {
    for (size_t i = 0; i < m.operands.size(); ++i)
      if (uses(m.operands[i], var) != s_.operands[i].axes[axis]) return false;
    return true;
  }

  bool extent_fits(size_t a, ForView loop, size_t at) {
    const Semantics::Axis& axis = s_.axes[a];
    const int64_t fixed = fixed_extent(axis);
    if (fixed > 0 && !ir::is_int(loop.extent(), fixed))
      return no(at,
                "loop " + quote(loop_name(loop)) + " does not run over " + std::to_string(fixed));
    const int64_t most = axis.group > 0 ? axis.group : room_of(axis);
    return most == 0 || ir::prove(c_, ir::le(c_, loop.extent(), c_.i64(most)), n_.known) ||
           no(at,
              "loop " + quote(loop_name(loop)) + " may run over more than " + std::to_string(most));
  }

  /// Axes without a loop run over 1; operands lie as the row wants them.
  bool complete(const Match& m) {
    for (size_t a = 0; a < s_.axes.size(); ++a)
      if (m.axes[a].node == nullptr && fixed_extent(s_.axes[a]) > 1)
        return no(n_.loops.size(), "there is no loop over " +
                                       std::to_string(fixed_extent(s_.axes[a])) +
                                       " for an axis of " + std::string(row_.name));
    for (size_t a = 0; a < s_.axes.size(); ++a)
      if (m.axes[a].node == nullptr && room_of(s_.axes[a]) > 1)
        return no(n_.loops.size(), "there is no loop for an axis of " + std::string(row_.name) +
                                       ": its size must be 1, not " +
                                       std::to_string(room_of(s_.axes[a])));
    std::vector<Expr> vars;
    std::vector<size_t> axis;
    for (size_t a = 0; a < s_.axes.size(); ++a) {
      if (m.axes[a].node == nullptr) continue;
      vars.push_back(m.axes[a].var());
      axis.push_back(a);
    }
    for (size_t i = 0; i < m.operands.size(); ++i) {
      const std::string name = quote(name_of(m.operands[i].buffer));
      const auto steps = strides(draft_, m.operands[i], vars, n_.known);
      if (!steps) return no(n_.loops.size(), name + " has no constant stride along a loop");
      for (size_t v = 0; v < vars.size(); ++v) {
        const int64_t wanted = s_.operands[i].strides[axis[v]];
        if (wanted >= 0 && !ir::is_int((*steps)[v], wanted))
          return no(n_.loops.size(), "neighbours in " + name + " along loop " +
                                         quote(name_of(vars[v])) + " are not " +
                                         std::to_string(wanted) + " apart");
        for (ForView loop : n_.loops)
          if (mentions((*steps)[v], loop.var()))
            return no(n_.loops.size(),
                      "a stride of " + name + " depends on loop " + quote(loop_name(loop)));
      }
    }
    return true;
  }

  Draft& draft_;
  Context& c_;
  const Nest& n_;
  const machine::Instruction& row_;
  const Semantics& s_;
  std::span<const int64_t> params_;
  std::string reason_;
  size_t reached_ = 0;  // loops that had an axis when the reason came up
};

/// True if the operand has elements for all iterations of the loop, also those beyond a condition.
bool has_room(Draft& draft, const Nest& n, const Operand& x, ForView loop) {
  Context& c = draft.c();
  const Expr vars[] = {loop.var()};
  for (size_t d = 0; d < x.loops.size(); ++d) {
    if (!mentions(x.loops[d], loop.var())) continue;
    const auto range = ir::range_over(c, x.loops[d], vars, n.known);
    if (!range || !ir::prove(c, ir::le(c, c.i64(0), range->lo), n.known) ||
        !ir::prove(c, ir::lt(c, range->hi, x.buffer->shape()[d]), n.known))
      return false;
  }
  return true;
}

struct Extents {
  std::vector<Expr> of_axes;
  std::vector<Expr> kept;  // conditions that say nothing about the loops
};

/// Turns conditions on the loops into extents of axes known at run time; an axis of fixed extent is
/// computed whole where its operands have the room and it is no reduction.
Result<Extents> take_guards(Draft& draft, const Nest& n, const Match& m, const Semantics& s) {
  Context& c = draft.c();
  Extents out;
  for (ForView loop : m.axes)
    out.of_axes.push_back(loop.node == nullptr ? c.i64(1) : loop.extent());
  for (Expr part : conjuncts(ir::BlockView{n.block.node}.predicate())) {
    std::vector<size_t> used;
    for (size_t a = 0; a < m.axes.size(); ++a)
      if (m.axes[a].node != nullptr && mentions(part, m.axes[a].var())) used.push_back(a);
    if (used.empty()) {
      out.kept.push_back(part);
      continue;
    }
    const ForView loop = m.axes[used[0]];
    const std::string where = quote(loop_name(loop));
    const Expr vars[] = {loop.var()};
    const auto linear =
        used.size() > 1 || part->op != Op::lt || mentions(part->operand(1), loop.var())
            ? std::nullopt
            : ir::linear_in(c, part->operand(0), vars);
    if (!linear || !ir::is_int(linear->coefficients[0], 1))
      return refuse(kName, "a condition on loop " + where + " is no tail");
    const Semantics::Axis& axis = s.axes[used[0]];
    if (axis.param < 0 && axis.fixed == 0) {
      Expr& extent = out.of_axes[used[0]];
      extent = ir::min(c, extent, ir::sub(c, part->operand(1), linear->rest));
      continue;
    }
    if (axis.reduction) return refuse(kName, "a condition cuts the fixed reduction " + where);
    for (size_t i = 1; i < m.operands.size(); ++i)
      if (s.operands[i].axes[used[0]] && !has_room(draft, n, m.operands[i], loop))
        return refuse(kName, "the last of loop " + where + " lie outside of " +
                                 quote(name_of(m.operands[i].buffer)) +
                                 ": pack it by the tile's width");
  }
  for (Expr& e : out.of_axes) e = ir::simplify(c, e, n.known);
  return out;
}

/// Writes the block with the instruction.
class Writer {
 public:
  Writer(Draft& draft, const Nest& n, const Match& m, const Semantics& s)
      : draft_(draft), c_(draft.c()), n_(n), m_(m), known_(n.known) {
    for (ForView loop : n.loops) origin_[loop.var()] = moved_[loop.var()] = c_.i64(0);
    for (size_t a = 0; a < m.axes.size(); ++a) {
      vars_.push_back(c_.var(s.axes[a].var->string_attr(ir::Key::name)));
      if (m.axes[a].node == nullptr) continue;
      moved_[m.axes[a].var()] = vars_.back();
      known_.below(vars_.back(), m.axes[a].extent());
    }
    for (ir::BlockIter it : ir::BlockView{n.block.node}.iters()) {
      old_.push_back(it);
      it.binding = ir::simplify(c_, ir::substitute(c_, it.binding, origin_), n_.known);
      iters_.push_back(it);
    }
  }

  Result<Expr> write(const Extents& extents, const std::string& name,
                     std::span<const int64_t> params) {
    TENON_TRY(const ir::Map steps, iterator_steps());
    std::vector<Expr> operands;
    for (const Operand& x : m_.operands) {
      std::vector<Expr> at;
      for (Expr index : x.at) at.push_back(ir::substitute(c_, index, steps));
      operands.push_back(ir::load(c_, x.buffer, at));
    }
    std::vector<ir::InstrAxis> axes;
    for (size_t a = 0; a < vars_.size(); ++a)
      axes.push_back({vars_[a], in_iterators(extents.of_axes[a])});
    const Expr instr = ir::instr(c_, name, params, axes, operands);
    return ir::block(c_, name_of(n_.block.node), iters_, conjunction(c_, extents.kept), instr,
                     std::string(n_.block.node->string_attr_or(ir::Key::note, "")));
  }

 private:
  /// Each iterator as a function of the axes: what it is at their origin, plus a distance.
  Result<ir::Map> iterator_steps() {
    ir::Map steps;
    for (size_t i = 0; i < old_.size(); ++i) {
      const Expr moved = ir::substitute(c_, old_[i].binding, moved_);
      const Expr distance = ir::simplify(c_, ir::sub(c_, moved, iters_[i].binding), known_);
      if (ir::is_int(distance, 0)) continue;
      for (Expr e : ir::post_order(std::span(&distance, 1)))
        if (e->op == Op::var && !is_size(e) && std::ranges::find(vars_, e) == vars_.end())
          return refuse(kName, "iterator " + quote(name_of(old_[i].var)) + " has no constant step");
      steps[old_[i].var] = ir::add(c_, old_[i].var, distance);
    }
    return steps;
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
    for (ForView loop : all_loops_above(n_.block)) {
      if (!mentions(out, loop.var())) continue;
      const Expr iterator = c_.var("v_" + loop_name(loop));
      iters_.push_back({iterator, loop.var(), 's'});
      out = ir::substitute(c_, out, {{loop.var(), iterator}});
    }
    return out;
  }

  Draft& draft_;
  Context& c_;
  const Nest& n_;
  const Match& m_;
  ir::Assumptions known_;
  ir::Map origin_, moved_;  // loop variables to 0 and to the axes' variables
  std::vector<Expr> vars_;
  std::vector<ir::BlockIter> old_, iters_;
};

std::string sizes_of(const machine::Instruction& row) {
  std::string all;
  for (const std::string_view param : row.params)
    all += (all.empty() ? "" : ", ") + std::string(param);
  return all;
}

}  // namespace

Result<Edited> tensorize(const Program& p, const std::string& loop, const std::string& instruction,
                         const std::vector<int64_t>& params) {
  Draft draft(p);
  Context& c = draft.c();
  const machine::Instruction* row = machine::find_instruction(instruction);
  if (row == nullptr) return refuse(kName, "there is no instruction '" + instruction + "'");
  if (params.size() < row->params.size() ||
      std::ranges::any_of(params, [](int64_t n) { return n < 1 || n > 4096; }))
    return refuse(kName, instruction + " takes the sizes " + sizes_of(*row) + ", from 1 to 4096");
  const auto top = find_loop(draft.body(), loop);
  if (!top) return refuse(kName, no_loop(loop));
  TENON_TRY(const Nest n, read_nest(draft, *top));
  TENON_TRY(const Match m, Matcher(draft, n, *row, params).run());
  const Semantics& s = semantics(*row);
  TENON_TRY(const Extents extents, take_guards(draft, n, m, s));
  TENON_TRY(const Expr block, Writer(draft, n, m, s).write(extents, instruction, params));
  draft.set_body(replace(c, *top, block));
  return draft.finish();
}

}  // namespace tenon::schedule::primitives
