#include "profile.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string_view>

namespace tenon_python {

namespace {

/// One row for each call of a kernel: its launches together, in one run.
std::vector<ProfileRow> rows_of(tenon_instance* instance, double runs) {
  size_t count = 0;
  check(tenon_instance_step_count(instance, &count));
  std::map<int64_t, ProfileRow> by_call;
  double total = 0;
  for (size_t i = 0; i < count; ++i) {
    auto step = empty<tenon_step>();
    check(tenon_instance_step(instance, i, &step));
    if (step.call < 0 || step.count == 0) continue;
    ProfileRow& row = by_call[step.call];
    const double calls = static_cast<double>(step.count) / runs;
    if (row.kernel.empty())
      row = {step.kernel, step.operation, step.shape, step.schedule, calls, 0, 0, 0, 0};
    row.seconds += static_cast<double>(step.nanoseconds) * 1e-9 / runs;
    row.flops = static_cast<double>(step.flops) * calls;
    row.bytes = static_cast<double>(step.bytes) * calls;
    total += static_cast<double>(step.nanoseconds) * 1e-9 / runs;
  }
  std::vector<ProfileRow> rows;
  for (auto& [call, row] : by_call) {
    row.share = total > 0 ? row.seconds / total : 0;
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return rows;
}

}  // namespace

std::vector<ProfileRow> profile(Model& model, const nb::dict& inputs, int runs) {
  if (runs < 1) throw nb::value_error("runs is at least 1");
  const std::unique_ptr<Runner> runner = model.fork_runner();
  std::vector<Array> kept;
  for (const auto& [name, value] : inputs)
    kept.push_back(model.bind_input(*runner, model.input_index(name), value));
  tenon_instance* const instance = runner->instance.get();
  for (int i = 0; i < 2; ++i) run_released(instance);
  check(tenon_instance_profile(instance, 1));
  for (int i = 0; i < runs; ++i) {
    run_released(instance);
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  return rows_of(instance, runs);
}

std::string ProfileRow::repr() const {
  char numbers[80];
  std::snprintf(numbers, sizeof numbers, "%.4f ms, %.1f %%", seconds * 1e3, share * 100);
  return "<tenon.ProfileRow " + kernel + " " + shape + ": " + numbers + ">";
}

}  // namespace tenon_python
