// State of one executor and the interpreter of steps. Private to the library.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/device.h"
#include "runtime/executor.h"
#include "runtime/memory.h"
#include "runtime/profile.h"
#include "runtime/size_stage.h"
#include "runtime/state.h"
#include "runtime/thread_pool.h"

namespace tenon::runtime {

class Execution {
 public:
  Execution(const Model& model, Surroundings around);
  ~Execution();
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  /// Refuses a device ("run.device") or function ("run.host_function") that is not there.
  [[nodiscard]] Status find_surroundings();

  InputDims dims;         // of each input
  std::vector<bool> set;  // whether it has a value
  std::vector<int64_t> registers;
  std::unique_ptr<Profile> profile;  // of the last runs that were measured
  bool profiling = false;            // runs fill it

  /// True if the shape differs from the one before.
  bool set_input(size_t index, const TensorView& value);
  /// The same for elements that every run gathers into memory of the instance.
  [[nodiscard]] Result<bool> set_strided_input(size_t index, const StridedView& value);
  /// Memory of the caller that runs read and change.
  bool set_inout(size_t index, std::span<const int64_t> shape, void* data);

  [[nodiscard]] Status reset_states();
  [[nodiscard]] TensorView state(size_t index) const;
  [[nodiscard]] Status set_state(size_t index, const TensorView& value);
  /// Where the caller wants an output; no memory: back to the instance's own.
  void set_output(size_t index, std::span<std::byte> memory);
  [[nodiscard]] const void* output(size_t index) const;
  [[nodiscard]] Status run(const Limits& limits);
  [[nodiscard]] int threads() const { return pool_->threads(); }
  [[nodiscard]] const Surroundings& surroundings() const { return around_; }
  [[nodiscard]] uint64_t memory_bytes() const;

 private:
  struct StageState {
    Memory arena;
    bool ready = false;  // of a stage that depends on input extents only
    bool laid_out = false;
  };
  struct CallState {
    Frame frame{};
    uint64_t epoch = 0;  // of its buffers and sizes; 0 never
  };

  /// An input that is not dense, and the dense copy that kernels read.
  struct Strided {
    DType dtype = DType::f32;
    std::vector<int64_t> dims, strides;
    const void* data = nullptr;  // nullptr: the input is dense
    Memory copy;
  };

  [[nodiscard]] const Allocator* allocator() const {
    return around_.allocator.allocate == nullptr ? nullptr : &around_.allocator;
  }
  bool take_input(size_t index, std::span<const int64_t> shape, const void* data);
  void gather_inputs();
  void set_default(size_t index);
  // execution_sizes.cc
  [[nodiscard]] Status run_stage(uint32_t stage);
  [[nodiscard]] Status lay_out(uint32_t stage);
  // execution_states.cc
  [[nodiscard]] Status resize_state(uint32_t index);
  // execution_devices.cc
  struct DeviceMemory {
    Device* device;
    void* data = nullptr;
    uint64_t capacity = 0;
    std::vector<uint32_t> slots = {};
  };
  [[nodiscard]] Status allocate(const artifact::Step& step);
  [[nodiscard]] Status copy(const artifact::Step& step);
  [[nodiscard]] Status host_call(const artifact::Step& step);
  [[nodiscard]] Device* device_of_slot(uint32_t slot) const;
  // execution_outputs.cc
  void find_output_stages();
  [[nodiscard]] Status place_outputs(uint32_t stage);
  [[nodiscard]] Status copy_outputs();
  [[nodiscard]] Status check_output(size_t index, uint64_t bytes) const;
  // execution.cc
  /// `at` is the step behind it; jumps change it.
  [[nodiscard]] Status carry_out(const artifact::Step& step, size_t& at);
  [[nodiscard]] Status launch(const artifact::Step& step);
  [[nodiscard]] Result<int64_t> call_kernel(const artifact::Step& step, const Frame& frame,
                                            int64_t grid);
  [[nodiscard]] bool is_small(uint32_t kernel) const;
  [[nodiscard]] Status reserve_scratch(uint64_t bytes);
  void refresh(uint32_t call);
  void write_scalars(const artifact::Step& step);
  [[nodiscard]] Status reserve(const artifact::Step& step);
  [[nodiscard]] Status append(const artifact::Step& step);
  void point(uint32_t slot, void* to);
  [[nodiscard]] Status kernel_error(const artifact::Step& step, int64_t result) const;

  const Model& model_;
  const artifact::Model& t_;
  Surroundings around_;
  ThreadPool* pool_;  // of around_
  std::vector<void*> slots_;
  std::vector<StageState> stages_;
  std::vector<uint64_t> block_offsets_;
  std::vector<Memory> dynamics_;
  std::vector<CallState> calls_;
  std::vector<void*> call_buffers_;  // parallel to buffer_list
  std::vector<int64_t> call_sizes_;  // parallel to register_list
  std::vector<std::vector<uint32_t>> input_slots_;
  std::vector<Device*> devices_;
  std::vector<DeviceMemory> device_memory_;
  std::vector<const HostFunction*> functions_;
  std::vector<State> states_;
  std::vector<std::vector<int64_t>> state_dims_;  // what a run asks for
  std::vector<std::vector<uint32_t>> state_slots_;
  std::vector<Strided> strided_;               // by input
  std::vector<std::span<std::byte>> outputs_;  // the caller's memory, where there is one
  std::vector<uint32_t> output_stages_;        // that place outputs which kernels write there
  std::vector<Memory> scratch_;                // one a worker
  std::vector<void*> scratch_data_;
  uint64_t scratch_bytes_ = 0;
  uint64_t epoch_ = 1;  // grows whenever a slot or a register that frames may hold changes
};

}  // namespace tenon::runtime
