// Products of single elements: a row of b in vectors, elements of a in all lanes, multiplied and
// added in the result's type.
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"

namespace tenon::target::via_llvm {

void fma_tile(Emitter& e, Expr node) {
  Builder& b = e.builder();
  const ir::InstrView view{node};
  const DType type = view.operands()[0]->dtype();
  int64_t lanes = e.machine().vector_bytes / ir::info(type).element_bytes;
  while (view.params()[1] % lanes != 0) lanes /= 2;
  const auto load = [&](size_t operand, Value* at, unsigned width) {
    const DType from = view.operands()[operand]->dtype();
    llvm::Type* stored = widened(storage_type(b.getContext(), from), width);
    const llvm::Align align(static_cast<uint64_t>(ir::info(from).element_bytes));
    Value* v = from_storage(b, from, b.CreateAlignedLoad(stored, at, align));
    return emit_cast(b, from, type, v, false);
  };
  const auto width = static_cast<unsigned>(lanes == 1 ? 0 : lanes);
  e.register_tile(node, {lanes, lanes,
                         [&](Value* at) {
                           Value* x = load(1, at, 0);
                           return width == 0 ? x : b.CreateVectorSplat(width, x);
                         },
                         [&](Value* at) { return load(2, at, width); },
                         [&](Value* sum, Value* x, Value* y) {
                           Value* operands[] = {x, y, sum};
                           return emit_operation(b, {ir::Op::fma, type, type}, operands);
                         }});
}

}  // namespace tenon::target::via_llvm
