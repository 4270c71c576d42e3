// Header, inputs, symbolic dimensions, versions, attributes, problems listed at once.
#include "frontend/onnx/import.h"

#include <gtest/gtest.h>

#include "frontend/onnx/schema.h"
#include "frontend/onnx/symbols.h"
#include "frontend/onnx/test_model.h"
#include "ir/default_value.h"

namespace tenon::onnx_import::testing {
namespace {

using ::testing::Test;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(contains(text, part)) << (text)

TEST(Schema, finds_the_version_in_force) {
  EXPECT_EQ(find_schema("", "Clip", 10)->since_version, 6);
  EXPECT_EQ(find_schema("", "Clip", 12)->since_version, 12);
  EXPECT_EQ(find_schema("", "Gelu", 19), nullptr);
  EXPECT_TRUE(is_known_operator("", "Gelu"));
  EXPECT_FALSE(is_known_operator("", "Gallop"));
  EXPECT_GE(schema_tables().newest_opset, 25);
}

TEST(Import, imports_a_model) {
  Model m;
  m.input("x", {"batch", 4})
      .init(float_tensor("w", {4, 3}, std::vector<float>(12, 1)))
      .output("y: odd/näme");
  m.node("MatMul", {"x", "w"}, {"y: odd/näme"});
  m.proto.set_producer_name("maker");
  const auto imported = m.import();
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(ops::show(imported->function->results[0]->type), "f32[batch, 3]");
  EXPECT_EQ(imported->function->result_names[0], "y: odd/näme");
  EXPECT_EQ(imported->function->params.size(), 1U);
  EXPECT_EQ(imported->symbols.size(), 1U);
  EXPECT_EQ(imported->symbols[0].first, "batch");
  EXPECT_EQ(imported->producer_name, "maker");
  EXPECT_EQ(imported->opset, 17);
}

TEST(Import, shares_symbols_where_a_node_needs_it_and_names_the_unnamed) {
  Model m;
  m.input("a", {"n", "?"}).input("b", {"n", "?"}).output("c");
  m.node("Concat", {"a", "b"}, {"c"}).i("axis", 1);
  const auto imported = m.import();
  ASSERT_TRUE(imported);
  ASSERT_EQ(imported->symbols.size(), 3U);
  EXPECT_EQ(imported->symbols[1].first, "a.d1");
  EXPECT_EQ(imported->symbols[2].first, "b.d1");
  EXPECT_EQ(imported->function->params[0]->shape()[0], imported->function->params[1]->shape()[0]);
}

TEST(Import, shares_no_symbols_where_no_node_needs_it) {
  Model m;
  m.input("a", {"n", 2}).input("b", {"n", 2}).output("c");
  m.node("Concat", {"a", "b"}, {"c"}).i("axis", 0);
  const auto imported = m.import();
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->symbols.size(), 2U);
  EXPECT_NE(imported->function->params[0]->shape()[0], imported->function->params[1]->shape()[0]);
}

TEST(Import, knows_names_that_are_none) {
  for (const char* name : {"", "?", "None", "unk__12", "unk_3", "Unknown", "*"})
    EXPECT_TRUE(is_anonymous(name)) << name;
  for (const char* name : {"n", "batch_1", "unknown_batch", "nones", "d0"})
    EXPECT_FALSE(is_anonymous(name)) << name;
}

TEST(Import, broadcasts_extents_of_different_names) {
  Model m;
  m.input("a", {"n", 2}).input("b", {"m", 2}).output("c");
  m.node("Add", {"a", "b"}, {"c"});
  const auto imported = m.import();
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(ops::show(imported->function->results[0]->type), "f32[select(n == 1, m, n), 2]");
  EXPECT_EQ(imported->function->guards.size(), 2U);
}

TEST(Import, fixes_dims_on_request) {
  Model m;
  m.input("x", {"n", 2}).output("y");
  m.node("Relu", {"x"}, {"y"});
  ImportOptions options;
  options.dims["n"] = 5;
  EXPECT_EQ(m.type(0, options), "f32[5, 2]");
}

TEST(Import, an_initializer_of_an_input_is_its_default) {
  Model m;
  m.input("x", {2}).input("k", {2}).init(float_tensor("k", {2}, {1, 2})).output("y");
  m.node("Add", {"x", "k"}, {"y"});
  const auto imported = m.import();
  ASSERT_TRUE(imported);
  ASSERT_EQ(imported->function->params.size(), 2U);
  EXPECT_EQ(ir::default_of(imported->function->params[0]), nullptr);
  EXPECT_NE(ir::default_of(imported->function->params[1]), nullptr);
  m.proto.set_ir_version(3);
  const auto old = m.import();
  ASSERT_TRUE(old);
  EXPECT_EQ(old->function->params.size(), 1U);
}

TEST(Import, sorts_nodes_with_a_warning) {
  Model m;
  m.input("x", {2}).output("y");
  m.node("Neg", {"a"}, {"y"});
  m.node("Exp", {"x"}, {"a"});
  const auto imported = m.import();
  ASSERT_TRUE(imported) << imported.error().text();
  ASSERT_EQ(imported->warnings.size(), 1U);
  EXPECT_CONTAINS(imported->warnings[0], "the nodes are sorted");
}

TEST(Import, gives_defaults_of_the_schema) {
  // Gemm's alpha and beta default to 1, Concat of opset 3 on needs an axis.
  Model m;
  m.input("x", {2, 3}).output("y");
  m.node("Concat", {"x", "x"}, {"y"});
  EXPECT_CONTAINS(m.problems(), "attribute 'axis' is missing");
  Model gemm;
  gemm.init(float_tensor("a", {1, 1}, {3})).init(float_tensor("c", {1}, {1})).output("y");
  gemm.node("Gemm", {"a", "a", "c"}, {"y"});
  EXPECT_EQ(gemm.values(), "10");
}

TEST(Import, lists_all_problems_at_once) {
  Model m(17);
  m.input("x", {2, 3}).output("z");
  m.node("Gallop", {"x"}, {"a"}).name("first");
  m.node("Relu", {"a"}, {"b"});                   // silent: follows from the first
  m.node("Canter", {"b"}, {"c"}).name("second");  // still named
  m.node("Relu", {"x"}, {"d"}).i("speed", 3);
  m.node("Add", {"x", "nowhere"}, {"e"});
  m.node("Transpose", {"x"}, {"f"}).ints("perm", {0, 0}).name("third");
  m.node("Gelu", {"x"}, {"g"});
  m.node("Relu", {"x"}, {"z"});
  const auto imported = m.import();
  ASSERT_FALSE(imported);
  const std::string text = imported.error().text();
  EXPECT_EQ(imported.error().diagnostics.size(), 6U) << text;
  EXPECT_CONTAINS(text, "test.onnx: node 'first' (Gallop, opset 17): there is no such operator;");
  EXPECT_CONTAINS(text, "node 'second' (Canter");
  EXPECT_CONTAINS(text, "attribute 'speed' does not exist");
  EXPECT_CONTAINS(text, "reads 'nowhere'");
  EXPECT_CONTAINS(text, "axis 0 is given twice");
  EXPECT_CONTAINS(text,
                  "node '-> g' (Gelu, opset 17): the operator does not exist yet in this opset");
}

TEST(Import, refuses_foreign_domains) {
  for (const char* domain : {"org.example", "ai.onnx.ml"}) {
    Model m;
    m.proto.add_opset_import()->set_domain(domain);
    m.input("x", {2}).output("y");
    m.node("Gallop", {"x", "x"}, {"y"}).node->set_domain(domain);
    EXPECT_CONTAINS(m.problems(), "domain '" + std::string(domain) +
                                      "' has no operator of this name that is supported;");
  }
}

TEST(Import, refuses_opsets_that_it_does_not_know) {
  Model m(99);
  m.input("x", {2}).output("x");
  EXPECT_CONTAINS(m.problems(), "opset 99 is newer than");
  Model old(0);
  old.input("x", {2}).output("x");
  EXPECT_CONTAINS(old.problems(), "opset 0 is older than");
}

TEST(Import, refuses_values_that_are_not_tensors) {
  Model m;
  m.graph().add_input()->set_name("s");
  m.graph().mutable_input(0)->mutable_type()->mutable_sequence_type();
  m.input("t", {2}, TensorProto::STRING).output("y");
  m.node("Identity", {"t"}, {"y"});
  const std::string text = m.problems();
  EXPECT_CONTAINS(text, "input 's' is a sequence");
  EXPECT_CONTAINS(text, "input 't' has elements of type STRING");
}

TEST(Import, refuses_wrong_counts) {
  Model m;
  m.input("x", {2}).output("y");
  m.node("Relu", {"x", "x"}, {"a"});
  m.node("Add", {"x"}, {"b"});
  m.node("Relu", {"x"}, {"y", "z"});
  const std::string text = m.problems();
  EXPECT_CONTAINS(text, "takes 1 inputs, has 2");
  EXPECT_CONTAINS(text, "takes 2 inputs, has 1");
  EXPECT_CONTAINS(text, "gives 1 outputs, 2 are named");
}

TEST(Import, refuses_duplicates_cycles_and_missing_outputs) {
  Model m;
  m.input("x", {2}).output("y").output("lost");
  m.node("Relu", {"later"}, {"a"});
  m.node("Relu", {"a"}, {"later"});
  m.node("Relu", {"x"}, {"y"});
  m.node("Neg", {"x"}, {"y"});
  m.init(float_tensor("w", {1}, {1})).init(float_tensor("w", {1}, {2}));
  const std::string text = m.problems();
  EXPECT_CONTAINS(text, "reads 'later', which no earlier node");
  EXPECT_CONTAINS(text, "gives 'y', which is defined already;");
  EXPECT_CONTAINS(text, "output 'lost' is not produced by any node");
  EXPECT_CONTAINS(text, "initializer 'w' is defined twice");
}

TEST(Import, refuses_shapes_that_do_not_fit) {
  Model m;
  m.input("x", {2, 3}).input("y", {2, 4}).input("n", {2, 3}, TensorProto::INT64).output("z");
  m.node("Add", {"x", "y"}, {"a"}).name("add");
  m.node("MatMul", {"x", "y"}, {"b"}).name("mm");
  m.node("Add", {"x", "n"}, {"c"}).name("types");
  m.node("Relu", {"x"}, {"z"});
  const std::string text = m.problems();
  EXPECT_CONTAINS(text,
                  "node 'add' (Add, opset 17): shapes [2, 3] and [2, 4] do not broadcast: axis 1 ");
  EXPECT_CONTAINS(text, "node 'mm' (MatMul");
  EXPECT_CONTAINS(text, "differ in element type: f32[2, 3] and i64[2, 3];");
}

TEST(Import, refuses_confused_attribute_types) {
  Model m;
  m.input("x", {2, 3}).output("y");
  m.node("Transpose", {"x"}, {"a"}).f("perm", 1);
  m.node("Softmax", {"x"}, {"b"}).s("axis", "1");
  m.node("Cast", {"x"}, {"c"}).i("to", 4711);
  m.node("LeakyRelu", {"x"}, {"d"}).ints("alpha", {1});
  m.node("Relu", {"x"}, {"y"});
  const std::string text = m.problems();
  EXPECT_CONTAINS(text, "attribute 'perm' is FLOAT, not INTS");
  EXPECT_CONTAINS(text, "attribute 'axis' is STRING, not INT");
  EXPECT_CONTAINS(text, "data type 4711");
}

TEST(Import, reports_no_more_than_a_few_hundred_problems) {
  Model m;
  m.input("x", {2}).output("y");
  for (int i = 0; i < 1000; ++i) m.node("Gallop", {"x"}, {"a" + std::to_string(i)});
  m.node("Relu", {"x"}, {"y"});
  const auto imported = m.import();
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().diagnostics.size(), 201U);
  EXPECT_CONTAINS(imported.error().text(), "and 800 more problems");
}

