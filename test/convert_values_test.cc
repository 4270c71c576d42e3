// What a converted node computes: one node on given inputs, imported and run by the reference
// interpreter, against values worked out by hand from the ONNX standard.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "frontend/onnx/test_model.h"
#include "interp/interp.h"

namespace tenon::onnx_import::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Given {
  std::vector<int64_t> dims;
  std::vector<double> values;
  int type = TensorProto::FLOAT;
  bool constant = false;
};
Given ints(std::vector<int64_t> dims, std::vector<double> values) {
  return {std::move(dims), std::move(values), TensorProto::INT64};
}
Given bytes(std::vector<int64_t> dims, std::vector<double> values) {
  return {std::move(dims), std::move(values), TensorProto::UINT8};
}
Given fixed(std::vector<int64_t> dims, std::vector<double> values) {
  return {std::move(dims), std::move(values), TensorProto::INT64, true};
}

ir::DType dtype_of(int type) {
  switch (type) {
    case TensorProto::INT64:
      return ir::DType::i64;
    case TensorProto::UINT8:
      return ir::DType::u8;
    case TensorProto::INT8:
      return ir::DType::i8;
    case TensorProto::BOOL:
      return ir::DType::boolean;
    case TensorProto::FLOAT16:
      return ir::DType::f16;
    case TensorProto::DOUBLE:
      return ir::DType::f64;
    default:
      return ir::DType::f32;
  }
}

struct Row {
  std::string op;
  int64_t opset;
  std::vector<Given> inputs;  // no dims and no values: absent
  std::function<void(NodeRef)> attributes;
  std::vector<int64_t> dims;
  std::vector<double> wanted;
};

void check(const Row& row) {
  SCOPED_TRACE(row.op + ", opset " + std::to_string(row.opset));
  Model m(row.opset);
  std::vector<std::string> names;
  std::vector<ops::Tensor> values;
  for (const Given& g : row.inputs) {
    const bool absent = g.dims.empty() && g.values.empty();
    names.push_back(absent ? "" : "x" + std::to_string(names.size()));
    if (absent) continue;
    if (g.constant) {
      TensorProto tensor = int_tensor(names.back(), g.dims, {g.values.begin(), g.values.end()});
      if (g.type == TensorProto::UINT8 || g.type == TensorProto::INT8) {
        tensor.clear_int64_data();
        tensor.set_data_type(g.type);
        for (const double v : g.values) tensor.add_int32_data(static_cast<int32_t>(v));
      }
      m.init(tensor);
      continue;
    }
    m.input(names.back(), {g.dims.begin(), g.dims.end()}, g.type);
    ops::Tensor t = ops::Tensor::zeros(dtype_of(g.type), g.dims);
    for (size_t i = 0; i < g.values.size(); ++i) {
      if (ir::is_float(t.dtype)) {
        t.set_f(static_cast<int64_t>(i), g.values[i]);
      } else {
        t.set_i(static_cast<int64_t>(i), static_cast<int64_t>(g.values[i]));
      }
    }
    values.push_back(std::move(t));
  }
  const NodeRef node = m.output("y").node(row.op, names, {"y"});
  if (row.attributes) row.attributes(node);
  const auto imported = m.import();
  ASSERT_TRUE(imported.has_value()) << imported.error().text();
  const auto got = interp::run(*imported->function, values);
  ASSERT_TRUE(got.has_value()) << got.error().text();
  const ops::Tensor& y = got->at(0);
  EXPECT_EQ(y.shape, row.dims);
  ASSERT_EQ(y.count(), std::ssize(row.wanted));
  for (int64_t i = 0; i < y.count(); ++i) {
    const double have = ir::is_float(y.dtype) ? y.get_f(i) : static_cast<double>(y.get_i(i));
    const double want = row.wanted[static_cast<size_t>(i)];
    if (std::isfinite(want)) {
      EXPECT_NEAR(have, want, 1e-5 * std::max(1.0, std::abs(want))) << "element " << i;
    } else {
      EXPECT_EQ(have, want) << "element " << i;
    }
  }
}

std::function<void(NodeRef)> with(const std::string& key, int64_t value) {
  return [=](NodeRef n) { n.i(key, value); };
}

