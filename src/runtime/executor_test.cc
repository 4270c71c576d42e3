#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/testing.h"
#include "support/kernel_failure.h"

namespace tenon::runtime {
std::atomic<size_t> allocations{0};
}

// Every allocation of this program is counted, so that a test can show that there is none. The
// thread sanitizer has operators of its own.
#if !__has_feature(thread_sanitizer)
void* operator new(size_t size) {
  ++tenon::runtime::allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  std::abort();
}
void* operator new(size_t size, std::align_val_t alignment) {
  ++tenon::runtime::allocations;
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

int64_t out_of_range(const Frame*, int64_t, int64_t, void*) {
  return encode_failure({.index = 7, .extent = 3});
}
int64_t increment(const Frame* f, int64_t, int64_t, void*) {
  *static_cast<int64_t*>(f->buffers[1]) = *static_cast<const int64_t*>(f->buffers[0]) + 1;
  return 0;
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
  e->profile(Profiling::times);
  const size_t before = allocations.load();
  bool ok = true;
  for (int i = 0; i < 100; ++i) ok = ok && once(i % 2 == 0 ? x.data() : other.data());
  EXPECT_EQ(allocations.load(), before);
  EXPECT_TRUE(ok);
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

TEST(Executor, profile_counts_calls_and_time) {
  const auto e = executor_of(two_kernels(), 2);
  std::vector<float> x(6);
  const std::vector<int64_t> dims{2, 3};
  ASSERT_TRUE(e->set_input(0, {DType::f32, dims, x.data()}).has_value());
  ASSERT_TRUE(e->run().has_value());
  EXPECT_EQ(e->kernel_times()[0].calls, 0u);
  e->profile(Profiling::times);
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
