// tenon.Model and what its runs share. A model without states and constant inputs runs on as many
// instances as there are runs at once; one with states has one instance, and runs take turns.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "array.h"
#include "pool.h"

namespace tenon_python {

/// An instance and what is bound to it from run to run.
struct Runner {
  InstanceHandle instance;
  std::vector<bool> bound;           // by input: something is
  std::map<size_t, Array> constant;  // of const inputs, which an instance takes once
};

/// The instances of a model in one process.
struct Runners {
  int process = 0;
  std::mutex mutex;  // of `idle`
  std::vector<std::unique_ptr<Runner>> idle;
  std::mutex turn;  // held by the run of a model with states
};

class Model {
 public:
  Model(ModelHandle model, std::shared_ptr<Pool> pool);
  ~Model();

  nb::object call(nb::args args, nb::kwargs kwargs);
  nb::dict run(nb::dict inputs, nb::object out);
  void save(nb::object path) const;
  nb::object state(const std::string& name);
  void set_state(const std::string& name, nb::object value);
  void reset();
  [[nodiscard]] std::string repr() const;

  [[nodiscard]] const tenon_model_info& info() const { return info_; }
  [[nodiscard]] const std::vector<Value>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<Value>& outputs() const { return outputs_; }
  [[nodiscard]] const std::vector<Value>& states() const { return states_; }
  [[nodiscard]] const std::shared_ptr<Pool>& pool() const { return pool_; }
  [[nodiscard]] const tenon_model* handle() const { return model_.get(); }

  /// Throws tenon.Error for a name that is none, with the nearest one.
  [[nodiscard]] size_t input_index(nb::handle name) const;
  [[nodiscard]] size_t output_index(nb::handle name) const;

  /// An instance with nothing bound, and copies of the states of the model's own.
  std::unique_ptr<Runner> fork_runner();
  /// The same for this process in place of one that was made before a fork.
  std::unique_ptr<Runner> runner_after_fork(tenon_instance* before);
  /// An array for input `index`, bound to it. Throws what Array and tenon_bind_input refuse.
  [[nodiscard]] Array bind_input(Runner& runner, size_t index, nb::handle object) const;
  /// The same for an output; `shape`, where it is known, has to be the array's.
  [[nodiscard]] Array bind_output(Runner& runner, size_t index, nb::handle object,
                                  const std::vector<int64_t>* shape) const;
  /// Memory of a new array for an output.
  [[nodiscard]] nb::object bind_new_output(Runner& runner, size_t index,
                                           const std::vector<int64_t>& shape);
  /// The shape that the next run gives an output; false where only the run can tell.
  bool expected_shape(Runner& runner, size_t output, std::vector<int64_t>& shape) const;
  /// Output `index` of the last run, copied to a new array.
  [[nodiscard]] nb::object copy_output(Runner& runner, size_t index) const;
  void check_shape(size_t output, const Array& array, const int64_t* shape) const;

 private:
  friend class Turn;
  using Objects = std::vector<nb::object>;  // by input or output; null where none is given

  [[nodiscard]] Objects run_with(const Objects& inputs, const Objects& out);
  Runners& runners();
  [[nodiscard]] std::unique_ptr<Runner> new_runner();
  [[nodiscard]] bool suits(const Runner& runner, const Objects& inputs) const;

  ModelHandle model_;
  std::shared_ptr<Pool> pool_;  // shared: with other models and with Python
  tenon_model_info info_;
  std::vector<Value> inputs_, outputs_, states_;
  nb::dict input_names_, output_names_;
  std::vector<ArrayMaker> makers_;  // by output
  std::mutex mutex_;                // of runners_
  Runners* runners_ = nullptr;
};

/// Runs an instance without the GIL. Throws what the run refuses.
void run_released(tenon_instance* instance);
/// The values of states as new arrays, and back. Throw what the C API refuses.
nb::object read_state(const Model& model, tenon_instance* instance, const std::string& name);
void write_state(const Model& model, tenon_instance* instance, const std::string& name,
                 nb::handle value);

}  // namespace tenon_python
