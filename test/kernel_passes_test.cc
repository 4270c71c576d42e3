// Passes on kernels that can be switched off: kernels compute the same without them.
#include <gtest/gtest.h>

#include <random>

#include "interp/interp.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "machine/machine.h"
#include "ops/test_util.h"
#include "schedule/kernel_pass.h"
#include "target/llvm/testing.h"

namespace tenon {
namespace {

using ops::Tensor;

constexpr size_t kRoom = 1 << 16;  // elements, more than any buffer of these kernels

constexpr const char* kKernels[] = {
    // A product with an epilogue, of odd extents.
    R"(kernel @product[n](x: in f32[n, 19], w: in f32[19, 21], y: out f32[n, 21]) {
  alloc s: f32[n, 21]
  for i in serial(n) { for j in serial(21) { for k in serial(19) {
    block s(vi: s = i, vj: s = j, vk: r = k) {
      s[vi, vj] fma= x[vi, vk] * w[vk, vj] init f32(0)
    } } } }
  for i in serial(n) { for j in serial(21) {
    block y(vi: s = i, vj: s = j) { y[vi, vj] = max(s[vi, vj], f32(0)) }
  } }
})",
    // Rows: a maximum, then the distance from it.
    R"(kernel @rows[n](x: in f32[n, 37], y: out f32[n, 37]) {
  alloc m: f32[n]
  for i in serial(n) { for j in serial(37) {
    block m(vi: s = i, vj: r = j) { m[vi] max= x[vi, vj] init f32(-inf) }
  } }
  for i in serial(n) { for j in serial(37) {
    block y(vi: s = i, vj: s = j) { y[vi, vj] = x[vi, vj] - m[vi] }
  } }
})"};

TEST(KernelPasses, those_that_can_be_switched_off_change_no_value) {
  std::mt19937 random = ops::testing::seeded();
  const machine::Machine& host = machine::host();
  for (const char* text : kKernels) {
    const auto module = ir::parse(text, "kernel.tir");
    ASSERT_TRUE(module.has_value()) << module.error().text();
    const schedule::Program definition = module->kernels[0];
    const auto choice = schedule::choose(definition, host);
    ASSERT_TRUE(choice.has_value()) << choice.error().text();
    for (const int64_t n : {0, 1, 13, 64}) {
      const int64_t sizes[] = {n};
      std::vector<Tensor> buffers;
      for (const ir::KernelParam& p : definition->params) {
        std::vector<int64_t> shape;
        for (ir::Expr e : p.buffer->shape()) shape.push_back(ir::as_int(e).value_or(n));
        buffers.push_back(Tensor::zeros(p.buffer->dtype(), shape));
        for (int64_t i = 0; i < buffers.back().count(); ++i)
          buffers.back().set_f(i, std::uniform_real_distribution(-2.0, 2.0)(random));
      }
      std::vector<Tensor> want = buffers;
      ASSERT_TRUE(interp::run(*definition, sizes, want).has_value());
      for (const pass::Pass& pass : schedule::kernel_passes()) {
        if (!pass.optional) continue;
        const auto final = schedule::finalize(
            choice->program, host, {.disabled = {std::string(pass.name)}, .verify = true});
        ASSERT_TRUE(final.has_value()) << pass.name << ": " << final.error().text();
        std::vector<Tensor> got = buffers;
        ASSERT_TRUE(interp::run(**final, sizes, got).has_value()) << pass.name;
        std::vector<Tensor> ran = buffers;
        std::vector<void*> pointers;
        for (Tensor& t : ran) pointers.push_back(t.bytes.data());
        // Behind the params stand the buffers that a plan of memory would place.
        std::vector<std::vector<float>> rooms;
        for (ir::Expr b : (*final)->buffers)
          if (b->type->scope == ir::Scope::global) rooms.emplace_back(kRoom);
        for (std::vector<float>& room : rooms) pointers.push_back(room.data());
        ASSERT_EQ(target::testing::run(**final, host, pointers, sizes), 0) << pass.name;
        for (int64_t i = 0; i < want.back().count(); ++i) {
          EXPECT_NEAR(got.back().get_f(i), want.back().get_f(i), 1e-4) << pass.name << " " << n;
          EXPECT_NEAR(ran.back().get_f(i), want.back().get_f(i), 1e-4) << pass.name << " " << n;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tenon
