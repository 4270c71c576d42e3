// See register_tile.h. Rows beyond the last are tiles of fewer rows; no element of a is read that
// does not exist.
#include "target/llvm/register_tile.h"

#include <llvm/IR/InlineAsm.h>

#include <functional>

#include "support/check.h"
#include "target/llvm/emitter.h"

namespace tenon::target::via_llvm {
namespace {

uint64_t u64(int64_t v) { return static_cast<uint64_t>(v); }

struct Operand {
  DType type;
  Value* base;    // address of element (0, 0)
  Value* row;     // elements from row to row (a, c) or from k to k (b)
  Value* column;  // elements from column to column (b, c) or from k to k (a)
};

/// One statement's tiles, of different heights.
struct Tile {
  Builder& b;
  llvm::Function* function;
  DType type;  // of c
  int64_t mr, nr;
  const TileStep& step;
  Operand c_operand, a_operand, b_operand;
  Value* k;

  [[nodiscard]] int64_t columns() const { return nr / step.lanes; }
  [[nodiscard]] llvm::Type* storage(DType t) const { return storage_type(b.getContext(), t); }
  [[nodiscard]] llvm::Type* vector(DType t) const {
    return widened(storage(t), step.lanes == 1 ? 0 : static_cast<unsigned>(step.lanes));
  }
  [[nodiscard]] Value* a_row(Value* i) const {
    return b.CreateInBoundsGEP(storage(a_operand.type), a_operand.base,
                               b.CreateMul(i, a_operand.row));
  }
  [[nodiscard]] Value* c_address(size_t accumulator) const {
    const auto at = static_cast<int64_t>(accumulator);
    Value* row = b.CreateMul(b.getInt64(u64(at / columns())), c_operand.row);
    Value* offset = b.CreateAdd(row, b.getInt64(u64(at % columns() * step.lanes)));
    return b.CreateInBoundsGEP(storage(type), c_operand.base, offset);
  }
  [[nodiscard]] llvm::Align align(DType t) const {
    return llvm::Align(u64(ir::info(t).element_bytes));
  }

  /// A copy of an address that LLVM knows nothing about: loop strength reduction would otherwise
  /// rewrite the tile's few pointers into one long chain of additions.
  [[nodiscard]] Value* opaque(Value* v) const {
    auto* signature = llvm::FunctionType::get(v->getType(), {v->getType()}, false);
    return b.CreateCall(signature, llvm::InlineAsm::get(signature, "", "=r,0", false), {v});
  }
};

/// Moving addresses of a's rows. The first `certain` exist and are evenly spaced: one pointer for
/// every three, and scaled addressing reaches the other two. Each row after them has its own
/// pointer; those from `valid` on repeat the last valid one, which is in range.
struct Rows {
  static constexpr int64_t kPerPointer = 3;
  const Tile& t;
  int64_t certain;
  std::vector<Value*> first;
  std::vector<llvm::PHINode*> pointers;