TEST(Import, refuses_files_that_are_not_models) {
  const std::string text = "this is no model";
  const auto garbage =
      import_bytes({reinterpret_cast<const std::byte*>(text.data()), text.size()}, "", "a.txt");
  ASSERT_FALSE(garbage);
  EXPECT_CONTAINS(garbage.error().text(), "a.txt: not an ONNX model");
  Model m;
  m.input("x", {2}).output("y").init(float_tensor("w", {64}, std::vector<float>(64, 1)));
  m.node("Add", {"x", "x"}, {"y"});
  const std::string bytes = m.proto.SerializeAsString();
  for (size_t cut = 0; cut < bytes.size(); cut += 7)
    EXPECT_FALSE(
        import_bytes({reinterpret_cast<const std::byte*>(bytes.data()), cut}, "", "cut.onnx"));
  EXPECT_FALSE(import_file("/nonexistent/model.onnx"));
  EXPECT_FALSE(import_file("/tmp"));
  EXPECT_FALSE(import_file("/dev/null"));
}

TEST(Import, files_of_two_gibibytes_are_beyond_the_format) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_import_XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const auto problem = [&](uint64_t size) {  // of a file of zeros that takes no room
    const auto path = folder / "zeros.onnx";
    std::ofstream(path).put('\0');
    std::filesystem::resize_file(path, size);
    return import_file(path).error().text();
  };
  EXPECT_CONTAINS(problem(INT32_MAX), "not an ONNX model");
  EXPECT_CONTAINS(problem(uint64_t{INT32_MAX} + 1), "larger than 2 GiB");
  EXPECT_CONTAINS(problem(0), "the file is empty");
  std::filesystem::remove_all(folder);
}

