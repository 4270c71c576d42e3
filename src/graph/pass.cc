#include "graph/pass.h"

#include <array>

#include "graph/fuse.h"

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
  f = fuse(p.nodes, f);
  return {};
}

}  // namespace tenon::graph
