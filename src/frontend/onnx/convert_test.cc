// Conversions: semantics by version, folding of constants, symbolic shapes, control flow.
#include <gtest/gtest.h>

#include "frontend/onnx/test_model.h"

namespace tenon::onnx_import::testing {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(contains(text, part)) << (text)

TEST(Versions, clip_takes_attributes_then_operands) {
  Model old(10);
  old.init(float_tensor("x", {3}, {-5, 0.5F, 5})).output("y");
  old.node("Clip", {"x"}, {"y"}).f("min", -1).f("max", 2);
  EXPECT_EQ(old.values(), "-1 0.5 2");
  Model now(13);
  now.init(float_tensor("x", {3}, {-5, 0.5F, 5})).init(float_tensor("hi", {}, {2})).output("y");
  now.node("Clip", {"x", "", "hi"}, {"y"});
  EXPECT_EQ(now.values(), "-5 0.5 2");
}

TEST(Versions, squeeze_and_unsqueeze_take_attributes_then_operands) {
  Model old(11);
  old.input("x", {2, 1, 3}).output("y");
  old.node("Squeeze", {"x"}, {"s"}).ints("axes", {1});
  old.node("Unsqueeze", {"s"}, {"y"}).ints("axes", {0, -1});
  EXPECT_EQ(old.type(), "f32[1, 2, 3, 1]");
  Model now(13);
  now.input("x", {2, 1, 3})
      .init(int_tensor("a", {1}, {-2}))
      .init(int_tensor("b", {2}, {0, 3}))
      .output("y");
  now.node("Squeeze", {"x", "a"}, {"s"});
  now.node("Unsqueeze", {"s", "b"}, {"y"});
  EXPECT_EQ(now.type(), "f32[1, 2, 3, 1]");
}

TEST(Versions, reduce_axes_move_to_an_operand) {
  Model old(12);
  old.init(float_tensor("x", {2, 2}, {1, 2, 3, 4})).output("y");
  old.node("ReduceSum", {"x"}, {"y"}).ints("axes", {1}).i("keepdims", 0);
  EXPECT_EQ(old.values(), "3 7");
  Model now(18);
  now.init(float_tensor("x", {2, 2}, {1, 2, 3, 4})).init(int_tensor("axes", {1}, {0})).output("y");
  now.node("ReduceMax", {"x", "axes"}, {"y"});
  EXPECT_EQ(now.values(), "3 4");
  Model noop(18);
  noop.init(float_tensor("x", {2}, {1, 2})).output("y");
  noop.node("ReduceSum", {"x"}, {"y"}).i("noop_with_empty_axes", 1);
  EXPECT_EQ(noop.values(), "1 2");
}

TEST(Versions, softmax_sees_a_matrix_before_13) {
  Model old(11);
  old.input("x", {2, 3, 4}).output("y");
  old.node("Softmax", {"x"}, {"y"});
  const auto imported = old.import();
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->function->results[0]->op, ir::Op::reshape);
  Model now(13);
  now.input("x", {2, 3, 4}).output("y");
  now.node("Softmax", {"x"}, {"y"});
  const auto newer = now.import();
  ASSERT_TRUE(newer);
  EXPECT_EQ(newer->function->results[0]->op, ir::Op::call);
}

TEST(Versions, dropout_is_the_identity) {
  for (const int opset : {7, 10, 12, 13}) {
    Model m(opset);
    m.input("x", {2}).output("y").output("mask");
    m.node("Dropout", {"x"}, {"y", "mask"});
    EXPECT_EQ(m.type(0), "f32[2]");
    EXPECT_EQ(m.type(1), opset < 10 ? "f32[2]" : "bool[2]");
  }
}

