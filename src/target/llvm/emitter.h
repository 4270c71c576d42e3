// From one launch of a target-stage kernel to one LLVM function: statements to control flow, a node
// to an operation of LLVM or a few. Vectors are vectors; which lanes there are, masks and copies of
// a loop stand in the program (schedule/finalize/vectorize).
//
// What is decided here: how a node is spelled where LLVM has no operation for it (division of
// indices, mathematics, narrow floats, orders of `reduce_lanes`); that a load or store whose last
// index is a ramp of step 1 beside scalars is one of neighbours, and any other of several lanes a
// gather or scatter; that masked accesses of register buffers are blends, as these have room for
// whole vectors; the addresses; and that a select with one condition whose arms read memory is a
// branch.
#pragma once

#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "ir/expr.h"
#include "ir/node_map.h"
#include "ir/vector.h"
#include "machine/machine.h"
#include "support/result.h"
#include "target/llvm/arith.h"
#include "target/llvm/backend.h"
#include "target/target.h"

namespace tenon::target::via_llvm {

using ir::Expr;
using llvm::Value;

struct BufferInfo {
  Value* base = nullptr;
  unsigned per_byte = 1;        // elements that share a byte of a constant
  std::vector<Value*> strides;  // in elements, one for each axis
  llvm::MDNode* alias_scope = nullptr;
  llvm::MDNode* no_alias = nullptr;
};

struct TileStep;  // register_tile.h

class Emitter {
 public:
  Emitter(llvm::Module& module, const Backend& backend, const ir::Kernel& kernel,
          const machine::Machine& machine);

  /// Adds the function of one top-level statement.
  [[nodiscard]] Result<Launch> emit(Expr statement, const std::string& symbol);

  // ---- for the emitters of instructions (instructions.cc, register_tile.cc, those of targets)
  [[nodiscard]] Builder& builder() { return b_; }
  [[nodiscard]] const machine::Machine& machine() const { return machine_; }
  /// The value of an integer expression.
  Value* scalar(Expr e) { return expr(e); }
  /// Address of an operand's element at the axes' origin, and elements to the next along each axis.
  struct Designated {
    Value* base;
    std::vector<Value*> steps;
  };
  Designated designated(const ir::InstrView& instr, size_t operand);
  /// True if no axis is empty: an instruction touches nothing otherwise.
  Value* has_work(const ir::InstrView& instr);
  /// `otherwise` may be empty.
  void branch(Value* condition, const std::function<void()>& then,
              const std::function<void()>& otherwise);
  /// A tile: axes rows, columns, k and what a step takes of it; operands c, a, b; sizes mr, nr and
  /// the heights of tails.
  void register_tile(Expr node, const TileStep& step);
  /// An instruction as the loops that it means.
  void as_loops(Expr node);

 private:
  // ---- launch.cc: frame, buffers, scratch
  void begin_function(Expr statement, const std::string& symbol);
  void bind_buffers(Expr statement, Expr& scratch_bytes);
  void bind_buffer(Expr buffer, Value* base);
  void bind_alias_scopes();
  Value* reg_storage(Expr buffer);
  void exit_with(Value* code);

  // ---- statements.cc
  void statement(Expr s);
  void loop(Expr node);
  void counted_loop(Expr var, Value* begin, Value* end, Expr body);
  void unrolled_loop(Expr var, int64_t extent, Expr body);
  void conditional(Expr node);
  void let(Expr node);
  void while_loop(Expr node);
  void fail_statement(Expr node);

  // ---- instructions.cc
  void instruction(Expr node);

  // ---- expressions.cc
  /// The value of a scalar or vector expression.
  Value* expr(Expr e);
  Value* compute(Expr e);
  Value* variable(Expr e);
  Value* literal(Expr e);
  Value* operation(Expr e);
  Value* ramp(Expr e);
  Value* shuffle(Expr e);
  Value* reduce_lanes(Expr e);
  Value* select(Expr e);
  Value* branching_select(Value* condition, Expr e);

  // ---- index.cc: division of integers
  bool non_negative(Expr e);
  bool non_negative(Expr e, ir::NodeMap<bool>& seen);
  bool find_non_negative(Expr e, ir::NodeMap<bool>& seen);
  Value* index_division(Expr e, Value* x, Value* y);
  bool is_plain_index(Expr e);
  Value* lane_division(ir::Op op, Value* x, Value* y);

  // ---- memory.cc
  /// A load or store in work: `pointer` is that of the element or of the first of neighbours;
  /// `pointers` those of the lanes of any other.
  struct Access {
    Expr buffer = nullptr;
    unsigned lanes = 1;
    Value* mask = nullptr;  // nullptr: every lane
    Value* pointer = nullptr;
    Value* pointers = nullptr;
    llvm::Type* type = nullptr;  // of what is in memory
    llvm::Align align;
  };
  Access access(const ir::AccessView& view);
  /// Lanes lie side by side: the last index counts them and the others are the same for all.
  static bool are_neighbours(std::span<const Expr> indices);
  /// Element offsets of an access: `first` of the first lane, or `lanes` of each.
  struct Offsets {
    Value* first = nullptr;
    Value* lanes = nullptr;
  };
  Offsets offsets(const ir::AccessView& view);
  Value* lane_numbers(unsigned lanes);
  Value* all_lanes(unsigned lanes);
  Value* load(Expr e);
  Value* load_stored(const Access& a);
  void store(Expr s);
  void store_stored(const Access& a, Value* stored);
  Value* mark(Expr buffer, Value* access);  // attaches alias metadata
  Value* guarded_pointer(Value* pointer, Value* mask);

  // ---- shared_bytes.cc: loads of constants whose elements share bytes
  Value* load_shared_bytes(const ir::AccessView& view);
  Value* load_whole_bytes(const ir::AccessView& view, Value* mask);
  Value* load_each(const ir::AccessView& view, Value* mask);
  bool covers_bytes(const ir::AccessView& view);

  // ---- state
  using Memo = std::unordered_map<Expr, Value*>;
  /// Values computed inside do not outlive it: they need not dominate what follows.
  class Scope {
   public:
    explicit Scope(Emitter& e) : e_(e) { e_.memo_.emplace_back(); }
    ~Scope() { e_.memo_.pop_back(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Emitter& e_;
  };
  Value* remembered(Expr e) const;
  void fail(std::string message);
  llvm::BasicBlock* block(const char* name);
  Value* i64(int64_t v) { return b_.getInt64(static_cast<uint64_t>(v)); }

  llvm::LLVMContext& context_;
  llvm::Module& module_;
  const ir::Kernel& kernel_;
  const machine::Machine& machine_;
  Builder b_;
  llvm::Function* function_ = nullptr;
  llvm::Instruction* entry_end_ = nullptr;  // allocas and buffer addresses go before it
  llvm::BasicBlock* failure_ = nullptr;
  llvm::PHINode* failure_code_ = nullptr;
  std::unordered_map<Expr, BufferInfo> buffers_;
  std::vector<Expr> buffer_order_;
  std::unordered_map<Expr, Value*> environment_;  // variables
  std::unordered_map<Expr, Expr> definitions_;    // values of let variables
  std::vector<Memo> memo_;
  int64_t budget_ = 0;
  std::optional<Error> error_;
};

}  // namespace tenon::target::via_llvm
