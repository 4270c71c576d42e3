// From one launch of a target-stage kernel to one LLVM function.
//
// Scalar code follows the program. Inside a `vector` loop of constant extent the loop variable is a
// ramp over lanes, cut into chunks of at most one native vector; a value is then either uniform
// (one scalar) or varying (one LLVM vector for each chunk in work). Conditions become masks there.
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
#include "ir/simplify.h"
#include "machine/machine.h"
#include "support/result.h"
#include "target/llvm/arith.h"
#include "target/llvm/backend.h"
#include "target/target.h"

namespace tenon::target::via_llvm {

using ir::Expr;
using llvm::Value;

/// Lanes offset .. offset + width - 1 of a vector loop.
struct Chunk {
  int64_t offset;
  unsigned width;
};

/// What one question found of integer expressions across the lanes of a chunk.
struct LaneFacts {
  Chunk chunk;
  ir::NodeMap<std::optional<int64_t>> steps;
  ir::NodeMap<std::pair<int64_t, int64_t>> origins;
  ir::NodeMap<std::vector<int64_t>> offsets;
};

struct Val {
  llvm::SmallVector<Value*, 4> parts;  // one for each chunk; one scalar when uniform
  bool varying = false;
  [[nodiscard]] Value* scalar() const;  // of a uniform value
};

/// A mask over the chunks in work. `nonempty`: control flow got here only with an active lane.
struct Mask {
  llvm::SmallVector<Value*, 4> parts;
  bool nonempty = false;
};

/// How many lanes apart in memory: a constant, or a run-time value.
struct Step {
  int64_t constant = 0;
  Value* symbolic = nullptr;  // added to constant when not null
};

struct BufferInfo {
  Value* base = nullptr;
  std::vector<Value*> strides;  // in elements, one for each axis
  llvm::MDNode* alias_scope = nullptr;
  llvm::MDNode* no_alias = nullptr;
};

struct TileStep;  // register_tile.h

/// True if evaluating the expression reads memory.
[[nodiscard]] bool has_load(Expr root);

class Emitter {
 public:
  Emitter(llvm::Module& module, const Backend& backend, const ir::Kernel& kernel,
          const machine::Machine& machine);

  /// Adds the function of one top-level statement.
  [[nodiscard]] Result<Launch> emit(Expr statement, const std::string& symbol);

  // ---- for the emitters of instructions (instructions.cc, register_tile.cc)
  [[nodiscard]] Builder& builder() { return b_; }
  [[nodiscard]] const machine::Machine& machine() const { return machine_; }
  /// The value of an integer expression outside vector loops.
  Value* scalar(Expr e) { return expr(e).scalar(); }
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
  void branch(Value* condition, const std::function<void()>& then,
              const std::function<void()>& otherwise);
  void let(Expr node);
  void while_loop(Expr node);
  void fail_statement(Expr node);
  Value* first_active(const Val& v);

  // ---- instructions.cc
  void instruction(Expr node);
  /// Address of an operand's element at the axes' origin, and elements to the next along each axis.
  struct Designated {
    Value* base;
    std::vector<Value*> steps;
  };
  Designated designated(const ir::InstrView& instr, size_t operand);

  // ---- vector_loop.cc
  bool vector_loop(Expr node, int64_t extent);
  void vector_body(Expr var, Expr body, std::vector<Chunk> chunks);
  void vector_conditional(Expr node);
  void masked(const Mask& mask, Expr body);
  struct Condition {
    Mask mask;
    Value* all = nullptr;
    Value* any = nullptr;
  };

  // ---- conditions.cc
  Condition condition_mask(Expr e);
  bool lane_range(Expr e, Condition& out);
  Value* holds_everywhere(Expr condition);
  std::vector<Expr> lane_guards(Expr value);
  void versioned(Expr value, const std::function<void()>& body);

