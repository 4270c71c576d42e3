// Whether the step of a reduction is what an instruction computes: the value's structure is
// compared with the instruction's body, casts and types included; loads stand for its operands.
#pragma once

#include <vector>

#include "machine/instruction.h"

namespace tenon::schedule {

/// Ways to read the value of `update` as the row's: for each, the loads that are operands 1, 2, ...
/// Several where operands of a commutative operator may change places; none if types, structure or
/// combiner differ.
[[nodiscard]] std::vector<std::vector<ir::Expr>> unify(const machine::Instruction& row,
                                                       ir::Expr update);

/// An operand of a step that becomes a row's operand once its elements are of that type.
struct Widening {
  ir::Expr load;
  ir::DType type;
};
/// The same where a load of narrower elements, which `update` casts, stands for a load of elements
/// that hold all their values: for each way those loads, and none of rows that take them as they
/// are.
[[nodiscard]] std::vector<std::vector<Widening>> unify_wider(const machine::Instruction& row,
                                                             ir::Expr update);

/// Rows that this machine has and that compute the step of `update`: those first that take the most
/// steps of the reduction at once, among equals in the order of the table.
[[nodiscard]] std::vector<const machine::Instruction*> instructions_for(
    ir::Expr update, const machine::Machine& machine);

}  // namespace tenon::schedule
