// Vectors: text, builders, what rewriting keeps, and what parser and verifier refuse.
#include "ir/vector.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace tenon::ir {
namespace {

constexpr const char* kKernel =
    R"tir(kernel @lanes[n](x: in f32[n, 64], from: in i64[n], y: out f32[n, 64], z: out f32) {
  for i in parallel(n) {
    let m: boolx16 = ramp(u32(0), u32(1), 16) < splat(cast<u32>(n), 16) {
      let v: f32x16 = x[i, ramp(0, 1, 16) where m] {
        y[i, ramp(0, 1, 16) where m] = select(m, v + splat(f32(1), 16), splat(f32(0), 16))
        y[ramp(i * 64 + 16, 1, 16)] = shuffle(v, x[from[ramp(0, 2, 16)], ramp(0, 1, 16)], [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23])
        y[i, 40] = lane(v, i % 16)
        z[] = max(z[], reduce_lanes(max, v))
        y[i, 41] = x[i, 3 where 4 <= n]
        y[i, ramp(0, 1, 8)] = select(4 <= n, cast<f32x8>(splat(i, 8)), shuffle(v, [7, 6, 5, 4, 3, 2, 1, 0]))
      }
    }
  }
}
)tir";

Status check(const std::string& statements, char stage = 'T') {
  const std::string text =
      "kernel @k[n](x: in f32[n, 8], b: in i8[n], y: out f32[n, 8]) { for i in serial(n) { " +
      statements + " } }";
  const auto module = parse(text, "t.tir");
  if (!module) return tl::make_unexpected(module.error());
  return verify(*module->kernels[0], stage);
}

void expect_refused(const std::string& statements, const std::string& code, const std::string& part,
                    char stage = 'T') {
  const Status s = check(statements, stage);
  ASSERT_FALSE(s.has_value()) << statements;
  EXPECT_EQ(s.error().diagnostics[0].code, code) << s.error().text();
  EXPECT_NE(s.error().text().find(part), std::string::npos) << s.error().text();
}

TEST(Vector, kernels_read_back) {
  const auto module = parse(kKernel, "t.tir");
  ASSERT_TRUE(module.has_value()) << module.error().text();
  EXPECT_EQ(print(*module->kernels[0]), kKernel);
  const Status sound = verify(*module->kernels[0], 'T');
  EXPECT_TRUE(sound.has_value()) << sound.error().text();
}

TEST(Vector, stands_at_the_target_stage_only) {
  const std::string store = "y[i, ramp(0, 1, 8)] = splat(f32(1), 8)";
  EXPECT_TRUE(check(store).has_value());
  expect_refused(store, "verify.stage", "is not legal at stage L", 'L');
  expect_refused("y[i, 0 where true] = f32(1)", "verify.stage", "masked_store", 'L');
}

TEST(Vector, verifier_refuses_lanes_that_do_not_fit) {
  Context c;
  const auto verify_value = [&](Expr value) {
    Kernel k;
    k.context = std::shared_ptr<Context>(&c, [](Context*) {});
    const Expr y = c.buffer("y", c.tensor(value->dtype(), {64}));
    k.params = {{y, ParamRole::out, {}}};
    const std::vector<Expr> at{ramp(c, c.i64(0), 1, value->type->lanes)};
    k.body = store_lanes(c, y, value, nullptr, at);
    const Status s = verify(k, 'T');
    return s.has_value() ? "" : s.error().text();
  };
  const Expr v = splat(c, c.imm_f(c.scalar(DType::f32), 1), 8);
  const Expr wide = splat(c, c.imm_f(c.scalar(DType::f32), 1), 16);
  EXPECT_EQ(verify_value(v), "");
  const auto refuses = [&](Expr e, const std::string& part) {
    EXPECT_NE(verify_value(e).find(part), std::string::npos) << print(e) << verify_value(e);
  };
  refuses(c.make(Op::add, v->type, {v, wide}), "has 8 lanes, its operand 16");
  refuses(c.make(Op::add, v->type, {wide, v}), "differ in type");
  refuses(c.make(Op::neg, v->type, {wide}), "has 8 lanes, its operand 16");
  refuses(c.make(Op::splat, v->type, {wide}), "splat takes scalars");
  refuses(c.make(Op::splat, v->type, {wide}), "[verify.lanes]");
  refuses(c.make(Op::lane, c.scalar(DType::f32), {v, ramp(c, c.i64(0), 1, 8)}), "lane takes");
  refuses(c.make(Op::ramp, v->type, {v->operand(0), v->operand(0)}), "ramp counts integers");
  refuses(c.make(Op::shuffle, c.scalar(DType::f32, 2), {v},
                 {{Key::pattern, std::vector<int64_t>{0, 8}}}),
          "a lane that its operands do not have");
  refuses(c.make(Op::reduce_lanes, c.scalar(DType::f32), {v}, {{Key::kind, std::string("mean")}}),
          "knows no kind 'mean'");
  const Expr odd = splat(c, v->operand(0), 6);
  refuses(reduce_lanes(c, "sum", odd), "a power of two");
}

