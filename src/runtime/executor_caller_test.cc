// What a caller brings: views that are not dense, memory for outputs, functions.
#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "runtime/executor.h"
#include "runtime/testing.h"

namespace tenon::runtime {
namespace {

using artifact::kNone;
using artifact::SizeOpCode;
using artifact::SlotKind;
using artifact::StepKind;

// ---- strided inputs

/// Row-major elements of a view, by their definition.
std::vector<float> elements(const StridedView& v) {
  std::vector<float> all;
  const auto* data = static_cast<const float*>(v.data);
  for (int64_t i = 0; i < v.dims[0]; ++i)
    for (int64_t j = 0; j < v.dims[1]; ++j)
      all.push_back(data[i * v.strides[0] + j * v.strides[1]]);
  return all;
}

TEST(Executor, strided_inputs_are_read_as_their_strides_say) {
  std::vector<float> memory(6 * 8);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
  const auto bytes = std::as_bytes(std::span(memory));
  struct Case {
    std::array<int64_t, 2> dims, strides;
    int64_t start;
    bool in_place;
  };
  const auto e = executor_of(two_kernels(), 2);
  for (const Case& c : {Case{{6, 8}, {8, 1}, 0, true},       // dense
                        Case{{2, 8}, {8, 1}, 16, true},      // some of its rows
                        Case{{1, 5}, {999, 1}, 3, true},     // an axis of one element steps nowhere
                        Case{{4, 1}, {1, -7}, 2, true},      //
                        Case{{0, 8}, {3, 3}, 0, true},       // nothing at all
                        Case{{8, 6}, {1, 8}, 0, false},      // transposed
                        Case{{3, 4}, {8, 1}, 9, false},      // cropped
                        Case{{6, 4}, {8, 2}, 1, false},      // every second column
                        Case{{6, 8}, {-8, -1}, 47, false},   // reversed
                        Case{{6, 8}, {-8, 1}, 40, false},    // upside down
                        Case{{5, 8}, {0, 1}, 8, false},      // one row repeated
                        Case{{5, 3}, {0, 0}, 47, false}}) {  // one element repeated
    const StridedView view{DType::f32, c.dims, c.strides, &memory[static_cast<size_t>(c.start)],
                           bytes};
    ASSERT_TRUE(e->set_strided_input("x", view).has_value());
    const uint64_t held = e->memory_bytes();
    for (const float change : {0.0F, 100.0F}) {  // every run reads anew
      memory[static_cast<size_t>(c.start)] += change;
      ASSERT_TRUE(e->run().has_value());
      auto want = elements(view);
      for (float& w : want) w = 2 * w + 1;
      EXPECT_EQ(values<float>(e->output(0)), want) << c.strides[0] << ", " << c.strides[1];
    }
    const auto fresh = executor_of(two_kernels());
    ASSERT_TRUE(fresh->set_strided_input(0, view).has_value());
    EXPECT_EQ(fresh->memory_bytes() == 0, c.in_place);
    const size_t before = allocations.load();
    ASSERT_TRUE(e->set_strided_input(0, view).has_value() && e->run().has_value());
    EXPECT_EQ(allocations.load(), before);
    EXPECT_GE(e->memory_bytes(), held);
  }
  // Dense again: nothing is left of the strides.
  const std::array<int64_t, 2> dims{1, 3};
  ASSERT_TRUE(e->set_input("x", {DType::f32, dims, memory.data()}).has_value());
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(values<float>(e->output(0))[1], 2 * memory[1] + 1);
}

TEST(Executor, elements_of_every_width_and_rank_are_gathered) {
  for (const DType type : {DType::u8, DType::f16, DType::i32, DType::f64}) {
    const auto width = static_cast<int64_t>(artifact::info(type).element_bytes);
    std::vector<std::byte> memory(static_cast<size_t>(24 * width));
    for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>(i);
    const std::array<int64_t, 3> dims{4, 3, 2};
    const std::array<int64_t, 3> strides{1, -8, 4};  // element (i, j, k) is i + 8 (2 - j) + 4 k
    std::vector<std::byte> dense(memory.size());
    copy_dense({type, dims, strides, &memory[static_cast<size_t>(16 * width)]}, dense.data());
    for (int64_t at = 0; at < 24; ++at) {
      const int64_t from = at / 6 + 8 * (2 - at / 2 % 3) + 4 * (at % 2);
      for (int64_t b = 0; b < width; ++b)
        ASSERT_EQ(dense[static_cast<size_t>(at * width + b)],
                  memory[static_cast<size_t>(from * width + b)]);
    }
    std::byte one[8];
    copy_dense({type, {}, {}, memory.data()}, one);
    EXPECT_TRUE(std::equal(one, one + width, memory.begin()));
  }
}

TEST(Executor, strides_that_leave_the_memory_are_refused) {
  const auto e = executor_of(two_kernels());
  std::vector<float> memory(24);
  const auto set = [&](std::array<int64_t, 2> dims, std::array<int64_t, 2> strides, int64_t start) {
    return e->set_strided_input(
        "x", {DType::f32, dims, strides, memory.data() + start, std::as_bytes(std::span(memory))});
  };
  const Status status = set({4, 6}, {7, 1}, 0);
  EXPECT_EQ(code_of(status), "run.strides");
  EXPECT_NE(status.error().text().find("'x' of shape 4x6 with strides 7x1 reaches outside"),
            std::string::npos)
      << status.error().text();
  EXPECT_EQ(code_of(set({4, 6}, {6, 1}, 1)), "run.strides");
  EXPECT_EQ(code_of(set({4, 6}, {-6, 1}, 17)), "run.strides");
  EXPECT_EQ(code_of(set({4, 6}, {-6, -1}, 22)), "run.strides");
  EXPECT_EQ(code_of(set({4, 6}, {INT64_MAX, 1}, 0)), "run.strides");
  EXPECT_EQ(code_of(set({4, 6}, {INT64_MIN, 1}, 0)), "run.strides");
  EXPECT_EQ(code_of(set({2, 2}, {int64_t{1} << 61, int64_t{1} << 61}, 0)), "run.strides");
  EXPECT_EQ(code_of(set({-1, 2}, {1, 1}, 0)), "run.extent");
  EXPECT_TRUE(set({4, 6}, {-6, -1}, 23).has_value());
  EXPECT_TRUE(set({4, 6}, {-6, 1}, 18).has_value());
  const std::array<int64_t, 2> dims{2, 3};
  EXPECT_EQ(code_of(e->set_strided_input(
                0, {DType::f32, dims, std::array<int64_t, 1>{1}, memory.data()})),
            "run.strides");
  EXPECT_EQ(code_of(e->set_strided_input(3, {DType::f32, dims, dims, memory.data()})),
            "run.input_name");
  EXPECT_EQ(code_of(e->set_strided_input("z", {DType::f32, dims, dims, memory.data()})),
            "run.input_name");
}

// ---- outputs in the caller's memory

const void* written = nullptr;
int64_t note_and_double(const Frame* f, int64_t begin, int64_t end, void* scratch) {
  written = f->buffers[1];
  return twice(f, begin, end, scratch);
}

/// t = 2 x, y = 2 t for x of [n]: outputs t (which the second kernel reads), y, t again, x.
artifact::Model chain() {
  ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n")});
  const uint32_t n = k.op(SizeOpCode::input_extent, 0, 0);
  const uint32_t one = k.reg(1);
  const uint32_t zero = k.reg(0);
  const uint32_t bytes = k.op(SizeOpCode::bytes, n, k.reg(4));
  k.stage({bytes, bytes});
  const uint32_t t = k.slot(SlotKind::arena, 0, zero);
  const uint32_t y = k.slot(SlotKind::arena, 1, zero);
  k.launch("first", twice, {x, t}, {n}, one, zero);
  k.launch("second", note_and_double, {t, y}, {n}, one, zero);
  k.m.outputs = {{"t", DType::f32, {{"n", n}}, t, bytes},
                 {"y", DType::f32, {{"n", n}}, y, bytes},
                 {"again", DType::f32, {{"n", n}}, t},
                 {"same", DType::f32, {{"n", n}}, x}};
  return k.m;
}

std::span<std::byte> memory_of(std::vector<float>& v, size_t count) {
  return std::as_writable_bytes(std::span(v)).first(count * sizeof(float));
}

TEST(Executor, outputs_are_written_where_the_caller_wants_them) {
  const auto e = executor_of(chain(), 2);
  std::vector<std::vector<float>> memory(4, std::vector<float>(10));
  for (size_t i = 0; i < memory.size(); ++i)
    ASSERT_TRUE(e->set_output(i, memory_of(memory[i], 10)).has_value());  // a capacity
  for (const int64_t n : {3, 10, 0, 4, 4}) {
    std::vector<float> x(static_cast<size_t>(n));
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) + 1;
    ASSERT_TRUE(e->set_input("x", {DType::f32, std::array{n}, x.data()}).has_value());
    for (auto& m : memory) std::fill(m.begin(), m.end(), -1.0F);
    ASSERT_TRUE(e->run().has_value());
    EXPECT_EQ(written, memory[1].data());  // by the kernel itself
    for (size_t o = 0; o < 4; ++o) {
      EXPECT_EQ(e->output(o).data, memory[o].data());
      EXPECT_EQ(e->output(o).dims[0], n);
      const float factor = o == 1 ? 4 : o == 3 ? 1 : 2;
      for (size_t i = 0; i < 10; ++i)
        EXPECT_EQ(memory[o][i], i < x.size() ? factor * x[i] : -1) << o << " " << i;
    }
  }
}

TEST(Executor, an_output_moves_from_run_to_run_and_back) {
  const auto e = executor_of(chain());
  std::vector<float> x{1, 2, 3};
  ASSERT_TRUE(e->set_input("x", {DType::f32, std::array<int64_t, 1>{3}, x.data()}).has_value());
  std::vector<std::vector<float>> rings(2, std::vector<float>(3));
  for (int i = 0; i < 4; ++i) {
    auto& to = rings[static_cast<size_t>(i % 2)];
    x[0] = static_cast<float>(i);
    ASSERT_TRUE(e->set_output("y", memory_of(to, 3)).has_value());
    const size_t before = allocations.load();
    ASSERT_TRUE(e->run().has_value());
    if (i > 0) EXPECT_EQ(allocations.load(), before);
    EXPECT_EQ(to, (std::vector<float>{4 * x[0], 8, 12}));
  }
  ASSERT_TRUE(e->set_output("y", {}).has_value());
  x[0] = 50;
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(values<float>(e->output(1)), (std::vector<float>{200, 8, 12}));
  EXPECT_EQ(rings[0][0], 8);
  EXPECT_EQ(rings[1][0], 12);
}

TEST(Executor, output_memory_that_does_not_do_is_refused) {
  const auto e = executor_of(chain());
  std::vector<float> x(5);
  ASSERT_TRUE(e->set_input("x", {DType::f32, std::array<int64_t, 1>{5}, x.data()}).has_value());
  std::vector<float> m(8);
  EXPECT_EQ(code_of(e->set_output(4, memory_of(m, 5))), "run.output_name");
  EXPECT_NE(e->set_output("yy", {}).error().text().find("did you mean 'y'?"), std::string::npos);
  EXPECT_EQ(code_of(e->set_output("y", std::as_writable_bytes(std::span(m)).subspan(2))),
            "run.output_memory");
  for (const size_t o : {0, 3}) {  // written by a kernel, copied
    ASSERT_TRUE(e->set_output(o, memory_of(m, 4)).has_value());
    for (int again = 0; again < 2; ++again) {
      const Status small = e->run();
      EXPECT_EQ(code_of(small), "run.output_memory");
      EXPECT_NE(small.error().text().find("takes 20 bytes, and the caller gave 16"),
                std::string::npos)
          << small.error().text();
    }
    ASSERT_TRUE(e->set_output(o, memory_of(m, 5)).has_value());
    EXPECT_TRUE(e->run().has_value());
    ASSERT_TRUE(e->set_output(o, {}).has_value());
  }
  ASSERT_TRUE(e->set_output("y", memory_of(x, 5)).has_value());
  EXPECT_EQ(code_of(e->run()), "run.overlap");
  ASSERT_TRUE(e->set_output("y", memory_of(m, 5)).has_value());
  ASSERT_TRUE(e->set_output("t", memory_of(m, 8).subspan(16)).has_value());
  EXPECT_EQ(code_of(e->run()), "run.overlap");
  ASSERT_TRUE(e->set_output("t", {}).has_value());
  EXPECT_TRUE(e->run().has_value());
}

TEST(Executor, functions_of_the_caller_run_between_kernels) {
  artifact::Model m = chain();
  m.host_functions = {"shift"};
  // Between the two kernels: t += 10, of n elements.
  m.steps.insert(m.steps.begin() + 2, {StepKind::host_call, 0, 0});
  Surroundings around;
  int64_t calls = 0;
  around.functions["shift"] = [&](std::span<void* const> buffers,
                                  std::span<const int64_t> sizes) -> Status {
    if (sizes[0] > 4) return fail("test.long", "too long");
    for (int64_t i = 0; i < sizes[0]; ++i) static_cast<float*>(buffers[1])[i] += 10;
    ++calls;
    return {};
  };
  const auto model = Model::from(m);
  ASSERT_TRUE(model.has_value()) << model.error().text();
  const auto e = std::move(*Executor::create(*model, around));
  const std::vector<float> x{1, 2, 3, 4, 5};
  for (const int64_t n : {2, 4}) {
    ASSERT_TRUE(e->set_input(0, {DType::f32, std::array{n}, x.data()}).has_value());
    ASSERT_TRUE(e->run().has_value());
    EXPECT_EQ(values<float>(e->output(1))[1], 2 * (2 * x[1] + 10));
  }
  EXPECT_EQ(calls, 2);
  ASSERT_TRUE(e->set_input(0, {DType::f32, std::array<int64_t, 1>{5}, x.data()}).has_value());
  EXPECT_EQ(code_of(e->run()), "test.long");
  const auto without = Executor::create(*model, 1);
  ASSERT_FALSE(without.has_value());
  EXPECT_EQ(without.error().diagnostics[0].code, "run.host_function");
}

}  // namespace
}  // namespace tenon::runtime
