// Code of every elementary function against its reference evaluation in double: units in the last
// place over all exponents.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "ir/vector.h"
#include "ops/scalar.h"
#include "target/llvm/testing.h"

namespace tenon::target {
namespace {

using ir::DType;
using ir::Expr;
using ir::Op;

constexpr int64_t kLanes = 64;

/// out[i] = op(x[i]) or op(x[i], y[i]) for n / 64 groups; vector or serial.
ir::Kernel map_kernel(Op op, DType t, size_t operands, const char* kind) {
  ir::Kernel k;
  k.name = "map";
  k.context = std::make_shared<ir::Context>();
  ir::Context& c = *k.context;
  const Expr n = c.var("n");
  k.sizes = {n};
  const ir::Type type = c.tensor(t, std::vector{n, c.i64(kLanes)});
  // "vector": so many lanes at a time as a register of the widest row holds.
  const int lanes = std::string_view(kind) == "vector" ? 64 / ir::info(t).element_bytes : 1;
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const std::vector<Expr> at{i, ir::ramp(c, ir::mul(c, j, c.i64(lanes)), 1, lanes)};
  std::vector<Expr> values;
  for (size_t o = 0; o < operands; ++o) {
    const Expr b = c.buffer("x", type);
    k.params.push_back({b, ir::ParamRole::in, {}});
    values.push_back(ir::load_lanes(c, b, nullptr, at));
  }
  const Expr out = c.buffer("out", type);
  k.params.push_back({out, ir::ParamRole::out, {}});
  const Expr value = c.make(op, c.scalar(t, lanes), values);
  const Expr body = ir::store_lanes(c, out, value, nullptr, at);
  k.body = ir::for_loop(c, i, n, ir::for_loop(c, j, c.i64(kLanes / lanes), body), "parallel");
  return k;
}

template <class T>
std::vector<T> evaluate(Op op, const char* kind, const machine::Machine& row,
                        const std::vector<T>& x, const std::vector<T>* y = nullptr) {
  const DType t = sizeof(T) == 4 ? DType::f32 : DType::f64;
  std::vector<T> out(x.size());
  std::vector<void*> buffers{const_cast<T*>(x.data())};
  if (y != nullptr) buffers.push_back(const_cast<T*>(y->data()));
  buffers.push_back(out.data());
  const int64_t sizes[] = {static_cast<int64_t>(x.size()) / kLanes};
  EXPECT_EQ(testing::run(map_kernel(op, t, buffers.size() - 1, kind), row, buffers, sizes), 0);
  return out;
}

/// Distance in representable values; large for a NaN against a number.
double ulps(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e30;
  if (std::isnan(got)) return 1e30;
  const auto rounded = static_cast<float>(want);
  if (got == rounded) return 0;
  if (std::isinf(rounded) || std::isinf(got)) {
    const float limit = std::numeric_limits<float>::max();
    return std::fabs(got) >= limit * 0.9999999F && std::fabs(want) >= static_cast<double>(limit)
               ? 1
               : 1e30;
  }
  const int exponent = std::max(std::ilogb(want), -126);
  return std::fabs(static_cast<double>(got) - want) / std::ldexp(1.0, exponent - 23);
}
double relative(double got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e30;
  if (got == want) return 0;
  if (std::isnan(got) || std::isinf(got) || std::isinf(want)) return 1e30;
  if (std::fabs(want) < 1e-300) return std::fabs(got - want) < 1e-307 ? 0 : 1e30;
  return std::fabs(got - want) / std::fabs(want);
}

/// What the graph's evaluation gives.
template <class... Args>
double reference(Op op, Args... args) {
  const ops::Scalar scalars[] = {ops::Scalar{.f = args}...};
  return ops::apply(op, DType::f64, scalars).f;
}

/// Bit patterns a fixed step apart reach every exponent with many mantissas; then the corners.
std::vector<float> all_exponents(uint32_t step) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += step)
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  const float inf = std::numeric_limits<float>::infinity();
  for (const float v :
       {0.0F, 1.0F, 0.5F, inf, std::numeric_limits<float>::quiet_NaN(),
        std::numeric_limits<float>::max(), std::numeric_limits<float>::min(),
        std::numeric_limits<float>::denorm_min(), 88.72283F, 88.72284F, 103.97F, 103.98F, 87.33655F,
        9.01F, 16777216.0F, 0.9277343F, 0.9277344F, 1.5707964F, 3.1415927F}) {
    x.push_back(v);
    x.push_back(-v);
  }
  while (x.size() % kLanes != 0) x.push_back(1);
  return x;
}

/// The functions that compiled code approximates, or takes many steps for.
std::vector<Op> functions(ir::OpClass kind) {
  std::vector<Op> found;
  for (const Op op : ir::all_ops())
    if (ir::info(op).op_class == kind && ir::info(op).cost >= ir::kCallCost) found.push_back(op);
  return found;
}