TEST(Versions, broadcast_attribute_before_7) {
  Model m(6);
  m.init(float_tensor("x", {2, 3}, {0, 0, 0, 0, 0, 0}))
      .init(float_tensor("b", {2}, {1, 2}))
      .output("y");
  m.node("Add", {"x", "b"}, {"y"}).i("broadcast", 1).i("axis", 0);
  EXPECT_EQ(m.values(), "1 1 1 2 2 2");
}

TEST(Constants, fold_on_the_spot) {
  Model m;
  m.init(int_tensor("a", {3}, {7, -7, 5}))
      .init(int_tensor("b", {3}, {2, 2, 0}))
      .output("q")
      .output("r");
  m.node("Div", {"a", "b"}, {"q"});
  m.node("Mod", {"a", "b"}, {"r"});
  EXPECT_EQ(m.values(0), "3 -3 0");
  EXPECT_EQ(m.values(1), "1 1 0");
}

TEST(Constants, fold_up_to_a_limit) {
  const auto folded = [](int64_t n) {
    Model m;
    m.init(float_tensor("x", {n}, std::vector<float>(static_cast<size_t>(n), 1)));
    m.output("y").node("Neg", {"x"}, {"y"});
    const auto imported = m.import();
    return imported && imported->function->results[0]->op == ir::Op::constant;
  };
  EXPECT_TRUE(folded(4096));
  EXPECT_FALSE(folded(4097));
}

TEST(Constants, slice_follows_numpy) {
  const auto sliced = [](std::vector<int64_t> start, std::vector<int64_t> end,
                         std::vector<int64_t> step) {
    Model m;
    m.init(int_tensor("x", {5}, {0, 1, 2, 3, 4})).output("y");
    m.init(int_tensor("s", {1}, start))
        .init(int_tensor("e", {1}, end))
        .init(int_tensor("a", {1}, {0}));
    m.init(int_tensor("k", {1}, step));
    m.node("Slice", {"x", "s", "e", "a", "k"}, {"y"});
    return m.values();
  };
  EXPECT_EQ(sliced({1}, {4}, {1}), "1 2 3");
  EXPECT_EQ(sliced({-2}, {INT64_MAX}, {1}), "3 4");
  EXPECT_EQ(sliced({-99}, {99}, {2}), "0 2 4");
  EXPECT_EQ(sliced({4}, {0}, {-1}), "4 3 2 1");
  EXPECT_EQ(sliced({-1}, {INT64_MIN}, {-2}), "4 2 0");
  EXPECT_EQ(sliced({3}, {3}, {1}), "");
  EXPECT_EQ(sliced({9}, {1}, {1}), "");
  EXPECT_CONTAINS(sliced({0}, {1}, {0}), "a step is 0");
}

TEST(Constants, pad_by_reflection_and_edge) {
  const auto padded = [](const std::string& mode) {
    Model m(18);
    m.init(int_tensor("x", {3}, {1, 2, 3})).init(int_tensor("p", {2}, {2, 1})).output("y");
    m.node("Pad", {"x", "p"}, {"y"}).s("mode", mode);
    return m.values();
  };
  EXPECT_EQ(padded("reflect"), "3 2 1 2 3 2");
  EXPECT_EQ(padded("edge"), "1 1 1 2 3 3");
  EXPECT_EQ(padded("wrap"), "2 3 1 2 3 1");
  EXPECT_EQ(padded("constant"), "0 0 1 2 3 0");
  EXPECT_CONTAINS(padded("mirror"), "attribute 'mode' is 'mirror'");
}

