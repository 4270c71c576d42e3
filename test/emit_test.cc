// Shapes of the code for small loop programs, from vector loops on: errors, frames, and which
// instructions do the work.
#include <gtest/gtest.h>
#include <llvm/Support/ErrorHandling.h>

#include <cmath>

#include "schedule/testing.h"
#include "support/check.h"
#include "target/llvm/testing.h"

namespace tenon::target {
namespace {

using ir::DType;
using ir::Expr;
using ir::Op;

struct Program {
  ir::Kernel kernel;
  ir::Context& c() { return *kernel.context; }
  Program() {
    kernel.name = "test";
    kernel.context = std::make_shared<ir::Context>();
  }
  Expr param(DType t, std::vector<Expr> shape, ir::ParamRole role = ir::ParamRole::in) {
    kernel.params.push_back({c().buffer("p", c().tensor(t, shape)), role, {}});
    return kernel.params.back().buffer;
  }
};

const machine::Machine& wide() { return *machine::find_row("x86-64-v4"); }
const machine::Machine& narrow() { return *machine::find_row("x86-64-v3"); }

/// The kernel with its vector loops as operations on lanes.
schedule::Program in_lanes(const ir::Kernel& kernel, const machine::Machine& machine) {
  return schedule::testing::in_lanes(std::make_shared<ir::Kernel>(kernel), machine);
}
Result<std::string> asm_of(const ir::Kernel& kernel, const machine::Machine& machine) {
  return emit_asm(*in_lanes(kernel, machine), machine);
}
Result<std::string> llvm_of(const ir::Kernel& kernel, const machine::Machine& machine) {
  return emit_llvm(*in_lanes(kernel, machine), machine);
}
int64_t run(const ir::Kernel& kernel, const machine::Machine& machine,
            std::span<void* const> buffers, std::span<const int64_t> sizes = {}) {
  return testing::run(*in_lanes(kernel, machine), machine, buffers, sizes);
}

int count(const std::string& text, const std::string& what) {
  int n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

/// out[i, j] = f(x[i, j]) over n rows of `lanes` columns.
template <class F>
ir::Kernel map_rows(Program& p, int64_t lanes, const F& f) {
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr x = p.param(DType::f32, {n, c.i64(lanes)});
  const Expr out = p.param(DType::f32, {n, c.i64(lanes)}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr body = ir::store(c, out, f(ir::load(c, x, std::vector{i, j})), std::vector{i, j});
  p.kernel.body =
      ir::for_loop(c, i, n, ir::for_loop(c, j, c.i64(lanes), body, "vector"), "parallel");
  return p.kernel;
}

TEST(Emit, relu_is_one_instruction) {
  Program p;
  ir::Context& c = p.c();
  const ir::Kernel k =
      map_rows(p, 16, [&](Expr x) { return ir::binary(c, Op::max, x, c.imm_f(x->type, 0)); });
  const auto text = asm_of(k, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "vmaxps"), 1);
  EXPECT_EQ(count(*text, "vcmp"), 0);
  EXPECT_EQ(count(*text, "%zmm") > 0, true);
}

TEST(Emit, f32_multiplication_and_addition_are_not_fused) {
  Program p;
  ir::Context& c = p.c();
  const ir::Kernel k = map_rows(
      p, 16, [&](Expr x) { return ir::binary(c, Op::add, ir::binary(c, Op::mul, x, x), x); });
  const auto text = asm_of(k, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "vfmadd"), 0);
  EXPECT_EQ(count(*text, "vmulps"), 1);
}

TEST(Emit, wide_loops_are_cut_into_native_vectors) {
  Program p;
  ir::Context& c = p.c();
  const ir::Kernel k = map_rows(p, 64, [&](Expr x) { return ir::unary(c, Op::neg, x); });
  const auto text = llvm_of(k, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "store <16 x float>"), 4) << *text;
  const auto halves = llvm_of(k, narrow());
  EXPECT_EQ(count(*halves, "store <8 x float>"), 8) << *halves;
}

TEST(Emit, exp_of_a_vector_stays_in_registers) {
  Program p;
  ir::Context& c = p.c();
  const ir::Kernel k = map_rows(p, 32, [&](Expr x) { return ir::unary(c, Op::exp, x); });
  const auto text = asm_of(k, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "(%rsp)"), 0) << *text;
  EXPECT_EQ(count(*text, "vscalefps"), 2);
  EXPECT_EQ(count(*text, "call"), 0);
}

