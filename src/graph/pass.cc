#include "graph/pass.h"

#include <array>
#include <string>
#include <unordered_map>

#include "graph/fuse.h"
#include "graph/lower.h"
#include "ir/text.h"
#include "schedule/schedule.h"

namespace tenon::graph {

std::span<const pass::Pass> passes() {
  static constexpr std::array kTable{
#define TENON_PASS(name, function, required, doc) \
  pass::Pass{#name, doc, pass::Stage::graph, !(required), function},
#include "graph/passes.def"
  };
  return kTable;
}

Status fuse_pass(PassContext& p, ir::Function& f) {
  std::unordered_map<std::string, bool> asked;  // by the kernel's text: layers repeat
  FusionOptions options;
  options.streams = [&](const Group& group) {
    const LoweredGroup lowered = lower_group(p.nodes, group.nodes, group.outputs, group.places);
    const auto [at, fresh] = asked.emplace(ir::canonical_text(*lowered.kernel), false);
    if (fresh) at->second = schedule::streams(lowered.kernel, p.machine);
    p.applied["streams"] += at->second ? 1 : 0;
    return at->second;
  };
  options.made = [&](const ir::Kernel* kernel, const Group& group, std::vector<ir::Expr> inputs) {
    p.groups[kernel] = {std::move(inputs), group.nodes, group.outputs};
  };
  f = fuse(p.nodes, f, options);
  return {};
}

}  // namespace tenon::graph
