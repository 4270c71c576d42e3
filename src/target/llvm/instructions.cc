// Instructions: products of single elements are emitted alike for every target; the target's table
// has an emitter for each other row of machine/instruction.h that it emits itself. The rest, those
// that a schedule made for another machine names, and nodes whose operands lie in another way, are
// lowered as the loops that they mean.
#include "ir/rewrite.h"
#include "machine/instruction.h"
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"

namespace tenon::target::via_llvm {
namespace {

constexpr InstructionEmitter kCommonRows[] = {
    {"fma_tile", fma_tile},         {"fma_tile_f64", fma_tile},    {"fma_tile_bf16", fma_tile},
    {"fma_tile_f32bf16", fma_tile}, {"fma_tile_f32f16", fma_tile}, {"fma_tile_f16", fma_tile},
    {"mul_tile_i32", fma_tile},     {"mul_tile_u8i8", fma_tile},   {"mul_tile_i8u8", fma_tile},
    {"mul_tile_i8i8", fma_tile},    {"mul_tile_u8u8", fma_tile},
};

const InstructionEmitter* find(std::span<const InstructionEmitter> own, std::string_view name) {
  const std::span<const InstructionEmitter> common = kCommonRows;
  for (const auto table : {own, common})
    for (const InstructionEmitter& row : table)
      if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

void Emitter::instruction(Expr node) {
  if (const Status sound = machine::verify_instr(node); !sound)
    return fail(sound.error().diagnostics.front().message);
  ir::Context& c = *kernel_.context;
  const std::string name = ir::InstrView{node}.name();
  const InstructionEmitter* row = find(b_.backend.instructions, name);
  if (row == nullptr || !machine::has_instruction(machine_, *machine::find_instruction(name)) ||
      !machine::verify_layout(c, node))
    return as_loops(node);
  const Scope scope(*this);
  row->emit(*this, node);
}

void Emitter::as_loops(Expr node) { statement(machine::expand(*kernel_.context, node)); }

Emitter::Designated Emitter::designated(const ir::InstrView& instr, size_t operand) {
  ir::Context& c = *kernel_.context;
  const Expr element = instr.operands()[operand];
  const BufferInfo& info = buffers_[element->operand(0)];
  if (info.per_byte != 1) fail("an instruction reads elements that share bytes");
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

Value* Emitter::has_work(const ir::InstrView& instr) {
  Value* all = b_.getTrue();
  for (const ir::InstrAxis& axis : instr.axes())
    all = b_.CreateAnd(all, b_.CreateICmpSGT(scalar(axis.extent), i64(0)));
  return all;
}

}  // namespace tenon::target::via_llvm
