#include "c_api/run.h"

#include "c_api/objects.h"

namespace tenon::c_api {

Status Use::check() const {
  if (instance_ != nullptr) return {};
  return fail("api.busy",
              "another call or an asynchronous run is using the instance; wait for it, or make an "
              "instance for each thread");
}

tenon_error* run_now(tenon_instance& instance,
                     std::chrono::steady_clock::time_point deadline) noexcept {
  instance.has_result = false;
  tenon_error* const error = call({"tenon_run", instance.about}, [&] {
    return instance.executor->run({.stop = &instance.stop, .deadline = deadline});
  });
  instance.has_result = error == nullptr;
  return error;
}

namespace {

std::chrono::steady_clock::time_point deadline_of(const tenon_instance& instance) {
  if (instance.time_limit.count() == 0) return runtime::kNoDeadline;
  const auto now = std::chrono::steady_clock::now();
  return instance.time_limit < runtime::kNoDeadline - now ? now + instance.time_limit
                                                          : runtime::kNoDeadline;
}

runtime::Tensor copy_of(const runtime::TensorView& view) {
  const auto* first = static_cast<const std::byte*>(view.data);
  return {view.dtype, {view.dims.begin(), view.dims.end()}, {first, first + view.bytes()}};
}

}  // namespace
}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_run(tenon_instance* instance) {
  const About about{"tenon_run"};
  if (instance == nullptr) return call(about, [&] { return require(instance, "instance"); });
  const Use use(*instance);
  if (const Status free = use.check(); !free) return call(about, [&] { return free; });
  instance->stop.store(false, std::memory_order_relaxed);
  return run_now(*instance, deadline_of(*instance));
}

tenon_error* tenon_warmup(tenon_instance* instance, size_t runs) {
  return call_on("tenon_warmup", instance, [&](runtime::Executor& executor) -> Status {
    instance->stop.store(false, std::memory_order_relaxed);
    for (const artifact::Input& in : executor.model().inputs())
      if (in.role == artifact::InputRole::inout)
        return fail("run.role",
                    cat("input '", in.name,
                        "' is inout, so a warm-up would change it; bind a copy and run"));
    instance->has_result = false;
    std::vector<runtime::Tensor> before;
    for (size_t i = 0; i < executor.state_count(); ++i)
      before.push_back(copy_of(executor.state(i)));
    Status done;
    for (size_t i = 0; i < runs && done; ++i)
      done = executor.run({.stop = &instance->stop, .deadline = deadline_of(*instance)});
    for (size_t i = 0; i < before.size(); ++i)
      TENON_TRY_VOID(executor.set_state(i, before[i].view()));
    return done;
  });
}

tenon_error* tenon_run_async(tenon_instance* instance, tenon_done done, void* user) {
  const About about{"tenon_run_async"};
  if (instance == nullptr) return call(about, [&] { return require(instance, "instance"); });
  Use use(*instance);
  return call(about, [&]() -> Status {
    TENON_TRY_VOID(use.check());
    instance->stop.store(false, std::memory_order_relaxed);
    instance->has_result = false;
    if (!instance->background.start(*instance, {done, user, deadline_of(*instance)}))
      return fail("api.busy",
                  "the instance is being released, or the system gives no thread for it; use "
                  "tenon_run");
    use.keep();
    return {};
  });
}

tenon_error* tenon_wait(tenon_instance* instance) {
  tenon_error* outcome = nullptr;
  tenon_error* const refused = call({"tenon_wait"}, [&]() -> Status {
    TENON_TRY_VOID(require(instance, "instance"));
    if (instance->background.is_this_thread())
      return fail("api.busy", "a callback cannot wait for itself; return from it first");
    outcome = instance->background.wait();
    return {};
  });
  return refused != nullptr ? refused : outcome;
}

tenon_error* tenon_cancel(tenon_instance* instance) {
  return call({"tenon_cancel"}, [&]() -> Status {
    TENON_TRY_VOID(require(instance, "instance"));
    if (instance->busy.load(std::memory_order_relaxed))
      instance->stop.store(true, std::memory_order_relaxed);
    return {};
  });
}

tenon_error* tenon_set_deadline(tenon_instance* instance, uint64_t nanoseconds) {
  return call_on("tenon_set_deadline", instance, [&](runtime::Executor&) -> Status {
    const auto most = static_cast<uint64_t>(std::chrono::nanoseconds::max().count());
    instance->time_limit =
        std::chrono::nanoseconds(static_cast<int64_t>(std::min(nanoseconds, most)));
    return {};
  });
}
