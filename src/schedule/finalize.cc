// Scheduled program to target stage; see schedule.h and the passes in finalize/.
#include "schedule/finalize/passes.h"
#include "schedule/schedule.h"

namespace tenon::schedule {

Result<Program> finalize(Program program) {
  using namespace finalizing;  // NOLINT
  auto out = std::make_shared<ir::Kernel>(*program);
  Work w{*out->context, *out};
  lower_blocks(w);
  simplify_statements(w);
  form_launches(w);
  privatize_buffers(w);
  drop_unused_buffers(w);
  compact_buffers(w);
  simplify_statements(w);
  return out;
}

}  // namespace tenon::schedule
