// A compiled model made ready to run: code mapped executable, functions resolved, names indexed.
// Immutable, so any number of executors on any threads may share one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "artifact/file.h"
#include "artifact/model.h"
#include "support/executable_memory.h"
#include "support/result.h"

namespace tenon::runtime {

using artifact::DType;

class Model {
 public:
  /// Maps a `.tenon` file. Errors are those of artifact::read, and "run.memory".
  [[nodiscard]] static Result<std::shared_ptr<const Model>> open(
      const std::string& path, const artifact::ReadOptions& options = {});
  /// The same from a model that was just compiled. Refuses one for another CPU ("artifact.cpu")
  /// unless told not to: such a model can be looked at and written.
  [[nodiscard]] static Result<std::shared_ptr<const Model>> from(artifact::Model model,
                                                                 bool check_cpu = true);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  [[nodiscard]] const artifact::Model& tables() const { return model_; }
  /// "artifact.cpu" when its code is for another CPU: an executor is refused.
  [[nodiscard]] const Status& runs_here() const { return runs_here_; }
  [[nodiscard]] const std::vector<artifact::Input>& inputs() const { return model_.inputs; }
  [[nodiscard]] const std::vector<artifact::Output>& outputs() const { return model_.outputs; }
  [[nodiscard]] KernelFn function(uint32_t entry) const { return functions_[entry]; }
  /// Slots whose memory lies in the segment of that stage.
  [[nodiscard]] std::span<const uint32_t> slots_of_stage(uint32_t stage) const {
    return std::span(arena_slots_)
        .subspan(first_slot_[stage], first_slot_[stage + 1] - first_slot_[stage]);
  }
  /// Whether a value of that type and shape may be given to the input. Refuses, naming input,
  /// expectation and value: "run.dtype", "run.rank", "run.extent".
  [[nodiscard]] Status check_input(size_t index, DType dtype, std::span<const int64_t> dims) const;
  /// Whether inputs of these extents agree on their symbols: "run.symbol".
  [[nodiscard]] Status check_symbols(std::span<const std::vector<int64_t>> dims) const;
  /// Whether the extents of the inputs alone decide a register's value.
  [[nodiscard]] bool is_sized(uint32_t reg) const { return !data_sized_[reg]; }
  /// The index of that input, or "run.input_name" with the nearest name.
  [[nodiscard]] Result<size_t> find_input(std::string_view name) const;
  /// The index of that output, or "run.output_name" with the nearest name.
  [[nodiscard]] Result<size_t> find_output(std::string_view name) const;
  /// The index of that state, or "run.state_name" with the nearest name.
  [[nodiscard]] Result<size_t> find_state(std::string_view name) const;

 private:
  Model() = default;
  [[nodiscard]] Status map_code();
  void index_slots();
  void find_data_sizes();
  void write_perf_map() const;

  artifact::Model model_;
  Status runs_here_;
  std::vector<bool> data_sized_;  // registers that stages behind the first set
  std::unique_ptr<const ExecutableMemory> code_;
  std::vector<KernelFn> functions_;
  std::vector<uint32_t> arena_slots_, first_slot_;
};

/// What an input takes, as people read it: "batchx3x224x224"; "scalar" without axes.
[[nodiscard]] std::string input_shape_text(const artifact::Input& input);

}  // namespace tenon::runtime
