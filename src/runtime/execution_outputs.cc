// Outputs in the caller's memory. Where the artifact says how many bytes an output takes, its slot
// points there as soon as its stage is laid out, and kernels write and read it like any tensor. The
// others (an input handed on, a constant, a value of a branch or a loop) are copied behind the last
// step.
#include <cstring>

#include "runtime/execution.h"
#include "support/text.h"

namespace tenon::runtime {

using artifact::kNone;

void Execution::find_output_stages() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (t_.outputs[i].bytes == kNone) continue;
    const uint32_t block = t_.slots[t_.outputs[i].slot].index;
    uint32_t stage = 0;
    while (block >= t_.stages[stage].first_block + t_.stages[stage].blocks) ++stage;
    output_stages_[i] = stage;
  }
}

void Execution::set_output(size_t index, std::span<std::byte> memory) {
  std::span<std::byte>& now = outputs_[index];
  if (now.data() == memory.data() && now.size() == memory.size()) return;
  now = memory;
  if (output_stages_[index] == kNone) return;
  StageState& stage = stages_[output_stages_[index]];
  stage.ready = false;
  stage.laid_out = false;
}

Status Execution::check_output(size_t index, uint64_t bytes) const {
  const std::span<std::byte> memory = outputs_[index];
  if (bytes <= memory.size()) return {};
  return fail("run.output_memory",
              cat("output '", t_.outputs[index].name, "' takes ", bytes,
                  " bytes, and the caller gave ", memory.size(), "; give more"));
}

Status Execution::place_outputs(uint32_t stage) {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (output_stages_[i] != stage || outputs_[i].data() == nullptr) continue;
    TENON_TRY_VOID(check_output(i, static_cast<uint64_t>(registers[t_.outputs[i].bytes])));
    slots_[t_.outputs[i].slot] = outputs_[i].data();
  }
  return {};
}

Status Execution::copy_outputs() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const void* from = slots_[t_.outputs[i].slot];
    if (outputs_[i].data() == nullptr || outputs_[i].data() == from) continue;
    uint64_t bytes = artifact::info(t_.outputs[i].dtype).element_bytes;
    for (const artifact::OutputDim& d : t_.outputs[i].dims)
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(registers[d.reg]), &bytes))
        return fail("run.memory", cat("output '", t_.outputs[i].name, "' is too large"));
    TENON_TRY_VOID(check_output(i, bytes));
    if (bytes > 0) std::memcpy(outputs_[i].data(), from, bytes);
  }
  return {};
}

const void* Execution::output(size_t index) const {
  const std::byte* own = outputs_[index].data();
  return own != nullptr ? own : slots_[t_.outputs[index].slot];
}

}  // namespace tenon::runtime
