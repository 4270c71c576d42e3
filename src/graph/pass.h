// Graph passes: functions on a graph function, one row of passes.def each (pass/pass.h). The
// pipeline runs them in the order of the rows.
#pragma once

#include <span>

#include "pass/pass.h"

namespace tenon::graph {

using pass::PassContext;

[[nodiscard]] std::span<const pass::Pass> passes();

// The passes, declared by their rows; each has a file of its own.
#define TENON_PASS(name, function, required, doc) \
  [[nodiscard]] Status function(PassContext& p, ir::Function& f);
#include "graph/passes.def"  // NOLINT(readability-redundant-declaration): rows may share a function

}  // namespace tenon::graph
