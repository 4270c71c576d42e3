// The table of all passes: those on graphs, then those on kernels, in the order in which a model
// meets them.
#pragma once

#include <span>
#include <string_view>

#include "pass/pass.h"

namespace tenon::compiler {

[[nodiscard]] std::span<const pass::Pass> passes();
/// Refuses an unknown name: "pass.unknown".
[[nodiscard]] Result<const pass::Pass*> find_pass(std::string_view name);

}  // namespace tenon::compiler
