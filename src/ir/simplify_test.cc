// Each rule of the simplifier, where it applies and where it must not.
#include "ir/simplify.h"

#include <gtest/gtest.h>

#include "ir/expr.h"
#include "ir/text.h"

namespace tenon::ir {
namespace {

class Simplify : public testing::Test {
 protected:
  Expr var(const char* name, int64_t extent) {
    const Expr v = c.var(name);
    known.below(v, c.i64(extent));
    return v;
  }
  Expr below(const char* name, Expr extent) {
    const Expr v = c.var(name);
    known.below(v, extent);
    return v;
  }
  Expr num(int64_t v) { return c.i64(v); }
  Expr sum(Expr a, Expr b) { return add(c, a, b); }
  Expr times(Expr a, Expr b) { return mul(c, a, b); }
  Expr times(Expr a, int64_t b) { return mul(c, a, c.i64(b)); }
  Expr over(Expr a, Expr b) { return floordiv(c, a, b); }
  Expr over(Expr a, int64_t b) { return floordiv(c, a, c.i64(b)); }
  Expr rem(Expr a, Expr b) { return mod(c, a, b); }
  Expr rem(Expr a, int64_t b) { return mod(c, a, c.i64(b)); }
  Expr simple(Expr e) { return simplify(c, e, known); }
  void expect(Expr e, Expr wanted) {
    const Expr got = simple(e);
    EXPECT_EQ(got, simple(wanted))
        << print(e) << "\n gives " << print(got) << "\n not   " << print(wanted);
  }
  void expect_same(Expr e) { EXPECT_EQ(simple(e), e) << print(e) << " gives " << print(simple(e)); }

