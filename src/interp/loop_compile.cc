// Translation of a loop program into flat tables.
#include <algorithm>
#include <unordered_set>

#include "interp/loop_tables.h"
#include "ir/combiner.h"
#include "ir/expr.h"
#include "ir/statement.h"
#include "ir/vector.h"
#include "machine/instruction.h"
#include "support/check.h"

namespace tenon::interp {
namespace {
using ir::DType;
using ir::Expr;
using ir::Key;
using ir::Op;

/// Translates a kernel into Tables.
class Compiler {
 public:
  Compiler(ir::Context& c, Tables& tables, std::unordered_map<Expr, int> buffers)
      : c_(c), t_(tables), buffers_(std::move(buffers)) {}

  int slot(Expr var) {
    const auto [at, fresh] = slots_.try_emplace(var, t_.slot_count);
    if (fresh) t_.slot_count += var->type->lanes;
    return at->second;
  }

  int expr(Expr e) {
    if (const auto found = codes_.find(e); found != codes_.end()) {
      t_.codes[static_cast<size_t>(found->second)].memo = true;
      return found->second;
    }
    Code code;
    code.op = e->op;
    code.type = e->dtype();
    code.lanes = e->type->lanes;
    if (code.lanes > 1) code.vector.resize(static_cast<size_t>(code.lanes));
    if (e->op == Op::imm) {
      if (ir::is_float(code.type)) {
        code.value.f = e->float_attr(Key::value);
      } else {
        code.value.i = e->int_attr(Key::value);
      }
    } else if (e->op == Op::var) {
      code.slot = slot(e);
    } else if (ir::is_load(e->op)) {
      const ir::AccessView access{e};
      code.buffer = buffer(access.buffer());
      if (access.mask() != nullptr) code.mask = expr(access.mask());
      for (Expr i : access.indices()) code.args.push_back(expr(i));
    } else {
      TENON_CHECK(ir::is_elementwise(e->op) || ir::info(e->op).op_class == ir::OpClass::lanes,
                  std::string(ir::info(e->op).name));
      if (e->op == Op::shuffle) code.pattern = e->ints_attr(Key::pattern);
      if (e->op == Op::reduce_lanes) code.combine = ir::combiner(e->string_attr(Key::kind));
      code.arg_type = e->operand(0)->dtype();
      code.saturate = e->op == Op::cast && e->int_attr_or(Key::saturate, 0) != 0;
      for (Expr operand : e->operands) code.args.push_back(expr(operand));
    }
    t_.codes.push_back(std::move(code));
    const int at = static_cast<int>(t_.codes.size()) - 1;
    codes_[e] = at;
    return at;
  }

  int statement(Expr s) {
    Statement out;
    out.op = s->op;
    switch (s->op) {
      case Op::seq:
        for (Expr child : s->operands) out.children.push_back(statement(child));
        break;
      case Op::for_:
        compile_for(s, out);
        break;
      case Op::cond:
        out.exprs = {expr(s->operand(0))};
        for (size_t i = 1; i < s->operands.size(); ++i)
          out.children.push_back(statement(s->operand(i)));
        break;
      case Op::while_:
        out.exprs = {expr(s->operand(0))};
        out.children = {statement(s->operand(1))};
        break;
      case Op::let:
        out.slots = {slot(s->operand(0))};
        out.exprs = {expr(s->operand(1))};
        out.children = {statement(s->operand(2))};
        break;
      case Op::store:
      case Op::masked_store:
        compile_store(s, out);
        break;
      case Op::update:
        compile_update(s, out);
        break;
      case Op::block:
        compile_block(s, out);
        break;
      case Op::instr:
        out.op = Op::seq;
        out.children = {statement(machine::expand_strictly(c_, s))};
        break;
      case Op::fail_:
        out.exprs = {expr(s->operand(0))};
        break;
      default:
        TENON_UNREACHABLE("not a statement of a loop program");
    }
    t_.statements.push_back(std::move(out));
    return static_cast<int>(t_.statements.size()) - 1;
  }

 private:
  int buffer(Expr b) {
    const auto found = buffers_.find(b);
    TENON_CHECK(found != buffers_.end(),
                "a buffer that the kernel does not list: " + b->string_attr(Key::name));
    used_.push_back(found->second);
    return found->second;
  }

