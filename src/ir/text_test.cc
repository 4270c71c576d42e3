// The text form: what it looks like, that it reads back, and what the parser refuses.
#include "ir/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "ir/expr.h"
#include "ir/lexer.h"
#include "ir/param_role.h"
#include "ir/rewrite.h"

namespace tenon::ir {
namespace {

std::string round_trip(const std::string& text) {
  const auto module = parse(text, "t.tir");
  if (!module) return module.error().text();
  std::string out;
  if (module->functions.empty()) {
    for (const auto& k : module->kernels) out += print(*k);
  } else {
    PrintOptions options;
    options.locations = true;
    out += print(*module->context, *module->functions.back(), options);
  }
  return out;
}

void expect_stable(const std::string& text) { EXPECT_EQ(round_trip(text), text); }

void expect_error(const std::string& text, const std::string& code, const std::string& part) {
  const auto module = parse(text, "t.tir");
  ASSERT_FALSE(module.has_value()) << text;
  EXPECT_EQ(module.error().diagnostics[0].code, code) << module.error().text();
  EXPECT_NE(module.error().text().find(part), std::string::npos) << module.error().text();
}

constexpr const char* kKernel =
    R"tir(kernel @dot_relu[n](x: in f32[n, 768], w: const f32[96, 768, 32] as [3072, 768] packed([32, 0], [0, 2, 1]), y: out f32[n, 3072]) {
  trace "i0, i1 = split(i, 12, tail = predicate)"
  alloc h: f32[n, 3072]
  alloc c: f32[12, 32] reg
  for i in parallel((n + 11) // 12) {
    for j in serial(3072) note "stream=1" {
      for k in serial(768) {
        block dot(vi: s = i * 12, vj: s = j, vk: r = k) where i * 12 < n note "init=done" {
          h[vi, vj] fma= x[vi, vk] * w[vj // 32, vk, vj % 32] init f32(0)
        }
      }
    }
  }
  if 0 < n && !(n == 3) {
    y[0, 0] = max(h[0, 0], f32(0.5))
  } else {
    fail(1)
  }
  let v: i64 = min(n, 4) {
    while v < n || false {
      {
        y[v, 0] = select(v < 2, cast<f32>(v), f32(-inf))
      }
    }
  }
  for j in vector(4) {
  }
  instr fma_tile<12, 32>(i: min(n, 12), j: 32, k: 768) {
    c[i, j]
    x[i, k]
    w[0, k, j]
  }
}
)tir";

TEST(Text, a_parameter_may_have_a_default) {
  const std::string text =
      "model @m[n](x: f32[n, 2], k: f32[2] = constant [1, -0.5] \"k\" : f32[2]) -> (y) {\n"
      "  t1 = broadcast(k) {dims = [1]} : f32[n, 2]\n"
      "  return t1\n}\n";
  expect_stable(round_trip(text));
  EXPECT_NE(round_trip(text).find("k: f32[2] = constant [1, -0.5] \"k\" : f32[2])"),
            std::string::npos)
      << round_trip(text);
  expect_error("model @m[](k: f32[2] = constant [1] : f32[1]) -> (k) {\n  return k\n}\n",
               "text.type", "a default must be of its parameter's type");
}

TEST(Text, parameters_have_roles) {
  expect_stable(
      R"tir(model @decode[n, total](x: f32[n, 8], w: const f32[8], p: inout f32[n], cache: state f32[total, 8] reserve 4096, seen: state i64[2] double = constant [1, 2] : i64[2]) -> (y, p, cache) {
  t0 = add(x, x) : f32[n, 8]
  return t0, p, cache
}
)tir");
  expect_stable("kernel @k[n](x: inout f32[n], u: in f32[n]) {\n  x[0] = u[0]\n}\n");
  const auto header = [](const std::string& params) {
    return "model @m[n](" + params + ") -> (y) { return x }";
  };
  expect_error(header("x: out f32[n]"), "text.role", "results are its out parameters");
  expect_error(header("x: state f32[n]"), "text.syntax", "double, or reserve COUNT");
  expect_error(header("x: state f32[n] reserve 0"), "text.role", "reserves at least 1");
}

