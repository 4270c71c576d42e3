// Constants of sub-byte types: packed where kernels read them, one element a byte elsewhere.
#include <gtest/gtest.h>

#include "artifact/model.h"
#include "compiler/package/constants.h"
#include "compiler/package/testing.h"
#include "interp/pack.h"
#include "ir/packed.h"
#include "ops/tensor.h"

namespace tenon::compiler {
namespace {

using namespace testing;  // NOLINT: the fixture of this file

constexpr DType kTypes[] = {DType::i4, DType::u4, DType::i2, DType::u2, DType::f4e2m1};

TEST(SharedBytes, kernels_read_constants_as_the_interpreter_does) {
  for (const DType type : kTypes)
    for (const std::vector<int64_t>& shape :
         {std::vector<int64_t>{3, 5}, {4, 8}, {7, 33}, {16, 64}, {1, 3}}) {
      SCOPED_TRACE(::testing::Message()
                   << ir::info(type).name << " " << shape[0] << "x" << shape[1]);
      Graph g;
      const Expr x = g.param("x", DType::f32, {g.n(shape[0]), g.n(shape[1])});
      const Expr z = g.param("z", DType::f32, {g.n(2), g.n(shape[0])});
      const Expr k = ops::constant_of(g.c, tensor(type, shape));
      const Expr wide = g.b.cast(k, DType::f32);
      g.compile({g.b.add(x, wide), g.b.matmul(z, wide),
                 g.b.cast(g.b.transpose(k, {1, 0}), DType::f32), g.b.reduce("sum", wide, {0})});
      g.check({tensor(DType::f32, shape), tensor(DType::f32, {2, shape[0]})});
      uint64_t least = UINT64_MAX;
      for (const artifact::Constant& c : g.tables.constants) least = std::min(least, c.size);
      EXPECT_EQ(least, ir::byte_size(type, static_cast<uint64_t>(ops::product(shape))));
    }
}

TEST(SharedBytes, results_have_elements_that_are_addressed_alone) {
  Graph g;
  const Expr k = ops::constant_of(g.c, tensor(DType::i4, {3, 5}));
  const Expr x = g.param("x", DType::i4, {g.n(3), g.n(5)});
  g.compile({k, g.b.reshape(k, Exprs{g.n(15)}), g.b.add(x, k)});
  g.check({tensor(DType::i4, {3, 5}, 2)});
}

TEST(SharedBytes, layouts_of_packed_constants_agree_with_the_interpreter) {
  const std::vector<ir::Packing> packing{{{4, 3}, {2, 0, 3, 1}}};
  const std::vector<int64_t> shape{6, 7};
  for (const DType type : kTypes) {
    Context c;
    artifact::Model m;
    packaging::Constants constants(m);
    const Tensor t = tensor(type, shape);
    const Expr k = ops::constant_of(c, t);
    const artifact::Constant& got = m.constants[constants.add(k, shape, packing)];
    const Tensor want = interp::pack(t, packing);
    const auto count = static_cast<uint64_t>(want.count());
    ASSERT_EQ(got.size, ir::byte_size(type, count));
    EXPECT_EQ(ir::unpack_bits(type, got.bytes, count), want.bytes);
    const uint32_t alone = constants.add(k);
    EXPECT_EQ(m.constants[alone].size, t.bytes.size());
    EXPECT_EQ(constants.add(k), alone);
  }
}

TEST(SharedBytes, a_default_of_a_state_is_unpacked) {
  Graph g;
  const Expr initial = ops::constant_of(g.c, tensor(DType::i4, {5}));
  const Expr s = ir::param_with_role(g.c, "s", initial->type, ir::ParamRole::state, {},
                                     initial->constant_attr());
  g.f.params.push_back(s);
  g.compile({g.b.add(s, s)}, 1, {"y"});
  g.step({});
}

}  // namespace
}  // namespace tenon::compiler
