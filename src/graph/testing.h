// For tests: passes by name.
#pragma once

#include <string_view>

#include "graph/pass.h"
#include "support/check.h"

namespace tenon::graph::testing {

/// The pass of that name on the function and its bodies, for this machine.
inline Status run(std::string_view name, ir::Context& c, ir::Function& f) {
  const pass::Pass* row = pass::find(passes(), name);
  TENON_CHECK(row != nullptr, std::string(name));
  const pass::Options options;
  PassContext context{c, machine::host(), options};
  return pass::run(*row, context, f);
}

inline ir::Function fused(ir::Context& c, ir::Function f) {
  const Status done = run("fuse", c, f);
  TENON_CHECK(done.has_value(), done ? "" : done.error().text());
  return f;
}

}  // namespace tenon::graph::testing
