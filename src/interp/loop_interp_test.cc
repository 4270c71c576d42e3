// Loop programs built by hand, run, and compared with values computed here.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "interp/interp.h"
#include "ir/expr.h"
#include "ir/text.h"

namespace tenon::interp {
namespace {
using ir::DType;
using ir::Expr;

Tensor floats(std::vector<int64_t> shape, std::vector<float> values) {
  Tensor t;
  t.shape = std::move(shape);
  t.bytes.resize(values.size() * 4);
  if (!values.empty()) std::memcpy(t.bytes.data(), values.data(), t.bytes.size());
  return t;
}
std::vector<float> values(const Tensor& t) {
  std::vector<float> v(t.bytes.size() / 4);
  if (!v.empty()) std::memcpy(v.data(), t.bytes.data(), t.bytes.size());
  return v;
}

/// out[i] = sum over k of a[i, k] for symbolic m, k.
struct RowSum {
  std::shared_ptr<ir::Context> c = std::make_shared<ir::Context>();
  ir::Kernel kernel;
  RowSum() {
    const Expr m = c->var("m"), k = c->var("k"), i = c->var("i"), j = c->var("j"),
               vi = c->var("vi"), vj = c->var("vj");
    const Expr a = c->buffer("a", c->tensor(DType::f32, std::vector<Expr>{m, k}));
    const Expr out = c->buffer("out", c->tensor(DType::f32, std::vector<Expr>{m}));
    const Expr body =
        ir::update(*c, out, c->imm_f(c->scalar(DType::f32), 0),
                   ir::load(*c, a, std::vector<Expr>{vi, vj}), std::vector<Expr>{vi}, "sum");
    const std::vector<ir::BlockIter> iters{{vi, i, 's'}, {vj, j, 'r'}};
    const Expr block = ir::block(*c, "sum", iters, c->bool_imm(true), body);
    kernel.context = c;
    kernel.name = "row_sum";
    kernel.sizes = {m, k};
    kernel.params = {{a, ir::ParamRole::in, {}}, {out, ir::ParamRole::out, {}}};
    kernel.body = ir::for_loop(*c, i, m, ir::for_loop(*c, j, k, block));
  }
};

TEST(loop_interp, reduction_starts_from_init) {
  RowSum p;
  std::vector<Tensor> t{floats({2, 3}, {1, 2, 3, 4, 5, 6}), floats({2}, {9, 9})};
  const std::vector<int64_t> sizes{2, 3};
  ASSERT_TRUE(run(p.kernel, sizes, t));
  EXPECT_EQ(values(t[1]), (std::vector<float>{6, 15}));
}

TEST(loop_interp, empty_reduction_gives_identity) {
  RowSum p;
  std::vector<Tensor> t{floats({2, 0}, {}), floats({2}, {9, 9})};
  const std::vector<int64_t> sizes{2, 0};
  ASSERT_TRUE(run(p.kernel, sizes, t));
  EXPECT_EQ(values(t[1]), (std::vector<float>{0, 0}));
}

TEST(loop_interp, empty_reduction_beside_a_moving_block_gives_identity) {
  // j runs over the reduction of one block and moves another, which then has nothing to do.
  RowSum p;
  ir::Context& c = *p.c;
  const ir::ForView rows{p.kernel.body};
  const ir::ForView columns{rows.body()};
  const Expr copy = c.buffer("copy", c.tensor(DType::f32, std::vector<Expr>{p.kernel.sizes[1]}));
  const Expr v = c.var("v");
  const std::vector<ir::BlockIter> iters{{v, columns.var(), 's'}};
  const Expr zero = c.i64(0);
  const Expr moving = ir::block(
      c, "copy", iters, c.bool_imm(true),
      ir::store(c, copy, ir::load(c, p.kernel.params[0].buffer, std::vector<Expr>{zero, v}),
                std::vector<Expr>{v}));
  const std::vector<Expr> both{moving, columns.body()};
  p.kernel.params.push_back({copy, ir::ParamRole::out, {}});
  p.kernel.body = ir::for_loop(c, rows.var(), rows.extent(),
                               ir::for_loop(c, columns.var(), columns.extent(), ir::seq(c, both)));
  std::vector<Tensor> t{floats({2, 0}, {}), floats({2}, {9, 9}), floats({0}, {})};
  const std::vector<int64_t> sizes{2, 0};
  ASSERT_TRUE(run(p.kernel, sizes, t));
  EXPECT_EQ(values(t[1]), (std::vector<float>{0, 0}));
}

TEST(loop_interp, empty_reduction_of_nested_blocks_gives_identity) {
  const auto module = ir::parse(R"tir(kernel @k[n](x: in f32[n, 4], y: out f32[4]) {
    for ko in serial(n // 3) { for ki in serial(3) { for io in serial(2) {
      block outer(vio: s = io, vko: r = ko, vki: r = ki) {
        for ii in serial(3) {
          block inner(vi: s = vio * 3 + ii, vk: r = vki + vko * 3)
              where vio * 3 + ii < 4 && vki + vko * 3 < n {
            y[vi] min= x[vk, vi] init f32(1000)
          }
        }
      }
    } } }
  })tir",
                                "t.tir");
  ASSERT_TRUE(module) << module.error().text();
  std::vector<Tensor> t{floats({0, 4}, {}), floats({4}, {9, 9, 9, 9})};
  const std::vector<int64_t> sizes{0};
  ASSERT_TRUE(run(*module->kernels[0], sizes, t));
  EXPECT_EQ(values(t[1]), (std::vector<float>{1000, 1000, 1000, 1000}));
}

