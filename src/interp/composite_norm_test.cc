// Softmax, normalizations and activations against plain loops in double.
#include "interp/composite_testing.h"
#include "support/check.h"

namespace tenon::interp::testing {
namespace {

// ---- the registry

TEST(composites, are_refused_by_unknown_names) {
  expect_refused({"soft_max", {}}, "composite.unknown");
  expect_refused({"nothing", {}}, "composite.unknown");
}

TEST(composites, refuse_wrong_operands_and_options) {
  const Tensor x = uniform(1, {2, 3});
  expect_refused({"softmax", {}}, "softmax.C1");
  expect_refused({"softmax", {x, x}}, "softmax.C1");
  expect_refused({"softmax", {x}, {{"axes", "1"}}}, "softmax.C2");
  expect_refused({"softmax", {x}, {{"axis", "one"}}}, "softmax.C2");
  expect_refused({"softmax", {x}, {{"axis", "2"}}}, "softmax.C2");
  expect_refused({"softmax", {uniform(1, {2}, -2, 2, DType::i32)}}, "softmax.C3");
}

TEST(composites, carry_their_options_and_named_operands) {
  ir::Context c;
  const Expr x = c.param("x", c.tensor(DType::f32, {2, 3}));
  const Expr bias = c.param("b", c.tensor(DType::f32, {3}));
  const Expr operands[] = {x, nullptr, bias};
  const auto built =
      ops::build_composite(c, "layer_norm", operands, {{"axis", "-1"}, {"epsilon", "0.5"}});
  ASSERT_TRUE(built) << built.error().text();
  ASSERT_EQ(built->size(), 3u);
  const Expr call = (*built)[0]->operand(0);
  EXPECT_EQ(call->string_attr(ir::Key::name), "layer_norm");
  EXPECT_EQ(ops::call_operand(call, "x"), x);
  EXPECT_EQ(ops::call_operand(call, "scale"), nullptr);
  EXPECT_EQ(ops::call_operand(call, "bias"), bias);
  const Options options = ops::parse_options(call->string_attr(ir::Key::options));
  EXPECT_EQ(options, (Options{{"axis", "-1"}, {"epsilon", "0.5"}}));
}

// ---- softmax

/// f over each line of x along axis.
template <class F>
Reals lines(const Tensor& x, size_t axis, F f) {
  Reals out(static_cast<size_t>(x.count()));
  const int64_t n = x.shape[axis];
  const int64_t inner = ops::product(std::span(x.shape).subspan(axis + 1));
  for (int64_t i = 0; i < (n == 0 ? 0 : x.count() / n); ++i) {
    const int64_t first = i / inner * n * inner + i % inner;
    Reals line;
    for (int64_t k = 0; k < n; ++k) line.push_back(x.get_f(first + k * inner));
    const Reals result = f(line);
    for (int64_t k = 0; k < n; ++k)
      out[static_cast<size_t>(first + k * inner)] = result[static_cast<size_t>(k)];
  }
  return out;
}

Reals softmax_line(const Reals& x) {
  double top = -kInf, sum = 0;
  for (double v : x) top = std::isnan(v) ? v : std::max(top, v);
  Reals y;
  for (double v : x) sum += y.emplace_back(std::exp(v - top));
  for (double& v : y) v /= sum;
  return y;
}

TEST(softmax, is_that_of_plain_loops) {
  for (const Ints& shape : {Ints{4, 5}, Ints{3, 7, 2}, Ints{2, 0}, Ints{0, 3}, Ints{1}}) {
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const Tensor x = uniform(static_cast<uint32_t>(axis) + 7, shape, -30, 30);
      const Options options{{"axis", std::to_string(axis)}};
      expect_close(must_apply({"softmax", {x}, options, {}, {7, 5}})[0], shape,
                   lines(x, axis, softmax_line));
      Reals logs = lines(x, axis, [](const Reals& line) {
        double top = -kInf, sum = 0;
        for (double v : line) top = std::max(top, v);
        for (double v : line) sum += std::exp(v - top);
        Reals y;
        for (double v : line) y.push_back(v - top - std::log(sum));
        return y;
      });
      expect_close(must_apply({"log_softmax", {x}, options})[0], shape, logs);
      Reals hard = lines(x, axis, [](const Reals& line) {
        Reals y(line.size());
        y[static_cast<size_t>(std::max_element(line.begin(), line.end()) - line.begin())] = 1;
        return y;
      });
      if (!std::ranges::count(shape, 0))
        expect_close(must_apply({"hardmax", {x}, options})[0], shape, hard);
    }
  }
}

TEST(softmax, lets_nan_through) {
  const Tensor x = tensor({2, 3}, {1, kNan, 2, 1, 2, 3});
  const Tensor y = must_apply({"softmax", {x}})[0];
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(y.get_f(i)));
  EXPECT_FALSE(std::isnan(y.get_f(3)));
  EXPECT_TRUE(std::isnan(must_apply({"log_softmax", {x}})[0].get_f(0)));
}