TEST(Emit, guarded_tail_uses_a_mask_and_a_copy_without) {
  Program p;
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr x = p.param(DType::f32, {n});
  const Expr out = p.param(DType::f32, {n}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr at = ir::add(c, ir::mul(c, i, c.i64(16)), j);
  const Expr body = ir::if_then(
      c, ir::lt(c, at, n),
      ir::store(c, out, ir::unary(c, Op::neg, ir::load(c, x, std::vector{at})), std::vector{at}));
  p.kernel.body = ir::for_loop(c, i, ir::ceildiv(c, n, c.i64(16)),
                               ir::for_loop(c, j, c.i64(16), body, "vector"), "parallel");
  const auto text = llvm_of(p.kernel, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "store <16 x float>"), 1) << *text;
  EXPECT_EQ(count(*text, "call void @llvm.masked.store"), 1) << *text;
  EXPECT_EQ(count(*text, "gather"), 0) << *text;
}

/// out[i * 16 + j] = -x[(i * 16 + j) div width * step + 1] with lanes j.
std::string grouped_loads(int64_t width, int64_t step) {
  Program p;
  ir::Context& c = p.c();
  const Expr x = p.param(DType::f32, {c.i64(1024)});
  const Expr out = p.param(DType::f32, {c.i64(64)}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr at = ir::add(c, ir::mul(c, i, c.i64(16)), j);
  const Expr from =
      ir::add(c, ir::mul(c, ir::floordiv(c, at, c.i64(width)), c.i64(step)), c.i64(1));
  const Expr body =
      ir::store(c, out, ir::unary(c, Op::neg, ir::load(c, x, std::vector{from})), std::vector{at});
  p.kernel.body =
      ir::for_loop(c, i, c.i64(4), ir::for_loop(c, j, c.i64(16), body, "vector"), "parallel");
  return llvm_of(p.kernel, wide()).value_or("refused");
}

TEST(Emit, lanes_near_each_other_are_one_load_and_a_shuffle) {
  for (const int64_t width : {2, 4, 8}) {
    const std::string text = grouped_loads(width, width);
    EXPECT_EQ(count(text, "masked.gather"), 0) << text;
    EXPECT_GE(count(text, "shufflevector"), 1) << text;
  }
  EXPECT_GE(count(grouped_loads(4, 40), "masked.gather"), 1);  // too far apart
  EXPECT_GE(count(grouped_loads(3, 3), "masked.gather"), 1);   // where a group starts varies
}

TEST(Emit, an_odd_lane_left_over_reads_and_writes_at_one_address) {
  Program p;
  ir::Context& c = p.c();
  const Expr x = p.param(DType::i8, {c.i64(4), c.i64(8)});
  const Expr out = p.param(DType::i8, {c.i64(4), c.i64(8)}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr at = ir::add(c, ir::mul(c, j, c.i64(3)), c.i64(1));
  const Expr body = ir::store(c, out, ir::load(c, x, std::vector{i, at}), std::vector{i, at});
  p.kernel.body =
      ir::for_loop(c, i, c.i64(4), ir::for_loop(c, j, c.i64(3), body, "vector"), "parallel");
  for (const machine::Machine* row : testing::runnable_rows()) {
    std::vector<int8_t> from(32);
    std::vector<int8_t> to(32);
    for (size_t k = 0; k < from.size(); ++k) from[k] = static_cast<int8_t>(k + 1);
    void* const buffers[] = {from.data(), to.data()};
    ASSERT_EQ(run(p.kernel, *row, buffers), 0);
    for (size_t k = 0; k < to.size(); ++k)
      EXPECT_EQ(to[k], k % 8 % 3 == 1 ? from[k] : 0) << row->name << " " << k;
  }
}

TEST(Emit, axes_run_over_together_are_one_vector) {
  Program p;
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr x = p.param(DType::f32, {c.i64(64), n});
  const Expr out = p.param(DType::f32, {c.i64(96), n}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr at = ir::add(c, ir::mul(c, i, c.i64(16)), j);
  const std::vector<Expr> from{ir::floordiv(c, at, n), ir::mod(c, at, n)};
  const std::vector<Expr> to{ir::add(c, from[0], c.i64(32)), from[1]};
  const Expr body = ir::store(c, out, ir::load(c, x, from), to);
  p.kernel.body = ir::for_loop(c, i, ir::mul(c, n, c.i64(4)),
                               ir::for_loop(c, j, c.i64(16), body, "vector"), "parallel");
  const auto text = llvm_of(p.kernel, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "gather") + count(*text, "scatter"), 0) << *text;
  EXPECT_EQ(count(*text, "store <16 x float>"), 1) << *text;
}

TEST(Emit, shared_indices_are_looked_at_once) {
  // Each index stands twice in the next: 2^60 ways lead to the innermost.
  Program p;
  ir::Context& c = p.c();
  const Expr x = p.param(DType::f32, {c.i64(16)});
  const Expr out = p.param(DType::f32, {c.i64(16)}, ir::ParamRole::out);
  const Expr j = c.var("j");
  Expr at = j;
  for (int k = 0; k < 60; ++k)
    at = ir::add(c, ir::binary(c, Op::max, at, c.i64(k)), ir::binary(c, Op::mod, at, c.i64(7)));
  at = ir::binary(c, Op::mod, at, c.i64(16));
  const Expr body = ir::store(c, out, ir::load(c, x, std::vector{at}), std::vector{j});
  p.kernel.body = ir::for_loop(c, j, c.i64(16), body, "vector");
  const auto text = asm_of(p.kernel, wide());
  ASSERT_TRUE(text);
  EXPECT_GE(count(*text, "vgather"), 1);
}

TEST(Emit, sum_of_a_row_reduces_by_a_tree) {
  Program p;
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr x = p.param(DType::f32, {n, c.i64(32)});
  const Expr out = p.param(DType::f32, {n}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr init = ir::store(c, out, c.imm_f(c.scalar(DType::f32), 0), std::vector{i});
  const Expr sum =
      ir::binary(c, Op::add, ir::load(c, out, std::vector{i}), ir::load(c, x, std::vector{i, j}));
  const Expr loop = ir::for_loop(c, j, c.i64(32), ir::store(c, out, sum, std::vector{i}), "vector");
  p.kernel.body = ir::for_loop(c, i, n, ir::seq(c, std::vector{init, loop}), "parallel");
  const auto text = llvm_of(p.kernel, wide());
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "fadd <16 x float>"), 1) << *text;
  std::vector<float> in(96);
  std::vector<float> got(3);
  for (size_t k = 0; k < in.size(); ++k) in[k] = static_cast<float>(k);
  void* buffers[] = {in.data(), got.data()};
  const int64_t sizes[] = {3};
  for (const machine::Machine* row : testing::runnable_rows()) {
    ASSERT_EQ(run(p.kernel, *row, buffers, sizes), 0);
    EXPECT_EQ(got, (std::vector<float>{496, 1520, 2544}));
  }
}

TEST(Emit, failing_index_check_gives_its_code) {
  Program p;
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr index = p.param(DType::i64, {n});
  const Expr out = p.param(DType::i64, {n}, ir::ParamRole::out);
  const Expr i = c.var("i");
  const Expr v = ir::load(c, index, std::vector{i});
  const Expr bad =
      ir::if_then(c, ir::le(c, c.i64(10), v), c.make(Op::fail_, c.void_type(), {c.i64(1)}));
  p.kernel.body = ir::for_loop(
      c, i, n, ir::seq(c, std::vector{bad, ir::store(c, out, v, std::vector{i})}), "parallel");
  std::vector<int64_t> in{1, 2, 3};
  std::vector<int64_t> got(3);
  void* buffers[] = {in.data(), got.data()};
  const int64_t sizes[] = {3};
  EXPECT_EQ(run(p.kernel, testing::machine(), buffers, sizes), 0);
  EXPECT_EQ(got, in);
  in[2] = 10;
  EXPECT_EQ(run(p.kernel, testing::machine(), buffers, sizes), 1);
}

TEST(Emit, the_first_lane_that_fails_gives_the_code) {
  for (const int64_t lanes : {8, 64})
    for (const bool guarded : {true, false}) {
      Program p;
      ir::Context& c = p.c();
      const Expr x = p.param(DType::i64, {c.i64(lanes)});
      const Expr out = p.param(DType::i64, {c.i64(lanes)}, ir::ParamRole::out);
      const Expr j = c.var("j");
      const Expr v = ir::load(c, x, std::vector{j});
      const Expr leave = c.make(Op::fail_, c.void_type(), {v});
      const Expr check = guarded ? ir::if_then(c, ir::le(c, c.i64(10), v), leave) : leave;
      const std::vector<Expr> both{check, ir::store(c, out, v, std::vector{j})};
      p.kernel.body = ir::for_loop(c, j, c.i64(lanes), ir::seq(c, both), "vector");
      std::vector<int64_t> in(static_cast<size_t>(lanes), 3);
      std::vector<int64_t> got(in.size());
      void* buffers[] = {in.data(), got.data()};
      const auto code = [&] { return run(p.kernel, testing::machine(), buffers, {}); };
      EXPECT_EQ(code(), guarded ? 0 : 3);
      in.back() = 21;
      EXPECT_EQ(code(), guarded ? 21 : 3);
      in[in.size() / 2 + 1] = 15;
      EXPECT_EQ(code(), guarded ? 15 : 3);
      in[1] = 12;
      EXPECT_EQ(code(), guarded ? 12 : 3);
      in[0] = 11;
      EXPECT_EQ(code(), 11);
    }
}

TEST(Emit, top_level_statements_become_launches_with_their_own_grid_and_scratch) {
  Program p;
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr out = p.param(DType::f32, {n}, ir::ParamRole::out);
  const Expr s = c.buffer("s", c.tensor(DType::f32, std::vector{n}, ir::Scope::scratch));
  const Expr t = c.buffer("t", c.tensor(DType::u8, std::vector{c.i64(3)}, ir::Scope::scratch));
  p.kernel.buffers = {s, t};
  const Expr i = c.var("i");
  const Expr first = ir::for_loop(
      c, i, n,
      ir::seq(c, std::vector{ir::store(c, s, c.imm_f(c.scalar(DType::f32), 2), std::vector{i}),
                             ir::store(c, t, c.imm(c.scalar(DType::u8), 3), std::vector{c.i64(2)}),
                             ir::store(c, out,
                                       ir::binary(c, Op::add, ir::load(c, s, std::vector{i}),
                                                  ir::cast(c, DType::f32,
                                                           ir::load(c, t, std::vector{c.i64(2)}))),
                                       std::vector{i})}),
      "parallel");
  const Expr second = ir::store(c, out, c.imm_f(c.scalar(DType::f32), 9), std::vector{c.i64(0)});
  p.kernel.body = ir::seq(c, std::vector{first, second});
  const auto object = emit(p.kernel, testing::machine(), "k");
  ASSERT_TRUE(object);
  ASSERT_EQ(object->launches.size(), 2U);
  const int64_t sizes[] = {5};
  EXPECT_EQ(testing::evaluate(p.kernel, object->launches[0].grid, sizes), 5);
  EXPECT_EQ(testing::evaluate(p.kernel, object->launches[0].scratch_bytes, sizes), 128);
  EXPECT_EQ(object->launches[1].grid, c.i64(1));
  std::vector<float> got(5);
  void* buffers[] = {got.data()};
  EXPECT_EQ(run(p.kernel, testing::machine(), buffers, sizes), 0);
  EXPECT_EQ(got, (std::vector<float>{9, 5, 5, 5, 5}));
}

TEST(Emit, what_llvm_calls_fatal_is_an_internal_error) {
  Program p;
  ASSERT_TRUE(asm_of(map_rows(p, 16, [](Expr x) { return x; }), narrow()));
  try {
    llvm::report_fatal_error("cannot select");
  } catch (const InternalError& e) {
    EXPECT_STREQ(e.what(), "LLVM: cannot select");
  }
}

TEST(Emit, absurd_unrolling_is_refused) {
  Program p;
  ir::Context& c = p.c();
  const Expr out = p.param(DType::f32, {c.i64(10'000'000)}, ir::ParamRole::out);
  const Expr i = c.var("i");
  p.kernel.body =
      ir::for_loop(c, i, c.i64(10'000'000),
                   ir::store(c, out, c.imm_f(c.scalar(DType::f32), 1), std::vector{i}), "unroll");
  const auto object = emit(p.kernel, testing::machine(), "k");
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().diagnostics[0].code, "target.emit");
  EXPECT_NE(object.error().text().find("unrolled"), std::string::npos);
}

