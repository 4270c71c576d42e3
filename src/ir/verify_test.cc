// What the verifiers accept, and the message for each thing that they refuse.
#include "ir/verify.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/text.h"

namespace tenon::ir {
namespace {

Status check_kernel(const std::string& text, char stage = 'L') {
  const auto module = parse(text, "t.tir");
  if (!module) return tl::make_unexpected(module.error());
  return verify(*module->kernels[0], stage);
}

void expect_refused(const Status& s, const std::string& code, const std::string& part) {
  ASSERT_FALSE(s.has_value());
  EXPECT_EQ(s.error().diagnostics[0].code, code) << s.error().text();
  EXPECT_NE(s.error().text().find(part), std::string::npos) << s.error().text();
}

TEST(VerifyKernel, accepts_definitions_and_scheduled_programs) {
  const Status s = check_kernel(
      R"tir(kernel @k[n](x: in f32[n, 8], w: const f32[8] packed([4], [0, 1]), y: out f32[n]) {
    alloc h: f32[n]
    alloc r: f32[8] reg
    for i in serial(n) { for k in serial(8) {
      block dot(vi: s = i, vk: r = k) where i < n { h[vi] fma= x[vi, vk] * w[vk] init f32(0) }
    } }
    for i in parallel(n) {
      let v: f32 = h[i] { if v < f32(0) { y[i] = f32(0) } else { y[i] = v } }
      while r[0] < f32(1) { r[0] = r[0] + f32(1) }
      instr fma_tile<1, 8>(t: 1, j: 8, k: 8) { r[j] x[i + t, k] w[j] }
      fail(1)
    }
  })tir");
  EXPECT_TRUE(s.has_value()) << s.error().text();
}

TEST(VerifyKernel, refuses_blocks_at_the_target_stage) {
  const std::string text =
      "kernel @k[n](y: out f32[n]) { for i in serial(n) { block b(vi: s = i) { y[vi] = f32(0) } } "
      "}";
  EXPECT_TRUE(check_kernel(text).has_value());
  expect_refused(check_kernel(text, 'T'), "verify.stage", "block is not legal at stage T");
}

TEST(VerifyKernel, refuses_parallel_loops_inside_loops_at_the_target_stage) {
  const std::string text =
      "kernel @k[n](y: out f32[n]) { for i in serial(2) { for j in parallel(n) { y[j] = f32(0) } } "
      "}";
  EXPECT_TRUE(check_kernel(text).has_value());
  expect_refused(check_kernel(text, 'T'), "verify.parallel", "top-level");
  expect_refused(check_kernel("kernel @k[n](y: out f32[n]) { for i in parallel(2) { for j in "
                              "parallel(n) { y[j] = f32(0) } } }"),
                 "verify.parallel", "inside another");
}

TEST(VerifyKernel, refuses_writes_to_inputs) {
  expect_refused(check_kernel("kernel @k[n](x: in f32[n]) { x[0] = f32(0) }"), "verify.buffer",
                 "is an input");
}

TEST(VerifyKernel, refuses_unknown_loop_kinds_and_combiners) {
  expect_refused(
      check_kernel("kernel @k[n](y: out f32[n]) { for i in sideways(n) { y[i] = f32(0) } }"),
      "verify.attribute", "unknown kind of loop 'sideways'");
  expect_refused(check_kernel("kernel @k[n](y: out f32[n]) { y[0] mean= f32(0) init f32(0) }"),
                 "verify.attribute", "unknown combiner 'mean'");
  expect_refused(check_kernel("kernel @k[n](y: out f32[n]) { y[0] fma= f32(0) init f32(0) }"),
                 "verify.type", "takes a product");
}

TEST(VerifyKernel, block_bodies_see_only_their_iterators) {
  expect_refused(check_kernel("kernel @k[n](y: out f32[n]) { for i in serial(n) { block b(vi: s = "
                              "i) { y[i] = f32(0) } } }"),
                 "verify.scope", "variable 'i' is not in scope");
}

TEST(VerifyKernel, refuses_conditions_and_extents_of_other_types) {
  expect_refused(check_kernel("kernel @k[n](y: out f32[n]) { if n { } }"), "verify.type",
                 "a condition must be bool");
  expect_refused(check_kernel("kernel @k[n](y: out f32[n]) { for i in serial(true) { } }"),
                 "verify.type", "an extent must be i64");
}

/// A kernel that stores `value` at the index in a buffer of 4 floats.
struct Built {
  Built() {
    k.name = "k";
    k.context = std::make_shared<Context>();
    y = c().buffer("y", c().tensor(DType::f32, {4}));
    k.params = {{y, ParamRole::out, {}}};
  }
  Context& c() { return *k.context; }
  Expr one() { return c().imm_f(c().scalar(DType::f32), 1); }
  Kernel k;
  Expr y = nullptr;
};

TEST(VerifyKernel, refuses_what_is_not_declared) {
  Built b;
  const Expr i[] = {b.c().var("loose")};
  b.k.body = store(b.c(), b.y, b.one(), i);
  expect_refused(verify(b.k, 'L'), "verify.scope", "'loose' is not in scope");
  const Expr other = b.c().buffer("other", b.y->type);
  const Expr zero[] = {b.c().i64(0)};
  b.k.body = store(b.c(), other, b.one(), zero);
  expect_refused(verify(b.k, 'L'), "verify.buffer", "'other' is not declared");
  b.k.buffers = {b.y};
  b.k.body = store(b.c(), b.y, b.one(), zero);
  expect_refused(verify(b.k, 'L'), "verify.buffer", "declared twice");
}

TEST(VerifyKernel, refuses_wrong_ranks_types_and_shadowing) {
  Built b;
  Context& c = b.c();
  b.k.body = c.make(Op::store, c.void_type(), {b.y, b.one()});
  expect_refused(verify(b.k, 'L'), "verify.buffer", "rank 1 is indexed by 0");
  const Expr zero[] = {c.i64(0)};
  b.k.body = c.make(Op::store, c.void_type(), {b.y, c.i64(1), zero[0]});
  expect_refused(verify(b.k, 'L'), "verify.type", "holds f32, not i64");
  b.k.body = store(c, b.y, c.make(Op::add, c.scalar(DType::f32), {b.one(), c.i64(1)}), zero);
  expect_refused(verify(b.k, 'L'), "verify.type", "differ in type");
  const Expr i = c.var("i");
  const Expr at[] = {i};
  const Expr inner = for_loop(c, i, c.i64(4), store(c, b.y, b.one(), at));
  b.k.body = for_loop(c, i, c.i64(4), inner);
  expect_refused(verify(b.k, 'L'), "verify.scope", "'i' is bound twice");
  b.k.body = b.one();
  expect_refused(verify(b.k, 'L'), "verify.statement", "an expression stands where a statement");
}

TEST(VerifyKernel, refuses_rows_that_do_not_match_the_table) {
  Built b;
  Context& c = b.c();
  const Expr zero[] = {c.i64(0)};
  b.k.body = store(
      c, b.y, c.make(Op::exp, c.scalar(DType::f32), {b.one()}, {{Key::axis, int64_t{1}}}), zero);
  expect_refused(verify(b.k, 'L'), "verify.attribute", "exp has no attribute axis");
  b.k.body = store(c, b.y, c.make(Op::select, c.scalar(DType::f32), {b.one(), b.one()}), zero);
  expect_refused(verify(b.k, 'L'), "verify.arity", "select takes 3 operands, not 2");
  b.k.body = c.make(Op::for_, c.void_type(), {c.var("i"), c.i64(1), store(c, b.y, b.one(), zero)},
                    {{Key::kind, int64_t{3}}});
  expect_refused(verify(b.k, 'L'), "verify.attribute", "holds another kind of value");
}

TEST(VerifyGraph, accepts_a_model_and_refuses_loose_params) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  Function f;
  f.name = "m";
  f.params = {c.param("x", t)};
  f.results = {c.make(Op::exp, t, {f.params[0]})};
  EXPECT_TRUE(verify(f).has_value());
  f.results = {c.make(Op::exp, t, {c.param("stray", t)})};
  expect_refused(verify(f), "verify.scope", "'stray' is not a parameter of @m");
  f.results = {f.params[0]};
  f.result_names = {"a", "b"};
  expect_refused(verify(f), "verify.result", "2 result names for 1 results");
}

