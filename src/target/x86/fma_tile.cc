// The register-tile product: all accumulators stay in registers across the loop over k.
#include <functional>

#include "support/check.h"
#include "target/x86/emitter.h"

namespace tenon::target::x86 {
namespace {

struct Operand {
  DType type;
  Value* base;    // address of element (0, 0)
  Value* row;     // elements from row to row
  Value* column;  // elements from column to column (of a; b's is 1)
};

/// Emits tiles of one kernel statement; `rows_in_work` of the mr rows are computed.
struct TileEmitter {
  Builder& b;
  llvm::Function* function;
  DType c_type;
  Value* c;
  int64_t mr, nr, lanes;
  Operand a_operand, b_operand;
  Value* k;

  [[nodiscard]] int64_t columns() const { return nr / lanes; }
  llvm::Type* storage(DType t) const { return storage_type(b.getContext(), t); }
  llvm::Type* vector(llvm::Type* element) const {
    return widened(element, lanes == 1 ? 0 : static_cast<unsigned>(lanes));
  }

  Value* c_address(int64_t i, int64_t j) const {
    return b.CreateInBoundsGEP(storage(c_type), c,
                               b.getInt64(static_cast<uint64_t>(i * nr + j * lanes)));
  }
  Value* step(Value* accumulator, Value* x, Value* y) const {
    Value* operands[] = {x, y, accumulator};
    return emit_operation(b, {ir::Op::fma, c_type, c_type}, operands);
  }

  /// One pass over k for the first `rows` rows; row_address(kk-invariant row) as each row's pointer
  /// is `groups[row / per_group] + (row % per_group) * row_bytes`.
  void loop(int64_t rows, const std::vector<Value*>& row_pointers, int64_t per_group) const {
    llvm::BasicBlock* before = b.GetInsertBlock();
    llvm::BasicBlock* inside = llvm::BasicBlock::Create(b.getContext(), "tile", function);
    llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "tiled", function);
    const llvm::Align c_align(static_cast<uint64_t>(ir::info(c_type).bytes));
    std::vector<Value*> initial;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns(); ++j)
        initial.push_back(from_storage(
            b, c_type, b.CreateAlignedLoad(vector(storage(c_type)), c_address(i, j), c_align)));
    b.CreateBr(inside);
    b.SetInsertPoint(inside);
    llvm::PHINode* kk = b.CreatePHI(b.getInt64Ty(), 2, "k");
    kk->addIncoming(b.getInt64(0), before);
    std::vector<llvm::PHINode*> pointers;
    for (Value* p : row_pointers) {
      pointers.push_back(b.CreatePHI(b.getPtrTy(), 2, "a"));
      pointers.back()->addIncoming(p, before);
    }
    llvm::PHINode* b_pointer = b.CreatePHI(b.getPtrTy(), 2, "b");
    b_pointer->addIncoming(b_operand.base, before);
    std::vector<llvm::PHINode*> accumulators;
    for (Value* v : initial) {
      accumulators.push_back(b.CreatePHI(v->getType(), 2, "c"));
      accumulators.back()->addIncoming(v, before);
    }
    const std::vector<Value*> sums = body(rows, per_group, pointers, b_pointer, accumulators);
    for (size_t i = 0; i < sums.size(); ++i) accumulators[i]->addIncoming(sums[i], inside);
    for (llvm::PHINode* p : pointers)
      p->addIncoming(b.CreateInBoundsGEP(storage(a_operand.type), p, a_operand.column), inside);
    b_pointer->addIncoming(b.CreateInBoundsGEP(storage(b_operand.type), b_pointer, b_operand.row),
                           inside);
    Value* next = b.CreateAdd(kk, b.getInt64(1), "", true, true);
    kk->addIncoming(next, inside);
    b.CreateCondBr(b.CreateICmpSLT(next, k), inside, after);
    b.SetInsertPoint(after);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns(); ++j)
        b.CreateAlignedStore(to_storage(b, c_type, sums[static_cast<size_t>(i * columns() + j)]),
                             c_address(i, j), c_align);
  }

  std::vector<Value*> body(int64_t rows, int64_t per_group,
                           const std::vector<llvm::PHINode*>& pointers, Value* b_pointer,
                           const std::vector<llvm::PHINode*>& accumulators) const {
    const llvm::Align b_align(static_cast<uint64_t>(ir::info(b_operand.type).bytes));
    const llvm::Align a_align(static_cast<uint64_t>(ir::info(a_operand.type).bytes));
    std::vector<Value*> b_row;
    for (int64_t j = 0; j < columns(); ++j) {
      Value* at = b.CreateInBoundsGEP(storage(b_operand.type), b_pointer,
                                      b.getInt64(static_cast<uint64_t>(j * lanes)));
      Value* v = from_storage(b, b_operand.type,
                              b.CreateAlignedLoad(vector(storage(b_operand.type)), at, b_align));
      b_row.push_back(emit_cast(b, b_operand.type, c_type, v, false));
    }
    std::vector<Value*> sums(accumulators.size());
    for (int64_t i = 0; i < rows; ++i) {
      Value* p = pointers[static_cast<size_t>(i / per_group)];
      if (i % per_group != 0)
        p = b.CreateInBoundsGEP(
            storage(a_operand.type), p,
            b.CreateMul(a_operand.row, b.getInt64(static_cast<uint64_t>(i % per_group)), "", false,
                        true));
      Value* x =
          from_storage(b, a_operand.type, b.CreateAlignedLoad(storage(a_operand.type), p, a_align));
      x = emit_cast(b, a_operand.type, c_type, x, false);
      if (lanes > 1) x = b.CreateVectorSplat(static_cast<unsigned>(lanes), x);
      for (int64_t j = 0; j < columns(); ++j) {
        const auto at = static_cast<size_t>(i * columns() + j);
        sums[at] = step(accumulators[at], x, b_row[static_cast<size_t>(j)]);
      }
    }
    return sums;
  }

  /// Rows evenly spaced: a pointer for every three rows, which scaled addressing reaches.
  void full() const {
    constexpr int64_t kPerGroup = 3;
    std::vector<Value*> groups;
    for (int64_t i = 0; i < mr; i += kPerGroup)
      groups.push_back(a_row(b.getInt64(static_cast<uint64_t>(i))));
    loop(mr, groups, kPerGroup);
  }
  /// Rows from `valid` on repeat the last valid one, which is in range.
  void clamped(int64_t rows, Value* valid) const {
    Value* last = b.CreateSub(valid, b.getInt64(1));
    std::vector<Value*> each;
    for (int64_t i = 0; i < rows; ++i)
      each.push_back(a_row(b.CreateBinaryIntrinsic(llvm::Intrinsic::smin,
                                                   b.getInt64(static_cast<uint64_t>(i)), last)));
    loop(rows, each, 1);
  }
  Value* a_row(Value* i) const {
    return b.CreateInBoundsGEP(storage(a_operand.type), a_operand.base,
                               b.CreateMul(i, a_operand.row));
  }
};

}  // namespace