  Context c;
  Assumptions known;
};

TEST_F(Simplify, collects_linear_terms) {
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  expect(sub(c, sum(sum(i, j), sum(i, num(3))), sum(j, num(1))), sum(times(i, 2), num(2)));
  expect(sub(c, times(sum(i, num(2)), j), times(j, i)), times(j, 2));
}

TEST_F(Simplify, splits_floordiv_and_mod_of_multiples) {
  const Expr i = c.var("i");
  const Expr j = var("j", 768);
  const Expr flat = sum(times(i, 768), j);
  EXPECT_EQ(simple(over(flat, 768)), i);
  EXPECT_EQ(simple(rem(flat, 768)), j);
  expect(over(flat, 64), sum(times(i, 12), over(j, 64)));
  expect(rem(over(flat, 64), 12), over(j, 64));
  expect(rem(flat, 64), rem(j, 64));
}

TEST_F(Simplify, truncating_division_is_floordiv_where_no_operand_is_negative) {
  const auto div = [&](Expr a, Expr b) { return binary(c, Op::div, a, b); };
  const auto fmod = [&](Expr a, Expr b) { return binary(c, Op::fmod, a, b); };
  const Expr i = var("i", 9);
  const Expr j = var("j", 8);
  const Expr flat = sum(times(i, 8), j);
  EXPECT_EQ(simple(div(flat, num(8))), i);
  EXPECT_EQ(simple(fmod(flat, num(8))), j);
  const Expr below_zero = sub(c, times(i, 8), num(5));
  expect_same(div(below_zero, num(8)));
  expect_same(fmod(below_zero, num(8)));
}

TEST_F(Simplify, keeps_floordiv_of_what_does_not_divide) {
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  expect_same(over(sum(times(i, 7), j), 12));
  const Expr k = var("k", 13);
  expect_same(over(sum(times(i, 12), k), 24));  // k may reach 12
}

TEST_F(Simplify, moves_the_constant_out_of_floordiv) {
  const Expr i = c.var("i");
  expect(over(sum(i, num(13)), 12), sum(over(sum(i, num(1)), 12), num(1)));
  expect(rem(sum(i, num(13)), 12), rem(sum(i, num(1)), 12));
}

TEST_F(Simplify, divides_by_what_terms_share) {
  const Expr i = c.var("i");
  const Expr j = var("j", 12);
  expect(over(sum(times(i, 12), j), 24), over(i, 2));
  expect(rem(sum(times(i, 12), j), 24), sum(times(rem(i, 2), 12), j));
  expect(over(sum(times(i, 6), num(3)), 12), over(i, 2));
}

TEST_F(Simplify, nests_floordiv) {
  const Expr i = c.var("i");
  expect(over(over(i, 4), 6), over(i, 24));
  expect(over(rem(i, 24), 4), rem(over(i, 4), 6));
  expect(rem(rem(i, 24), 4), rem(i, 4));
  expect_same(rem(rem(i, 24), 5));
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  expect(over(over(i, n), m), over(i, times(n, m)));
}

TEST_F(Simplify, puts_digits_together) {
  const Expr i = c.var("i");
  expect(sum(times(over(i, 12), 12), rem(i, 12)), i);
  const Expr high = times(over(i, 768), 768);
  const Expr mid = times(rem(over(i, 64), 12), 64);
  expect(sum(mid, rem(i, 64)), rem(i, 768));
  expect(sum(sum(high, mid), rem(i, 64)), i);
  const Expr j = c.var("j");
  const Expr unrelated = sum(times(over(i, 12), 12), rem(j, 12));
  EXPECT_EQ(simple(unrelated)->op, Op::add);
}

TEST_F(Simplify, splits_symbolic_extents) {
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  const Expr b = c.var("b");
  const Expr i = below("i", m);
  const Expr j = below("j", n);
  expect(over(sum(times(i, n), j), n), i);
  expect(rem(sum(times(i, n), j), n), j);
  const Expr flat = sum(sum(times(b, times(n, m)), times(i, n)), j);
  expect(over(flat, times(n, m)), b);
  expect(rem(flat, times(n, m)), sum(times(i, n), j));
  expect(over(flat, n), sum(times(b, m), i));
  expect(over(sum(times(b, n), j), times(n, m)), over(b, m));
  const Expr wide = sum(n, num(2));
  const Expr k = below("k", wide);
  expect(over(sum(times(b, wide), k), wide), b);
  expect(rem(sum(times(b, wide), k), wide), k);
}

TEST_F(Simplify, does_not_cancel_an_extent_that_may_be_zero) {
  const Expr n = c.var("n");
  const Expr k = c.var("k");
  const Expr e = over(times(k, n), n);
  EXPECT_EQ(simple(e)->op, Op::floordiv);
  known.range(n, {1, INT64_MAX});
  EXPECT_EQ(simple(e), k);
}

TEST_F(Simplify, decides_min_max_and_comparisons) {
  const Expr i = var("i", 10);
  const Expr n = c.var("n");
  EXPECT_EQ(simple(min(c, i, num(9))), i);
  EXPECT_TRUE(is_int(simple(max(c, i, num(12))), 12));
  EXPECT_EQ(simple(min(c, n, sum(n, i))), n);
  EXPECT_EQ(simple(min(c, min(c, n, i), num(20)))->op, Op::min);
  EXPECT_TRUE(is_int(simple(lt(c, i, num(10))), 1));
  EXPECT_TRUE(is_int(simple(lt(c, num(10), i)), 0));
  expect_same(lt(c, i, num(5)));
  EXPECT_TRUE(is_int(simple(eq(c, times(n, 2), num(3))), 0));
  EXPECT_TRUE(is_int(simple(ne(c, i, num(10))), 1));
}

TEST_F(Simplify, drops_what_cannot_change_a_comparison) {
  const Expr i = c.var("i");
  const Expr m = c.var("m");
  const Expr j = var("j", 12);
  expect(lt(c, sum(times(i, 12), j), times(m, 12)), lt(c, i, m));
  const Expr n = c.var("n");
  expect_same(lt(c, sum(j, times(i, 12)), n));
}

TEST_F(Simplify, conjunctions_lose_implied_and_find_contradictory_parts) {
  const Expr i = c.var("i");
  const Expr n = c.var("n");
  expect(logical_and(c, lt(c, i, n), lt(c, i, sum(n, num(1)))), lt(c, i, n));
  expect(logical_or(c, lt(c, i, n), lt(c, i, sum(n, num(1)))), lt(c, i, sum(n, num(1))));
  EXPECT_TRUE(is_int(simple(logical_and(c, lt(c, i, num(3)), lt(c, num(5), i))), 0));
  EXPECT_TRUE(is_int(simple(logical_or(c, lt(c, i, num(5)), lt(c, num(3), i))), 1));
}

TEST_F(Simplify, proves_with_symbolic_bounds) {
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  const Expr i = below("i", n);
  const Expr j = below("j", m);
  const Expr blocks = ceildiv(c, n, num(12));
  EXPECT_TRUE(prove(c, lt(c, sum(times(i, m), j), times(n, m)), known));
  EXPECT_TRUE(prove(c, lt(c, num(0), n), known));
  EXPECT_TRUE(prove(c, lt(c, times(sub(c, blocks, num(1)), 12), n), known));
  EXPECT_TRUE(prove(c, le(c, n, times(blocks, 12)), known));
  const Expr i0 = below("i0", blocks);
  const Expr i1 = var("i1", 12);
  EXPECT_TRUE(prove(c, lt(c, times(i0, 12), n), known));
  EXPECT_FALSE(prove(c, lt(c, sum(times(i0, 12), i1), n), known));
  const Expr rows = min(c, num(12), sub(c, n, times(i0, 12)));
  EXPECT_TRUE(prove(c, le(c, num(1), rows), known));
  EXPECT_TRUE(prove(c, le(c, sum(times(i0, 12), rows), n), known));
  const Expr tail = below("t", rows);
  EXPECT_TRUE(prove(c, lt(c, sum(times(i0, 12), tail), n), known));
  EXPECT_TRUE(prove(c, lt(c, tail, num(12)), known));
}

TEST_F(Simplify, proves_from_facts) {
  const Expr n = c.var("n");
  const Expr m = c.var("m");
  const Expr i = c.var("i");
  EXPECT_FALSE(prove(c, lt(c, i, n), known));
  known.fact(lt(c, sum(i, m), n));
  EXPECT_TRUE(prove(c, lt(c, i, n), known));
  EXPECT_FALSE(prove(c, lt(c, n, i), known));
  const Expr k = c.var("k");
  known.fact(eq(c, k, sum(times(i, 2), num(1))));
  EXPECT_TRUE(prove(c, le(c, k, times(n, 2)), known));
  EXPECT_TRUE(is_int(simple(max(c, sub(c, i, n), num(0))), 0));
}

TEST_F(Simplify, factors_of_an_extent_are_positive_where_its_loop_runs) {
  const Expr b = c.var("b"), n = c.var("n");
  const Expr d = sum(times(n, 4), num(-4));  // an extent: not negative
  known.fact(le(c, num(0), d));
  EXPECT_FALSE(prove(c, lt(c, num(0), d), known));
  const Expr i = below("i", mul(c, b, d));
  EXPECT_TRUE(prove(c, lt(c, num(0), d), known));
  EXPECT_EQ(simple(sum(mul(c, floordiv(c, i, d), d), mod(c, i, d))), i);
  EXPECT_FALSE(prove(c, lt(c, num(0), sum(times(n, 4), num(-8))), known));
}

TEST_F(Simplify, an_index_below_a_quotient_bounds_the_dividend) {
  const Expr n = c.var("n");
  const Expr i = below("i", floordiv(c, n, num(12)));
  EXPECT_TRUE(prove(c, le(c, num(12), n), known));
  EXPECT_FALSE(prove(c, le(c, num(13), n), known));
  EXPECT_TRUE(prove(c, le(c, sum(times(i, 12), num(12)), n), known));
}

TEST_F(Simplify, bounds_are_tight_for_split_indices) {
  const Expr i = var("i", 4);
  const Expr j = var("j", 12);
  const Interval flat = bounds(sum(times(i, 12), j), known);
  EXPECT_EQ(flat.lo, 0);
  EXPECT_EQ(flat.hi, 47);
  const Expr n = c.var("n");
  const Expr k = below("k", n);
  EXPECT_EQ(bounds(sub(c, n, k), known).lo, 1);
  EXPECT_FALSE(bounds(n, known).has_hi());
  EXPECT_EQ(bounds(c.make(Op::cast, c.index(), {c.var("b", c.scalar(DType::u8))}), known).hi, 255);
}

TEST_F(Simplify, large_coefficients_do_not_overflow) {
  const Expr i = c.var("i");
  Expr e = i;
  for (int k = 0; k < 6; ++k)
    e = c.make(Op::mul, c.index(), {sum(e, num(INT64_MAX / 3)), num(INT64_MAX / 5)});
  EXPECT_NE(simple(e), nullptr);
  EXPECT_NE(simple(over(sum(i, num(INT64_MIN)), num(INT64_MIN))), nullptr);
  EXPECT_NE(simple(lt(c, sum(i, num(INT64_MAX)), num(INT64_MIN))), nullptr);
}

TEST_F(Simplify, simplifies_under_loops_and_conditions) {
  const Expr n = c.var("n");
  const Expr shape[] = {n};
  const Expr x = c.buffer("x", c.tensor(DType::f32, shape));
  const Expr i0 = c.var("i0");
  const Expr i1 = c.var("i1");
  const Expr at = sum(times(i0, 12), i1);
  const Expr idx[] = {rem(at, n)};
  const Expr write = store(c, x, c.imm_f(c.scalar(DType::f32), 1), idx);
  const Expr guarded = if_then(c, lt(c, at, n), write);
  const Expr nest = for_loop(c, i0, ceildiv(c, n, num(12)), for_loop(c, i1, num(12), guarded));
  const Expr out = simple(nest);
  const Expr inner = ForView{ForView{out}.body()}.body();
  ASSERT_EQ(inner->op, Op::cond) << print(out);
  EXPECT_EQ(inner->operand(1)->operand(2), simple(at)) << print(out);
  const Expr always = for_loop(c, i1, num(12), if_then(c, lt(c, i1, num(12)), write));
  EXPECT_EQ(ForView{simple(always)}.body()->op, Op::store);
  const Expr never = for_loop(c, i1, num(12), if_then(c, lt(c, i1, num(0)), write));
  EXPECT_EQ(simple(never)->op, Op::seq);
  EXPECT_EQ(simple(for_loop(c, i1, num(0), write))->op, Op::seq);
}

TEST_F(Simplify, a_condition_on_memory_does_not_hold_after_a_store) {
  const Expr x = c.buffer("x", c.tensor(DType::i64, {4}));
  const Expr at[] = {num(0)};
  const Expr v = load(c, x, at);
  const Expr clobber = store(c, x, num(7), at);
  const Expr again = if_then(c, lt(c, v, num(5)), clobber);
  const Expr body[] = {clobber, again};
  const Expr out = simple(if_then(c, lt(c, v, num(5)), seq(c, body)));
  ASSERT_EQ(out->op, Op::cond);
  EXPECT_EQ(out->operand(1)->operand(1)->op, Op::cond) << print(out);
}

TEST_F(Simplify, block_bodies_know_their_iterators) {
  const Expr n = c.var("n");
  const Expr shape[] = {n};
  const Expr x = c.buffer("x", c.tensor(DType::f32, shape));
  const Expr i = c.var("i");
  const Expr vi = c.var("vi");
  const Expr idx[] = {rem(vi, n)};
  const Expr write = store(c, x, c.imm_f(c.scalar(DType::f32), 1), idx);
  const BlockIter iters[] = {{vi, i, 's'}};
  const Expr out = simple(for_loop(c, i, n, block(c, "b", iters, c.bool_imm(true), write)));
  EXPECT_EQ(BlockView{ForView{out}.body()}.body()->operand(2), vi) << print(out);
}

TEST_F(Simplify, select_arms_know_their_condition) {
  const Expr i = c.var("i");
  const Expr n = c.var("n");
  const Expr inner = select(c, lt(c, i, n), times(i, 2), num(0));
  const Expr e = select(c, lt(c, i, n), sum(inner, num(1)), inner);
  expect(e, select(c, lt(c, i, n), sum(times(i, 2), num(1)), num(0)));
}

TEST_F(Simplify, lets_of_literals_and_variables_disappear) {
  const Expr x = c.buffer("x", c.tensor(DType::f32, {4}));
  const Expr v = c.var("v");
  const Expr idx[] = {sum(v, num(1))};
  const Expr write = store(c, x, c.imm_f(c.scalar(DType::f32), 1), idx);
  EXPECT_TRUE(is_int(simple(let(c, v, num(2), write))->operand(2), 3));
  const Expr i = c.var("i");
  EXPECT_EQ(simple(let(c, v, times(i, 3), write))->op, Op::let);
}

TEST_F(Simplify, of_a_loop_that_never_runs_nothing_follows) {
  const Expr never[] = {var("i", 0)};
  EXPECT_EQ(simple(never[0]), never[0]);
  const auto range = range_over(c, never[0], never, known);
  ASSERT_TRUE(range.has_value());
  EXPECT_TRUE(is_int(range->lo, 0));
  EXPECT_TRUE(is_int(range->hi, -1));
  EXPECT_FALSE(prove(c, le(c, num(1), c.var("n")), known));
}

TEST_F(Simplify, range_over_gives_symbolic_bounds) {
  const Expr n = c.var("n");
  const Expr i0 = below("i0", n);
  const Expr i1 = var("i1", 12);
  const Expr inner[] = {i1};
  const auto r = range_over(c, sum(times(i0, 12), i1), inner, known);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->lo, simple(times(i0, 12)));
  EXPECT_EQ(r->hi, simple(sum(times(i0, 12), num(11))));
  const Expr down[] = {i0, i1};
  const auto s = range_over(c, sub(c, times(n, 12), sum(times(i0, 12), i1)), down, known);
  ASSERT_TRUE(s.has_value());
  EXPECT_TRUE(is_int(s->lo, 1)) << print(s->lo);
  EXPECT_EQ(s->hi, simple(times(n, 12)));
  const auto d = range_over(c, over(sum(times(i0, 12), i1), 4), inner, known);
  ASSERT_TRUE(d.has_value());
  EXPECT_EQ(d->hi, simple(sum(times(i0, 3), num(2)))) << print(d->hi);
  const Expr free[] = {c.var("free")};
  EXPECT_FALSE(range_over(c, times(free[0], 2), free, known).has_value());
}

TEST_F(Simplify, linear_in_takes_symbolic_coefficients_and_refuses_the_rest) {
  const Expr n = c.var("n");
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr vars[] = {i, j};
  const auto l = linear_in(c, sum(sum(times(i, n), times(j, 3)), sum(n, num(1))), vars);
  ASSERT_TRUE(l.has_value());
  EXPECT_EQ(l->coefficients[0], n);
  EXPECT_TRUE(is_int(l->coefficients[1], 3));
  EXPECT_EQ(l->rest, sum(n, num(1)));
  EXPECT_FALSE(linear_in(c, times(i, j), vars).has_value());
  EXPECT_FALSE(linear_in(c, over(i, 2), vars).has_value());
}

TEST_F(Simplify, divisor_sees_through_products_and_choices) {
  const Expr n = c.var("n");
  EXPECT_EQ(divisor(times(n, 12)), 12);
  EXPECT_EQ(divisor(sum(times(n, 12), num(8))), 4);
  EXPECT_EQ(divisor(num(0)), 0);
  EXPECT_EQ(divisor(n), 1);
  EXPECT_EQ(divisor(min(c, times(n, 6), num(9))), 3);
  EXPECT_EQ(divisor(times(times(n, 4), over(n, 3))), 4);
}

TEST_F(Simplify, evaluate_follows_the_operator_table) {
  const Expr n = c.var("n");
  EXPECT_EQ(evaluate(over(n, num(0)), {{n, 5}}), 0);
  EXPECT_EQ(evaluate(over(n, 4), {{n, -5}}), -2);
  EXPECT_EQ(evaluate(rem(n, 4), {{n, -5}}), 3);
  EXPECT_EQ(evaluate(c.make(Op::div, c.index(), {n, num(4)}), {{n, -5}}), -1);
  EXPECT_EQ(evaluate(times(n, 2), {{n, INT64_MAX}}), -2);
  EXPECT_FALSE(evaluate(n, {}).has_value());
  const Expr m = c.var("m");
  EXPECT_EQ(evaluate(select(c, lt(c, n, num(3)), n, m), {{n, 1}}), 1);
}

TEST_F(Simplify, evaluate_knows_signs_and_widths) {
  const auto of = [&](Op op, DType type, int64_t x, int64_t y = 0) {
    const Expr a = c.var("a", c.scalar(type));
    const Expr d = c.var("d", c.scalar(type));
    const bool unary = info(op).max_operands == 1;
    const Type result = is_predicate(op) ? c.boolean() : a->type;
    const Expr e = unary ? c.make(op, result, {a}) : c.make(op, result, {a, d});
    return evaluate(e, {{a, x}, {d, y}});
  };
  struct Comparison {
    Op op;
    int64_t less, equal, greater;
  };
  for (const auto& [op, less, equal, greater] : {Comparison{Op::eq, 0, 1, 0},
                                                 {Op::ne, 1, 0, 1},
                                                 {Op::lt, 1, 0, 0},
                                                 {Op::le, 1, 1, 0},
                                                 {Op::gt, 0, 0, 1},
                                                 {Op::ge, 0, 1, 1}}) {
    SCOPED_TRACE(info(op).name);
    EXPECT_EQ(of(op, DType::i64, -1, 2), less);
    EXPECT_EQ(of(op, DType::i64, 2, 2), equal);
    EXPECT_EQ(of(op, DType::i64, 3, 2), greater);
    EXPECT_EQ(of(op, DType::u64, 2, -1), less) << "the largest u64";
    EXPECT_EQ(of(op, DType::u64, -1, 2), greater) << "the largest u64";
  }
  struct Row {
    Op op;
    DType type;
    int64_t x, y, value;
  };
  const Row rows[] = {
      {Op::neg, DType::i8, -128, 0, -128},
      {Op::abs, DType::i64, -5, 0, 5},
      {Op::abs, DType::u64, -5, 0, -5},
      {Op::abs, DType::i64, 5, 0, 5},
      {Op::sign, DType::i64, -5, 0, -1},
      {Op::sign, DType::i64, 0, 0, 0},
      {Op::sign, DType::u64, -5, 0, 1},
      {Op::not_, DType::boolean, 0, 0, 1},
      {Op::not_, DType::boolean, 1, 0, 0},
      {Op::not_, DType::i64, 1, 0, -2},
      {Op::div, DType::i64, -7, 2, -3},
      {Op::fmod, DType::i64, -7, 2, -1},
      {Op::floordiv, DType::i64, -7, 2, -4},
      {Op::mod, DType::i64, -7, 2, 1},
      {Op::div, DType::i64, INT64_MIN, -1, INT64_MIN},
      {Op::mod, DType::i64, INT64_MIN, -1, 0},
      {Op::div, DType::u64, -1, 2, INT64_MAX},
      {Op::mod, DType::u64, -1, 10, 5},
      {Op::mod, DType::i64, 5, 0, 0},
      {Op::pow, DType::i64, 3, 4, 81},
      {Op::pow, DType::i64, 3, 0, 1},
      {Op::pow, DType::i64, 2, -1, 0},
      {Op::pow, DType::i64, -1, -3, -1},
      {Op::pow, DType::i64, 1, -3, 1},
      {Op::pow, DType::i64, -1, -2, 1},
      {Op::max, DType::i64, -1, 2, 2},
      {Op::max, DType::u64, -1, 2, -1},
      {Op::min, DType::i64, -1, 2, -1},
      {Op::min, DType::u64, -1, 2, 2},
      {Op::and_, DType::i64, 12, 10, 8},
      {Op::or_, DType::i64, 12, 10, 14},
      {Op::xor_, DType::i64, 12, 10, 6},
      {Op::shl, DType::i64, 3, 63, INT64_MIN},
      {Op::shl, DType::i64, 3, 64, 0},
      {Op::shr, DType::i64, -8, 1, -4},
      {Op::shr, DType::i64, -8, 64, -1},
      {Op::shr, DType::i64, 8, 64, 0},
      {Op::shr, DType::u64, INT64_MIN, 63, 1},
      {Op::shl, DType::i32, 1, 31, INT32_MIN},
      {Op::shl, DType::i32, 1, 32, 0},
      {Op::add, DType::u8, 200, 100, 44},
  };
  for (const Row& r : rows)
    EXPECT_EQ(of(r.op, r.type, r.x, r.y), r.value)
        << info(r.op).name << " " << info(r.type).name << " " << r.x << " " << r.y;
}

TEST_F(Simplify, range_over_sums_what_is_in_a_minimum_with_what_is_beside_it) {
  // Rows of tiles, the last of them shorter: i0 * 6 + min(n - i0 * 6, 6) is min(n, i0 * 6 + 6).
  const Expr n = c.var("n");
  const Expr i0 = var("i0", 4);
  const Expr tiles[] = {i0};
  const Expr rows = min(c, sub(c, n, times(i0, 6)), num(6));
  const auto end = range_over(c, sum(times(i0, 6), rows), tiles, known);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->hi, simplify(c, min(c, n, num(24)), known));
  EXPECT_EQ(end->lo, simplify(c, min(c, n, num(6)), known));
  const auto left = range_over(c, sub(c, times(i0, -6), rows), tiles, known);
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->lo, simplify(c, max(c, times(n, -1), num(-24)), known));
}

