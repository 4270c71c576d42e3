// Interning: equal nodes are one node, nominal nodes are only themselves.
#include "ir/node.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "ir/expr.h"
#include "ir/keys.h"

namespace tenon::ir {
namespace {

TEST(Node, equal_nodes_are_the_same_pointer) {
  Context c;
  const Expr x = c.param("x", c.tensor(DType::f32, {2, 3}));
  const size_t before = c.node_count();
  const Expr a = c.make(Op::reduce, c.tensor(DType::f32, {2}), {x},
                        {{Key::kind, std::string("sum")}, {Key::axes, std::vector<int64_t>{1}}});
  const Expr b = c.make(Op::reduce, c.tensor(DType::f32, {2}), {x},
                        {{Key::axes, std::vector<int64_t>{1}}, {Key::kind, std::string("sum")}});
  EXPECT_EQ(a, b);
  EXPECT_EQ(c.node_count(), before + 1);
}

TEST(Node, a_difference_in_operator_type_operand_or_attribute_tells_nodes_apart) {
  Context c;
  const Type t = c.tensor(DType::f32, {2});
  const Expr x = c.param("x", t);
  const Expr y = c.param("y", t);
  const Expr a = c.make(Op::add, t, {x, y});
  EXPECT_NE(a, c.make(Op::sub, t, {x, y}));
  EXPECT_NE(a, c.make(Op::add, t, {y, x}));
  EXPECT_NE(a, c.make(Op::add, c.tensor(DType::f32, {3}), {x, y}));
  EXPECT_NE(c.make(Op::concat, t, {x}, {{Key::axis, int64_t{0}}}),
            c.make(Op::concat, t, {x}, {{Key::axis, int64_t{1}}}));
}

TEST(OpTable, attributes_hold_what_their_rows_say) {
  const auto holds = [](Key key, const AttrValue& value) {
    return alternative_of(key) == static_cast<int>(value.index());
  };
  EXPECT_TRUE(holds(Key::axis, int64_t{1}));
  EXPECT_TRUE(holds(Key::kind, std::string("sum")));
  EXPECT_TRUE(holds(Key::dims, std::vector<int64_t>{0}));
  EXPECT_TRUE(holds(Key::starts, std::vector<Expr>{}));
  EXPECT_TRUE(holds(Key::data, ConstantRef{}));
  EXPECT_TRUE(holds(Key::body, static_cast<const Function*>(nullptr)));
  EXPECT_TRUE(holds(Key::kernel, static_cast<const Kernel*>(nullptr)));
  EXPECT_EQ(alternative_of(Key::value), -1);
  EXPECT_EQ(key_name(Key::else_), "else");
}

TEST(OpTable, classes_are_columns) {
  const auto names = [](bool (*f)(Op)) {
    std::string text;
    for (Op op : all_ops())
      if (f(op)) text += std::string(info(op).name) + " ";
    return text;
  };
  EXPECT_EQ(names(is_comparison), "eq ne lt le gt ge ");
  EXPECT_EQ(names(is_predicate), "is_nan is_inf eq ne lt le gt ge ");
  EXPECT_TRUE(is_elementwise(Op::neg) && is_elementwise(Op::cast) && is_elementwise(Op::fma));
  EXPECT_FALSE(is_elementwise(Op::load) || is_elementwise(Op::imm) || is_elementwise(Op::reduce));
  for (Op op : all_ops())
    if (is_elementwise(op)) {
      const OpInfo& row = info(op);
      EXPECT_EQ(row.stages, "GLT") << row.name;
      EXPECT_TRUE(row.min_operands == row.max_operands && row.min_operands >= 1) << row.name;
      EXPECT_TRUE(row.error == 0 || row.cost >= kSlowCost) << row.name;
    }
}

TEST(OpTable, domains_say_which_element_types_a_graph_may_use) {
  const auto defined = [](Op op) {
    return std::array{is_defined(op, DType::f16), is_defined(op, DType::i8),
                      is_defined(op, DType::boolean)};
  };
  EXPECT_EQ(defined(Op::exp), (std::array{true, false, false}));
  EXPECT_EQ(defined(Op::shl), (std::array{false, true, false}));
  EXPECT_EQ(defined(Op::not_), (std::array{false, true, true}));
  EXPECT_EQ(defined(Op::add), (std::array{true, true, false}));
  EXPECT_EQ(defined(Op::select), (std::array{true, true, true}));
}

TEST(Node, nominal_nodes_are_new_each_time) {
  Context c;
  EXPECT_NE(c.var("i"), c.var("i"));
  EXPECT_NE(c.param("x", c.index()), c.param("x", c.index()));
  EXPECT_NE(c.buffer("b", c.index()), c.buffer("b", c.index()));
}

TEST(Node, types_are_interned_by_element_shape_and_scope) {
  Context c;
  const Expr n = c.var("n");
  const Expr shape[] = {n, c.i64(4)};
  EXPECT_EQ(c.tensor(DType::f32, shape), c.tensor(DType::f32, shape));
  EXPECT_NE(c.tensor(DType::f32, shape), c.tensor(DType::f16, shape));
  EXPECT_NE(c.tensor(DType::f32, shape), c.tensor(DType::f32, shape, Scope::reg));
  const Type fields[] = {c.index(), c.boolean()};
  EXPECT_EQ(c.tuple(fields), c.tuple(fields));
}

TEST(Node, literals_are_wrapped_rounded_and_told_apart_by_bits) {
  Context c;
  EXPECT_EQ(c.imm(c.scalar(DType::i8), 300), c.imm(c.scalar(DType::i8), 44));
  EXPECT_EQ(c.imm_f(c.scalar(DType::f32), 0.1),
            c.imm_f(c.scalar(DType::f32), static_cast<double>(0.1F)));
  EXPECT_NE(c.imm_f(c.scalar(DType::f32), 0.0), c.imm_f(c.scalar(DType::f32), -0.0));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(c.imm_f(c.scalar(DType::f32), nan), c.imm_f(c.scalar(DType::f32), nan));
}

TEST(Node, constants_are_equal_by_content_and_keep_their_owner) {
  Context c;
  const float a[2] = {1, 2};
  const float b[2] = {1, 2};
  const float other[2] = {1, 3};
  const Type t = c.tensor(DType::f32, {2});
  const Expr first = c.constant(t, a, sizeof a, "a");
  EXPECT_EQ(first, c.constant(t, b, sizeof b, "b"));
  EXPECT_EQ(first->constant_attr()->name, "a");
  EXPECT_NE(first->constant_attr()->bytes, reinterpret_cast<const std::byte*>(a));
  EXPECT_NE(first, c.constant(t, other, sizeof other));
  auto owner = std::make_shared<std::vector<float>>(2, 5.0F);
  const Expr mapped = c.constant(t, owner->data(), 8, "m", owner);
  EXPECT_EQ(mapped->constant_attr()->bytes, reinterpret_cast<const std::byte*>(owner->data()));
  EXPECT_EQ(owner.use_count(), 2);
  Context d;
  const Expr copy = d.constant(d.tensor(DType::f32, {2}), *mapped->constant_attr());
  EXPECT_EQ(copy->constant_attr()->bytes, mapped->constant_attr()->bytes);
  EXPECT_EQ(d.constant(d.tensor(DType::f32, {2}), *mapped->constant_attr()), copy);
}

TEST(Node, locations_unite) {
  Context c;
  const Expr x = c.param("x", c.index());
  EXPECT_EQ(c.location(x), "");
  c.set_location(x, "a");
  c.set_location(x, "b");
  c.set_location(x, "a");
  EXPECT_EQ(c.location(x), "a, b");
}

TEST(Node, the_operator_table_answers_by_name) {
  EXPECT_EQ(*parse_op("if"), Op::if_);
  EXPECT_EQ(info(Op::not_).name, "not");
  EXPECT_EQ(parse_op("nothing"), nullptr);
  EXPECT_TRUE(is_elementwise(Op::cast));
  EXPECT_FALSE(is_elementwise(Op::dot));
  EXPECT_TRUE(is_predicate(Op::is_nan));
  EXPECT_FALSE(is_predicate(Op::select));
}

TEST(Expr, i64_builders_fold) {
  Context c;
  const Expr i = c.var("i");
  EXPECT_EQ(add(c, add(c, i, c.i64(2)), c.i64(-2)), i);
  EXPECT_EQ(add(c, c.i64(INT64_MAX), c.i64(1)), c.i64(INT64_MIN));
  EXPECT_EQ(sub(c, i, i), c.i64(0));
  EXPECT_EQ(mul(c, i, c.i64(0)), c.i64(0));
  EXPECT_EQ(floordiv(c, c.i64(-7), c.i64(2)), c.i64(-4));
  EXPECT_EQ(mod(c, c.i64(-7), c.i64(2)), c.i64(1));
  EXPECT_EQ(floordiv(c, c.i64(7), c.i64(0)), c.i64(0));
  EXPECT_EQ(mod(c, c.i64(7), c.i64(0)), c.i64(0));
  EXPECT_EQ(ceildiv(c, c.i64(13), c.i64(12)), c.i64(2));
  EXPECT_EQ(min(c, c.i64(2), c.i64(3)), c.i64(2));
  EXPECT_EQ(gt(c, i, c.i64(3)), lt(c, c.i64(3), i));
  EXPECT_EQ(add(c, i, c.i64(1)), add(c, c.i64(1), i));
}

TEST(Expr, logic_folds_and_negations_turn_comparisons) {
  Context c;
  const Expr i = c.var("i");
  const Expr small = lt(c, i, c.i64(3));
  EXPECT_EQ(logical_and(c, small, c.bool_imm(true)), small);
  EXPECT_TRUE(is_int(logical_or(c, small, c.bool_imm(true)), 1));
  EXPECT_EQ(logical_not(c, small), le(c, c.i64(3), i));
  EXPECT_EQ(logical_not(c, logical_not(c, small)), small);
  const Expr x = c.var("x", c.scalar(DType::f32));
  const Expr odd = binary(c, Op::lt, x, c.imm_f(c.scalar(DType::f32), 1));
  EXPECT_EQ(logical_not(c, odd)->op, Op::not_);  // not ge: x may be NaN
}

}  // namespace
}  // namespace tenon::ir
