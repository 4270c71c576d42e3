#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/testing.h"
#include "support/kernel_failure.h"

namespace {
std::atomic<size_t> allocations{0};
}  // namespace

// Every allocation of this program is counted, so that a test can show that there is none. The
// thread sanitizer has operators of its own.
#if !__has_feature(thread_sanitizer)
void* operator new(size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  std::abort();
}
void* operator new(size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto a = static_cast<size_t>(alignment);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  std::abort();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
#endif

namespace tenon::runtime {
namespace {

using artifact::kNone;
using artifact::SizeOpCode;
using artifact::SlotKind;
using artifact::StepKind;

// ---- kernels: buffers in, out; sizes[0] columns; the grid runs over rows

int64_t twice(const Frame* f, int64_t begin, int64_t end, void*) {
  const auto* x = static_cast<const float*>(f->buffers[0]);
  auto* y = static_cast<float*>(f->buffers[1]);
  for (int64_t i = begin * f->sizes[0]; i < end * f->sizes[0]; ++i) y[i] = 2 * x[i];
  return 0;
}
int64_t plus_one_through_scratch(const Frame* f, int64_t begin, int64_t end, void* scratch) {
  const auto* x = static_cast<const float*>(f->buffers[0]);
  auto* y = static_cast<float*>(f->buffers[1]);
  auto* row = static_cast<float*>(scratch);
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t j = 0; j < f->sizes[0]; ++j) row[j] = x[r * f->sizes[0] + j] + 1;
    for (int64_t j = 0; j < f->sizes[0]; ++j) y[r * f->sizes[0] + j] = row[j];
  }
  return 0;
}
int64_t out_of_range(const Frame*, int64_t, int64_t, void*) {
  return encode_failure({.index = 7, .extent = 3});
}
int64_t increment(const Frame* f, int64_t, int64_t, void*) {
  *static_cast<int64_t*>(f->buffers[1]) = *static_cast<const int64_t*>(f->buffers[0]) + 1;
  return 0;
}

/// y = 2 x + 1 for x of [n, m], both symbolic.
artifact::Model two_kernels() {
  ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n"), k.symbol("m")});
  const uint32_t n = k.op(SizeOpCode::input_extent, 0, 0);
  const uint32_t m = k.op(SizeOpCode::input_extent, 0, 1);
  const uint32_t four = k.reg(4);
  const uint32_t zero = k.reg(0);
  const uint32_t row_bytes = k.op(SizeOpCode::bytes, m, four);
  const uint32_t bytes = k.op(SizeOpCode::bytes, n, row_bytes);
  k.stage({bytes, bytes});
  const uint32_t t = k.slot(SlotKind::arena, 0, zero);
  const uint32_t y = k.slot(SlotKind::arena, 1, zero);
  k.launch("twice", twice, {x, t}, {m}, n, zero);
  k.launch("plus_one", plus_one_through_scratch, {t, y}, {m}, n, row_bytes);
  k.m.outputs = {{"y", DType::f32, {{"n", n}, {"m", m}}, y}};
  return k.m;
}

std::unique_ptr<Executor> executor_of(artifact::Model m, int threads = 1) {
  auto model = Model::from(std::move(m));
  EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().text());
  auto executor = Executor::create(*model, threads);
  EXPECT_TRUE(executor.has_value());
  return std::move(*executor);
}

std::string code_of(const Status& s) { return s ? "" : s.error().diagnostics[0].code; }

template <class T>
std::vector<T> values(const TensorView& v) {
  const auto* p = static_cast<const T*>(v.data);
  return {p, p + v.count()};
}

TEST(Executor, follows_changing_shapes) {
  for (const int threads : {1, 2, 5}) {
    const auto e = executor_of(two_kernels(), threads);
    for (const auto& [n, m] :
         {std::pair<int64_t, int64_t>{3, 5}, {7, 2}, {1, 1}, {64, 33}, {0, 4}, {3, 5}}) {
      const std::vector<int64_t> dims{n, m};
      std::vector<float> x(static_cast<size_t>(n * m));
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
      ASSERT_TRUE(e->set_input("x", {DType::f32, dims, x.data()}).has_value());
      ASSERT_TRUE(e->run().has_value());
      const TensorView y = e->output(0);
      EXPECT_EQ(std::vector<int64_t>(y.dims.begin(), y.dims.end()), dims);
      const auto got = values<float>(y);
      for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], 2 * x[i] + 1);
    }
  }
}