  Rows(const Tile& tile, int64_t height) : t(tile), certain(height) {
    for (int64_t i = 0; i < height; i += kPerPointer) first.push_back(t.a_row(row(i)));
  }
  Rows(const Tile& tile, int64_t certain_rows, int64_t height, Value* valid)
      : Rows(tile, certain_rows) {
    Value* last = t.b.CreateSub(valid, row(1));
    for (int64_t i = certain; i < height; ++i)
      first.push_back(t.a_row(t.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, row(i), last)));
  }
  [[nodiscard]] Value* row(int64_t i) const { return t.b.getInt64(u64(i)); }
  template <class Phi>
  void enter(const Phi& phi) {
    for (Value* p : first) pointers.push_back(phi(p, "a"));
  }
  [[nodiscard]] Value* address(int64_t i) const {
    const int64_t shared = (certain + kPerPointer - 1) / kPerPointer;
    if (i >= certain) return pointers[u64(shared + i - certain)];
    Value* p = pointers[u64(i / kPerPointer)];
    if (i % kPerPointer == 0) return p;
    Value* offset = t.b.CreateMul(t.a_operand.row, row(i % kPerPointer));
    return t.b.CreateInBoundsGEP(t.storage(t.a_operand.type), p, offset);
  }
  void advance(llvm::BasicBlock* inside) {
    for (llvm::PHINode* p : pointers) {
      Value* next = t.b.CreateInBoundsGEP(t.storage(t.a_operand.type), p, t.a_operand.column);
      p->addIncoming(t.opaque(next), inside);
    }
  }
};

/// What the loop over k carries: the sums of `height` rows, then the excess of the columns.
struct Sums {
  std::vector<Value*> rows, excess;
};

/// One step of k: each row of a against the row of b.
template <class Values>
Sums stepped(const Tile& t, int64_t height, const Rows& rows, Value* b_pointer,
             const Values& sums) {
  Builder& b = t.b;
  std::vector<Value*> columns;
  for (int64_t j = 0; j < t.columns(); ++j)
    columns.push_back(t.step.columns(b.CreateInBoundsGEP(t.storage(t.b_operand.type), b_pointer,
                                                         b.getInt64(u64(j * t.step.width)))));
  Sums next;
  for (int64_t i = 0; i < height; ++i) {
    Value* x = t.step.row(rows.address(i));
    for (Value* y : columns) next.rows.push_back(t.step.add(sums[next.rows.size()], x, y));
  }
  for (size_t j = 0; t.step.excess && j < columns.size(); ++j)
    next.excess.push_back(t.step.excess(sums[next.rows.size() + j], columns[j]));
  return next;
}

/// The loop over k for the first `height` rows of c; k > 0.
void tile_loop(const Tile& t, int64_t height, Rows rows) {
  Builder& b = t.b;
  const size_t count = u64(height * t.columns());
  std::vector<Value*> initial;
  for (size_t i = 0; i < count; ++i)
    initial.push_back(from_storage(
        b, t.type, b.CreateAlignedLoad(t.vector(t.type), t.c_address(i), t.align(t.type))));
  if (t.step.excess)
    initial.resize(count + u64(t.columns()), llvm::Constant::getNullValue(t.vector(t.type)));
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock* inside = llvm::BasicBlock::Create(b.getContext(), "tile", t.function);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "tiled", t.function);
  b.CreateBr(inside);
  b.SetInsertPoint(inside);
  const auto phi = [&](Value* first, const char* name) {
    llvm::PHINode* p = b.CreatePHI(first->getType(), 2, name);
    p->addIncoming(first, before);
    return p;
  };
  llvm::PHINode* kk = phi(b.getInt64(0), "k");
  llvm::PHINode* b_pointer = phi(t.b_operand.base, "b");
  rows.enter(phi);
  std::vector<llvm::PHINode*> accumulators;
  for (Value* v : initial) accumulators.push_back(phi(v, "c"));
  Sums sums = stepped(t, height, rows, b_pointer, accumulators);
  for (size_t i = 0; i < accumulators.size(); ++i)
    accumulators[i]->addIncoming(i < count ? sums.rows[i] : sums.excess[i - count], inside);
  rows.advance(inside);
  Value* next_b = b.CreateInBoundsGEP(t.storage(t.b_operand.type), b_pointer, t.b_operand.row);
  b_pointer->addIncoming(t.opaque(next_b), inside);
  Value* next = b.CreateAdd(kk, b.getInt64(1), "", true, true);
  kk->addIncoming(next, inside);
  b.CreateCondBr(b.CreateICmpSLT(next, t.k), inside, after);
  b.SetInsertPoint(after);
  for (size_t i = 0; i < count; ++i) {
    Value* sum = sums.rows[i];
    if (t.step.excess) sum = b.CreateSub(sum, sums.excess[i % u64(t.columns())]);
    b.CreateAlignedStore(to_storage(b, t.type, sum), t.c_address(i), t.align(t.type));
  }
}

}  // namespace

void Emitter::register_tile(Expr node, const TileStep& step) {
  const ir::InstrView view{node};
  const std::vector<ir::InstrAxis> axes = view.axes();
  const std::span<const int64_t> params = view.params();
  const int64_t mr = params[0];
  const DType type = view.operands()[0]->dtype();
  const Designated c = designated(view, 0);
  const Designated a = designated(view, 1);
  const Designated b = designated(view, 2);
  const Tile tile{b_,
                  function_,
                  type,
                  mr,
                  params[1],
                  step,
                  {type, c.base, c.steps[0], c.steps[1]},
                  {view.operands()[1]->dtype(), a.base, a.steps[0], a.steps[2]},
                  {view.operands()[2]->dtype(), b.base, b.steps[2], b.steps[1]},
                  scalar(axes[2].extent)};
  Value* rows = scalar(axes[0].extent);
  budget_ -= 8 * mr * tile.columns();
  // Fewer rows than mr take the lowest of the other heights that suffices.
  std::vector<int64_t> heights(params.begin() + 2, params.end());
  heights.push_back(mr);
  for (size_t i = 1; i < heights.size(); ++i)
    if (heights[i] <= heights[i - 1]) return fail("heights of tails do not ascend to below mr");
  const std::function<void(int64_t, size_t)> partial = [&](int64_t below, size_t at) {
    const int64_t height = heights[at];
    const auto loop = [&] { tile_loop(tile, height, Rows(tile, below + 1, height, rows)); };
    if (at + 1 == heights.size()) return loop();
    branch(b_.CreateICmpSLE(rows, i64(height)), loop, [&] { partial(height, at + 1); });
  };
  branch(
      has_work(view),
      [&] {
        branch(
            b_.CreateICmpSGE(rows, i64(mr)), [&] { tile_loop(tile, mr, Rows(tile, mr)); },
            [&] { partial(0, 0); });
      },
      nullptr);
}

}  // namespace tenon::target::via_llvm
