// Random integer and boolean expressions: simplification keeps the value for every assignment that
// the assumptions allow, is idempotent, and bounds, divisors and proofs hold.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "ir/expr.h"
#include "ir/simplify.h"
#include "ir/text.h"

namespace tenon::ir {
namespace {

using Values = std::unordered_map<Expr, int64_t>;

/// Variables with numeric ranges, symbolic extents and variables below those.
struct World {
  explicit World(uint64_t seed) : random(seed) {
    for (const char* name : {"n", "m"}) extents.push_back(c.var(name));
    for (int i = 0; i < 3; ++i) {
      numeric.push_back(c.var("v" + std::to_string(i)));
      const int64_t lo = pick(-3, 2);
      known.range(numeric.back(), {lo, lo + pick(0, 24)});
    }
    for (int i = 0; i < 2; ++i) {
      below.push_back(c.var("i" + std::to_string(i)));
      known.below(below.back(), pick(0, 1) != 0 ? extents[static_cast<size_t>(i)]
                                                : ceildiv(c, extents[0], c.i64(pick(1, 5))));
    }
    if (pick(0, 1) != 0) known.fact(lt(c, add(c, numeric[0], below[0]), extents[1]));
  }

  int64_t pick(int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(random);
  }

  Expr leaf() {
    switch (pick(0, 4)) {
      case 0:
        return extents[static_cast<size_t>(pick(0, 1))];
      case 1:
        return numeric[static_cast<size_t>(pick(0, 2))];
      case 2:
        return below[static_cast<size_t>(pick(0, 1))];
      default:
        return c.i64(pick(-4, 13));
    }
  }
  Expr divisor_expr(int depth) {
    static constexpr int64_t kFactors[] = {1, 2, 3, 4, 6, 12, 24, -3};
    const int64_t kind = pick(0, 9);
    if (kind < 7) return c.i64(kFactors[pick(0, 7)]);
    return kind == 7 ? extents[0] : (kind == 8 ? mul(c, extents[0], extents[1]) : number(depth));
  }
  /// Built without folding now and then, so that the simplifier sees raw nodes.
  Expr number(int depth) {
    if (depth == 0) return leaf();
    const Expr a = number(depth - 1);
    switch (pick(0, 12)) {
      case 0:
      case 1:
        return add(c, a, number(depth - 1));
      case 2:
        return sub(c, a, number(depth - 1));
      case 3:
        return mul(c, a, leaf());
      case 4:
        return add(c, mul(c, a, c.i64(pick(2, 12))), leaf());
      case 5:
      case 6:
        return floordiv(c, a, divisor_expr(depth - 1));
      case 7:
      case 8:
        return mod(c, a, divisor_expr(depth - 1));
      case 9:
        return min(c, a, number(depth - 1));
      case 10:
        return max(c, a, number(depth - 1));
      case 11:
        return select(c, truth(depth - 1), a, number(depth - 1));
      default:
        return c.make(Op::add, c.index(), {a, c.make(Op::neg, c.index(), {leaf()})});
    }
  }
  Expr truth(int depth) {
    const int64_t kind = pick(0, depth > 0 ? 7 : 4);
    const Expr a = number(std::max(depth - 1, 0));
    const Expr b = number(std::max(depth - 1, 0));
    switch (kind) {
      case 0:
        return lt(c, a, b);
      case 1:
        return le(c, a, b);
      case 2:
        return c.make(Op::ge, c.boolean(), {a, b});
      case 3:
        return eq(c, a, b);
      case 4:
        return ne(c, a, b);
      case 5:
        return logical_and(c, truth(depth - 1), truth(depth - 1));
      case 6:
        return logical_or(c, truth(depth - 1), truth(depth - 1));
      default:
        return c.make(Op::not_, c.boolean(), {truth(depth - 1)});
    }
  }

  /// An assignment that the assumptions allow; empty when the dice found none.
  std::optional<Values> assign() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      Values values;
      for (Expr e : extents) values[e] = pick(0, 3) == 0 ? pick(0, 2) : pick(0, 30);
      for (Expr e : numeric) values[e] = pick(known.ranges[e].lo, known.ranges[e].hi);
      bool ok = true;
      for (Expr e : below) {
        const int64_t extent = *evaluate(known.extents[e], values);
        ok = ok && extent > 0;
        if (ok) values[e] = pick(0, extent - 1);
      }
      for (Expr f : known.facts) ok = ok && *evaluate(f, values) != 0;
      if (ok) return values;
    }
    return std::nullopt;
  }

  Context c;
  Assumptions known;
  std::vector<Expr> extents, numeric, below;
  std::mt19937_64 random;
};

int rounds() {
  const char* wanted = std::getenv("TENON_FUZZ_ROUNDS");
  return wanted != nullptr ? std::atoi(wanted) : 1500;
}

