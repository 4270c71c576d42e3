// Runs a compiled model: inputs in, `run`, outputs out, any number of times with any shapes that
// the model takes. While shapes stay, a run allocates nothing.
//
// An executor is used by one thread at a time. Any number of them share a model, and a pool of
// threads if the caller makes one: their runs may be concurrent and interleave launch by launch.
// Results do not depend on the number of threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/device.h"
#include "runtime/model.h"
#include "runtime/profile.h"
#include "runtime/tensor.h"
#include "runtime/thread_pool.h"
#include "support/result.h"

namespace tenon::runtime {

class Execution;

inline constexpr auto kNoDeadline = std::chrono::steady_clock::time_point::max();

/// What ends a run early. A run asks before each step, so a kernel that has begun ends first.
struct Limits {
  const std::atomic<bool>* stop = nullptr;  // set by any thread: "run.cancelled"
  std::chrono::steady_clock::time_point deadline = kNoDeadline;  // "run.deadline"
};

class Executor {
 public:
  /// With threads of its own. `threads` counts the calling one; 0 means default_threads().
  [[nodiscard]] static Result<std::unique_ptr<Executor>> create(std::shared_ptr<const Model> model,
                                                                int threads = 0);
  /// With threads that other executors use too.
  [[nodiscard]] static Result<std::unique_ptr<Executor>> create(std::shared_ptr<const Model> model,
                                                                std::shared_ptr<ThreadPool> pool);
  /// With devices and functions that the model names (device.h); no pool: threads of its own.
  /// Refuses a model that names others ("run.device", "run.host_function").
  [[nodiscard]] static Result<std::unique_ptr<Executor>> create(std::shared_ptr<const Model> model,
                                                                Surroundings around);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  [[nodiscard]] const Model& model() const { return *model_; }
  [[nodiscard]] int threads() const;

  /// The data stays the caller's and is read by every `run` until replaced. Refuses, naming input,
  /// expectation and value: an unknown name ("run.input_name"), another element type ("run.dtype"),
  /// rank ("run.rank") or constant extent ("run.extent").
  [[nodiscard]] Status set_input(std::string_view name, const TensorView& value);
  [[nodiscard]] Status set_input(size_t index, const TensorView& value);

  /// The same for data that is not dense: a transposed, cropped, reversed or repeated view. It is
  /// read in place where its elements lie as those of a dense tensor; otherwise every `run` copies
  /// them to memory of the executor first, once. Refuses strides of another rank, and elements
  /// outside `value.memory` ("run.strides").
  [[nodiscard]] Status set_strided_input(std::string_view name, const StridedView& value);
  [[nodiscard]] Status set_strided_input(size_t index, const StridedView& value);

  /// The caller's memory for an inout parameter: every `run` reads it and leaves the new value
  /// there. set_input gives such a parameter a value that stays as it is: each run starts from a
  /// copy of it. Refuses a parameter that is not inout ("run.role"), and what set_input refuses. An
  /// input that is const in the model is given once: set_input refuses to replace it behind the
  /// first run
  /// ("run.role").
  [[nodiscard]] Status set_inout(std::string_view name, DType dtype, std::span<const int64_t> dims,
                                 void* data);
  [[nodiscard]] Status set_inout(size_t index, DType dtype, std::span<const int64_t> dims,
                                 void* data);

  // ---- states: memory that outlives a run; param_role.h of the IR says what they are. A run that
  // fails may have changed some elements.
  [[nodiscard]] size_t state_count() const { return model_->tables().states.size(); }
  /// The value that the last run left, valid until the next run or a call below.
  [[nodiscard]] TensorView state(size_t index) const;
  /// Copies a value in; the next run gives it that run's extents. Refuses an unknown name
  /// ("run.state_name"), another element type or rank and what does not fit the reserve
  /// ("run.state").
  [[nodiscard]] Status set_state(std::string_view name, const TensorView& value);
  [[nodiscard]] Status set_state(size_t index, const TensorView& value);
  /// All states as they were at first.
  [[nodiscard]] Status reset_states();
  /// All states take the values of another instance of the same model, else "run.state".
  [[nodiscard]] Status copy_states(const Executor& from);
  /// Another instance of the model on the same threads, with copies of the states and no inputs.
  [[nodiscard]] Result<std::unique_ptr<Executor>> fork() const;

  /// Results go to `memory`, which stays the caller's, in every `run` until replaced; no memory: to
  /// the executor's own again. Kernels write there where the model allows; an input handed on, a
  /// constant and a value of a branch or a loop are copied. The memory may be larger than the
  /// output. Refuses an unknown name ("run.output_name") and memory that is not aligned to the
  /// element type ("run.output_memory").
  [[nodiscard]] Status set_output(std::string_view name, std::span<std::byte> memory);
  [[nodiscard]] Status set_output(size_t index, std::span<std::byte> memory);

  /// Refuses a missing input ("run.missing_input") and extents of one symbol that differ
  /// ("run.symbol"), output memory that is too small ("run.output_memory") or shared with an input
  /// or another output ("run.overlap"); reports what went wrong inside ("run.index", "run.check",
  /// "run.memory"). One that `limits` end leaves states that some steps have changed.
  [[nodiscard]] Status run(const Limits& limits = {});

  /// The shape that a run with the present inputs gives an output. Refuses one that elements decide
  /// ("run.output_shape"), and what `run` refuses about inputs.
  [[nodiscard]] Result<std::vector<int64_t>> expected_shape(size_t output) const;

  /// Views of the last run's results, valid until the next run, set_input or set_output.
  [[nodiscard]] size_t output_count() const { return model_->outputs().size(); }
  [[nodiscard]] TensorView output(size_t index) const;

  // ---- measurements
  /// What runs measure from now on; it starts from zero. Off: what was measured stays.
  void profile(Profiling what);
  /// What they measured; nullptr where none did.
  [[nodiscard]] const Profile* measured() const;
  /// The same summed over the launches of each row of the kernel table; a call is counted once,
  /// however many launches it has.
  [[nodiscard]] std::vector<StepTime> kernel_times() const;
  /// Cost of one call of a kernel row for the shapes of the last run; 0 when unknown.
  [[nodiscard]] int64_t kernel_flops(size_t kernel) const;
  [[nodiscard]] int64_t kernel_bytes(size_t kernel) const;
  /// A register of the model as the last run left it: an extent, an offset, an amount of memory.
  [[nodiscard]] int64_t size_value(uint32_t reg) const;
  /// Memory that this executor holds beside weights and code: arena, loop buffers, scratch.
  [[nodiscard]] uint64_t memory_bytes() const;

 private:
  explicit Executor(std::shared_ptr<const Model> model);
  [[nodiscard]] Status check_place(size_t index, DType dtype, std::span<const int64_t> dims) const;
  [[nodiscard]] Status check_inputs() const;
  [[nodiscard]] Status check_overlaps() const;
  void replace_memory(std::span<const std::byte>& known, std::span<const std::byte> now);

  std::shared_ptr<const Model> model_;  // shared: many executors run one model
  std::unique_ptr<Execution> execution_;
  std::vector<std::vector<int64_t>> output_dims_;
  std::vector<std::span<const std::byte>> input_memory_;
  std::vector<std::span<const std::byte>> output_memory_;
  std::vector<bool> lent_;  // inputs whose memory runs change
  bool shapes_checked_ = false, memory_checked_ = true, has_run_ = false;
};

}  // namespace tenon::runtime
