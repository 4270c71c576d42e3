// Interval arithmetic against all values of small intervals, and at open ends.
#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/solver.h"
#include "support/checked.h"

namespace tenon::ir {
namespace {

constexpr int64_t kReach = 4;

/// By zero both are 0.
int64_t quotient(int64_t x, int64_t y) { return y == 0 ? 0 : floor_div(x, y); }
int64_t rest(int64_t x, int64_t y) { return y == 0 ? 0 : floor_mod(x, y); }

/// The smallest interval that holds `op` of every pair of values.
template <class Op>
Interval hull(Interval a, Interval b, Op op) {
  Interval out{INT64_MAX, INT64_MIN};
  for (int64_t x = a.lo; x <= a.hi; ++x)
    for (int64_t y = b.lo; y <= b.hi; ++y) {
      out.lo = std::min(out.lo, op(x, y));
      out.hi = std::max(out.hi, op(x, y));
    }
  return out;
}

template <class Check>
void for_all_pairs(Check check) {
  for (int64_t al = -kReach; al <= kReach; ++al)
    for (int64_t ah = al; ah <= kReach; ++ah)
      for (int64_t bl = -kReach; bl <= kReach; ++bl)
        for (int64_t bh = bl; bh <= kReach; ++bh) {
          SCOPED_TRACE(testing::Message()
                       << "[" << al << ", " << ah << "] [" << bl << ", " << bh << "]");
          check(Interval{al, ah}, Interval{bl, bh});
        }
}

TEST(Interval, sums_products_and_quotients_are_tight) {
  for_all_pairs([](Interval a, Interval b) {
    const auto same = [](Interval got, Interval want) {
      ASSERT_EQ(got.lo, want.lo);
      ASSERT_EQ(got.hi, want.hi);
    };
    same(add(a, b), hull(a, b, [](int64_t x, int64_t y) { return x + y; }));
    same(mul(a, b), hull(a, b, [](int64_t x, int64_t y) { return x * y; }));
    if (b.lo >= 0 && b.hi > 0) {
      same(floordiv(a, b), hull(a, b, quotient));
    } else if (b.lo == 0) {  // by zero alone
      ASSERT_LE(floordiv(a, b).lo, 0);
      ASSERT_GE(floordiv(a, b).hi, 0);
    } else {
      EXPECT_FALSE(floordiv(a, b).has_lo() || floordiv(a, b).has_hi());
    }
  });
}

TEST(Interval, remainders_hold_every_value_and_little_else) {
  for_all_pairs([](Interval a, Interval b) {
    const Interval got = mod(a, b);
    if (b.lo < 0) {
      EXPECT_FALSE(got.has_lo() || got.has_hi());
      return;
    }
    const Interval want = hull(a, b, rest);
    ASSERT_LE(got.lo, want.lo);
    ASSERT_GE(got.hi, want.hi);
    ASSERT_LE(got.hi, std::max<int64_t>(b.hi - 1, 0));
    if (a.lo >= 0) ASSERT_LE(got.hi, a.hi);
    const bool one_turn =
        b.lo == b.hi && b.lo > 0 && floor_div(a.lo, b.lo) == floor_div(a.hi, b.lo);
    if (one_turn) {
      ASSERT_EQ(got.lo, want.lo);
      ASSERT_EQ(got.hi, want.hi);
    }
  });
}

TEST(Interval, open_ends_stay_open) {
  const Interval all;
  const Interval natural{0, INT64_MAX};
  const Interval two{2, 2};
  EXPECT_TRUE(natural.has_lo());
  EXPECT_FALSE(natural.has_hi());
  EXPECT_EQ(add(natural, two).lo, 2);
  EXPECT_FALSE(add(natural, two).has_hi());
  EXPECT_EQ(mul(natural, two).lo, 0);
  EXPECT_FALSE(mul(natural, two).has_hi());
  EXPECT_EQ(scale(natural, -3).hi, 0);
  EXPECT_FALSE(scale(natural, -3).has_lo());
  EXPECT_EQ(mul(all, {0, 0}).lo, 0);
  EXPECT_EQ(mul(all, {0, 0}).hi, 0);
  EXPECT_EQ(floordiv({7, 9}, natural).lo, 0);
  EXPECT_EQ(floordiv({7, 9}, natural).hi, 9);
  EXPECT_EQ(floordiv({-7, 9}, {1, INT64_MAX}).lo, -7);
  EXPECT_EQ(floordiv(natural, two).lo, 0);
  EXPECT_FALSE(floordiv(natural, two).has_hi());
  EXPECT_EQ(mod(all, {1, 8}).hi, 7);
  EXPECT_EQ(mod({0, 5}, natural).hi, 5);
  EXPECT_EQ(mod(all, natural).lo, 0);
  EXPECT_FALSE(mod(all, natural).has_hi());
}

TEST(Interval, results_beyond_int64_end_in_front_of_its_ends) {
  const Interval big{INT64_MAX - 2, INT64_MAX - 1};
  EXPECT_FALSE(add(big, big).has_hi());
  EXPECT_FALSE(mul(big, big).has_hi());
  EXPECT_FALSE(mul(big, {-3, -2}).has_lo());
  EXPECT_EQ(add(big, {-5, -5}).hi, INT64_MAX - 6);
}

}  // namespace
}  // namespace tenon::ir