TEST(softmax, of_narrow_floats_is_worked_in_f32) {
  const Tensor x = uniform(3, {2, 9}, -5, 5, DType::f16);
  const Tensor y = must_apply({"softmax", {x}})[0];
  EXPECT_EQ(y.dtype, DType::f16);
  expect_close(y, {2, 9}, lines(x, 1, softmax_line), 1e-3);
}

TEST(reduce_log_sum_exp, does_not_overflow) {
  const Tensor x = tensor({2, 2}, {1000, 1000, -kInf, -kInf});
  expect_close(must_apply({"reduce_log_sum_exp", {x}, {{"axes", "1"}}})[0], {2, 1},
               {1000 + std::log(2.0), -kInf});
  expect_close(must_apply({"reduce_log_sum_exp", {x}, {{"keepdims", "0"}}})[0], {},
               {1000 + std::log(2.0)});
}

// ---- normalizations

double mean_of(const Reals& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}
double variance_of(const Reals& x) {
  const double m = mean_of(x);
  double sum = 0;
  for (double v : x) sum += (v - m) * (v - m);
  return sum / static_cast<double>(x.size());
}
Reals normalized(const Reals& x, double epsilon) {
  Reals y;
  for (double v : x) y.push_back((v - mean_of(x)) / std::sqrt(variance_of(x) + epsilon));
  return y;
}

TEST(layer_norm, is_that_of_plain_loops) {
  const Tensor x = uniform(11, {3, 4, 5});
  const Tensor scale = uniform(12, {5});
  const Tensor bias = uniform(13, {5});
  const Reals plain = lines(x, 2, [](const Reals& l) { return normalized(l, 1e-5); });
  Reals want = plain;
  for (size_t i = 0; i < want.size(); ++i)
    want[i] = want[i] * scale.get_f(static_cast<int64_t>(i % 5)) +
              bias.get_f(static_cast<int64_t>(i % 5));
  const auto full = must_apply({"layer_norm", {x, scale, bias}, {}, {}, {3, 5}});
  expect_close(full[0], {3, 4, 5}, want);
  EXPECT_EQ(full[1].shape, (Ints{3, 4, 1}));
  EXPECT_EQ(full[2].shape, (Ints{3, 4, 1}));
  expect_close(must_apply({"layer_norm", {x}})[0], {3, 4, 5}, plain);
  // Over the last two axes.
  Tensor flat = x;
  flat.shape = {3, 20};
  const Reals wide = lines(flat, 1, [](const Reals& l) { return normalized(l, 0.1); });
  expect_close(must_apply({"layer_norm", {x}, {{"axis", "1"}, {"epsilon", "0.1"}}})[0], {3, 4, 5},
               wide);
  expect_refused({"layer_norm", {uniform(1, {2, 2}), uniform(1, {1, 2, 2})}}, "layer_norm.C5");
}

TEST(rms_norm, is_that_of_plain_loops) {
  const Tensor x = uniform(21, {2, 6});
  const Tensor scale = uniform(22, {6});
  Reals want = lines(x, 1, [](const Reals& l) {
    double squares = 0;
    for (double v : l) squares += v * v;
    Reals y;
    for (double v : l) y.push_back(v / std::sqrt(squares / static_cast<double>(l.size()) + 1e-5));
    return y;
  });
  for (size_t i = 0; i < want.size(); ++i) want[i] *= scale.get_f(static_cast<int64_t>(i % 6));
  expect_close(must_apply({"rms_norm", {x, scale}, {}, {}, {2, 6}})[0], {2, 6}, want);
}

TEST(batch_norm, is_that_of_plain_loops) {
  const Tensor x = uniform(31, {2, 3, 4});
  const Tensor s = uniform(32, {3}), b = uniform(33, {3}), m = uniform(34, {3}),
               v = uniform(35, {3}, 0.1, 2);
  Reals want;
  for (int64_t i = 0; i < x.count(); ++i) {
    const int64_t ch = i / 4 % 3;
    want.push_back((x.get_f(i) - m.get_f(ch)) / std::sqrt(v.get_f(ch) + 1e-3) * s.get_f(ch) +
                   b.get_f(ch));
  }
  expect_close(must_apply({"batch_norm", {x, s, b, m, v}, {{"epsilon", "1e-3"}}, {}, {2}})[0],
               {2, 3, 4}, want);
  expect_refused({"batch_norm", {x, uniform(1, {4}), b, m, v}}, "batch_norm.C5");
}

