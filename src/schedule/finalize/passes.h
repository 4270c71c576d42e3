// The passes of finalize, in their order, and what they share: walking statements with the loops
// and conditions around them.
#pragma once

#include <functional>
#include <unordered_set>
#include <vector>

#include "ir/expr.h"
#include "ir/node.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "machine/machine.h"

namespace tenon::schedule::finalizing {

/// A kernel that a pass changes in place; `context` is the kernel's.
struct Work {
  ir::Context& c;
  ir::Kernel& kernel;
  const machine::Machine& machine;
};

// ---- passes, declared by their rows; each has a file of its own
#define TENON_KERNEL_PASS(name, function, doc) void function(Work& w);
#include "schedule/finalize/passes.def"  // NOLINT(readability-redundant-declaration): rows may share one

// ---- walking
/// Operand positions of s that are statements.
[[nodiscard]] std::vector<size_t> statement_operands(ir::Expr s);
/// s with its statement operands mapped; loops keep kind and note, sequences are flattened.
[[nodiscard]] ir::Expr map_children(ir::Context& c, ir::Expr s,
                                    const std::function<ir::Expr(ir::Expr)>& f);
/// True if e (an expression) mentions one of the nodes.
[[nodiscard]] bool mentions(ir::Expr e, const std::unordered_set<ir::Expr>& nodes);
[[nodiscard]] bool mentions(ir::Expr e, ir::Expr node);
/// Adds the variables of e to `out`.
void collect_vars(ir::Expr e, std::unordered_set<ir::Expr>& out);
/// The parts of a conjunction; none for the literal true.
[[nodiscard]] std::vector<ir::Expr> conjuncts(ir::Expr condition);
[[nodiscard]] ir::Expr conjunction(ir::Context& c, const std::vector<ir::Expr>& parts);
[[nodiscard]] bool is_empty(ir::Expr statement);
/// Assumptions with the kernel's sizes >= 0.
[[nodiscard]] ir::Assumptions assume_sizes(const ir::Kernel& kernel);

/// One side of an if_then.
struct Branch {
  ir::Expr condition;
  bool then = true;
  bool operator==(const Branch&) const = default;
};

/// One load or store of a buffer and where it stands.
struct Access {
  ir::Expr buffer;
  bool is_store = false;
  std::vector<ir::Expr> indices;
  std::vector<ir::Expr> loops;   // for_ nodes around it, outermost first
  std::vector<size_t> depths;    // length of `path` at each of those loops
  std::vector<size_t> path;      // operand positions from the root
  std::vector<Branch> branches;  // around it, outermost first
  bool in_tile = false;  // a corner of an instruction's tile: its room beyond the buffer counts
  bool fixed = true;     // false: as an instruction's memory operand, never in registers
};
/// Accesses below `root` in program order, loads of a statement before its store.
[[nodiscard]] std::vector<Access> collect_accesses(ir::Context& c, ir::Expr root);

}  // namespace tenon::schedule::finalizing
