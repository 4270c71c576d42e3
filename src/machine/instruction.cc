#include "machine/instruction.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "ir/combiner.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/statement.h"
#include "ir/text.h"
#include "support/check.h"
#include "support/text.h"

namespace tenon::machine {
namespace {
using ir::Context;
using ir::Expr;
using ir::InstrAxis;
using ir::InstrView;
using ir::Op;

// ---- taking a body apart

class Reader {
 public:
  explicit Reader(const Instruction& row) : row_(row) {
    auto module = ir::parse(row.body, row.name);
    TENON_CHECK(module.has_value() && module->kernels.size() == 1, row.body);
    kernel_ = module->kernels.front();
    c_ = kernel_->context.get();
  }

  Semantics read() {
    Expr s = kernel_->body;
    for (; s->op == Op::for_; s = ir::ForView{s}.body()) axis(ir::ForView{s});
    TENON_CHECK(s->op == Op::block, row_.body);
    ir::Map bindings;
    for (const ir::BlockIter& it : ir::BlockView{s}.iters()) {
      bindings[it.var] = it.binding;
      for (Semantics::Axis& a : out_.axes)
        if (a.var == it.binding) a.reduction = it.kind == 'r';
    }
    const Expr update = ir::substitute(*c_, ir::BlockView{s}.body(), bindings);
    TENON_CHECK(update->op == Op::update, row_.body);
    out_.combine = update->string_attr(ir::Key::combine);
    out_.value = update->operand(2);
    std::vector<Expr> target(update->operands.begin() + 3, update->operands.end());
    operand(update->operand(0), target, 0);
    for (size_t i = 1; i < kernel_->params.size(); ++i) {
      const Expr load = load_of(kernel_->params[i].buffer);
      operand(load->operand(0), {load->operands.begin() + 1, load->operands.end()}, i);
    }
    room(target);
    groups();
    return std::move(out_);
  }

  std::shared_ptr<ir::Kernel> kernel() { return kernel_; }

 private:
  int param_of(Expr size) const {
    for (size_t i = 0; i < row_.params.size(); ++i)
      if (size->op == Op::var && size->string_attr(ir::Key::name) == row_.params[i])
        return static_cast<int>(i);
    return -1;
  }

  void axis(ir::ForView loop) {
    Semantics::Axis a;
    a.var = loop.var();
    a.extent = loop.extent();
    a.param = param_of(loop.extent());
    a.fixed = ir::as_int(loop.extent()).value_or(0);
    out_.axes.push_back(a);
  }

  Expr load_of(Expr buffer) const {
    for (Expr e : ir::post_order(std::span(&out_.value, 1)))
      if (e->op == Op::load && e->operand(0) == buffer) return e;
    TENON_UNREACHABLE("an operand that the body does not read");
  }

  void operand(Expr buffer, std::vector<Expr> indices, size_t position) {
    Semantics::Operand x;
    x.buffer = buffer;
    x.indices = std::move(indices);
    const size_t rank = x.indices.size();
    const size_t first_dense = rank - static_cast<size_t>(row_.dense[position]);
    for (const Semantics::Axis& a : out_.axes) {
      int64_t stride = 0;
      bool any = false, used = false;
      int64_t width = 1;
      for (size_t d = rank; d-- > 0;) {
        const auto linear = ir::linear_in(*c_, x.indices[d], std::span(&a.var, 1));
        TENON_CHECK(linear.has_value(), row_.body);
        const int64_t step = ir::as_int(linear->coefficients[0]).value_or(0);
        used = used || step != 0;
        any = any || (step != 0 && d < first_dense);
        if (d < first_dense) continue;
        stride += step * width;
        width *= ir::as_int(buffer->shape()[d]).value_or(1);
      }
      x.strides.push_back(any ? -1 : stride);
      x.axes.push_back(used);
    }
    out_.operands.push_back(std::move(x));
  }

