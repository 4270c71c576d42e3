// Walking statements; see passes.h.

#include "ir/rewrite.h"
#include "machine/instruction.h"
#include "schedule/finalize/passes.h"
#include "support/check.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

std::vector<size_t> statement_operands(Expr s) {
  switch (s->op) {
    case Op::seq: {
      std::vector<size_t> all(s->operands.size());
      for (size_t i = 0; i < all.size(); ++i) all[i] = i;
      return all;
    }
    case Op::for_:
    case Op::let:
      return {2};
    case Op::cond:
      return s->operands.size() > 2 ? std::vector<size_t>{1, 2} : std::vector<size_t>{1};
    case Op::while_:
    case Op::block:
      return {1};
    default:
      return {};
  }
}

Expr map_children(Context& c, Expr s, const std::function<Expr(Expr)>& f) {
  const std::vector<size_t> at = statement_operands(s);
  if (at.empty()) return s;
  std::vector<Expr> operands(s->operands.begin(), s->operands.end());
  bool changed = false;
  for (size_t i : at) {
    operands[i] = f(operands[i]);
    changed = changed || operands[i] != s->operand(i);
  }
  if (!changed) return s;
  if (s->op == Op::seq) {
    std::vector<Expr> kept;
    for (Expr e : operands)
      if (!is_empty(e)) kept.push_back(e);
    return seq(c, kept);
  }
  if (s->op == Op::cond) {
    const Expr otherwise = operands.size() > 2 && !is_empty(operands[2]) ? operands[2] : nullptr;
    if (is_empty(operands[1]) && otherwise == nullptr) return seq(c, {});
    return if_then(c, operands[0], operands[1], otherwise);
  }
  if ((s->op == Op::for_ || s->op == Op::let) && is_empty(operands[2])) return seq(c, {});
  return c.rebuild(s, s->type, operands);
}

namespace {
/// Visits every node of an expression once, until `f` returns true.
bool any_node(Expr e, std::unordered_set<Expr>& seen, const std::function<bool(Expr)>& f) {
  if (f(e)) return true;
  if (e->operands.empty() || !seen.insert(e).second) return false;
  for (Expr operand : e->operands)
    if (any_node(operand, seen, f)) return true;
  return false;
}
}  // namespace

bool mentions(Expr e, const std::unordered_set<Expr>& nodes) {
  std::unordered_set<Expr> seen;
  return any_node(e, seen, [&](Expr n) { return nodes.contains(n); });
}

bool mentions(Expr e, Expr node) {
  std::unordered_set<Expr> seen;
  return any_node(e, seen, [&](Expr n) { return n == node; });
}

void collect_vars(Expr e, std::unordered_set<Expr>& out) {
  std::unordered_set<Expr> seen;
  any_node(e, seen, [&](Expr n) {
    if (n->op == Op::var) out.insert(n);
    return false;
  });
}

namespace {
void split_conjunction(Expr e, std::vector<Expr>& out) {
  if (e->op == Op::and_) {
    for (Expr operand : e->operands) split_conjunction(operand, out);
  } else if (!is_int(e, 1)) {
    out.push_back(e);
  }
}

class Collector {
 public:
  explicit Collector(Context& c) : c_(c) {}

  std::vector<Access> run(Expr root) {
    visit(root);
    return std::move(all_);
  }

 private:
  void visit(Expr s) {
    switch (s->op) {
      case Op::store: {
        for (size_t i = 1; i < s->operands.size(); ++i) loads(s->operand(i));
        add(s->operand(0), true, s->operands.subspan(2));
        return;
      }
      case Op::update: {
        for (size_t i = 1; i < s->operands.size(); ++i) loads(s->operand(i));
        add(s->operand(0), true, s->operands.subspan(3));
        return;
      }
      case Op::instr:
        return visit_instruction(s);
      default:
        break;
    }
    const std::vector<size_t> children = statement_operands(s);
    for (size_t i = 0; i < s->operands.size(); ++i)
      if (s->operand(i)->type->kind != TypeKind::void_) loads(s->operand(i));
    if (s->op == Op::for_) {
      loops_.push_back(s);
      depths_.push_back(path_.size());
    }
    for (size_t i : children) {
      path_.push_back(i);
      if (s->op == Op::cond) branches_.push_back({s->operand(0), i == 1});
      visit(s->operand(i));
      if (s->op == Op::cond) branches_.pop_back();
      path_.pop_back();
    }
    if (s->op == Op::for_) {
      loops_.pop_back();
      depths_.pop_back();
    }
  }

  void loads(Expr e) {
    std::unordered_set<Expr> seen;
    any_node(e, seen, [&](Expr n) {
      if (n->op == Op::load && !seen.contains(n)) add(n->operand(0), false, n->operands.subspan(1));
      return false;
    });
  }

  /// Each operand is touched between its first and its last element; the first operand over its
  /// whole room, when it is read too.
  void visit_instruction(Expr s) {
    const InstrView view{s};
    const std::vector<InstrAxis> axes = view.axes();
    for (Expr operand : view.operands().subspan(1)) corners(operand, axes, false, false);
    const std::vector<InstrAxis> written = machine::written_axes(c_, s);
    corners(view.operands()[0], written, false, true);
    corners(view.operands()[0], written, true, true);
    for (const InstrAxis& axis : axes) loads(axis.extent);
  }

  void corners(Expr operand, const std::vector<InstrAxis>& axes, bool is_store, bool in_tile) {
    Map first, last;
    for (const InstrAxis& axis : axes) {
      first[axis.var] = c_.i64(0);
      last[axis.var] = sub(c_, axis.extent, c_.i64(1));
    }
    for (const Map* at : {&first, &last}) {
      std::vector<Expr> indices;
      for (Expr index : operand->operands.subspan(1)) indices.push_back(substitute(c_, index, *at));
      for (Expr index : indices) loads(index);
      add(operand->operand(0), is_store, indices);
      all_.back().in_tile = in_tile;
      all_.back().fixed = in_tile;
    }
  }

  void add(Expr buffer, bool is_store, std::span<const Expr> indices) {
    Access a;
    a.buffer = buffer;
    a.is_store = is_store;
    a.indices.assign(indices.begin(), indices.end());
    a.loops = loops_;
    a.depths = depths_;
    a.path = path_;
    a.branches = branches_;
    all_.push_back(std::move(a));
  }

  Context& c_;
  std::vector<Access> all_;
  std::vector<Expr> loops_;
  std::vector<size_t> depths_, path_;
  std::vector<Branch> branches_;
};
}  // namespace

std::vector<Expr> conjuncts(Expr condition) {
  std::vector<Expr> parts;
  split_conjunction(condition, parts);
  return parts;
}

Expr conjunction(Context& c, const std::vector<Expr>& parts) {
  Expr all = c.bool_imm(true);
  for (Expr part : parts) all = logical_and(c, all, part);
  return all;
}

bool is_empty(Expr statement) { return statement->op == Op::seq && statement->operands.empty(); }

Assumptions assume_sizes(const Kernel& kernel) { return assume_extents(kernel); }

std::vector<Access> collect_accesses(Context& c, Expr root) { return Collector(c).run(root); }

}  // namespace tenon::schedule::finalizing