TEST(VerifyGraph, refuses_loop_operators_and_bad_tuples) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  Function f;
  f.name = "m";
  f.params = {c.param("x", t)};
  const Expr buffer = c.buffer("b", t);
  f.results = {buffer};
  expect_refused(verify(f), "verify.stage", "buffer is not legal at stage G");
  const Type fields[] = {t, t};
  const Expr pair = c.make(Op::tuple, c.tuple(fields), {f.params[0], f.params[0]});
  f.results = {c.make(Op::get, t, {pair}, {{Key::index, int64_t{1}}})};
  EXPECT_TRUE(verify(f).has_value());
  f.results = {c.make(Op::get, t, {pair}, {{Key::index, int64_t{2}}})};
  expect_refused(verify(f), "verify.type", "index into it");
}

TEST(VerifyGraph, checks_bodies_and_their_arguments) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  auto body = std::make_unique<Function>();
  body->name = "inner";
  body->params = {c.param("a", t)};
  body->results = {c.make(Op::neg, t, {c.param("stray", t)})};
  const Function* inner = c.add(std::move(body));
  Function f;
  f.name = "m";
  f.params = {c.param("x", t)};
  f.results = {
      c.make(Op::call, t, {f.params[0]}, {{Key::name, std::string("inner")}, {Key::body, inner}})};
  expect_refused(verify(f), "verify.scope", "'stray' is not a parameter of @inner");
  f.results = {c.make(Op::call, t, {f.params[0], f.params[0]},
                      {{Key::name, std::string("inner")}, {Key::body, inner}})};
  expect_refused(verify(f), "verify.arity", "has 1 parameters, called with 2");
}