TEST(Text, a_state_that_shares_a_name_keeps_its_new_value) {
  Context c;
  const Expr n = c.var("n");
  const Expr shape[] = {n};
  const Type t = c.tensor(DType::f32, shape);
  Function f;
  f.name = "m";
  f.params = {c.param("s", t), param_with_role(c, "n", t, ParamRole::state)};
  f.results = {f.params[0], f.params[1]};
  f.result_names = {"n", "y"};
  ASSERT_EQ(updated_param(f, 0), 1u);
  const std::string text = print(c, f);
  const auto module = parse(text, "t.tir");
  ASSERT_TRUE(module.has_value()) << text << module.error().text();
  const Function& back = *module->functions[0];
  EXPECT_EQ(updated_param(back, 0), 1u) << text;
  EXPECT_EQ(updated_param(back, 1), std::nullopt) << text;
}

TEST(Text, kernel_reads_back) { expect_stable(kKernel); }

constexpr const char* kModel = R"tir(function @softmax[batch](a: f32[batch, 4]) {
  t0 = reduce(a) {kind = "max", axes = [1]} : f32[batch]
  t1 = broadcast(t0) {dims = [0]} : f32[batch, 4]
  t2 = sub(a, t1) : f32[batch, 4]
  return t2
}

kernel @relu[n](x: in f32[n], y: out f32[n]) {
  for i in serial(n) {
    y[i] = max(x[i], f32(0))
  }
}

model @mlp[batch, count](x: f32[batch, 4], `in/1`: i64[batch]) -> (y, `out:0`) {
  t0 = constant [1, 2.5, -inf, 0] "b" : f32[4]
  t1 = add(x, t0) : f32[batch, 4] at "mlp.onnx:Add_4"
  t2 = call(t1) {name = "softmax", body = @softmax, options = "axis=1"} : f32[batch, 4]
  t3 = slice(t2) {starts = [batch - 1, 0], strides = [1, 1]} : f32[1, 4]
  t4 = sort(t3) {axis = 1, descending = 0} : (f32[1, 4], i64[1, 4])
  t5 = get(t4) {index = 0} : f32[1, 4]
  t6 = call_kernel(t5) {kernel = @relu, name = "relu", sizes = [4]} : f32[1, 4]
  t7 = nonzero(`in/1`) : i64[1, count]
  t8 = from_scalars(batch, 3, max(batch // 2, 1)) : i64[3]
  bind count = t8[0]
  guard batch == count, "batch \"and\" count differ"
  guard batch < 9 && count != 3, ""
  return t6, t7
}
)tir";

TEST(Text, model_with_bodies_and_kernels_reads_back) { expect_stable(kModel); }

TEST(Text, constants_of_each_width_are_written_as_numbers) {
  for (const std::string constant :
       {"[-9223372036854775808, -1, 9223372036854775807] \"b\" : i64[3]",
        "[0, 18446744073709551615] \"b\" : u64[2]", "[-2147483648, 2147483647] \"b\" : i32[2]",
        "[4294967295] \"b\" : u32[1]", "[-32768, 32767] \"b\" : i16[2]", "[65535] \"b\" : u16[1]",
        "[-128, -1, 127] \"b\" : i8[3]", "[255, 0] \"b\" : u8[2]", "[0.1, -inf] \"b\" : f64[2]"}) {
    const std::string text =
        "model @m[]() -> (y) {\n  t0 = constant " + constant + "\n  return t0\n}\n";
    EXPECT_NE(round_trip(text).find("constant " + constant), std::string::npos) << text;
  }
}

TEST(Text, large_constants_are_a_hash_and_read_back_only_with_their_bytes) {
  Context c;
  std::vector<float> w(64);
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i) * 0.3F;
  Function f;
  f.name = "m";
  f.results = {c.constant(c.tensor(DType::f32, {64}), w.data(), 256, "w")};
  const std::string brief = print(c, f);
  EXPECT_NE(brief.find("constant #"), std::string::npos) << brief;
  expect_error(brief, "text.constant", "print it with its bytes");
  PrintOptions options;
  options.constant_bytes = true;
  const auto module = parse(print(c, f, options), "t.tir");
  ASSERT_TRUE(module.has_value()) << module.error().text();
  const ConstantRef back = module->functions[0]->results[0]->constant_attr();
  EXPECT_EQ(back->hash, f.results[0]->constant_attr()->hash);
  EXPECT_EQ(back->name, "w");
}

