#include "compiler/passes.h"

#include <vector>

#include "graph/pass.h"
#include "schedule/kernel_pass.h"
#include "support/text.h"

namespace tenon::compiler {

std::span<const pass::Pass> passes() {
  static const std::vector<pass::Pass> kAll = [] {
    std::vector<pass::Pass> all;
    for (const auto rows : {graph::passes(), schedule::kernel_passes()})
      all.insert(all.end(), rows.begin(), rows.end());
    return all;
  }();
  return kAll;
}

Result<const pass::Pass*> find_pass(std::string_view name) {
  if (const pass::Pass* pass = pass::find(passes(), name)) return pass;
  return fail("pass.unknown", cat("no pass is called '", name, "'; `tenon opt --list` names them"));
}

}  // namespace tenon::compiler
