// Uses of buffers: accesses with the tiles of instructions as corners; see passes.h.
#include "ir/rewrite.h"
#include "schedule/finalize/passes.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

namespace {

/// Adds what the instruction touches first and last along its axes.
void add_corners(Context& c, const Access& a, bool write, std::vector<Use>& out) {
  Map first, last;
  Use corner{a};
  corner.write = write;
  corner.updates = false;
  corner.in_tile = a.is_instruction_operand();
  while (!corner.loops.empty() && corner.loops.back().node->op == Op::instr) {
    const Loop& axis = corner.loops.back();
    first[axis.var] = c.i64(0);
    last[axis.var] = sub(c, axis.extent, c.i64(1));
    corner.loops.pop_back();
  }
  for (const Map* at : {&first, &last}) {
    for (size_t d = 0; d < a.indices.size(); ++d)
      corner.indices[d] = substitute(c, a.indices[d], *at);
    out.push_back(corner);
  }
}

}  // namespace

std::vector<Use> uses_of(Context& c, Expr root) {
  std::vector<Use> all;
  for (const Access& a : accesses(c, root)) {
    if (a.loops.empty() || a.loops.back().node->op != Op::instr) {
      all.push_back(Use{a});
      continue;
    }
    if (a.is_instruction_operand() && !a.updates) {
      all.push_back(Use{a});
      all.back().fixed = false;
      continue;
    }
    if (a.updates) add_corners(c, a, false, all);
    add_corners(c, a, a.write, all);
  }
  return all;
}

}  // namespace tenon::schedule::finalizing
