// The passes of finalize, in their order, and what they share.
#pragma once

#include <unordered_set>
#include <vector>

#include "ir/expr.h"
#include "ir/node.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/statement.h"
#include "machine/machine.h"
#include "schedule/accesses.h"

namespace tenon::schedule::finalizing {

/// A kernel that a pass changes in place; `context` is the kernel's.
struct Work {
  ir::Context& c;
  ir::Kernel& kernel;
  const machine::Machine& machine;
};

// ---- passes, declared by their rows; each has a file of its own
#define TENON_KERNEL_PASS(name, function, required, doc) void function(Work& w);
#include "schedule/finalize/passes.def"  // NOLINT(readability-redundant-declaration): rows may share one

// ---- uses of buffers
/// An access as passes on kernels see it: an instruction's tile is two, the first and the last
/// element that it may touch; its other operands run along its axes.
struct Use : Access {
  bool in_tile = false;  // a corner of an instruction's tile: its room beyond the buffer counts
  bool fixed = true;     // false: as an instruction's memory operand, never in registers
};
/// Uses below `root` in program order, those of a statement before its store.
[[nodiscard]] std::vector<Use> uses_of(ir::Context& c, ir::Expr root);

}  // namespace tenon::schedule::finalizing
