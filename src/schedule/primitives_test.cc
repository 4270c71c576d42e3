// Each primitive: what it makes of a small program, and what it refuses. That results compute the
// same is tested in test/schedule_behavior_test.cc and test/schedule_fuzz_test.cc.
#include <gtest/gtest.h>

#include <set>

#include "ir/text.h"
#include "schedule/defaults/defaults.h"
#include "schedule/registry.h"
#include "schedule/space.h"
#include "schedule/testing.h"

namespace tenon::schedule {
namespace {
using ir::Expr;
using testing::DotProgram;
using testing::Exprs;
using testing::KernelBuilder;

class Primitives : public ::testing::Test {
 protected:
  void apply(const std::string& line) {
    const Status status = s.apply(line);
    ASSERT_TRUE(status.has_value()) << line << ": " << status.error().text();
  }
  /// The line is refused with the code of its primitive and a message with those words, and changes
  /// nothing.
  void refuses(const std::string& line, const std::string& words) {
    const Program before = s.program();
    const Status status = s.apply(line);
    ASSERT_FALSE(status.has_value()) << line;
    EXPECT_NE(status.error().text().find(words), std::string::npos) << status.error().text();
    const size_t name = line.rfind(' ', line.find('(')) + 1;
    const std::string& code = status.error().diagnostics[0].code;
    if (code != "schedule.trace")  // the line itself, before its primitive sees it
      EXPECT_EQ(code, "schedule." + line.substr(name, line.find('(') - name));
    EXPECT_EQ(s.program(), before);
  }
  bool has(const std::string& text) const {
    return ir::print(*s.program()).find(text) != std::string::npos;
  }
  std::string text() const { return ir::print(*s.program()); }

