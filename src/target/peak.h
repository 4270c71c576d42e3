// The rate of an instruction, in the code that its target makes of it, measured on this CPU: the
// bound of a kernel that uses it (tenon bench).
#pragma once

#include "machine/instruction.h"
#include "machine/machine.h"
#include "support/result.h"

namespace tenon::target {

/// Operations a second of one core, in units of 1e9; a multiply-add counts as two. Operands lie in
/// the first-level cache, the tile is the best of those that the machine's registers hold. 0 where
/// its registers hold none. For a machine whose code runs on this CPU and that has the
/// instruction. Takes a tenth of a second.
[[nodiscard]] Result<double> instruction_gops(const machine::Instruction& row,
                                              const machine::Machine& machine);

}  // namespace tenon::target
