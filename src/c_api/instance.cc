// Instances, and what their runs read and write.
#include "c_api/objects.h"
#include "c_api/pool.h"
#include "runtime/tensor.h"

namespace tenon::c_api {
namespace {

Result<runtime::Allocator> read_allocator(const tenon_allocator* given) {
  if (given == nullptr) return runtime::Allocator{};
  TENON_TRY(const tenon_allocator a, read_struct(given));
  if (a.allocate == nullptr || a.release == nullptr)
    return fail("api.null", "an allocator has both functions, allocate and release; give both");
  return runtime::Allocator{a.allocate, a.release, a.user};
}

Result<std::map<std::string, runtime::HostFunction>> read_functions(
    const tenon_instance_options& o) {
  std::map<std::string, runtime::HostFunction> functions;
  for (size_t i = 0; i < o.function_count; ++i) {
    TENON_TRY(const tenon_function f, read_element(o.functions, i));
    TENON_TRY_VOID(require(f.name, cat("options->functions[", i, "].name")));
    if (f.call == nullptr)
      return fail("api.null", cat("function '", f.name, "' has no address; give one"));
    functions[f.name] = [f, name = std::string(f.name)](std::span<void* const> buffers,
                                                        std::span<const int64_t> sizes) -> Status {
      const int32_t code =
          f.call(f.user, buffers.data(), buffers.size(), sizes.data(), sizes.size());
      if (code == 0) return {};
      return fail("run.host_function",
                  cat("the program's function '", name, "' failed with number ", code));
    };
  }
  return functions;
}

Result<std::shared_ptr<runtime::ThreadPool>> pool_of(const tenon_instance_options& o) {
  if (o.pool == nullptr) return make_pool(o.threads);
  if (o.threads != 0)
    return fail("api.value",
                "an instance takes its threads from a pool or has a number of its own; "
                "give one of both");
  return o.pool->pool;
}

std::unique_ptr<tenon_instance> make_instance(std::string about,
                                              std::unique_ptr<runtime::Executor> executor) {
  auto handle = std::make_unique<tenon_instance>();
  handle->about = std::move(about);
  handle->executor = std::move(executor);
  return handle;
}

}  // namespace
}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;
using runtime::Executor;

tenon_error* tenon_instance_create(const tenon_model* model, const tenon_instance_options* options,
                                   tenon_instance** instance) {
  if (instance != nullptr) *instance = nullptr;
  return call({"tenon_instance_create", model == nullptr ? "" : model->about}, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    TENON_TRY_VOID(require(instance, "instance"));
    TENON_TRY(const auto o, read_struct(options));
    runtime::Surroundings around;
    TENON_TRY(around.allocator, read_allocator(o.allocator));
    TENON_TRY(around.functions, read_functions(o));
    TENON_TRY(around.pool, pool_of(o));
    TENON_TRY(auto executor, Executor::create(model->model, std::move(around)));
    *instance = make_instance(model->about, std::move(executor)).release();
    return {};
  });
}

tenon_error* tenon_instance_fork(tenon_instance* instance, tenon_instance** copy) {
  if (copy != nullptr) *copy = nullptr;
  return call_on("tenon_instance_fork", instance, [&](const Executor& executor) -> Status {
    TENON_TRY_VOID(require(copy, "copy"));
    TENON_TRY(auto forked, executor.fork());
    *copy = make_instance(instance->about, std::move(forked)).release();
    return {};
  });
}

void tenon_instance_release(tenon_instance* instance) {
  if (instance == nullptr) return;
  instance->stop.store(true, std::memory_order_relaxed);
  if (instance->background.end()) delete instance;
}

tenon_error* tenon_instance_memory(tenon_instance* instance, uint64_t* bytes) {
  return call_on("tenon_instance_memory", instance, [&](const Executor& executor) -> Status {
    TENON_TRY_VOID(require(bytes, "bytes"));
    *bytes = executor.memory_bytes();
    return {};
  });
}

tenon_error* tenon_bind_input(tenon_instance* instance, size_t index, const tenon_tensor* tensor) {
  return call_on("tenon_bind_input", instance, [&](Executor& executor) -> Status {
    TENON_TRY(const Tensor t, read_tensor(tensor));
    instance->has_result = false;
    if (t.strides.data() != nullptr)
      return executor.set_strided_input(index, {t.dtype, t.dims, t.strides, t.data, t.memory});
    TENON_TRY_VOID(read_dense(tensor));
    return executor.set_input(index, {t.dtype, t.dims, t.data});
  });
}

tenon_error* tenon_bind_inout(tenon_instance* instance, size_t index, const tenon_tensor* tensor) {
  return call_on("tenon_bind_inout", instance, [&](Executor& executor) -> Status {
    TENON_TRY(const Tensor t, read_dense(tensor));
    instance->has_result = false;
    return executor.set_inout(index, t.dtype, t.dims, t.data);
  });
}

tenon_error* tenon_bind_output(tenon_instance* instance, size_t index, void* data, size_t bytes) {
  return call_on("tenon_bind_output", instance, [&](Executor& executor) -> Status {
    instance->has_result = false;
    return executor.set_output(index, {static_cast<std::byte*>(data), data == nullptr ? 0 : bytes});
  });
}

tenon_error* tenon_output_shape(tenon_instance* instance, size_t output, int64_t* shape,
                                int32_t capacity, int32_t* rank) {
  return call_on("tenon_output_shape", instance, [&](const Executor& executor) -> Status {
    TENON_TRY_VOID(require(rank, "rank"));
    if (capacity > 0) TENON_TRY_VOID(require(shape, "shape"));
    TENON_TRY(const std::vector<int64_t> known, executor.expected_shape(output));
    *rank = static_cast<int32_t>(known.size());
    const size_t room = capacity < 0 ? 0 : static_cast<size_t>(capacity);
    std::copy_n(known.begin(), std::min(room, known.size()), shape);
    if (known.size() <= room) return {};
    return fail("api.rank", cat("the output has ", known.size(), " axes, and there is room for ",
                                capacity, " extents; give more"));
  });
}

tenon_error* tenon_output(tenon_instance* instance, size_t index, tenon_tensor* tensor) {
  return call_on("tenon_output", instance, [&](const Executor& executor) -> Status {
    if (index >= executor.output_count())
      return fail("run.output_name", cat("the model has ", executor.output_count(),
                                         " outputs; there is no output ", index));
    if (!instance->has_result)
      return fail("api.no_result",
                  "there is no result: the instance has not run, its last run failed, or something "
                  "was bound behind it; run it");
    return write_tensor(tensor, executor.output(index));
  });
}
