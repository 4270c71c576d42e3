#include "frontend/graph/graph_builder.h"

#include <gtest/gtest.h>

#include <random>

#include "ir/dtype.h"
#include "ir/verify.h"
#include "ops/composite.h"
#include "ops/test_util.h"
#include "ops/verify.h"
#include "support/text.h"

namespace tenon::graph_builder {
namespace {

using ir::DType;
using ir::Expr;

std::string code_of(const Error& error) { return error.diagnostics[0].code; }

struct Built {
  GraphBuilder g{"main"};
  Expr x = *g.input("x", "f32[batch, 12]");
  Expr one(std::string_view op, std::vector<Expr> operands, std::string_view options = "") {
    auto made = g.apply(op, operands, options);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text());
    return made ? (*made)[0] : nullptr;
  }
  std::string refusal(std::string_view op, std::vector<Expr> operands,
                      std::string_view options = "") {
    const auto made = g.apply(op, operands, options);
    return made ? "accepted" : code_of(made.error());
  }
  static std::string type(Expr e) { return ir::print(e->type); }
};

TEST(GraphBuilder, a_value_too_large_to_be_known_stays_a_formula) {
  Built b;
  EXPECT_EQ(b.type(b.one("hann_window", {}, "size=9223372036854775807")),
            "f32[9223372036854775807]");
  const Expr x = *b.g.input("signal", "f32[batch, 4, 1]");
  EXPECT_EQ(b.type(b.one("dft", {x}, "length=4611686018427387904")),
            "f32[batch, 4611686018427387904, 2]");
}

TEST(GraphBuilder, symbols_of_inputs_are_shared_and_extents_are_text) {
  Built b;
  const Expr y = *b.g.input("y", "f32[batch, 3]");
  EXPECT_EQ(b.x->shape()[0], y->shape()[0]);
  EXPECT_EQ(b.type(b.one("reshape", {b.x}, "shape=batch * 2, 6")), "f32[batch * 2, 6]");
  EXPECT_EQ(b.type(b.one("reshape", {b.x}, "shape=batch,3,-1")), "f32[batch, 3, 4]");
  EXPECT_EQ(b.type(b.one("concat", {b.x, y}, "axis=-1")), "f32[batch, 15]");
  EXPECT_EQ(b.refusal("reshape", {b.x}, "shape=rows,12"), "text.name");
  EXPECT_EQ(b.refusal("reshape", {b.x}, "shape=-1,-1"), "reshape.C3");
}

TEST(GraphBuilder, slices_count_from_the_end_and_stay_inside) {
  Built b;
  EXPECT_EQ(b.type(b.one("slice", {b.x}, "axes=1 starts=-4 stops=100")), "f32[batch, 4]");
  EXPECT_EQ(b.type(b.one("slice", {b.x}, "axes=1 starts=1 stops=-1 steps=3")), "f32[batch, 4]");
  EXPECT_EQ(b.type(b.one("slice", {b.x}, "axes=1 starts=5 stops=2")), "f32[batch, 0]");
  EXPECT_EQ(b.type(b.one("slice", {b.x}, "axes=0 starts=0 stops=1")), "f32[1, 12]");
  EXPECT_EQ(b.refusal("slice", {b.x}, "axes=1 starts=0 stops=4 steps=-1"), "slice.C3");
  EXPECT_EQ(b.refusal("slice", {b.x}, "axes=2 starts=0 stops=4"), "slice.C2");
}

TEST(GraphBuilder, what_is_wrong_is_refused_by_name) {
  Built b;
  EXPECT_EQ(b.refusal("sofmax", {b.x}), "graph.operator");
  EXPECT_EQ(b.refusal("softmax", {b.x}, "axes=1"), "graph.option");
  EXPECT_EQ(b.refusal("softmax", {b.x, b.x}), "softmax.C1");
  EXPECT_EQ(b.refusal("add", {b.x}), "add.C1");
  EXPECT_EQ(b.refusal("cast", {b.x}), "cast.C3");
  EXPECT_EQ(b.refusal("iota", {}, "shape=-7"), "graph.extent");
  EXPECT_EQ(code_of(b.g.input("z", "f32[-3]").error()), "graph.extent");
  EXPECT_EQ(b.refusal("matmul", {b.x, b.one("reshape", {b.x}, "shape=6,-1")}), "dot.C4");
  EXPECT_EQ(code_of(b.g.input("x", "f32[3]").error()), "graph.name");
  EXPECT_EQ(code_of(b.g.input("z", "f33[3]").error()), "text.syntax");
  EXPECT_EQ(code_of(b.g.input("z", "f32[3] and").error()), "text.syntax");
  EXPECT_EQ(code_of(b.g.function().error()), "graph.no_output");
  EXPECT_TRUE(b.g.input("z", "f32[3]").has_value()) << "a refused name is free";
}

TEST(GraphBuilder, the_text_of_a_graph_reads_back_to_itself) {
  Built b;
  const Expr cache = *b.g.input("cache", "state f32[batch, 12] reserve 64");
  const Expr late = *b.g.input("late", "i64[batch]");
  EXPECT_TRUE(b.g.output("y", b.one("softmax", {b.x}, "axis=-1")));
  EXPECT_TRUE(b.g.output("n", b.one("add", {late, b.g.scalar(DType::i64, 1)})));
  EXPECT_TRUE(b.g.output("cache", b.one("add", {cache, b.x})));
  EXPECT_EQ(code_of(b.g.output("y", b.x).error()), "graph.name");
  const auto function = b.g.function();
  ASSERT_TRUE(function.has_value()) << function.error().text();
  const std::string text = b.g.text();
  const auto module = ir::parse(text, "again");
  ASSERT_TRUE(module.has_value()) << module.error().text() << text;
  EXPECT_EQ(ir::print(*module->context, *module->functions.back()), text);
  EXPECT_EQ(function->params.back(), cache) << "states stand behind other parameters";
}

TEST(GraphBuilder, a_next_value_of_another_type_is_refused) {
  Built b;
  (void)*b.g.input("cache", "state f32[batch, 12] reserve 64");
  EXPECT_EQ(code_of(b.g.output("cache", b.one("cast", {b.x}, "to=f64")).error()), "graph.type");
  EXPECT_TRUE(b.g.output("cache", b.x)) << "a refused name is free";
  EXPECT_TRUE(b.g.function().has_value());
}

/// Options of every operator with values that fit and do not: what is made holds the rules of
/// graphs, all else is refused.
TEST(GraphBuilder, random_applications_are_sound_or_refused) {
  std::mt19937 random = ops::testing::seeded();
  const auto pick = [&](const auto& list) { return list[random() % list.size()]; };
  const std::vector<std::string> types{
      "f32[batch, 12]", "f32[2, 3, 8, 8]", "f32[3]",         "f32", "f16[2, 3, 8]",
      "i64[2, 3]",      "bool[batch, 12]", "u8[2, 3, 8, 8]", "i64", "f32[8, 8]"};
  const std::vector<std::string> values{
      "0",   "1",     "-1",  "2",   "3",          "0.5",        "1,1",
      "0,1", "1,0",   "2,2", "f32", "sum",        "batch",      "batch,12",
      "6,2", "-7",    "x",   "",    "linear",     "1,1,1,1",    "2,3,8,8",
      "i64", "99999", "nan", "max", "SAME_UPPER", "reflection", "batch - 1"};
  GraphBuilder g("main");
  std::vector<Expr> pool;
  for (size_t i = 0; i < types.size(); ++i) pool.push_back(*g.input(cat("p", i), types[i]));
  size_t made_count = 0;
  for (int round = 0; round < 6000; ++round) {
    const ops::CompositeInfo& row = pick(ops::composites());
    std::vector<Expr> operands;
    const auto slots =
        static_cast<size_t>(std::count(row.operands.begin(), row.operands.end(), ','));
    for (size_t i = 0; i < slots + 1 + (random() % 8 == 0 ? 1 : 0); ++i)
      operands.push_back(random() % 8 == 0 ? nullptr : pick(pool));
    if (row.operands.empty()) operands.clear();
    std::string options;
    for (const std::string_view keys : {row.options, row.extents}) {
      std::string_view rest = keys;
      while (!rest.empty()) {
        const size_t end = std::min(rest.find(','), rest.size());
        std::string key(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (key.ends_with('*')) key.pop_back();
        if (random() % 2 == 0) options += cat(" ", key, "=", pick(values));
      }
    }
    SCOPED_TRACE(cat(row.name, options));
    const auto made = g.apply(row.name, operands, options);
    if (!made) {
      EXPECT_FALSE(made.error().diagnostics[0].message.empty());
      continue;
    }
    ++made_count;
    for (const Expr e : *made) EXPECT_NE(e, nullptr);
    ir::Function f;
    f.name = "main";
    f.params.assign(pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(types.size()));
    f.results = *made;
    for (size_t i = 0; i < made->size(); ++i) f.result_names.push_back(cat("r", i));
    const Status sound = ir::verify(f);
    EXPECT_TRUE(sound.has_value()) << sound.error().text();
    const Status fits = ops::verify(*g.context(), f);
    EXPECT_TRUE(fits.has_value()) << fits.error().text();
    if (pool.size() < 40 && made->front()->type->is_tensor() && made->front()->rank() < 6)
      pool.push_back(made->front());
  }
  EXPECT_GT(made_count, 200U);
}

}  // namespace
}  // namespace tenon::graph_builder
