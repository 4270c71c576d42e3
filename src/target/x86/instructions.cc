// The instruction table of x86: an emitter for each row of machine/instruction.h that has one. The
// others, and nodes whose operands lie in another way, are lowered as the loops that they mean.
#include "ir/rewrite.h"
#include "machine/instruction.h"
#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {

/// A friend of the emitter, so that a row and its function stand here and nowhere else. Sizes,
/// axes, operands and types of the node are the row's.
struct Instructions {
  std::string_view name;
  void (*emit)(Emitter& e, Expr node);

  static void fma_tile(Emitter& e, Expr node) { e.fma_tile(node); }

  static void dot_tile(Emitter& e, Expr node) { e.dot_tile(node); }
  static void widened_dot_tile(Emitter& e, Expr node) { e.widened_dot_tile(node); }

  static const Instructions* find(std::string_view name) {
    static constexpr Instructions kTable[] = {
        {"fma_tile", fma_tile},
        {"fma_tile_f64", fma_tile},
        {"fma_tile_bf16", fma_tile},
        {"fma_tile_f16", fma_tile},
        {"mul_tile_i32", fma_tile},
        {"mul_tile_u8i8", fma_tile},
        {"mul_tile_i8u8", fma_tile},
        {"mul_tile_i8i8", fma_tile},
        {"mul_tile_u8u8", fma_tile},
        {"dot4_tile_u8i8", dot_tile},
        {"dot4_tile_i8u8", dot_tile},
        {"dot4_tile_i8i8", dot_tile},
        {"dot4_tile_u8u8", dot_tile},
        {"dot2_tile_bf16", dot_tile},
        {"dot2_tile_u8i8", widened_dot_tile},
        {"dot2_tile_i8u8", widened_dot_tile},
        {"dot2_tile_i8i8", widened_dot_tile},
        {"dot2_tile_u8u8", widened_dot_tile},
    };
    for (const Instructions& row : kTable)
      if (row.name == name) return &row;
    return nullptr;
  }
};

void Emitter::instruction(Expr node) {
  TENON_CHECK(!vector_, "an instruction inside a vector loop");
  if (const Status sound = machine::verify_instr(node); !sound)
    return fail(sound.error().diagnostics.front().message);
  ir::Context& c = *kernel_.context;
  const Instructions* row = Instructions::find(ir::InstrView{node}.name());
  if (row != nullptr && machine::verify_layout(c, node)) return row->emit(*this, node);
  statement(machine::expand(c, node));
}

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