TEST(Import, survives_flipped_bytes) {
  Model m;
  m.input("x", {"n", 4}).output("y").init(float_tensor("w", {4, 4}, std::vector<float>(16, 1)));
  m.init(int_tensor("shape", {2}, {-1, 2}));
  m.node("MatMul", {"x", "w"}, {"a"});
  m.node("Reshape", {"a", "shape"}, {"b"});
  m.node("Softmax", {"b"}, {"y"}).i("axis", 1);
  const std::string good = m.proto.SerializeAsString();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      (void)import_bytes({reinterpret_cast<const std::byte*>(bad.data()), bad.size()}, "",
                         "flip.onnx");
    }
  }
}

TEST(Import, is_linear_in_the_length_of_a_chain) {
  Model m;
  m.input("x", {8}).output("t20000");
  m.node("Relu", {"x"}, {"t0"});
  for (int i = 0; i < 20000; ++i)
    m.node(i % 2 ? "Relu" : "Neg", {"t" + std::to_string(i)}, {"t" + std::to_string(i + 1)});
  EXPECT_EQ(m.problems(), "");
}

TEST(Import, values_given_for_inputs_serve_only_where_needed) {
  Model m(18);
  m.input("x", {2, 3}).input("axes", {1}, TensorProto::INT64).output("y");
  m.node("ReduceSum", {"x", "axes"}, {"y"});
  EXPECT_CONTAINS(m.problems(), "[onnx.needs_constant]");
  ImportOptions options;
  options.input_values["axes"] = ops::Tensor::zeros(ir::DType::i64, {1});
  options.input_values["axes"].set_i(0, 1);
  options.input_values["x"] = ops::Tensor::zeros(ir::DType::f32, {2, 3});
  const auto imported = m.import(options);
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(ops::show(imported->function->results[0]->type), "f32[2, 1]");
  EXPECT_EQ(imported->specialized, std::vector<std::string>{"axes"});
  EXPECT_EQ(imported->function->params.size(), 2U);
}