TEST(group_norm, scales_by_channel_or_by_group) {
  const Tensor x = uniform(41, {2, 6, 3});
  const Tensor s = uniform(42, {6}), b = uniform(43, {6});
  const Tensor gs = uniform(44, {2}), gb = uniform(45, {2});
  Tensor grouped = x;
  grouped.shape = {4, 9};
  const Reals plain = lines(grouped, 1, [](const Reals& l) { return normalized(l, 1e-5); });
  Reals by_channel, by_group;
  for (size_t i = 0; i < plain.size(); ++i) {
    const auto ch = static_cast<int64_t>(i / 3 % 6);
    by_channel.push_back(plain[i] * s.get_f(ch) + b.get_f(ch));
    by_group.push_back(plain[i] * gs.get_f(ch / 3) + gb.get_f(ch / 3));
  }
  const Options options{{"num_groups", "2"}};
  expect_close(must_apply({"group_norm", {x, s, b}, options, {}, {3}})[0], {2, 6, 3}, by_channel);
  expect_close(must_apply({"group_norm", {x, gs, gb}, options})[0], {2, 6, 3}, by_group);
  expect_refused({"group_norm", {x, s, b}, {{"num_groups", "4"}}}, "group_norm.C6");
  expect_refused({"group_norm", {x, uniform(1, {5}), b}, options}, "group_norm.C5");
}

TEST(instance_norm, is_that_of_plain_loops) {
  const Tensor x = uniform(51, {2, 3, 5});
  const Tensor s = uniform(52, {3}), b = uniform(53, {3});
  Reals want = lines(x, 2, [](const Reals& l) { return normalized(l, 1e-5); });
  for (size_t i = 0; i < want.size(); ++i) {
    const auto ch = static_cast<int64_t>(i / 5 % 3);
    want[i] = want[i] * s.get_f(ch) + b.get_f(ch);
  }
  expect_close(must_apply({"instance_norm", {x, s, b}, {}, {}, {2, 5}})[0], {2, 3, 5}, want);
  expect_refused({"instance_norm", {uniform(1, {3}), s, b}}, "instance_norm.C4");
}

TEST(lp_norm, gives_zero_for_zero) {
  const Tensor x = tensor({2, 2}, {3, 4, 0, 0});
  expect_close(must_apply({"lp_norm", {x}})[0], {2, 2}, {0.6, 0.8, 0, 0});
  expect_close(must_apply({"lp_norm", {x}, {{"p", "1"}, {"axis", "0"}}})[0], {2, 2}, {1, 1, 0, 0});
  expect_refused({"lp_norm", {x}, {{"p", "3"}}}, "lp_norm.C6");
}

TEST(mean_variance_norm, is_that_of_plain_loops) {
  const Tensor x = uniform(61, {2, 3, 2, 2});
  Reals want(static_cast<size_t>(x.count()));
  for (int64_t ch = 0; ch < 3; ++ch) {
    Reals all;
    for (int64_t i = 0; i < x.count(); ++i)
      if (i / 4 % 3 == ch) all.push_back(x.get_f(i));
    for (int64_t i = 0; i < x.count(); ++i)
      if (i / 4 % 3 == ch)
        want[static_cast<size_t>(i)] = (x.get_f(i) - mean_of(all)) / std::sqrt(variance_of(all));
  }
  expect_close(must_apply({"mean_variance_norm", {x}})[0], x.shape, want);
}

TEST(lrn, is_that_of_plain_loops) {
  const Tensor x = uniform(71, {1, 5, 3});
  for (double beta : {0.75, 0.6}) {
    Reals want;
    for (int64_t ch = 0; ch < 5; ++ch)
      for (int64_t i = 0; i < 3; ++i) {
        double sum = 0;
        for (int64_t k = std::max<int64_t>(ch - 1, 0); k <= std::min<int64_t>(ch + 2, 4); ++k)
          sum += at(x, {0, k, i}) * at(x, {0, k, i});
        want.push_back(at(x, {0, ch, i}) / std::pow(2 + 0.5 / 4 * sum, beta));
      }
    const Options options{
        {"size", "4"}, {"alpha", "0.5"}, {"bias", "2"}, {"beta", std::to_string(beta)}};
    expect_close(must_apply({"lrn", {x}, options, {}, {5}})[0], x.shape, want);
  }
  expect_refused({"lrn", {x}}, "lrn.C6");
  expect_refused({"lrn", {x}, {{"size", "9223372036854775807"}}}, "lrn.C6");
}

// ---- activations

struct ActivationCase {
  std::string name;
  Options options;
  double (*f)(double);
};
double sig(double x) { return 1 / (1 + std::exp(-x)); }

