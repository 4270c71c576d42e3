#include "runtime/execution.h"

#include <algorithm>
#include <cstring>

#include "runtime/footprint.h"
#include "support/kernel_failure.h"
#include "support/text.h"

namespace tenon::runtime {

using artifact::SlotKind;
using artifact::Step;
using artifact::StepKind;

namespace {

struct Job {
  KernelFn function;
  const Frame* frame;
  void* const* scratch;
  Profile* profile;  // of run_timed
};
int64_t run_job(void* context, int worker, int64_t begin, int64_t end) {
  const Job& job = *static_cast<const Job*>(context);
  return job.function(job.frame, begin, end, job.scratch[worker]);
}
int64_t run_timed(void* context, int worker, int64_t begin, int64_t end) {
  const auto start = Profile::Clock::now();
  const int64_t result = run_job(context, worker, begin, end);
  static_cast<const Job*>(context)->profile->add_part(worker, start, Profile::Clock::now());
  return result;
}

}  // namespace

Execution::Execution(const Model& model, Surroundings around)
    : dims(model.inputs().size()),
      set(model.inputs().size()),
      registers(model.tables().registers),
      model_(model),
      t_(model.tables()),
      around_(std::move(around)),
      pool_(around_.pool.get()),
      slots_(t_.slots.size()),
      stages_(t_.stages.size()),
      block_offsets_(t_.blocks.size()),
      dynamics_(t_.dynamics.size()),
      calls_(t_.calls.size()),
      call_buffers_(t_.buffer_list.size()),
      call_sizes_(t_.register_list.size()),
      input_slots_(t_.inputs.size()),
      state_dims_(t_.states.size()),
      state_slots_(t_.states.size()),
      strided_(t_.inputs.size()),
      outputs_(t_.outputs.size()),
      output_stages_(t_.outputs.size(), artifact::kNone),
      scratch_(static_cast<size_t>(pool_->threads())),
      scratch_data_(static_cast<size_t>(pool_->threads())) {
  for (StageState& s : stages_) s.arena = Memory(allocator());
  for (Memory& m : dynamics_) m = Memory(allocator());
  for (Memory& m : scratch_) m = Memory(allocator());
  for (Strided& s : strided_) s.copy = Memory(allocator());
  for (size_t i = 0; i < dims.size(); ++i) dims[i].resize(t_.inputs[i].dims.size());
  for (uint32_t s = 0; s < slots_.size(); ++s) {
    const artifact::Slot& row = t_.slots[s];
    // Kernels take writable pointers for all buffers and write through those of results only.
    if (row.kind == SlotKind::constant)
      slots_[s] = const_cast<std::byte*>(t_.constants[row.index].bytes);
    if (row.kind == SlotKind::input) input_slots_[row.index].push_back(s);
    if (row.kind == SlotKind::state) state_slots_[row.index].push_back(s);
  }
  for (size_t i = 0; i < dims.size(); ++i) set_default(i);
  find_output_stages();
  for (size_t i = 0; i < state_dims_.size(); ++i) state_dims_[i].resize(t_.states[i].dims.size());
  for (size_t i = 0; i < calls_.size(); ++i)
    calls_[i].frame = {call_buffers_.data() + t_.calls[i].first_buffer,
                       call_sizes_.data() + t_.calls[i].first_size};
}

void Execution::set_default(size_t index) {
  const artifact::Input& in = t_.inputs[index];
  if (in.constant == artifact::kNone) return;
  std::vector<int64_t> shape;
  for (const artifact::InputDim& d : in.dims) shape.push_back(d.extent);
  (void)set_input(index, {in.dtype, shape, t_.constants[in.constant].bytes});
}

bool Execution::set_input(size_t index, const TensorView& value) {
  strided_[index].data = nullptr;
  return take_input(index, value.dims, value.data);
}

Result<bool> Execution::set_strided_input(size_t index, const StridedView& value) {
  Strided& s = strided_[index];
  const auto bytes = static_cast<uint64_t>(tensor_bytes(value.dtype, value.dims));
  if (!s.copy.reserve(bytes))
    return no_memory(cat("the dense copy of input '", t_.inputs[index].name, "' needs"), bytes);
  s.dtype = value.dtype;
  s.dims.assign(value.dims.begin(), value.dims.end());
  s.strides.assign(value.strides.begin(), value.strides.end());
  s.data = value.data;
  return take_input(index, value.dims, s.copy.data());
}

void Execution::gather_inputs() {
  for (const Strided& s : strided_)
    if (s.data != nullptr) copy_dense({s.dtype, s.dims, s.strides, s.data}, s.copy.data());
}

bool Execution::take_input(size_t index, std::span<const int64_t> shape, const void* data) {
  for (const uint32_t s : input_slots_[index]) point(s, const_cast<void*>(data));
  const bool same =
      set[index] && std::equal(dims[index].begin(), dims[index].end(), shape.begin(), shape.end());
  set[index] = true;
  if (same) return false;
  dims[index].assign(shape.begin(), shape.end());
  for (StageState& s : stages_) s.ready = false;
  return true;
}

void Execution::point(uint32_t slot, void* to) {
  if (slots_[slot] == to) return;
  slots_[slot] = to;
  ++epoch_;
}

uint64_t Execution::memory_bytes() const {
  uint64_t total = 0;
  for (const StageState& s : stages_) total += s.arena.capacity();
  for (const Memory& m : dynamics_) total += m.capacity();
  for (const Memory& m : scratch_) total += m.capacity();
  for (const State& s : states_) total += s.capacity();
  for (const Strided& s : strided_) total += s.copy.capacity();
  return total;
}

namespace {

Status check(const Limits& limits) {
  if (limits.stop != nullptr && limits.stop->load(std::memory_order_relaxed))
    return fail("run.cancelled", "the run was cancelled; its outputs have no values");
  if (limits.deadline != kNoDeadline && std::chrono::steady_clock::now() >= limits.deadline)
    return fail("run.deadline",
                "the run took longer than it may, and was ended; give it more time");
  return {};
}

}  // namespace

Status Execution::run(const Limits& limits) {
  const bool limited = limits.stop != nullptr || limits.deadline != kNoDeadline;
  const bool profiled = profiling;
  gather_inputs();
  const std::span<const Step> steps = t_.steps;
  for (size_t at = 0; at < steps.size();) {
    const size_t index = at++;
    const Step& s = steps[index];
    if (limited) TENON_TRY_VOID(check(limits));
    if (profiled) {
      const auto begin = Profile::Clock::now();
      TENON_TRY_VOID(carry_out(s, at));
      profile->add_step(static_cast<uint32_t>(index), begin);
    } else if (s.kind == StepKind::launch) {
      TENON_TRY_VOID(launch(s));
    } else {
      TENON_TRY_VOID(carry_out(s, at));
    }
  }
  return copy_outputs();
}

Status Execution::carry_out(const Step& s, size_t& at) {
  switch (s.kind) {
    case StepKind::launch:
      return launch(s);
    case StepKind::stage:
      return run_stage(s.a);
    case StepKind::jump:
      at = s.a;
      return {};
    case StepKind::unless:
      if (registers[s.a] == 0) at = s.b;
      return {};
    case StepKind::copy:
      return copy(s);
    case StepKind::bind:
      point(s.a, slots_[s.b]);
      return {};
    case StepKind::write:
      write_scalars(s);
      return {};
    case StepKind::reserve:
      return reserve(s);
    case StepKind::swap:
      std::swap(dynamics_[s.a], dynamics_[s.b]);
      point(t_.dynamics[s.a], dynamics_[s.a].data());
      point(t_.dynamics[s.b], dynamics_[s.b].data());
      return {};
    case StepKind::append:
      return append(s);
    case StepKind::resize:
      return resize_state(s.a);
    case StepKind::allocate:
      return allocate(s);
    case StepKind::host_call:
      return host_call(s);
  }
  return {};
}

void Execution::refresh(uint32_t call) {
  const artifact::Call& row = t_.calls[call];
  for (uint32_t i = row.first_buffer; i < row.first_buffer + row.buffers; ++i)
    call_buffers_[i] = slots_[t_.buffer_list[i]];
  for (uint32_t i = row.first_size; i < row.first_size + row.sizes; ++i)
    call_sizes_[i] = registers[t_.register_list[i]];
  calls_[call].epoch = epoch_;
}

bool Execution::is_small(uint32_t kernel) const {
  const artifact::KernelInfo& k = t_.kernels[kernel];
  if (k.flops == artifact::kNone || k.bytes == artifact::kNone) return false;
  return artifact::is_small_kernel(registers[k.flops], registers[k.bytes]);
}

Status Execution::reserve_scratch(uint64_t bytes) {
  for (size_t w = 0; w < scratch_.size(); ++w) {
    if (!scratch_[w].reserve(bytes))
      return no_memory(cat("scratch of ", scratch_.size(), " threads needs"),
                       add_bytes(0, bytes) * scratch_.size());
    scratch_data_[w] = scratch_[w].data();
  }
  scratch_bytes_ = bytes;
  return {};
}

Result<int64_t> Execution::call_kernel(const Step& step, const Frame& frame, int64_t grid) {
  const KernelFn function = model_.function(step.b);
  if (step.device != 0)
    return devices_[step.device - 1]->launch(
        function, frame, t_.calls[step.a].buffers, grid,
        static_cast<uint64_t>(std::max<int64_t>(registers[step.d], 0)));
  const bool alone = grid == 1 || pool_->threads() == 1 || is_small(step.e);
  const bool timed = profiling && profile->keeps_events();
  if (alone && !timed) return function(&frame, 0, grid, scratch_data_[0]);
  Job job{function, &frame, scratch_data_.data(), profile.get()};
  if (alone) return run_timed(&job, 0, 0, grid);
  return pool_->run(timed ? run_timed : run_job, &job, grid);
}

Status Execution::launch(const Step& step) {
  if (calls_[step.a].epoch != epoch_) refresh(step.a);
  const int64_t grid = registers[step.c];
  if (grid <= 0) return {};
  const int64_t scratch = registers[step.d];
  if (scratch > 0 && static_cast<uint64_t>(scratch) > scratch_bytes_ && step.device == 0)
    TENON_TRY_VOID(reserve_scratch(static_cast<uint64_t>(scratch)));
  TENON_TRY(const int64_t result, call_kernel(step, calls_[step.a].frame, grid));
  if (result != kKernelOk) return kernel_error(step, result);
  return {};
}

Status Execution::kernel_error(const Step& step, int64_t result) const {
  const auto [index, extent] = decode_failure(result);
  const uint32_t where = t_.calls[step.a].where;
  const bool clamped = index == kMostIndex || index == -kMostIndex;
  return fail("run.index",
              cat(where != artifact::kNone ? cat("node '", t_.messages[where], "'")
                                           : cat("kernel '", t_.kernels[step.e].name, "'"),
                  ": index ", index, clamped ? " (or one farther from 0)" : "",
                  extent == 0 ? cat(" points into an axis of extent 0; give no indices for it")
                              : cat(" is not from ", -extent, " to ", extent - 1,
                                    ", an index of an axis of extent ", extent,
                                    "; give indices within it")));
}

void Execution::write_scalars(const Step& step) {
  const auto type = static_cast<DType>(step.d);
  auto* out = static_cast<std::byte*>(slots_[step.a]);
  for (uint32_t i = 0; i < step.c; ++i)
    artifact::store_int(type, out + size_t{i} * artifact::info(type).element_bytes,
                        registers[t_.register_list[step.b + i]]);
}

Status Execution::reserve(const Step& step) {
  Memory& m = dynamics_[step.a];
  const int64_t bytes = registers[step.b];
  if (bytes < 0) return fail("run.memory", "an extent of a value carried by a loop is negative");
  if (!m.reserve(static_cast<uint64_t>(bytes)))
    return no_memory("a value carried by a loop needs", static_cast<uint64_t>(bytes));
  point(t_.dynamics[step.a], m.data());
  return {};
}

Status Execution::append(const Step& step) {
  Memory& m = dynamics_[step.a];
  const auto bytes = static_cast<uint64_t>(registers[step.c]);
  const auto at = static_cast<uint64_t>(registers[step.d]);
  uint64_t end = 0;
  if (__builtin_mul_overflow(at + 1, bytes, &end))
    return fail("run.memory", "a loop's stacked result is too large");
  if (end > m.capacity() || m.data() == nullptr) {
    if (!m.reserve(std::max(end, 2 * m.capacity()), at * bytes) && !m.reserve(end, at * bytes))
      return no_memory("a loop's stacked result needs", end);
    point(t_.dynamics[step.a], m.data());
  }
  if (bytes > 0) std::memcpy(m.data() + at * bytes, slots_[step.b], bytes);
  return {};
}

}  // namespace tenon::runtime