TEST(ConvertValues, tests_for_infinity_take_the_signs_that_are_asked_for) {
  const Given x{{3}, {-kInf, 1, kInf}};
  const auto detect = [&](int64_t negative, int64_t positive) {
    return [=](NodeRef n) { n.i("detect_negative", negative).i("detect_positive", positive); };
  };
  check({"IsInf", 10, {x}, nullptr, {3}, {1, 0, 1}});
  check({"IsInf", 10, {x}, detect(1, 0), {3}, {1, 0, 0}});
  check({"IsInf", 10, {x}, detect(0, 1), {3}, {0, 0, 1}});
  check({"IsInf", 10, {x}, detect(0, 0), {3}, {0, 0, 0}});
}

TEST(ConvertValues, reductions_widen_halves_and_combine_booleans) {
  const Given halves{{2}, {60000, 60000}, TensorProto::FLOAT16};
  const Given flags{{2}, {1, 0}, TensorProto::BOOL};
  const auto drop = with("keepdims", 0);
  check({"ReduceMean", 13, {halves}, drop, {}, {60000}});  // the sum does not fit f16
  check({"ReduceMean", 13, {ints({2}, {4, 9})}, drop, {}, {6}});
  check({"ReduceMean", 13, {{{2}, {1e300, 3e300}, TensorProto::DOUBLE}}, drop, {}, {2e300}});
  check({"ReduceMean", 13, {ints({1}, {16777217})}, drop, {}, {16777217}});
  check({"ReduceL2", 13, {{{2}, {3, 4}}}, drop, {}, {5}});
  check({"ReduceL2", 13, {{{2}, {300, 400}, TensorProto::FLOAT16}}, drop, {}, {500}});
  check({"ReduceLogSum", 13, {{{2}, {1, 3}}}, drop, {}, {std::log(4.0)}});
  check({"ReduceLogSumExp", 13, {ints({2}, {1, 1})}, drop, {}, {1}});
  check({"ReduceMean", 18, {{{2, 2}, {1, 2, 3, 4}}, fixed({1}, {0})}, drop, {2}, {2, 3}});
  const auto noop = [](NodeRef n) { n.i("noop_with_empty_axes", 1); };
  check({"ReduceSum", 13, {{{2}, {3, 4}}}, noop, {2}, {3, 4}});
  check({"ReduceSum", 13, {{{2}, {3, 4}}}, nullptr, {1}, {7}});
  check({"ArgMax", 13, {{{3}, {5, 7, 7}}}, nullptr, {1}, {1}});
  check({"ArgMax", 13, {{{3}, {5, 7, 7}}}, with("select_last_index", 1), {1}, {2}});
  check({"ArgMin", 13, {{{3}, {5, 7, 7}}}, drop, {}, {0}});
  check({"ReduceSumSquare", 13, {ints({2}, {3, -4})}, nullptr, {1}, {25}});
  check({"ReduceMax", 20, {flags}, drop, {}, {1}});
  check({"ReduceMin", 20, {flags}, drop, {}, {0}});
  check({"ReduceMax", 20, {ints({2}, {-3, -7})}, drop, {}, {-3}});
}

TEST(ConvertValues, losses_weigh_and_ignore) {
  const Given log_prob{{2, 3}, {-1, -2, -3, -4, -5, -6}};
  const Given target = ints({2}, {1, 2});
  const Given weight{{3}, {1, 2, 4}};
  const auto none = [](NodeRef n) { n.s("reduction", "none"); };
  const auto ignore = [](NodeRef n) { n.s("reduction", "mean").i("ignore_index", 2); };
  const std::string nll = "NegativeLogLikelihoodLoss";
  check({nll, 13, {log_prob, target}, none, {2}, {2, 6}});
  check({nll, 13, {log_prob, target}, nullptr, {}, {4}});
  check({nll, 13, {log_prob, target, weight}, none, {2}, {4, 24}});
  check({nll, 13, {log_prob, target, weight}, nullptr, {}, {28.0 / 6}});
  check({nll, 13, {log_prob, target}, ignore, {}, {2}});
  check({nll, 13, {log_prob, target, weight}, ignore, {}, {2}});
}

TEST(ConvertValues, batch_norm_of_rank_1_and_in_training) {
  const Given one{{1}, {1}};
  const Given two{{2}, {1, 1}};
  const auto exact = [](NodeRef n) { n.f("epsilon", 0); };
  const auto training = [](NodeRef n) { n.f("epsilon", 0).i("training_mode", 1); };
  check({"BatchNormalization", 15, {{{2}, {3, 5}}, one, one, one, {{1}, {4}}}, exact, {2}, {2, 3}});
  check({"BatchNormalization",
         15,
         {{{2, 2}, {1, 10, 3, 30}}, two, {{2}, {0, 1}}, two, two},
         training,
         {2, 2},
         {-1, 0, 1, 2}});
}

