// Runs by the C API: results, memory of the caller, states, asynchronous runs and how they end.
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "c_api/testing.h"

namespace tenon::c_api {
namespace {

using artifact::SizeOpCode;
using artifact::SlotKind;
using runtime::ModelMaker;
using runtime::two_kernels;

std::vector<float> output_of(tenon_instance* instance) {
  auto y = sized<tenon_tensor>();
  EXPECT_OK(tenon_output(instance, 0, &y));
  const auto* p = static_cast<const float*>(y.data);
  return {p, p + y.bytes / sizeof(float)};
}

TEST(Run, results_are_those_of_the_executor) {
  const auto tables = two_kernels();
  const ModelHandle model = model_of(tables);
  const PoolHandle pool = pool_of(3);
  const InstanceHandle instance = instance_of(model.get(), pool.get());
  const auto executor = runtime::executor_of(tables);
  for (const auto& shape : {std::vector<int64_t>{3, 5}, {64, 33}, {0, 4}, {1, 1}}) {
    Floats x(shape, 0);
    for (size_t i = 0; i < x.values.size(); ++i) x.values[i] = static_cast<float>(i) * 0.25F;
    const tenon_tensor t = x.tensor();
    ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
    std::array<int64_t, 2> expected{};
    int32_t rank = 0;
    ASSERT_OK(tenon_output_shape(instance.get(), 0, expected.data(), 2, &rank));
    EXPECT_EQ(rank, 2);
    EXPECT_EQ(std::vector<int64_t>(expected.begin(), expected.end()), shape);
    EXPECT_EQ(code_of(tenon_output_shape(instance.get(), 0, expected.data(), 1, &rank)),
              "api.rank");
    EXPECT_EQ(rank, 2);
    ASSERT_OK(tenon_run(instance.get()));
    auto y = sized<tenon_tensor>();
    ASSERT_OK(tenon_output(instance.get(), 0, &y));
    EXPECT_EQ(y.type, TENON_F32);
    EXPECT_EQ(std::vector<int64_t>(y.shape, y.shape + y.rank), shape);
    EXPECT_EQ(y.strides, nullptr);
    ASSERT_TRUE(executor->set_input(0, {DType::f32, shape, x.values.data()}));
    ASSERT_TRUE(executor->run());
    EXPECT_EQ(output_of(instance.get()), runtime::values<float>(executor->output(0)));
  }
}

TEST(Run, outputs_go_to_memory_of_the_caller_and_inputs_may_be_strided) {
  const ModelHandle model = model_of(two_kernels());
  const InstanceHandle instance = instance_of(model.get());
  Floats x({2, 3}, 0);
  x.values = {1, 2, 3, 4, 5, 6};
  tenon_tensor t = x.tensor();
  const std::array<int64_t, 2> shape{3, 2};
  const std::array<int64_t, 2> transposed{1, 3};
  t.shape = shape.data();
  t.strides = transposed.data();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  std::array<float, 6> y{};
  ASSERT_OK(tenon_bind_output(instance.get(), 0, y.data(), sizeof y));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(y, (std::array<float, 6>{3, 9, 5, 11, 7, 13}));
  ASSERT_OK(tenon_bind_output(instance.get(), 0, y.data(), 20));
  EXPECT_EQ(code_of(tenon_run(instance.get())), "run.output_memory");
  ASSERT_OK(tenon_bind_output(instance.get(), 0, nullptr, 0));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(output_of(instance.get())[0], 3);
}

TEST(Run, an_instance_outlives_the_handles_of_its_model_and_pool) {
  ModelHandle model = model_of(two_kernels());
  PoolHandle pool = pool_of(2);
  const InstanceHandle instance = instance_of(model.get(), pool.get());
  model.reset();
  pool.reset();
  Floats x({7, 5}, 1);
  const tenon_tensor t = x.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(output_of(instance.get()), std::vector<float>(35, 3.0F));
}

TEST(Run, sixteen_threads_run_instances_of_one_model_on_one_pool) {
  const ModelHandle model = model_of(two_kernels());
  const PoolHandle pool = pool_of(2);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 16; ++c)
    callers.emplace_back([&, c] {
      const InstanceHandle instance = instance_of(model.get(), pool.get());
      for (int64_t round = 0; round < 20; ++round) {
        Floats x({1 + (c + round) % 9, 40}, static_cast<float>(c));
        const tenon_tensor t = x.tensor();
        tenon_error* e = tenon_bind_input(instance.get(), 0, &t);
        if (e == nullptr) e = tenon_run(instance.get());
        wrong += code_of(e).empty() ? 0 : 1;
        for (const float y : output_of(instance.get()))
          wrong += y == 2 * static_cast<float>(c) + 1 ? 0 : 1;
      }
    });
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

using Part = void (*)(void*, size_t);
void on_threads(void* user, Part part, void* context, size_t count) {
  static_cast<std::atomic<size_t>*>(user)->fetch_add(count);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back(part, context, i);
  for (std::thread& t : threads) t.join();
}

TEST(Run, the_threads_may_be_those_of_the_caller) {
  std::atomic<size_t> parts{0};
  auto options = sized<tenon_pool_options>();
  options.threads = 4;
  options.parallel_for = on_threads;
  options.parallel_user = &parts;
  tenon_pool* made = nullptr;
  ASSERT_OK(tenon_pool_create(&options, &made));
  const PoolHandle pool(made);
  EXPECT_EQ(tenon_pool_threads(made), 4);
  const ModelHandle model = model_of(two_kernels());
  const InstanceHandle instance = instance_of(model.get(), made);
  Floats x({500, 100}, 2);
  const tenon_tensor t = x.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(output_of(instance.get()), std::vector<float>(50000, 5.0F));
  EXPECT_EQ(parts.load(), 8U);
}

struct Counted {
  std::atomic<int64_t> live{0}, bytes{0};
};

TEST(Run, memory_comes_from_the_allocator_and_all_of_it_goes_back) {
  Counted counted;
  auto allocator = sized<tenon_allocator>();
  allocator.user = &counted;
  allocator.allocate = [](void* user, size_t bytes, size_t alignment) {
    static_cast<Counted*>(user)->live += 1;
    static_cast<Counted*>(user)->bytes += static_cast<int64_t>(bytes);
    return std::aligned_alloc(alignment, bytes);
  };
  allocator.release = [](void* user, void* memory, size_t bytes) {
    static_cast<Counted*>(user)->live -= 1;
    static_cast<Counted*>(user)->bytes -= static_cast<int64_t>(bytes);
    std::free(memory);
  };
  const ModelHandle model = model_of(two_kernels());
  {
    const InstanceHandle instance = instance_of(model.get(), nullptr, &allocator);
    Floats x({30, 40}, 2);
    const tenon_tensor t = x.tensor();
    ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
    ASSERT_OK(tenon_run(instance.get()));
    uint64_t bytes = 0;
    ASSERT_OK(tenon_instance_memory(instance.get(), &bytes));
    EXPECT_EQ(static_cast<uint64_t>(counted.bytes.load()), bytes);
    auto memory = sized<tenon_memory>();
    ASSERT_OK(tenon_model_memory(model.get(), x.shape.data(), 2, &memory));
    EXPECT_EQ(memory.arena, 2U * 30 * 40 * 4);
    EXPECT_EQ(memory.scratch_per_thread, 160U);
    EXPECT_EQ(bytes, memory.arena + (memory.scratch_per_thread + 63) / 64 * 64);
  }
  EXPECT_EQ(counted.live.load(), 0);
  EXPECT_EQ(counted.bytes.load(), 0);
}

TEST(Run, memory_is_told_for_extents_that_a_run_would_take) {
  const ModelHandle model = model_of(two_kernels());
  auto memory = sized<tenon_memory>();
  const std::array<int64_t, 3> extents{3, -1, 5};
  EXPECT_EQ(code_of(tenon_model_memory(model.get(), extents.data(), 3, &memory)), "api.rank");
  EXPECT_EQ(code_of(tenon_model_memory(model.get(), extents.data(), 2, &memory)), "run.extent");
}

// ---- states

std::vector<int32_t> state_of(tenon_instance* instance) {
  auto s = sized<tenon_tensor>();
  EXPECT_OK(tenon_state(instance, 0, &s));
  const auto* p = static_cast<const int32_t*>(s.data);
  return {p, p + s.bytes / sizeof(int32_t)};
}

TEST(Run, a_warm_up_leaves_states_as_they_were) {
  const ModelHandle model = model_of(runtime::counting_model());
  const InstanceHandle instance = instance_of(model.get());
  EXPECT_EQ(code_of(tenon_warmup(instance.get(), 1)), "run.missing_input");
  Floats x({2}, 0);
  const tenon_tensor t = x.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  ASSERT_OK(tenon_run(instance.get()));
  ASSERT_OK(tenon_warmup(instance.get(), 3));
  EXPECT_EQ(state_of(instance.get()), (std::vector<int32_t>{1, 1}));
  auto out = sized<tenon_tensor>();
  EXPECT_EQ(code_of(tenon_output(instance.get(), 0, &out)), "api.no_result");
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(state_of(instance.get()), (std::vector<int32_t>{2, 2}));
}

TEST(Run, states_are_read_written_reset_and_copied) {
  using V = std::vector<int32_t>;
  const ModelHandle model = model_of(runtime::counting_model());
  const InstanceHandle instance = instance_of(model.get());
  auto value = sized<tenon_value>();
  ASSERT_OK(tenon_model_state(model.get(), 0, &value));
  EXPECT_STREQ(value.name, "count");
  EXPECT_EQ(value.extents[0], -1);
  Floats x({2}, 0);
  const tenon_tensor t = x.tensor();
  ASSERT_OK(tenon_bind_input(instance.get(), 0, &t));
  ASSERT_OK(tenon_run(instance.get()));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(state_of(instance.get()), (V{2, 2}));
  tenon_instance* made = nullptr;
  ASSERT_OK(tenon_instance_fork(instance.get(), &made));
  const InstanceHandle copy(made);
  EXPECT_EQ(code_of(tenon_run(made)), "run.missing_input");
  EXPECT_EQ(state_of(made), (V{2, 2}));
  V given{10, 20};
  auto s = sized<tenon_tensor>();
  s.type = TENON_I32;
  s.rank = 1;
  s.shape = x.shape.data();
  s.data = given.data();
  s.bytes = 8;
  ASSERT_OK(tenon_set_state(instance.get(), 0, &s));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(state_of(instance.get()), (V{11, 21}));
  EXPECT_EQ(state_of(made), (V{2, 2}));
  ASSERT_OK(tenon_reset_states(instance.get()));
  ASSERT_OK(tenon_run(instance.get()));
  EXPECT_EQ(state_of(instance.get()), (V{1, 1}));
  s.bytes = 4;
  EXPECT_EQ(code_of(tenon_set_state(instance.get(), 0, &s)), "api.bytes");
  s.type = TENON_F32;
  s.bytes = 8;
  EXPECT_EQ(code_of(tenon_set_state(instance.get(), 0, &s)), "run.state");
}

// ---- asynchronous runs, and how they end

/// A kernel that stays until it is let go, with what was seen of it.
struct Gate {
  std::atomic<int> inside{0}, behind{0};
  std::atomic<bool> open{false};
};
Gate* gate = nullptr;  // of the test that is going on
int64_t pass_gate(const Frame*, int64_t, int64_t, void*) {
  ++gate->inside;
  while (!gate->open) std::this_thread::yield();
  return 0;
}
int64_t behind_gate(const Frame*, int64_t, int64_t, void*) {
  ++gate->behind;
  return 0;
}

/// A model whose run stays at its first kernel, an instance of it with its input bound.
class AsyncRun : public testing::Test {
 protected:
  AsyncRun() {
    gate = &gate_;
    artifact::Model m = two_kernels();
    m.functions = {pass_gate, behind_gate};
    model_ = model_of(m);
    instance_ = instance_of(model_.get());
    const tenon_tensor t = x_.tensor();
    EXPECT_OK(tenon_bind_input(instance_.get(), 0, &t));
  }
  void wait_until_inside() const {
    while (gate_.inside.load() == 0) std::this_thread::yield();
  }
  static void note(void* user, tenon_instance*, tenon_error* error) {
    auto& test = *static_cast<AsyncRun*>(user);
    test.codes_.push_back(code_of(error));
  }

