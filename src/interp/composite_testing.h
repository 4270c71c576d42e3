// What the tests of composites share: random tensors, application of a composite to tensors through
// the graph interpreter (as a call and inlined, which must agree), comparison with plain loops.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "interp/interp.h"
#include "ir/verify.h"
#include "ops/composite.h"
#include "ops/tensor.h"
#include "ops/verify.h"

namespace tenon::interp::testing {

using ir::DType;
using ir::Expr;
using ops::Options;
using Ints = std::vector<int64_t>;
using Reals = std::vector<double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

inline Tensor tensor(Ints shape, const Reals& values, DType type = DType::f32) {
  Tensor t = Tensor::zeros(type, std::move(shape));
  EXPECT_EQ(static_cast<size_t>(t.count()), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (ir::is_float(type)) {
      t.set_f(static_cast<int64_t>(i), values[i]);
    } else {
      t.set_i(static_cast<int64_t>(i), static_cast<int64_t>(values[i]));
    }
  }
  return t;
}

/// Uniform in [low, high], rounded to the type.
inline Tensor uniform(uint32_t seed, Ints shape, double low = -2, double high = 2,
                      DType type = DType::f32) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> draw(low, high);
  Tensor t = Tensor::zeros(type, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i) {
    if (ir::is_float(type)) {
      t.set_f(i, draw(generator));
    } else {
      t.set_i(i, static_cast<int64_t>(std::floor(draw(generator))));
    }
  }
  return t;
}

/// Row-major element.
inline double at(const Tensor& t, std::initializer_list<int64_t> index) {
  int64_t flat = 0;
  size_t d = 0;
  for (int64_t i : index) flat = flat * t.shape[d++] + i;
  return ir::is_float(t.dtype) ? t.get_f(flat) : static_cast<double>(t.get_i(flat));
}

struct Application {
  std::string name;
  std::vector<std::optional<Tensor>> inputs;
  Options options = {};
  Ints extents = {};
  std::set<int64_t> symbolic = {};  // extents of these values become variables
};

/// The composite applied; inputs are params.
inline Result<std::vector<Tensor>> apply(const Application& a) {
  ir::Context c;
  std::map<int64_t, Expr> variables;
  const auto extent = [&](int64_t n) {
    if (!a.symbolic.contains(n)) return c.i64(n);
    auto [found, fresh] = variables.emplace(n, nullptr);
    if (fresh) found->second = c.var("n" + std::to_string(n));
    return found->second;
  };
  ir::Function f;
  f.name = "test";
  std::vector<Expr> operands;
  std::vector<Tensor> given;
  for (const auto& t : a.inputs) {
    operands.push_back(nullptr);
    if (!t) continue;
    std::vector<Expr> shape;
    for (int64_t n : t->shape) shape.push_back(extent(n));
    operands.back() = c.param("x" + std::to_string(operands.size()), c.tensor(t->dtype, shape));
    f.params.push_back(operands.back());
    given.push_back(*t);
  }
  std::vector<Expr> extents;
  for (int64_t n : a.extents) extents.push_back(extent(n));
  TENON_TRY(f.results, ops::build_composite(c, a.name, operands, a.options, extents));
  const Status valid = ir::verify(f);
  EXPECT_TRUE(valid) << a.name << ": " << valid.error().text();
  const Status typed = ops::verify(c, f);
  EXPECT_TRUE(typed) << a.name << ": " << typed.error().text();
  SizeMap sizes;
  for (const auto& [value, var] : variables) sizes[var] = value;
  TENON_TRY(std::vector<Tensor> results, run(f, given, sizes));
  // Inlined, the same.
  Expr call = f.results[0]->op == ir::Op::get ? f.results[0]->operand(0) : f.results[0];
  if (call->op == ir::Op::call) {
    TENON_TRY(const std::vector<Expr> again,
              ops::build_composite(c, a.name, operands, a.options, extents));
    EXPECT_EQ(again, f.results) << a.name << " is not built once";
    f.results = ops::inline_call(c, call);
    TENON_TRY(const std::vector<Tensor> inlined, run(f, given, sizes));
    EXPECT_EQ(inlined.size(), results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(inlined[i].shape, results[i].shape) << a.name;
      EXPECT_EQ(inlined[i].bytes, results[i].bytes) << a.name;
    }
  }
  return results;
}

/// The results, or a failed test.
inline std::vector<Tensor> must_apply(const Application& a) {
  auto results = apply(a);
  if (!results) {
    ADD_FAILURE() << a.name << ": " << results.error().text();
    return std::vector<Tensor>(8, Tensor::zeros(DType::f32, {0}));
  }
  return *std::move(results);
}

inline void expect_refused(const Application& a, const std::string& code) {
  const auto results = apply(a);
  ASSERT_FALSE(results) << a.name << " was not refused";
  EXPECT_EQ(results.error().diagnostics[0].code, code) << results.error().text();
}

inline void expect_close(const Tensor& got, const Ints& shape, const Reals& want,
                         double tolerance = 2e-5) {
  ASSERT_EQ(got.shape, shape);
  ASSERT_EQ(static_cast<size_t>(got.count()), want.size());
  double scale = 1e-30;
  for (double w : want)
    if (std::isfinite(w)) scale = std::max(scale, std::fabs(w));
  for (size_t i = 0; i < want.size(); ++i) {
    const auto k = static_cast<int64_t>(i);
    const double g = ir::is_float(got.dtype) ? got.get_f(k) : static_cast<double>(got.get_i(k));
    if (std::isnan(want[i])) {
      EXPECT_TRUE(std::isnan(g)) << "element " << i << " is " << g;
    } else if (std::isinf(want[i])) {
      EXPECT_EQ(g, want[i]) << "element " << i;
    } else {
      EXPECT_NEAR(g, want[i], tolerance * scale) << "element " << i;
    }
  }
}

}  // namespace tenon::interp::testing
