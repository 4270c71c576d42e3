// The instruction table of x86, and the products that only x86 has.
#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>
#include <array>

#include "machine/instruction.h"
#include "target/llvm/dot_tile.h"
#include "target/llvm/emitter.h"
#include "target/llvm/register_tile.h"
#include "target/x86/backend.h"

namespace tenon::target::x86 {

using ir::DType;
using ir::Expr;
using llvm::Value;
using via_llvm::Builder;
using via_llvm::Emitter;
using via_llvm::Groups;
using via_llvm::widened;

namespace {

Value* bytes_product(Builder& b, int64_t lanes, Value* sum, Value* without_sign, Value* with_sign) {
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512_vpdpbusd_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx512_vpdpbusd_256
                                              : llvm::Intrinsic::x86_avx512_vpdpbusd_128;
  return b.CreateIntrinsic(id, {}, {sum, without_sign, with_sign});
}

Value* halves_product(Builder& b, int64_t lanes, Value* sum, Value* x, Value* y) {
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx512bf16_dpbf16ps_256
                                              : llvm::Intrinsic::x86_avx512bf16_dpbf16ps_128;
  llvm::Type* pairs = llvm::FixedVectorType::get(b.getBFloatTy(), static_cast<unsigned>(2 * lanes));
  return b.CreateIntrinsic(id, {}, {sum, b.CreateBitCast(x, pairs), b.CreateBitCast(y, pairs)});
}

Value* words_product(Builder& b, int64_t lanes, Value* x, Value* y) {
  const llvm::Intrinsic::ID id = lanes == 16  ? llvm::Intrinsic::x86_avx512_pmaddw_d_512
                                 : lanes == 8 ? llvm::Intrinsic::x86_avx2_pmadd_wd
                                              : llvm::Intrinsic::x86_sse2_pmadd_wd;
  return b.CreateIntrinsic(id, {}, {x, y});
}

/// One factor of a byte product is unsigned, the other signed.
void byte_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  via_llvm::dot_tile(e, node, of.a == of.b, [&](Value* sum, Value* x, Value* y) {
    return ir::is_signed(of.b) ? bytes_product(e.builder(), of.lanes, sum, x, y)
                               : bytes_product(e.builder(), of.lanes, sum, y, x);
  });
}

void half_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  via_llvm::dot_tile(e, node, false, [&](Value* sum, Value* x, Value* y) {
    return halves_product(e.builder(), of.lanes, sum, x, y);
  });
}

/// Two elements each, bytes widened to 16 bits before they are multiplied.
void word_tile(Emitter& e, Expr node) {
  const Groups of(e, node);
  if (of.lanes < 4) return e.as_loops(node);
  Builder& b = e.builder();
  const Expr extent = ir::InstrView{node}.axes()[3].extent;
  Value* some = ir::is_int(extent, 2) ? nullptr : e.scalar(extent);
  const auto width = static_cast<unsigned>(of.lanes);
  llvm::Type* words = widened(b.getInt16Ty(), 2 * width);
  const auto elements = [&](DType type) {
    return widened(b.getIntNTy(static_cast<unsigned>(ir::info(type).bits)), 2 * width);
  };
  const auto widen = [&](DType from, Value* v) {
    return ir::is_signed(from) ? b.CreateSExt(v, words) : b.CreateZExt(v, words);
  };
  e.register_tile(
      node, {of.lanes, of.lanes * 2,
             [&](Value* at) {
               llvm::Type* pair = b.getIntNTy(2 * static_cast<unsigned>(ir::info(of.a).bits));
               Value* x = some == nullptr ? b.CreateAlignedLoad(pair, at, llvm::Align(1))
                                          : via_llvm::part_of_group(b, at, of.a, some, pair);
               return widen(of.a, b.CreateBitCast(b.CreateVectorSplat(width, x), elements(of.a)));
             },
             [&](Value* at) {
               return widen(of.b, b.CreateAlignedLoad(elements(of.b), at, llvm::Align(1)));
             },
             [&](Value* sum, Value* x, Value* y) {
               return b.CreateAdd(sum, words_product(b, of.lanes, x, y));
             }});
}

// ---- AMX