TEST(ConvertValues, slopes_of_a_vector_follow_channels_before_7) {
  const Given x{{1, 2, 2}, {-1, -2, -3, 4}};
  const Given slope{{2}, {10, 100}};
  check({"PRelu", 6, {x, slope}, nullptr, {1, 2, 2}, {-10, -20, -300, 4}});
  check({"PRelu", 7, {x, slope}, nullptr, {1, 2, 2}, {-10, -200, -30, 4}});
  check({"PRelu", 6, {x, {{1}, {2}}}, nullptr, {1, 2, 2}, {-2, -4, -6, 4}});
  check({"PRelu", 6, {{{2}, {-1, -2}}, slope}, nullptr, {2}, {-10, -200}});
}

TEST(ConvertValues, softmax_sees_a_matrix_before_13) {
  const Given x{{1, 2, 2}, {0, 0, 0, 0}};
  const std::vector<int64_t> dims{1, 2, 2};
  const std::vector<double> quarter(4, 0.25);
  const std::vector<double> half(4, 0.5);
  check({"Softmax", 12, {x}, nullptr, dims, quarter});
  check({"Softmax", 12, {x}, with("axis", 2), dims, half});
  check({"Softmax", 12, {x}, with("axis", 0), dims, quarter});
  check({"Softmax", 13, {x}, nullptr, dims, half});
  check({"Softmax", 13, {x}, with("axis", 0), dims, {1, 1, 1, 1}});
}

TEST(ConvertValues, integer_products_take_their_zero_points) {
  const Given a = bytes({2, 2}, {1, 2, 3, 4});
  const Given b = bytes({2, 2}, {5, 6, 7, 8});
  const std::string op = "MatMulInteger";
  check({op, 10, {a, b}, nullptr, {2, 2}, {19, 22, 43, 50}});
  check({op, 10, {a, b, bytes({}, {1})}, nullptr, {2, 2}, {7, 8, 31, 36}});
  check({op, 10, {a, b, bytes({1}, {1})}, nullptr, {2, 2}, {7, 8, 31, 36}});
  check({op, 10, {a, b, bytes({2}, {1, 3})}, nullptr, {2, 2}, {7, 8, 7, 8}});
  check({op, 10, {a, b, {}, bytes({2}, {5, 6})}, nullptr, {2, 2}, {4, 4, 8, 8}});
  // Both at once, of both kinds of bytes, known and not, and of vectors.
  const auto kind = [](Given g, int type, bool constant) {
    g.type = type;
    g.constant = constant;
    return g;
  };
  for (const int left : {TensorProto::UINT8, TensorProto::INT8})
    for (const int right : {TensorProto::UINT8, TensorProto::INT8})
      for (const bool known : {false, true}) {
        const Given x = kind(a, left, false), y = kind(b, right, known);
        const Given xz = kind(bytes({2}, {1, 3}), left, known);
        const Given yz = kind(bytes({2}, {5, 6}), right, known);
        check({op, 10, {x, y, xz, yz}, nullptr, {2, 2}, {2, 2, 2, 2}});
        check({op,
               10,
               {x, y, kind(bytes({}, {3}), left, known), yz},
               nullptr,
               {2, 2},
               {-2, -2, 2, 2}});
      }
  check({op, 10, {bytes({2}, {3, 4}), b, bytes({}, {2})}, nullptr, {2}, {19, 22}});
}

TEST(ConvertValues, integer_convolutions_pad_with_their_zero_point) {
  const Given x = bytes({1, 1, 3}, {4, 5, 6});
  const Given w = bytes({1, 1, 2}, {1, 10});
  const auto padded = [](NodeRef n) { n.ints("pads", {1, 1}); };
  const std::string op = "ConvInteger";
  check({op, 10, {x, w}, padded, {1, 1, 4}, {40, 54, 65, 6}});
  check({op, 10, {x, w, bytes({}, {4})}, padded, {1, 1, 4}, {0, 10, 21, 2}});
  check({op, 10, {x, w, bytes({}, {4}), bytes({}, {1})}, padded, {1, 1, 4}, {0, 9, 18, 0}});
  check({op, 10, {x, w, {}, bytes({1}, {1})}, padded, {1, 1, 4}, {36, 45, 54, 0}});
}