TEST(loop_interp, out_of_range_names_buffer_and_index) {
  RowSum p;
  const Expr a = p.kernel.params[0].buffer;
  p.kernel.body = ir::store(*p.c, p.kernel.params[1].buffer,
                            ir::load(*p.c, a, std::vector<Expr>{p.c->i64(0), p.c->i64(7)}),
                            std::vector<Expr>{p.c->i64(0)});
  std::vector<Tensor> t{floats({1, 3}, {1, 2, 3}), floats({1}, {0})};
  const std::vector<int64_t> sizes{1, 3};
  const Status s = run(p.kernel, sizes, t);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().text().find("index 7 of axis 1 of buffer 'a'"), std::string::npos)
      << s.error().text();
}

void expect_refused(const Status& status, const std::string& code, const std::string& words) {
  ASSERT_FALSE(status) << code;
  EXPECT_EQ(status.error().diagnostics[0].code, code);
  EXPECT_NE(status.error().text().find(words), std::string::npos) << status.error().text();
}

TEST(loop_interp, refuses_what_a_program_may_not_do) {
  RowSum p;
  ir::Context& c = *p.c;
  const Expr a = p.kernel.params[0].buffer;
  const Expr one = c.imm_f(c.scalar(DType::f32), 1);
  const std::vector<Expr> first{c.i64(0), c.i64(0)};
  std::vector<Tensor> t{floats({1, 3}, {1, 2, 3}), floats({1}, {0})};
  const std::vector<int64_t> sizes{1, 3};
  const auto with_body = [&](Expr body) {
    ir::Kernel k = p.kernel;
    k.body = body;
    return run(k, sizes, t);
  };
  for (const int64_t at : {-1, 3}) {
    const Expr outside = ir::load(c, a, std::vector<Expr>{c.i64(0), c.i64(at)});
    expect_refused(
        with_body(ir::store(c, p.kernel.params[1].buffer, outside, std::vector<Expr>{c.i64(0)})),
        "interp.range", "index " + std::to_string(at) + " of axis 1 of buffer 'a'");
  }
  expect_refused(with_body(ir::store(c, a, one, first)), "interp.write", "'a' is an input");
  expect_refused(with_body(c.make(ir::Op::fail_, c.void_type(), {c.i64(7)})), "interp.fail",
                 "code 7");
}

