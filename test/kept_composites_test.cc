// The lowering of every kept composite against its body: as a kernel in definition form, scheduled,
// and as target-stage code for both vector widths, on random shapes and options, with zero extents,
// NaN and infinities.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "graph/lower.h"
#include "interp/interp.h"
#include "ir/text.h"
#include "machine/machine.h"
#include "ops/call.h"
#include "ops/composite.h"
#include "ops/test_util.h"
#include "schedule/schedule.h"

namespace tenon {
namespace {

using ir::DType;
using ir::Expr;
using ops::Tensor;

/// One step of a narrow type: the two differ by the order and number of f32 roundings before it.
double tolerance_of(DType type) {
  if (type == DType::f64) return 1e-12;
  if (type == DType::f16) return 0x1p-10;
  return type == DType::bf16 ? 0x1p-7 : 1e-5;
}

struct Sample {
  std::string name;
  std::vector<std::vector<int64_t>> shapes;  // of the operands; empty optional ones have rank -1
  std::vector<bool> given;
  ops::Options options;
  DType type = DType::f32;
  std::set<std::pair<size_t, size_t>> literal =
      {};                                    // operand and axis: the extent is never a symbol
  std::map<size_t, DType> other_types = {};  // of operands
  bool streams = false;                      // it has enough columns for tiles
  double size = 1;                           // of values
  std::set<size_t> finite = {};              // operands without NaN and infinities

  [[nodiscard]] DType type_of(size_t operand) const {
    const auto other = other_types.find(operand);
    return other == other_types.end() ? type : other->second;
  }
};

class Kept : public testing::Test {
 protected:
  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool flip() { return pick(0, 1) == 1; }

  std::vector<int64_t> shape(int64_t rank) {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < rank; ++i)
      all.push_back(pick(0, 7) == 0 ? 0 : pick(1, i + 1 < rank ? 5 : 40));
    return all;
  }
  DType type() {
    const DType types[] = {DType::f32, DType::f32, DType::f16, DType::bf16, DType::f64};
    return types[pick(0, 4)];
  }

  Sample softmax() {
    const int64_t rank = pick(2, 4);
    return {"softmax",
            {shape(rank)},
            {true},
            {{"axis", flip() ? "-1" : std::to_string(rank - 1)}},
            type()};
  }
  Sample layer_norm() {
    const int64_t rank = pick(2, 4), axis = pick(1, rank - 1);
    const std::vector<int64_t> x = shape(rank);
    const std::vector<int64_t> row(x.begin() + axis, x.end());
    return {"layer_norm",
            {x, row, row},
            {true, flip(), flip()},
            {{"axis", std::to_string(flip() ? axis : axis - rank)},
             {"epsilon", flip() ? "1e-5" : "0.25"},
             {"statistics", "0"}},
            type()};
  }

  /// Grouped heads, a mask of any rank, numbers or flags, which may leave a row nothing.
  Sample attention() {
    const int64_t groups = pick(1, 2), repeat = pick(1, 2), d = pick(1, 20), e = pick(1, 40);
    const int64_t b = pick(1, 2), s = pick(0, 9) == 0 ? 0 : pick(4, 40);
    const int64_t t = pick(0, 9) == 0 ? 0 : pick(1, 70);
    Sample sample{"attention",
                  {{b, groups * repeat, s, d}, {b, groups, t, d}, {b, groups, t, e}},
                  {true, true, true, flip()},
                  {}};
    std::vector<int64_t> mask{flip() ? 1 : b, flip() ? 1 : groups * repeat, flip() ? 1 : s, t};
    mask.erase(mask.begin(), mask.begin() + pick(0, 3));
    sample.shapes.push_back(mask);
    if (flip()) sample.options.emplace_back("scale", "0.25");
    if (flip()) sample.options.emplace_back("is_causal", "1");
    if (pick(0, 3) == 0) sample.options.emplace_back("softcap", "2.5");
    if (flip()) sample.other_types[3] = DType::boolean;
    for (size_t operand : {0, 1, 2})
      for (size_t axis : {0, 1, 3}) sample.literal.emplace(operand, axis);
    for (size_t axis = 0; axis + 2 < mask.size(); ++axis) sample.literal.emplace(3, axis);
    sample.finite = {2};
    sample.size = 0.3;
    sample.streams = t >= 8 && e >= 8 && d > 1;
    return sample;
  }