class activations : public ::testing::TestWithParam<ActivationCase> {};

TEST_P(activations, are_those_of_plain_loops) {
  const ActivationCase& a = GetParam();
  const Tensor x = uniform(81, {3, 50}, -6, 6);
  Reals want;
  for (int64_t i = 0; i < x.count(); ++i) want.push_back(a.f(x.get_f(i)));
  expect_close(must_apply({a.name, {x}, a.options, {}, {3}})[0], {3, 50}, want, 1e-6);
  EXPECT_TRUE(std::isnan(must_apply({a.name, {tensor({1}, {kNan})}, a.options})[0].get_f(0)));
  EXPECT_EQ(must_apply({a.name, {uniform(1, {0, 2})}, a.options})[0].shape, (Ints{0, 2}));
  if (a.name != "relu" && a.name != "shrink")
    expect_refused({a.name, {tensor({1}, {1}, DType::i32)}, a.options}, a.name + ".C3");
}

INSTANTIATE_TEST_SUITE_P(
    all, activations,
    ::testing::Values(
        ActivationCase{"relu", {}, [](double x) { return std::max(x, 0.0); }},
        ActivationCase{
            "leaky_relu", {{"alpha", "0.1"}}, [](double x) { return x < 0 ? 0.1 * x : x; }},
        ActivationCase{
            "elu", {{"alpha", "2"}}, [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }},
        ActivationCase{
            "celu",
            {{"alpha", "2"}},
            [](double x) { return std::max(x, 0.0) + 2 * std::expm1(std::min(x, 0.0) / 2); }},
        ActivationCase{"selu",
                       {},
                       [](double x) {
                         return 1.05070102214813 * (x > 0 ? x : 1.67326319217681 * std::expm1(x));
                       }},
        ActivationCase{
            "gelu", {}, [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }},
        ActivationCase{"gelu_tanh",
                       {},
                       [](double x) {
                         return 0.5 * x *
                                (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
                       }},
        ActivationCase{"silu", {}, [](double x) { return x * sig(x); }},
        ActivationCase{"swish", {{"alpha", "1.702"}}, [](double x) { return x * sig(1.702 * x); }},
        ActivationCase{"mish", {}, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
        ActivationCase{"hard_sigmoid",
                       {{"alpha", "0.3"}, {"beta", "0.4"}},
                       [](double x) { return std::clamp(0.3 * x + 0.4, 0.0, 1.0); }},
        ActivationCase{
            "hard_swish", {}, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
        ActivationCase{"softplus", {}, [](double x) { return std::log1p(std::exp(x)); }},
        ActivationCase{"softsign", {}, [](double x) { return x / (1 + std::fabs(x)); }},
        ActivationCase{
            "thresholded_relu", {{"alpha", "1.5"}}, [](double x) { return x > 1.5 ? x : 0.0; }},
        ActivationCase{"shrink",
                       {{"lambd", "1"}, {"bias", "0.5"}},
                       [](double x) { return x < -1  ? x + 0.5
                                             : x > 1 ? x - 0.5
                                                     : 0.0; }}),
    [](const auto& p) { return p.param.name; });

TEST(activation, softplus_and_mish_stay_finite_far_out) {
  const Tensor x = tensor({3}, {1000, -1000, 0});
  expect_close(must_apply({"softplus", {x}})[0], {3}, {1000, 0, std::log(2.0)});
  expect_close(must_apply({"mish", {x}})[0], {3}, {1000, 0, 0});
}

TEST(prelu, broadcasts_the_slope) {
  const Tensor x = tensor({2, 2}, {-1, 2, -3, -4});
  expect_close(must_apply({"prelu", {x, tensor({2}, {0.5, 0.25})}})[0], {2, 2},
               {-0.5, 2, -1.5, -1});
  expect_refused({"prelu", {x, tensor({1}, {1}, DType::f64)}}, "prelu.C3");
  expect_refused({"prelu", {x, uniform(1, {1, 1, 1})}}, "prelu.C4");
}

TEST(clip, takes_either_bound) {
  const Tensor x = tensor({4}, {-5, 0.5, 5, kNan});
  const Tensor lo = tensor({}, {-1}), hi = tensor({}, {1});
  expect_close(must_apply({"clip", {x, lo, hi}})[0], {4}, {-1, 0.5, 1, kNan});
  expect_close(must_apply({"clip", {x, std::nullopt, hi}})[0], {4}, {-5, 0.5, 1, kNan});
  expect_close(must_apply({"clip", {x, lo}})[0], {4}, {-1, 0.5, 5, kNan});
  expect_refused({"clip", {x, tensor({1}, {1})}}, "clip.C4");
}

}  // namespace
}  // namespace tenon::interp::testing