TEST(Text, literals_of_every_type_read_back_bit_for_bit) {
  Context c;
  std::mt19937_64 random(7);
  const double specials[] = {0.0,
                             -0.0,
                             1e-45,
                             0.1,
                             1e38,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(),
                             -std::numeric_limits<double>::quiet_NaN()};
  Function f;
  f.name = "m";
  for (const DType t : {DType::f16, DType::bf16, DType::f32, DType::f64, DType::f8e4m3fn}) {
    for (double v : specials) f.results.push_back(c.imm_f(c.scalar(t), v));
    for (int i = 0; i < 200; ++i)
      f.results.push_back(c.imm_f(c.scalar(t), std::ldexp(static_cast<double>(random()),
                                                          static_cast<int>(random() % 80) - 100)));
  }
  for (const DType t : {DType::i8, DType::u64, DType::i64, DType::boolean, DType::i4, DType::u32})
    for (int i = 0; i < 20; ++i)
      f.results.push_back(c.imm(c.scalar(t), static_cast<int64_t>(random())));
  const auto module = parse(print(c, f), "t.tir");
  ASSERT_TRUE(module.has_value()) << module.error().text();
  const auto& back = module->functions[0]->results;
  ASSERT_EQ(back.size(), f.results.size());
  for (size_t i = 0; i < back.size(); ++i) {
    Map none;
    EXPECT_EQ(copy_to(*module->context, f.results[i], none), back[i])
        << print(f.results[i]) << " " << print(back[i]);
  }
}

TEST(Text, names_are_made_unique_and_quoted) {
  Context c;
  const Type t = c.tensor(DType::f32, {2});
  Function f;
  f.name = "a/b";
  for (const char* name : {"x", "x", "x_1", "for", "a b`", "t0", ""})
    f.params.push_back(c.param(name, t));
  f.results = {c.make(Op::exp, t, {f.params[0]})};
  const std::string text = print(c, f);
  EXPECT_NE(
      text.find(
          "(x: f32[2], x_1: f32[2], x_1_1: f32[2], `for`: f32[2], `a b\\``: f32[2], t0: f32[2]"),
      std::string::npos)
      << text;
  EXPECT_EQ(round_trip(text), text);
}

TEST(Text, precedence_is_kept_with_few_parentheses) {
  Context c;
  const Expr a = c.var("a");
  const Expr b = c.var("b");
  const auto raw = [&](Op op, Expr x, Expr y) { return c.make(op, c.index(), {x, y}); };
  EXPECT_EQ(print(raw(Op::sub, a, raw(Op::sub, b, a))), "a - (b - a)");
  EXPECT_EQ(print(raw(Op::sub, raw(Op::sub, a, b), a)), "a - b - a");
  EXPECT_EQ(print(raw(Op::mul, raw(Op::add, a, b), raw(Op::mod, a, c.i64(-3)))),
            "(a + b) * (a % -3)");
  EXPECT_EQ(print(raw(Op::floordiv, raw(Op::mul, a, b), a)), "a * b // a");
  EXPECT_EQ(print(logical_or(c, logical_and(c, lt(c, a, b), lt(c, b, a)), eq(c, a, b))),
            "a < b && b < a || a == b");
  EXPECT_EQ(print(c.make(Op::neg, c.index(), {c.i64(3)})), "neg(3)");
}

TEST(Text, shared_and_deep_expressions_get_lines_of_their_own) {
  Kernel k;
  k.name = "deep";
  k.context = std::make_shared<Context>();
  Context& c = *k.context;
  const Expr x = c.buffer("x", c.tensor(DType::f32, {}));
  Expr e = load(c, x, {});
  for (int i = 0; i < 3000; ++i) e = binary(c, Op::mul, e, e);
  for (int i = 0; i < 3000; ++i) e = unary(c, Op::exp, e);
  k.params = {{x, ParamRole::out, {}}};
  k.body = store(c, x, e, {});
  const std::string text = print(k);
  EXPECT_LT(text.size(), 400000U);
  EXPECT_EQ(round_trip(text), text);
}