TEST(Executor, steady_state_allocates_nothing) {
  const auto e = executor_of(two_kernels(), 3);
  std::vector<float> x(200 * 30);
  std::vector<float> other(200 * 30);
  const std::vector<int64_t> dims{200, 30};
  const auto once = [&](const float* data) {
    return e->set_input("x", {DType::f32, dims, data}).has_value() && e->run().has_value();
  };
  ASSERT_TRUE(once(x.data()));
  e->profile(true);
  const size_t before = allocations.load();
  bool ok = true;
  for (int i = 0; i < 100; ++i) ok = ok && once(i % 2 == 0 ? x.data() : other.data());
  EXPECT_EQ(allocations.load(), before);
  EXPECT_TRUE(ok);
}

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
    const auto width = static_cast<int64_t>(artifact::info(type).bytes);
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

TEST(Executor, an_input_without_a_value_takes_its_default) {
  static constexpr float kDefault[2] = {3, -1};
  ModelMaker k;
  const uint32_t x = k.input("x", {ModelMaker::extent(2)});
  const uint32_t two = k.reg(2);
  const uint32_t one = k.reg(1);
  const uint32_t bytes = k.reg(8);
  const uint32_t zero = k.reg(0);
  k.stage({bytes});
  const uint32_t y = k.slot(SlotKind::arena, 0, zero);
  k.launch("twice", twice, {x, y}, {two}, one, zero);
  k.m.outputs = {{"y", DType::f32, {{"2", two}}, y}};
  k.m.constants = {{reinterpret_cast<const std::byte*>(kDefault), sizeof kDefault}};
  k.m.inputs[0].constant = 0;
  const auto e = executor_of(k.m);
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(values<float>(e->output(0)), (std::vector<float>{6, -2}));
  const std::vector<int64_t> dims{2};
  const float given[2] = {5, 7};
  ASSERT_TRUE(e->set_input("x", {DType::f32, dims, given}).has_value());
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(values<float>(e->output(0)), (std::vector<float>{10, 14}));
  k.m.constants[0].size = 4;
  EXPECT_FALSE(Model::from(k.m).has_value());
}

TEST(Executor, wrong_inputs_get_one_clear_message) {
  ModelMaker k;
  const uint32_t a = k.input("ids", {k.symbol("batch"), ModelMaker::extent(4)});
  k.input("mask", {k.symbol("batch")});
  const uint32_t n = k.op(SizeOpCode::input_extent, 0, 0);
  const uint32_t four = k.reg(4);
  k.stage();
  k.m.outputs = {{"y", DType::f32, {{"batch", n}, {"4", four}}, a}};
  const auto e = executor_of(k.m);
  std::vector<float> data(100);
  const auto set = [&](std::string_view name, std::vector<int64_t> dims, DType type = DType::f32) {
    return e->set_input(name, {type, dims, data.data()});
  };
  const auto typo = set("idz", {2, 4});
  EXPECT_EQ(code_of(typo), "run.input_name");
  EXPECT_NE(typo.error().text().find("did you mean 'ids'?"), std::string::npos);
  EXPECT_EQ(code_of(set("ids", {2, 4}, DType::i64)), "run.dtype");
  EXPECT_EQ(code_of(set("ids", {2, 4, 1})), "run.rank");
  const auto extent = set("ids", {2, 5});
  EXPECT_EQ(code_of(extent), "run.extent");
  EXPECT_EQ(extent.error().diagnostics[0].message,
            "input 'ids' has shape 2x5, the model takes batchx4: axis 1 must be 4");
  EXPECT_EQ(code_of(set("ids", {-1, 4})), "run.extent");
  EXPECT_EQ(code_of(set("ids", {INT64_MAX, 4})), "run.extent");
  EXPECT_EQ(code_of(e->set_input(7, {DType::f32, {}, data.data()})), "run.input_name");
  EXPECT_EQ(code_of(e->run()), "run.missing_input");
  ASSERT_TRUE(set("ids", {2, 4}).has_value());
  ASSERT_TRUE(set("mask", {3}).has_value());
  const auto symbol = e->run();
  EXPECT_EQ(code_of(symbol), "run.symbol");
  EXPECT_NE(symbol.error().text().find(
                "axis 0 ('batch') is 3, but input 'ids' gives 'batch' the value 2"),
            std::string::npos);
  ASSERT_TRUE(set("mask", {2}).has_value());
  EXPECT_TRUE(e->run().has_value());
  EXPECT_EQ(e->output(0).data, data.data());
  for (const int threads : {-1, 4097})
    EXPECT_EQ(Executor::create(*Model::from(k.m), threads).error().diagnostics[0].code,
              "run.threads");
  EXPECT_EQ(Executor::create(*Model::from(k.m), nullptr).error().diagnostics[0].code,
            "run.threads");
}