  Schedule s{DotProgram(13, 37, 9).program()};
};

TEST_F(Primitives, handles_name_loops_and_blocks) {
  EXPECT_EQ(s.blocks(), (Handles{"dot", "add", "relu"}));
  EXPECT_EQ(s.loops("dot"), (Handles{"i", "j", "k"}));
  EXPECT_EQ(s.loops("relu"), (Handles{"relu_i0", "relu_i1"}));
  EXPECT_EQ(s.loops("nothing"), Handles{});
  EXPECT_EQ(s.extent("nothing"), nullptr);
  EXPECT_TRUE(ir::is_int(s.extent("j"), 37));
}

TEST_F(Primitives, split_guards_peels_or_divides) {
  const auto names = s.split("i", 4);
  ASSERT_TRUE(names.has_value());
  EXPECT_EQ(*names, (Handles{"i_0", "i_1"}));
  EXPECT_TRUE(has("where i_1 + i_0 * 4 < 13")) << text();
  apply("split(j, 8, tail = peel)");
  EXPECT_TRUE(has("for j_tail in serial(5)")) << text();
  apply("ko, ki = split(k, 3, tail = pad)");
  EXPECT_EQ(s.loops("dot"), (Handles{"i_0", "i_1", "j_0", "j_1", "ko", "ki"}));
  EXPECT_EQ(s.program()->trace.back(), "ko, ki = split(k, 3, tail = pad)");
}

TEST_F(Primitives, split_refuses) {
  refuses("split(nowhere, 4)", "no loop 'nowhere'");
  refuses("split(i, 0)", "factor");
  refuses("split(i, -3)", "factor");
  refuses("split(i, 4, tail = pad)", "not known to divide");
  refuses("split(i, 4, tail = cut)", "predicate, peel or pad");
  refuses("split(i, 20, tail = peel)", "smaller than the factor");
  refuses("a, a = split(i, 4)", "no free name");
  refuses("j, k = split(i, 4)", "no free name");
  refuses("a = split(i, 4)", "makes 2 names");
  apply("vectorize(k)");
  refuses("split(k, 3)", "is vector already");
}

TEST_F(Primitives, fuse_joins_perfectly_nested_loops) {
  apply("fuse(i, j)");
  EXPECT_EQ(s.loops("dot"), (Handles{"i_j", "k"}));
  EXPECT_TRUE(has("i_j // 37")) << text();
  refuses("fuse(k, i_j)", "not all of the body");
  refuses("fuse(i0, k)", "not all of the body");
  refuses("fuse(i0, nowhere)", "no loop");
}

TEST_F(Primitives, reorder_permutes_a_chain) {
  apply("reorder(k, i)");
  EXPECT_EQ(s.loops("dot"), (Handles{"k", "j", "i"}));
  refuses("reorder(i, i)", "given twice");
  refuses("reorder(i)", "at least two");
  refuses("reorder(i, i0)", "perfectly nested");
  refuses("reorder(i, nowhere)", "no loop");
}

TEST_F(Primitives, reorder_refuses_what_needs_its_order) {
  apply("compute_at(add, relu_i0)");
  refuses("reorder(relu_i1, relu_i0)", "perfectly nested");
  apply("inline(add)");
  apply("io, ii = split(relu_i0, 4)");
  apply("compute_at(dot, ii)");
  refuses("reorder(io, dot_k)", "perfectly nested");
}

TEST(Reorder, refuses_extents_that_come_too_early_and_in_place_blocks) {
  KernelBuilder k;
  const Expr x = k.out("x", {k.n(8)});
  const Expr y = k.out("y", {k.n(8), k.n(8)});
  k.block("shift", {{"i", k.n(7)}, {"r", k.n(2)}}, [&](const Exprs& v) {
    return ir::store(k.c(), x, k.load(x, {ir::add(k.c(), v[0], k.n(1))}), Exprs{v[0]});
  });
  k.block("fill", {{"a", k.n(8)}, {"b", k.n(8)}},
          [&](const Exprs& v) { return ir::store(k.c(), y, k.f32(1), v); });
  Schedule s(k.build());
  EXPECT_FALSE(s.reorder({"r", "i"}).has_value());
  EXPECT_FALSE(s.parallel("i").has_value());
  EXPECT_TRUE(s.reorder({"b", "a"}).has_value());
}

TEST(Defaults, a_schedule_that_does_not_apply_says_so) {
  Schedule s(DotProgram(13, 37, 9).program());
  std::vector<Refusal> refusals;
  const machine::Cost cost(machine::host());
  const Sampler sampler = prefer();
  const defaults::Target target{machine::host(), cost, sampler, refusals};
  const auto status = defaults::vectorize_axis(s, target, "nowhere", "i");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().diagnostics[0].code, "schedule.defaults");
  EXPECT_NE(status.error().text().find("no block 'nowhere'"), std::string::npos);
}

TEST_F(Primitives, tile_gives_four_loops) {
  const auto names = s.tile("i", "j", 4, 8);
  ASSERT_TRUE(names.has_value());
  EXPECT_EQ(s.loops("dot"), (Handles{"i_0", "j_0", "i_1", "j_1", "k"}));
  refuses("tile(i_0, i_0, 2, 2)", "two different");
  refuses("tile(i_0, i0, 2, 2)", "perfectly nested");
}

TEST_F(Primitives, parallel_takes_outermost_spatial_loops) {
  refuses("parallel(k)", "around it");
  refuses("parallel(j)", "around it");
  apply("reorder(k, i)");
  refuses("parallel(k)", "reduces over it");
  apply("parallel(i0)");
  refuses("parallel(i0)", "parallel already");
  refuses("reorder(i1, i0)", "must stay outermost");
}

TEST_F(Primitives, vectorize_and_unroll_take_constant_extents) {
  apply("vectorize(j)");
  refuses("vectorize(k)", "inside of vector loop");
  apply("unroll(i0)");
  refuses("unroll(i0)", "already");
  Schedule symbolic(DotProgram().program());
  EXPECT_FALSE(symbolic.vectorize("j").has_value());
  EXPECT_FALSE(symbolic.unroll("j").has_value());
}

TEST_F(Primitives, annotate_sets_notes) {
  apply("annotate(i, grain, 4)");
  apply("annotate(i, grain, 8)");
  apply("annotate(dot, prefetch, b)");
  EXPECT_TRUE(has("grain=8")) << text();
  EXPECT_FALSE(has("grain=4"));
  refuses("annotate(nowhere, a, b)", "no loop or block");
  refuses("annotate(i, a b, c)", "letters");
  refuses("annotate(dot, init, done)", "decompose_reduction");
  refuses("annotate(dot, again, yes)", "compute_at");
}

TEST_F(Primitives, compute_at_covers_what_is_read) {
  apply("io, jo, ii, ji = tile(relu_i0, relu_i1, 4, 8)");
  apply("compute_at(add, jo)");
  EXPECT_EQ(s.loops("add"), (Handles{"io", "jo", "add_i0", "add_i1"}));
  EXPECT_TRUE(ir::is_int(s.extent("add_i0"), 4));
  EXPECT_TRUE(ir::is_int(s.extent("add_i1"), 8));
  apply("compute_at(dot, add_i0)");
  EXPECT_EQ(s.loops("dot"), (Handles{"io", "jo", "add_i0", "dot_j", "dot_k"}));
}

TEST_F(Primitives, compute_at_refuses) {
  refuses("compute_at(dot, k)", "read outside");
  refuses("compute_at(dot, relu_i0)", "read outside");
  refuses("compute_at(relu, i)", "output");
  refuses("compute_at(nowhere, i)", "no block");
  refuses("compute_at(dot, nowhere)", "no loop");
  apply("vectorize(i1)");
  refuses("compute_at(dot, i1)", "vector loop");
  apply("decompose_reduction(dot, k)");
  refuses("compute_at(dot, i0)", "decomposed already");
}

TEST_F(Primitives, compute_at_keeps_producers_before_what_reads_them) {
  apply("compute_at(add, relu_i1)");
  apply("compute_at(dot, relu_i1)");
  refuses("compute_at(add, relu_i0)", "'dot' is written after the place");
}

TEST_F(Primitives, fused_loops_keep_the_order_of_their_reduction) {
  apply("jk = fuse(j, k)");
  apply("o, r = split(jk, 4)");
  refuses("reorder(r, o)", "spatial and reduction iterators");
  refuses("vectorize(r)", "spatial and reduction iterators");
  refuses("rfactor(dot, r)", "both spatial and reduction");
}

TEST_F(Primitives, rfactor_refuses_reductions_that_share_a_fused_loop) {
  apply("ko, ki = split(k, 1)");
  apply("jk = fuse(j, ko)");
  refuses("rfactor(dot, ki)", "loop 'jk' carries both spatial and reduction iterators");
}

TEST_F(Primitives, elements_start_where_their_reduction_may_be_empty) {
  s = Schedule{DotProgram().program()};
  refuses("fuse(j, k)", "the reduction of 'dot' may be empty");
  apply("ko, ki = split(k, 4)");
  refuses("fuse(j, ko)", "the reduction of 'dot' may be empty");
}

TEST_F(Primitives, split_refuses_to_peel_the_part_in_which_elements_start) {
  KernelBuilder b;
  const Expr more = ir::add(b.c(), b.size("n"), b.n(1));
  const Expr x = b.in("x", {b.n(4), more});
  const Expr out = b.out("out", {b.n(4)});
  b.block("total", {{"i", b.n(4)}, {"k", more, 'r'}}, [&](const Exprs& v) {
    return ir::update(b.c(), out, b.f32(0), b.load(x, v), Exprs{v[0]}, "sum");
  });
  s = Schedule{b.build()};
  apply("ko, ki = split(k, 3)");
  apply("reorder(ko, i, ki)");
  apply("f = fuse(i, ki)");  // there is an iteration of ko
  refuses("split(ko, 2, tail = peel)", "the first part may be empty");
}

TEST_F(Primitives, reverse_compute_at_refuses_loops_that_may_be_empty_beside_other_elements) {
  KernelBuilder b;
  const Expr n = b.size("n");
  const Expr x = b.in("x", {n});
  const Expr out = b.out("out", {b.n(2)});
  const Expr y = b.internal("y", {n});
  b.map("read", y, [&](const Exprs& v) { return b.load(x, v); });
  b.map("pick", out, [&](const Exprs& v) {
    return ir::select(b.c(), ir::lt(b.c(), v[0], n), b.load(y, v), b.f32(2));
  });
  s = Schedule{b.build()};
  refuses("reverse_compute_at(pick, i0)", "may have no iterations where 'pick' has elements");
}

TEST_F(Primitives, blockize_refuses_fused_loops_of_the_reduction) {
  apply("ko, ki = split(k, 3)");
  apply("f = fuse(j, ko)");
  refuses("blockize(ki)", "'f' carries both spatial and reduction iterators of 'dot'");
}

TEST_F(Primitives, cache_write_refuses_elements_that_loops_give_out_of_order) {
  apply("io, ii = split(i0, 5)");
  apply("reorder(ii, io)");
  apply("f = fuse(ii, io)");
  refuses("cache_write(add, global)", "do not form a box");
}

TEST_F(Primitives, reverse_compute_at_covers_what_is_written) {
  apply("io, jo, ii, ji = tile(i, j, 4, 8)");
  apply("reverse_compute_at(add, jo)");
  EXPECT_EQ(s.loops("add"), (Handles{"io", "jo", "add_i0", "add_i1"}));
  EXPECT_TRUE(ir::is_int(s.extent("add_i1"), 8));
  apply("reverse_compute_at(relu, add_i0)");
  EXPECT_EQ(s.loops("relu"), (Handles{"io", "jo", "add_i0", "relu_i1"}));
}

TEST_F(Primitives, reverse_compute_at_refuses_to_run_where_nothing_is_written) {
  apply("io, ii = split(i0, 3)");
  apply("iio, iii = split(ii, 4)");
  refuses("reverse_compute_at(relu, io)", "cannot be bounded");
}

TEST_F(Primitives, reverse_compute_at_refuses) {
  refuses("reverse_compute_at(add, k)", "still reduces");
  refuses("reverse_compute_at(relu, i)", "used between");
  refuses("reverse_compute_at(dot, i0)", "precedes");
  refuses("reverse_compute_at(add, i0)", "under loop");
  refuses("reverse_compute_at(nowhere, i0)", "no block");
  apply("reorder(k, i)");
  refuses("reverse_compute_at(add, i)", "still reduces");
}

TEST_F(Primitives, inline_puts_a_producer_into_its_consumers) {
  apply("inline(add)");
  EXPECT_EQ(s.blocks(), (Handles{"dot", "relu"}));
  refuses("inline(dot)", "no plain store");
  refuses("inline(relu)", "is an output");
}

TEST_F(Primitives, reverse_inline_puts_a_consumer_into_its_producer) {
  refuses("reverse_inline(add)", "no plain store writes");
  apply("reverse_inline(relu)");
  EXPECT_EQ(s.blocks(), (Handles{"dot", "add"}));
  refuses("reverse_inline(dot)", "no plain store");
}

TEST_F(Primitives, caches_copy_before_and_after) {
  const auto w = s.cache_write("dot", "reg");
  ASSERT_TRUE(w.has_value());
  const auto r = s.cache_read("dot", "a", "scratch");
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(s.blocks(), (Handles{*r, "dot", *w, "add", "relu"}));
  refuses("cache_write(dot, nowhere)", "the scope must be");
  refuses("cache_read(add, a, scratch)", "does not read");
  refuses("cache_read(add, nowhere, scratch)", "no buffer");
  refuses("cache_read(nowhere, a, scratch)", "no block");
  apply("decompose_reduction(dot, k)");
  refuses("cache_write(dot, reg)", "no plain store or reduction");
}

TEST_F(Primitives, set_scope_changes_internal_buffers) {
  apply("set_scope(dot, reg)");
  EXPECT_TRUE(has("alloc dot: f32[13, 37] reg")) << text();
  refuses("set_scope(relu, reg)", "is an output");
  refuses("set_scope(dot, heap)", "the scope must be");
}

TEST_F(Primitives, pack_changes_constants_and_copies_the_rest) {
  const auto none = s.pack("dot", "b", {{0, 16}, {1, 0, 2}});
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(*none, "");
  EXPECT_EQ(s.program()->params[1].packing, (std::vector<ir::Packing>{{{0, 16}, {1, 0, 2}}}));
  EXPECT_TRUE(ir::is_int(s.program()->params[1].buffer->shape()[0], 3));
  const auto copy = s.pack("dot", "a", {{4, 0}, {0, 2, 1}});
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(*copy, "a_pack");
  refuses("pack(dot, bias, [0], [0])", "no reader");
  refuses("pack(add, bias, [0, 0], [0])", "one factor");
  refuses("pack(add, bias, [4], [0, 0])", "perm");
  refuses("pack(add, bias, [-4], [0, 1])", "between 0");
}

TEST(Widen, reads_through_a_copy_of_wider_elements) {
  KernelBuilder k;
  const ir::Expr x = k.in("x", {k.n(9), k.n(4)}, ir::DType::u8);
  const ir::Expr y = k.out("y", {k.n(9), k.n(4)}, ir::DType::i32);
  const ir::Expr z = k.out("z", {k.n(9), k.n(4)}, ir::DType::u8);
  k.map("wide", y, [&](const Exprs& v) { return ir::cast(k.c(), ir::DType::i32, k.load(x, v)); });
  k.map("narrow", z, [&](const Exprs& v) { return k.load(x, v); });
  const Program p = k.build();
  const auto refuses = [&](const std::string& line, const std::string& why) {
    Schedule fresh(p);
    const Status status = fresh.apply(line);
    ASSERT_FALSE(status.has_value()) << line;
    EXPECT_NE(status.error().text().find(why), std::string::npos) << status.error().text();
  };
  Schedule s(p);
  ASSERT_TRUE(s.apply("copy = widen(wide, x, i16)"));
  EXPECT_EQ(s.blocks(), (Handles{"copy", "wide", "narrow"}));
  const std::string text = ir::print(*s.program());
  EXPECT_NE(text.find("alloc x_wide: i16[9, 4]"), std::string::npos) << text;
  EXPECT_NE(text.find("= cast<i16>(x["), std::string::npos) << text;
  EXPECT_NE(text.find("= cast<i32>(x_wide["), std::string::npos) << text;
  EXPECT_NE(text.find("= x["), std::string::npos) << text;
  Schedule whole(p);
  ASSERT_TRUE(whole.apply("widen(wide, x, i32)"));
  EXPECT_NE(ir::print(*whole.program()).find("] = x_wide["), std::string::npos);
  refuses("widen(narrow, x, i16)", "is not cast to i16");
  refuses("widen(wide, x, i64)", "is not cast to i64");
  refuses("widen(wide, x, i8)", "which i8 does not hold");
  refuses("widen(wide, x, u8)", "which u8 is");
  refuses("widen(wide, x, word)", "no element type");
  refuses("widen(wide, z, i16)", "does not read");
  refuses("widen(wide, nothing, i16)", "no buffer");
  refuses("widen(nothing, x, i16)", "no block");
}

TEST_F(Primitives, decompose_reduction_makes_an_init_block) {
  refuses("decompose_reduction(add, i0)", "no plain reduction");
  refuses("decompose_reduction(dot, i0)", "not under");
  apply("ko, ki = split(k, 3)");
  refuses("decompose_reduction(dot, ki)", "outside of the loop");
  apply("reorder(ko, j)");
  const auto name = s.decompose_reduction("dot", "ko");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(*name, "dot_init");
  EXPECT_EQ(s.loops("dot_init"), (Handles{"i", "j_init"}));
  refuses("decompose_reduction(dot, ko)", "decomposed already");
}

TEST_F(Primitives, rfactor_makes_partial_results) {
  refuses("rfactor(dot, i)", "carries no reduction");
  refuses("rfactor(add, i0)", "no plain reduction");
  apply("ko, ki = split(k, 4)");
  const auto name = s.rfactor("dot", "ko");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(*name, "dot_rf");
  EXPECT_EQ(s.blocks(), (Handles{"dot_rf", "dot", "add", "relu"}));
  EXPECT_EQ(s.loops("dot"), (Handles{"dot_i", "dot_j", "dot_r"}));
}

TEST_F(Primitives, blockize_hides_loops) {
  const auto name = s.blockize("j");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(*name, "j_block");
  EXPECT_EQ(s.loops("j_block"), Handles{"i"});
  EXPECT_EQ(s.loops("dot"), (Handles{"j", "k"}));
  apply("parallel(i)");
  refuses("blockize(i)", "is parallel");
  refuses("blockize(nowhere)", "no loop");
}

TEST(Specialize, copies_the_body_for_bounds) {
  Schedule s(DotProgram().program());
  ASSERT_TRUE(s.specialize("i", "k", {2, 8}).has_value());
  EXPECT_EQ(s.blocks(), (Handles{"dot_LE2", "dot_LE8", "dot", "add", "relu"}));
  EXPECT_TRUE(ir::is_int(s.extent("k_LE8"), 8));
  EXPECT_EQ(s.specialize("i", "k", {}).error().diagnostics[0].code, "schedule.specialize");
  EXPECT_EQ(s.specialize("i", "k", {4, 2}).error().diagnostics[0].code, "schedule.specialize");
  EXPECT_EQ(s.specialize("i", "i0", {4}).error().diagnostics[0].code, "schedule.specialize");
  EXPECT_EQ(s.specialize("i", "k_LE8", {4}).error().diagnostics[0].code, "schedule.specialize");
}

TEST_F(Primitives, tensorize_makes_the_instruction) {
  apply("inline(add)");
  apply("pack(dot, b, [0, 8], [1, 0, 2])");
  apply("io, jo, ii, ji = tile(i, j, 6, 8)");
  apply("ko, ki = split(k, 4)");
  apply("reorder(ko, ii, ji, ki)");
  refuses("tensorize(ii, fma_tile, [6, 8])", "decompose the reduction");
  apply("decompose_reduction(dot, ko)");
  refuses("tensorize(ii, mma, [6, 8])", "no instruction");
  refuses("tensorize(ii, fma_tile, [6])", "takes the sizes mr, nr");
  refuses("tensorize(ii, fma_tile, [4, 8])", "more than 4");
  refuses("tensorize(ii, fma_tile, [6, 16])", "not run over 16");
  refuses("tensorize(ki, fma_tile, [6, 8])", "there is no loop over 8");
  refuses("tensorize(ki, fma_tile, [6, 1])", "must be 1, not 6");
  apply("tensorize(ii, fma_tile, [6, 8])");
  EXPECT_TRUE(has("fma_tile")) << text();
  apply("reverse_compute_at(relu, jo)");
  EXPECT_EQ(s.loops("relu"), (Handles{"io", "jo", "relu_i0", "relu_i1"}));
}

TEST_F(Primitives, tensorize_passes_over_a_loop_of_one_iteration) {
  apply("inline(add)");
  apply("pack(dot, b, [0, 8], [1, 0, 2])");
  apply("io, jo, ii, ji = tile(i, j, 6, 8)");
  apply("ko, ki = split(k, 4)");
  apply("one, kj = split(ki, 4)");
  apply("reorder(ko, one, ii, ji, kj)");
  apply("decompose_reduction(dot, ko)");
  apply("tensorize(one, fma_tile, [6, 8])");
  EXPECT_TRUE(has("fma_tile")) << text();
  EXPECT_EQ(text().find("for one in"), std::string::npos) << text();
}

TEST_F(Primitives, tensorize_needs_room_for_the_last_columns) {
  apply("io, jo, ii, ji = tile(i, j, 6, 8)");
  apply("reorder(ii, ji, k)");
  apply("decompose_reduction(dot, ii)");
  refuses("tensorize(ii, fma_tile, [6, 8])", "pack it");
}

TEST_F(Primitives, traces_parse_and_refuse) {
  refuses("split", "expected `results = primitive(arguments)`");
  refuses("explode(i)", "no primitive 'explode'");
  refuses("split(i)", "missing");
  refuses("split(i, x)", "an integer");
  refuses("split(i, 4, tail = peel, 3)", "too many");
  refuses("split(i, 4, head = peel)", "tail = value");
  refuses("pack(dot, b, 3, [0])", "a list of integers");
  refuses("1x = fuse(i, j)", "no name");
  refuses("", "expected");
  apply("  x = fuse( i , j )  ");
  EXPECT_EQ(s.program()->trace.back(), "x = fuse(i, j)");
}

TEST(PrimitiveTable, rows_have_names_of_their_own_and_arguments_that_read_back) {
  std::set<std::string_view> names;
  for (const Primitive& p : primitive_table()) {
    EXPECT_TRUE(names.insert(p.name).second) << p.name;
    EXPECT_EQ(find_primitive(p.name), &p);
    EXPECT_TRUE(signature(p).starts_with(std::string(p.name) + "(")) << signature(p);
  }
  EXPECT_EQ(find_primitive("explode"), nullptr);
  const Primitive& pack = *find_primitive("pack");
  const std::vector<std::string> written{"dot", "b", "factors = [0, 8]", "perm = [1, 0, 2]"};
  const auto arguments =
      parse_arguments(pack, written, [](std::string_view) { return std::nullopt; });
  ASSERT_TRUE(arguments.has_value()) << arguments.error().text();
  EXPECT_EQ(format_arguments(pack, arguments->values), written);
  EXPECT_EQ(signature(*find_primitive("split")), "split(loop, integer, tail = predicate)");
}

TEST_F(Primitives, a_primitive_runs_by_name_too) {
  ASSERT_TRUE(s.run("split", {std::string("i"), int64_t{4}, std::string("peel")}));
  EXPECT_EQ(s.program()->trace.back(), "i_0, i_1 = split(i, 4, tail = peel)");
  EXPECT_FALSE(s.run("explode", {}));
}

TEST_F(Primitives, replay_gives_the_same_text) {
  apply("inline(add)");
  apply("io, jo, ii, ji = tile(i, j, 4, 8)");
  apply("reverse_compute_at(relu, jo)");
  const Result<Program> again = replay(DotProgram(13, 37, 9).program(), s.program()->trace);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(ir::canonical_text(**again), ir::canonical_text(*s.program()));
}

}  // namespace
}  // namespace tenon::schedule