TEST(Constants, negative_padding_crops_before_it_copies) {
  const auto padded = [](const std::string& mode, int64_t low, int64_t high) {
    Model m(19);
    m.init(int_tensor("x", {5}, {0, 1, 2, 3, 4})).init(int_tensor("p", {2}, {low, high}));
    m.output("y").node("Pad", {"x", "p"}, {"y"}).s("mode", mode);
    return m.values();
  };
  EXPECT_EQ(padded("wrap", -1, 3), "1 2 3 4 1 2 3");
  EXPECT_EQ(padded("wrap", 3, -2), "0 1 2 0 1 2");
  EXPECT_EQ(padded("wrap", -2, 2), "2 3 4 2 3");
  EXPECT_EQ(padded("reflect", 2, -2), "2 1 0 1 2");
  EXPECT_EQ(padded("reflect", -1, 3), "1 2 3 4 3 2 1");
  EXPECT_EQ(padded("edge", 3, -2), "0 0 0 0 1 2");
  EXPECT_EQ(padded("edge", -2, -1), "2 3");
  EXPECT_CONTAINS(padded("wrap", -4, -2), "takes more than axis 0 has");
}

// ---- shape arithmetic

TEST(Shapes, reshape_solves_symbolically) {
  Model m;
  m.input("x", {"batch", "seq", 768}).output("y");
  m.init(int_tensor("zero", {}, {0}))
      .init(int_tensor("one", {}, {1}))
      .init(int_tensor("axes", {1}, {0}));
  m.init(int_tensor("tail", {2}, {12, -1}));
  m.node("Shape", {"x"}, {"s"});
  m.node("Gather", {"s", "zero"}, {"b"});
  m.node("Gather", {"s", "one"}, {"n"});
  m.node("Unsqueeze", {"b", "axes"}, {"b1"});
  m.node("Unsqueeze", {"n", "axes"}, {"n1"});
  m.node("Concat", {"b1", "n1", "tail"}, {"to"}).i("axis", 0);
  m.node("Reshape", {"x", "to"}, {"y"});
  EXPECT_EQ(m.type(), "f32[batch, seq, 12, 64]");
  const auto imported = m.import();
  ASSERT_TRUE(imported);
  EXPECT_TRUE(imported->function->bindings.empty());
}

TEST(Shapes, zero_copies_an_extent) {
  Model m;
  m.input("x", {"n", 6}).init(int_tensor("to", {3}, {0, 2, 3})).output("y");
  m.node("Reshape", {"x", "to"}, {"y"});
  EXPECT_EQ(m.type(), "f32[n, 2, 3]");
  Model bad;
  bad.input("x", {2, 3}).init(int_tensor("to", {2}, {-1, 4})).output("y");
  bad.node("Reshape", {"x", "to"}, {"y"});
  EXPECT_CONTAINS(bad.problems(), "cannot reshape 6 elements into multiples of 4;");
  Model twice;
  twice.input("x", {2, 3}).init(int_tensor("to", {2}, {-1, -1})).output("y");
  twice.node("Reshape", {"x", "to"}, {"y"});
  EXPECT_CONTAINS(twice.problems(), "-1 twice");
}

TEST(Shapes, floats_of_extents_are_followed) {
  // floor(float(h) * 2.5) and float(h) / 2 back to integers, as interpolation exports them.
  Model m;
  m.input("x", {1, 1, "h", 4})
      .output("y")
      .init(float_tensor("scale", {}, {2.5F}))
      .init(int_tensor("i", {}, {2}));
  m.node("Shape", {"x"}, {"s"});
  m.node("Gather", {"s", "i"}, {"h"});
  m.node("Cast", {"h"}, {"hf"}).i("to", TensorProto::FLOAT);
  m.node("Mul", {"hf", "scale"}, {"hs"});
  m.node("Floor", {"hs"}, {"hr"});
  m.node("Cast", {"hr"}, {"n"}).i("to", TensorProto::INT64);
  m.init(int_tensor("shape1", {1}, {1}));
  m.node("Reshape", {"n", "shape1"}, {"n1"});
  m.node("ConstantOfShape", {"n1"}, {"y"});
  EXPECT_EQ(m.type(), "f32[h // 2 + h * 2]");
}

TEST(Shapes, unknown_elements_are_bound_while_running) {
  Model m;
  m.input("x", {"n", 4}).input("to", {2}, TensorProto::INT64).output("y");
  m.node("Reshape", {"x", "to"}, {"y"});
  const auto imported = m.import();
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->function->bindings.size(), 2U);
  EXPECT_EQ(imported->function->results[0]->rank(), 2);
}