TEST(Text, what_a_predicate_shares_stands_behind_the_iterators_that_it_reads) {
  expect_stable(R"tir(kernel @k[n](y: out f32[n]) {
  for i in serial(n) {
    block b(vi: s = i) with t0 := vi * 3 + n // 2 * vi where t0 < 7 || 9 < t0 {
      y[vi] = f32(0)
    }
  }
}
)tir");
}

TEST(Text, a_long_chain_prints_and_parses) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  Function f;
  f.name = "chain";
  f.params = {c.param("x", t)};
  Expr e = f.params[0];
  for (int i = 0; i < 100000; ++i) e = c.make(i % 2 == 0 ? Op::exp : Op::tanh, t, {e});
  f.results = {e};
  const std::string text = print(c, f);
  const auto module = parse(text, "t.tir");
  ASSERT_TRUE(module.has_value());
  EXPECT_EQ(print(*module->context, *module->functions[0]), text);
}

TEST(Text, canonical_text_does_not_see_names) {
  std::string other = kKernel;
  const auto replace_all = [&](const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = other.find(from, at)) != std::string::npos; at += to.size())
      other.replace(at, from.size(), to);
  };
  replace_all("@dot_relu", "@other");
  replace_all("vk", "red");
  replace_all(" h", " hidden");
  replace_all("= h", "= hidden");
  replace_all("(h", "(hidden");
  replace_all("block dot", "block product");
  const auto a = parse(kKernel, "a");
  const auto b = parse(other, "b");
  ASSERT_TRUE(a.has_value());
  ASSERT_TRUE(b.has_value()) << b.error().text();
  EXPECT_EQ(canonical_text(*a->kernels[0]), canonical_text(*b->kernels[0]));
  replace_all("// 32", "// 16");
  const auto d = parse(other, "d");
  EXPECT_NE(canonical_text(*a->kernels[0]), canonical_text(*d->kernels[0]));
}

