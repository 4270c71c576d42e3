#include "schedule/accesses.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/text.h"

namespace tenon::schedule {
namespace {
using ir::Expr;

std::shared_ptr<ir::Kernel> read(const std::string& text) {
  auto module = ir::parse(text, "test");
  if (!module) {
    ADD_FAILURE() << module.error().text();
    return nullptr;
  }
  return module->kernels.front();
}

/// "x r[..] i0 i1", in the order of the walk: what is touched, how, and the loops around.
std::vector<std::string> lines(const std::vector<Access>& all) {
  std::vector<std::string> out;
  for (const Access& a : all) {
    std::string line = a.buffer->string_attr(ir::Key::name);
    line += a.updates ? " rw" : a.write ? " w" : " r";
    if (!a.exact) line += "?";
    for (Expr index : a.indices) line += " " + ir::print(index);
    line += " |";
    for (const Loop& loop : a.loops)
      line += " " + loop.var->string_attr(ir::Key::name) + "<" + ir::print(loop.extent);
    out.push_back(line);
  }
  return out;
}

TEST(Accesses, come_in_program_order_with_bindings_for_iterators) {
  const auto k = read(R"(kernel @k[n](x: in f32[n], p: in i64[n], y: out f32[n]) {
  for i in serial(n) {
    block b(vi: s = i) where p[i] < 5 { y[vi] = x[vi] }
  }
  for j in serial(p[0]) {
    block s(vk: r = j) { y[0] sum= x[vk] init f32(0) }
  }
}
)");
  const std::vector<Access> all = accesses(*k->context, k->body);
  EXPECT_EQ(lines(all), (std::vector<std::string>{"p r i | i<n", "x r i | i<n", "y w i | i<n",
                                                  "p r 0 |", "x r j | j<p[0]", "y rw 0 | j<p[0]"}));
  EXPECT_EQ(all[0].block, all[2].block);
  EXPECT_EQ(all[2].site.path.size(), 3U) << "seq, loop, block";
  EXPECT_EQ(all[1].operand, 1U) << "the value of the store";
  EXPECT_LT(order_of(all, all[2].block), order_of(all, all[4].block));
  EXPECT_TRUE(reads(all, k->params[0].buffer));
  EXPECT_FALSE(writes(all, k->params[0].buffer));
}

TEST(Accesses, skipped_statements_and_variables_of_lets) {
  const auto k = read(R"(kernel @k[n](x: in f32[n], y: out f32[n]) {
  for i in serial(n) {
    let v: i64 = n - 1 - i {
      y[v] = x[i]
    }
  }
  y[0] = f32(1)
}
)");
  const Expr skip[] = {k->body->operand(1)};
  const std::vector<Access> all = accesses(*k->context, k->body, skip);
  ASSERT_EQ(lines(all), (std::vector<std::string>{"x r i | i<n", "y w? v | i<n"}));
  const ir::Assumptions known = ir::assume_extents(*k);
  EXPECT_TRUE(ir::bounded(box_of(*k->context, all[0], 0, known)));
  EXPECT_FALSE(ir::bounded(box_of(*k->context, all[1], 0, known)));
}

TEST(Accesses, an_instruction_touches_what_its_row_says) {
  const auto k = read(R"(kernel @k[n](a: in f32[n, 8], b: in f32[8, 16], c: out f32[4, 16]) {
  instr fma_tile<4, 16>(i: min(n, 4), j: 16, k: 8) { c[i, j] a[i, k] b[k, j] }
}
)");
  const std::vector<Access> all = accesses(*k->context, k->body);
  EXPECT_EQ(lines(all),
            (std::vector<std::string>{"a r i k | i<min(n, 4) j<16 k<8",
                                      "b r k j | i<min(n, 4) j<16 k<8", "c rw i j | i<4 j<16 k<8"}))
      << "the result has room for a whole tile";
  EXPECT_TRUE(all[0].is_instruction_operand());
  const auto box = ir::bounded(box_of(*k->context, all[2], 0, ir::assume_extents(*k)));
  ASSERT_TRUE(box);
  EXPECT_TRUE(ir::is_int((*box)[0].hi, 3));
}

TEST(Accesses, loops_outside_of_a_box_stay_symbolic) {
  const auto k = read(R"(kernel @k[n](x: in f32[n], y: out f32[n]) {
  for i in serial(n // 4) { for j in serial(4) { y[i * 4 + j] = x[i * 4 + j] } }
}
)");
  const std::vector<Access> all = accesses(*k->context, k->body);
  const auto inner = ir::bounded(box_of(*k->context, all[0], 1, ir::assume_extents(*k)));
  ASSERT_TRUE(inner);
  EXPECT_EQ(ir::print((*inner)[0].lo), "i * 4");
  EXPECT_EQ(ir::print((*inner)[0].hi), "i * 4 + 3");
}

}  // namespace
}  // namespace tenon::schedule