  /// A compile-time size in the result's shape where a loop runs over less.
  void room(const std::vector<Expr>& target) {
    const Expr buffer = out_.operands[0].buffer;
    for (size_t d = 0; d < target.size(); ++d)
      for (Semantics::Axis& a : out_.axes)
        if (a.var == target[d] && a.extent != buffer->shape()[d])
          a.most = param_of(buffer->shape()[d]);
  }

  /// A literal in an operand's shape where a loop runs over less.
  void groups() {
    for (const Semantics::Operand& x : out_.operands)
      for (size_t d = 0; d < x.indices.size(); ++d)
        for (Semantics::Axis& a : out_.axes) {
          const auto n = ir::as_int(x.buffer->shape()[d]);
          if (n && a.var == x.indices[d] && a.extent != x.buffer->shape()[d]) a.group = *n;
        }
  }

  const Instruction& row_;
  std::shared_ptr<ir::Kernel> kernel_;
  Context* c_ = nullptr;
  Semantics out_;
};

struct Parsed {
  std::shared_ptr<ir::Kernel> kernel;  // keeps the nodes alive
  Semantics semantics;
};

// ---- building the meaning of a node

const Instruction& row_of(Expr instr) {
  const Instruction* row = find_instruction(InstrView{instr}.name());
  TENON_CHECK(row != nullptr, "no instruction " + InstrView{instr}.name());
  return *row;
}

/// The row's value over the node's operands.
Expr value_of(Context& c, const Semantics& s, Expr e, std::span<const Expr> operands) {
  if (e->op == Op::load) {
    for (size_t i = 1; i < s.operands.size(); ++i)
      if (s.operands[i].buffer == e->operand(0)) return operands[i];
    TENON_UNREACHABLE("a body that reads its result");
  }
  const ir::Type type = c.scalar(e->dtype());
  std::vector<Expr> args;
  for (Expr arg : e->operands) args.push_back(value_of(c, s, arg, operands));
  return c.make(e->op, type, args, {e->attrs.begin(), e->attrs.end()});
}

Expr combined(Context& c, const Semantics& s, Expr old, std::span<const Expr> operands) {
  const Expr value = value_of(c, s, s.value, operands);
  if (s.combine == "fma")
    return c.make(Op::fma, old->type, {value->operand(0), value->operand(1), old});
  return c.make(ir::combiner(s.combine), old->type, {old, value});
}

Expr nest(Context& c, std::span<const InstrAxis> axes, Expr body) {
  for (size_t i = axes.size(); i-- > 0;) body = ir::for_loop(c, axes[i].var, axes[i].extent, body);
  return body;
}

/// The axes with extents that stay in the result's room.
std::vector<InstrAxis> bounded_axes(Context& c, Expr instr) {
  const InstrView view{instr};
  std::vector<InstrAxis> axes = view.axes();
  const Semantics& s = semantics(row_of(instr));
  for (size_t i = 0; i < axes.size(); ++i)
    if (s.axes[i].most >= 0)
      axes[i].extent =
          ir::min(c, axes[i].extent, c.i64(view.params()[static_cast<size_t>(s.axes[i].most)]));
  return axes;
}

Expr inside(Context& c, Expr element) {
  Expr all = c.bool_imm(true);
  for (size_t d = 1; d < element->operands.size(); ++d) {
    const Expr i = element->operand(d);
    const Expr n = element->operand(0)->shape()[d - 1];
    all = ir::logical_and(c, all, ir::logical_and(c, ir::le(c, c.i64(0), i), ir::lt(c, i, n)));
  }
  return all;
}

Expr store_to(Context& c, Expr element, Expr value) {
  return ir::store(c, element->operand(0), value, element->operands.subspan(1));
}

Expr unspecified(Context& c, ir::DType type) {
  const ir::Type scalar = c.scalar(type);
  if (ir::is_float(type)) return c.imm_f(scalar, std::numeric_limits<double>::quiet_NaN());
  return c.imm(scalar, std::numeric_limits<int64_t>::min());
}

}  // namespace

const Instruction* find_instruction(std::string_view name) {
  for (const Instruction& row : instructions())
    if (row.name == name) return &row;
  return nullptr;
}

int64_t Semantics::group() const {
  int64_t all = 1;
  for (const Axis& a : axes) all *= std::max<int64_t>(a.group, 1);
  return all;
}

const Semantics& semantics(const Instruction& row) {
  static const std::vector<Parsed> all = [] {
    std::vector<Parsed> parsed;
    for (const Instruction& i : instructions()) {
      Reader reader(i);
      Semantics s = reader.read();
      parsed.push_back({reader.kernel(), std::move(s)});
    }
    return parsed;
  }();
  return all[static_cast<size_t>(&row - instructions().data())].semantics;
}

Expr expand(Context& c, Expr instr) {
  const std::span<const Expr> operands = InstrView{instr}.operands();
  const Expr value = combined(c, semantics(row_of(instr)), operands[0], operands);
  return nest(c, bounded_axes(c, instr), store_to(c, operands[0], value));
}

Expr expand_strictly(Context& c, Expr instr) {
  const Semantics& s = semantics(row_of(instr));
  const InstrView view{instr};
  const Expr result = view.operands()[0];
  const std::vector<InstrAxis> axes = bounded_axes(c, instr);
  // The element is looked at once, before the axes that only reduce.
  size_t outer = axes.size();
  while (outer > 0 && !s.operands[0].axes[outer - 1]) --outer;
  const Expr step = store_to(c, result, combined(c, s, result, view.operands()));
  const Expr sum = nest(c, std::span(axes).subspan(outer), step);
  const Expr work = nest(c, std::span(axes).first(outer), ir::if_then(c, inside(c, result), sum));
  std::vector<Expr> all{work};
  Expr runs = c.bool_imm(true);
  for (const InstrAxis& axis : axes)
    runs = ir::logical_and(c, runs, ir::lt(c, c.i64(0), axis.extent));
  for (size_t i = 0; i < axes.size(); ++i) {
    if (s.axes[i].most < 0) continue;
    // The elements from the extent on; other axes of the result over all of their extent.
    const Expr room = c.i64(view.params()[static_cast<size_t>(s.axes[i].most)]);
    std::vector<InstrAxis> beyond;
    for (size_t j = 0; j < axes.size(); ++j)
      if (s.operands[0].axes[j])
        beyond.push_back(j == i ? InstrAxis{axes[j].var, ir::sub(c, room, axes[i].extent)}
                                : axes[j]);
    const Expr moved =
        ir::substitute(c, result, {{axes[i].var, ir::add(c, axes[i].var, axes[i].extent)}});
    all.push_back(
        ir::if_then(c, runs,
                    nest(c, beyond,
                         ir::if_then(c, inside(c, moved),
                                     store_to(c, moved, unspecified(c, result->dtype()))))));
  }
  return ir::seq(c, all);
}

std::vector<InstrAxis> written_axes(Context& c, Expr instr) {
  const InstrView view{instr};
  const Semantics& s = semantics(row_of(instr));
  std::vector<InstrAxis> axes = view.axes();
  for (size_t i = 0; i < axes.size(); ++i)
    if (s.axes[i].most >= 0)
      axes[i].extent = c.i64(view.params()[static_cast<size_t>(s.axes[i].most)]);
  return axes;
}

Status verify_instr(Expr instr) {
  const InstrView view{instr};
  const Instruction* row = find_instruction(view.name());
  const auto refuse = [&](const std::string& why) {
    return fail("verify.instruction", "instruction '" + view.name() + "' " + why);
  };
  if (row == nullptr) return refuse("is not known; rows stand in src/machine/instruction_rows.cc");
  const Semantics& s = semantics(*row);
  if (view.params().size() < row->params.size())
    return refuse("takes " + std::to_string(row->params.size()) + " compile-time sizes");
  for (const int64_t n : view.params())
    if (n < 1 || n > 4096) return refuse("has a compile-time size outside of 1 to 4096");
  if (view.axes().size() != s.axes.size())
    return refuse("has " + std::to_string(s.axes.size()) + " axes");
  if (view.operands().size() != s.operands.size())
    return refuse("has " + std::to_string(s.operands.size()) + " operands");
  const std::vector<InstrAxis> axes = view.axes();
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t fixed = s.axes[i].param >= 0 ? view.params()[static_cast<size_t>(s.axes[i].param)]
                                               : s.axes[i].fixed;
    if (fixed > 0 && !ir::is_int(axes[i].extent, fixed))
      return refuse("runs over " + std::to_string(fixed) + " along axis " + std::to_string(i));
    if (s.axes[i].group > 0 && ir::as_int(axes[i].extent).value_or(0) > s.axes[i].group)
      return refuse("runs over at most " + std::to_string(s.axes[i].group) + " along axis " +
                    std::to_string(i));
  }
  for (size_t i = 0; i < s.operands.size(); ++i)
    if (view.operands()[i]->dtype() != s.operands[i].buffer->dtype())
      return refuse("takes " + std::string(ir::info(s.operands[i].buffer->dtype()).name) +
                    " as operand " + std::to_string(i));
  return {};
}

