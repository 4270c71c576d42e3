#include "graph/pass.h"

#include <array>

#include "graph/fuse.h"
#include "graph/rules.h"

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

Status run_pass(const Pass& pass, PassContext& p, ir::Function& f) {
  TENON_TRY_VOID(
      rewrite_bodies(p.nodes, f, [&](ir::Function& body) { return run_pass(pass, p, body); }));
  return pass.run(p, f);
}

Status fuse_pass(PassContext& p, ir::Function& f) {
  f = fuse(p.nodes, f);
  return {};
}

}  // namespace tenon::graph