TEST(Executor, kernel_errors_and_checks_are_reported_and_survivable) {
  ModelMaker k;
  const uint32_t x = k.input("x", {k.symbol("n")});
  const uint32_t n = k.op(SizeOpCode::input_extent, 0, 0);
  const uint32_t one = k.reg(1);
  const uint32_t zero = k.reg(0);
  const uint32_t three = k.reg(3);
  k.m.messages = {"n is above 3"};
  const uint32_t fits = k.op(SizeOpCode::le, n, three);
  k.op_into(0, SizeOpCode::check, fits, 0);
  const uint32_t even = k.op(SizeOpCode::mod, n, k.reg(2));
  k.stage();
  const size_t branch = k.step({StepKind::unless, even, 0});
  k.launch("gather_7", out_of_range, {x}, {}, one, zero);
  k.index_check("emb");
  k.m.steps[branch].b = static_cast<uint32_t>(k.m.steps.size());
  k.m.outputs = {{"y", DType::f32, {{"n", n}}, x}};
  const auto e = executor_of(k.m);
  std::vector<float> data(8);
  const auto run = [&](int64_t size) {
    const std::vector<int64_t> dims{size};
    EXPECT_TRUE(e->set_input(0, {DType::f32, dims, data.data()}).has_value());
    return e->run();
  };
  EXPECT_TRUE(run(2).has_value());
  const auto index = run(1);
  EXPECT_EQ(index.error().text(),
            "node 'emb': index 7 is not from -3 to 2, an index of an axis of extent 3; give "
            "indices within it "
            "[run.index]");
  const auto check = run(4);
  EXPECT_EQ(code_of(check), "run.check");
  EXPECT_EQ(check.error().diagnostics[0].message, "n is above 3");
  EXPECT_EQ(code_of(e->run()), "run.check");
  EXPECT_TRUE(run(2).has_value());
}

TEST(Executor, memory_overflow_is_an_error) {
  const auto e = executor_of(two_kernels());
  float x = 0;
  const auto set = [&](std::vector<int64_t> dims) {
    return e->set_input(0, {DType::f32, dims, &x});
  };
  EXPECT_EQ(code_of(set({0, INT64_MAX / 2})), "run.extent");
  EXPECT_EQ(code_of(set({int64_t{1} << 40, int64_t{1} << 40})), "run.extent");
  EXPECT_EQ(code_of(set({0, int64_t{1} << 48})), "run.extent");
  ASSERT_TRUE(set({int64_t{1} << 29, int64_t{1} << 29}).has_value());
  EXPECT_EQ(code_of(e->run()), "run.memory");
}

