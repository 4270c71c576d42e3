// Builds the size program: integer expressions become registers and straight-line operations, each
// placed in the latest stage that one of its operands belongs to, so that what depends on input
// extents alone is computed once for each new shape, however deep in the model it is used.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "artifact/model.h"
#include "graph/plan_memory.h"
#include "ir/node.h"
#include "support/result.h"

namespace tenon::compiler::packaging {

using Reg = uint32_t;

class SizeProgram {
 public:
  explicit SizeProgram(artifact::Model& model);

  // ---- registers
  [[nodiscard]] Reg constant(int64_t value);
  [[nodiscard]] std::optional<int64_t> as_constant(Reg r) const;
  /// The result of a pure operation; equal operations share a register.
  [[nodiscard]] Reg op(artifact::SizeOpCode code, Reg a, Reg b = 0, Reg c = 0);
  /// A register that `assign` sets, more than once if need be. It counts as known from `stage` on.
  [[nodiscard]] Reg variable(uint32_t stage);
  /// A run ends with `message` unless `holds`; checked as soon as that is known, or (`here`) in the
  /// newest stage.
  void check(Reg holds, std::string message, bool here = false);
  [[nodiscard]] Reg input_extent(uint32_t input, uint32_t axis);

  // ---- stages
  /// A new stage at this point of the step list (a step is added).
  uint32_t open_stage();
  [[nodiscard]] uint32_t newest() const { return static_cast<uint32_t>(ops_.size() - 1); }
  /// Operations of the newest stage whose place in time matters.
  void assign(Reg dst, artifact::SizeOpCode code, Reg a, Reg b = 0);
  [[nodiscard]] Reg element(uint32_t slot, Reg index, ir::DType dtype);
  [[nodiscard]] uint32_t stage_of(Reg r) const { return stage_of_[r]; }

  // ---- expressions over symbolic variables; scopes follow function bodies
  void push_scope() { scopes_.emplace_back(); }
  void pop_scope() { scopes_.pop_back(); }
  void bind(ir::Expr var, Reg value) { scopes_.back()[var] = value; }
  [[nodiscard]] bool is_bound(ir::Expr var) const { return find(var).has_value(); }
  [[nodiscard]] Result<Reg> compile(ir::Expr e);

  // ---- amounts of memory
  /// Bytes of a tensor as a constant factor times a unit; see plan_memory.h.
  [[nodiscard]] Result<graph::SizeTerm> bytes_of(ir::Type type);
  [[nodiscard]] Reg bytes(const graph::SizeTerm& term);
  [[nodiscard]] uint32_t segment_of(const graph::SizeTerm& term) const {
    return stage_of(units_[term.unit]);
  }

  /// Gives stage `s` its blocks and writes operations and stages to the model.
  void finish(std::span<const std::vector<Reg>> blocks_of_stage);

 private:
  using OpKey = std::tuple<artifact::SizeOpCode, Reg, Reg, Reg>;

  [[nodiscard]] Reg fresh(uint32_t stage, int64_t value = 0);
  [[nodiscard]] std::optional<Reg> find(ir::Expr e) const;
  [[nodiscard]] Result<Reg> compile_node(ir::Expr e);
  [[nodiscard]] Result<Reg> compile_operator(ir::Expr e, std::span<const Reg> x);
  [[nodiscard]] Result<uint32_t> unit_of(std::span<const ir::Expr> atoms);

  artifact::Model& model_;
  std::vector<std::vector<artifact::SizeOp>> ops_;  // by stage
  std::vector<uint32_t> stage_of_;                  // by register
  std::map<int64_t, Reg> constants_;
  std::unordered_map<Reg, int64_t> constant_values_;
  std::map<OpKey, Reg> known_ops_;
  std::vector<std::unordered_map<ir::Expr, Reg>> scopes_;
  std::vector<Reg> units_;  // unit 0 is the constant 1
  std::map<Reg, uint32_t> unit_of_reg_;
};

}  // namespace tenon::compiler::packaging