void Emitter::fma_tile(Expr node) {
  TENON_CHECK(!vector_, "an instruction inside a vector loop");
  const Scope scope(*this);
  const std::vector<int64_t>& params = node->ints_attr(ir::Key::params);
  const std::span<const Expr> o = node->operands;
  TENON_CHECK(params.size() == 2 && o.size() == 10,
              "fma_tile takes params mr, nr and ten operands");
  const Expr c = o[0];
  int64_t lanes = machine_.vector_bytes / ir::info(c->dtype()).bytes;
  while (params[1] % lanes != 0) lanes /= 2;
  const auto base = [&](Expr buffer, Expr offset) {
    return b_.CreateInBoundsGEP(storage_type(context_, buffer->dtype()), buffers_[buffer].base,
                                scalar(offset));
  };
  TileEmitter tile{b_,    function_, c->dtype(), buffers_[c].base, params[0], params[1],
                   lanes, {},        {},         scalar(o[8])};
  tile.a_operand = {o[1]->dtype(), base(o[1], o[2]), scalar(o[3]), scalar(o[4])};
  tile.b_operand = {o[5]->dtype(), base(o[5], o[6]), scalar(o[7]), nullptr};
  Value* rows = scalar(o[9]);
  const int64_t mr = params[0];
  budget_ -= 8 * mr * tile.columns();
  // Fewer rows than mr take a tile of a third or two thirds of the height where that suffices.
  std::function<void(int64_t)> partial = [&](int64_t thirds) {
    const int64_t height = (mr * thirds + 2) / 3;
    if (thirds == 3) return tile.clamped(mr, rows);
    branch(
        b_.CreateICmpSLE(rows, i64(height)), [&] { tile.clamped(height, rows); },
        [&] { partial(thirds + 1); });
  };
  branch(
      b_.CreateAnd(b_.CreateICmpSGT(tile.k, i64(0)), b_.CreateICmpSGT(rows, i64(0))),
      [&] {
        branch(
            b_.CreateICmpSGE(rows, i64(mr)), [&] { tile.full(); },
            [&] { partial(mr < 3 ? 3 : 1); });
      },
      nullptr);
}

}  // namespace tenon::target::x86