namespace {

/// True if the axis stays in its group, and the operand's last axis, where that is the group, holds
/// all of it.
bool holds_group(Context& c, const Semantics& s, size_t operand, size_t axis, const InstrView& view,
                 const ir::Assumptions& known) {
  const int64_t group = s.axes[axis].group;
  const ir::InstrAxis used = view.axes()[axis];
  if (group == 0 || ir::is_int(used.extent, group)) return true;
  if (!ir::prove(c, ir::le(c, used.extent, c.i64(group)), known)) return false;
  if (s.operands[operand].indices.back() != s.axes[axis].var) return true;
  const Expr element = view.operands()[operand];
  return element->operands.back() == used.var &&
         ir::is_int(element->operand(0)->shape().back(), group);
}

}  // namespace

Status verify_layout(Context& c, Expr instr) {
  const InstrView view{instr};
  const Semantics& s = semantics(row_of(instr));
  const std::vector<InstrAxis> axes = view.axes(), written = written_axes(c, instr);
  std::vector<Expr> vars;
  for (const InstrAxis& axis : axes) vars.push_back(axis.var);
  for (size_t i = 0; i < s.operands.size(); ++i) {
    ir::Assumptions known;
    for (const InstrAxis& axis : i == 0 ? written : axes) known.below(axis.var, axis.extent);
    const auto refuse = [&](const std::string& why) {
      return fail("verify.instruction",
                  "operand " + std::to_string(i) + " of instruction '" + view.name() + "' " + why);
    };
    const Expr element = view.operands()[i];
    const Expr place = ir::offset_of(c, element->operand(0)->shape(), element->operands.subspan(1));
    const auto linear = ir::linear_in(c, ir::simplify(c, place, known), vars);
    if (!linear) return refuse("has no constant stride along the axes");
    for (size_t a = 0; a < axes.size(); ++a) {
      const Expr step = ir::simplify(c, linear->coefficients[a], known);
      const int64_t wanted = s.operands[i].strides[a];
      if (wanted >= 0 && !ir::is_int(axes[a].extent, 1) && !ir::is_int(step, wanted))
        return refuse("has neighbours along axis " + std::to_string(a) + " that are not " +
                      std::to_string(wanted) + " apart");
      if (!holds_group(c, s, i, a, view, known))
        return refuse("has no room along axis " + std::to_string(a));
      if (i == 0 && s.axes[a].most >= 0 && !ir::is_int(written[a].extent, 1) && ir::is_int(step, 0))
        return refuse("has no room along axis " + std::to_string(a));
    }
  }
  return {};
}

Status verify_instructions(const ir::Kernel& kernel) {
  if (kernel.body == nullptr) return {};
  for (Expr e : ir::post_order(std::span(&kernel.body, 1)))
    if (e->op == Op::instr) TENON_TRY_VOID(verify_instr(e));
  return {};
}

}  // namespace tenon::machine
