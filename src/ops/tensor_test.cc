#include "ops/tensor.h"

#include <cmath>

#include "ir/dtype.h"
#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;

TEST(TensorTest, every_type_keeps_small_numbers) {
  for (int i = 0; i < ir::kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    Tensor t = Tensor::zeros(type, {2, 2});
    t.set_f(3, 1);
    EXPECT_EQ(t.get_f(3), 1) << ir::info(type).name;
    EXPECT_EQ(t.get_i(3), 1) << ir::info(type).name;
    EXPECT_EQ(t.get_f(2), 0) << ir::info(type).name;
  }
}

TEST(TensorTest, integers_wrap) {
  Tensor t = Tensor::zeros(DType::i8, {1});
  t.set_i(0, 130);
  EXPECT_EQ(t.get_i(0), -126);
  Tensor u = Tensor::zeros(DType::u4, {1});
  u.set_i(0, 17);
  EXPECT_EQ(u.get_i(0), 1);
  Tensor big = Tensor::zeros(DType::u64, {1});
  big.set_i(0, -1);
  EXPECT_EQ(big.get_f(0), 18446744073709551616.0);
}

TEST(TensorTest, narrow_floats_round_as_the_slow_encoder_does) {
  std::mt19937 random = testing::seeded();
  for (DType type : {DType::f16, DType::bf16}) {
    Tensor t = Tensor::zeros(type, {1});
    for (int i = 0; i < 200000; ++i) {
      const double scale = std::ldexp(1.0, static_cast<int>(random() % 48) - 30);
      double v = (static_cast<double>(random()) / 4294967296.0 - 0.5) * scale;
      // Ties: halfway between two neighbours.
      if (i % 3 == 0)
        v = ir::round_to(type, v) * (1 + std::ldexp(1.0, type == DType::f16 ? -11 : -8));
      t.set_f(0, v);
      ASSERT_EQ(t.get_f(0), ir::round_to(type, v)) << v;
    }
    for (double v :
         {65504.0, 65519.9, 65520.0, 1e300, -1e300, 6e-8, 2.9e-8, 1e-45, 3.4e38, 3.39e38})
      for (double w : {v, -v}) {
        t.set_f(0, w);
        ASSERT_EQ(t.get_f(0), ir::round_to(type, w)) << w;
      }
  }
}

TEST(TensorTest, floats_become_integers_as_on_x86) {
  EXPECT_EQ(float_to_int(DType::i32, 2.9), 2);
  EXPECT_EQ(float_to_int(DType::i32, -2.9), -2);
  EXPECT_EQ(float_to_int(DType::i32, 3e9), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(float_to_int(DType::i64, NAN), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(float_to_int(DType::u8, 300), 44);
  EXPECT_EQ(float_to_int(DType::u32, 4e9), 4000000000);
  EXPECT_EQ(static_cast<uint64_t>(float_to_int(DType::u64, 1e19)), 10000000000000000000ULL);
  EXPECT_EQ(float_to_int(DType::boolean, NAN), 1);
}

TEST(TensorTest, constants_round_trip) {
  Context c;
  const Tensor t = testing::of(DType::f16, {2, 2}, {1, 2.5, -3, 0});
  testing::expect_same(tensor_of(constant_of(c, t)), t);
  testing::expect_same(tensor_of(c.i64(5)), testing::of_i(DType::i64, {}, {5}));
}

TEST(TensorTest, odometer_walks_row_major) {
  std::vector<int64_t> seen;
  for (Odometer o(std::vector<int64_t>{2, 3}, std::vector<int64_t>{1, 10}, 5); !o.done(); o.next())
    seen.push_back(o.position());
  EXPECT_EQ(seen, (std::vector<int64_t>{5, 15, 25, 6, 16, 26}));
  EXPECT_TRUE(Odometer(std::vector<int64_t>{2, 0}, std::vector<int64_t>{1, 1}).done());
}

}  // namespace
}  // namespace tenon::ops
