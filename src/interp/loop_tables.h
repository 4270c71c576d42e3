// A loop program as flat tables, between compilation (loop_compile.cc) and execution
// (loop_interp.cc).
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "interp/scalar.h"
#include "ir/node.h"

namespace tenon::interp {

/// Memory of one buffer, flat and row-major; what is written has elements that are addressed alone.
struct Memory {
  std::string name;
  ir::DType dtype = ir::DType::f32;
  ir::Scope scope = ir::Scope::global;
  std::vector<int64_t> shape;
  int64_t count = 1;
  std::byte* data = nullptr;
  std::vector<std::byte> owned;
  bool writable = true;
  bool shares_bytes = false;  // ir::shares_bytes
};

/// One expression; `args` are indices of other expressions.
struct Code {
  ir::Op op = ir::Op::imm;
  ir::DType type = ir::DType::i64;      // of the result
  ir::DType arg_type = ir::DType::i64;  // of the first operand
  bool memo = false;                    // used more than once: evaluated once a statement
  bool saturate = false;
  int buffer = -1;
  int slot = -1;  // of a vector: the first of as many as it has lanes
  int mask = -1;  // masked_load: the expression
  std::vector<int> args;
  Scalar value{};
  uint64_t stamp = 0;
  int lanes = 1;
  std::vector<Scalar> vector;    // the value of more than one lane
  std::vector<int64_t> pattern;  // shuffle
  ir::Op combine = ir::Op::add;  // reduce_lanes
};

/// One statement; meaning of the fields follows its operator's operands.
struct Statement {
  ir::Op op = ir::Op::seq;
  std::vector<int> children;
  std::vector<int> exprs;
  std::vector<int> slots;
  int buffer = -1;
  int mask = -1;  // masked_store: the expression
  std::string combine;
  bool parallel = false;
  bool reduces = false;         // for_: feeds a reduction iterator of a block inside
  bool initialized = false;     // update: decompose_reduction has put the init elsewhere
  std::vector<int> locals;      // parallel for_: scratch and reg buffers used inside
  std::vector<char> spatial;    // block: which conjuncts of the predicate also guard the init
  std::vector<int> moves;       // block: slots of the loops that its spatial iterators mention
  std::vector<int> reductions;  // update: slots of the reduction iterators
};

/// The whole program as tables.
struct Tables {
  std::vector<Memory> memories;
  std::vector<Code> codes;
  std::vector<Statement> statements;
  int slot_count = 0;
  int root = -1;
};

/// Fills the tables but for their memories, which `buffers` numbers. `vars` get the first slots.
/// Instructions are compiled as the loops that they mean, built in `c`, the kernel's context.
void compile(ir::Context& c, Tables& tables, std::unordered_map<ir::Expr, int> buffers,
             std::span<const ir::Expr> vars, ir::Expr body);

}  // namespace tenon::interp