TEST(loop_interp, refuses_arguments_that_do_not_fit) {
  RowSum p;
  std::vector<Tensor> t{floats({1, 3}, {1, 2, 3}), floats({1}, {0})};
  const std::vector<int64_t> sizes{1, 3};
  const std::vector<int64_t> one{1};
  expect_refused(run(p.kernel, one, t), "interp.arguments", "2 sizes and 2 buffers, got 1 and 2");
  std::vector<Tensor> fewer{t[0]};
  expect_refused(run(p.kernel, sizes, fewer), "interp.arguments", "got 2 and 1");
  std::vector<Tensor> longer{floats({1, 4}, {1, 2, 3, 4}), t[1]};
  expect_refused(run(p.kernel, sizes, longer), "interp.shape", "buffer 'a' of kernel 'row_sum'");
  std::vector<Tensor> other{t[0], Tensor::zeros(DType::f64, {1})};
  expect_refused(run(p.kernel, sizes, other), "interp.shape", "row_sum");
  p.kernel.sizes[1] = p.c->var("other");
  expect_refused(run(p.kernel, sizes, t), "interp.size", "no size of kernel 'row_sum'");
}

TEST(loop_interp, select_does_not_evaluate_the_other_arm) {
  RowSum p;
  ir::Context& c = *p.c;
  const Expr a = p.kernel.params[0].buffer;
  const Expr i = c.var("i");
  const Expr inside = ir::lt(c, i, c.i64(3));
  const Expr value = ir::select(c, inside, ir::load(c, a, std::vector<Expr>{c.i64(0), i}),
                                c.imm_f(c.scalar(DType::f32), -1));
  p.kernel.body = ir::for_loop(
      c, i, c.i64(5), ir::store(c, p.kernel.params[1].buffer, value, std::vector<Expr>{i}));
  std::vector<Tensor> t{floats({5, 3}, std::vector<float>(15, 2)),
                        floats({5}, std::vector<float>(5, 0))};
  const std::vector<int64_t> sizes{5, 3};
  ASSERT_TRUE(run(p.kernel, sizes, t));
  EXPECT_EQ(values(t[1]), (std::vector<float>{2, 2, 2, -1, -1}));
}

TEST(loop_interp, scratch_is_poisoned_at_each_parallel_iteration) {
  RowSum p;
  ir::Context& c = *p.c;
  const Expr tmp =
      c.buffer("tmp", c.tensor(DType::f32, std::vector<Expr>{c.i64(1)}, ir::Scope::scratch));
  p.kernel.buffers = {tmp};
  const Expr i = c.var("i");
  const std::vector<Expr> zero{c.i64(0)};
  const Expr last = ir::binary(c, ir::Op::eq, i, c.i64(2));
  const Expr fill = ir::if_then(c, last, ir::store(c, tmp, c.imm_f(c.scalar(DType::f32), 1), zero));
  const Expr use =
      ir::store(c, p.kernel.params[1].buffer, ir::load(c, tmp, zero), std::vector<Expr>{i});
  p.kernel.body =
      ir::for_loop(c, i, c.i64(3), ir::seq(c, std::vector<Expr>{fill, use}), "parallel");
  std::vector<Tensor> t{floats({3, 1}, {0, 0, 0}), floats({3}, {0, 0, 0})};
  const std::vector<int64_t> sizes{3, 1};
  ASSERT_TRUE(run(p.kernel, sizes, t));
  EXPECT_TRUE(std::isnan(values(t[1])[0]));
  EXPECT_EQ(values(t[1])[2], 1);
}