TEST(VerifyGraph, checks_each_clause_of_a_node) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  Function f;
  f.name = "m";
  const Expr x = c.param("x", t);
  const Expr go = c.param("go", c.boolean());
  const Expr whole = c.param("whole", c.tensor(DType::i32, {4}));
  const Expr square = c.param("square", c.tensor(DType::f32, {2, 2}));
  const Expr list = c.param("list", c.tensor(DType::i64, {1}));
  f.params = {x, go, whole, square, list};
  const auto body = [&](const std::vector<Expr>& params) {
    auto made = std::make_unique<Function>();
    made->name = "inner";
    made->params = params;
    made->results = {c.make(Op::exp, t, {params.empty() ? x : params[0]})};
    if (params.empty()) made->results = {c.constant(c.scalar(DType::f32), "\0\0\0", 4)};
    return static_cast<const Function*>(c.add(std::move(made)));
  };
  const auto accepts = [&](Expr e) {
    f.results = {e};
    const Status s = verify(f);
    EXPECT_TRUE(s.has_value()) << s.error().text();
  };
  const auto refuses = [&](Expr e, const std::string& code, const std::string& part) {
    f.results = {e};
    expect_refused(verify(f), code, part);
  };
  const Expr a = c.param("a", t);
  const Function* one = body({a});
  const Function* none = body({});
  const Type single = c.tuple(std::span(&t, 1));
  const auto branch = [&](const std::vector<Expr>& operands, const Function* l, const Function* r) {
    return c.make(Op::if_, single, operands, {{Key::then, l}, {Key::else_, r}});
  };
  accepts(branch({go, x}, one, one));
  refuses(branch({go, x}, none, one), "verify.arity", "has 0 parameters, called with 1");
  refuses(branch({go, x}, one, none), "verify.arity", "has 0 parameters, called with 1");
  refuses(branch({go, whole}, one, one), "verify.type",
          "parameter 0 of @inner is f32[4], given i32");
  refuses(branch({go, square}, one, one), "verify.type", "given f32[2, 2]");
  const Expr pair = c.make(Op::tuple, single, {x});
  refuses(branch({go, pair}, one, one), "verify.type", "parameter 0 of @inner");
  const auto get = [&](Expr from, int64_t i, Type type) {
    return c.make(Op::get, type, {from}, {{Key::index, i}});
  };
  accepts(get(pair, 0, t));
  refuses(get(x, 0, t), "verify.type", "get takes a tuple");
  refuses(get(pair, 1, t), "verify.type", "index into it");
  refuses(get(pair, -1, t), "verify.type", "index into it");
  refuses(get(pair, 0, whole->type), "verify.type", "field 0 is f32[4]");
  const float values[4] = {1, 2, 3, 4};
  accepts(c.constant(t, values, 16));
  accepts(c.constant(c.tensor(DType::f32, {0}), values, 0));
  refuses(c.constant(t, values, 12), "verify.type", "has 16 bytes, not 12");
  const Expr n = c.var("n");
  refuses(c.constant(c.tensor(DType::f32, std::span(&n, 1)), values, 16), "verify.type",
          "a constant has literal extents");
  const auto slice = [&](Expr start) {
    return c.make(
        Op::slice, t, {x},
        {{Key::starts, std::vector<Expr>{start}}, {Key::strides, std::vector<int64_t>{1}}});
  };
  accepts(slice(c.i64(0)));
  refuses(slice(c.imm(c.scalar(DType::i32), 0)), "verify.type", "starts takes i64 scalars");
  refuses(slice(list), "verify.type", "starts takes i64 scalars");
  const Expr narrow = c.var("m", c.scalar(DType::i32));
  const Type odd = c.tensor(DType::f32, std::span(&narrow, 1));
  refuses(c.make(Op::exp, odd, {x}), "verify.type", "an extent is not an i64 scalar");
  refuses(c.make(Op::select, t, {x, x, x}), "verify.type", "the condition of select is not bool");
  refuses(c.make(Op::add, t, {x, whole}), "verify.type", "operands of add differ in type");
  refuses(c.make(Op::add, t, {x, square}), "verify.type", "operands of add differ in type");
  refuses(c.make(Op::lt, t, {x, x}), "verify.type", "result of lt must be bool");
  refuses(c.make(Op::add, whole->type, {x, x}), "verify.type", "result of add must be f32");
  accepts(c.make(Op::lt, c.tensor(DType::boolean, {4}), {x, x}));
}

