// Instructions: rows with a meaning. A row declares an instruction of some machine as a small loop
// program; matcher (schedule/primitives/tensorize), dependence analysis and interpreter use that
// program and know no instruction by name. Only the emitter of a target does (its own table, by
// name); an instruction without an emitter is lowered as the loops that it means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/expr.h"
#include "machine/machine.h"

namespace tenon::machine {

/// One instruction. Its body is a kernel of one nest around one block that updates parameter 0:
///   sizes    those named in `params` are fixed where the instruction is used; others are known at
///            run time. `rows` in a loop beside `mr` in the result's shape: at most mr, and the
///            result has room for mr, whose elements beyond `rows` are unspecified afterwards. A
///            size in a loop beside a literal in an operand's shape: at most that many, and the
///            operand has room for all of them (the steps of a reduction that are one group)
///   loops    the axes, in the order in which an `instr` node lists them
///   params   the operands in that order; parameter 0 is read and written
/// Nothing is touched when an extent is not positive.
struct Instruction {
  std::string_view name;
  std::vector<std::string_view> needs;  // features of which one suffices; empty: any
  std::vector<std::string_view> params;
  /// One for each operand: how many of its last axes lie in memory as the body's shape says, the
  /// innermost of stride 1. Axes before them may have any stride.
  std::vector<int> dense;
  std::string body;
  /// True if this machine's registers hold it with these compile-time sizes. Behind those that
  /// `params` names may stand the emitter's own, which change no value (such as heights of tails).
  bool (*fits)(const Machine&, std::span<const int64_t> params);
  /// What floats may differ from the body's evaluation in order, beyond the rounding of that many
  /// sums in another order.
  enum class Numerics : uint8_t {
    as_body,
    /// Subnormal factors, products and sums are 0: 2^-126 for each product and its factors' sizes.
    subnormals_are_zero,
  };
  Numerics numerics = Numerics::as_body;
};
/// True if the machine, or one of its units, has what the row needs.
[[nodiscard]] bool has_instruction(const Machine& machine, const Instruction& row);
/// The machine's units of which code for the kernel's instructions may make use, sorted.
[[nodiscard]] std::vector<std::string> used_units(const Machine& machine, const ir::Kernel& kernel);
[[nodiscard]] std::span<const Instruction> instructions();
[[nodiscard]] const Instruction* find_instruction(std::string_view name);

/// The body, taken apart; parsed once and kept for the life of the process. Nodes belong to a
/// context of their own: to be read only.
struct Semantics {
  struct Axis {
    ir::Expr var;
    ir::Expr extent;
    int param = -1;     // index of the compile-time size that is the extent; -1: run time
    int64_t fixed = 0;  // > 0: the extent is this literal
    int most = -1;      // run time: index of the compile-time size that it may not exceed; -1: any
    int64_t group = 0;  // > 0: run time, at most this many, which lie side by side in an operand
    bool reduction = false;
  };
  struct Operand {
    ir::Expr buffer;
    std::vector<ir::Expr> indices;  // over the axes
    std::vector<int64_t> strides;   // for each axis: elements that a step moves; -1: any stride
    std::vector<bool> axes;         // for each axis: true if the indices depend on it
  };
  std::vector<Axis> axes;
  std::vector<Operand> operands;
  std::string combine;
  ir::Expr value;  // loads of operands 1.. stand for the operands
  /// Steps of the reduction that lie side by side in an operand: 1 where there is no such axis.
  [[nodiscard]] int64_t group() const;
};
[[nodiscard]] const Semantics& semantics(const Instruction& row);

/// What a sound `instr` node means, as loops of the target stage around one store. The node's axes
/// become their variables.
[[nodiscard]] ir::Expr expand(ir::Context& c, ir::Expr instr);

/// The same for the interpreter: what lies beyond the extents of operand 0's buffer is left out
/// (buffers get their room late, when they shrink), and what is unspecified becomes NaN (the
/// smallest value of an integer type).
[[nodiscard]] ir::Expr expand_strictly(ir::Context& c, ir::Expr instr);

/// The axes with the extents over which operand 0 may be written: its room where it has one.
[[nodiscard]] std::vector<ir::InstrAxis> written_axes(ir::Context& c, ir::Expr instr);

/// Refuses a node that names no row, or has not the sizes, axes, operands or element types of its
/// row.
[[nodiscard]] Status verify_instr(ir::Expr instr);
/// The same for every instruction of a loop program.
[[nodiscard]] Status verify_instructions(const ir::Kernel& kernel);

/// Refuses a sound node of the target stage of which cannot be told that each operand has a
/// constant stride along each axis, that it lies in memory as the row wants, and that operand 0 has
/// its room: what an emitter takes for granted.
[[nodiscard]] Status verify_layout(ir::Context& c, ir::Expr instr);

}  // namespace tenon::machine
