// What the steps of runs take.
#include "c_api/objects.h"

using namespace tenon;
using namespace tenon::c_api;
using runtime::Executor;

tenon_error* tenon_instance_profile(tenon_instance* instance, int32_t on) {
  return call_on("tenon_instance_profile", instance, [&](Executor& executor) -> Status {
    if (on != 0 && on != 1)
      return fail("api.value", cat("profiling is 1 (on) or 0 (off), not ", on));
    executor.profile(on == 1 ? runtime::Profiling::times : runtime::Profiling::off);
    return {};
  });
}

tenon_error* tenon_instance_step_count(tenon_instance* instance, size_t* count) {
  return call_on("tenon_instance_step_count", instance, [&](const Executor& executor) -> Status {
    TENON_TRY_VOID(require(count, "count"));
    *count = executor.model().tables().steps.size();
    return {};
  });
}

tenon_error* tenon_instance_step(tenon_instance* instance, size_t index, tenon_step* step) {
  return call_on("tenon_instance_step", instance, [&](const Executor& executor) -> Status {
    const artifact::Model& t = executor.model().tables();
    if (index >= t.steps.size())
      return fail("api.index",
                  cat("the model has ", t.steps.size(), " steps; there is no step ", index));
    const artifact::Step& s = t.steps[index];
    tenon_step known{};
    known.kind = artifact::kStepNames[static_cast<size_t>(s.kind)].data();
    known.kernel = known.operation = known.shape = known.schedule = "";
    known.call = -1;
    if (s.kind == artifact::StepKind::launch) {
      const artifact::KernelInfo& k = t.kernels[s.e];
      known.kernel = k.name.c_str();
      known.operation = k.op.c_str();
      known.shape = k.shape.c_str();
      known.schedule = k.schedule.c_str();
      known.call = s.a;
      known.flops = executor.kernel_flops(s.e);
      known.bytes = executor.kernel_bytes(s.e);
    }
    if (const runtime::Profile* profile = executor.measured()) {
      known.count = profile->times()[index].calls;
      known.nanoseconds = static_cast<uint64_t>(profile->times()[index].seconds * 1e9);
    }
    return write_struct(step, known);
  });
}
