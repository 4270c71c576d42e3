// What primitives refuse on programs that the usual lowering does not make: extents that depend on
// loops, buffers with several writers, inputs that are written later; and the limits of numbers.
#include <gtest/gtest.h>

#include "schedule/registry.h"
#include "schedule/testing.h"

namespace tenon::schedule {
namespace {
using ir::Expr;
using testing::DotProgram;
using testing::Exprs;
using testing::KernelBuilder;

/// The message of a refusal, "" where the line applies.
std::string refusal_of_last(const Program& program, const std::vector<std::string>& lines) {
  Schedule s(program);
  for (size_t i = 0; i < lines.size(); ++i) {
    const Status status = s.apply(lines[i]);
    if (!status) {
      EXPECT_EQ(i + 1, lines.size()) << status.error().text();
      return status.error().diagnostics[0].message;
    }
  }
  return "";
}
std::string refusal(const Program& program, const std::string& line) {
  return refusal_of_last(program, {line});
}
void expect_words(const std::string& text, const std::string& words) {
  EXPECT_NE(text.find(words), std::string::npos) << text;
}

/// out[i] = sum of x[i, j] for j <= i.
Program triangle() {
  KernelBuilder k;
  ir::Context& c = k.c();
  const Expr x = k.in("x", {k.n(8), k.n(8)});
  const Expr out = k.out("out", {k.n(8)});
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr vi = c.var("vi");
  const Expr vj = c.var("vj");
  const Expr body = ir::update(c, out, k.f32(0), k.load(x, {vi, vj}), Exprs{vi}, "sum");
  const std::vector<ir::BlockIter> iters{{vi, i, 's'}, {vj, j, 'r'}};
  const Expr block = ir::block(c, "sum", iters, c.bool_imm(true), body);
  k.statement(ir::for_loop(c, i, k.n(8), ir::for_loop(c, j, ir::add(c, i, k.n(1)), block)));
  return k.build();
}

TEST(Refusals, extents_that_depend_on_a_loop_keep_it_outside) {
  expect_words(refusal(triangle(), "vectorize(i)"), "the extent of 'j' inside depends on it");
  expect_words(refusal(triangle(), "fuse(i, j)"), "the extent of 'j' depends on 'i'");
  expect_words(refusal(triangle(), "reorder(j, i)"), "the extent of 'j' depends on 'i'");
  expect_words(refusal(triangle(), "rfactor(sum, j)"), "the extent of 'j' depends on 'i'");
  EXPECT_EQ(refusal(triangle(), "parallel(i)"), "");
}

/// u is written, read into t, written again; t is read into out.
Program rewritten() {
  KernelBuilder k;
  const Expr u = k.internal("u", {k.n(8)});
  const Expr t = k.internal("t", {k.n(8)});
  const Expr out = k.out("out", {k.n(8)});
  k.map("first", u, [&](const Exprs&) { return k.f32(1); });
  k.map("copy", t, [&](const Exprs& v) { return k.load(u, v); });
  k.map("second", u, [&](const Exprs&) { return k.f32(2); });
  k.map("read", out, [&](const Exprs& v) { return k.op(ir::Op::add, k.load(t, v), k.load(u, v)); });
  return k.build();
}

TEST(Refusals, what_is_written_later_is_read_where_it_stands) {
  const Program p = rewritten();
  expect_words(refusal(p, "inline(copy)"), "'u' is written after the block reads it");
  expect_words(refusal(p, "compute_at(copy, read_i0)"), "'u' is written after the block reads it");
  expect_words(refusal(p, "cache_read(copy, u, scratch)"), "'u' is written after the block");
  expect_words(refusal(p, "pack(copy, u, [4], [0, 1])"), "'u' is written after the block");
  expect_words(refusal(p, "inline(second)"), "other statements write 'u' too");
  expect_words(refusal(p, "compute_at(second, read_i0)"), "other blocks write 'u' too");
  expect_words(refusal(p, "cache_write(second, scratch)"), "other statements write 'u' too");
  EXPECT_EQ(refusal(p, "cache_read(read, u, scratch)"), "");
  EXPECT_EQ(refusal(p, "cache_read(read, t, scratch)"), "");
}

TEST(Refusals, results_that_nothing_reads) {
  KernelBuilder k;
  const Expr unread = k.internal("unread", {k.n(8)});
  const Expr out = k.out("out", {k.n(8)});
  k.map("make", unread, [&](const Exprs&) { return k.f32(1); });
  k.map("fill", out, [&](const Exprs&) { return k.f32(2); });
  const Program p = k.build();
  expect_words(refusal(p, "inline(make)"), "nothing reads 'unread'");
  expect_words(refusal(p, "compute_at(make, fill_i0)"), "nothing under the loop reads 'unread'");
}

Program line_of(int64_t extent) {
  KernelBuilder k;
  const Expr out = k.out("out", {k.n(extent)});
  k.map("fill", out, [&](const Exprs&) { return k.f32(2); });
  return k.build();
}

TEST(Refusals, numbers_at_their_limits) {
  EXPECT_EQ(refusal(line_of(4096), "vectorize(i0)"), "");
  expect_words(refusal(line_of(4097), "vectorize(i0)"), "is 4097");
  EXPECT_EQ(refusal(line_of(9), "split(i0, 2147483648)"), "");
  expect_words(refusal(line_of(9), "split(i0, 2147483649)"), "between 1 and 2^31");
  EXPECT_EQ(refusal(line_of(9), "split(i0, 1)"), "");
  EXPECT_EQ(refusal(line_of(9), "split(i0, 9, tail = peel)"), "");
  EXPECT_NE(refusal(line_of(9), "split(i0, 10, tail = peel)"), "");
  const Program dot = DotProgram(13, 37, 9).program();
  EXPECT_EQ(refusal(dot, "pack(dot, a, [0, 1048576], [0, 1, 2])"), "");
  expect_words(refusal(dot, "pack(dot, a, [0, 1048577], [0, 1, 2])"), "between 0 and 2^20");
  const Program symbolic = DotProgram().program();
  EXPECT_EQ(refusal(symbolic, "specialize(i, k, [1, 4096])"), "");
  EXPECT_EQ(refusal(symbolic, "specialize(i, k, [1, 2, 3, 4, 5, 6, 7, 8])"), "");
  expect_words(refusal(symbolic, "specialize(i, k, [1, 2, 3, 4, 5, 6, 7, 8, 9])"), "one to eight");
  for (const char* bounds : {"[0, 4]", "[4, 4097]", "[4, 4]"})
    expect_words(refusal(symbolic, "specialize(i, k, " + std::string(bounds) + ")"),
                 "bounds ascend from 1 to 4096");
  for (const char* shape : {"[0, 8]", "[6, 0]", "[4097, 8]", "[6, 4097]"})
    expect_words(refusal(dot, "tensorize(i, fma_tile, " + std::string(shape) + ")"),
                 "the sizes mr, nr, from 1 to 4096");
}

TEST(Refusals, kinds_of_loops_that_exclude_each_other) {
  const Program p = DotProgram(13, 37, 9).program();
  expect_words(refusal_of_last(p, {"vectorize(j)", "fuse(i, j)"}), "loop 'j' is vector already");
  expect_words(refusal_of_last(p, {"parallel(i)", "fuse(i, j)"}), "loop 'i' is parallel already");
  expect_words(refusal_of_last(p, {"vectorize(k)", "vectorize(j)"}), "loop 'k' inside is vector");
  expect_words(refusal_of_last(p, {"parallel(i)", "parallel(j)"}), "around it");
  expect_words(refusal_of_last(p, {"parallel(i)", "vectorize(i)"}), "is parallel already");
  EXPECT_EQ(refusal_of_last(p, {"unroll(k)", "vectorize(j)"}), "");
}

}  // namespace
}  // namespace tenon::schedule
