// What the tests of operators share: random tensors, evaluation of one node, comparison.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "ir/simplify.h"
#include "ops/build.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace tenon::ops::testing {

/// Generator of a random test: prints its seed, which TENON_TEST_SEED overrides.
inline std::mt19937 seeded() {
  const char* text = std::getenv("TENON_TEST_SEED");
  const unsigned seed = text == nullptr ? 20240607U : static_cast<unsigned>(std::atol(text));
  std::printf("seed %u\n", seed);
  return std::mt19937(seed);
}

using Sizes = std::unordered_map<Expr, int64_t>;

inline Tensor of(ir::DType type, std::vector<int64_t> shape, const std::vector<double>& values) {
  Tensor t = Tensor::zeros(type, std::move(shape));
  write_f(t, 0, values);
  return t;
}
inline Tensor of_i(ir::DType type, std::vector<int64_t> shape, const std::vector<int64_t>& values) {
  Tensor t = Tensor::zeros(type, std::move(shape));
  write_i(t, 0, values);
  return t;
}

/// Small whole numbers: sums of products of them are exact in f32, so results compare exactly.
inline Tensor random_whole(ir::DType type, std::vector<int64_t> shape, std::mt19937& random,
                           int64_t lo = -4, int64_t hi = 4) {
  Tensor t = Tensor::zeros(type, std::move(shape));
  if (!ir::is_float(type) && !ir::is_signed(type)) lo = std::max<int64_t>(lo, 0);
  std::uniform_int_distribution<int64_t> pick(lo, type == ir::DType::boolean ? 1 : hi);
  std::vector<int64_t> values;
  for (int64_t i = 0; i < t.count(); ++i) values.push_back(pick(random));
  write_i(t, 0, values);
  return t;
}

/// Real numbers, with an infinity or a NaN now and then when `special`.
inline Tensor random_real(ir::DType type, std::vector<int64_t> shape, std::mt19937& random,
                          bool special = false) {
  Tensor t = Tensor::zeros(type, std::move(shape));
  std::normal_distribution<double> pick(0, 2);
  const double inf = std::numeric_limits<double>::infinity();
  const double odd[] = {inf, -inf, std::numeric_limits<double>::quiet_NaN(), 0.0, -0.0};
  for (int64_t i = 0; i < t.count(); ++i)
    t.set_f(i, special && random() % 4 == 0 ? odd[random() % 5] : pick(random));
  return t;
}

inline std::vector<int64_t> concrete(std::span<const Expr> shape, const Sizes& sizes = {}) {
  std::vector<int64_t> out;
  for (Expr e : shape) out.push_back(ir::evaluate(e, sizes).value());
  return out;
}

/// A param of a literal shape.
inline Expr param(Context& c, ir::DType type, std::initializer_list<int64_t> shape) {
  return c.param("x", c.tensor(type, shape));
}

inline Result<std::vector<Tensor>> try_eval(Expr node, const std::vector<Tensor>& operands,
                                            const Sizes& sizes = {}) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& t : operands) pointers.push_back(&t);
  const EvalArgs args{node, pointers, concrete(node->shape(), sizes),
                      [&](Expr e) { return ir::evaluate(e, sizes).value(); }};
  return find_op(node->op)->eval(args);
}
inline Tensor eval(Expr node, const std::vector<Tensor>& operands, const Sizes& sizes = {}) {
  auto out = try_eval(node, operands, sizes);
  EXPECT_TRUE(out.has_value()) << out.error().text();
  return out ? std::move((*out)[0]) : Tensor{};
}

inline bool same_value(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Equal shapes and elements (NaN equals NaN).
inline void expect_same(const Tensor& got, const Tensor& want, const std::string& what = "") {
  ASSERT_EQ(got.dtype, want.dtype) << what;
  ASSERT_EQ(got.shape, want.shape) << what;
  for (int64_t i = 0; i < want.count(); ++i) {
    const bool same = ir::is_float(want.dtype) ? same_value(got.get_f(i), want.get_f(i))
                                               : got.get_i(i) == want.get_i(i);
    ASSERT_TRUE(same) << what << ": element " << i << " is " << got.get_f(i) << ", not "
                      << want.get_f(i);
  }
}

inline std::string code_of(const Status& status) {
  return status ? "" : status.error().diagnostics[0].code;
}
template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().diagnostics[0].code;
}

}  // namespace tenon::ops::testing
