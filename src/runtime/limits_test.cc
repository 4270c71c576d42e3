// What a caller may lay down for runs beside their inputs: when they end early, where their memory
// comes from, whose threads they use; and what is known before them.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "runtime/executor.h"
#include "runtime/testing.h"

namespace tenon::runtime {
namespace {

using artifact::SizeOpCode;

template <class T>
std::string code_of(const Result<T>& r) {
  return r ? "" : r.error().diagnostics[0].code;
}

struct Given {
  std::vector<int64_t> dims{3, 4};
  std::vector<float> x = std::vector<float>(12, 1.5F);
  [[nodiscard]] TensorView view() const { return {DType::f32, dims, x.data()}; }
};

std::atomic<int> entered{0}, behind{0};
std::atomic<bool> go_on{false};
int64_t wait_for_leave(const Frame*, int64_t, int64_t, void*) {
  ++entered;
  while (!go_on.load()) std::this_thread::yield();
  return 0;
}
int64_t count_calls(const Frame*, int64_t, int64_t, void*) {
  ++behind;
  return 0;
}

TEST(Limits, a_run_that_is_stopped_ends_behind_the_kernel_that_has_begun) {
  artifact::Model m = two_kernels();
  m.functions = {wait_for_leave, count_calls};
  const auto e = executor_of(m);
  const Given given;
  ASSERT_TRUE(e->set_input(0, given.view()));
  std::atomic<bool> stop{false};
  Status outcome;
  std::thread runner([&] { outcome = e->run({.stop = &stop}); });
  while (entered.load() == 0) std::this_thread::yield();
  stop = true;
  go_on = true;
  runner.join();
  EXPECT_EQ(code_of(outcome), "run.cancelled");
  EXPECT_EQ(behind.load(), 0);
  stop = false;
  EXPECT_TRUE(e->run({.stop = &stop}));
  EXPECT_EQ(behind.load(), 1);
}

TEST(Limits, a_run_behind_its_deadline_ends) {
  const auto e = executor_of(two_kernels());
  const Given given;
  ASSERT_TRUE(e->set_input(0, given.view()));
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(e->run({.stop = nullptr, .deadline = now})), "run.deadline");
  EXPECT_TRUE(e->run({.stop = nullptr, .deadline = now + std::chrono::hours(1)}));
  EXPECT_EQ(values<float>(e->output(0)), std::vector<float>(12, 4.0F));
}

TEST(Limits, an_output_shape_is_known_before_the_run) {
  const auto e = executor_of(two_kernels());
  EXPECT_EQ(code_of(e->expected_shape(0)), "run.missing_input");
  const Given given;
  ASSERT_TRUE(e->set_input(0, given.view()));
  EXPECT_EQ(*e->expected_shape(0), given.dims);
  EXPECT_EQ(code_of(e->expected_shape(1)), "run.output_name");
}

TEST(Limits, an_extent_that_an_element_decides_is_not_known_before_the_run) {
  ModelMaker k;
  const uint32_t x = k.input("x", {ModelMaker::extent(1)}, DType::i64);
  const uint32_t zero = k.reg(0);
  k.stage();
  const uint32_t count = k.op(SizeOpCode::element, x, zero);
  const uint32_t bytes = k.op(SizeOpCode::bytes, count, k.reg(8));
  k.stage({bytes}, /*dynamic=*/true);
  const uint32_t y = k.slot(artifact::SlotKind::arena, 0, zero);
  k.m.outputs = {{"y", DType::i64, {{"count", count}}, y}};
  const auto e = executor_of(k.m);
  const std::array<int64_t, 1> dims{1};
  const int64_t five = 5;
  ASSERT_TRUE(e->set_input(0, {DType::i64, dims, &five}));
  EXPECT_EQ(code_of(e->expected_shape(0)), "run.output_shape");
  ASSERT_TRUE(e->run());
  EXPECT_EQ(e->output(0).dims[0], 5);
}

TEST(Limits, a_model_for_another_cpu_may_be_looked_at_and_not_run) {
  artifact::Model m = two_kernels();
  m.needs = {"no_such_feature"};
  EXPECT_EQ(code_of(Model::from(m)), "artifact.cpu");
  const auto model = Model::from(m, /*check_cpu=*/false);
  ASSERT_TRUE(model.has_value());
  EXPECT_EQ((*model)->inputs()[0].name, "x");
  EXPECT_EQ(code_of((*model)->runs_here()), "artifact.cpu");
  EXPECT_EQ(code_of(Executor::create(*model, 1)), "artifact.cpu");
}

struct Counted {
  std::atomic<int64_t> live{0}, bytes{0}, calls{0};
};
void* counted_allocate(void* user, size_t bytes, size_t alignment) {
  auto& c = *static_cast<Counted*>(user);
  c.live += 1;
  c.calls += 1;
  c.bytes += static_cast<int64_t>(bytes);
  return std::aligned_alloc(alignment, bytes);
}
void counted_release(void* user, void* memory, size_t bytes) {
  auto& c = *static_cast<Counted*>(user);
  c.live -= 1;
  c.bytes -= static_cast<int64_t>(bytes);
  std::free(memory);
}

TEST(Limits, memory_comes_from_the_caller_and_goes_back_to_it) {
  Counted counted;
  const auto model = *Model::from(two_kernels());
  {
    Surroundings around;
    around.allocator = {counted_allocate, counted_release, &counted};
    const auto e = *Executor::create(model, std::move(around));
    const Given given;
    ASSERT_TRUE(e->set_input(0, given.view()));
    ASSERT_TRUE(e->run());
    EXPECT_EQ(static_cast<uint64_t>(counted.bytes.load()), e->memory_bytes());
    EXPECT_GT(counted.live.load(), 0);
    const int64_t calls = counted.calls;
    ASSERT_TRUE(e->run());
    EXPECT_EQ(counted.calls.load(), calls);
    const std::vector<int64_t> larger{300, 70};
    const std::vector<float> x(21000);
    ASSERT_TRUE(e->set_input(0, {DType::f32, larger, x.data()}));
    ASSERT_TRUE(e->run());
    EXPECT_GT(counted.calls.load(), calls);
    EXPECT_EQ(static_cast<uint64_t>(counted.bytes.load()), e->memory_bytes());
  }
  EXPECT_EQ(counted.live.load(), 0);
  EXPECT_EQ(counted.bytes.load(), 0);
}

void* no_memory_at_all(void*, size_t, size_t) { return nullptr; }
void ignore(void*, void*, size_t) {}
void* odd_address(void* user, size_t, size_t) { return static_cast<std::byte*>(user) + 1; }

TEST(Limits, memory_that_an_allocator_does_not_give_is_an_error_of_the_run) {
  alignas(64) std::array<std::byte, 4096> room{};
  for (const Allocator& from : {Allocator{no_memory_at_all, ignore, nullptr},
                                Allocator{odd_address, ignore, room.data()}}) {
    Surroundings around;
    around.allocator = from;
    const auto e = *Executor::create(*Model::from(two_kernels()), std::move(around));
    const Given given;
    ASSERT_TRUE(e->set_input(0, given.view()));
    EXPECT_EQ(code_of(e->run()), "run.memory");
  }
}

// ---- loops over threads of the caller

using Part = void (*)(void*, size_t);
void on_threads(void*, Part part, void* context, size_t count) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back(part, context, i);
  for (std::thread& t : threads) t.join();
}
void backwards(void*, Part part, void* context, size_t count) {
  for (size_t i = count; i-- > 0;) part(context, i);
}
void too_few(void*, Part part, void* context, size_t) { part(context, 0); }
void none(void*, Part, void*, size_t) {}
void too_many(void*, Part part, void* context, size_t count) {
  for (size_t i = 0; i < 3 * count; ++i) part(context, i);
}

