// Products on a matrix unit from the definition to machine code: a schedule whose decisions name
// the instruction, as a trace; finalized, compiled, run, and compared with the interpreter. Where
// this CPU has no such unit its instructions are carried out in software.
#include <gtest/gtest.h>

#include "differential.h"
#include "machine/instruction.h"
#include "schedule/space.h"
#include "schedule/testing.h"
#include "support/cpu.h"
#include "target/llvm/testing.h"
#include "target/x86/software_instructions.h"

namespace tenon {
namespace {

using ir::DType;
using ir::Expr;
using schedule::Program;
using schedule::testing::Sizes;

struct Case {
  const char* instruction;
  DType a, b;
  int64_t depth;  // 0: a size of the kernel
};

/// out[m, n] = f32(sum over k of a[m, k] * b[k, n]) / 2
Program product_of(const Case& t) {
  schedule::testing::KernelBuilder k;
  const bool is_float = ir::is_float(t.a);
  const ir::Type wide = k.c().scalar(is_float ? DType::f32 : DType::i32);
  const Expr m = k.size("M"), n = k.size("N");
  const Expr depth = t.depth == 0 ? k.size("K") : k.n(t.depth);
  const Expr a = k.in("a", {m, depth}, t.a), b = k.in("b", {depth, n}, t.b);
  const Expr out = k.out("out", {m, n}), dot = k.internal("dot", {m, n}, wide->dtype);
  const auto widened = [&](Expr load) { return ir::cast(k.c(), wide->dtype, load); };
  k.block("dot", {{"i", m}, {"j", n}, {"k", depth, 'r'}}, [&](const std::vector<Expr>& v) {
    const Expr x = widened(k.load(a, {v[0], v[2]})), y = widened(k.load(b, {v[2], v[1]}));
    const Expr zero = is_float ? k.c().imm_f(wide, 0) : k.c().imm(wide, 0);
    return ir::update(k.c(), dot, zero, k.op(ir::Op::mul, x, y), std::vector{v[0], v[1]},
                      is_float ? "fma" : "sum");
  });
  k.map("half", out, [&](const std::vector<Expr>& v) {
    return k.op(ir::Op::mul, ir::cast(k.c(), DType::f32, k.load(dot, v)), k.f32(0.5));
  });
  return k.build();
}

/// The row x86-64-v3 with the matrix unit of sapphirerapids.
machine::Machine with_tiles() {
  const machine::Machine& from = *machine::find_row("sapphirerapids");
  machine::Machine m = *machine::find_row("x86-64-v3");
  m.units = from.units;
  m.tiles = from.tiles;
  for (const std::string& unit : m.units) m.llvm_features += ",+" + unit;
  return m;
}

/// Runs the code on the tensors of the params; the kernel's own buffers in memory begin as zeros.
int64_t run_code(const ir::Kernel& kernel, const target::testing::Compiled& code,
                 const Sizes& sizes, std::vector<interp::Tensor>& params) {
  std::vector<void*> pointers;
  for (interp::Tensor& t : params) pointers.push_back(t.bytes.data());
  std::vector<std::vector<std::byte>> own;
  for (Expr b : kernel.buffers) {
    if (b->type->scope != ir::Scope::global) continue;
    int64_t bytes = ir::info(b->dtype()).element_bytes;
    for (Expr e : b->shape()) bytes *= target::testing::evaluate(kernel, e, sizes);
    own.emplace_back(static_cast<size_t>(bytes));
    pointers.push_back(own.back().data());
  }
  return code.run(pointers, sizes);
}

TEST(MatrixUnit, a_trace_with_its_instruction_computes_the_product) {
  const machine::Machine machine = with_tiles();
  if (target::testing::named_worker() != nullptr) GTEST_SKIP() << "x86 only";
  for (const Case& t : {Case{"amx_tile_u8i8", DType::u8, DType::i8, 0},
                        {"amx_tile_i8i8", DType::i8, DType::i8, 103},
                        {"amx_tile_bf16", DType::bf16, DType::bf16, 103}}) {
    const Program definition = product_of(t);
    const auto chosen =
        schedule::realize(definition, machine,
                          schedule::Assignment{{"dot0.instruction", std::string(t.instruction)},
                                               {"dot0.rows", int64_t{32}},
                                               {"dot0.columns", int64_t{32}}});
    ASSERT_TRUE(chosen.has_value()) << chosen.error().text();
    const auto scheduled = schedule::replay(definition, chosen->program->trace);
    ASSERT_TRUE(scheduled.has_value()) << scheduled.error().text();
    const auto final = schedule::finalize(*scheduled, machine);
    ASSERT_TRUE(final.has_value()) << final.error().text();
    EXPECT_NE(ir::print(**final).find(std::string(t.instruction) + "<32, 32"), std::string::npos)
        << ir::print(**final);
    EXPECT_EQ(machine::used_units(machine, **final).size(), 1U);
    const target::testing::Compiled code(**final, machine);
    const target::testing::SoftwareInstructions software;
    for (Sizes sizes : {Sizes{37, 45, 103}, {33, 32, 128}, {1, 70, 6}, {17, 1, 64}, {3, 4, 0}}) {
      if (t.depth != 0) sizes.pop_back();
      std::vector<interp::Tensor> expected = schedule::testing::make_tensors(*definition, sizes, 5);
      std::vector<interp::Tensor> actual = expected;
      ASSERT_TRUE(interp::run(*definition, sizes, expected));
      ASSERT_EQ(run_code(**final, code, sizes, actual), 0);
      for (int64_t i = 0; i < expected[2].count(); ++i)
        ASSERT_NEAR(actual[2].get_f(i), expected[2].get_f(i), 1e-3) << t.instruction << " " << i;
    }
    const bool native = machine::missing(machine).empty() && has_feature(machine.units.front());
    EXPECT_TRUE(native || target::testing::SoftwareInstructions::count() > 0) << t.instruction;
  }
}

}  // namespace
}  // namespace tenon
