// Instruction rows: what their bodies say, what a node means, and which nodes are refused.
#include "machine/instruction.h"

#include <gtest/gtest.h>

#include "ir/text.h"

namespace tenon::machine {
namespace {

TEST(Instruction, fma_tile_fits_what_registers_hold) {
  const Instruction* tile = find_instruction("fma_tile");
  ASSERT_NE(tile, nullptr);
  const auto fits = [&](const char* row, std::vector<int64_t> params) {
    return tile->fits(*find_row(row), params);
  };
  EXPECT_TRUE(fits("x86-64-v4", {12, 32}));
  EXPECT_TRUE(fits("x86-64-v4", {14, 32}));
  EXPECT_TRUE(fits("x86-64-v4", {8, 48}));
  EXPECT_FALSE(fits("x86-64-v4", {15, 32}));
  EXPECT_TRUE(fits("x86-64-v3", {6, 16}));
  EXPECT_FALSE(fits("x86-64-v3", {7, 16}));
  EXPECT_FALSE(fits("x86-64-v3", {6, 12}));
  EXPECT_FALSE(fits("x86-64-v3", {0, 8}));
  EXPECT_FALSE(fits("x86-64-v3", {6}));
  EXPECT_TRUE(fits("x86-64-v4", {12, 32, 4, 8}));
  EXPECT_FALSE(fits("x86-64-v4", {12, 32, 8, 4}));
  EXPECT_FALSE(fits("x86-64-v4", {12, 32, 12}));
  EXPECT_EQ(find_instruction("flux_capacitor"), nullptr);
}

TEST(Instruction, bodies_say_what_axes_and_operands_are) {
  const Semantics& s = semantics(*find_instruction("fma_tile"));
  ASSERT_EQ(s.axes.size(), 3U);
  EXPECT_EQ(s.axes[0].most, 0);  // at most mr rows
  EXPECT_EQ(s.axes[0].param, -1);
  EXPECT_EQ(s.axes[1].param, 1);  // nr columns
  EXPECT_FALSE(s.axes[1].reduction);
  EXPECT_TRUE(s.axes[2].reduction);
  ASSERT_EQ(s.operands.size(), 3U);
  EXPECT_EQ(s.operands[0].strides, (std::vector<int64_t>{-1, 1, 0}));
  EXPECT_EQ(s.operands[1].strides, (std::vector<int64_t>{-1, 0, -1}));
  EXPECT_EQ(s.operands[2].strides, (std::vector<int64_t>{0, 1, -1}));
  EXPECT_EQ(s.combine, "fma");
}

TEST(Instruction, groups_of_a_reduction_are_told_by_the_operand_that_has_room) {
  const Semantics& s = semantics(*find_instruction("dot4_tile_u8i8"));
  ASSERT_EQ(s.axes.size(), 4U);
  EXPECT_EQ(s.axes[2].group, 0);
  EXPECT_EQ(s.axes[3].group, 4);
  EXPECT_EQ(s.axes[3].param, -1);
  EXPECT_TRUE(s.axes[3].reduction);
  EXPECT_EQ(s.group(), 4);
  EXPECT_EQ(semantics(*find_instruction("dot2_tile_bf16")).group(), 2);
  EXPECT_EQ(semantics(*find_instruction("fma_tile")).group(), 1);
  EXPECT_EQ(s.operands[1].strides, (std::vector<int64_t>{-1, 0, 4, 1}));
  EXPECT_EQ(s.operands[2].strides, (std::vector<int64_t>{0, 4, -1, 1}));
}

TEST(Instruction, machines_have_what_one_of_their_features_gives) {
  const auto has = [](const char* machine, const char* row) {
    return has_instruction(*find_row(machine), *find_instruction(row));
  };
  EXPECT_TRUE(has("x86-64-v3", "fma_tile"));
  EXPECT_FALSE(has("x86-64-v4", "dot4_tile_i8i8"));
  EXPECT_TRUE(has("znver4", "dot4_tile_i8i8"));
  EXPECT_TRUE(has("sapphirerapids", "dot2_tile_bf16"));
  EXPECT_FALSE(has("x86-64-v4", "dot2_tile_bf16"));
  // Signed with signed takes two vectors more.
  const auto fits = [](const char* row, std::vector<int64_t> params) {
    return find_instruction(row)->fits(*find_row("znver5"), params);
  };
  EXPECT_TRUE(fits("dot4_tile_u8i8", {14, 32}));
  EXPECT_FALSE(fits("dot4_tile_i8i8", {14, 32}));
  EXPECT_TRUE(fits("dot4_tile_i8i8", {13, 32}));
  EXPECT_FALSE(fits("dot4_tile_u8i8", {8, 2}));  // no vector of two columns
  EXPECT_TRUE(fits("dot2_tile_u8i8", {14, 32}));
  EXPECT_FALSE(fits("dot2_tile_u8i8", {15, 32}));
  Machine ymm_only = *find_row("x86-64-v4");
  ymm_only.needs.emplace_back("avxvnni");
  EXPECT_FALSE(find_instruction("dot4_tile_u8i8")->fits(ymm_only, std::vector<int64_t>{4, 32}));
}

TEST(Instruction, tiles_of_a_matrix_unit_hold_a_block_with_its_operands) {
  const Instruction& row = *find_instruction("amx_tile_u8i8");
  const auto fits = [&](const char* machine, std::vector<int64_t> params) {
    return row.fits(*find_row(machine), params);
  };
  EXPECT_TRUE(has_instruction(*find_row("sapphirerapids"), row));
  EXPECT_FALSE(has_instruction(*find_row("znver5"), row));
  EXPECT_TRUE(fits("sapphirerapids", {32, 32, 11, 22}));
  EXPECT_TRUE(fits("sapphirerapids", {16, 48}));
  EXPECT_FALSE(fits("sapphirerapids", {33, 32}));
  EXPECT_FALSE(fits("sapphirerapids", {17, 48}));
  EXPECT_FALSE(fits("sapphirerapids", {32, 24}));  // columns fill their tiles
  EXPECT_FALSE(fits("sapphirerapids", {32, 32, 22, 11}));
  EXPECT_FALSE(fits("znver5", {16, 16}));
}

TEST(Instruction, units_are_needed_by_what_uses_them) {
  Machine m = *find_row("x86-64-v3");
  const Instruction& dot = *find_instruction("dot4_tile_u8i8");
  EXPECT_FALSE(has_instruction(m, dot));
  m.units = {"avx512vnni", "avxvnni", "amx-bf16"};
  EXPECT_TRUE(has_instruction(m, dot));
  const auto used = [&](const std::string& name) {
    const auto module = ir::parse(
        "kernel @k[n](a: in u8[n, 8], b: in i8[2, 16, 4], x: in f32[4, 8], w: in f32[8, 16]) {\n"
        "  alloc c: i32[4, 16] reg\n  alloc d: f32[4, 16] reg\n  " +
            name + "\n}\n",
        "k.tir");
    EXPECT_TRUE(module) << module.error().text();
    return used_units(m, *module->kernels[0]);
  };
  const std::string in_groups =
      "instr dot4_tile_u8i8<4, 16>(i: 4, j: 16, k: 2, q: 4) "
      "{ c[i, j] a[i, k * 4 + q] b[k, j, q] }";
  EXPECT_EQ(used(in_groups), (std::vector<std::string>{"avx512vnni", "avxvnni"}));
  EXPECT_EQ(used("instr fma_tile<4, 16>(i: 4, j: 16, k: 8) { d[i, j] x[i, k] w[k, j] }"),
            std::vector<std::string>{});
}

/// A kernel around one instruction, from its text.
std::shared_ptr<ir::Kernel> kernel_of(const std::string& instr) {
  const std::string text =
      "kernel @k[n](a: in f32[n, 8], b: in f32[8, 16], d: in f64[8, 16], y: out f32[n]) {\n"
      "  alloc c: f32[4, 16] reg\n  " +
      instr + "\n}\n";
  auto module = ir::parse(text, "k.tir");
  EXPECT_TRUE(module) << module.error().text();
  return module->kernels[0];
}

TEST(Instruction, means_loops_over_its_axes) {
  const auto kernel =
      kernel_of("instr fma_tile<4, 16>(i: min(n, 4), j: 16, k: 8) { c[i, j] a[i, k] b[k, j] }");
  ir::Context& c = *kernel->context;
  EXPECT_TRUE(verify_instructions(*kernel));
  const std::string text = ir::print(expand(c, kernel->body));
  EXPECT_NE(text.find("c[i, j] = fma(a[i, k], b[k, j], c[i, j])"), std::string::npos) << text;
  EXPECT_NE(text.find("for k in serial(8)"), std::string::npos) << text;
  const std::vector<ir::InstrAxis> written = written_axes(c, kernel->body);
  EXPECT_TRUE(ir::is_int(written[0].extent, 4));  // the result's room, whatever n is
}

void expect_refused(const std::string& instr, const std::string& part) {
  const Status s = verify_instructions(*kernel_of(instr));
  ASSERT_FALSE(s) << instr;
  EXPECT_EQ(s.error().diagnostics[0].code, "verify.instruction");
  EXPECT_NE(s.error().text().find(part), std::string::npos) << s.error().text();
}

TEST(Instruction, nodes_that_do_not_fit_their_row_are_refused) {
  expect_refused("instr mma<4, 16>(i: 4, j: 16, k: 8) { c[i, j] a[i, k] b[k, j] }", "not known");
  expect_refused("instr fma_tile<4>(i: 4, j: 16, k: 8) { c[i, j] a[i, k] b[k, j] }", "2 compile");
  expect_refused("instr fma_tile<0, 16>(i: 4, j: 16, k: 8) { c[i, j] a[i, k] b[k, j] }",
                 "outside of 1 to 4096");
  expect_refused("instr fma_tile<4, 16>(i: 4, j: 16) { c[i, j] a[i, 0] b[0, j] }", "3 axes");
  expect_refused("instr fma_tile<4, 16>(i: 4, j: 16, k: 8) { c[i, j] a[i, k] }", "3 operands");
  expect_refused("instr fma_tile<4, 16>(i: 4, j: 8, k: 8) { c[i, j] a[i, k] b[k, j] }",
                 "runs over 16 along axis 1");
  expect_refused("instr fma_tile<4, 16>(i: 4, j: 16, k: 8) { c[i, j] a[i, k] d[k, j] }",
                 "takes f32 as operand 2");
}

TEST(Instruction, layouts_that_an_emitter_cannot_take_are_told) {
  const auto told = [](const std::string& instr) {
    const auto kernel = kernel_of("instr fma_tile<4, 16>" + instr);
    const Status s = verify_layout(*kernel->context, kernel->body);
    return s ? "" : s.error().text();
  };
  const auto expect_told = [&](const std::string& instr, const char* part) {
    EXPECT_NE(told(instr).find(part), std::string::npos) << told(instr);
  };
  EXPECT_EQ(told("(i: min(n, 4), j: 16, k: 8) { c[i, j] a[i, k] b[k, j] }"), "");
  EXPECT_EQ(told("(i: 1, j: 16, k: 8) { c[i, j] a[0, k] b[k // 2 * 2 + k % 2, j] }"), "");
  expect_told("(i: 4, j: 16, k: 8) { c[i, j] a[i, k] b[k, j // 2] }",
              "operand 2 of instruction 'fma_tile' has no constant stride");
  expect_told("(i: 4, j: 16, k: 8) { c[i, j] a[i, k] b[j, k] }",
              "neighbours along axis 1 that are not 1 apart");
  expect_told("(i: 1, j: 16, k: 8) { c[0, j] a[i, k] b[k, j] }", "no room along axis 0");
}

}  // namespace
}  // namespace tenon::machine
