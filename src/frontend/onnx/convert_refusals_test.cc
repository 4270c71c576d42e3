// What converters refuse, beside the nearest form that they take: one row a node.
#include <gtest/gtest.h>

#include <functional>

#include "frontend/onnx/test_model.h"

namespace tenon::onnx_import::testing {
namespace {

/// An operand: a float or integer input of that shape, or constant integers.
struct Operand {
  std::vector<Dim> shape;
  int type = TensorProto::FLOAT;
  std::vector<int64_t> values = {};
  bool constant = false;
};
Operand real(std::vector<Dim> shape) { return {std::move(shape)}; }
Operand whole(std::vector<Dim> shape, int type = TensorProto::INT64) {
  return {std::move(shape), type};
}
Operand ints(std::vector<int64_t> values) {
  return {{static_cast<int>(values.size())}, TensorProto::INT64, values, true};
}
Operand number(int64_t value) { return {{}, TensorProto::INT64, {value}, true}; }

using Attributes = std::function<void(NodeRef)>;
struct Row {
  std::string op;
  std::vector<Operand> operands;
  Attributes attributes;
  std::string wanted;  // a type, or words of the refusal
  std::string code = "";
  int64_t opset = 17;
  int outputs = 1;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    Model m(row.opset);
    std::vector<std::string> names;
    for (const Operand& operand : row.operands) {
      names.push_back("x" + std::to_string(names.size()));
      std::vector<int64_t> dims;
      for (const Dim& d : operand.shape) dims.push_back(d.value);
      if (operand.constant) {
        m.init(int_tensor(names.back(), dims, operand.values));
      } else {
        m.input(names.back(), operand.shape, operand.type);
      }
    }
    std::vector<std::string> results;
    for (int i = 0; i < row.outputs; ++i) results.push_back("y" + std::to_string(i));
    m.output("y0");
    const NodeRef node = m.node(row.op, names, results).name("it");
    if (row.attributes) row.attributes(node);
    const std::string text = m.type();
    SCOPED_TRACE(row.op + ": " + row.wanted);
    if (row.code.empty()) {
      EXPECT_EQ(text, row.wanted);
      continue;
    }
    EXPECT_NE(text.find("node 'it' (" + row.op), std::string::npos) << text;
    EXPECT_NE(text.find(row.wanted), std::string::npos) << text;
    EXPECT_NE(text.find("[" + row.code + "]"), std::string::npos) << text;
  }
}

TEST(ConvertRefusals, convolutions) {
  const Operand x = real({1, 4, 5, 5});
  const Operand w = real({6, 4, 3, 3});
  const auto group = [](int64_t g) { return [g](NodeRef n) { n.i("group", g); }; };
  const auto list = [](const char* key, std::vector<int64_t> v) {
    return [key, v](NodeRef n) { n.ints(key, v); };
  };
  const auto word = [](const char* key, const char* v) {
    return [key, v](NodeRef n) { n.s(key, v); };
  };
  check({
      {"Conv", {x, w}, nullptr, "f32[1, 6, 3, 3]"},
      {"Conv", {x, real({6, 2, 3, 3})}, group(2), "f32[1, 6, 3, 3]"},
      {"Conv", {x, w}, group(0), "attribute 'group' is 0", "onnx.attribute"},
      {"Conv", {x, w}, group(2), "the input has 4 channels", "onnx.conv"},
      {"Conv", {x, real({3, 2, 3, 3})}, group(2), "does not divide 3", "onnx.conv"},
      {"Conv", {real({1, 4}), real({6, 4})}, nullptr, "must have rank 3 or more", "onnx.shape"},
      {"Conv", {x, real({6, 4, 3})}, nullptr, "have one rank of 3 or more", "onnx.shape"},
      {"Conv", {real({1, 4, 5}), real({6, 4, 3})}, nullptr, "f32[1, 6, 3]"},
      {"Conv", {x, w}, list("kernel_shape", {3, 3}), "f32[1, 6, 3, 3]"},
      {"Conv", {x, w}, list("kernel_shape", {3, 2}), "'kernel_shape'", "onnx.attribute"},
      {"Conv", {x, w}, list("kernel_shape", {3}), "'kernel_shape'", "onnx.attribute"},
      {"Conv", {x, w}, list("pads", {1, 0, 0, 2}), "f32[1, 6, 4, 5]"},
      {"Conv", {x, w}, list("pads", {1, 1, 1}), "'pads' has 3 values for 2", "onnx.attribute"},
      {"Conv", {x, w}, list("pads", {1, 1, 1, 1, 1}), "'pads' has 5", "onnx.attribute"},
      {"Conv", {x, w}, list("strides", {2, 1}), "f32[1, 6, 2, 3]"},
      {"Conv", {x, w}, list("strides", {2}), "'strides' has 1 values for 2", "onnx.attribute"},
      {"Conv", {x, w}, list("strides", {0, 1}), "'strides' has the value 0", "onnx.attribute"},
      {"Conv", {x, w}, list("dilations", {1, -1}), "has the value -1", "onnx.attribute"},
      {"Conv", {x, w}, word("auto_pad", "SAME_UPPER"), "f32[1, 6, 5, 5]"},
      {"Conv", {x, w}, word("auto_pad", "VALID"), "f32[1, 6, 3, 3]"},
      {"Conv", {x, w}, word("auto_pad", "SOME"), "'auto_pad' is 'SOME'", "onnx.attribute"},
      {"ConvTranspose", {x, real({4, 2, 3, 3})}, nullptr, "f32[1, 2, 7, 7]"},
      {"ConvTranspose", {x, real({4, 2, 3, 3})}, group(2), "f32[1, 4, 7, 7]"},
      {"ConvTranspose", {x, real({4, 2, 3, 3})}, group(3), "does not divide", "onnx.conv"},
      {"ConvTranspose", {x, real({4, 2, 3, 3})}, group(0), "does not divide", "onnx.conv"},
      {"ConvTranspose", {x, real({5, 2, 3, 3})}, nullptr, "different numbers", "onnx.conv"},
      {"ConvTranspose",
       {real({1, 4}), real({4, 2})},
       nullptr,
       "must have rank 3 or more",
       "onnx.shape"},
      {"ConvTranspose", {x, real({4, 2, 3})}, nullptr, "have one rank of 3 or more", "onnx.shape"},
      {"ConvTranspose",
       {x, real({4, 2, 3, 3})},
       list("pads", {1, 1, 1}),
       "wrong number",
       "onnx.attribute"},
      {"ConvTranspose",
       {x, real({4, 2, 3, 3})},
       list("output_padding", {1}),
       "wrong number",
       "onnx.attribute"},
      {"ConvTranspose",
       {x, real({4, 2, 3, 3})},
       list("output_shape", {7}),
       "wrong number",
       "onnx.attribute"},
      {"ConvTranspose", {x, real({4, 2, 3, 3})}, list("output_shape", {8, 7}), "f32[1, 2, 8, 7]"},
      {"ConvTranspose",
       {x, real({4, 2, 3, 3})},
       list("output_shape", {1, 2, 8, 7}),
       "f32[1, 2, 8, 7]"},
  });
}

TEST(ConvertRefusals, normalizations) {
  const Operand x = real({2, 3, 4});
  const Operand v = real({3});
  const auto flag = [](const char* key, int64_t value) {
    return [key, value](NodeRef n) { n.i(key, value); };
  };
  check({
      {"BatchNormalization", {x, v, v, v, v}, nullptr, "f32[2, 3, 4]"},
      {"BatchNormalization", {x, v, v, v, v}, flag("training_mode", 1), "f32[2, 3, 4]", "", 17, 3},
      {"BatchNormalization", {x, v, v, v, v}, nullptr, "output 1", "onnx.output", 17, 3},
      {"BatchNormalization", {x, v, v, v, v}, flag("spatial", 1), "f32[2, 3, 4]", "", 7},
      {"BatchNormalization", {x, v, v, v, v}, flag("spatial", 0), "'spatial'", "onnx.attribute", 7},
      {"BatchNormalization", {x, v, v, v, real({2})}, nullptr, "batch_norm", "batch_norm.C5"},
  });
}

TEST(ConvertRefusals, reshaping) {
  const Operand x = real({2, 3});
  const auto list = [](const char* key, std::vector<int64_t> v) {
    return [key, v](NodeRef n) { n.ints(key, v); };
  };
  const auto one = [](const char* key, int64_t v) { return [key, v](NodeRef n) { n.i(key, v); }; };
  check({
      {"Reshape", {x, ints({0, 0})}, nullptr, "f32[2, 3]"},
      {"Reshape", {x, ints({2, 3, 0})}, nullptr, "copies an axis", "onnx.shape"},
      {"Reshape", {x, ints({-1, -1})}, nullptr, "-1 twice", "onnx.shape"},
      {"Reshape", {x, ints({-2, 3})}, nullptr, "extent -2", "onnx.shape"},
      {"Reshape", {real({0, 3}), ints({0, -1})}, nullptr, "both -1 and 0", "onnx.shape"},
      {"Transpose", {x}, list("perm", {1, 0}), "f32[3, 2]"},
      {"Transpose", {x}, list("perm", {1}), "lists 1 axes of 2", "onnx.attribute"},
      {"Flatten", {x}, one("axis", 2), "f32[6, 1]"},
      {"Flatten", {x}, one("axis", -2), "f32[1, 6]"},
      {"Flatten", {x}, one("axis", 3), "axis 3", "onnx.axis"},
      {"Tile", {x, ints({1, 2})}, nullptr, "f32[2, 6]"},
      {"Tile", {x, ints({2})}, nullptr, "'repeats' has 1 values for rank 2", "onnx.shape"},
      {"Concat", {x, real({2, 1})}, one("axis", -1), "f32[2, 4]"},
      {"Concat", {x, real({2})}, one("axis", 0), "differ in rank", "onnx.shape"},
      {"Concat", {x, whole({2, 3})}, one("axis", 0), "element type", "onnx.shape"},
      {"Concat", {x, x}, one("axis", 2), "axis 2", "onnx.axis"},
      {"Split", {real({6}), ints({2, 4})}, nullptr, "f32[2]", "", 17, 2},
      {"Split",
       {real({6}), ints({2, 3})},
       nullptr,
       "sum to 5, the axis has 6",
       "onnx.shape",
       17,
       2},
      {"Split", {real({6}), ints({6})}, nullptr, "1 sizes for 2 outputs", "onnx.attribute", 17, 2},
      {"Split", {real({6})}, nullptr, "f32[2]", "", 17, 3},
      {"Split", {real({7})}, nullptr, "into 3 parts", "onnx.shape", 17, 3},
      {"Split", {real({7})}, one("num_outputs", 3), "f32[3]", "", 18, 3},
      {"Split", {real({3})}, one("num_outputs", 5), "into 5 parts", "onnx.shape", 18, 5},
      {"Split", {real({7})}, one("num_outputs", 2), "names 3 outputs", "onnx.attribute", 18, 3},
      {"Slice", {x, ints({0}), ints({1})}, nullptr, "f32[1, 3]"},
      {"Slice", {x, ints({0}), ints({1, 1})}, nullptr, "one known length", "onnx.dynamic_rank"},
      {"Slice", {x, number(0), number(1)}, nullptr, "'ends' must have rank 1", "onnx.shape"},
      {"Slice", {x, ints({0}), ints({1}), ints({0, 1})}, nullptr, "differ in length", "onnx.shape"},
      {"Slice",
       {x, ints({0}), ints({1}), ints({1}), ints({1, 1})},
       nullptr,
       "differ in length",
       "onnx.shape"},
      {"Slice",
       {x, ints({0}), ints({1}), ints({1}), ints({0})},
       nullptr,
       "a step is 0",
       "onnx.shape"},
      {"Slice", {x, ints({2}), ints({-9}), ints({1}), ints({INT64_MIN})}, nullptr, "f32[2, 1]"},
      {"Slice", {x, ints({2}), ints({-9}), ints({1}), ints({INT64_MIN + 1})}, nullptr, "f32[2, 1]"},
      {"Slice", {x, ints({0}), ints({3}), ints({1}), ints({INT64_MAX})}, nullptr, "f32[2, 1]"},
      {"Slice",
       {x},
       [](NodeRef n) { n.ints("starts", {0}).ints("ends", {1, 2}); },
       "differ in length",
       "onnx.attribute",
       9},
      {"Pad", {x, ints({0, 1, 1, 0})}, nullptr, "f32[3, 4]"},
      {"Pad", {x, ints({0, 1, 1})}, nullptr, "'pads' has 3 values for 2 axes", "onnx.shape"},
  });
}

TEST(ConvertRefusals, positions_and_words) {
  const Operand x = real({2, 3});
  const auto word = [](const char* key, const char* v) {
    return [key, v](NodeRef n) { n.s(key, v); };
  };
  const auto one = [](const char* key, int64_t v) { return [key, v](NodeRef n) { n.i(key, v); }; };
  check({
      {"Gather", {x, number(1)}, nullptr, "f32[3]"},
      {"Gather", {x, number(-2)}, nullptr, "f32[3]"},
      {"Gather", {x, number(2)}, nullptr, "index 2 is out of range for extent 2", "onnx.index"},
      {"Gather", {x, number(-3)}, nullptr, "index -3", "onnx.index"},
      {"Gather", {x, number(0)}, one("axis", 2), "axis 2", "onnx.axis"},
      {"ScatterND", {x, whole({1, 2}), real({1})}, word("reduction", "min"), "f32[2, 3]", "", 18},
      {"ScatterND",
       {x, whole({1, 2}), real({1})},
       word("reduction", "mean"),
       "'mean'",
       "onnx.attribute",
       18},
      {"BitShift",
       {whole({2}, TensorProto::UINT8), whole({2}, TensorProto::UINT8)},
       word("direction", "LEFT"),
       "u8[2]"},
      {"BitShift",
       {whole({2}, TensorProto::UINT8), whole({2}, TensorProto::UINT8)},
       word("direction", "UP"),
       "'direction' is 'UP'",
       "onnx.attribute"},
      {"Gelu", {x}, word("approximate", "tanh"), "f32[2, 3]", "", 20},
      {"Gelu", {x}, word("approximate", "fast"), "'approximate' is 'fast'", "onnx.attribute", 20},
      {"NegativeLogLikelihoodLoss", {x, whole({2})}, word("reduction", "sum"), "f32[]"},
      {"NegativeLogLikelihoodLoss",
       {x, whole({2})},
       word("reduction", "max"),
       "'max'",
       "onnx.attribute"},
      {"TensorScatter", {real({2, 4, 3}), real({2, 1, 3})}, nullptr, "f32[2, 4, 3]", "", 24},
      {"TensorScatter",
       {real({2, 4, 3}), real({2, 1, 3})},
       one("axis", 0),
       "axis 0",
       "onnx.axis",
       24},
      {"TensorScatter",
       {real({2, 4, 3}), real({2, 1, 3})},
       word("mode", "spiral"),
       "'spiral'",
       "onnx.attribute",
       24},
      {"Gemm", {x, real({3, 4})}, nullptr, "f32[2, 4]"},
      {"Gemm", {x, real({3})}, nullptr, "must have rank 2", "onnx.shape"},
      {"Gemm", {real({1, 2, 3}), real({3, 4})}, nullptr, "must have rank 2", "onnx.shape"},
      {"MatMul", {x, whole({3, 4})}, nullptr, "different element types", "onnx.type"},
      {"Range", {number(0), number(5), number(2)}, nullptr, "i64[3]"},
      {"Range", {number(5), number(0), number(-2)}, nullptr, "i64[3]"},
      {"Range", {number(0), number(5), number(0)}, nullptr, "'delta' is 0", "onnx.shape"},
      {"Range", {number(0), number(INT64_MAX), number(1)}, nullptr, "too many", "onnx.shape"},
      {"Add",
       {real({2, 3, 4}), real({3})},
       [](NodeRef n) { n.i("broadcast", 1).i("axis", 1); },
       "f32[2, 3, 4]",
       "",
       6},
      {"Add",
       {real({2, 3, 4}), real({3, 4})},
       [](NodeRef n) { n.i("broadcast", 1).i("axis", 2); },
       "does not fit at axis 2",
       "onnx.attribute",
       6},
  });
}

TEST(ConvertRefusals, scans) {
  onnx::GraphProto sum;
  sum.set_name("body");
  for (const char* name : {"state", "part"})
    set_type(*sum.add_input(), name, TensorProto::FLOAT, {3});
  add_node(sum, "Add", {"state", "part"}, {"next"});
  add_node(sum, "Neg", {"next"}, {"out"});
  for (const char* name : {"next", "out"}) sum.add_output()->set_name(name);
  const std::vector<Operand> operands{real({3}), real({4, 3})};
  const auto scan = [&](int64_t inputs, const char* key = nullptr, std::vector<int64_t> v = {}) {
    return [=](NodeRef n) {
      n.g("body", sum).i("num_scan_inputs", inputs);
      if (key != nullptr) n.ints(key, v);
    };
  };
  check({
      {"Scan", operands, scan(1), "f32[3]", "", 17, 2},
      {"Scan", operands, scan(0), "'num_scan_inputs' is 0", "onnx.attribute", 17, 2},
      {"Scan", operands, scan(3), "'num_scan_inputs' is 3", "onnx.attribute", 17, 2},
      {"Scan", operands, scan(1, "scan_input_axes", {0, 0}), "number of axes", "onnx.attribute", 17,
       2},
      {"Scan", operands, scan(1, "scan_output_axes", {0, 0}), "number of axes", "onnx.attribute",
       17, 2},
      {"Scan", operands, scan(1, "scan_input_axes", {2}), "axis 2", "onnx.axis", 17, 2},
  });
}

}  // namespace
}  // namespace tenon::onnx_import::testing