TEST(loop_interp, fma_tile_computes_the_valid_rows) {
  auto c = std::make_shared<ir::Context>();
  ir::Kernel k;
  k.context = c;
  const Expr a = c->buffer("a", c->tensor(DType::f32, {2, 3}));
  const Expr b = c->buffer("b", c->tensor(DType::f32, {3, 2}));
  const Expr out = c->buffer("out", c->tensor(DType::f32, {4}));
  const Expr acc = c->buffer(
      "acc", c->tensor(DType::f32, std::vector<Expr>{c->i64(2), c->i64(2)}, ir::Scope::reg));
  k.params = {
      {a, ir::ParamRole::in, {}}, {b, ir::ParamRole::in, {}}, {out, ir::ParamRole::out, {}}};
  k.buffers = {acc};
  const auto n = [&](int64_t v) { return c->i64(v); };
  const Expr i = c->var("i"), j = c->var("j");
  const std::vector<Expr> at{i, j};
  const auto nest = [&](Expr body) {
    return ir::for_loop(*c, i, n(2), ir::for_loop(*c, j, n(2), body));
  };
  const Expr ti = c->var("ti"), tj = c->var("tj"), tk = c->var("tk");
  const std::vector<ir::InstrAxis> axes{{ti, n(1)}, {tj, n(2)}, {tk, n(3)}};
  const std::vector<Expr> operands{ir::load(*c, acc, std::vector<Expr>{ti, tj}),
                                   ir::load(*c, a, std::vector<Expr>{ti, tk}),
                                   ir::load(*c, b, std::vector<Expr>{tk, tj})};
  const std::vector<int64_t> params{2, 2};
  const Expr tile = ir::instr(*c, "fma_tile", params, axes, operands);
  k.body = ir::seq(
      *c,
      std::vector<Expr>{nest(ir::store(*c, acc, c->imm_f(c->scalar(DType::f32), 0), at)), tile,
                        nest(ir::store(*c, out, ir::load(*c, acc, at),
                                       std::vector<Expr>{ir::add(*c, ir::mul(*c, i, n(2)), j)}))});
  std::vector<Tensor> t{floats({2, 3}, {1, 2, 3, 9, 9, 9}), floats({3, 2}, {1, 0, 0, 1, 1, 1}),
                        floats({4}, {0, 0, 0, 0})};
  const Status s = run(k, {}, t);
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(values(t[2])[0], 4);
  EXPECT_EQ(values(t[2])[1], 5);
  EXPECT_TRUE(std::isnan(values(t[2])[2]));  // the row without work is unspecified
}

TEST(loop_interp, constants_are_packed) {
  auto c = std::make_shared<ir::Context>();
  ir::Kernel k;
  k.context = c;
  const Expr w = c->buffer("w", c->tensor(DType::f32, {2, 2, 2}));
  const Expr out = c->buffer("out", c->tensor(DType::f32, {2, 2, 2}));
  k.params = {{w, ir::ParamRole::constant, {ir::Packing{{2, 0}, {0, 2, 1}}}},
              {out, ir::ParamRole::out, {}}};
  const Expr x = c->var("x"), y = c->var("y"), z = c->var("z");
  const std::vector<Expr> at{x, y, z};
  k.body = ir::for_loop(
      *c, x, c->i64(2),
      ir::for_loop(*c, y, c->i64(2),
                   ir::for_loop(*c, z, c->i64(2), ir::store(*c, out, ir::load(*c, w, at), at))));
  std::vector<Tensor> t{floats({3, 2}, {1, 2, 3, 4, 5, 6}),
                        floats({2, 2, 2}, std::vector<float>(8, 9))};
  const Status s = run(k, {}, t);
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(values(t[1]), (std::vector<float>{1, 3, 2, 4, 5, 0, 6, 0}));
}

TEST(LoopInterp, a_host_function_has_no_meaning_here) {
  const auto module =
      ir::parse("kernel @k[](x: in f32[4], y: out f32[4]) extern \"f\" { }", "t.tir");
  ASSERT_TRUE(module.has_value()) << module.error().text();
  std::vector<Tensor> t{Tensor::zeros(ir::DType::f32, {4}), Tensor::zeros(ir::DType::f32, {4})};
  expect_refused(run(*module->kernels[0], {}, t), "interp.host_function", "'f'");
}

}  // namespace
}  // namespace tenon::interp
