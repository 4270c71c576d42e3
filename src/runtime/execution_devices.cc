// Steps beside the host's own kernels: memory and launches of devices, copies to and fro, functions
// of the caller.
#include <cstring>

#include "runtime/execution.h"
#include "runtime/footprint.h"
#include "support/text.h"

namespace tenon::runtime {

using artifact::SlotKind;
using artifact::Step;

Execution::~Execution() {
  for (const DeviceMemory& m : device_memory_)
    if (m.data != nullptr) m.device->release(m.data);
}

Status Execution::find_surroundings() {
  for (const std::string& name : t_.devices) {
    Device* found = nullptr;
    for (const auto& d : around_.devices)
      if (d != nullptr && d->name() == name) found = d.get();
    if (found == nullptr)
      return fail("run.device", cat("the model runs on device '", name,
                                    "', and the executor has none of that name; give it one"));
    devices_.push_back(found);
  }
  for (const artifact::DeviceBuffer& b : t_.device_buffers)
    device_memory_.push_back({devices_[b.device - 1]});
  for (uint32_t s = 0; s < t_.slots.size(); ++s)
    if (t_.slots[s].kind == SlotKind::device) device_memory_[t_.slots[s].index].slots.push_back(s);
  for (const std::string& name : t_.host_functions) {
    const auto found = around_.functions.find(name);
    if (found == around_.functions.end() || found->second == nullptr)
      return fail("run.host_function", cat("the model calls the function '", name,
                                           "', which the executor does not have; give it one"));
    functions_.push_back(&found->second);
  }
  return {};
}

Status Execution::allocate(const Step& step) {
  DeviceMemory& m = device_memory_[step.a];
  const int64_t bytes = registers[t_.device_buffers[step.a].bytes];
  if (bytes < 0) return fail("run.memory", "an extent became negative for these shapes");
  const auto need = static_cast<uint64_t>(bytes);
  if (m.data == nullptr || need > m.capacity) {
    if (m.data != nullptr) m.device->release(m.data);
    m.data = m.device->allocate(need);
    m.capacity = m.data == nullptr ? 0 : need;
    if (m.data == nullptr)
      return fail("run.memory", cat("device '", m.device->name(), "' has no ", need, " bytes"));
  }
  for (const uint32_t s : m.slots) point(s, m.data);
  return {};
}

Device* Execution::device_of_slot(uint32_t slot) const {
  const artifact::Slot& row = t_.slots[slot];
  return row.kind == SlotKind::device ? device_memory_[row.index].device : nullptr;
}

Status Execution::copy(const Step& step) {
  const int64_t count = registers[step.c];
  void* to = slots_[step.a];
  const void* from = slots_[step.b];
  if (count <= 0 || to == from) return {};
  const auto bytes = static_cast<uint64_t>(count);
  Device* const target = device_of_slot(step.a);
  Device* const source = device_of_slot(step.b);
  if (target != nullptr)
    return source == nullptr ? target->from_host(to, from, bytes) : target->within(to, from, bytes);
  if (source != nullptr) return source->to_host(to, from, bytes);
  std::memcpy(to, from, bytes);
  return {};
}

Status Execution::host_call(const Step& step) {
  if (calls_[step.a].epoch != epoch_) refresh(step.a);
  const artifact::Call& call = t_.calls[step.a];
  return (*functions_[step.b])(
      std::span<void* const>(call_buffers_).subspan(call.first_buffer, call.buffers),
      std::span<const int64_t>(call_sizes_).subspan(call.first_size, call.sizes));
}

}  // namespace tenon::runtime