TEST(VerifyGraph, stays_linear_on_a_long_chain) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  Function f;
  f.name = "m";
  f.params = {c.param("x", t)};
  Expr e = f.params[0];
  for (int i = 0; i < 100000; ++i) e = c.make(i % 2 == 0 ? Op::exp : Op::tanh, t, {e});
  f.results = {e};
  EXPECT_TRUE(verify(f).has_value());
}

TEST(VerifyGraph, refuses_bindings_and_params_of_the_wrong_kind) {
  Context c;
  Function f;
  f.name = "m";
  const Expr x = c.param("x", c.tensor(DType::f32, {2}));
  const Expr i = c.param("i", c.tensor(DType::i64, {2}));
  f.params = {x, i};
  f.results = {x};
  f.bindings = {{c.var("n"), i, 0}};
  EXPECT_TRUE(verify(f).has_value());
  f.bindings = {{c.i64(3), i, 0}};
  expect_refused(verify(f), "verify.binding", "needs a symbolic variable");
  f.bindings = {{c.var("n"), x, 0}};
  expect_refused(verify(f), "verify.binding", "integer tensor");
  f.bindings.clear();
  f.params = {x, i, x};
  expect_refused(verify(f), "verify.param", "stands twice");
  f.params = {x, c.make(Op::neg, x->type, {x})};
  expect_refused(verify(f), "verify.param", "must be a param node");
}

