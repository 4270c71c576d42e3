// The rows of machines, a file for each architecture.
#pragma once

#include <string_view>
#include <vector>

#include "machine/machine.h"

namespace tenon::machine {

[[nodiscard]] std::vector<Machine> x86_rows();
[[nodiscard]] std::vector<Machine> aarch64_rows();

/// Names of rows, the first that runs here being the one to take; by what this CPU is, where one of
/// these architectures is at hand.
[[nodiscard]] std::vector<std::string_view> preferred_x86_rows();
[[nodiscard]] std::vector<std::string_view> preferred_aarch64_rows();

}  // namespace tenon::machine