  Tensor values(const Sample& sample, size_t operand) {
    const DType type = sample.type_of(operand);
    Tensor t = Tensor::zeros(type, sample.shapes[operand]);
    if (type == DType::boolean) {
      const bool none = pick(0, 3) == 0;
      for (int64_t i = 0; i < t.count(); ++i) t.set_f(i, !none && flip() ? 1 : 0);
      return t;
    }
    std::normal_distribution<double> normal(sample.size * static_cast<double>(pick(-3, 3)),
                                            sample.size * 2);
    for (int64_t i = 0; i < t.count(); ++i) t.set_f(i, normal(random_));
    if (t.count() > 0 && pick(0, 3) == 0 && !sample.finite.contains(operand)) {
      const double special[] = {std::nan(""), INFINITY, -INFINITY};
      t.set_f(pick(0, t.count() - 1), special[pick(0, 2)]);
    }
    return t;
  }

  /// The extents as literals, or each as a variable.
  void check(const Sample& sample, bool symbolic) {
    ir::Context c;
    ir::Function f;
    std::vector<Expr> operands;
    std::vector<Tensor> inputs;
    std::map<int64_t, Expr> vars;  // equal extents are the same symbol
    interp::SizeMap sizes;
    for (size_t k = 0; k < sample.shapes.size(); ++k) {
      if (!sample.given[k]) {
        operands.push_back(nullptr);
        continue;
      }
      std::vector<Expr> extents;
      for (size_t axis = 0; axis < sample.shapes[k].size(); ++axis) {
        const int64_t n = sample.shapes[k][axis];
        if (!symbolic || n == 1 || sample.literal.contains({k, axis})) {
          extents.push_back(c.i64(n));
          continue;
        }
        if (!vars.contains(n)) {
          vars[n] = c.var("n" + std::to_string(vars.size()));
          sizes[vars[n]] = n;
        }
        extents.push_back(vars[n]);
      }
      operands.push_back(c.param("x" + std::to_string(k), c.tensor(sample.type_of(k), extents)));
      f.params.push_back(operands.back());
      inputs.push_back(values(sample, k));
    }
    const auto built = ops::build_composite(c, sample.name, operands, sample.options);
    ASSERT_TRUE(built.has_value()) << built.error().text();
    const Expr call = built->front();
    ASSERT_TRUE(ops::is_kept(call)) << sample.name;
    f.results = {call};
    const auto want = interp::run(f, inputs, sizes);
    ASSERT_TRUE(want.has_value()) << want.error().text();

    const graph::LoweredGroup group =
        graph::lower_group(c, std::span(&call, 1), std::span(&call, 1));
    std::vector<int64_t> kernel_sizes;
    for (Expr e : group.sizes) kernel_sizes.push_back(sizes.at(e));
    std::vector<Tensor> buffers;
    for (Expr input : group.inputs)
      buffers.push_back(inputs[static_cast<size_t>(
          std::find(f.params.begin(), f.params.end(), input) - f.params.begin())]);
    const auto expect_equal = [&](const ir::Kernel& kernel, const std::string& stage) {
      std::vector<Tensor> run = buffers;
      run.push_back(Tensor::zeros(sample.type, want->front().shape));
      const Status done = interp::run(kernel, kernel_sizes, run);
      ASSERT_TRUE(done.has_value()) << stage << ": " << done.error().text() << "\n"
                                    << ir::print(kernel);
      const double tolerance = tolerance_of(sample.type);
      for (int64_t i = 0; i < run.back().count(); ++i) {
        const double a = want->front().get_f(i), b = run.back().get_f(i);
        if (std::isnan(a) && std::isnan(b)) continue;
        if (a == b) continue;
        ASSERT_LE(std::abs(a - b), tolerance * std::max(1.0, std::abs(a)))
            << sample.name << " " << stage << ", element " << i << ": " << a << " and " << b;
      }
    };
    expect_equal(*group.kernel, "definition");
    for (const char* row : {"x86-64-v3", "x86-64-v4"}) {
      const machine::Machine& machine = *machine::find_row(row);
      const auto choice = schedule::default_schedule(group.kernel, machine);
      ASSERT_TRUE(choice.has_value()) << choice.error().text();
      EXPECT_NE(choice->name, "plain") << ir::print(*group.kernel);
      if (sample.streams) {
        EXPECT_EQ(choice->name, "attention") << ir::print(*group.kernel);
      }
      expect_equal(*choice->program, std::string(row) + " scheduled");
      const auto final = schedule::finalize(choice->program, machine);
      ASSERT_TRUE(final.has_value()) << final.error().text();
      expect_equal(**final, std::string(row) + " target stage");
    }
  }

