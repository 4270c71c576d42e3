// Graph passes: functions on a graph function, one row each with a name that `--disable-pass`,
// `tenon opt --pass` and the timers use. The pipeline runs them in the order of the table.
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

// The passes, in the order of the table; each file names its own.
[[nodiscard]] Status decompose(ir::Context& c, ir::Function& f);
[[nodiscard]] Status shape_guards(ir::Context& c, ir::Function& f);
[[nodiscard]] Status canonicalize(ir::Context& c, ir::Function& f);
[[nodiscard]] Status fold_constants(ir::Context& c, ir::Function& f);
[[nodiscard]] Status common_subexpressions(ir::Context& c, ir::Function& f);
[[nodiscard]] Status simplify_algebra(ir::Context& c, ir::Function& f);
[[nodiscard]] Status sink_transposes(ir::Context& c, ir::Function& f);
[[nodiscard]] Status hoist_transposes(ir::Context& c, ir::Function& f);
[[nodiscard]] Status absorb_scales(ir::Context& c, ir::Function& f);
[[nodiscard]] Status phase_convolutions(ir::Context& c, ir::Function& f);
[[nodiscard]] Status materialize_padding(ir::Context& c, ir::Function& f);
[[nodiscard]] Status dead_code(ir::Context& c, ir::Function& f);
[[nodiscard]] Status fuse_pass(ir::Context& c, ir::Function& f);

}  // namespace tenon::graph
