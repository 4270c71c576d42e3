#include "compiler/package/storage.h"

#include <algorithm>

#include "support/check.h"

namespace tenon::compiler::packaging {

using artifact::SlotKind;

uint32_t Storages::add_slot(SlotKind kind, uint32_t index) {
  model_.slots.push_back({kind, index, artifact::kNone});
  return static_cast<uint32_t>(model_.slots.size() - 1);
}

uint32_t Storages::constant_slot(uint32_t constant) {
  const auto found = constant_slots_.find(constant);
  if (found != constant_slots_.end()) return found->second;
  return constant_slots_[constant] = add_slot(SlotKind::constant, constant);
}

uint32_t Storages::add_dynamic() {
  const auto dynamic = static_cast<uint32_t>(model_.dynamics.size());
  model_.dynamics.push_back(add_slot(SlotKind::dynamic, dynamic));
  return dynamic;
}

Result<Value> Storages::add(ir::Type type) {
  TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(type));
  Value v = add(bytes);
  v.type = type;
  return v;
}

Value Storages::add(const graph::SizeTerm& bytes) {
  Storage s;
  s.slot = add_slot(SlotKind::arena);
  s.buffer = {now(), now(), sizes_.segment_of(bytes), bytes};
  s.loop_depth = loops_.size();
  storages_.push_back(s);
  return {s.slot, nullptr, {static_cast<uint32_t>(storages_.size() - 1)}};
}

Result<Value> Storages::add_fixed(SlotKind kind, uint32_t index, ir::Type type) {
  TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(type));
  Storage s;
  s.slot = add_slot(kind, index);
  s.buffer = {0, 0, sizes_.segment_of(bytes), bytes, true};
  s.loop_depth = 0;
  storages_.push_back(s);
  return Value{s.slot, type, {static_cast<uint32_t>(storages_.size() - 1)}};
}

Value Storages::add_on_device(const graph::SizeTerm& bytes, uint32_t device) {
  const auto index = static_cast<uint32_t>(model_.device_buffers.size());
  model_.device_buffers.push_back({device, sizes_.bytes(bytes)});
  model_.steps.push_back({artifact::StepKind::allocate, index});
  return {add_slot(SlotKind::device, index), nullptr, {}, device};
}

void Storages::replace(const Value& fixed, const Value& next) {
  storages_[fixed.storages[0]].buffer.overwritten = now();
  if (is_own(next)) storages_[next.storages[0]].buffer.home = fixed.storages[0];
}

bool Storages::may_be_fixed(const Value& value, const Value* but) const {
  return std::any_of(value.storages.begin(), value.storages.end(), [&](uint32_t i) {
    return storages_[i].buffer.is_fixed && (but == nullptr || but->storages[0] != i);
  });
}

void Storages::use(const Value& value, uint32_t step) {
  for (const uint32_t i : value.storages) {
    Storage& s = storages_[i];
    s.buffer.last = std::max(s.buffer.last, step);
    if (s.loop_depth < loops_.size()) loops_[s.loop_depth].push_back(i);
  }
}

void Storages::leave_loop() {
  for (const uint32_t i : loops_.back())
    storages_[i].buffer.last = std::max(storages_[i].buffer.last, now());
  loops_.pop_back();
}

void Storages::allow_in_place(const Value& out, const Value& in, uint32_t last) {
  if (is_own(out) && is_own(in)) in_place_.push_back({out.storages[0], in.storages[0], last});
}

std::vector<std::vector<Reg>> Storages::plan() {
  std::vector<graph::PlanBuffer> buffers;
  buffers.reserve(storages_.size());
  uint32_t stages = 1;
  for (const Storage& s : storages_) {
    buffers.push_back(s.buffer);
    stages = std::max(stages, s.buffer.segment + 1);
  }
  const graph::MemoryPlan plan = graph::plan_memory(buffers, in_place_);
  std::vector<std::vector<Reg>> blocks(stages);
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    TENON_CHECK(b == 0 || plan.blocks[b - 1].segment <= plan.blocks[b].segment,
                "blocks are not in order of segments");
    blocks[plan.blocks[b].segment].push_back(sizes_.bytes(plan.blocks[b].size));
  }
  for (size_t i = 0; i < storages_.size(); ++i) {
    const graph::Placement& p = plan.placements[i];
    artifact::Slot& slot = model_.slots[storages_[i].slot];
    if (p.fixed != UINT32_MAX) {
      slot = model_.slots[storages_[p.fixed].slot];
      continue;
    }
    slot.index = p.block;
    slot.offset = sizes_.bytes({p.offset, p.offset == 0 ? 0 : plan.blocks[p.block].size.unit});
  }
  return blocks;
}

std::vector<PackageNotes::Lifetime> Storages::lifetimes() {
  std::vector<PackageNotes::Lifetime> all;
  for (const Storage& s : storages_)
    if (model_.slots[s.slot].kind == SlotKind::arena)
      all.push_back({s.buffer.first, s.buffer.last, s.slot, sizes_.bytes(s.buffer.bytes)});
  return all;
}

}  // namespace tenon::compiler::packaging
