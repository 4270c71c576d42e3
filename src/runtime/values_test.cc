// Small computations of the runtime at the edges of their ranges: bytes of tensors, sums of bytes,
// percentiles, the values that fill inputs, numbers of threads.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "runtime/executor.h"
#include "runtime/footprint.h"
#include "runtime/inputs.h"
#include "runtime/memory.h"
#include "runtime/report.h"
#include "runtime/testing.h"
#include "runtime/thread_pool.h"

namespace tenon::runtime {
namespace {

TEST(Values, bytes_of_a_tensor_fit_63_bits_or_are_negative) {
  struct Row {
    DType dtype;
    std::vector<int64_t> dims;
    int64_t bytes;
  };
  const int64_t huge = int64_t{1} << 31;
  const Row rows[] = {
      {DType::f32, {}, 4},
      {DType::i8, {3}, 3},
      {DType::f64, {2, 3, 5}, 240},
      {DType::f32, {0}, 0},
      {DType::f32, {4, 0, 5}, 0},
      {DType::f32, {0, 7}, 0},
      {DType::f32, {-1}, -1},
      {DType::f32, {0, -1}, -1},
      {DType::i8, {huge, huge}, huge * huge},
      {DType::i8, {huge, huge, 2}, -1},
      {DType::f32, {huge, huge}, -1},
      {DType::i8, {huge, huge, 2, 1}, -1},
      {DType::i8, {huge, 0, huge, 2}, -1},  // shapes computed from it could overflow
      {DType::i8, {INT64_MAX}, INT64_MAX},
      {DType::f16, {INT64_MAX}, -1},
  };
  for (const Row& row : rows) EXPECT_EQ(tensor_bytes(row.dtype, row.dims), row.bytes);
}

TEST(Values, sums_of_bytes_stop_at_the_most) {
  EXPECT_EQ(add_bytes(1, 2), 3U);
  EXPECT_EQ(add_bytes(kMostMemory - 1, 1), kMostMemory);
  EXPECT_EQ(add_bytes(kMostMemory, 1), kMostMemory);
  EXPECT_EQ(add_bytes(UINT64_MAX, UINT64_MAX), kMostMemory);
  EXPECT_EQ(add_bytes(0, kMostMemory - 2), kMostMemory - 2);
}

TEST(Values, percentiles_of_latencies_take_the_nearest_run) {
  std::vector<double> eleven;
  for (int i = 11; i > 0; --i) eleven.push_back(i);
  const Latency l = summarize_latency(eleven);
  EXPECT_EQ(l.min, 1);
  EXPECT_EQ(l.median, 6);
  EXPECT_EQ(l.p90, 10);
  EXPECT_EQ(l.p99, 11);
  EXPECT_EQ(l.count, 11U);
  const Latency one = summarize_latency({3});
  EXPECT_EQ(one.median, 3);
  EXPECT_EQ(one.p99, 3);
  EXPECT_EQ(summarize_latency({}).count, 0U);
  EXPECT_EQ(summarize_latency({2, 1}).median, 2);
}

std::vector<double> filled(DType dtype, size_t count, Fill fill, const char* name, size_t index,
                           int64_t below = kIntegersBelow) {
  Tensor t{dtype, {static_cast<int64_t>(count)}, {}};
  const size_t width = artifact::info(dtype).element_bytes;
  t.bytes.assign(count * width, std::byte{9});
  fill_tensor(t, fill, name, index, below);
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(artifact::load_double(dtype, &t.bytes[i * width]));
  return values;
}

TEST(Values, random_inputs_are_the_same_everywhere) {
  using Doubles = std::vector<double>;
  const Fill seven{true, 7};
  EXPECT_EQ(filled(DType::i64, 4, {true, 0}, "ids", 0), (Doubles{35, 0, 79, 44}));
  EXPECT_EQ(filled(DType::i64, 4, seven, "ids", 0), (Doubles{5, 99, 48, 20}));
  EXPECT_EQ(filled(DType::i64, 4, seven, "ids", 1), (Doubles{75, 19, 4, 99}));
  const Doubles wanted{-0.9690687418604849, -1.4309236308052686, 0.438097032340404};
  const Doubles normal = filled(DType::f64, 3, seven, "x", 0);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(normal[i], wanted[i], 1e-12);
}

TEST(Values, inputs_are_filled_by_their_kind) {
  using Doubles = std::vector<double>;
  const Fill random{true, 3};
  EXPECT_EQ(filled(DType::i32, 3, {}, "ids", 0), (Doubles{0, 0, 0}));
  EXPECT_EQ(filled(DType::boolean, 3, random, "x", 0), (Doubles{1, 1, 1}));
  EXPECT_EQ(filled(DType::f32, 2, random, "attention_mask", 0), (Doubles{1, 1}));
  EXPECT_EQ(filled(DType::i64, 3, random, "ids", 0, 1), (Doubles{0, 0, 0}));
  EXPECT_EQ(filled(DType::i64, 3, random, "ids", 0, 0), (Doubles{0, 0, 0}));
  double sum = 0;
  double squares = 0;
  for (double v : filled(DType::f64, 20000, random, "x", 0)) {
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.05);
  bool seen[5] = {};
  for (double v : filled(DType::u8, 200, random, "ids", 0, 5)) {
    ASSERT_LT(v, 5);
    seen[static_cast<size_t>(v)] = true;
  }
  for (const bool s : seen) EXPECT_TRUE(s);
}

TEST(Values, an_executor_has_the_threads_that_it_is_given) {
  ModelMaker k;
  k.input("x", {ModelMaker::extent(1)});
  const auto model = *Model::from(k.m);
  const auto threads_of = [&](int threads) {
    const auto executor = Executor::create(model, threads);
    return executor ? (*executor)->threads() : -1;
  };
  EXPECT_EQ(threads_of(0), default_threads());
  EXPECT_EQ(threads_of(1), 1);
  EXPECT_EQ(threads_of(default_threads() + 1), default_threads() + 1);
  EXPECT_EQ(threads_of(-1), -1);
  EXPECT_EQ(threads_of(4097), -1);
  EXPECT_GE(default_threads(), 1);
}

TEST(Values, memory_grows_keeps_its_bytes_and_refuses_the_impossible) {
  Memory m;
  ASSERT_TRUE(m.reserve(3));
  std::memcpy(m.data(), "abc", 3);
  EXPECT_EQ(m.capacity(), 64U);
  const auto* first = m.data();
  ASSERT_TRUE(m.reserve(m.capacity()));
  EXPECT_EQ(m.data(), first);
  ASSERT_TRUE(m.reserve(65, 3));
  EXPECT_EQ(m.capacity(), 128U);
  EXPECT_EQ(std::memcmp(m.data(), "abc", 3), 0);
  ASSERT_TRUE(m.reserve(5U << 20U, 3));
  EXPECT_GE(m.capacity(), 5U << 20U);
  EXPECT_EQ(std::memcmp(m.data(), "abc", 3), 0);
  EXPECT_FALSE(m.reserve(UINT64_MAX, 3));
  EXPECT_EQ(std::memcmp(m.data(), "abc", 3), 0);
}

}  // namespace
}  // namespace tenon::runtime
