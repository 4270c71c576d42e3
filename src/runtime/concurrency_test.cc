// Executors that share a model and a pool of threads, run at once; meant for the thread sanitizer
// too.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "runtime/executor.h"
#include "runtime/testing.h"

namespace tenon::runtime {
namespace {

using artifact::SizeOpCode;
using artifact::SlotKind;

/// Row r of y is row r of x plus `add`, by way of scratch.
template <int kAdd>
int64_t add_rows(const Frame* f, int64_t begin, int64_t end, void* scratch) {
  const auto* x = static_cast<const float*>(f->buffers[0]);
  auto* y = static_cast<float*>(f->buffers[1]);
  auto* row = static_cast<float*>(scratch);
  const int64_t m = f->sizes[0];
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t j = 0; j < m; ++j) row[j] = x[r * m + j] + kAdd;
    for (int64_t j = 0; j < m; ++j) y[r * m + j] = row[j];
  }
  return 0;
}
/// Fails in the part that holds row 5.
int64_t fails_at_5(const Frame*, int64_t begin, int64_t end, void*) {
  return begin <= 5 && 5 < end ? 2 : 0;
}

/// y = x + 1 + 2 for x of [n, m].
ModelMaker two_additions() {
  ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n"), k.symbol("m")});
  const uint32_t n = k.op(SizeOpCode::input_extent, 0, 0);
  const uint32_t m = k.op(SizeOpCode::input_extent, 0, 1);
  const uint32_t zero = k.reg(0);
  const uint32_t row_bytes = k.op(SizeOpCode::bytes, m, k.reg(4));
  const uint32_t bytes = k.op(SizeOpCode::bytes, n, row_bytes);
  k.stage({bytes, bytes});
  const uint32_t t = k.slot(SlotKind::arena, 0, zero);
  const uint32_t y = k.slot(SlotKind::arena, 1, zero);
  k.launch("one", add_rows<1>, {x, t}, {m}, n, row_bytes);
  k.launch("two", add_rows<2>, {t, y}, {m}, n, row_bytes);
  k.m.outputs = {{"y", DType::f32, {{"n", n}, {"m", m}}, y, bytes}};
  return k;
}

/// Runs an executor of its own again and again; the number of wrong elements and refused runs.
int64_t run_often(const std::shared_ptr<const Model>& model,
                  const std::shared_ptr<ThreadPool>& pool, int64_t seed) {
  auto made = Executor::create(model, pool);
  if (!made) return 1;
  Executor& e = **made;
  int64_t wrong = 0;
  for (int64_t round = 0; round < 40; ++round) {
    const std::array<int64_t, 2> dims{2 + (seed * 7 + round) % 29, 3 + seed};
    std::vector<float> x(static_cast<size_t>(dims[0] * dims[1]));
    std::vector<float> y(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(seed * 1000) + static_cast<float>(i);
    const bool ran = e.set_input(0, {DType::f32, dims, x.data()}).has_value() &&
                     e.set_output(0, std::as_writable_bytes(std::span(y))).has_value() &&
                     e.run().has_value();
    wrong += ran ? 0 : 1;
    for (size_t i = 0; i < x.size(); ++i) wrong += y[i] == x[i] + 3 ? 0 : 1;
  }
  return wrong;
}

TEST(Concurrency, executors_on_one_pool_run_at_once) {
  const auto model = Model::from(two_additions().m);
  ASSERT_TRUE(model.has_value());
  for (const int threads : {1, 2, 4}) {
    const auto pool = std::make_shared<ThreadPool>(threads);
    std::atomic<int64_t> wrong{0};
    std::vector<std::thread> callers;
    for (int64_t c = 0; c < 5; ++c)
      callers.emplace_back([&, c] { wrong += run_often(*model, pool, c); });
    for (std::thread& t : callers) t.join();
    EXPECT_EQ(wrong.load(), 0) << threads << " threads";
  }
}

TEST(Concurrency, the_pool_and_the_model_outlive_their_makers) {
  std::unique_ptr<Executor> e;
  {
    const auto model = Model::from(two_additions().m);
    const auto pool = std::make_shared<ThreadPool>(3);
    e = std::move(*Executor::create(*model, pool));
    EXPECT_EQ(e->threads(), 3);
  }
  const std::array<int64_t, 2> dims{7, 2};
  const std::vector<float> x(14, 1.5F);
  ASSERT_TRUE(e->set_input(0, {DType::f32, dims, x.data()}).has_value());
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(static_cast<const float*>(e->output(0).data)[13], 4.5F);
}

TEST(Concurrency, an_error_belongs_to_its_own_run) {
  ModelMaker k = two_additions();
  k.m.functions[1] = fails_at_5;
  const auto good = Model::from(two_additions().m);
  const auto bad = Model::from(k.m);
  const auto pool = std::make_shared<ThreadPool>(3);
  std::atomic<int64_t> wrong{0};
  std::thread healthy([&] { wrong += run_often(*good, pool, 3); });
  auto e = std::move(*Executor::create(*bad, pool));
  const std::array<int64_t, 2> dims{9, 4};
  const std::vector<float> x(36);
  ASSERT_TRUE(e->set_input(0, {DType::f32, dims, x.data()}).has_value());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(e->run().has_value());
  healthy.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace tenon::runtime