TEST(Executor, branch_binds_one_of_two_values) {
  ModelMaker k;
  const uint32_t cond = k.input("cond", {}, DType::boolean);
  const uint32_t x = k.input("x", {ModelMaker::extent(2)});
  const uint32_t y = k.input("y", {ModelMaker::extent(2)});
  const uint32_t zero = k.reg(0);
  const uint32_t two = k.reg(2);
  const uint32_t c = k.op(SizeOpCode::element, cond, zero, 0, DType::boolean);
  k.stage({}, true);
  const uint32_t r = k.slot(SlotKind::bound);
  const size_t branch = k.step({StepKind::unless, c, 0});
  k.step({StepKind::bind, r, x});
  const size_t jump = k.step({StepKind::jump, 0});
  k.m.steps[branch].b = static_cast<uint32_t>(k.m.steps.size());
  k.step({StepKind::bind, r, y});
  k.m.steps[jump].a = static_cast<uint32_t>(k.m.steps.size());
  k.m.outputs = {{"r", DType::f32, {{"2", two}}, r}};
  const auto e = executor_of(k.m);
  const float a[2] = {1, 2};
  const float b[2] = {3, 4};
  const std::vector<int64_t> dims{2};
  ASSERT_TRUE(e->set_input("x", {DType::f32, dims, a}).has_value());
  ASSERT_TRUE(e->set_input("y", {DType::f32, dims, b}).has_value());
  for (const int chosen : {1, 0, 1}) {
    const auto value = static_cast<uint8_t>(chosen);
    ASSERT_TRUE(e->set_input("cond", {DType::boolean, {}, &value}).has_value());
    ASSERT_TRUE(e->run().has_value());
    EXPECT_EQ(e->output(0).data, value != 0 ? a : b);
  }
}

/// for (i = 0; i < trips; ++i) { v = v + 1; stacked.push(v) }: ping-pong, growth, write, copy.
TEST(Executor, loop_carries_and_stacks) {
  ModelMaker k;
  const uint32_t trips = k.input("trips", {}, DType::i64);
  const uint32_t start = k.input("start", {}, DType::i64);
  const uint32_t zero = k.reg(0);
  const uint32_t one = k.reg(1);
  const uint32_t eight = k.reg(8);
  const uint32_t i = k.reg(0);
  k.m.dynamics = {0, 0, 0};
  const uint32_t current = k.slot(SlotKind::dynamic, 0);
  const uint32_t next = k.slot(SlotKind::dynamic, 1);
  const uint32_t stacked = k.slot(SlotKind::dynamic, 2);
  k.m.dynamics = {current, next, stacked};
  const uint32_t v = k.slot(SlotKind::bound);
  k.op_into(i, SizeOpCode::move, zero);
  const uint32_t limit = k.op(SizeOpCode::element, trips, zero);
  k.stage({eight}, true);
  const uint32_t counter = k.slot(SlotKind::arena, 0, zero);
  k.step({StepKind::bind, v, start});
  const auto head = static_cast<uint32_t>(k.m.steps.size());
  const uint32_t more = k.op(SizeOpCode::lt, i, limit);
  k.stage({}, true);
  const size_t leave = k.step({StepKind::unless, more, 0});
  k.step({StepKind::reserve, 1, eight});
  k.launch("increment", increment, {v, next}, {}, one, zero);
  k.step({StepKind::append, 2, next, eight, i});
  k.m.register_list.push_back(i);
  k.step({StepKind::write, counter, static_cast<uint32_t>(k.m.register_list.size() - 1), 1,
          static_cast<uint32_t>(DType::i64)});
  k.step({StepKind::swap, 0, 1});
  k.step({StepKind::bind, v, current});
  k.op_into(i, SizeOpCode::add, i, one);
  k.stage({}, true);
  k.step({StepKind::jump, head});
  k.m.steps[leave].b = static_cast<uint32_t>(k.m.steps.size());
  k.m.outputs = {{"v", DType::i64, {}, v},
                 {"all", DType::i64, {{"trips", i}}, stacked},
                 {"i", DType::i64, {}, counter}};
  const auto e = executor_of(k.m);
  for (const int64_t n : {3, 0, 100, 100}) {
    const int64_t from = 10 * n;
    ASSERT_TRUE(e->set_input("trips", {DType::i64, {}, &n}).has_value());
    ASSERT_TRUE(e->set_input("start", {DType::i64, {}, &from}).has_value());
    const size_t before = allocations.load();
    ASSERT_TRUE(e->run().has_value());
    EXPECT_EQ(allocations.load(),
              before);  // loop buffers come from the system allocator, not operator new
    EXPECT_EQ(values<int64_t>(e->output(0))[0], from + n);
    const auto all = values<int64_t>(e->output(1));
    ASSERT_EQ(all.size(), static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) EXPECT_EQ(all[static_cast<size_t>(j)], from + j + 1);
    if (n > 0) EXPECT_EQ(values<int64_t>(e->output(2))[0], n - 1);
  }
}