  // ---- expressions.cc
  Val expr(Expr e);
  Val compute(Expr e);
  Val variable(Expr e);
  Val operation(Expr e);
  Val select(Expr e);
  Val branching_select(Value* condition, Expr e);
  Val masked_select(const Val& condition, Expr e);
  Value* part(const Val& v, size_t chunk);  // splats a uniform value
  Val literal(Expr e);

  // ---- index.cc: integer expressions across lanes
  std::optional<int64_t> lane_step(Expr e, const Chunk& chunk);
  std::optional<int64_t> lane_step(Expr e, LaneFacts& seen);
  std::optional<int64_t> find_lane_step(Expr e, LaneFacts& seen);
  std::pair<int64_t, int64_t> lane_phase(Expr e, int64_t k, LaneFacts& seen);
  std::pair<int64_t, int64_t> lane_origin(Expr e, LaneFacts& seen);
  std::vector<int64_t> lane_offsets(Expr e, const Chunk& chunk);
  std::vector<int64_t> lane_offsets(Expr e, LaneFacts& seen);
  std::vector<int64_t> find_lane_offsets(Expr e, LaneFacts& seen);
  bool is_uniform(Expr e);
  /// The value in a chunk's first lane, as scalar code.
  Value* first_lane(Expr e, size_t chunk);
  bool non_negative(Expr e);
  bool non_negative(Expr e, ir::NodeMap<bool>& seen);
  bool find_non_negative(Expr e, ir::NodeMap<bool>& seen);
  int64_t known_divisor(Expr e);
  int64_t known_divisor(Expr e, ir::NodeMap<int64_t>& seen);
  int64_t find_divisor(Expr e, ir::NodeMap<int64_t>& seen);
  Value* index_division(Expr e, Value* x, Value* y);
  bool is_plain_index(Expr e);
  Value* lane_division(ir::Op op, Value* x, Value* y);

  // ---- memory.cc
  Val load(Expr e);
  void store(Expr s);
  void store_once(Expr s);
  struct Access {
    Value* pointer = nullptr;  // of lane 0
    std::optional<Step> step;  // empty: `pointers` holds one for each lane
    Value* pointers = nullptr;
    std::vector<int64_t> near;  // not empty: constant distances from `pointer`, within one vector
  };
  Access access(Expr buffer, std::span<const Expr> indices, size_t chunk);
  Expr even_offset(Expr buffer, std::span<const Expr> indices, const Chunk& lanes);
  Value* scalar_pointer(Expr buffer, std::span<const Expr> indices);
  Value* load_part(Expr buffer, const Access& a, size_t chunk);
  void store_part(Expr buffer, const Access& a, Value* value, size_t chunk);
  bool reduction_store(Expr s);
  Value* mark(Expr buffer, Value* access);  // attaches alias metadata
  Value* active(size_t chunk);              // the mask of a chunk; nullptr: all lanes
  Value* guarded_pointer(Value* pointer);

  // ---- state
  struct VectorContext {
    Expr var = nullptr;
    std::vector<Chunk> chunks;
    std::optional<Mask> mask;
  };
  struct Key {
    Expr e;
    int lane_chunk;  // -1: an ordinary value
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& k) const {
      return k.e->hash * 31 + static_cast<size_t>(k.lane_chunk + 1);
    }
  };
  using Memo = std::unordered_map<Key, Val, KeyHash>;
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
  const Val* remembered(const Key& key) const;
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
  std::unordered_map<Expr, Val> environment_;   // variables
  std::unordered_map<Expr, Expr> definitions_;  // let variables in work that are pure i64
  ir::Assumptions known_;                       // of sizes and loop variables
  std::unordered_map<Expr, Expr> offsets_;      // a row-major offset to its simplest form
  std::vector<Memo> memo_;
  std::optional<VectorContext> vector_;
  int lane_chunk_ = -1;     // >= 0 while first_lane works
  bool versioned_ = false;  // inside one of the copies that versioned() makes
  int64_t budget_ = 0;
  std::optional<Error> error_;
};

}  // namespace tenon::target::via_llvm
