// Every code of the importer: the smallest model that provokes it, where the message says it is,
// and what it tells the user to do.
#include <gtest/gtest.h>

#include "frontend/onnx/test_model.h"

namespace tenon::onnx_import::testing {
namespace {

constexpr int kString = TensorProto::STRING;

/// One line of the diagnostics holds the file, the code and all of these words.
void expect_refused(const Model& m, const std::string& code, const std::vector<std::string>& words,
                    const std::filesystem::path& folder = {}) {
  const auto imported = m.import({}, folder);
  ASSERT_FALSE(imported) << "not refused: " << code << " " << words[0];
  std::string missing = "no line with the code";
  for (const Diagnostic& d : imported.error().diagnostics) {
    if (d.code != code) continue;
    missing.clear();
    EXPECT_EQ(d.message.rfind("test.onnx: ", 0), 0U) << d.message;
    EXPECT_NE(d.message.find("; "), std::string::npos) << "no way out: " << d.message;
    for (const std::string& word : words)
      if (d.message.find(word) == std::string::npos) missing += " " + word;
    if (missing.empty()) return;
  }
  ADD_FAILURE() << code << ": missing" << missing << " in\n" << imported.error().text();
}

/// x[2, 3] -> one node -> y.
struct One : Model {
  explicit One(const std::string& op, std::vector<std::string> operands = {"x"}, int64_t opset = 17)
      : Model(opset) {
    input("x", {2, 3}).output("y");
    ref = node(op, operands, {"y"}).name("it");
  }
  NodeRef ref{};
};

onnx::GraphProto body(const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs) {
  onnx::GraphProto g;
  g.set_name("body");
  for (const auto& name : inputs) set_type(*g.add_input(), name, TensorProto::FLOAT, {2, 3});
  for (const auto& name : outputs) g.add_output()->set_name(name);
  return g;
}

TEST(Refusals, of_the_model_around_the_nodes) {
  Model none;
  none.input("x", {2});
  expect_refused(none, "onnx.output", {"no outputs"});
  Model lost;
  lost.input("x", {2}).output("lost");
  expect_refused(lost, "onnx.output", {"'lost'"});
  Model twice;
  twice.input("x", {2}).output("x").output("x");
  expect_refused(twice, "onnx.duplicate", {"output 'x'", "twice"});
  Model same;
  same.input("x", {2}).input("x", {2}).output("x");
  expect_refused(same, "onnx.duplicate", {"input 'x'", "twice"});
  Model unnamed;
  unnamed.input("", {2}).input("x", {2}).output("x");
  expect_refused(unnamed, "onnx.input", {"no name"});
  Model rankless;
  rankless.input("x", {2}).output("x");
  rankless.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  expect_refused(rankless, "onnx.unknown_rank", {"input 'x'", "rank"});
  Model negative;
  negative.input("x", {-2}).output("x");
  expect_refused(negative, "onnx.shape", {"input 'x'", "-2", "axis 0"});
  Model text;
  text.input("x", {2}, kString).output("x");
  expect_refused(text, "onnx.element_type", {"input 'x'", "STRING"});
  Model optional;
  optional.graph().add_input()->set_name("o");
  optional.graph().mutable_input(0)->mutable_type()->mutable_optional_type();
  expect_refused(optional.output("o"), "onnx.type", {"input 'o'", "an optional"});
  Model versions;
  versions.input("x", {2}).output("x");
  versions.proto.add_opset_import()->set_version(16);
  expect_refused(versions, "onnx.opset", {"two versions"});
  Model newer(99);
  expect_refused(newer.input("x", {2}).output("x"), "onnx.opset", {"99", "older opset"});
  Model older(0);
  expect_refused(older.input("x", {2}).output("x"), "onnx.opset", {"0", "version_converter"});
}

TEST(Refusals, an_extent_of_minus_one_is_symbolic) {
  Model m;
  m.input("x", {-1}).output("x");
  EXPECT_EQ(m.problems(), "");
}

TEST(Refusals, of_initializers) {
  Model unnamed;
  unnamed.input("x", {2}).output("x").init(float_tensor("", {1}, {1}));
  expect_refused(unnamed, "onnx.initializer", {"no name"});
  Model twice;
  twice.input("x", {2}).output("x").init(float_tensor("w", {1}, {1}));
  twice.init(float_tensor("w", {1}, {2}));
  expect_refused(twice, "onnx.duplicate", {"initializer 'w'"});
  Model sparse;
  sparse.input("x", {2}).output("x");
  *sparse.graph().add_sparse_initializer()->mutable_values() = float_tensor("s", {1}, {1});
  expect_refused(sparse, "onnx.sparse", {"'s'", "dense"});
  Model text;
  TensorProto words;
  words.set_name("w");
  words.set_data_type(kString);
  expect_refused(text.input("x", {2}).output("x").init(words), "onnx.element_type",
                 {"w", "STRING"});
  Model segments;
  TensorProto segment = float_tensor("w", {1}, {1});
  segment.mutable_segment()->set_begin(0);
  expect_refused(segments.input("x", {2}).output("x").init(segment), "onnx.tensor", {"w"});
  Model small;
  expect_refused(small.input("x", {2}).output("x").init(float_tensor("w", {3}, {1, 2})),
                 "onnx.tensor_size", {"w", "3", "2"});
}

TEST(Refusals, of_external_data) {
  const auto external = [](const std::string& location) {
    Model m;
    TensorProto w = float_tensor("w", {1}, {});
    w.set_data_location(TensorProto::EXTERNAL);
    auto* entry = w.add_external_data();
    entry->set_key("location");
    entry->set_value(location);
    m.input("x", {2}).output("x").init(w);
    return m;
  };
  const auto here = std::filesystem::temp_directory_path();
  for (const std::string path : {"/etc/passwd", "../up.bin", "a/../../up.bin"})
    expect_refused(external(path), "onnx.external_path", {path, "model's folder"}, here);
  expect_refused(external("no_such_file.bin"), "file.open", {"no_such_file.bin"}, here);
  expect_refused(external(""), "onnx.external_path", {"w", "no name"}, here);
  expect_refused(external("w.bin"), "onnx.external_data", {"w"});
}

TEST(Refusals, of_operators) {
  expect_refused(One("Gallop"), "onnx.unknown_operator", {"node 'it' (Gallop, opset 17)"});
  expect_refused(One("Gelu"), "onnx.unknown_operator", {"node 'it'", "opset"});
  One foreign("BiasGelu");
  foreign.ref.node->set_domain("com.example");
  expect_refused(foreign, "onnx.unknown_operator", {"com.example"});
  One domain("LinearRegressor");
  domain.ref.node->set_domain("ai.onnx.ml");
  expect_refused(domain, "onnx.opset", {"node 'it'", "ai.onnx.ml"});
  One strings("StringNormalizer");
  expect_refused(strings, "onnx.unsupported_operator", {"node 'it'", "StringNormalizer"});
  expect_refused(One("Relu", {"nowhere"}), "onnx.undefined", {"node 'it'", "'nowhere'"});
  expect_refused(One("Relu", {"x", "x"}), "onnx.input", {"takes 1 inputs, has 2"});
  expect_refused(One("Add"), "onnx.input", {"takes 2 inputs, has 1"});
  expect_refused(One("Concat", {}), "onnx.input", {"1 or more"});
  expect_refused(One("Add", {"x", ""}), "onnx.input", {"node 'it'", "input 1 is missing"});
  One outputs("Relu");
  outputs.ref.node->add_output("z");
  expect_refused(outputs, "onnx.output", {"gives 1 outputs, 2 are named"});
  One missing("Concat", {"x", "x"});
  expect_refused(missing, "onnx.attribute", {"'axis' is missing"});
  One extra("Relu");
  extra.ref.i("speed", 3);
  expect_refused(extra, "onnx.attribute", {"'speed'", "version 14"});
  One type("Softmax");
  type.ref.s("axis", "1");
  expect_refused(type, "onnx.attribute", {"'axis' is STRING, not INT"});
  Model twice;
  twice.input("x", {2}).output("y");
  twice.node("Relu", {"x"}, {"y"});
  twice.node("Neg", {"x"}, {"y"}).name("it");
  expect_refused(twice, "onnx.duplicate", {"node 'it'", "'y'"});
}

TEST(Refusals, reports_no_more_than_a_few_hundred_problems) {
  Model m;
  m.input("x", {2}).output("y");
  for (int i = 0; i < 202; ++i) m.node("Gallop", {"x"}, {"a" + std::to_string(i)});
  m.node("Relu", {"x"}, {"y"});
  const auto imported = m.import();
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().diagnostics.back().code, "onnx.more");
  EXPECT_NE(imported.error().text().find("2 more problems"), std::string::npos);
}

TEST(Refusals, of_shapes) {
  const auto vector = [](One m, const std::string& name, const std::vector<int64_t>& values) {
    m.init(int_tensor(name, {static_cast<int64_t>(values.size())}, values));
    return m;
  };
  One matrix("MatMul", {"x", "s"});
  expect_refused(matrix.init(float_tensor("s", {}, {1})), "matmul.C1", {"node 'it'", "rank 1"});
  expect_refused(vector(One("Squeeze", {"x", "v"}), "v", {0}), "squeeze.C1", {"axis 0", "2"});
  expect_refused(vector(One("Unsqueeze", {"x", "v"}), "v", {3}), "onnx.axis", {"3", "rank 3"});
  expect_refused(vector(One("Unsqueeze", {"x", "v"}), "v", {0, 0}), "onnx.axis", {"twice"});
  expect_refused(vector(One("ReduceSum", {"x", "v"}), "v", {2}), "onnx.axis", {"2", "rank 2"});
  expect_refused(vector(One("ReduceSum", {"x", "v"}), "v", {-3}), "onnx.axis", {"-3", "rank 2"});
  expect_refused(vector(One("ReduceSum", {"x", "v"}), "v", {1, -1}), "onnx.axis", {"twice"});
  One broadcast("Add", {"x", "w"});
  expect_refused(broadcast.init(float_tensor("w", {2}, {1, 2})), "broadcast.C3", {"[2, 3]", "[2]"});
  expect_refused(vector(One("Expand", {"x", "v"}), "v", {2, 4}), "broadcast.C3", {"node 'it'"});
  expect_refused(vector(One("Reshape", {"x", "v"}), "v", {-2, 3}), "onnx.shape", {"-2"});
  expect_refused(vector(One("Reshape", {"x", "v"}), "v", {-1, -1}), "onnx.shape", {"-1"});
  expect_refused(vector(One("Reshape", {"x", "v"}), "v", {2, 3, 0}), "onnx.shape", {"0"});
  One cast("Cast");
  cast.ref.i("to", 4711);
  expect_refused(cast, "onnx.element_type", {"'to'", "4711"});
  One types("Add", {"x", "v"});
  expect_refused(vector(types, "v", {1}), "add.C1", {"f32", "i64"});
  One floats("Squeeze", {"x", "f"});
  expect_refused(floats.init(float_tensor("f", {1}, {0})), "onnx.type", {"'axes'", "f32"});
  One several("CumSum", {"x", "v"});
  expect_refused(vector(several, "v", {0, 1}), "onnx.shape", {"one element"});
}

TEST(Refusals, of_values_that_only_a_run_knows) {
  One reduce("ReduceSum", {"x", "a"});
  expect_refused(reduce.input("a", {1}, TensorProto::INT64), "onnx.needs_constant",
                 {"'axes'", "initializer"});
  One reshape("Reshape", {"x", "s"});
  expect_refused(reshape.input("s", {"n"}, TensorProto::INT64), "onnx.dynamic_rank", {"node 'it'"});
  One expand("Expand", {"x", "s"});
  expect_refused(expand.input("s", {"n"}, TensorProto::INT64), "onnx.dynamic_rank", {"node 'it'"});
  One slice("Slice", {"x", "s", "s"});
  expect_refused(slice.input("s", {"n"}, TensorProto::INT64), "onnx.dynamic_rank", {"'starts'"});
  Model squeeze;
  squeeze.input("x", {"n", 3}).output("y");
  squeeze.node("Squeeze", {"x"}, {"y"});
  expect_refused(squeeze, "onnx.dynamic_rank", {"give the axes"});
}

TEST(Refusals, of_constants_and_training) {
  One words("Constant", {});
  words.ref.s("value_string", "a");
  expect_refused(words, "onnx.element_type", {"strings"});
  One sparse("Constant", {});
  sparse.ref.attribute("sparse_value", AttributeProto::SPARSE_TENSOR)->mutable_sparse_tensor();
  expect_refused(sparse, "onnx.sparse", {"sparse"});
  expect_refused(One("Constant", {}), "onnx.attribute", {"no value"});
  One dropout("Dropout", {"x", "ratio", "training"});
  TensorProto training = int_tensor("training", {}, {});
  training.set_data_type(TensorProto::BOOL);
  training.add_int32_data(1);
  dropout.init(float_tensor("ratio", {}, {0.5F})).init(training);
  expect_refused(dropout, "onnx.training", {"inference"});
}

TEST(Refusals, of_branches) {
  const auto branch = [](const std::string& op, const std::vector<std::string>& outputs) {
    onnx::GraphProto g = body({}, outputs);
    for (const auto& name : outputs) add_node(g, op, {"x"}, {name});
    return g;
  };
  const auto choice = [](const onnx::GraphProto& then, const onnx::GraphProto& otherwise) {
    One m("If", {"c"});
    m.input("c", {}, TensorProto::BOOL);
    m.ref.g("then_branch", then).g("else_branch", otherwise);
    return m;
  };
  expect_refused(choice(branch("Relu", {"a"}), branch("Relu", {"a", "b"})), "onnx.if", {"numbers"});
  expect_refused(choice(branch("Relu", {"a"}), branch("Shape", {"a"})), "onnx.if", {"types"});
  expect_refused(choice(branch("Relu", {"a"}), body({}, {"lost"})), "onnx.output", {"'lost'"});
  expect_refused(choice(branch("Relu", {"a"}), body({"i"}, {"i"})), "onnx.subgraph", {"takes 1"});
  One number("If", {"x"});
  number.ref.g("then_branch", branch("Relu", {"a"})).g("else_branch", branch("Relu", {"a"}));
  expect_refused(number, "onnx.type", {"node 'it'", "'cond'", "f32"});
  One integer("If", {"i"});
  integer.input("i", {}, TensorProto::INT64);
  integer.ref.g("then_branch", branch("Relu", {"a"})).g("else_branch", branch("Relu", {"a"}));
  expect_refused(integer, "onnx.type", {"'cond'", "i64"});
}

TEST(Refusals, of_loops_and_scans) {
  One arity("Loop", {"", "", "x"});
  arity.ref.g("body", body({"i", "c"}, {"c", "x"}));
  expect_refused(arity, "onnx.subgraph", {"2 inputs", "1 carried"});
  One outputs("Loop", {"", "", "x"});
  outputs.ref.g("body", body({"i", "c", "s"}, {"c"}));
  expect_refused(outputs, "onnx.subgraph", {"1 outputs"});
  One grows("Loop", {"", "", "x"});
  onnx::GraphProto step = body({"i", "c", "s"}, {"c", "t"});
  add_node(step, "Shape", {"s"}, {"t"});
  grows.ref.g("body", step);
  expect_refused(grows, "onnx.loop", {"node 'it'", "rank or element type"});
  One scan("Scan", {"x"});
  scan.ref.g("body", body({"a", "b"}, {"a"})).i("num_scan_inputs", 1);
  expect_refused(scan, "onnx.subgraph", {"do not match"});
  Model lengths(8);
  lengths.input("n", {1}, TensorProto::INT64).input("x", {1, 2, 3}).output("y");
  onnx::GraphProto same = body({"a"}, {"b"});
  add_node(same, "Identity", {"a"}, {"b"});
  lengths.node("Scan", {"n", "x"}, {"y"}).g("body", same).i("num_scan_inputs", 1);
  expect_refused(lengths, "onnx.scan", {"sequence lengths"});
}

TEST(Refusals, of_optionals_and_sequences) {
  Model optional(18);
  optional.input("x", {2}).output("y");
  optional.node("Optional", {}, {"o"}).attribute("type", AttributeProto::TYPE_PROTO);
  optional.node("OptionalGetElement", {"o"}, {"y"});
  expect_refused(optional, "onnx.optional", {"empty optionals"});
}

TEST(Refusals, of_functions) {
  const auto chain = [](int length, const std::string& result) {
    One m("F0");
    auto* import = m.proto.add_opset_import();
    import->set_domain("local");
    import->set_version(1);
    m.ref.node->set_domain("local");
    for (int i = 0; i < length; ++i) {
      auto* f = m.proto.add_functions();
      f->set_domain("local");
      f->set_name("F" + std::to_string(i));
      f->add_input("a");
      f->add_output(result);
      *f->add_opset_import() = m.proto.opset_import(0);
      *f->add_opset_import() = *import;
      auto* node = f->add_node();
      node->set_op_type(i + 1 < length ? "F" + std::to_string(i + 1) : "Relu");
      node->set_domain(i + 1 < length ? "local" : "");
      node->add_input("a");
      node->add_output("b");
    }
    return m;
  };
  EXPECT_EQ(chain(2, "b").problems(), "");
  expect_refused(chain(60, "b"), "onnx.depth", {"nested too deeply"});
  expect_refused(chain(1, "c"), "onnx.output", {"'F0'", "'c'"});
  One two = chain(1, "b");
  two.ref.node->add_input("x");
  expect_refused(two, "onnx.input", {"function takes 1 inputs, has 2"});
  One again = chain(1, "b");
  *again.proto.add_functions() = again.proto.functions(0);
  expect_refused(again, "onnx.duplicate", {"function 'F0'", "twice"});
}

}  // namespace
}  // namespace tenon::onnx_import::testing