TEST(Executor, size_arithmetic_follows_the_ir) {
  ModelMaker k;
  const uint32_t a = k.op(SizeOpCode::element, k.input("a", {}, DType::i64), k.reg(0));
  const uint32_t b = k.op(SizeOpCode::element, k.input("b", {}, DType::i64), k.reg(0));
  const std::vector<SizeOpCode> codes{
      SizeOpCode::add, SizeOpCode::sub, SizeOpCode::mul, SizeOpCode::floordiv, SizeOpCode::mod,
      SizeOpCode::div, SizeOpCode::min, SizeOpCode::max, SizeOpCode::lt,       SizeOpCode::le,
      SizeOpCode::eq,  SizeOpCode::ne,  SizeOpCode::shr, SizeOpCode::shl,      SizeOpCode::select};
  std::vector<artifact::OutputDim> dims;
  for (const SizeOpCode code : codes) dims.push_back({"", k.op(code, a, b, a)});
  k.stage({}, true);
  k.m.outputs = {{"r", DType::f32, dims, 0}};
  const auto e = executor_of(k.m);
  const auto eval = [&](int64_t x, int64_t y) {
    EXPECT_TRUE(e->set_input("a", {DType::i64, {}, &x}).has_value());
    EXPECT_TRUE(e->set_input("b", {DType::i64, {}, &y}).has_value());
    EXPECT_TRUE(e->run().has_value());
    const auto d = e->output(0).dims;
    return std::vector<int64_t>(d.begin(), d.end());
  };
  using V = std::vector<int64_t>;
  EXPECT_EQ(eval(-7, 2), (V{-5, -9, -14, -4, 1, -3, -7, 2, 1, 1, 0, 1, -2, -28, 2}));
  EXPECT_EQ(eval(0, 0), (V{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(eval(INT64_MIN, -1), (V{INT64_MAX, INT64_MIN + 1, INT64_MIN, INT64_MIN, 0, INT64_MIN,
                                    INT64_MIN, -1, 1, 1, 0, 1, -1, 0, -1}));
  EXPECT_EQ(eval(7, -2), (V{5, 9, -14, -4, -1, -3, -2, 7, 0, 0, 0, 1, 0, 0, -2}));
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

TEST(Executor, profile_counts_calls_and_time) {
  const auto e = executor_of(two_kernels(), 2);
  std::vector<float> x(6);
  const std::vector<int64_t> dims{2, 3};
  ASSERT_TRUE(e->set_input(0, {DType::f32, dims, x.data()}).has_value());
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(e->kernel_times()[0].calls, 0u);
  e->profile(true);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(e->kernel_times()[0].calls, 3u);
  EXPECT_EQ(e->kernel_times()[1].calls, 3u);
  EXPECT_GT(e->kernel_times()[0].seconds, 0);
  EXPECT_EQ(e->kernel_flops(0), 0);
  EXPECT_GE(e->memory_bytes(), 128u);
}

TEST(Model, broken_tables_are_refused) {
  artifact::Model m = two_kernels();
  m.steps[0].a = 9;
  EXPECT_FALSE(Model::from(std::move(m)).has_value());
  EXPECT_FALSE(Model::open("/no/such/file.tenon").has_value());
}

TEST(Model, machine_code_is_mapped_executable) {
  // mov eax, 1; ret: a kernel that met index 0 of nothing.
  static const std::vector<std::byte> code{std::byte{0xb8}, std::byte{1}, std::byte{0},
                                           std::byte{0},    std::byte{0}, std::byte{0xc3}};
  ModelMaker k;
  const uint32_t one = k.reg(1);
  const uint32_t zero = k.reg(0);
  k.launch("fails", out_of_range, {}, {}, one, zero);
  k.m.functions.clear();
  k.m.code = code;
  const auto e = executor_of(k.m);
  EXPECT_EQ(e->run().error().text(),
            "kernel 'fails': index 0 points into an axis of extent 0; give no indices for it "
            "[run.index]");
}

}  // namespace
}  // namespace tenon::runtime
