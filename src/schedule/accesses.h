// What a loop program reads and writes: the one walk that collects accesses, for primitives, passes
// on kernels and the planner of memory alike. Whoever asks about accesses asks here; instructions
// are taken for what their rows say.
#pragma once

#include <span>
#include <vector>

#include "ir/box.h"
#include "ir/statement.h"

namespace tenon::schedule {

/// A loop around an access, or an axis of the instruction that makes it: 0 <= var < extent.
struct Loop {
  ir::Expr var, extent;
  ir::Expr node = nullptr;  // the for_ or instr
};

/// One read or write at or below a root. Indices and extents speak of the variables of `loops` and
/// of what is known at the root: iterators of blocks are replaced by what they are bound to.
struct Access {
  ir::Expr buffer;
  std::vector<ir::Expr> indices = {};
  std::vector<Loop> loops = {};  // outermost first; those of an instruction last
  bool write = false;
  bool updates = false;  // a write that reads what it writes
  /// False: which elements it touches, and of an instruction without a row (indices are empty then)
  /// whether it writes, is not known: indices speak of a variable of a `let` or have lanes.
  bool exact = true;
  ir::Site site = {};        // the statement that makes it, from the root
  size_t operand = 0;        // of that statement, in which it stands (0: it is its target)
  ir::Expr node = nullptr;   // the load, or the statement
  ir::Expr block = nullptr;  // the outermost block below the root that it stands in
  int order = 0;             // of the block or bare statement in program order

  /// True for an operand of an instruction, which lies in memory.
  [[nodiscard]] bool is_instruction_operand() const;
};

/// Accesses at or below `root` in program order, reads of a statement before its write; statements
/// in `skip` are left out.
[[nodiscard]] std::vector<Access> accesses(ir::Context& c, ir::Expr root,
                                           std::span<const ir::Expr> skip = {});

/// What is known inside the access's loops.
[[nodiscard]] ir::Assumptions assume_loops(ir::Assumptions known, const Access& access);
/// What the access covers when its loops behind the first `outer` run over their extents. An axis
/// is unknown where its index reads memory, speaks of a variable of a `let` or has no bounds.
[[nodiscard]] ir::Box box_of(ir::Context& c, const Access& access, size_t outer,
                             const ir::Assumptions& known);

[[nodiscard]] bool reads(const std::vector<Access>& all, ir::Expr buffer);
[[nodiscard]] bool writes(const std::vector<Access>& all, ir::Expr buffer);
/// The place of a block in program order; 0 where it touches nothing.
[[nodiscard]] int order_of(const std::vector<Access>& all, ir::Expr block);

}  // namespace tenon::schedule
