// Graph passes: functions on a graph function, one row of passes.def each with a name that
// `--disable-pass`, `tenon opt --pass` and the timers use. The pipeline runs them in the order of
// the rows.
#pragma once

#include <span>
#include <string_view>

#include "ir/node.h"
#include "support/result.h"

namespace tenon::graph {

struct Pass {
  std::string_view name;
  std::string_view doc;
  /// Rewrites the function in place, bodies of if and loop included.
  Status (*run)(ir::Context& c, ir::Function& f);
  bool optional = true;  // false: later stages need it, so it cannot be switched off
};

[[nodiscard]] std::span<const Pass> passes();
[[nodiscard]] const Pass* find_pass(std::string_view name);

// The passes, declared by their rows; each has a file of its own.
#define TENON_PASS(name, function, required, doc) \
  [[nodiscard]] Status function(ir::Context& c, ir::Function& f);
#include "graph/passes.def"  // NOLINT(readability-redundant-declaration): rows may share a function

}  // namespace tenon::graph