TEST(Emit, symbolic_register_buffers_are_refused) {
  Program p;
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr r = c.buffer("r", c.tensor(DType::f32, std::vector{n}, ir::Scope::reg));
  p.kernel.buffers = {r};
  p.kernel.body = ir::store(c, r, c.imm_f(c.scalar(DType::f32), 1), std::vector{c.i64(0)});
  const auto object = emit(p.kernel, testing::machine(), "k");
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().diagnostics[0].code, "target.emit");
}

/// Iterations of a lane loop that pass a value through one element must not run side by side.
TEST(Emit, running_sums_stay_serial) {
  Program p;
  ir::Context& c = p.c();
  const Expr x = p.param(DType::f32, {c.i64(16)});
  const Expr out = p.param(DType::f32, {c.i64(16)}, ir::ParamRole::out);
  const Expr acc = c.buffer("acc", c.tensor(DType::f32, std::vector{c.i64(1)}, ir::Scope::reg));
  p.kernel.buffers = {acc};
  const std::vector<Expr> zero{c.i64(0)};
  const Expr i = c.var("i");
  const Expr add = ir::store(
      c, acc, ir::binary(c, Op::add, ir::load(c, acc, zero), ir::load(c, x, std::vector{i})), zero);
  const Expr keep = ir::store(c, out, ir::load(c, acc, zero), std::vector{i});
  const Expr loop = ir::for_loop(c, i, c.i64(16), ir::seq(c, std::vector{add, keep}), "vector");
  p.kernel.body = ir::seq(
      c,
      std::vector{ir::for_loop(
          c, c.var("g"), c.i64(1),
          ir::seq(c, std::vector{ir::store(c, acc, c.imm_f(c.scalar(DType::f32), 0), zero), loop}),
          "parallel")});
  std::vector<float> in(16, 1);
  std::vector<float> got(16);
  void* buffers[] = {in.data(), got.data()};
  ASSERT_EQ(run(p.kernel, testing::machine(), buffers), 0);
  for (size_t k = 0; k < 16; ++k) EXPECT_EQ(got[k], static_cast<float>(k + 1));
}

}  // namespace
}  // namespace tenon::target