TEST(Shapes, range_expand_tile_and_split_stay_symbolic) {
  Model m;
  m.input("x", {"n", 4}).output("r").output("e").output("t").output("p");
  m.init(int_tensor("i", {}, {0}))
      .init(int_tensor("zero", {}, {0}))
      .init(int_tensor("two", {}, {2}));
  m.init(int_tensor("reps", {2}, {2, 3}));
  m.node("Shape", {"x"}, {"s"});
  m.node("Gather", {"s", "i"}, {"n"});
  m.node("Range", {"zero", "n", "two"}, {"r"});
  m.init(int_tensor("three", {1}, {3}));
  m.node("Concat", {"three", "s"}, {"es"}).i("axis", 0);
  m.node("Expand", {"x", "es"}, {"e"});
  m.node("Tile", {"x", "reps"}, {"t"});
  m.node("Split", {"x"}, {"p", "q"}).i("axis", 1);
  EXPECT_EQ(m.type(0), "i64[(n + 1) // 2]");
  EXPECT_EQ(m.type(1), "f32[3, n, 4]");
  EXPECT_EQ(m.type(2), "f32[n * 2, 12]");
  EXPECT_EQ(m.type(3), "f32[n, 2]");
}

TEST(Shapes, huge_results_are_not_allocated) {
  Model m;
  m.init(int_tensor("s", {2}, {1LL << 20, 1LL << 20})).output("y");
  m.node("ConstantOfShape", {"s"}, {"y"});
  EXPECT_EQ(m.type(), "f32[1048576, 1048576]");
  Model negative;
  negative.init(int_tensor("s", {1}, {-3})).output("y");
  negative.node("ConstantOfShape", {"s"}, {"y"});
  EXPECT_CONTAINS(negative.problems(), "an extent would be -3;");
}

// ---- products

TEST(Products, matmul_folds_leading_axes_for_a_matrix) {
  Model m;
  m.input("x", {"b", "n", 8})
      .init(float_tensor("w", {8, 4}, std::vector<float>(32, 1)))
      .output("y");
  m.node("MatMul", {"x", "w"}, {"y"});
  const auto imported = m.import();
  ASSERT_TRUE(imported);
  const ir::Expr dot = imported->function->results[0];
  ASSERT_EQ(dot->op, ir::Op::dot);
  EXPECT_TRUE(dot->ints_attr(ir::Key::batch_a).empty());
  EXPECT_EQ(ops::show(dot->type), "f32[b, n, 4]");
}

TEST(Products, matmul_broadcasts_batches) {
  Model m;
  m.input("a", {5, 1, 2, 3})
      .input("b", {4, 3, 7})
      .input("v", {3})
      .output("y")
      .output("z")
      .output("u");
  m.node("MatMul", {"a", "b"}, {"y"});
  m.node("MatMul", {"v", "b"}, {"z"});
  m.node("MatMul", {"a", "v"}, {"u"});
  EXPECT_EQ(m.type(0), "f32[5, 4, 2, 7]");
  EXPECT_EQ(m.type(1), "f32[4, 7]");
  EXPECT_EQ(m.type(2), "f32[5, 1, 2]");
}

TEST(Products, gemm_scales_and_transposes) {
  Model m;
  m.init(float_tensor("a", {2, 1}, {1, 2}))
      .init(float_tensor("b", {1, 2}, {3, 4}))
      .init(float_tensor("c", {1}, {10}));
  m.output("y");
  m.node("Gemm", {"a", "b", "c"}, {"y"})
      .i("transA", 1)
      .i("transB", 1)
      .f("alpha", 2)
      .f("beta", 0.5F);
  EXPECT_EQ(m.values(), "27");  // 2 * (1 * 3 + 2 * 4) + 5
}