TEST(ConvertValues, quantized_products_scale_rows_and_columns) {
  const Given a = bytes({2, 1}, {1, 2});
  const Given b = bytes({1, 2}, {10, 20});
  const Given zero = bytes({}, {0});
  const Given one{{1}, {1}};
  const Given zero1 = bytes({1}, {0});
  const std::string op = "QLinearMatMul";
  const Given rows{{2}, {1, 2}};
  const Given columns{{2}, {1, 3}};
  const Given zeros = bytes({2}, {0, 0});
  check({op, 10, {a, one, zero1, b, one, zero1, one, zero1}, nullptr, {2, 2}, {10, 20, 20, 40}});
  check({op, 10, {a, rows, zeros, b, one, zero1, one, zero1}, nullptr, {2, 2}, {10, 20, 40, 80}});
  check(
      {op, 10, {a, one, zero1, b, columns, zeros, one, zero1}, nullptr, {2, 2}, {10, 60, 20, 120}});
}

TEST(ConvertValues, blocks_move_between_depth_and_space) {
  const Given deep{{1, 4, 1, 1}, {1, 2, 3, 4}};
  const Given wide{{1, 1, 2, 2}, {1, 2, 3, 4}};
  const Given six{{1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  check({"DepthToSpace", 13, {deep}, with("blocksize", 2), {1, 1, 2, 2}, {1, 2, 3, 4}});
  check({"SpaceToDepth", 13, {wide}, with("blocksize", 2), {1, 4, 1, 1}, {1, 2, 3, 4}});
  check({"SpaceToDepth", 13, {wide}, with("blocksize", 1), {1, 1, 2, 2}, {1, 2, 3, 4}});
  check(
      {"SpaceToDepth", 13, {six}, with("blocksize", 3), {1, 9, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}});
  const Given two{{1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}};
  const auto channels_first = [](NodeRef n) { n.i("blocksize", 2).s("mode", "CRD"); };
  check({"SpaceToDepth", 13, {two}, with("blocksize", 2), {1, 8, 1, 1}, {0, 4, 1, 5, 2, 6, 3, 7}});
  check({"SpaceToDepth", 28, {two}, channels_first, {1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7}});
  const auto thirds = [](NodeRef n) { n.i("blocksize", 3).s("mode", "CRD"); };
  check({"SpaceToDepth", 28, {six}, thirds, {1, 9, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}});
  const auto same = [](NodeRef n) { n.i("blocksize", 1).s("mode", "CRD"); };
  check({"SpaceToDepth", 28, {wide}, same, {1, 1, 2, 2}, {1, 2, 3, 4}});
}

TEST(ConvertValues, transforms_take_axis_and_length_by_version) {
  const Given x{{1, 2, 1}, {1, 3}};
  check({"DFT", 17, {x}, nullptr, {1, 2, 2}, {4, 0, -2, 0}});
  check({"DFT", 20, {x}, nullptr, {1, 2, 2}, {4, 0, -2, 0}});
  check({"DFT", 20, {x, {}, fixed({}, {0})}, nullptr, {1, 2, 2}, {1, 0, 3, 0}});
  check({"DFT", 17, {x, fixed({}, {1})}, nullptr, {1, 1, 2}, {1, 0}});
}

TEST(ConvertValues, convolutions_in_one_dimension_and_back) {
  const Given x{{1, 1, 3}, {1, 2, 3}};
  const Given w{{1, 1, 2}, {1, 10}};
  const Given bias{{1}, {5}};
  check({"Conv", 11, {x, w}, nullptr, {1, 1, 2}, {21, 32}});
  check({"Conv", 11, {x, w, bias}, nullptr, {1, 1, 2}, {26, 37}});
  check({"ConvTranspose", 11, {x, w}, nullptr, {1, 1, 4}, {1, 12, 23, 30}});
  check({"ConvTranspose", 11, {x, w, bias}, nullptr, {1, 1, 4}, {6, 17, 28, 35}});
  const auto steps = [](NodeRef n) { n.ints("strides", {2}); };
  check({"Conv", 11, {x, w}, steps, {1, 1, 1}, {21}});
  check({"ConvTranspose", 11, {x, w}, steps, {1, 1, 6}, {1, 10, 2, 20, 3, 30}});
  const auto shape = [](NodeRef n) { n.ints("strides", {2}).ints("output_shape", {5}); };
  // Half of what is cut goes to either side, the odd one in front unless SAME_UPPER says behind.
  check({"ConvTranspose", 11, {x, w}, shape, {1, 1, 5}, {10, 2, 20, 3, 30}});
  const auto behind = [&](NodeRef n) {
    shape(n);
    n.s("auto_pad", "SAME_UPPER");
  };
  check({"ConvTranspose", 11, {x, w}, behind, {1, 1, 5}, {1, 10, 2, 20, 3}});
  const auto more = [](NodeRef n) { n.ints("strides", {2}).ints("output_padding", {1}); };
  check({"ConvTranspose", 11, {x, w}, more, {1, 1, 7}, {1, 10, 2, 20, 3, 30, 0}});
  const auto upper = [](NodeRef n) { n.s("auto_pad", "SAME_UPPER"); };
  check({"Conv", 11, {x, w}, upper, {1, 1, 3}, {21, 32, 3}});
  const auto lower = [](NodeRef n) { n.s("auto_pad", "SAME_LOWER"); };
  check({"Conv", 11, {x, w}, lower, {1, 1, 3}, {10, 21, 32}});
  const Given two{{1, 2, 2}, {1, 2, 3, 4}};
  const Given each{{2, 1, 1}, {10, 100}};
  const auto groups = [](NodeRef n) { n.i("group", 2); };
  check({"Conv", 11, {two, each}, groups, {1, 2, 2}, {10, 20, 300, 400}});
  check({"ConvTranspose", 11, {two, each}, groups, {1, 2, 2}, {10, 20, 300, 400}});
}

TEST(ConvertValues, casts_saturate_where_eight_bits_do_not_suffice) {
  const auto to = [](int64_t type, int64_t saturate) {
    return [=](NodeRef n) { n.i("to", type).i("saturate", saturate); };
  };
  const Given x{{2}, {1e6, -2.5}};
  check({"Cast", 19, {x}, to(TensorProto::FLOAT8E4M3FN, 1), {2}, {448, -2.5}});
  check({"Cast", 19, {x}, to(TensorProto::FLOAT8E5M2, 1), {2}, {57344, -2.5}});
  check({"Cast", 19, {x}, to(TensorProto::FLOAT8E5M2, 0), {2}, {kInf, -2.5}});
  check({"Cast", 19, {x}, to(TensorProto::FLOAT16, 1), {2}, {kInf, -2.5}});
  check({"Cast", 19, {x}, to(TensorProto::INT64, 1), {2}, {1e6, -2}});
  check({"Cast", 19, {x}, to(TensorProto::FLOAT, 1), {2}, {1e6, -2.5}});
}

TEST(ConvertValues, frames_take_their_length_from_operand_window_or_signal) {
  const Given x{{1, 4, 1}, {1, 2, 3, 4}};
  const Given step = fixed({}, {2});
  const Given window{{2}, {1, 1}};
  const auto whole = [](NodeRef n) { n.i("onesided", 0); };
  // Frames {1, 2} and {3, 4}: sums and differences.
  const std::vector<double> two{3, 0, -1, 0, 7, 0, -1, 0};
  check({"STFT", 17, {x, step, window}, whole, {1, 2, 2, 2}, two});
  check({"STFT", 17, {x, step, {}, fixed({}, {2})}, whole, {1, 2, 2, 2}, two});
  check({"STFT", 17, {x, step, window, fixed({}, {2})}, whole, {1, 2, 2, 2}, two});
  check({"STFT", 17, {x, step, {}, {}}, nullptr, {1, 1, 3, 2}, {10, 0, -2, 2, -2, 0}});
}

TEST(ConvertValues, quantized_elements_have_the_type_that_is_asked_for) {
  const Given x{{2}, {-3, 300}};
  const Given one{{}, {1}};
  const auto as = [](int64_t type) { return with("output_dtype", type); };
  check({"QuantizeLinear", 21, {x, one}, nullptr, {2}, {0, 255}});
  check({"QuantizeLinear", 21, {x, one}, as(0), {2}, {0, 255}});
  check({"QuantizeLinear", 21, {x, one}, as(TensorProto::INT8), {2}, {-3, 127}});
  check({"QuantizeLinear", 21, {x, one}, as(TensorProto::UINT16), {2}, {0, 300}});
}

TEST(ConvertValues, ranges_run_either_way_and_may_be_empty) {
  const auto range = [](int64_t first, int64_t last, int64_t by, std::vector<double> wanted) {
    const auto one = [](int64_t v) { return fixed({}, {static_cast<double>(v)}); };
    const std::vector<int64_t> dims{std::ssize(wanted)};
    check({"Range", 11, {one(first), one(last), one(by)}, nullptr, dims, wanted});
  };
  range(0, 3, 1, {0, 1, 2});
  range(1, 6, 2, {1, 3, 5});
  range(1, 5, 2, {1, 3});
  range(3, 0, -1, {3, 2, 1});
  range(3, 0, -2, {3, 1});
  range(3, 3, 1, {});
  range(3, 0, 1, {});
  range(0, 3, -1, {});
}

TEST(ConvertValues, flattened_axes_and_one_hot) {
  const Given x{{2, 2}, {1, 2, 3, 4}};
  const Given keep{{3}, {1, 0, 1}, TensorProto::BOOL};
  const Given rows{{2}, {0, 1}, TensorProto::BOOL};
  check({"Compress", 11, {x, keep}, nullptr, {2}, {1, 3}});
  check({"Compress", 11, {x, rows}, with("axis", 0), {1, 2}, {3, 4}});
  check({"Compress", 11, {x, rows}, with("axis", 1), {2, 1}, {2, 4}});
  check({"NonZero", 13, {{{2, 2}, {0, 5, -1, 0}}}, nullptr, {2, 2}, {0, 1, 1, 0}});
  check({"NonZero", 13, {rows}, nullptr, {1, 1}, {1}});
  check({"OneHot",
         11,
         {ints({2}, {-1, 1}), fixed({}, {3}), {{2}, {5, 7}}},
         nullptr,
         {2, 3},
         {5, 5, 7, 5, 7, 5}});
}

TEST(ConvertValues, bounds_and_powers_by_version) {
  const Given x{{3}, {-5, 0.5, 5}};
  check({"Clip", 10, {x}, nullptr, {3}, {-5, 0.5, 5}});
  check({"Clip", 10, {x}, [](NodeRef n) { n.f("min", 0); }, {3}, {0, 0.5, 5}});
  check({"Clip", 10, {x}, [](NodeRef n) { n.f("max", 0); }, {3}, {-5, 0, 0}});
  check({"Clip", 11, {x, {{}, {0}}}, nullptr, {3}, {0, 0.5, 5}});
  check({"Clip", 11, {x, {}, {{}, {0}}}, nullptr, {3}, {-5, 0, 0}});
  check({"Clip", 11, {x, {{}, {2}}, {{}, {1}}}, nullptr, {3}, {1, 1, 1}});
  check({"Mean", 13, {x}, nullptr, {3}, {-5, 0.5, 5}});
  check({"Mean", 13, {x, {{1}, {1}}}, nullptr, {3}, {-2, 0.75, 3}});
  check({"Pow", 13, {x, fixed({}, {2})}, nullptr, {3}, {25, 0.25, 25}});
  check({"Pow", 13, {x, fixed({}, {3})}, nullptr, {3}, {-125, 0.125, 125}});
  check({"Pow", 13, {x, fixed({1, 1}, {2})}, nullptr, {1, 3}, {25, 0.25, 25}});
}

TEST(ConvertValues, slices_begin_and_end_where_numpy_says) {
  const Given x{{4}, {0, 1, 2, 3}};
  const auto sliced = [&](int64_t start, int64_t end, int64_t step, std::vector<double> wanted) {
    const std::vector<int64_t> dims{std::ssize(wanted)};
    const auto list = [](int64_t v) { return ints({1}, {static_cast<double>(v)}); };
    const auto known = [](int64_t v) { return fixed({1}, {static_cast<double>(v)}); };
    const Given axis = fixed({1}, {0});
    check({"Slice", 13, {x, list(start), list(end), axis, known(step)}, nullptr, dims, wanted});
    check({"Slice", 13, {x, known(start), known(end), axis, known(step)}, nullptr, dims, wanted});
  };
  sliced(0, 4, 1, {0, 1, 2, 3});
  sliced(1, 3, 1, {1, 2});
  sliced(-3, -1, 1, {1, 2});
  sliced(0, 0, 1, {});
  sliced(3, 1, 1, {});
  sliced(-9, 9, 3, {0, 3});
  sliced(3, 0, -1, {3, 2, 1});
  sliced(-1, -5, -1, {3, 2, 1, 0});
  sliced(9, -9, -2, {3, 1});
  sliced(0, 3, -1, {});
}

}  // namespace
}  // namespace tenon::onnx_import::testing
