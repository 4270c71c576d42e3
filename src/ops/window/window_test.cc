#include "ops/window/window.h"

#include <cmath>

#include "ops/test_util.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using testing::code_of;
using testing::eval;
using testing::of;
using testing::param;

struct WindowTest : ::testing::Test {
  Context c;
  Builder b{c};
  std::string refuse(Expr x, const char* kind, WindowAttrs attrs) {
    Builder d(c);
    (void)d.window(kind, x, std::move(attrs));
    return code_of(d.status());
  }
};

TEST_F(WindowTest, constraints) {
  const Expr x = param(c, DType::f32, {4, 4});
  EXPECT_EQ(refuse(x, "max", {.size = {2}}), "window.C1");
  EXPECT_EQ(refuse(x, "mean", {.size = {2, 2}}), "window.C2");
  EXPECT_EQ(refuse(x, "or", {.size = {2, 2}}), "window.C3");
  EXPECT_EQ(refuse(x, "max", {.size = {2, 0}}), "window.C4");
  EXPECT_EQ(refuse(x, "max", {.size = {2, 6}}), "window.C5");
  EXPECT_EQ(refuse(x, "max", {.size = {2, 2}, .strides = {2, 2}}), "");
}

TEST_F(WindowTest, padding_is_the_identity) {
  const Expr x = param(c, DType::f32, {3});
  const std::vector<Expr> one{c.i64(1)};
  const Tensor v = of(DType::f32, {3}, {-1, -2, -3});
  testing::expect_same(eval(b.window("max", x, {.size = {3}, .low = one, .high = one}), {v}),
                       of(DType::f32, {3}, {-1, -1, -2}));
  testing::expect_same(eval(b.window("sum", x, {.size = {3}, .low = one, .high = one}), {v}),
                       of(DType::f32, {3}, {-3, -6, -5}));
}

TEST_F(WindowTest, matches_naive_loops) {
  std::mt19937 random = testing::seeded();
  for (int round = 0; round < 60; ++round) {
    const auto pick = [&](int64_t lo, int64_t hi) {
      return lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo + 1));
    };
    const std::vector<int64_t> shape{pick(1, 2), pick(4, 8), pick(3, 8)};
    WindowAttrs attrs{.size = {1, pick(1, 3), pick(1, 2)},
                      .strides = {1, pick(1, 3), pick(1, 2)},
                      .dilation = {1, pick(1, 2), pick(1, 2)},
                      .low = {c.i64(0), c.i64(pick(0, 3)), c.i64(pick(-1, 1))},
                      .high = {c.i64(0), c.i64(pick(0, 2)), c.i64(pick(0, 2))}};
    const DType type = round % 2 == 0 ? DType::i32 : DType::f32;
    const Expr x = c.param("x", c.tensor(type, {shape[0], shape[1], shape[2]}));
    const Expr y = b.window("sum", x, attrs);
    ASSERT_TRUE(b.ok());
    const Tensor v = testing::random_whole(type, shape, random);
    const std::vector<int64_t> out = testing::concrete(y->shape());
    Tensor want = Tensor::zeros(type, out);
    int64_t place = 0;
    for (Odometer o(out, Ints(3, 0)); !o.done(); o.next(), ++place) {
      double sum = 0;
      for (Odometer r(attrs.size, Ints(3, 0)); !r.done(); r.next()) {
        int64_t at = 0;
        bool inside = true;
        for (size_t d = 0; d < 3; ++d) {
          const int64_t i = o.index()[d] * attrs.strides[d] + r.index()[d] * attrs.dilation[d] -
                            *ir::as_int(attrs.low[d]);
          inside = inside && i >= 0 && i < shape[d];
          at = at * shape[d] + i;
        }
        if (inside) sum += v.get_f(at);
      }
      want.set_f(place, sum);
    }
    testing::expect_same(eval(y, {v}), want);
  }
}

TEST_F(WindowTest, nan_propagates) {
  const Expr x = param(c, DType::f32, {3});
  const Tensor y = eval(b.window("max", x, {.size = {2}}), {of(DType::f32, {3}, {NAN, 1, 2})});
  EXPECT_TRUE(std::isnan(y.get_f(0)));
  EXPECT_EQ(y.get_f(1), 2);
}

}  // namespace
}  // namespace tenon::ops
