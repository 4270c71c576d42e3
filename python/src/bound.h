// tenon.Bound: an instance whose inputs and outputs are bound once and that runs often.
#pragma once

#include "model.h"

namespace tenon_python {

class Bound {
 public:
  Bound(nb::object model, const nb::dict& inputs, const nb::dict& outputs);
  ~Bound();
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

  /// Runs; gives the output array, or a tuple of them. Those that are bound are the same each time.
  nb::object call();
  void warmup(size_t runs);
  nb::object state(const std::string& name);
  void set_state(const std::string& name, nb::handle value);
  void reset();

 private:
  void bind();
  /// The instance of this process.
  tenon_instance* instance();
  [[nodiscard]] nb::object collect();

  nb::object owner_;
  Model& model_;
  std::vector<nb::object> inputs_, outputs_;  // by index; null where none is given
  std::vector<bool> own_;                     // outputs whose shape only a run tells
  int process_;
  std::unique_ptr<Runner> runner_;
  std::vector<Array> kept_;
  nb::object result_;  // null where a run makes new arrays
};

}  // namespace tenon_python