void check_f32(Op op, uint32_t step, double limit) {
  const std::vector<float> x = all_exponents(step);
  std::vector<double> want;
  for (const float v : x) want.push_back(reference(op, static_cast<double>(v)));
  for (const machine::Machine* row : testing::runnable_rows())
    for (const char* kind : {"vector", "serial"}) {
      const std::vector<float> got = evaluate(op, kind, *row, x);
      double worst = 0;
      size_t at = 0;
      for (size_t i = 0; i < x.size(); ++i)
        if (const double u = ulps(got[i], want[i]); u > worst) {
          worst = u;
          at = i;
        }
      EXPECT_LE(worst, limit) << ir::info(op).name << " " << row->name << " " << kind << " at "
                              << x[at] << ": " << got[at] << " for " << want[at];
    }
}

TEST(Math, hot_functions_stay_within_two_ulp) {
  for (const Op op : {Op::exp, Op::log, Op::tanh, Op::erf, Op::sigmoid}) check_f32(op, 20011, 2.0);
}

TEST(Math, other_functions_stay_within_one_ulp) {
  for (const Op op : functions(ir::OpClass::unary))
    if (op != Op::exp && op != Op::log && op != Op::tanh && op != Op::erf && op != Op::sigmoid)
      check_f32(op, 100003, 1.0);
}

std::vector<double> doubles() {
  std::vector<double> x;
  for (int e = -1074; e < 1024; ++e)
    for (const double mantissa : {1.0, 1.0000001, 1.2345678901234, 1.4142135623730951,
                                  1.5707963267948966, 1.7, 1.999999999}) {
      x.push_back(std::ldexp(mantissa, e));
      x.push_back(-x.back());
    }
  for (int i = -4000; i < 4000; ++i) x.push_back(i * 0.0123);
  for (const double v :
       {0.0, 700.0, 709.7, 710.4, 745.1, std::numeric_limits<double>::infinity(), std::nan("")}) {
    x.push_back(v);
    x.push_back(-v);
  }
  while (x.size() % kLanes != 0) x.push_back(1);
  return x;
}

TEST(Math, f64_functions_are_good_to_14_digits) {
  const std::vector<double> x = doubles();
  for (const Op op : functions(ir::OpClass::unary))
    for (const machine::Machine* row : testing::runnable_rows()) {
      const std::vector<double> got = evaluate(op, "vector", *row, x);
      double worst = 0;
      size_t at = 0;
      for (size_t i = 0; i < x.size(); ++i)
        if (const double r = relative(got[i], reference(op, x[i])); r > worst) {
          worst = r;
          at = i;
        }
      EXPECT_LE(worst, 1e-14) << ir::info(op).name << " " << row->name << " at " << x[at] << ": "
                              << got[at] << " for " << reference(op, x[at]);
    }
}

template <class T>
void check_binary(Op op, double limit) {
  std::vector<T> values;
  const T inf = std::numeric_limits<T>::infinity();
  for (const double v : {0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 3.7, 10.0, 17.0, 100.5, 1e-3, 1e-10,
                         1e10, 1e30, 12345.678, 1e-38, 3e38})
    for (const double sign : {1.0, -1.0}) values.push_back(static_cast<T>(sign * v));
  for (const T v : {inf, -inf, std::numeric_limits<T>::quiet_NaN(),
                    std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max()})
    values.push_back(v);
  std::vector<T> x;
  std::vector<T> y;
  for (const T a : values)
    for (const T b : values) {
      x.push_back(a);
      y.push_back(b);
    }
  while (x.size() % kLanes != 0) {
    x.push_back(1);
    y.push_back(1);
  }
  for (const machine::Machine* row : testing::runnable_rows())
    for (const char* kind : {"vector", "serial"}) {
      const std::vector<T> got = evaluate(op, kind, *row, x, &y);
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = reference(op, static_cast<double>(x[i]), static_cast<double>(y[i]));
        const double error = sizeof(T) == 4 ? ulps(static_cast<float>(got[i]), want)
                                            : relative(static_cast<double>(got[i]), want);
        ASSERT_LE(error, limit) << ir::info(op).name << " " << row->name << " " << kind << "("
                                << x[i] << ", " << y[i] << ") = " << got[i] << " for " << want;
      }
    }
}

TEST(Math, pow_atan2_and_remainders_follow_the_standard) {
  for (const Op op : functions(ir::OpClass::binary)) {
    check_binary<float>(op, 1.0);
    check_binary<double>(op, ir::info(op).error > 0 ? 1e-14 : 0);
  }
}

}  // namespace
}  // namespace tenon::target
