#include "ir/box.h"

#include <gtest/gtest.h>

#include <limits>

#include "ir/expr.h"

namespace tenon::ir {
namespace {

class BoxTest : public ::testing::Test {
 protected:
  BoxTest() { known.range(n, {0, std::numeric_limits<int64_t>::max()}); }

  [[nodiscard]] SymbolicRange range(int64_t lo, int64_t hi) { return {c.i64(lo), c.i64(hi)}; }
  [[nodiscard]] std::string text(const Box& box) const {
    std::string out;
    for (const auto& axis : box) {
      const auto lo = axis ? as_int(axis->lo) : std::nullopt;
      const auto hi = axis ? as_int(axis->hi) : std::nullopt;
      out += !axis      ? "?"
             : lo && hi ? "[" + std::to_string(*lo) + "," + std::to_string(*hi) + "]"
                        : "symbolic";
    }
    return out;
  }

  Context c;
  const Expr n = c.var("n");
  Assumptions known;
};

TEST_F(BoxTest, contains_compares_bounds_and_knows_nothing_of_unknown_axes) {
  EXPECT_TRUE(contains(c, Box{range(0, 9)}, Box{range(2, 9)}, known));
  EXPECT_FALSE(contains(c, Box{range(0, 8)}, Box{range(2, 9)}, known));
  EXPECT_TRUE(contains(c, Box{SymbolicRange{c.i64(0), add(c, n, c.i64(1))}},
                       Box{SymbolicRange{c.i64(0), n}}, known));
  EXPECT_FALSE(contains(c, Box{std::nullopt}, Box{range(0, 1)}, known));
  EXPECT_FALSE(contains(c, Box{range(0, 1)}, Box{std::nullopt}, known));
  EXPECT_FALSE(contains(c, Box{range(0, 1)}, Box{range(0, 1), range(0, 1)}, known));
}

TEST_F(BoxTest, unite_gives_up_where_hull_takes_the_larger_of_two) {
  EXPECT_EQ(text(unite(c, Box{range(0, 3), range(5, 6)}, Box{range(2, 7), range(1, 2)}, known)),
            "[0,7][1,6]");
  const Box a{SymbolicRange{c.i64(0), n}}, b{range(0, 7)};
  EXPECT_EQ(text(unite(c, a, b, known)), "?");
  const Box around = hull(c, a, b, known);
  ASSERT_TRUE(around[0]);
  EXPECT_EQ(around[0]->hi, max(c, n, c.i64(7)));
  EXPECT_EQ(text(hull(c, Box{std::nullopt}, b, known)), "?");
}

TEST_F(BoxTest, intersect_keeps_what_both_share) {
  EXPECT_EQ(text(intersect(c, Box{range(0, 5)}, Box{range(3, 9)}, known)), "[3,5]");
  EXPECT_EQ(text(intersect(c, Box{SymbolicRange{c.i64(0), n}}, Box{range(0, 7)}, known)), "?");
}

TEST_F(BoxTest, joined_makes_one_box_only_of_what_fills_it) {
  const auto join = [&](const Box& a, const Box& b) {
    const auto both = joined(c, a, b, known);
    return both ? text(*both) : "none";
  };
  EXPECT_EQ(join({range(0, 3), range(0, 9)}, {range(4, 7), range(0, 9)}), "[0,7][0,9]");
  EXPECT_EQ(join({range(0, 3), range(0, 9)}, {range(5, 7), range(0, 9)}), "none") << "a gap";
  EXPECT_EQ(join({range(0, 3), range(0, 9)}, {range(4, 7), range(0, 8)}), "none") << "a corner";
  EXPECT_EQ(join({range(0, 7), range(0, 9)}, {range(2, 3), range(1, 2)}), "[0,7][0,9]");
}

TEST_F(BoxTest, clamp_ends_at_the_buffer_and_never_extends) {
  Box box{range(0, 20), range(0, 3), std::nullopt};
  clamp(c, box, {c.i64(16), c.i64(16), c.i64(16)}, known);
  EXPECT_EQ(text(box), "[0,15][0,3]?");
}

TEST_F(BoxTest, bounded_needs_every_axis) {
  EXPECT_TRUE(bounded(Box{range(0, 1), range(0, 1)}));
  EXPECT_FALSE(bounded(Box{range(0, 1), std::nullopt}));
}

}  // namespace
}  // namespace tenon::ir