// ---- functions

onnx::FunctionProto& add_function(Model& m, const std::string& name) {
  auto& f = *m.proto.add_functions();
  f.set_domain("local");
  f.set_name(name);
  f.add_input("a");
  f.add_output("b");
  f.add_opset_import()->set_version(17);
  auto* local = f.add_opset_import();
  local->set_domain("local");
  local->set_version(1);
  return f;
}

void call_local(Model& m, const std::string& name) {
  auto* import = m.proto.add_opset_import();
  import->set_domain("local");
  import->set_version(1);
  m.input("x", {2, 3}).output("y");
  m.node(name, {"x"}, {"y"}).name("outer").node->set_domain("local");
}

TEST(Functions, are_expanded_with_attribute_references) {
  Model m;
  call_local(m, "Turn");
  auto& f = add_function(m, "Turn");
  f.add_attribute("order");
  auto* node = f.add_node();
  node->set_op_type("Transpose");
  node->add_input("a");
  node->add_output("b");
  auto* perm = node->add_attribute();
  perm->set_name("perm");
  perm->set_ref_attr_name("order");
  perm->set_type(AttributeProto::INTS);
  EXPECT_EQ(m.type(), "f32[3, 2]");  // without the attribute: the operator's own default
  NodeRef{m.graph().mutable_node(0)}.ints("order", {0, 1});
  EXPECT_EQ(m.type(), "f32[2, 3]");
}

TEST(Functions, that_call_themselves_are_refused) {
  Model m;
  call_local(m, "Loopy");
  auto& f = add_function(m, "Loopy");
  auto* node = f.add_node();
  node->set_op_type("Loopy");
  node->set_domain("local");
  node->add_input("a");
  node->add_output("b");
  EXPECT_CONTAINS(m.problems(), "function 'Loopy' calls itself;");
  EXPECT_CONTAINS(m.problems(), "[onnx.recursion]");
}

TEST(Functions, that_double_endlessly_are_refused) {
  Model m;
  call_local(m, "F0");
  for (int level = 0; level < 40; ++level) {
    auto& f = add_function(m, "F" + std::to_string(level));
    std::string from = "a";
    for (int k = 0; k < 8; ++k) {
      auto* node = f.add_node();
      node->set_op_type(level < 39 ? "F" + std::to_string(level + 1) : "Relu");
      if (level < 39) node->set_domain("local");
      node->add_input(from);
      from = k < 7 ? "t" + std::to_string(k) : "b";
      node->add_output(from);
    }
  }
  EXPECT_CONTAINS(m.problems(), "expand to too many nodes");
  EXPECT_CONTAINS(m.problems(), "[onnx.size]");
}

TEST(Functions, of_the_schema_stand_in_for_missing_conversions) {
  Model m(28);
  m.input("a", {2}).input("b", {2}).output("y");
  m.node("SwiGLU", {"a", "b"}, {"y"});
  EXPECT_EQ(m.type(), "f32[2]");
}

}  // namespace
}  // namespace tenon::onnx_import::testing
