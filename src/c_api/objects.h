// What the handles of the C API stand for.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "c_api/background.h"
#include "c_api/call.h"
#include "runtime/executor.h"
#include "runtime/model.h"
#include "runtime/thread_pool.h"

namespace tenon::c_api {

/// Inputs, outputs or states as structs of C, with the arrays that these point to.
struct Values {
  std::vector<tenon_value> rows;
  std::vector<std::vector<int64_t>> extents;
  std::vector<std::vector<const char*>> axes;
};

/// The handle of a model; `about` is its file, or what its maker calls it.
[[nodiscard]] tenon_model* make_model(std::shared_ptr<const runtime::Model> model,
                                      std::string about);

/// A struct of C as a tensor. Refuses what no tensor has: "api.null", "api.type", "api.rank",
/// "api.extent", "api.alignment".
struct Tensor {
  runtime::DType dtype;
  std::span<const int64_t> dims, strides;  // no strides: dense
  std::span<std::byte> memory;             // from data on; empty where its size is not known
  std::byte* data;
};
[[nodiscard]] Result<Tensor> read_tensor(const tenon_tensor* given);
/// The same of a dense tensor, whose memory has to suffice ("api.bytes", "api.strides").
[[nodiscard]] Result<Tensor> read_dense(const tenon_tensor* given);
[[nodiscard]] Status write_tensor(tenon_tensor* to, const runtime::TensorView& view);

}  // namespace tenon::c_api

struct tenon_model {
  std::shared_ptr<const tenon::runtime::Model> model;  // shared: with instances
  std::string about;
  std::vector<const char*> features, symbols;
  tenon::c_api::Values inputs, outputs, states;
};

struct tenon_pool {
  std::shared_ptr<tenon::runtime::ThreadPool> pool;  // shared: with instances
};

struct tenon_instance {
  std::string about;
  std::unique_ptr<tenon::runtime::Executor> executor;
  std::atomic<bool> busy{false};  // a call is using it, or an asynchronous run
  std::atomic<bool> stop{false};
  std::chrono::nanoseconds time_limit{0};  // 0: none
  bool has_result = false;
  tenon::c_api::Background background;
};

namespace tenon::c_api {

/// The right to use an instance for the time of a call. The memory order makes what one thread did
/// visible to the next.
class Use {
 public:
  explicit Use(tenon_instance& instance)
      : instance_(instance.busy.exchange(true, std::memory_order_acquire) ? nullptr : &instance) {}
  ~Use() {
    if (instance_ != nullptr) instance_->busy.store(false, std::memory_order_release);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  /// "api.busy" where another call has it.
  [[nodiscard]] Status check() const;
  /// The asynchronous run goes on using it.
  void keep() { instance_ = nullptr; }

 private:
  tenon_instance* instance_;
};

/// A call on an instance: the handle is there and free, then `work`.
template <class Work>
tenon_error* call_on(const char* function, tenon_instance* instance, const Work& work) noexcept {
  if (instance == nullptr) return call({function}, [&] { return require(instance, "instance"); });
  const Use use(*instance);
  return call({function, instance->about}, [&]() -> Status {
    TENON_TRY_VOID(use.check());
    return work(*instance->executor);
  });
}

}  // namespace tenon::c_api
