// What the kernels of a model take, for Model.profile.
#pragma once

#include <string>
#include <vector>

#include "model.h"

namespace tenon_python {

/// One call of a kernel; numbers are of one run.
struct ProfileRow {
  std::string kernel, operation, shape, schedule;
  double calls = 0, seconds = 0, share = 0, flops = 0, bytes = 0;
  [[nodiscard]] std::string repr() const;
};

/// Of `runs` runs behind two for warmth, on an instance of its own. Largest time first.
std::vector<ProfileRow> profile(Model& model, const nb::dict& inputs, int runs);

}  // namespace tenon_python
