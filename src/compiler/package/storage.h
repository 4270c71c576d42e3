// Where tensors live: slots, lifetimes of arena memory over the flat step list, and the plan's
// offsets.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "artifact/model.h"
#include "compiler/compiler.h"
#include "compiler/package/size_program.h"
#include "graph/plan_memory.h"
#include "ir/node.h"

namespace tenon::compiler::packaging {

/// A tensor at this point of the step list: the slot that points to it, and the arena storages that
/// may lie behind that slot (several after a branch).
struct Value {
  uint32_t slot = artifact::kNone;
  ir::Type type = nullptr;
  std::vector<uint32_t> storages;
  uint32_t device = 0;  // whose memory it is; 0: the host
};

class Storages {
 public:
  Storages(artifact::Model& model, SizeProgram& sizes) : model_(model), sizes_(sizes) {}

  [[nodiscard]] uint32_t add_slot(artifact::SlotKind kind, uint32_t index = 0);
  /// A slot that only bind steps set.
  [[nodiscard]] uint32_t bound_slot() { return add_slot(artifact::SlotKind::bound); }
  [[nodiscard]] uint32_t input_slot(uint32_t input) {
    return add_slot(artifact::SlotKind::input, input);
  }
  /// The slot of a constant, made once.
  [[nodiscard]] uint32_t constant_slot(uint32_t constant);
  /// The memory of an inout or state parameter, alive from the start.
  [[nodiscard]] Result<Value> add_fixed(artifact::SlotKind kind, uint32_t index, ir::Type type);
  /// The next step overwrites the memory of `fixed` with its new value `next`.
  void replace(const Value& fixed, const Value& next);
  /// True if the value may lie in the memory of a parameter, other than `but` where it is given.
  [[nodiscard]] bool may_be_fixed(const Value& value, const Value* but = nullptr) const;
  /// New memory of a device, alive to the end; a step provides it.
  [[nodiscard]] Value add_on_device(const graph::SizeTerm& bytes, uint32_t device);
  /// A growable buffer outside the arena; returns its index, `dynamic_slot` its slot.
  [[nodiscard]] uint32_t add_dynamic();
  [[nodiscard]] uint32_t dynamic_slot(uint32_t dynamic) const { return model_.dynamics[dynamic]; }

  /// New arena memory, alive from the next step on.
  [[nodiscard]] Result<Value> add(ir::Type type);
  [[nodiscard]] Value add(const graph::SizeTerm& bytes);
  /// The value is read at `step` (or later in the loops around it that it was not made in).
  void use(const Value& value, uint32_t step);
  void use(const Value& value) { use(value, now()); }
  /// The kernel call that ends with step `last` may write `out` over `in`.
  void allow_in_place(const Value& out, const Value& in, uint32_t last);

  /// The amount of arena memory that is this value's own; none where it lives elsewhere, or in one
  /// of several places.
  [[nodiscard]] std::optional<Reg> arena_bytes(const Value& value) {
    if (!is_own(value) || model_.slots[value.slot].kind != artifact::SlotKind::arena)
      return std::nullopt;
    return sizes_.bytes(storages_[value.storages[0]].buffer.bytes);
  }

  void enter_loop() { loops_.emplace_back(); }
  void leave_loop();
  [[nodiscard]] uint32_t now() const { return static_cast<uint32_t>(model_.steps.size()); }

  /// Plans the arena and fills in arena slots; those that a parameter's memory holds become its.
  /// Gives the block sizes of every stage.
  [[nodiscard]] std::vector<std::vector<Reg>> plan();
  /// Of what the plan laid in the arena.
  [[nodiscard]] std::vector<PackageNotes::Lifetime> lifetimes();

 private:
  /// The value's slot is that of the one storage behind it.
  [[nodiscard]] bool is_own(const Value& value) const {
    return value.storages.size() == 1 && storages_[value.storages[0]].slot == value.slot;
  }
  struct Storage {
    uint32_t slot;
    graph::PlanBuffer buffer;
    size_t loop_depth;
  };
  artifact::Model& model_;
  SizeProgram& sizes_;
  std::vector<Storage> storages_;
  std::vector<std::vector<uint32_t>> loops_;  // storages from outside that each open loop uses
  std::vector<graph::InPlace> in_place_;
  std::map<uint32_t, uint32_t> constant_slots_;
};

}  // namespace tenon::compiler::packaging
