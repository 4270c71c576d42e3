// Shape stages of a run: what size_stage.h computes, and the memory behind it.
#include "runtime/execution.h"
#include "runtime/footprint.h"
#include "runtime/size_stage.h"

namespace tenon::runtime {

Status Execution::lay_out(uint32_t stage) {
  TENON_TRY(const uint64_t total, place_blocks(t_, t_.stages[stage], registers, block_offsets_));
  StageState& state = stages_[stage];
  if (!state.arena.reserve(total)) {
    if (stage > 0) return no_memory("activations with extents that the data gives need", total);
    TENON_TRY_VOID(check_memory(t_, dims, [&](const InputDims& d) -> Result<uint64_t> {
      TENON_TRY(const Footprint f, footprint(t_, d));
      return f.arena;
    }));
    return no_memory("activations need", total);
  }
  for (const uint32_t slot : model_.slots_of_stage(stage)) {
    const artifact::Slot& row = t_.slots[slot];
    const uint64_t offset =
        block_offsets_[row.index] + static_cast<uint64_t>(registers[row.offset]);
    slots_[slot] = state.arena.data() + offset;
  }
  TENON_TRY_VOID(place_outputs(stage));
  state.laid_out = true;
  return {};
}

Status Execution::run_stage(uint32_t stage) {
  const artifact::Stage& row = t_.stages[stage];
  StageState& state = stages_[stage];
  if (state.ready && row.dynamic == 0) return {};
  bool changed = false;
  TENON_TRY_VOID(run_size_ops(t_, row, dims, slots_, registers, changed));
  if (changed || !state.laid_out) {
    state.laid_out = false;
    TENON_TRY_VOID(lay_out(stage));
    ++epoch_;
  }
  state.ready = true;
  return {};
}

}  // namespace tenon::runtime