  void compile_for(Expr s, Statement& out) {
    const ir::ForView loop{s};
    out.slots = {slot(loop.var())};
    out.exprs = {expr(loop.extent())};
    out.parallel = loop.kind() == "parallel";
    const size_t before = used_.size();
    loops_[loop.var()] = false;
    out.children = {statement(loop.body())};
    out.reduces = loops_[loop.var()];
    if (!out.parallel) return;
    std::vector<bool> seen(t_.memories.size(), false);
    for (size_t i = before; i < used_.size(); ++i) {
      const auto b = static_cast<size_t>(used_[i]);
      if (seen[b] || t_.memories[b].scope == ir::Scope::global) continue;
      seen[b] = true;
      out.locals.push_back(used_[i]);
    }
  }

  void compile_store(Expr s, Statement& out) {
    const ir::AccessView access{s};
    out.buffer = buffer(access.buffer());
    out.exprs.push_back(expr(access.value()));
    if (access.mask() != nullptr) out.mask = expr(access.mask());
    for (Expr i : access.indices()) out.exprs.push_back(expr(i));
  }

  void compile_update(Expr s, Statement& out) {
    out.buffer = buffer(s->operand(0));
    for (size_t i = 1; i < s->operands.size(); ++i) out.exprs.push_back(expr(s->operand(i)));
    out.combine = s->string_attr(Key::combine);
    out.reductions = reductions_;
    out.initialized = initialized_;
    if (out.combine != "fma") return;
    const Expr product = s->operand(2);
    TENON_CHECK(product->op == Op::mul, "an fma step whose value is not a product");
    out.exprs[1] = expr(product->operand(0));
    out.exprs.insert(out.exprs.begin() + 2, expr(product->operand(1)));
  }

  /// Adds the loops whose variables e mentions, through the iterators of blocks around.
  void collect_loops(Expr e, std::unordered_set<Expr>& out) const {
    if (loops_.contains(e)) out.insert(e);
    if (const auto behind = iterators_.find(e); behind != iterators_.end())
      out.insert(behind->second.begin(), behind->second.end());
    for (Expr operand : e->operands) collect_loops(operand, out);
  }
  /// A condition that says nothing about the reduction: it decides whether an element starts.
  bool is_spatial(Expr part, const std::unordered_set<Expr>& reduced) const {
    std::unordered_set<Expr> loops;
    collect_loops(part, loops);
    return !ir::mentions_any(part, reduced) &&
           std::ranges::none_of(loops, [&](Expr loop) { return reduced.contains(loop); });
  }

  void compile_block(Expr s, Statement& out) {
    const ir::BlockView block{s};
    std::unordered_set<Expr> reduced;  // iterators and loops of the reduction
    std::vector<int> inner;
    for (const ir::BlockIter& it : block.iters()) {
      out.slots.push_back(slot(it.var));
      out.exprs.push_back(expr(it.binding));
      std::unordered_set<Expr>& behind = iterators_[it.var];
      collect_loops(it.binding, behind);
      if (it.kind != 'r') {
        for (Expr loop : behind) out.moves.push_back(slot(loop));
        continue;
      }
      inner.push_back(slot(it.var));
      reduced.insert(it.var);
      for (Expr loop : behind) loops_[loop] = true;
      reduced.insert(behind.begin(), behind.end());
    }
    for (Expr part : ir::conjuncts(block.predicate())) {
      out.exprs.push_back(expr(part));
      out.spatial.push_back(is_spatial(part, reduced) ? 1 : 0);
    }
    std::swap(reductions_, inner);
    const bool outer = initialized_;
    const std::string note = ";" + std::string(s->string_attr_or(Key::note, "")) + ";";
    initialized_ = note.find(";init=done;") != std::string::npos;
    out.children = {statement(block.body())};
    initialized_ = outer;
    std::swap(reductions_, inner);
  }

  ir::Context& c_;
  Tables& t_;
  std::unordered_map<Expr, int> buffers_, slots_, codes_;
  std::unordered_map<Expr, bool> loops_;  // loop variables; true if a reduction runs over them
  std::unordered_map<Expr, std::unordered_set<Expr>> iterators_;  // of blocks: loops behind them
  std::vector<int> used_;
  std::vector<int> reductions_;
  bool initialized_ = false;
};

}  // namespace

void compile(ir::Context& c, Tables& tables, std::unordered_map<Expr, int> buffers,
             std::span<const Expr> vars, Expr body) {
  Compiler compiler(c, tables, std::move(buffers));
  for (Expr v : vars) compiler.slot(v);
  tables.root = compiler.statement(body);
}

}  // namespace tenon::interp