TEST_F(Simplify, range_over_knows_nothing_of_what_memory_holds) {
  const Expr i = var("i", 5);
  const Expr table = c.buffer("table", c.tensor(DType::i64, std::vector<Expr>{num(5)}));
  const Expr inner[] = {i};
  const Expr read = load(c, table, inner);
  EXPECT_FALSE(range_over(c, read, inner, known).has_value());
  EXPECT_FALSE(range_over(c, sum(times(read, 3), i), inner, known).has_value());
  EXPECT_FALSE(range_over(c, load(c, table, std::vector<Expr>{read}), inner, known).has_value());
}

TEST_F(Simplify, selects_inside_selects_end) {
  // Each choice stands twice in the next: 2^60 ways lead to the innermost.
  Expr e = c.var("x");
  for (int k = 0; k < 60; ++k)
    e = select(c, lt(c, e, c.var("bound")), sum(e, num(1)), sub(c, e, num(1)));
  const Expr out = simple(e);
  EXPECT_EQ(out->op, Op::select);
  EXPECT_FALSE(prove(c, lt(c, e, num(7)), known));
}

TEST_F(Simplify, a_deep_chain_of_selects_ends) {
  Expr e = c.var("x");
  for (int k = 0; k < 5000; ++k) e = select(c, lt(c, c.var("bound"), num(k)), num(k), e);
  EXPECT_EQ(simple(e)->op, Op::select);
}