TEST(Products, conv_shapes) {
  Model m;
  m.input("x", {1, 4, "h", 9})
      .input("w", {6, 2, 3, 3})
      .input("t", {4, 3, 2, 2})
      .output("y")
      .output("z");
  m.node("Conv", {"x", "w"}, {"y"})
      .i("group", 2)
      .ints("pads", {1, 1, 1, 1})
      .ints("strides", {1, 2});
  m.node("ConvTranspose", {"x", "t"}, {"z"}).ints("strides", {2, 2}).i("group", 2);
  EXPECT_EQ(m.type(0), "f32[1, 6, h, 5]");
  EXPECT_CONTAINS(m.type(1), "f32[1, 6, ");
  Model bad;
  bad.input("x", {1, 5, 8, 8}).input("w", {6, 2, 3, 3}).output("y");
  bad.node("Conv", {"x", "w"}, {"y"}).i("group", 2).name("c1");
  EXPECT_CONTAINS(bad.problems(),
                  "node 'c1' (Conv, opset 17): the input has 5 channels, weights and groups ask "
                  "for 4;");
}

// ---- control flow

onnx::GraphProto branch(const std::string& op, const std::string& from) {
  onnx::GraphProto g;
  g.set_name(op);
  add_node(g, op, {from}, {op + "_out"});
  g.add_output()->set_name(op + "_out");
  return g;
}

TEST(Control, known_conditions_choose_a_branch) {
  Model m;
  TensorProto yes;
  yes.set_name("yes");
  yes.set_data_type(TensorProto::BOOL);
  yes.add_int32_data(1);
  m.input("x", {2}).init(yes).output("y");
  m.node("If", {"yes"}, {"y"})
      .g("then_branch", branch("Relu", "x"))
      .g("else_branch", branch("Gallop", "x"));
  EXPECT_EQ(m.problems(), "");
}

TEST(Control, branches_capture_outer_values) {
  Model m;
  m.input("x", {2}).input("c", {}, TensorProto::BOOL).output("y");
  m.node("Neg", {"x"}, {"n"});
  m.node("If", {"c"}, {"y"})
      .g("then_branch", branch("Relu", "x"))
      .g("else_branch", branch("Abs", "n"));
  const auto imported = m.import();
  ASSERT_TRUE(imported) << imported.error().text();
  const ir::Expr node = imported->function->results[0]->operand(0);
  ASSERT_EQ(node->op, ir::Op::if_);
  EXPECT_EQ(node->operands.size(), 3U);
  EXPECT_EQ(node->function_attr(ir::Key::then)->params.size(), 2U);
}

TEST(Control, problems_inside_branches_are_listed) {
  Model m;
  m.input("x", {2}).input("c", {}, TensorProto::BOOL).output("y");
  m.node("If", {"c"}, {"y"})
      .g("then_branch", branch("Gallop", "x"))
      .g("else_branch", branch("Canter", "x"));
  const std::string text = m.problems();
  EXPECT_CONTAINS(text, "Gallop");
}

onnx::GraphProto loop_body(bool grows) {
  onnx::GraphProto g;
  set_type(*g.add_input(), "i", TensorProto::INT64, {});
  set_type(*g.add_input(), "cond", TensorProto::BOOL, {});
  set_type(*g.add_input(), "v", TensorProto::FLOAT, {2});
  add_node(g, "Identity", {"cond"}, {"cond_out"});
  if (grows) {
    add_node(g, "Concat", {"v", "v"}, {"v_out"}).i("axis", 0);
  } else {
    add_node(g, "Add", {"v", "outer"}, {"v_out"});
  }
  add_node(g, "Identity", {"v_out"}, {"scan"});
  for (const char* name : {"cond_out", "v_out", "scan"}) g.add_output()->set_name(name);
  return g;
}

