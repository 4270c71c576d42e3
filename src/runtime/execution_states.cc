// States of an instance, and parameters that a run changes in the caller's memory.
#include "runtime/execution.h"

namespace tenon::runtime {

Status Execution::reset_states() {
  while (states_.size() < t_.states.size()) states_.emplace_back(allocator());
  for (size_t i = 0; i < states_.size(); ++i)
    TENON_TRY_VOID(states_[i].reset(t_.states[i], t_.constants));
  return {};
}

Status Execution::resize_state(uint32_t index) {
  const artifact::State& row = t_.states[index];
  for (size_t d = 0; d < row.dims.size(); ++d) state_dims_[index][d] = registers[row.dims[d].reg];
  TENON_TRY_VOID(states_[index].resize(row, state_dims_[index]));
  for (const uint32_t s : state_slots_[index]) point(s, states_[index].data());
  return {};
}

TensorView Execution::state(size_t index) const {
  return {t_.states[index].dtype, states_[index].dims(), states_[index].data()};
}

Status Execution::set_state(size_t index, const TensorView& value) {
  return states_[index].assign(t_.states[index], value);
}

bool Execution::set_inout(size_t index, std::span<const int64_t> shape, void* data) {
  strided_[index].data = nullptr;
  return take_input(index, shape, data);
}

}  // namespace tenon::runtime