TEST_F(Simplify, hard_questions_share_an_allowance) {
  std::vector<Expr> all;
  const int64_t whole = c.proof_steps();
  int64_t first = 0, last = 0;
  for (int k = 0; k < 300; ++k) {
    Expr e = c.var("x");
    for (int j = 0; j < 12; ++j)
      e = select(c, lt(c, e, c.var("bound")), sum(e, num(k + 1)), sub(c, e, num(j)));
    const int64_t before = c.proof_steps();
    all.push_back(simple(e));
    last = before - c.proof_steps();
    if (k == 0) first = last;
  }
  EXPECT_GT(first, 8 * last);  // each takes a part of what is left
  EXPECT_LT(c.proof_steps(), whole / 8);
  EXPECT_GE(c.proof_steps(), 0);
  expect(sum(all[0], num(0)), all[0]);  // easy ones are answered as before
  EXPECT_TRUE(prove(c, lt(c, var("i", 5), num(5)), known));
}

TEST_F(Simplify, a_long_chain_of_choices_stays_linear) {
  Expr e = c.var("x");
  const Expr n = c.var("n");
  for (int k = 0; k < 100000; ++k)
    e = c.make(k % 2 == 0 ? Op::max : Op::min, c.index(), {e, k % 3 == 0 ? n : c.i64(k)});
  const Expr roots[] = {e};
  EXPECT_NE(bounds(roots[0]).lo, 1);
  EXPECT_EQ(divisor(e), 1);
  EXPECT_FALSE(evaluate(e, {{n, 1}}).has_value());
}

}  // namespace
}  // namespace tenon::ir