  std::mt19937 random_ = ops::testing::seeded();
};

TEST_F(Kept, softmax_is_its_body) {
  for (int i = 0; i < 40; ++i) ASSERT_NO_FATAL_FAILURE(check(softmax(), flip())) << i;
}

TEST_F(Kept, layer_norm_is_its_body) {
  for (int i = 0; i < 40; ++i) ASSERT_NO_FATAL_FAILURE(check(layer_norm(), flip())) << i;
}

TEST_F(Kept, attention_is_its_body) {
  for (int i = 0; i < 25; ++i) {
    const Sample sample = attention();
    const bool none = sample.shapes[0][2] == 0;  // known to be few, if it is known
    ASSERT_NO_FATAL_FAILURE(check(sample, none || flip())) << i;
  }
}

TEST_F(Kept, attention_of_few_queries_or_other_positions_is_not_kept) {
  ir::Context c;
  const auto kept = [&](int64_t queries, const ops::Options& options, DType type = DType::f32) {
    const Expr q = c.param("q", c.tensor(type, {1, 2, queries, 8}));
    const Expr k = c.param("k", c.tensor(type, {1, 2, 9, 8}));
    const auto built = ops::build_composite(c, "attention", std::vector<Expr>{q, k, k}, options);
    const Expr n = built->front();
    return ops::is_kept(n->op == ir::Op::get ? n->operand(0) : n);
  };
  EXPECT_TRUE(kept(8, {}));
  EXPECT_TRUE(kept(8, {{"is_causal", "1"}}));
  EXPECT_FALSE(kept(1, {}));
  EXPECT_FALSE(kept(8, {}, DType::f16));
  EXPECT_FALSE(kept(8, {{"left_window_size", "3"}}));
  EXPECT_FALSE(kept(8, {{"qk_matmul_output_mode", "0"}}));
  EXPECT_FALSE(kept(8, {{"softmax_precision", "f64"}}));
}

TEST_F(Kept, only_rows_are_kept) {
  ir::Context c;
  const Expr x = c.param("x", c.tensor(DType::f32, {3, 4}));
  const auto kept = [&](std::string_view name, std::vector<Expr> operands,
                        const ops::Options& options) {
    const auto built = ops::build_composite(c, name, operands, options);
    const Expr n = built->front();
    return ops::is_kept(n->op == ir::Op::get ? n->operand(0) : n);
  };
  EXPECT_TRUE(kept("softmax", {x}, {}));
  EXPECT_FALSE(kept("softmax", {x}, {{"axis", "0"}}));
  EXPECT_FALSE(kept("log_softmax", {x}, {}));
  EXPECT_FALSE(kept("layer_norm", {x}, {}));  // with statistics
  EXPECT_TRUE(kept("layer_norm", {x}, {{"statistics", "0"}}));
  EXPECT_FALSE(kept("layer_norm", {x}, {{"statistics", "0"}, {"axis", "0"}}));
  EXPECT_FALSE(kept("layer_norm", {x, x}, {{"statistics", "0"}}));  // a scale for each element
}

}  // namespace
}  // namespace tenon
