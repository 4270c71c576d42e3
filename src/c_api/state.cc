// States: what an instance keeps from run to run.
#include "c_api/objects.h"
#include "runtime/tensor.h"

using namespace tenon;
using namespace tenon::c_api;
using runtime::Executor;

tenon_error* tenon_state(tenon_instance* instance, size_t index, tenon_tensor* tensor) {
  return call_on("tenon_state", instance, [&](const Executor& executor) -> Status {
    if (index >= executor.state_count())
      return fail("run.state_name", cat("the model has ", executor.state_count(),
                                        " states; there is no state ", index));
    return write_tensor(tensor, executor.state(index));
  });
}

tenon_error* tenon_set_state(tenon_instance* instance, size_t index, const tenon_tensor* tensor) {
  return call_on("tenon_set_state", instance, [&](Executor& executor) -> Status {
    TENON_TRY(const Tensor t, read_dense(tensor));
    return executor.set_state(index, {t.dtype, t.dims, t.data});
  });
}

tenon_error* tenon_reset_states(tenon_instance* instance) {
  return call_on("tenon_reset_states", instance,
                 [&](Executor& executor) { return executor.reset_states(); });
}
