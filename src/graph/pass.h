// Graph passes: functions on a graph function, one row of passes.def each with a name that
// `--disable-pass`, `tenon opt --pass` and the timers use. The pipeline runs them in the order of
// the rows.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "ir/node.h"
#include "machine/machine.h"
#include "support/result.h"

namespace tenon::graph {

/// What a pass knows besides the function, and where it says what it did.
struct PassContext {
  ir::Context& nodes;                                // makes the nodes of the graph
  const machine::Machine& machine;                   // for which the model is compiled
  std::map<std::string_view, int64_t> applied = {};  // how often each rule applied (rules.h)
};

struct Pass {
  std::string_view name;
  std::string_view doc;
  /// Rewrites one function in place; bodies of if and loop in it have been through the pass.
  Status (*run)(PassContext& p, ir::Function& f);
  bool optional = true;  // false: later stages need it, so it cannot be switched off
};

/// The pass on the function and the bodies in it, innermost first. The first error ends it.
[[nodiscard]] Status run_pass(const Pass& pass, PassContext& p, ir::Function& f);

[[nodiscard]] std::span<const Pass> passes();
[[nodiscard]] const Pass* find_pass(std::string_view name);

// The passes, declared by their rows; each has a file of its own.
#define TENON_PASS(name, function, required, doc) \
  [[nodiscard]] Status function(PassContext& p, ir::Function& f);
#include "graph/passes.def"  // NOLINT(readability-redundant-declaration): rows may share a function

}  // namespace tenon::graph
