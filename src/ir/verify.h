// One verifier for the three stages: arity and attributes from the operator table, stage
// membership, types of scalars and statements, scoping of variables, buffer ranks. Operators' own
// constraints (shape rules) are checked by ops/verify.
#pragma once

#include "ir/node.h"
#include "support/result.h"

namespace tenon::ir {
[[nodiscard]] Status verify(const Function& f);                 // graph stage
[[nodiscard]] Status verify(const Kernel& kernel, char stage);  // 'L' or 'T'
/// The first stage at which a kernel's operators are legal: 'T' where it has lanes, else 'L'.
[[nodiscard]] char stage_of(const Kernel& kernel);
}  // namespace tenon::ir