TEST(Control, loop_carries_stacks_and_captures) {
  Model m;
  m.input("x", {2}).input("outer", {2}).init(int_tensor("n", {}, {3})).output("v").output("s");
  m.node("Loop", {"n", "", "x"}, {"v", "s"}).g("body", loop_body(false));
  EXPECT_EQ(m.type(0), "f32[2]");
  EXPECT_EQ(m.type(1), "f32[3, 2]");
}

TEST(Control, loop_whose_values_grow_is_unrolled_or_given_open_extents) {
  Model m;
  m.input("x", {2}).init(int_tensor("n", {}, {2})).output("v");
  m.node("Loop", {"n", "", "x"}, {"v"}).g("body", [] {
    onnx::GraphProto g = loop_body(true);
    g.mutable_output()->RemoveLast();
    return g;
  }());
  EXPECT_EQ(m.type(0), "f32[8]");
  Model dynamic;
  dynamic.input("x", {2}).input("n", {}, TensorProto::INT64).output("v").output("s");
  dynamic.node("Loop", {"n", "", "x"}, {"v", "s"}).g("body", loop_body(true));
  EXPECT_EQ(dynamic.type(0), "f32[v.0.d0]");
  EXPECT_EQ(dynamic.type(1), "f32[v.0, v.1.d1]");
}

TEST(Control, loop_whose_value_changes_its_rank_is_refused) {
  Model m;
  m.input("x", {2}).input("n", {}, TensorProto::INT64).output("v");
  onnx::GraphProto g;
  set_type(*g.add_input(), "i", TensorProto::INT64, {});
  set_type(*g.add_input(), "cond", TensorProto::BOOL, {});
  set_type(*g.add_input(), "v", TensorProto::FLOAT, {2});
  add_node(g, "Identity", {"cond"}, {"cond_out"});
  add_node(g, "ReduceSum", {"v"}, {"v_out"}).i("keepdims", 0);
  for (const char* name : {"cond_out", "v_out"}) g.add_output()->set_name(name);
  m.node("Loop", {"n", "", "x"}, {"v"}).g("body", g);
  EXPECT_CONTAINS(m.problems(), "changes its rank or element type from one iteration to the next");
}

TEST(Control, scan_reverses_and_places_axes) {
  onnx::GraphProto g;
  set_type(*g.add_input(), "sum", TensorProto::FLOAT, {3});
  set_type(*g.add_input(), "x_t", TensorProto::FLOAT, {3});
  add_node(g, "Add", {"sum", "x_t"}, {"next"});
  add_node(g, "Identity", {"next"}, {"out"});
  g.add_output()->set_name("next");
  g.add_output()->set_name("out");
  Model m;
  m.input("init", {3}).input("x", {3, "t"}).output("last").output("all");
  m.node("Scan", {"init", "x"}, {"last", "all"})
      .g("body", g)
      .i("num_scan_inputs", 1)
      .ints("scan_input_axes", {1})
      .ints("scan_input_directions", {1})
      .ints("scan_output_axes", {-1});
  EXPECT_EQ(m.type(0), "f32[3]");
  EXPECT_EQ(m.type(1), "f32[3, t]");
}

TEST(Control, deep_nesting_is_refused) {
  onnx::GraphProto g = branch("Relu", "x");
  for (int i = 0; i < 60; ++i) {
    onnx::GraphProto outer;
    const std::string out = "o" + std::to_string(i);
    add_node(outer, "If", {"c"}, {out}).g("then_branch", g).g("else_branch", branch("Abs", "x"));
    outer.add_output()->set_name(out);
    g = outer;
  }
  Model m;
  m.input("x", {2}).input("c", {}, TensorProto::BOOL).output("y");
  m.node("If", {"c"}, {"y"}).g("then_branch", g).g("else_branch", branch("Abs", "x"));
  EXPECT_FALSE(m.problems().empty());
}

}  // namespace
}  // namespace tenon::onnx_import::testing