TEST(VerifyKernel, refuses_sizes_and_blocks_of_the_wrong_kind) {
  Built b;
  b.k.body = store(b.c(), b.y, b.one(), std::vector<Expr>{b.c().i64(0)});
  b.k.sizes = {b.c().var("n")};
  EXPECT_TRUE(verify(b.k, 'L').has_value());
  b.k.sizes = {b.c().i64(3)};
  expect_refused(verify(b.k, 'L'), "verify.param", "must be a variable");
  b.k.sizes.clear();
  const Expr v = b.c().var("v");
  const Expr write = store(b.c(), b.y, b.one(), std::vector<Expr>{v});
  b.k.body = block(b.c(), "b", std::vector<BlockIter>{{v, b.c().i64(0), 's'}}, b.c().bool_imm(true),
                   write);
  EXPECT_TRUE(verify(b.k, 'L').has_value());
  b.k.body = block(b.c(), "b", std::vector<BlockIter>{{v, b.c().i64(0), 'x'}}, b.c().bool_imm(true),
                   write);
  expect_refused(verify(b.k, 'L'), "verify.block", "one kind, s or r");
}

TEST(VerifyGraph, checks_the_roles_of_parameters) {
  const auto check = [](const std::string& params, const std::string& results,
                        const std::string& values) {
    const auto module = parse(
        "model @m[n](" + params + ") -> (" + results + ") { return " + values + " }", "t.tir");
    EXPECT_TRUE(module.has_value()) << module.error().text();
    return verify(*module->functions[0]);
  };
  const Status good =
      check("x: f32[n], p: inout f32[n], s: state f32[n] double", "s, y, p", "x, s, x");
  EXPECT_TRUE(good.has_value()) << good.error().text();
  expect_refused(check("s: state f32[n] double, x: f32[n]", "y", "x"), "verify.param",
                 "'x' stands behind a state");
  expect_refused(check("x: f32[n], s: state f32[] reserve 4", "y", "x"), "verify.param",
                 "scalar that reserves rows");
  expect_refused(check("x: inout f32[1] = constant [1] : f32[1]", "y", "x"), "verify.param",
                 "inout with a default");
  expect_refused(check("x: f32[n], s: state f32[n] double", "s, s", "x, x"), "verify.result",
                 "'s' stands twice");
  expect_refused(check("x: f32[n], s: state i32[n] double", "s", "x"), "verify.result",
                 "not of the type of its parameter");
  expect_refused(check_kernel("kernel @k[n](x: state f32[n]) { x[0] = f32(0) }"), "verify.param",
                 "of a kernel is a state");
  Context c;
  const Type t = c.tensor(DType::f32, {2});
  Function f;
  f.params = {param_with_role(c, "s", t, ParamRole::state),
              param_with_role(c, "s", t, ParamRole::state)};
  f.results = {f.params[0]};
  expect_refused(verify(f), "verify.param", "has the name of another");
  auto body = std::make_unique<Function>();
  body->params = {param_with_role(c, "p", t, ParamRole::inout)};
  body->results = body->params;
  Function outer;
  outer.params = {c.param("x", t)};
  outer.results = {c.make(Op::call, t, {outer.params[0]},
                          {{Key::name, std::string("f")}, {Key::body, c.add(std::move(body))}})};
  expect_refused(verify(outer), "verify.param", "of a body has a role");
}

TEST(VerifyGraph, refuses_guards_that_are_no_truth_value) {
  Context c;
  Function f;
  f.name = "m";
  f.params = f.results = {c.param("x", c.tensor(DType::f32, {2}))};
  f.guards.push_back({lt(c, c.var("n"), c.i64(3)), "n is small"});
  EXPECT_TRUE(verify(f).has_value());
  f.guards[0].condition = c.var("n");
  expect_refused(verify(f), "verify.guard", "bool");
}

}  // namespace
}  // namespace tenon::ir
