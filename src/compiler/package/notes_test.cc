// What packaging notes for profiles: the node of each call, and when arena memory is in use.
#include <gtest/gtest.h>

#include "compiler/compiler.h"
#include "runtime/executor.h"

namespace tenon::compiler {
namespace {

TEST(PackageNotes, calls_have_nodes_and_memory_has_lifetimes) {
  const std::string text =
      "model @m[n](x: f32[n, 8], w: f32[8, 8]) -> (y) {\n"
      "  a = dot(x, w) {batch_a = [], batch_b = [], contract_a = [1], contract_b = [0]} : f32[n, "
      "8]\n"
      "  b = dot(a, w) {batch_a = [], batch_b = [], contract_a = [1], contract_b = [0]} : f32[n, "
      "8]\n"
      "  c = dot(b, w) {batch_a = [], batch_b = [], contract_a = [1], contract_b = [0]} : f32[n, "
      "8]\n"
      "  return c\n}\n";
  auto model = read({"given.tir", std::as_bytes(std::span(text)), Format::text});
  ASSERT_TRUE(model.has_value()) << model.error().text();
  const auto compilation = generate(*std::move(model), {});
  ASSERT_TRUE(compilation.has_value());
  PackageNotes notes;
  auto tables = package(*compilation, {}, &notes);
  ASSERT_TRUE(tables.has_value());
  ASSERT_EQ(notes.calls.size(), tables->calls.size());
  for (const ir::Expr n : notes.calls) {
    EXPECT_EQ(n->op, ir::Op::call_kernel);
    EXPECT_TRUE(compilation->groups.contains(n->kernel_attr()));
  }
  ASSERT_GE(notes.lifetimes.size(), 3U);  // a, b, c, and what kernels keep for themselves
  for (const PackageNotes::Lifetime& l : notes.lifetimes) {
    EXPECT_LE(l.first, l.last);
    EXPECT_LE(l.last, tables->steps.size());
    EXPECT_EQ(tables->slots[l.slot].kind, artifact::SlotKind::arena);
  }
  // The registers are bytes of a run.
  const auto loaded = runtime::Model::from(*std::move(tables));
  ASSERT_TRUE(loaded.has_value());
  auto executor = runtime::Executor::create(*loaded, 1);
  ASSERT_TRUE(executor.has_value());
  const std::vector<float> x(5 * 8);
  const std::vector<float> w(64);
  const std::vector<int64_t> x_dims{5, 8};
  const std::vector<int64_t> w_dims{8, 8};
  ASSERT_TRUE((*executor)->set_input(0, {artifact::DType::f32, x_dims, x.data()}).has_value());
  ASSERT_TRUE((*executor)->set_input(1, {artifact::DType::f32, w_dims, w.data()}).has_value());
  ASSERT_TRUE((*executor)->run().has_value());
  for (const PackageNotes::Lifetime& l : notes.lifetimes)
    EXPECT_GE((*executor)->size_value(l.bytes), 5 * 8 * 4) << l.slot;
}

}  // namespace
}  // namespace tenon::compiler