uint64_t first_seed() {
  const char* wanted = std::getenv("TENON_TEST_SEED");
  return wanted != nullptr ? static_cast<uint64_t>(std::atoll(wanted)) : 0;
}

std::string show(const Values& values) {
  std::string out;
  for (const auto& [var, value] : values)
    out += " " + var->string_attr(Key::name) + "=" + std::to_string(value);
  return out;
}

TEST(SimplifyFuzz, keeps_values_and_is_idempotent) {
  for (int round = 0; round < rounds(); ++round) {
    const uint64_t seed = first_seed() + 1000 + static_cast<uint64_t>(round);
    World w(seed);
    const bool boolean = w.pick(0, 2) == 0;
    const Expr e = boolean ? w.truth(3) : w.number(static_cast<int>(w.pick(1, 4)));
    const Expr s = simplify(w.c, e, w.known);
    const Expr again = simplify(w.c, s, w.known);
    ASSERT_EQ(s, again) << "seed " << seed << "\n"
                        << print(e) << "\n"
                        << print(s) << "\n"
                        << print(again);
    const Interval range = bounds(e, w.known);
    const int64_t d = boolean ? 1 : divisor(e);
    for (int i = 0; i < 25; ++i) {
      const auto values = w.assign();
      if (!values) break;
      const auto expected = evaluate(e, *values);
      ASSERT_TRUE(expected.has_value());
      ASSERT_EQ(evaluate(s, *values), expected) << "seed " << seed << "\n"
                                                << print(e) << "\n"
                                                << print(s) << "\n"
                                                << show(*values);
      ASSERT_LE(range.lo, *expected) << "seed " << seed << " " << print(e) << show(*values);
      ASSERT_GE(range.hi, *expected) << "seed " << seed << " " << print(e) << show(*values);
      if (d == 0) {
        ASSERT_EQ(*expected, 0) << "seed " << seed << " " << print(e);
      } else {
        ASSERT_EQ(*expected % d, 0) << "seed " << seed << " " << print(e) << show(*values);
      }
    }
  }
}

TEST(SimplifyFuzz, proofs_hold) {
  int proven = 0;
  for (int round = 0; round < rounds(); ++round) {
    const uint64_t seed = first_seed() + 500000 + static_cast<uint64_t>(round);
    World w(seed);
    const Expr a = w.number(2);
    const Expr condition = le(w.c, a, add(w.c, w.pick(0, 1) != 0 ? a : w.number(2), w.number(1)));
    if (!prove(w.c, condition, w.known)) continue;
    ++proven;
    for (int i = 0; i < 25; ++i) {
      const auto values = w.assign();
      if (!values) break;
      ASSERT_EQ(evaluate(condition, *values), 1)
          << "seed " << seed << " " << print(condition) << show(*values);
    }
  }
  EXPECT_GT(proven, rounds() / 20);
}

TEST(SimplifyFuzz, range_over_bounds_the_expression) {
  int found = 0;
  for (int round = 0; round < rounds(); ++round) {
    const uint64_t seed = first_seed() + 900000 + static_cast<uint64_t>(round);
    World w(seed);
    const Expr e = w.number(2);
    const Expr inner[] = {w.numeric[0], w.below[0]};
    const auto range = range_over(w.c, e, inner, w.known);
    if (!range) continue;
    ++found;
    for (int i = 0; i < 25; ++i) {
      const auto values = w.assign();
      if (!values) break;
      Values outer = *values;
      outer.erase(inner[0]);
      outer.erase(inner[1]);
      const int64_t value = *evaluate(e, *values);
      const auto lo = evaluate(range->lo, outer);
      const auto hi = evaluate(range->hi, outer);
      ASSERT_TRUE(lo && hi) << "seed " << seed << " " << print(e);
      ASSERT_LE(*lo, value) << "seed " << seed << " " << print(e) << " lo " << print(range->lo)
                            << show(*values);
      ASSERT_GE(*hi, value) << "seed " << seed << " " << print(e) << " hi " << print(range->hi)
                            << show(*values);
    }
  }
  EXPECT_GT(found, rounds() / 4);
}

TEST(SimplifyFuzz, linear_forms_reassemble) {
  for (int round = 0; round < rounds() / 4; ++round) {
    const uint64_t seed = first_seed() + 1300000 + static_cast<uint64_t>(round);
    World w(seed);
    const Expr e = w.number(3);
    const Expr vars[] = {w.numeric[0], w.below[0]};
    const auto linear = linear_in(w.c, e, vars);
    if (!linear) continue;
    for (int i = 0; i < 10; ++i) {
      const auto values = w.assign();
      if (!values) break;
      int64_t sum = *evaluate(linear->rest, *values);
      for (size_t k = 0; k < 2; ++k)
        sum += *evaluate(linear->coefficients[k], *values) * values->at(vars[k]);
      ASSERT_EQ(sum, *evaluate(e, *values)) << "seed " << seed << " " << print(e);
    }
  }
}

}  // namespace
}  // namespace tenon::ir