TEST(Limits, a_loop_of_the_caller_does_every_part_once) {
  for (const auto loop : {on_threads, backwards, too_few, none, too_many}) {
    ThreadPool pool(3, {loop, nullptr});
    EXPECT_EQ(pool.threads(), 3);
    for (const int64_t grid : {0, 1, 2, 3, 100}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(grid));
      const auto task = [](void* context, int worker, int64_t begin, int64_t end) -> int64_t {
        auto& h = *static_cast<std::vector<std::atomic<int>>*>(context);
        EXPECT_LT(worker, 3);
        for (int64_t i = begin; i < end; ++i) ++h[static_cast<size_t>(i)];
        return 0;
      };
      EXPECT_EQ(pool.run(task, &hits, grid), 0);
      for (const auto& h : hits) EXPECT_EQ(h.load(), 1);
    }
  }
}

TEST(Limits, a_loop_of_the_caller_gives_the_error_of_the_lowest_part) {
  for (const auto loop : {on_threads, backwards, none}) {
    ThreadPool pool(4, {loop, nullptr});
    const auto task = [](void*, int worker, int64_t, int64_t) -> int64_t {
      return worker == 0 ? 0 : 10 + worker;
    };
    EXPECT_EQ(pool.run(task, nullptr, 8), 11);
  }
}

}  // namespace
}  // namespace tenon::runtime