TEST(Vector, parser_refuses_what_has_no_type) {
  expect_refused("y[i, ramp(0, 1, 8)] = f32(1)", "text.type", "does not take a value of f32");
  expect_refused("y[i, ramp(0, 1, 8)] = splat(f32(1), 4)", "text.type", "f32x4");
  expect_refused("y[ramp(0, 1, 8), ramp(0, 1, 4)] = splat(f32(1), 8)", "text.type", "equal lanes");
  expect_refused("y[i, ramp(0, 1, 8) where true] = splat(f32(1), 8)", "text.type",
                 "a mask of 8 lanes");
  expect_refused("y[i, 0] = reduce_lanes(sum, splat(f32(1), 999))", "text.type", "2 to 128 lanes");
  expect_refused("y[i, 0] = cast<f32>(splat(i, 8))", "text.type", "keeps the number of lanes");
  expect_refused("let v: f32x1 = x[i, 0] { y[i, 0] = v }", "text.syntax", "expected a type");
  expect_refused("y[i, 0] = reduce_lanes(sum, shuffle(x[i, ramp(0, 1, 8)], [0]))", "text.type",
                 "one or two vectors");
  expect_refused("y[i, ramp(0, 1, 8)] = select(splat(true, 4), splat(f32(1), 8), splat(f32(2), 8))",
                 "text.type", "another number of lanes");
}

TEST(Vector, a_row_major_offset_needs_a_vector) {
  EXPECT_TRUE(check("y[ramp(i, 1, 8)] = splat(f32(1), 8)").has_value());
  expect_refused("y[i] = f32(1)", "text.type", "rank 2");
}

TEST(Vector, rewriting_keeps_lanes) {
  const auto module = parse(kKernel, "t.tir");
  ASSERT_TRUE(module.has_value());
  const Kernel& k = *module->kernels[0];
  Context to;
  Map map;
  Kernel copy;
  copy.context = std::shared_ptr<Context>(&to, [](Context*) {});
  copy.name = k.name;
  for (Expr size : k.sizes) copy.sizes.push_back(copy_to(to, size, map));
  for (const KernelParam& p : k.params)
    copy.params.push_back({copy_to(to, p.buffer, map), p.role, {}});
  copy.body = copy_to(to, k.body, map);
  EXPECT_EQ(print(copy), kKernel);
  // Index arithmetic is that of scalars: what has lanes stays as it is.
  copy.body = simplify(to, copy.body);
  EXPECT_EQ(print(copy), kKernel);
  EXPECT_TRUE(verify(copy, 'T').has_value());
}

TEST(Vector, one_lane_is_a_scalar) {
  Context c;
  const Expr x = c.var("x");
  EXPECT_EQ(splat(c, x, 1), x);
  EXPECT_EQ(ramp(c, x, 3, 1), x);
  EXPECT_EQ(reduce_lanes(c, "sum", x), x);
  EXPECT_EQ(lane(c, x, c.i64(0)), x);
  EXPECT_EQ(lane(c, splat(c, x, 4), c.i64(3)), x);
  const Expr sum = elementwise(c, add(c, x, c.var("y")), std::vector{x, ramp(c, x, 1, 4)});
  EXPECT_EQ(print(sum), "splat(x, 4) + ramp(x, 1, 4)");
}

}  // namespace
}  // namespace tenon::ir
