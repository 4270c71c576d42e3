// Each primitive on programs that it is made for: the result must compute the same.
#include <gtest/gtest.h>

#include "differential.h"
#include "schedule/testing.h"

namespace tenon::schedule {
namespace {
using ir::Expr;
using testing::difference;
using testing::DotProgram;
using testing::Exprs;
using testing::in_global_scope;
using testing::KernelBuilder;
using testing::Sizes;

/// Applies the lines; each must succeed. Compares scheduled and finalized program with the
/// definition.
void check(const Program& program, const std::vector<std::string>& lines,
           const std::vector<Sizes>& all_sizes) {
  Schedule s(program);
  for (const std::string& line : lines) {
    const Status status = s.apply(line);
    ASSERT_TRUE(status.has_value()) << line << ": " << status.error().text() << "\n"
                                    << ir::print(*s.program());
  }
  const Result<Program> final = finalize(s.program(), *machine::find_row("x86-64-v4"));
  ASSERT_TRUE(final.has_value()) << final.error().text();
  uint64_t seed = 1;
  for (const Sizes& sizes : all_sizes) {
    EXPECT_EQ(difference(program, in_global_scope(s.program()), sizes, ++seed), "");
    EXPECT_EQ(difference(program, *final, sizes, ++seed, "finalized"), "");
  }
  const Result<Program> again = replay(program, s.program()->trace);
  ASSERT_TRUE(again.has_value()) << again.error().text();
  EXPECT_EQ(ir::canonical_text(**again), ir::canonical_text(*s.program()));
  EXPECT_EQ((*again)->trace, s.program()->trace);
}

const std::vector<Sizes> kDotSizes{{1, 1, 1}, {13, 37, 9}, {24, 64, 16}, {5, 31, 0}};

TEST(schedule_behavior, split_with_each_tail_computes_the_same) {
  for (const std::string tail : {"predicate", "peel"}) {
    check(DotProgram().program(),
          {"split(i, 4, tail = " + tail + ")", "split(j, 8, tail = " + tail + ")",
           "split(k, 3, tail = " + tail + ")"},
          kDotSizes);
    check(DotProgram(13, 37, 9).program(),
          {"split(i, 4, tail = " + tail + ")", "split(j, 8, tail = " + tail + ")",
           "split(k, 4, tail = " + tail + ")"},
          {{}});
  }
  check(DotProgram(12, 32, 9).program(),
        {"split(i, 4, tail = pad)", "k9, k10 = split(k, 3, tail = pad)"}, {{}});
}

TEST(schedule_behavior, tails_of_fused_reductions_start_their_own_elements) {
  for (const std::string factor : {"2", "4", "9"})
    check(DotProgram(3, 5, 7).program(),
          {"f = fuse(j, k)", "split(f, " + factor + ", tail = peel)"}, {{}});
}

TEST(schedule_behavior, tile_reorder_fuse_compute_the_same) {
  check(DotProgram().program(),
        {"io, jo, ii, ji = tile(i, j, 4, 8)", "reorder(k, ii, ji)", "ij = fuse(io, jo)",
         "parallel(ij)", "vectorize(ji)", "unroll(ii)"},
        kDotSizes);
}

TEST(schedule_behavior, compute_at_and_reverse_compute_at_compute_the_same) {
  check(DotProgram().program(), {"compute_at(add, relu_i0)", "compute_at(dot, relu_i0)"},
        kDotSizes);
  check(DotProgram().program(),
        {"io, jo, ii, ji = tile(relu_i0, relu_i1, 4, 8)", "compute_at(add, jo)",
         "compute_at(dot, jo)", "ij = fuse(io, jo)", "parallel(ij)"},
        kDotSizes);
  check(DotProgram().program(),
        {"inline(add)", "io, jo, ii, ji = tile(i, j, 4, 8)", "reverse_compute_at(relu, jo)",
         "parallel(io)"},
        kDotSizes);
}

TEST(schedule_behavior, default_like_gemm_schedule_computes_the_same) {
  for (const auto& [m, n, k] : {std::tuple{13, 37, 9}, {24, 64, 300}, {2, 17, 1}, {5, 40, 7}}) {
    check(DotProgram(m, n, k).program(),
          {"inline(add)", "pack(dot, b, factors = [0, 8], perm = [1, 0, 2])",
           "io, jo, ii, ji = tile(i, j, 6, 8)", "k0, k1 = split(k, 4)", "reorder(k0, k1, ii, ji)",
           "reverse_compute_at(relu, jo)", "decompose_reduction(dot, k0)", "reorder(ii, ji, k1)",
           "tensorize(ii, fma_tile, [6, 8])", "set_scope(dot, reg)", "parallel(io)",
           "vectorize(relu_i1)"},
          {{}});
  }
}

TEST(schedule_behavior, consumers_under_a_loop_that_ends_early) {
  check(DotProgram().program(),
        {"i0_, i1_ = split(i, 4)", "i2_, i3_ = split(i0_, 3)", "reorder(i2_, i3_, j, i1_)",
         "reverse_compute_at(add, i3_)"},
        kDotSizes);
}

TEST(schedule_behavior, caches_and_packs_compute_the_same) {
  check(DotProgram().program(),
        {"w = cache_write(dot, scratch)", "r = cache_read(dot, a, scratch)",
         "p = pack(dot, b, factors = [0, 8], perm = [1, 0, 2])", "split(dot_write_i0, 4)"},
        {{13, 37, 9}, {1, 1, 1}});
}

TEST(schedule_behavior, rfactor_computes_the_same) {
  check(DotProgram().program(), {"k0, k1 = split(k, 4)", "rf = rfactor(dot, k0)"}, kDotSizes);
  check(DotProgram().program(), {"k0, k1 = split(k, 4)", "rf = rfactor(dot, k1)", "vectorize(k1)"},
        kDotSizes);
  check(DotProgram().program(), {"rf = rfactor(dot, k)"}, kDotSizes);
  for (const std::string loop : {"k0", "k1"})  // beside a condition that is spatial
    check(DotProgram().program(),
          {"i0_, i1_ = split(i, 4)", "k0, k1 = split(k, 4)", "rf = rfactor(dot, " + loop + ")"},
          kDotSizes);
}

TEST(schedule_behavior, rfactor_leaves_other_reductions_as_they_are) {
  KernelBuilder b;
  const Expr n = b.size("N");
  const Expr x = b.in("x", {b.n(5), n, b.n(6)});
  const Expr out = b.out("out", {b.n(5)});
  b.block("total", {{"i", b.n(5)}, {"p", n, 'r'}, {"q", b.n(6), 'r'}}, [&](const Exprs& v) {
    return ir::update(b.c(), out, b.f32(0), b.load(x, v), Exprs{v[0]}, "sum");
  });
  const Program program = b.build();
  for (const std::string loop : {"p0", "p1"})
    check(program,
          {"p0, p1 = split(p, 4)", "q0, q1 = split(q, 3)", "rf = rfactor(total, " + loop + ")"},
          {{1}, {4}, {7}});
  for (const std::string loop : {"q0", "q1"})
    check(program, {"q0, q1 = split(q, 4)", "rf = rfactor(total, " + loop + ")"}, {{1}, {7}});
  check(program, {"q0, q1 = split(q, 3)", "rf = rfactor(total, p)"}, {{1}, {7}});
}

/// joined = a beside the column b; out = joined + joined.
Program joined_columns() {
  KernelBuilder k;
  const Expr rows = k.size("M");
  const Expr a = k.in("a", {rows, k.n(7)}), b = k.in("b", {rows});
  const Expr joined = k.internal("joined", {rows, k.n(8)}), out = k.out("out", {rows, k.n(8)});
  k.block("left", {{"i", rows}, {"j", k.n(7)}},
          [&](const Exprs& v) { return ir::store(k.c(), joined, k.load(a, v), v); });
  k.block("right", {{"r", rows}}, [&](const Exprs& v) {
    return ir::store(k.c(), joined, k.load(b, {v[0]}), Exprs{v[0], k.n(7)});
  });
  k.map("add", out,
        [&](const Exprs& v) { return k.op(ir::Op::add, k.load(joined, v), k.load(joined, v)); });
  return k.build();
}

TEST(schedule_behavior, parts_of_a_buffer_stay_together) {
  // The tail and the column together reach from the first to the last row and column, but they are
  // not all of it.
  check(joined_columns(), {"i0_0, i0_1 = split(i, 5, tail = peel)", "parallel(i0_0)"},
        {{1}, {5}, {8}, {0}, {23}});
}

TEST(schedule_behavior, branches_that_write_a_part_do_not_write_the_whole) {
  // The tail starts at row 0 only in the branch for small M, where there is no main part.
  KernelBuilder k;
  const Expr m = k.size("M");
  const Expr a = k.in("a", {m, m}), twice = k.internal("twice", {m, m}), out = k.out("out", {m});
  k.map("twice", twice,
        [&](const Exprs& v) { return k.op(ir::Op::add, k.load(a, v), k.load(a, v)); });
  k.block("sum", {{"i", m}, {"r", m, 'r'}}, [&](const Exprs& v) {
    return ir::update(k.c(), out, k.f32(0), k.load(twice, {v[1], v[0]}), Exprs{v[0]}, "sum");
  });
  check(k.build(),
        {"specialize(i0, i1, [2, 5])", "i0_0, i0_1 = split(i0, 4, tail = peel)", "parallel(i0_0)"},
        {{1}, {4}, {8}, {0}, {23}});
}

TEST(schedule_behavior, empty_peeled_reductions_start) {
  check(DotProgram().program(),
        {"rf = rfactor(dot, k)", "compute_at(rf, dot_r)", "a, b = split(dot_r, 3, tail = peel)"},
        kDotSizes);
}

TEST(schedule_behavior, reductions_start_in_the_other_branch_of_a_condition) {
  check(DotProgram().program(),
        {"reorder(k, i, j)", "ko, ki = split(k, 3, tail = peel)", "specialize(ki, i, [2, 5])",
         "fuse(ko, ki)"},
        kDotSizes);
}

TEST(schedule_behavior, blockize_and_specialize_compute_the_same) {
  check(DotProgram().program(),
        {"io, jo, ii, ji = tile(i, j, 4, 8)", "blockize(ii)", "parallel(io)"}, kDotSizes);
  check(DotProgram().program(), {"specialize(i, k, [1, 4, 9])"}, kDotSizes);
}

TEST(schedule_behavior, reverse_inline_computes_the_same) {
  check(DotProgram().program(), {"reverse_inline(relu)", "split(i0, 4)"}, kDotSizes);
}

TEST(schedule_behavior, windows_are_computed_where_they_are_read) {
  KernelBuilder k;
  const Expr n = k.size("n");
  const Expr x = k.in("x", {n});
  const Expr out = k.out("out", {n});
  const Expr y = k.internal("y", {n});
  k.map("square", y, [&](const Exprs& v) { return k.op(ir::Op::mul, k.load(x, v), k.load(x, v)); });
  k.block("pool", {{"i", n}, {"w", k.n(3), 'r'}}, [&](const Exprs& v) {
    const Expr at = ir::add(k.c(), v[0], ir::add(k.c(), v[1], k.n(-1)));
    const Expr inside = ir::logical_and(k.c(), ir::le(k.c(), k.n(0), at), ir::lt(k.c(), at, n));
    return ir::update(k.c(), out, k.f32(0), ir::select(k.c(), inside, k.load(y, {at}), k.f32(0)),
                      Exprs{v[0]}, "sum");
  });
  const std::vector<Sizes> sizes{{1}, {7}, {16}};
  check(k.build(), {"io, ii = split(i, 4)", "compute_at(square, io)", "parallel(io)"}, sizes);
  check(k.build(), {"inline(square)"}, sizes);
}

}  // namespace
}  // namespace tenon::schedule