TEST(Text, errors_name_the_place_and_what_was_expected) {
  expect_error("model @m[] (x: f33[2]) { return x }", "text.syntax",
               "t.tir:1:16: expected a type, found 'f33'");
  expect_error("model @m[](x: f32[2]) {\n  t0 = exp(y) : f32[2]\n return t0 }", "text.name",
               "2:12: unknown name 'y'");
  expect_error("model @m[](xs: f32[2]) { t0 = exp(x) : f32[2] return t0 }", "text.name",
               "did you mean 'xs'");
  expect_error("model @m[](x: f32[2]) { t0 = exq(x) : f32[2] return t0 }", "text.name",
               "'exq' is not an operator");
  expect_error("model @m[](x: f32[2]) { t0 = exp(x) {axis = 1} : f32[2] return t0 }",
               "text.attribute", "'exp' has no attribute 'axis'; it has none");
  expect_error("model @m[](x: f32[2]) -> (a, b) { return x }", "text.result",
               "2 results are named, 1 returned");
  expect_error("model @m[](x: f32[2], x: f32[2]) { return x }", "text.name", "name 'x' is taken");
  expect_error("model @m[]() { t0 = constant [1, 2] : f32[3] return t0 }", "text.constant",
               "3 elements");
  expect_error("model @m[]() { t0 = call() {name = \"f\", body = @f} : f32 return t0 }",
               "text.name", "'@f' is not defined");
  expect_error("kernel @k[](x: in f32[2]) { x[0] = 1 }", "text.type",
               "does not take a value of i64");
  expect_error("kernel @k[](x: in f32[2]) { x[0, 1] = f32(1) }", "text.type", "rank 1");
  expect_error("kernel @k[](x: in f32[2]) { x[0] = x[0] + 1 }", "text.type", "f32 and i64");
  expect_error("kernel @k[](x: in f32[2]) { x[0] = 0.5 }", "text.syntax", "f32(0.5)");
  expect_error("kernel @k[n](x: in f32[2]) { for i in serial(n) { } x[i] = f32(1) }", "text.name",
               "'i' is used outside of the statement that binds it");
  expect_error("kernel @k[n](x: in f32[2]) { for n in serial(2) { } }", "text.name",
               "name 'n' is taken");
  expect_error("kernel @k[n](x: in f32[2]) { instr t(i: 1, i: 2) { x[i] } }", "text.name",
               "axis 'i' stands twice");
  expect_error("kernel @k[n](x: in f32[2]) { instr t(i: 1, j: i) { x[i] } }", "text.name",
               "'i' is used outside of the statement that binds it");
  expect_error("kernel @k[n](x: in f32[2]) { instr t(i: 1) { n } }", "text.syntax",
               "an operand of an instruction must be an element of a buffer");
  expect_error("kernel @k[n](x: in f32[2]) { if n < 2 < 3 { } }", "text.syntax",
               "comparisons do not chain");
  expect_error("kernel @k[n](x: in f32[2]) {", "text.syntax", "expected a statement");
  expect_error("kernel @k[n](x: in f32[$2]) {", "text.character", "1:24: unexpected character '$'");
  expect_error("kernel @k[n](x: in f32[2]) { trace \"a", "text.quote", "does not close");
  expect_error("99999999999999999999", "text.syntax", "expected model, function or kernel");
  expect_error("kernel @k[n](x: in f32[99999999999999999999]) {}", "text.syntax",
               "does not fit 64 bits");
  std::string deep = "kernel @k[n](x: in f32[2]) { fail(";
  for (int i = 0; i < 100000; ++i) deep += "(";
  expect_error(deep, "text.depth", "nested more than");
  std::string nots = "kernel @k[n](x: in f32[2]) { fail(";
  for (int i = 0; i < 100000; ++i) nots += "!";
  expect_error(nots, "text.depth", "nested more than");
  std::string braces = "kernel @k[n](x: in f32[2]) { ";
  for (int i = 0; i < 100000; ++i) braces += "{";
  expect_error(braces, "text.depth", "nested more than");
}

TEST(Text, comments_are_skipped) {
  EXPECT_EQ(round_trip("; a model\nmodel @m[](x: f32[2]) { ; params\n return x }"),
            "model @m[](x: f32[2]) {\n  return x\n}\n");
}

TEST(Text, quotes_and_unquotes) {
  const std::string odd = "a\"b\\c\n\t\x01`z";
  EXPECT_EQ(unquote(quote(odd, '"')), odd);
  EXPECT_EQ(unquote(quote(odd, '`')), odd);
  EXPECT_EQ(quote("\x1f\x7f ", '"'), R"("\x1f\x7f ")");
  // Digits of either case; what is no pair of them stands for itself.
  EXPECT_EQ(unquote(R"("\x4a\x4B")"), "JK");
  EXPECT_EQ(unquote(R"("\x4g")"), "x4g");
  EXPECT_EQ(unquote(R"("\xg4")"), "xg4");
  EXPECT_EQ(unquote(R"("\x4")"), "x4");
  EXPECT_EQ(unquote(R"("\x")"), "x");
  EXPECT_EQ(unquote(R"("\q")"), "q");
  EXPECT_EQ(unquote(R"("")"), "");
  EXPECT_TRUE(is_plain_name("a.b_1"));
  EXPECT_FALSE(is_plain_name("1a"));
  EXPECT_FALSE(is_plain_name("for"));
  EXPECT_FALSE(is_plain_name(""));
}

TEST(Text, diagnostics_show_a_node_without_its_graph) {
  Context c;
  const Type t = c.tensor(DType::f32, {4});
  const Expr x = c.param("x", t);
  const Expr e = c.make(Op::exp, t, {c.make(Op::neg, t, {x})});
  EXPECT_EQ(print(e), "exp(%" + std::to_string(e->operand(0)->id) + ") : f32[4]");
  EXPECT_EQ(print(t), "f32[4]");
}

}  // namespace
}  // namespace tenon::ir
