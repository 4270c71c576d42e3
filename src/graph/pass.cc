#include "graph/pass.h"

#include <array>

#include "graph/fuse.h"

namespace tenon::graph {

std::span<const Pass> passes() {
  static constexpr std::array kTable{
#define TENON_PASS(name, function, required, doc) Pass{#name, doc, function, !(required)},
#include "graph/passes.def"
  };
  return kTable;
}

const Pass* find_pass(std::string_view name) {
  for (const Pass& p : passes())
    if (p.name == name) return &p;
  return nullptr;
}

Status fuse_pass(ir::Context& c, ir::Function& f) {
  f = fuse(c, f);
  return {};
}

}  // namespace tenon::graph