/// A block of c that stays in tiles, numbered first, across the loop over k; then the tiles of a's
/// rows and those of b's columns. A tile has rows of 32-bit accumulators or groups.
class TileBlock {
 public:
  TileBlock(Emitter& e, const ir::InstrView& node)
      : e_(e),
        b_(e.builder()),
        node_(node),
        tiles_(e.machine().tiles),
        lanes_(tiles_.row_bytes / kWord),
        steps_(std::min<int64_t>(tiles_.rows, lanes_)),
        rows_((node.params()[0] + tiles_.rows - 1) / tiles_.rows),
        columns_(node.params()[1] / lanes_) {}

  void emit() {
    const std::vector<ir::InstrAxis> axes = node_.axes();
    c_ = operand(0, 0);
    a_matrix_ = operand(1, 0);
    b_matrix_ = operand(2, 2);
    height_ = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.scalar(axes[0].extent),
                                       i64(node_.params()[0]));
    const int64_t group = kWord / ir::info(type(1)).element_bytes;
    if (!ir::is_int(axes[3].extent, group)) some_ = e_.scalar(axes[3].extent);
    Value* k = e_.scalar(axes[2].extent);
    e_.branch(e_.has_work(node_), [&] { passes(k); }, nullptr);
  }

 private:
  static constexpr int64_t kWord = 4;
  struct Rows {
    Value* base;
    Value* stride;  // bytes to the next
  };

  Value* i64(int64_t v) { return b_.getInt64(static_cast<uint64_t>(v)); }
  [[nodiscard]] DType type(size_t operand) const { return node_.operands()[operand]->dtype(); }
  /// Rows along the axis.
  Rows operand(size_t position, size_t axis) {
    const Emitter::Designated at = e_.designated(node_, position);
    return {at.base, b_.CreateMul(at.steps[axis], i64(ir::info(type(position)).element_bytes))};
  }
  Value* address(const Rows& rows, Value* row, Value* bytes) {
    Value* offset = b_.CreateAdd(b_.CreateMul(row, rows.stride), bytes);
    return b_.CreateInBoundsGEP(b_.getInt8Ty(), rows.base, offset);
  }
  Rows on_stack(int64_t rows, int64_t row_bytes) {
    const llvm::IRBuilderBase::InsertPointGuard guard(b_);
    llvm::BasicBlock& entry = b_.GetInsertBlock()->getParent()->getEntryBlock();
    b_.SetInsertPoint(&entry, entry.getFirstInsertionPt());
    auto* slot = b_.CreateAlloca(
        llvm::ArrayType::get(b_.getInt8Ty(), static_cast<uint64_t>(rows * row_bytes)));
    slot->setAlignment(llvm::Align(64));
    return {slot, i64(row_bytes)};
  }

  /// count > 0 times.
  template <class Body>
  void repeat(Value* count, const Body& body) {
    llvm::BasicBlock* before = b_.GetInsertBlock();
    llvm::Function* f = before->getParent();
    auto* inside = llvm::BasicBlock::Create(b_.getContext(), "tiles", f);
    auto* after = llvm::BasicBlock::Create(b_.getContext(), "tiled", f);
    b_.CreateBr(inside);
    b_.SetInsertPoint(inside);
    llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
    i->addIncoming(i64(0), before);
    body(i);
    Value* next = b_.CreateAdd(i, i64(1), "", true, true);
    i->addIncoming(next, b_.GetInsertBlock());
    b_.CreateCondBr(b_.CreateICmpSLT(next, count), inside, after);
    b_.SetInsertPoint(after);
  }

  // ---- numbers of tiles, and what is in them
  [[nodiscard]] int64_t c_tile(int64_t i, int64_t j) const { return i * columns_ + j; }
  [[nodiscard]] int64_t a_tile(int64_t i) const { return rows_ * columns_ + i; }
  [[nodiscard]] int64_t b_tile(int64_t j) const { return rows_ * (columns_ + 1) + j; }
  template <class Body>
  void each_c_tile(const Body& body) {
    for (int64_t i = 0; i < rows_; ++i)
      for (int64_t j = 0; j < columns_; ++j) body(i, j);
  }
  /// Where no row is left for a tile it takes the first of a, and c's room.
  Value* height(int64_t i) {
    Value* left = b_.CreateSub(height_, i64(i * tiles_.rows));
    left = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left, i64(tiles_.rows));
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, left, i64(1));
  }
  Value* first_row(int64_t i) {
    Value* first = i64(i * tiles_.rows);
    return b_.CreateSelect(b_.CreateICmpSLT(first, height_), first, i64(0));
  }
  Value* c_address(int64_t i, int64_t j) {
    return address(c_, i64(i * tiles_.rows), i64(j * tiles_.row_bytes));
  }
  void on_tile(llvm::Intrinsic::ID id, int64_t tile, Value* at, Value* stride) {
    b_.CreateIntrinsic(id, {}, {b_.getInt8(static_cast<uint8_t>(tile)), at, stride});
  }

  /// Tiles for that many groups of k: palette 1, bytes of rows from byte 16 on, rows from 48.
  void configure(Value* configuration, Value* steps) {
    std::array<Value*, 8> words;
    words.fill(i64(0));
    words[0] = i64(1);
    const auto put = [&](int64_t bit, Value* value) {
      Value*& word = words[static_cast<size_t>(bit / 64)];
      word = b_.CreateOr(word, b_.CreateShl(value, static_cast<uint64_t>(bit % 64)));
    };
    const auto shape = [&](int64_t tile, Value* rows, Value* bytes) {
      put(8 * 16 + 16 * tile, bytes);
      put(8 * 48 + 8 * tile, rows);
    };
    Value* full = i64(tiles_.row_bytes);
    each_c_tile([&](int64_t i, int64_t j) { shape(c_tile(i, j), height(i), full); });
    for (int64_t i = 0; i < rows_; ++i)
      shape(a_tile(i), height(i), b_.CreateMul(steps, i64(kWord)));
    for (int64_t j = 0; j < columns_; ++j) shape(b_tile(j), steps, full);
    for (size_t w = 0; w < words.size(); ++w)
      b_.CreateAlignedStore(words[w],
                            b_.CreateConstInBoundsGEP1_64(b_.getInt64Ty(), configuration, w),
                            llvm::Align(8));
    b_.CreateIntrinsic(llvm::Intrinsic::x86_ldtilecfg, {}, {configuration});
  }

  /// One over the groups of k that fill tiles, one over those that are left: shapes change, and c
  /// passes through memory.
  void passes(Value* k) {
    Value* configuration = on_stack(1, 64).base;
    Value* whole = b_.CreateUDiv(k, i64(steps_));
    Value* rest = b_.CreateURem(k, i64(steps_));
    Value* some_whole = b_.CreateICmpNE(whole, i64(0));
    Value* count = b_.CreateAdd(b_.CreateZExt(some_whole, b_.getInt64Ty()),
                                b_.CreateZExt(b_.CreateICmpNE(rest, i64(0)), b_.getInt64Ty()));
    repeat(count, [&](Value* pass) {
      Value* fills = b_.CreateAnd(some_whole, b_.CreateICmpEQ(pass, i64(0)));
      Value* steps = b_.CreateSelect(fills, i64(steps_), rest);
      Value* first = b_.CreateSelect(fills, i64(0), b_.CreateMul(whole, i64(steps_)));
      configure(configuration, steps);
      each_c_tile([&](int64_t i, int64_t j) {
        on_tile(llvm::Intrinsic::x86_tileloadd64, c_tile(i, j), c_address(i, j), c_.stride);
      });
      repeat(b_.CreateSelect(fills, whole, i64(1)), [&](Value* block) {
        products(b_.CreateAdd(first, b_.CreateMul(block, i64(steps_))), steps);
      });
      each_c_tile([&](int64_t i, int64_t j) {
        on_tile(llvm::Intrinsic::x86_tilestored64, c_tile(i, j), c_address(i, j), c_.stride);
      });
    });
    b_.CreateIntrinsic(llvm::Intrinsic::x86_tilerelease, {}, {});
  }

  /// The groups from `first` on.
  void products(Value* first, Value* steps) {
    Rows a{address(a_matrix_, i64(0), b_.CreateMul(first, i64(kWord))), a_matrix_.stride};
    Rows b{address(b_matrix_, first, i64(0)), b_matrix_.stride};
    if (some_ != nullptr) {
      a = parts_of_rows(a, steps);
      // What stands behind a part may be no number, and times 0 neither.
      if (ir::is_float(type(2))) b = parts_of_columns(b, steps);
    }
    for (int64_t i = 0; i < rows_; ++i)
      on_tile(llvm::Intrinsic::x86_tileloadd64, a_tile(i), address(a, first_row(i), i64(0)),
              a.stride);
    for (int64_t j = 0; j < columns_; ++j)
      on_tile(llvm::Intrinsic::x86_tileloadd64, b_tile(j),
              address(b, i64(0), i64(j * tiles_.row_bytes)), b.stride);
    each_c_tile([&](int64_t i, int64_t j) {
      const auto number = [&](int64_t tile) { return b_.getInt8(static_cast<uint8_t>(tile)); };
      b_.CreateIntrinsic(product(), {},
                         {number(c_tile(i, j)), number(a_tile(i)), number(b_tile(j))});
    });
  }

  [[nodiscard]] llvm::Intrinsic::ID product() const {
    if (ir::is_float(type(1))) return llvm::Intrinsic::x86_tdpbf16ps;
    if (ir::is_signed(type(1)))
      return ir::is_signed(type(2)) ? llvm::Intrinsic::x86_tdpbssd : llvm::Intrinsic::x86_tdpbsud;
    return ir::is_signed(type(2)) ? llvm::Intrinsic::x86_tdpbusd : llvm::Intrinsic::x86_tdpbuud;
  }

  /// Copies with zeros behind each group's part: no element of a is read that does not exist.
  Rows parts_of_rows(const Rows& a, Value* steps) {
    const Rows copy = on_stack(node_.params()[0], tiles_.row_bytes);
    repeat(height_, [&](Value* i) {
      repeat(steps, [&](Value* s) {
        Value* bytes = b_.CreateMul(s, i64(kWord));
        Value* word =
            via_llvm::part_of_group(b_, address(a, i, bytes), type(1), some_, b_.getInt32Ty());
        b_.CreateAlignedStore(word, address(copy, i, bytes), llvm::Align(kWord));
      });
    });
    return copy;
  }
  Rows parts_of_columns(const Rows& b, Value* steps) {
    const Rows copy = on_stack(steps_, columns_ * tiles_.row_bytes);
    Value* mask = via_llvm::mask_of_part(b_, type(2), some_);
    repeat(steps, [&](Value* s) {
      repeat(i64(columns_ * lanes_), [&](Value* j) {
        Value* bytes = b_.CreateMul(j, i64(kWord));
        Value* word = b_.CreateAlignedLoad(b_.getInt32Ty(), address(b, s, bytes), llvm::Align(1));
        b_.CreateAlignedStore(b_.CreateAnd(word, mask), address(copy, s, bytes),
                              llvm::Align(kWord));
      });
    });
    return copy;
  }

  Emitter& e_;
  Builder& b_;
  const ir::InstrView node_;
  const machine::Machine::Tiles tiles_;
  const int64_t lanes_, steps_;   // of a row, and groups of k, that a tile holds
  const int64_t rows_, columns_;  // of tiles
  Rows c_ = {}, a_matrix_ = {}, b_matrix_ = {};
  Value* height_ = nullptr;  // rows of c
  Value* some_ = nullptr;    // of each group; nullptr: all
};

