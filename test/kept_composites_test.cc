// The lowering of every kept composite against its body: as a kernel in definition form, scheduled,
// and as target-stage code for both vector widths, on random shapes and options, with zero extents,
// NaN and infinities.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

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

  Tensor values(DType type, const std::vector<int64_t>& extents) {
    Tensor t = Tensor::zeros(type, extents);
    std::normal_distribution<double> normal(static_cast<double>(pick(-3, 3)), 2);
    for (int64_t i = 0; i < t.count(); ++i) t.set_f(i, normal(random_));
    if (t.count() > 0 && pick(0, 3) == 0) {
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
      for (int64_t n : sample.shapes[k]) {
        if (!symbolic) {
          extents.push_back(c.i64(n));
          continue;
        }
        if (!vars.contains(n)) {
          vars[n] = c.var("n" + std::to_string(vars.size()));
          sizes[vars[n]] = n;
        }
        extents.push_back(vars[n]);
      }
      operands.push_back(c.param("x" + std::to_string(k), c.tensor(sample.type, extents)));
      f.params.push_back(operands.back());
      inputs.push_back(values(sample.type, sample.shapes[k]));
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
