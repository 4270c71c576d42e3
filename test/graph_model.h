// What the tests of graph passes share: a graph under construction, inputs for it, comparison.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/rewrite.h"
#include "ops/build.h"
#include "ops/composite.h"
#include "ops/test_util.h"

namespace tenon::testing {

using ir::Expr;
using ops::Tensor;

struct Model {
  ir::Context c;
  ir::Function f;
  ops::Builder b{c};
  Expr input(const std::string& name, std::initializer_list<int64_t> shape,
             ir::DType type = ir::DType::f32) {
    f.params.push_back(c.param(name, c.tensor(type, shape)));
    return f.params.back();
  }
  Expr composite(std::string_view name, std::vector<Expr> operands, const ops::Options& options) {
    auto made = ops::build_composite(c, name, operands, options);
    EXPECT_TRUE(made.has_value()) << made.error().text();
    return (*made)[0];
  }
  Expr weights(const ops::Ints& shape, unsigned seed) {
    std::mt19937 rng(seed);
    std::normal_distribution<double> normal(0, 0.5);
    int64_t n = 1;
    for (int64_t e : shape) n *= e;
    std::vector<double> values;
    for (int64_t i = 0; i < n; ++i) values.push_back(normal(rng));
    return b.constant(ops::testing::of(ir::DType::f32, shape, values));
  }
};

inline std::vector<Tensor> random_inputs(const ir::Function& f, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<double> normal(0, 1);
  std::vector<Tensor> inputs;
  for (Expr p : f.params) {
    std::vector<int64_t> shape;
    for (Expr e : p->shape()) shape.push_back(*ir::as_int(e));
    Tensor t = Tensor::zeros(p->dtype(), shape);
    for (int64_t i = 0; i < t.count(); ++i) {
      if (ir::is_float(t.dtype)) {
        t.set_f(i, normal(rng));
      } else {
        t.set_i(i, static_cast<int64_t>(rng() % 3));
      }
    }
    inputs.push_back(std::move(t));
  }
  return inputs;
}

inline void expect_close(const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                         const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t k = 0; k < got.size(); ++k) {
    ASSERT_EQ(got[k].shape, want[k].shape) << what;
    for (int64_t i = 0; i < want[k].count(); ++i) {
      const double g = got[k].get_f(i);
      const double w = want[k].get_f(i);
      if ((std::isnan(w) && std::isnan(g)) || w == g) continue;
      ASSERT_NEAR(g, w, 1e-4 + 1e-4 * std::fabs(w)) << what << " output " << k << " element " << i;
    }
  }
}

inline int count(const ir::Function& f, ir::Op op) {
  int n = 0;
  for (Expr e : ir::post_order(f.results)) n += e->op == op ? 1 : 0;
  return n;
}

}  // namespace tenon::testing
