// Statements and kernels of the text form.
#include "ir/expr.h"
#include "ir/lexer.h"
#include "ir/printer.h"
#include "ir/rewrite.h"

namespace tenon::ir {

void Printer::line_start() {
  if (!out_.empty()) out_ += '\n';
  out_.append(static_cast<size_t>(indent_) * 2, ' ');
}

/// ` {`, the statements of a body, and the closing brace on its own line.
void Printer::body(Expr e) {
  out_ += " {";
  ++indent_;
  if (e->op == Op::seq && e->operands.size() != 1) {
    for (Expr s : e->operands) statement(s);
  } else {
    statement(e);
  }
  --indent_;
  line_start();
  out_ += '}';
}

void Printer::statement(Expr e) {
  // Lines of a statement are not used by the next one: a name keeps its meaning within one.
  NodeMap<std::string> outer = std::move(lines_);
  lines_ = {};
  switch (e->op) {
    case Op::seq:
      line_start();
      out_ += "{";
      ++indent_;
      for (Expr s : e->operands) statement(s);
      --indent_;
      line_start();
      out_ += '}';
      break;
    case Op::for_:
      loop(e);
      break;
    case Op::cond:
    case Op::while_:
      hoist(e->operands.subspan(0, 1));
      line_start();
      out_ += e->op == Op::cond ? "if " : "while ";
      expr(e->operand(0), 0);
      body(e->operand(1));
      if (e->operands.size() > 2) {
        out_ += " else";
        body(e->operand(2));
      }
      break;
    case Op::let:
      binding(e);
      break;
    case Op::block:
      block(e);
      break;
    case Op::instr:
      instruction(e);
      break;
    default:
      hoist(e->operands);
      line_start();
      leaf(e);
  }
  lines_ = std::move(outer);
}

void Printer::loop(Expr e) {
  hoist(e->operands.subspan(1, 1));
  line_start();
  out_ += "for " + name(e->operand(0)) + " in ";
  free_text(e->string_attr(Key::kind));
  out_ += '(';
  expr(e->operand(1), 0);
  out_ += ')';
  if (e->find(Key::note) != nullptr) out_ += " note " + quote(e->string_attr(Key::note), '"');
  body(e->operand(2));
}

void Printer::binding(Expr e) {
  hoist(e->operands.subspan(1, 1));
  line_start();
  out_ += "let " + name(e->operand(0)) + ": ";
  type(e->operand(0)->type);
  out_ += " = ";
  expr(e->operand(1), 0);
  body(e->operand(2));
}

void Printer::leaf(Expr e) {
  switch (e->op) {
    case Op::store:
    case Op::masked_store:
      place(e);
      out_ += " = ";
      expr(e->operand(1), 0);
      return;
    case Op::update:
      expr(e->operand(0), 6);
      out_ += '[';
      list(e->operands.subspan(3));
      out_ += "] ";
      free_text(e->string_attr(Key::combine));
      out_ += "= ";
      expr(e->operand(2), 0);
      out_ += " init ";
      expr(e->operand(1), 0);
      return;
    case Op::fail_:
      out_ += "fail(";
      expr(e->operand(0), 0);
      out_ += ')';
      return;
    default:
      expr(e, 0);
  }
}

/// instr tile<12, 32>(i: rows, j: 32, k: 768) { c[i, j] x[v + i, k] w[k, j] }, an operand a line.
void Printer::instruction(Expr e) {
  const InstrView view{e};
  const std::vector<InstrAxis> axes = view.axes();
  std::vector<Expr> extents;
  for (const InstrAxis& axis : axes) extents.push_back(axis.extent);
  hoist(extents);
  line_start();
  out_ += "instr ";
  free_text(view.name());
  const std::span<const int64_t> params = view.params();
  for (size_t i = 0; i < params.size(); ++i) {
    out_ += i == 0 ? "<" : ", ";
    number(params[i]);
  }
  if (!params.empty()) out_ += '>';
  out_ += '(';
  for (size_t i = 0; i < axes.size(); ++i) {
    out_ += (i == 0 ? "" : ", ") + name(axes[i].var) + ": ";
    expr(axes[i].extent, 0);
  }
  out_ += ") {";
  ++indent_;
  for (Expr operand : view.operands()) {
    hoist(std::span(&operand, 1));
    line_start();
    expr(operand, 0);
  }
  --indent_;
  line_start();
  out_ += '}';
}

/// block dot(vi: s = i, vk: r = k) with t0 := ... where pred note "..." { ... }
/// The predicate sees the iterators, so what it shares stands behind them.
void Printer::block(Expr e) {
  const BlockView view{e};
  const std::vector<BlockIter> iters = view.iters();
  std::vector<Expr> roots;
  for (const BlockIter& it : iters) roots.push_back(it.binding);
  hoist(roots);
  line_start();
  out_ += "block ";
  if (canonical_) {
    out_ += "s" + std::to_string(blocks_++);
  } else {
    free_text(view.name());
  }
  out_ += '(';
  for (size_t i = 0; i < iters.size(); ++i) {
    if (i != 0) out_ += ", ";
    out_ += name(iters[i].var) + ": ";
    out_ += iters[i].kind;
    out_ += " = ";
    expr(iters[i].binding, 0);
  }
  out_ += ')';
  if (!is_int(view.predicate(), 1)) {
    with_clause(std::vector{view.predicate()});
    out_ += " where ";
    expr(view.predicate(), 0);
  }
  if (e->find(Key::note) != nullptr) out_ += " note " + quote(e->string_attr(Key::note), '"');
  body(view.body());
}

void Printer::param(const KernelParam& p) {
  out_ += name(p.buffer) + ": ";
  out_ += role_name(p.role);
  out_ += ' ';
  type(p.buffer->type);
  const auto ints = [&](const std::vector<int64_t>& values) {
    out_ += '[';
    for (size_t i = 0; i < values.size(); ++i) {
      if (i != 0) out_ += ", ";
      number(values[i]);
    }
    out_ += ']';
  };
  if (!p.logical.empty()) {
    out_ += " as ";
    ints(p.logical);
  }
  for (const Packing& packing : p.packing) {
    out_ += " packed(";
    ints(packing.factors);
    out_ += ", ";
    ints(packing.perm);
    out_ += ')';
  }
}

/// What trace lines call by name, buffers and loops, keeps its name; others take what is left.
void Printer::reserve_handles(const Kernel& k) {
  for (Expr size : k.sizes) (void)name(size);
  for (const KernelParam& p : k.params) (void)name(p.buffer);
  for (Expr b : k.buffers) (void)name(b);
  const Expr roots[] = {k.body};
  for (Expr s : post_order(roots))
    if (s->op == Op::for_) (void)name(s->operand(0));
}

void Printer::kernel(const Kernel& k) {
  // A kernel is its own name space.
  names_ = {};
  lines_ = {};
  taken_.clear();
  temporaries_ = 0;
  if (!canonical_) reserve_handles(k);
  out_ += "kernel";
  if (!canonical_) out_ += " @" + kernel_name(&k);
  out_ += '[';
  for (size_t i = 0; i < k.sizes.size(); ++i) {
    if (i != 0) out_ += ", ";
    out_ += name(k.sizes[i]);
  }
  out_ += ']';
  std::vector<Expr> extents;
  for (const KernelParam& p : k.params)
    extents.insert(extents.end(), p.buffer->shape().begin(), p.buffer->shape().end());
  for (Expr b : k.buffers) extents.insert(extents.end(), b->shape().begin(), b->shape().end());
  with_clause(extents);
  out_ += '(';
  for (size_t i = 0; i < k.params.size(); ++i) {
    if (i != 0) out_ += ", ";
    param(k.params[i]);
  }
  out_ += ')';
  if (!k.host_function.empty()) out_ += " extern " + quote(k.host_function, '"');
  out_ += " {";
  ++indent_;
  if (!canonical_) {
    for (const std::string& line : k.trace) {
      line_start();
      out_ += "trace " + quote(line, '"');
    }
  }
  for (Expr b : k.buffers) {
    line_start();
    out_ += "alloc " + name(b) + ": ";
    type(b->type);
  }
  lines_ = {};
  if (k.body->op == Op::seq && k.body->operands.size() != 1) {
    for (Expr s : k.body->operands) statement(s);
  } else {
    statement(k.body);
  }
  --indent_;
  line_start();
  out_ += "}\n";
}

}  // namespace tenon::ir
