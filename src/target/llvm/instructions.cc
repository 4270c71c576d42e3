// Instructions: the target's table has an emitter for each row of machine/instruction.h that it
// emits itself. The others, and nodes whose operands lie in another way, are lowered as the loops
// that they mean.
#include <algorithm>

#include "ir/rewrite.h"
#include "machine/instruction.h"
#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

void Emitter::instruction(Expr node) {
  if (const Status sound = machine::verify_instr(node); !sound)
    return fail(sound.error().diagnostics.front().message);
  ir::Context& c = *kernel_.context;
  const auto& table = b_.backend.instructions;
  const auto row = std::ranges::find(table, ir::InstrView{node}.name(), &InstructionEmitter::name);
  if (row == table.end() || !machine::verify_layout(c, node)) return as_loops(node);
  const Scope scope(*this);
  row->emit(*this, node);
}

void Emitter::as_loops(Expr node) { statement(machine::expand(*kernel_.context, node)); }

Emitter::Designated Emitter::designated(const ir::InstrView& instr, size_t operand) {
  ir::Context& c = *kernel_.context;
  const Expr element = instr.operands()[operand];
  const BufferInfo& info = buffers_[element->operand(0)];
  const std::vector<ir::InstrAxis> axes = instr.axes();
  ir::Map origin;
  for (const ir::InstrAxis& axis : axes) origin[axis.var] = c.i64(0);
  Designated out{i64(0), std::vector<Value*>(axes.size(), i64(0))};
  Value* offset = i64(0);
  for (size_t d = 0; d < info.strides.size(); ++d) {
    const Expr index = element->operand(d + 1);
    const Expr first = ir::substitute(c, index, origin);
    offset = b_.CreateAdd(offset, b_.CreateMul(scalar(first), info.strides[d]));
    for (size_t a = 0; a < axes.size(); ++a) {
      ir::Map next = origin;
      next[axes[a].var] = c.i64(1);
      const Expr step = ir::sub(c, ir::substitute(c, index, next), first);
      out.steps[a] = b_.CreateAdd(out.steps[a], b_.CreateMul(scalar(step), info.strides[d]));
    }
  }
  llvm::Type* type = storage_type(context_, element->dtype());
  out.base = b_.CreateInBoundsGEP(type, info.base, offset);
  return out;
}

}  // namespace tenon::target::via_llvm