  Gate gate_;
  Floats x_{{3, 4}, 1};
  ModelHandle model_;
  InstanceHandle instance_;
  std::vector<std::string> codes_;  // of callbacks
};

TEST_F(AsyncRun, the_callback_gets_the_outcome) {
  gate_.open = true;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(tenon_run_async(instance_.get(), note, this));
    ASSERT_OK(tenon_wait(instance_.get()));
  }
  EXPECT_EQ(codes_, (std::vector<std::string>{"", "", ""}));
  EXPECT_EQ(output_of(instance_.get()).size(), 12U);
}

TEST_F(AsyncRun, an_instance_that_runs_takes_no_other_call) {
  ASSERT_OK(tenon_run_async(instance_.get(), nullptr, nullptr));
  wait_until_inside();
  const tenon_tensor t = x_.tensor();
  auto y = sized<tenon_tensor>();
  EXPECT_EQ(code_of(tenon_bind_input(instance_.get(), 0, &t)), "api.busy");
  EXPECT_EQ(code_of(tenon_run(instance_.get())), "api.busy");
  EXPECT_EQ(code_of(tenon_run_async(instance_.get(), nullptr, nullptr)), "api.busy");
  EXPECT_EQ(code_of(tenon_output(instance_.get(), 0, &y)), "api.busy");
  gate_.open = true;
  ASSERT_OK(tenon_wait(instance_.get()));
  ASSERT_OK(tenon_output(instance_.get(), 0, &y));
}

TEST_F(AsyncRun, cancel_ends_a_run_behind_the_kernel_that_has_begun) {
  EXPECT_OK(tenon_cancel(instance_.get()));  // of nothing
  ASSERT_OK(tenon_run_async(instance_.get(), nullptr, nullptr));
  wait_until_inside();
  EXPECT_OK(tenon_cancel(instance_.get()));
  gate_.open = true;
  EXPECT_EQ(code_of(tenon_wait(instance_.get())), "run.cancelled");
  EXPECT_EQ(gate_.behind.load(), 0);
  auto y = sized<tenon_tensor>();
  EXPECT_EQ(code_of(tenon_output(instance_.get(), 0, &y)), "api.no_result");
  EXPECT_OK(tenon_cancel(instance_.get()));  // too late for the run before, and not for the next
  ASSERT_OK(tenon_run(instance_.get()));
  EXPECT_EQ(gate_.behind.load(), 1);
}

TEST_F(AsyncRun, a_run_of_this_thread_is_cancelled_by_another) {
  std::thread canceller([&] {
    wait_until_inside();
    EXPECT_OK(tenon_cancel(instance_.get()));
    gate_.open = true;
  });
  EXPECT_EQ(code_of(tenon_run(instance_.get())), "run.cancelled");
  canceller.join();
}

TEST_F(AsyncRun, a_deadline_ends_runs_until_it_is_taken_back) {
  gate_.open = true;
  ASSERT_OK(tenon_set_deadline(instance_.get(), 1));
  EXPECT_EQ(code_of(tenon_run(instance_.get())), "run.deadline");
  ASSERT_OK(tenon_run_async(instance_.get(), note, this));
  ASSERT_OK(tenon_wait(instance_.get()));
  EXPECT_EQ(codes_, (std::vector<std::string>{"run.deadline"}));
  for (const uint64_t enough : {uint64_t{3600} * 1000000000, UINT64_MAX, uint64_t{0}}) {
    ASSERT_OK(tenon_set_deadline(instance_.get(), enough));
    EXPECT_OK(tenon_run(instance_.get()));
  }
}

TEST_F(AsyncRun, release_cancels_and_waits_for_the_callback) {
  ASSERT_OK(tenon_run_async(instance_.get(), note, this));
  wait_until_inside();
  model_.reset();  // the run keeps what it needs
  tenon_instance* const released = instance_.release();
  std::thread opener([&] {
    while (!released->stop.load()) std::this_thread::yield();
    gate_.open = true;
  });
  tenon_instance_release(released);
  opener.join();
  EXPECT_EQ(codes_, (std::vector<std::string>{"run.cancelled"}));
}

struct Chain {
  std::atomic<int> left{0};
  std::mutex mutex;
  std::condition_variable ended;
  std::string wait_code;
  bool released = false;
};

/// Runs again and again, and at last releases the instance in its own callback.
void go_on(void* user, tenon_instance* instance, tenon_error* error) {
  Chain& chain = *static_cast<Chain*>(user);
  EXPECT_OK(error);
  if (--chain.left > 0) {
    EXPECT_OK(tenon_run_async(instance, go_on, user));
    return;
  }
  const std::string code = code_of(tenon_wait(instance));
  tenon_instance_release(instance);
  const std::lock_guard lock(chain.mutex);
  chain.wait_code = code;
  chain.released = true;
  chain.ended.notify_all();
}

TEST_F(AsyncRun, a_callback_may_run_again_and_release_the_instance) {
  gate_.open = true;
  Chain chain;
  chain.left = 5;
  ASSERT_OK(tenon_run_async(instance_.release(), go_on, &chain));
  std::unique_lock lock(chain.mutex);
  chain.ended.wait(lock, [&] { return chain.released; });
  EXPECT_EQ(chain.wait_code, "api.busy");
  EXPECT_EQ(gate_.behind.load(), 5);
}

}  // namespace
}  // namespace tenon::c_api