void matrix_tile(Emitter& e, Expr node) {
  const ir::InstrView view{node};
  if (!machine::find_instruction(view.name())->fits(e.machine(), view.params()))
    return e.as_loops(node);
  TileBlock(e, view).emit();
}

}  // namespace

std::span<const via_llvm::InstructionEmitter> instructions() {
  static constexpr via_llvm::InstructionEmitter kTable[] = {
      {"dot4_tile_u8i8", byte_tile},  {"dot4_tile_i8u8", byte_tile},
      {"dot4_tile_i8i8", byte_tile},  {"dot4_tile_u8u8", byte_tile},
      {"dot2_tile_bf16", half_tile},  {"dot2_tile_u8i8", word_tile},
      {"dot2_tile_i8u8", word_tile},  {"dot2_tile_i8i8", word_tile},
      {"dot2_tile_u8u8", word_tile},  {"dot2_tile_i16i8", word_tile},
      {"dot2_tile_i16u8", word_tile}, {"dot2_tile_i16", word_tile},
      {"amx_tile_u8i8", matrix_tile}, {"amx_tile_i8u8", matrix_tile},
      {"amx_tile_i8i8", matrix_tile}, {"amx_tile_u8u8", matrix_tile},
      {"amx_tile_bf16", matrix_tile},
  };
  return kTable;
}

}  // namespace tenon::target::x86
