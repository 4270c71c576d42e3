// Operators that the caller defines: shapes, attributes, and what does not fit.
#include <gtest/gtest.h>

#include "frontend/onnx/test_model.h"
#include "ir/text.h"

namespace tenon::onnx_import {
namespace {

using testing::Model;

ImportOptions with(const std::string& body, const std::string& name = "Gate") {
  ImportOptions options;
  options.operators = {{"mine", name, body}};
  return options;
}

constexpr const char* kGate =
    "model @gate[n, m](x: f32[n, m], w: f32[m]) -> (y) {\n"
    "  t0 = broadcast(w) {dims = [1]} : f32[n, m]\n"
    "  t1 = mul(x, t0) : f32[n, m]\n"
    "  t2 = broadcast(f32({alpha})) {dims = []} : f32[n, m]\n"
    "  t3 = mul(t1, t2) : f32[n, m]\n"
    "  return t3\n"
    "}\n";

Model gate(const std::vector<testing::Dim>& x = {"batch", 4},
           const std::vector<testing::Dim>& w = {4}) {
  Model m;
  m.input("x", x).input("w", w).output("y");
  m.node("Gate", {"x", "w"}, {"y"}).f("alpha", 0.5F).node->set_domain("mine");
  return m;
}

TEST(CustomOperator, a_function_takes_the_operands_extents_and_the_nodes_attributes) {
  const auto imported = gate().import(with(kGate));
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(ops::show(imported->function->results[0]->type), "f32[batch, 4]");
  EXPECT_NE(ir::print(*imported->context, *imported->function).find("f32(0.5)"), std::string::npos);
}

TEST(CustomOperator, a_number_of_the_node_is_all_of_it) {
  for (const float alpha : {0.123456789F, 1e-30F, 3e38F, -0.0F}) {
    Model m;
    m.input("x", {"batch", 4}).input("w", {4}).output("y");
    m.node("Gate", {"x", "w"}, {"y"}).f("alpha", alpha).node->set_domain("mine");
    const auto imported = m.import(with(kGate));
    ASSERT_TRUE(imported) << imported.error().text();
    ir::Context& c = *imported->context;
    const std::string literal =
        ir::print(c.imm_f(c.scalar(ir::DType::f32), static_cast<double>(alpha)));
    EXPECT_NE(ir::print(c, *imported->function).find(literal), std::string::npos) << literal;
  }
}

TEST(CustomOperator, extents_that_differ_are_refused_or_guarded) {
  EXPECT_NE(gate({"batch", 4}, {5}).problems(with(kGate)).find("onnx.custom_operator"),
            std::string::npos);
  const auto imported = gate({"batch", 4}, {"k"}).import(with(kGate));
  ASSERT_TRUE(imported) << imported.error().text();
  ASSERT_EQ(imported->function->guards.size(), 1U);
  EXPECT_EQ(ir::print(imported->function->guards[0].condition), "4 == k");
  EXPECT_EQ(imported->function->guards[0].message,
            "axis 0 of operand 1 of 'Gate' has to be 4, and is k");
}

TEST(CustomOperator, a_kernel_is_called) {
  const std::string body =
      "kernel @gate[n, m](x: in f32[n, m], w: in f32[m], y: out f32[n, m + 1], z: out {type 1}[n]) "
      "extern \"gate\" { }";
  Model m = gate();
  m.output("z");
  m.graph().mutable_node(0)->add_output("z");
  const auto imported = m.import(with(body));
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(ops::show(imported->function->results[0]->type), "f32[batch, 5]");
  EXPECT_EQ(ops::show(imported->function->results[1]->type), "f32[batch]");
  const std::string text = ir::print(*imported->context, *imported->function);
  EXPECT_NE(text.find(") extern \"gate\" {"), std::string::npos) << text;
  const auto again = ir::parse(text, "again");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->kernels[0]->host_function, "gate");
}

TEST(CustomOperator, it_stands_before_an_operator_that_is_known) {
  Model m;
  m.input("x", {3}).output("y");
  m.node("Relu", {"x"}, {"y"});
  ImportOptions options;
  options.operators = {{"ai.onnx", "Relu", "model @r[n](x: f32[n]) -> (y) {\n  return x\n}\n"}};
  const auto imported = m.import(options);
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->function->results[0], imported->function->params[0]);
}

TEST(CustomOperator, what_does_not_fit_is_refused_with_the_node) {
  const auto refused = [](const std::string& body, const std::string& word, Model m = gate()) {
    const std::string text = m.problems(with(body));
    return text.find("onnx.custom_operator") != std::string::npos &&
           text.find("Gate") != std::string::npos && text.find(word) != std::string::npos;
  };
  EXPECT_TRUE(refused("model", "expected"));
  EXPECT_TRUE(refused("", "holds no model"));
  EXPECT_TRUE(refused("model @g[](x: f32[4]) -> (y) {\n  return x\n}\n", "1 operands"));
  EXPECT_TRUE(refused("model @g[n](x: f32[n], w: f32[n]) -> (y) {\n  return x\n}\n", "operand 0"));
  EXPECT_TRUE(refused("model @g[n](x: f64[n, 4], w: f32[4]) -> (y) {\n  return x\n}\n", "f64"));
  EXPECT_TRUE(
      refused("model @g[n](x: f32[n, {beta}], w: f32[4]) -> (y) {\n  return x\n}\n", "'beta'"));
  EXPECT_TRUE(refused("kernel @g[n](x: in f32[n, 4], w: in f32[4]) extern \"g\" { }", "nothing"));
  EXPECT_TRUE(refused(
      "kernel @g[n, k](x: in f32[n, 4], w: in f32[4], y: out f32[k]) extern \"g\" { }", "'k'"));
  EXPECT_TRUE(
      refused("kernel @g[n](x: in f32[n, 4], w: const f32[4], y: out f32[n]) extern \"g\" { }",
              "`in` or `out`"));
  EXPECT_TRUE(
      refused("kernel @g[n](x: in f32[n, 4], w: in f32[4], y: out f32[n]) extern \"g\" {\n"
              "  for i in serial(n) { y[i] = f32(0) }\n}\n",
              "has a body"));
  Model lacks = gate();
  lacks.graph().mutable_node(0)->mutable_attribute(0)->set_name("gamma");
  EXPECT_TRUE(refused(kGate, "'alpha'", lacks));
}

}  // namespace
}  // namespace tenon::onnx_import
