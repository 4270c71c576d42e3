// Steps of a run at the edges of their ranges: empty grids, growing scratch, copies of nothing,
// amounts that are negative or do not fit.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "runtime/executor.h"
#include "runtime/footprint.h"
#include "runtime/memory.h"
#include "runtime/size_stage.h"
#include "runtime/testing.h"
#include "runtime/thread_pool.h"
#include "support/kernel_failure.h"

namespace tenon::runtime {
namespace {

using artifact::SizeOpCode;
using artifact::SlotKind;
using artifact::StepKind;

template <class T>
std::string text_of(const T& outcome) {
  return outcome ? "" : outcome.error().text();
}

std::atomic<int> parts{0};
int64_t count_parts(const Frame*, int64_t, int64_t, void*) {
  ++parts;
  return 0;
}

/// How many parts a kernel's grid is run in by three threads.
int parts_of(int64_t grid, int64_t flops, int64_t bytes, bool known_flops = true,
             bool known_bytes = true) {
  ModelMaker k;
  const uint32_t zero = k.reg(0);
  k.launch("count", count_parts, {}, {}, k.reg(grid), zero);
  const uint32_t flop_reg = k.reg(flops);
  const uint32_t byte_reg = k.reg(bytes);
  k.m.kernels[0].flops = known_flops ? flop_reg : artifact::kNone;
  k.m.kernels[0].bytes = known_bytes ? byte_reg : artifact::kNone;
  const auto e = executor_of(k.m, 3);
  parts = 0;
  EXPECT_TRUE(e->run().has_value());
  EXPECT_EQ(e->kernel_flops(0), known_flops ? flops : 0);
  EXPECT_EQ(e->kernel_bytes(0), known_bytes ? bytes : 0);
  return parts;
}

TEST(Execution, threads_share_grids_that_are_worth_it) {
  constexpr int64_t kSmall = 1 << 15;
  EXPECT_EQ(parts_of(-1, kSmall, 0), 0);
  EXPECT_EQ(parts_of(0, kSmall, 0), 0);
  EXPECT_EQ(parts_of(0, 0, 0), 0);
  EXPECT_EQ(parts_of(1, kSmall, 0), 1);
  EXPECT_EQ(parts_of(2, kSmall, 0), 2);
  EXPECT_EQ(parts_of(9, kSmall, 0), 3);
  EXPECT_EQ(parts_of(9, 0, kSmall), 3);
  EXPECT_EQ(parts_of(9, kSmall - 1, 0), 1);
  EXPECT_EQ(parts_of(9, 0, kSmall - 1), 1);
  EXPECT_EQ(parts_of(9, kSmall / 2, kSmall / 2 - 1), 1);
  EXPECT_EQ(parts_of(9, kSmall / 2, kSmall / 2), 3);
  EXPECT_EQ(parts_of(9, INT64_MAX, INT64_MAX), 3);
  EXPECT_EQ(parts_of(9, 0, 0, false, true), 3);
  EXPECT_EQ(parts_of(9, 0, 0, true, false), 3);
}

TEST(ThreadPool, an_empty_grid_calls_nothing) {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    const auto task = [](void*, int, int64_t, int64_t) -> int64_t { return 7; };
    for (const int64_t grid : {-1, 0}) EXPECT_EQ(pool.run(task, nullptr, grid), 0);
    EXPECT_EQ(pool.run(task, nullptr, 1), 7);
  }
}

int64_t fill_scratch(const Frame* f, int64_t, int64_t, void* scratch) {
  std::memset(scratch, 1, static_cast<size_t>(f->sizes[0]));
  return 0;
}

TEST(Execution, scratch_grows_to_what_the_widest_launch_needs) {
  ModelMaker k;
  const uint32_t one = k.reg(1);
  const uint32_t small = k.reg(10);
  const uint32_t large = k.reg(5000);
  const uint32_t none = k.reg(-3);
  k.launch("a", fill_scratch, {}, {small}, one, small);
  k.launch("b", fill_scratch, {}, {large}, one, large);
  k.launch("c", fill_scratch, {}, {small}, one, small);
  k.launch("d", count_parts, {}, {}, one, none);
  EXPECT_EQ(footprint(k.m, {})->scratch, 0U) << "no stage";
  k.stage();
  EXPECT_EQ(footprint(k.m, {})->scratch, 5000U);
  EXPECT_EQ(footprint(k.m, {})->arena, 0U);
  const auto e = executor_of(k.m, 2);
  ASSERT_TRUE(e->run().has_value());
  const uint64_t held = e->memory_bytes();
  EXPECT_GE(held, 10000U);
  EXPECT_LT(held, 12000U);
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(e->memory_bytes(), held);
}

TEST(Execution, launches_of_one_call_in_a_row_count_once) {
  ModelMaker k;
  const uint32_t one = k.reg(1);
  const uint32_t zero = k.reg(0);
  k.launch("a", count_parts, {}, {}, one, zero);
  const artifact::Step again = k.m.steps.back();
  k.step(again);
  k.launch("b", count_parts, {}, {}, one, zero);
  k.step(again);
  const auto e = executor_of(k.m);
  e->profile(Profiling::times);
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(e->kernel_times()[0].calls, 2U);
  EXPECT_EQ(e->kernel_times()[1].calls, 1U);
  e->profile(Profiling::times);
  EXPECT_EQ(e->kernel_times()[0].calls, 0U);
}

template <int64_t kIndex, int64_t kExtent>
int64_t bad_index(const Frame*, int64_t, int64_t, void*) {
  return encode_failure({.index = kIndex, .extent = kExtent});
}

TEST(Execution, index_errors_say_the_index_and_its_range) {
  const auto error = [](KernelFn kernel) {
    ModelMaker k;
    k.launch("g", kernel, {}, {}, k.reg(1), k.reg(0));
    return text_of(executor_of(k.m)->run());
  };
  EXPECT_EQ(error(bad_index<-4, 3>),
            "kernel 'g': index -4 is not from -3 to 2, an index of an axis of extent 3; give "
            "indices within it [run.index]");
  const std::string farther = "index 2147483647 (or one farther from 0) is not from -1 to 0";
  EXPECT_NE(error(bad_index<INT64_MAX, 1>).find(farther), std::string::npos);
  EXPECT_NE(error(bad_index<INT64_MIN, 1>).find("-2147483647 (or one farther"), std::string::npos);
  EXPECT_EQ(error(bad_index<kMostIndex - 1, 1>).find("farther"), std::string::npos);
}

TEST(Execution, copies_move_bytes_or_none) {
  ModelMaker k;
  const uint32_t x = k.input("x", {}, DType::i64);
  const uint32_t y = k.input("y", {}, DType::i64);
  const uint32_t zero = k.reg(0);
  const uint32_t bytes = k.op(SizeOpCode::element, y, zero);
  const uint32_t size = k.reg(8);
  k.stage({size}, true);
  const uint32_t out = k.slot(SlotKind::arena, 0, zero);
  k.step({StepKind::copy, out, y, size});
  k.step({StepKind::copy, out, out, size});
  k.step({StepKind::copy, out, x, bytes});
  k.m.outputs = {{"out", DType::i64, {}, out}};
  const auto e = executor_of(k.m);
  const auto run = [&](int64_t from, int64_t count) {
    EXPECT_TRUE(e->set_input("x", {DType::i64, {}, &from}).has_value());
    EXPECT_TRUE(e->set_input("y", {DType::i64, {}, &count}).has_value());
    EXPECT_TRUE(e->run().has_value());
    int64_t v = 0;
    std::memcpy(&v, e->output(0).data, 8);
    return v;
  };
  EXPECT_EQ(run(5, 8), 5);
  EXPECT_EQ(run(5, 0), 0);
  EXPECT_EQ(run(5, -8), -8);
}

TEST(Execution, loop_buffers_refuse_what_does_not_fit) {
  const auto error = [](int64_t bytes, int64_t at, bool appends) {
    ModelMaker k;
    const uint32_t x = k.input("x", {}, DType::i64);
    const uint32_t size = k.reg(bytes);
    const uint32_t position = k.reg(at);
    const uint32_t d = k.slot(SlotKind::dynamic, 0);
    k.m.dynamics = {d};
    if (appends) {
      k.step({StepKind::append, 0, x, size, position});
    } else {
      k.step({StepKind::reserve, 0, size});
    }
    k.m.outputs = {{"d", DType::i64, {}, d}};
    const auto e = executor_of(k.m);
    const int64_t v = 3;
    EXPECT_TRUE(e->set_input("x", {DType::i64, {}, &v}).has_value());
    const Status status = e->run();
    if (status) EXPECT_NE(e->output(0).data, nullptr);
    return text_of(status);
  };
  EXPECT_EQ(error(8, 0, false), "");
  EXPECT_EQ(error(0, 0, false), "");
  EXPECT_NE(error(-1, 0, false).find("carried by a loop is negative"), std::string::npos);
  EXPECT_NE(error(int64_t{1} << 47, 0, false).find("a value carried by a loop needs"),
            std::string::npos);
  EXPECT_EQ(error(8, 0, true), "");
  EXPECT_EQ(error(8, 100, true), "");
  EXPECT_EQ(error(0, 0, true), "");
  EXPECT_NE(error(int64_t{1} << 47, 0, true).find("a loop's stacked result needs"),
            std::string::npos);
  EXPECT_NE(error(int64_t{1} << 62, 3, true).find("a loop's stacked result is too large"),
            std::string::npos);
}

TEST(Execution, arenas_refuse_what_the_data_makes_too_large) {
  ModelMaker k;
  const uint32_t x = k.input("x", {}, DType::i64);
  k.stage();
  const uint32_t bytes = k.op(SizeOpCode::element, x, k.reg(0));
  k.stage({bytes}, true);
  const auto e = executor_of(k.m);
  const auto run = [&](int64_t n) {
    EXPECT_TRUE(e->set_input("x", {DType::i64, {}, &n}).has_value());
    return text_of(e->run());
  };
  EXPECT_EQ(run(8), "");
  EXPECT_EQ(run(0), "");
  EXPECT_NE(run(-1).find("an extent became negative"), std::string::npos);
  EXPECT_NE(run(int64_t{1} << 50).find("activations with extents that the data gives need"),
            std::string::npos);
  EXPECT_EQ(run(8), "");
}

TEST(SizeStage, amounts_are_neither_negative_nor_beyond_63_bits) {
  ModelMaker k;
  const uint32_t a = k.reg(0);
  const uint32_t b = k.reg(0);
  const uint32_t v = k.op(SizeOpCode::bytes, a, b);
  k.stage();
  const auto of = [&](int64_t x, int64_t y) {
    k.m.registers[a] = x;
    k.m.registers[b] = y;
    std::vector<int64_t> registers = k.m.registers;
    bool changed = false;
    const Status s = run_size_ops(k.m, k.m.stages[0], {}, {}, registers, changed);
    EXPECT_EQ(changed, s && registers[v] != 0);
    return s ? std::to_string(registers[v]) : s.error().diagnostics[0].message;
  };
  const std::string negative = "an extent became negative for these shapes; give larger ones";
  const std::string large = "a tensor is too large for these shapes; give smaller ones";
  EXPECT_EQ(of(3, 4), "12");
  EXPECT_EQ(of(0, 4), "0");
  EXPECT_EQ(of(4, 0), "0");
  EXPECT_EQ(of(-1, 4), negative);
  EXPECT_EQ(of(4, -1), negative);
  EXPECT_EQ(of(INT64_MAX, 1), std::to_string(INT64_MAX));
  EXPECT_EQ(of(int64_t{1} << 62, 2), large);
}

TEST(SizeStage, bits_shifts_and_negation) {
  const auto of = [](SizeOpCode code, int64_t x, int64_t y) {
    ModelMaker k;
    const uint32_t a = k.reg(x);
    const uint32_t v = k.op(code, a, k.reg(y));
    k.stage();
    std::vector<int64_t> registers = k.m.registers;
    bool changed = false;
    EXPECT_TRUE(run_size_ops(k.m, k.m.stages[0], {}, {}, registers, changed).has_value());
    return registers[v];
  };
  EXPECT_EQ(of(SizeOpCode::and_, 12, 10), 8);
  EXPECT_EQ(of(SizeOpCode::or_, 12, 10), 14);
  EXPECT_EQ(of(SizeOpCode::xor_, 12, 10), 6);
  EXPECT_EQ(of(SizeOpCode::not_, 0, 0), 1);
  EXPECT_EQ(of(SizeOpCode::not_, 5, 0), 0);
  EXPECT_EQ(of(SizeOpCode::shl, 3, 0), 3);
  EXPECT_EQ(of(SizeOpCode::shl, 3, 63), INT64_MIN);
  EXPECT_EQ(of(SizeOpCode::shl, 3, 64), 0);
  EXPECT_EQ(of(SizeOpCode::shr, -8, 0), -8);
  EXPECT_EQ(of(SizeOpCode::shr, INT64_MIN, 63), -1);
  EXPECT_EQ(of(SizeOpCode::shr, 8, 64), 0);
  EXPECT_EQ(of(SizeOpCode::shr, -8, 64), -1);
  EXPECT_EQ(of(SizeOpCode::shr, 0, -1), 0);
}

TEST(SizeStage, blocks_lie_behind_each_other_at_whole_cache_lines) {
  ModelMaker k;
  const std::vector<uint32_t> sizes{k.reg(0), k.reg(1), k.reg(64), k.reg(65), k.reg(INT64_MAX)};
  k.stage({sizes[0], sizes[1], sizes[2], sizes[3]});
  std::vector<uint64_t> offsets(4);
  const auto total = [&] { return place_blocks(k.m, k.m.stages[0], k.m.registers, offsets); };
  EXPECT_EQ(*total(), 256U);
  EXPECT_EQ(offsets, (std::vector<uint64_t>{0, 0, 64, 128}));
  k.m.blocks[3] = sizes[4];
  EXPECT_EQ(*total(), kMostMemory);
  k.m.registers[sizes[1]] = -1;
  EXPECT_EQ(total().error().diagnostics[0].code, "run.extent");
}

TEST(Memory, large_blocks_are_aligned_to_huge_pages) {
  Memory m;
  ASSERT_TRUE(m.reserve(0));
  EXPECT_NE(m.data(), nullptr);
  ASSERT_TRUE(m.reserve(uint64_t{4} << 20, uint64_t{3} << 20));  // keeps only what there is
  EXPECT_EQ(m.capacity(), uint64_t{4} << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(m.data()) % (uint64_t{2} << 20), 0U);
  ASSERT_TRUE(m.reserve((uint64_t{4} << 20) + 1));
  EXPECT_EQ(m.capacity(), uint64_t{6} << 20);
}

TEST(Executor, an_extent_of_zero_is_an_extent) {
  ModelMaker k;
  k.input("x", {ModelMaker::extent(0)});
  const auto e = executor_of(k.m);
  float v = 0;
  const auto set = [&](int64_t n) {
    const std::vector<int64_t> dims{n};
    return text_of(e->set_input(0, {DType::f32, dims, &v}));
  };
  EXPECT_EQ(set(0), "");
  EXPECT_NE(set(3).find("axis 0 must be 0"), std::string::npos);
  EXPECT_NE(text_of(e->set_input(1, {DType::f32, {}, &v})).find("there is no input 1"),
            std::string::npos);
}

TEST(Executor, extents_reach_their_limit_and_no_further) {
  ModelMaker k;
  k.input("x", {k.symbol("n"), k.symbol("m")});
  const auto e = executor_of(k.m);
  float v = 0;
  const auto set = [&](int64_t m) {
    const std::vector<int64_t> dims{0, m};
    return text_of(e->set_input(0, {DType::f32, dims, &v}));
  };
  EXPECT_EQ(set(int64_t{1} << 47), "");
  EXPECT_NE(set((int64_t{1} << 47) + 1).find("is too large"), std::string::npos);
}

}  // namespace
}  // namespace tenon::runtime
