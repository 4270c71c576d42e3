// Products of single elements: a row of b in vectors, elements of a in all lanes, multiplied and
// added in the result's type.
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"

namespace tenon::target::via_llvm {

void Emitter::fma_tile(Expr node) {
  const Scope scope(*this);
  const ir::InstrView view{node};
  const DType type = view.operands()[0]->dtype();
  int64_t lanes = machine_.vector_bytes / ir::info(type).bytes;
  while (view.params()[1] % lanes != 0) lanes /= 2;
  const auto load = [&](size_t operand, Value* at, unsigned width) {
    const DType from = view.operands()[operand]->dtype();
    llvm::Type* stored = widened(storage_type(context_, from), width);
    const llvm::Align align(static_cast<uint64_t>(ir::info(from).bytes));
    Value* v = from_storage(b_, from, b_.CreateAlignedLoad(stored, at, align));
    return emit_cast(b_, from, type, v, false);
  };
  const auto width = static_cast<unsigned>(lanes == 1 ? 0 : lanes);
  register_tile(node, {lanes, lanes,
                       [&](Value* at) {
                         Value* x = load(1, at, 0);
                         return width == 0 ? x : b_.CreateVectorSplat(width, x);
                       },
                       [&](Value* at) { return load(2, at, width); },
                       [&](Value* sum, Value* x, Value* y) {
                         Value* operands[] = {x, y, sum};
                         return emit_operation(b_, {ir::Op::fma, type, type}, operands);
                       }});
}

}  // namespace tenon::target::via_llvm
