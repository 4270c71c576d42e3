// Default schedules on every kind of anchor, with constant, odd, symbolic and empty extents and for
// both vector widths: scheduled and finalized programs compute what the definition does, traces
// replay.
#include <gtest/gtest.h>

#include <map>

#include "differential.h"
#include "graph/lower.h"
#include "machine/machine.h"
#include "ops/build.h"
#include "ops/test_util.h"
#include "schedule/schedule.h"

namespace tenon::schedule {
namespace {
using ir::DType;
using ir::Expr;

/// A graph whose extents are literals or, with `symbolic`, variables of those values.
struct Model {
  explicit Model(bool make_symbolic) : symbolic(make_symbolic) {}
  bool symbolic;
  ir::Context c;
  ops::Builder b{c};
  std::vector<Expr> vars;
  std::vector<int64_t> values;
  std::vector<Expr> outputs;

  Expr dim(int64_t n) {
    if (!symbolic) return c.i64(n);
    vars.push_back(c.var("n" + std::to_string(vars.size())));
    values.push_back(n);
    return vars.back();
  }
  Expr input(std::vector<Expr> shape, DType type = DType::f32) {
    return c.param("x", c.tensor(type, shape));
  }
  Expr fixed(int64_t n) { return c.i64(n); }
  Expr weights(std::vector<int64_t> shape, DType type = DType::f32) {
    int64_t n = 1;
    for (int64_t e : shape) n *= e;
    std::vector<double> data;
    for (int64_t i = 0; i < n; ++i)
      data.push_back(type == DType::u8 ? static_cast<double>((i * 7 + n) % 13 * 21)
                                       : static_cast<double>((i * 7 + n) % 13 - 6) *
                                             (ir::is_float(type) ? 0.25 : 20));
    return b.constant(ops::testing::of(type, std::move(shape), data));
  }
  Expr rows(Expr reduced, Expr like) { return b.broadcast_in(reduced, like->shape(), {0}); }
};

struct Built {
  Program program;
  std::vector<int64_t> sizes;
};

Result<Program> schedule_of(const Program& program, const machine::Machine& machine) {
  return default_schedule(program, machine).map([](const Choice& c) { return c.program; });
}

Built lower(Model& m) {
  m.b.expect();
  std::vector<Expr> nodes;
  for (Expr n : ir::post_order(m.outputs))
    if (graph::is_computed(n)) nodes.push_back(n);
  graph::LoweredGroup group = graph::lower_group(m.c, nodes, m.outputs);
  std::vector<int64_t> sizes;
  for (Expr v : group.sizes)
    sizes.push_back(
        m.values[static_cast<size_t>(std::find(m.vars.begin(), m.vars.end(), v) - m.vars.begin())]);
  return {group.kernel, sizes};
}

using Rows = std::vector<const char*>;
const Rows kBothWidths{"x86-64-v3", "x86-64-v4"};

void check(Model& m, const std::string& what, const Rows& rows = kBothWidths) {
  // Over axes of extent 1 the builder leaves a reshape, which is no kernel.
  for (Expr n : m.outputs)
    if (!graph::is_computed(n)) return;
  const Built built = lower(m);
  for (const char* row : rows) {
    const machine::Machine* machine = machine::find_row(row);
    ASSERT_NE(machine, nullptr);
    const Result<Program> scheduled = schedule_of(built.program, *machine);
    ASSERT_TRUE(scheduled.has_value()) << what << ": " << scheduled.error().text();
    const Result<Program> final = finalize(*scheduled, *machine);
    ASSERT_TRUE(final.has_value()) << what << ": " << final.error().text();
    EXPECT_EQ(testing::difference(built.program, *scheduled, built.sizes, 1, what), "");
    EXPECT_EQ(testing::difference(built.program, *final, built.sizes, 2, what + " finalized"), "");
    const Result<Program> again = replay(built.program, (*scheduled)->trace);
    ASSERT_TRUE(again.has_value()) << again.error().text();
    EXPECT_EQ(ir::canonical_text(**again), ir::canonical_text(**scheduled)) << what;
  }
}

/// Builds with constant and with symbolic extents for each list of extents.
void check_all(const std::string& what, const std::vector<std::vector<int64_t>>& extents,
               const std::function<void(Model&, const std::vector<int64_t>&)>& make,
               const Rows& rows = kBothWidths) {
  for (const std::vector<int64_t>& e : extents) {
    for (bool symbolic : {false, true}) {
      std::string name = what + (symbolic ? " symbolic" : "");
      for (int64_t n : e) name += " " + std::to_string(n);
      Model m(symbolic);
      make(m, e);
      check(m, name, rows);
    }
  }
}

using Extents = std::vector<int64_t>;

TEST(default_schedules, products) {
  check_all(
      "dot", {{1, 5, 7}, {13, 9, 33}, {30, 17, 100}, {3, 0, 5}, {0, 4, 20}},
      [](Model& m, const Extents& e) {
        const Expr x = m.input({m.dim(e[0]), m.fixed(e[1])});
        m.outputs = {m.b.relu(m.b.add(m.b.matmul(x, m.weights({e[1], e[2]})), m.weights({e[2]})))};
      });
  check_all("dot of inputs", {{1, 5, 7}, {13, 9, 33}, {30, 17, 64}},
            [](Model& m, const Extents& e) {
              const Expr k = m.dim(e[1]);
              m.outputs = {m.b.matmul(m.input({m.dim(e[0]), k}), m.input({k, m.dim(e[2])}))};
            });
  check_all("batched", {{2, 5, 7, 9}, {3, 13, 8, 33}}, [](Model& m, const Extents& e) {
    const Expr b = m.dim(e[0]), k = m.dim(e[2]);
    const Expr x = m.input({b, m.dim(e[1]), k}), y = m.input({b, m.dim(e[3]), k});
    m.outputs = {m.b.dot(x, y, {0}, {0}, {2}, {2})};
  });
  check_all(
      "row times keys", {{2, 7, 64}, {3, 33, 100}, {1, 5, 40}}, [](Model& m, const Extents& e) {
        const Expr b = m.dim(e[0]), n = m.dim(e[1]), k = m.fixed(e[2]);
        m.outputs = {m.b.relu(m.b.dot(m.input({b, k}), m.input({b, n, k}), {0}, {0}, {1}, {2}))};
      });
  check_all("matrix times vector", {{5, 7}, {33, 20}}, [](Model& m, const Extents& e) {
    const Expr k = m.dim(e[1]);
    m.outputs = {m.b.dot(m.input({m.dim(e[0]), k}), m.input({k}), {}, {}, {1}, {0})};
  });
}

struct Narrow {
  DType a, b;
  const char* wide;
  const char* instruction;  // that znver5 has
};
constexpr Narrow kNarrow[] = {
    {DType::u8, DType::i8, "i32", "dot4_tile_u8i8"},
    {DType::i8, DType::u8, "i32", "dot4_tile_i8u8"},
    {DType::i8, DType::i8, "i32", "dot4_tile_i8i8"},
    {DType::u8, DType::u8, "i32", "dot4_tile_u8u8"},
    {DType::bf16, DType::bf16, "f32", "dot2_tile_bf16"},
    {DType::f16, DType::f16, "f32", "fma_tile_f32f16"},
};

/// Reductions of every remainder, shorter than a group too; columns known and not.
TEST(default_schedules, products_of_narrow_types) {
  const Rows machines{"x86-64-v3", "znver5"};
  for (const Narrow& t : kNarrow) {
    const std::string name = t.instruction;
    check_all(
        name, {{1, 8, 7}, {13, 9, 33}, {5, 3, 40}, {3, 0, 20}, {9, 31, 5}},
        [&](Model& m, const Extents& e) {
          const Expr x = m.input({m.dim(e[0]), m.fixed(e[1])}, t.a);
          m.outputs = {m.b.dot(x, m.weights({e[1], e[2]}, t.b), {}, {}, {1}, {0}, "", t.wide)};
        },
        machines);
    check_all(
        name + " of inputs", {{13, 10, 33}},
        [&](Model& m, const Extents& e) {
          const Expr k = m.dim(e[1]);
          m.outputs = {m.b.dot(m.input({m.dim(e[0]), k}, t.a), m.input({k, m.dim(e[2])}, t.b), {},
                               {}, {1}, {0}, "", t.wide)};
        },
        machines);
    check_all(
        name + " batched, along rows", {{2, 9, 11, 21}},
        [&](Model& m, const Extents& e) {
          const Expr b = m.dim(e[0]), k = m.dim(e[2]);
          const Expr x = m.input({b, k, m.dim(e[1])}, t.a), y = m.input({b, m.dim(e[3]), k}, t.b);
          m.outputs = {m.b.dot(x, y, {0}, {0}, {1}, {2}, "", t.wide)};
        },
        machines);
    // n, h, w, c, oc, kernel, groups
    check_all(
        name + " conv",
        {{1, 6, 7, 4, 20, 3, 1},
         {1, 5, 5, 3, 34, 2, 1},
         {1, 5, 6, 12, 32, 3, 2},
         {2, 7, 6, 19, 34, 3, 1}},
        [&](Model& m, const Extents& e) {
          const Expr x = m.input({m.dim(e[0]), m.fixed(e[1]), m.fixed(e[2]), m.fixed(e[3])}, t.a);
          ops::ConvAttrs attrs;
          attrs.groups = e[6];
          attrs.accumulate = t.wide;
          m.outputs = {m.b.conv(x, m.weights({e[5], e[5], e[3] / e[6], e[4]}, t.b), attrs)};
        },
        machines);
  }
}

TEST(default_schedules, convolutions) {
  // n, h, w, c, oc, kernel, stride, groups
  const std::vector<Extents> cases{{1, 9, 9, 3, 8, 3, 2, 1},
                                   {2, 6, 7, 4, 20, 3, 1, 1},
                                   {1, 5, 5, 6, 34, 1, 1, 1},
                                   {1, 6, 6, 8, 8, 3, 1, 8},
                                   {1, 5, 6, 8, 16, 3, 1, 2},
                                   {0, 5, 5, 4, 8, 3, 1, 1},
                                   // Groups: of a part of a vector, of whole ones, and others.
                                   {1, 5, 6, 32, 32, 3, 1, 8},
                                   {2, 6, 5, 24, 24, 3, 2, 3},
                                   {1, 4, 4, 16, 32, 3, 1, 4},
                                   {1, 5, 5, 8, 16, 3, 1, 8},
                                   {1, 5, 4, 48, 48, 3, 1, 2},
                                   {1, 5, 5, 24, 24, 3, 1, 2},
                                   {1, 5, 4, 9, 15, 3, 1, 3},
                                   {1, 4, 6, 80, 80, 2, 1, 2}};
  check_all("conv", cases, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.fixed(e[1]), m.fixed(e[2]), m.fixed(e[3])});
    ops::ConvAttrs attrs;
    attrs.strides = {e[6], e[6]};
    attrs.groups = e[7];
    m.outputs = {m.b.relu(m.b.add(m.b.conv(x, m.weights({e[5], e[5], e[3] / e[7], e[4]}), attrs),
                                  m.weights({e[4]})))};
  });
}

TEST(default_schedules, windows) {
  check_all("pool", {{1, 8, 9, 5}, {2, 7, 7, 33}}, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.fixed(e[1]), m.fixed(e[2]), m.fixed(e[3])});
    ops::WindowAttrs attrs;
    attrs.size = {1, 3, 3, 1};
    attrs.strides = {1, 2, 2, 1};
    m.outputs = {m.b.window("max", x, attrs)};
  });
}

TEST(default_schedules, rows) {
  const std::vector<Extents> cases{{2, 3}, {3, 10}, {5, 70}, {2, 200}, {0, 9}, {0, 18}, {4, 0}};
  check_all("softmax", cases, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.dim(e[1])});
    const Expr y = m.b.exp(m.b.sub(x, m.rows(m.b.reduce("max", x, {1}), x)));
    m.outputs = {m.b.div(y, m.rows(m.b.reduce("sum", y, {1}), y))};
  });
  check_all("norm with its statistics", cases, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.dim(e[1])});
    const Expr mean = m.b.mean(x, {1});
    const Expr d = m.b.sub(x, m.rows(mean, x));
    const Expr var = m.b.mean(m.b.mul(d, d), {1});
    m.outputs = {m.b.div(d, m.b.sqrt(m.b.add(m.rows(var, x), 1e-3))), mean};
  });
}

TEST(default_schedules, reductions) {
  const std::vector<Extents> cases{{1, 1, 1}, {3, 4, 40}, {7, 5, 200}, {2, 3, 0}};
  for (const ops::Ints& axes : std::vector<ops::Ints>{{2}, {1}, {0}, {0, 1, 2}, {0, 2}, {1, 2}})
    for (const char* kind : {"sum", "max"})
      check_all("reduce", cases, [&](Model& m, const Extents& e) {
        m.outputs = {m.b.reduce(kind, m.input({m.dim(e[0]), m.dim(e[1]), m.dim(e[2])}), axes)};
      });
  check_all("long sum", {{40000}}, [](Model& m, const Extents& e) {
    m.outputs = {m.b.reduce("sum", m.input({m.dim(e[0])}), {0})};
  });
  check_all("argmax", {{3, 17}}, [](Model& m, const Extents& e) {
    m.outputs = {m.b.arg_reduce("max", m.input({m.dim(e[0]), m.dim(e[1])}), 1)};
  });
}

TEST(default_schedules, maps) {
  const std::vector<Extents> cases{{1, 1, 1}, {3, 5, 20}, {2, 33, 70}, {4, 0, 3}};
  check_all("elementwise", cases, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.dim(e[1]), m.fixed(e[2])});
    m.outputs = {m.b.tanh(m.b.add(m.b.mul(x, 2.0), m.weights({e[2]})))};
  });
  check_all("compare", cases, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.dim(e[1]), m.dim(e[2])});
    m.outputs = {m.b.binary(ir::Op::gt, x, m.b.like(x, 0))};
  });
  for (const ops::Ints& perm : std::vector<ops::Ints>{{2, 1, 0}, {1, 0, 2}, {0, 2, 1}, {2, 0, 1}})
    check_all("transpose", cases, [&](Model& m, const Extents& e) {
      m.outputs = {m.b.transpose(m.input({m.dim(e[0]), m.dim(e[1]), m.dim(e[2])}), perm)};
    });
  check_all("pad", {{1, 4, 5}, {2, 7, 33}}, [](Model& m, const Extents& e) {
    const Expr x = m.input({m.dim(e[0]), m.dim(e[1]), m.dim(e[2])});
    const std::vector<Expr> around{m.c.i64(0), m.c.i64(1), m.c.i64(2)};
    m.outputs = {m.b.relu(m.b.pad(x, m.b.scalar(DType::f32, 1.5), around, around))};
  });
  check_all("concat", {{3, 4, 20}}, [](Model& m, const Extents& e) {
    const Expr n = m.dim(e[0]);
    const std::vector<Expr> parts{m.input({n, m.dim(e[1])}), m.input({n, m.dim(e[2])})};
    m.outputs = {m.b.concat(parts, 1)};
  });
  check_all("slice", {{5, 40}}, [](Model& m, const Extents& e) {
    m.outputs = {m.b.slice_axis(m.input({m.dim(e[0]), m.fixed(e[1])}), 1, m.fixed(3), m.fixed(20))};
  });
}

std::string trace_of(const Program& p) {
  std::string all;
  for (const std::string& line : p->trace) all += line + "\n";
  return all;
}

TEST(default_schedules, a_product_with_bias_has_this_trace) {
  Model m(false);
  const Expr x = m.input({m.fixed(128), m.fixed(256)});
  m.outputs = {m.b.add(m.b.matmul(x, m.weights({256, 64})), m.weights({64}))};
  const Result<Program> scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v4"));
  ASSERT_TRUE(scheduled.has_value());
  EXPECT_NE(trace_of(*scheduled).find("tensorize(k2, dot0.instruction, [dot0.rows, dot0.columns, "),
            std::string::npos)
      << trace_of(*scheduled);
  EXPECT_NE(ir::print(**scheduled).find("fma_tile<13, 32, 5, 9>("), std::string::npos);
  EXPECT_NE(trace_of(*scheduled).find("pack("), std::string::npos);
}

/// The instruction that takes the most of k at once, with what is left of k in a smaller group;
/// columns packed in groups; where the machine has it and k is a group.
TEST(default_schedules, narrow_products_use_what_the_machine_has) {
  const auto trace = [](const Narrow& t, int64_t k, const char* machine) {
    Model m(false);
    const Expr x = m.input({m.fixed(64), m.fixed(k)}, t.a);
    m.outputs = {m.b.dot(x, m.weights({k, 64}, t.b), {}, {}, {1}, {0}, "", t.wide)};
    const auto scheduled = schedule_of(lower(m).program, *machine::find_row(machine));
    return scheduled.has_value() ? trace_of(*scheduled) : scheduled.error().text();
  };
  for (const Narrow& t : kNarrow) {
    const std::string best = t.instruction, all = trace(t, 33, "znver5");
    EXPECT_NE(all.find("]) -> " + best + "\n"), std::string::npos) << all;
    EXPECT_EQ(all.find("tensorize(k2_tail, dot0.instruction") != std::string::npos,
              best.starts_with("dot"))
        << all;
    const std::string without = trace(t, 33, "x86-64-v4");
    EXPECT_NE(without.find(t.wide == std::string("i32") ? "]) -> dot2_tile_" : "]) -> fma_tile_"),
              std::string::npos)
        << without;
  }
  const std::string few = trace(kNarrow[0], 3, "znver5");
  EXPECT_NE(few.find("]) -> dot2_tile_i16i8"), std::string::npos) << few;
  EXPECT_NE(few.find("widen(dot0, x0, i16)"), std::string::npos) << few;
  const std::string bytes = trace(kNarrow[0], 64, "znver5");
  EXPECT_NE(bytes.find("factors = [4, dot0.columns], perm = [2, 0, 3, 1]"), std::string::npos)
      << bytes;
  EXPECT_EQ(bytes.find("k2_tail"), std::string::npos) << bytes;
}

/// Rows are widened once where they are as many as a tile's and columns fill two tiles, and copied
/// once where they are packed too; columns stay as narrow as they are.
TEST(default_schedules, rows_are_widened_where_it_pays) {
  const auto trace = [](int64_t rows, int64_t columns, bool along_k) {
    Model m(false);
    const Expr k = m.fixed(40), n = m.fixed(rows);
    const Expr x = along_k ? m.input({n, k}, DType::u8) : m.input({k, n}, DType::u8);
    const Expr w = m.weights({40, columns}, DType::i8);
    m.outputs = {m.b.dot(x, w, {}, {}, {along_k ? 1 : 0}, {0}, "", "i32")};
    const auto scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v3"));
    return scheduled.has_value() ? trace_of(*scheduled) : scheduled.error().text();
  };
  EXPECT_NE(trace(4, 32, true).find("widen(dot0, x0, i16)"), std::string::npos);
  EXPECT_EQ(trace(3, 32, true).find("widen"), std::string::npos);
  EXPECT_EQ(trace(4, 31, true).find("widen"), std::string::npos);
  const std::string packed = trace(64, 64, false);
  EXPECT_NE(packed.find("pack(dot0, x0_wide"), std::string::npos) << packed;
  EXPECT_NE(packed.find("inline(x0_widen)"), std::string::npos) << packed;
}

/// A convolution widens its input once; the loops over the window stay apart from that over the
/// channels, of which there have to be enough.
TEST(default_schedules, convolutions_widen_their_input_once) {
  const auto trace = [](int64_t channels) {
    Model m(false);
    const Expr x = m.input({m.fixed(1), m.fixed(20), m.fixed(20), m.fixed(channels)}, DType::f16);
    ops::ConvAttrs attrs;
    attrs.accumulate = "f32";
    m.outputs = {m.b.conv(x, m.weights({3, 3, channels, 32}, DType::f16), attrs)};
    const auto scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v3"));
    return scheduled.has_value() ? trace_of(*scheduled) : scheduled.error().text();
  };
  const std::string many = trace(16);
  EXPECT_NE(many.find("widen(dot0, x0, f32)"), std::string::npos) << many;
  EXPECT_NE(many.find("]) -> fma_tile_f32f16\n"), std::string::npos) << many;
  EXPECT_EQ(many.find("k4_k5"), std::string::npos) << many;
  EXPECT_NE(trace(15).find("]) -> fma_tile_f16\n"), std::string::npos) << trace(15);
}

TEST(default_schedules, products_of_wide_integers_take_a_tile) {
  Model m(false);
  const Expr x = m.input({m.fixed(64), m.fixed(64)}, DType::i32);
  m.outputs = {m.b.matmul(x, m.weights({64, 64}, DType::i32))};
  const auto scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v3"));
  ASSERT_TRUE(scheduled.has_value());
  EXPECT_NE(trace_of(*scheduled).find("]) -> mul_tile_i32"), std::string::npos)
      << trace_of(*scheduled);
}

TEST(default_schedules, loops_inside_a_task_stay_loops) {
  Model m(true);
  const Expr n = m.dim(9);
  const Expr x = m.input({n, m.fixed(8), m.fixed(7), m.fixed(40)});
  m.outputs = {m.b.add(x, m.b.broadcast_in(m.input({n, m.fixed(7)}), x->shape(), {0, 2}))};
  const auto scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v4"));
  ASSERT_TRUE(scheduled.has_value());
  EXPECT_EQ(trace_of(*scheduled).find("fuse("), std::string::npos) << trace_of(*scheduled);
  EXPECT_NE(trace_of(*scheduled).find("parallel("), std::string::npos) << trace_of(*scheduled);
}

TEST(default_schedules, groups_take_tiles_or_vectors_of_their_own) {
  const auto trace = [](int64_t channels, int64_t groups) {
    Model m(false);
    ops::ConvAttrs attrs;
    attrs.groups = groups;
    const Expr x = m.input({m.fixed(1), m.fixed(9), m.fixed(9), m.fixed(channels)});
    m.outputs = {m.b.conv(x, m.weights({3, 3, channels / groups, channels}), attrs)};
    const auto scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v4"));
    return scheduled.has_value() ? trace_of(*scheduled) + ir::print(**scheduled)
                                 : scheduled.error().text();
  };
  EXPECT_NE(trace(48, 2).find("fma_tile<7, 24, 3, 5>("), std::string::npos) << trace(48, 2);
  EXPECT_NE(trace(128, 4).find("fma_tile<7, 32, 3, 5>("), std::string::npos) << trace(128, 4);
  EXPECT_EQ(trace(32, 8).find("fma_tile"), std::string::npos) << trace(32, 8);
  EXPECT_NE(trace(32, 8).find("vectorize("), std::string::npos) << trace(32, 8);
}

TEST(default_schedules, a_tile_wider_than_the_columns_stays_in_registers) {
  for (int64_t columns : {8, 440}) {
    Model m(true);
    const Expr x = m.input({m.dim(50), m.fixed(48)});
    m.outputs = {m.b.relu(m.b.add(m.b.matmul(x, m.weights({48, columns})), m.weights({columns})))};
    const auto scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v4"));
    ASSERT_TRUE(scheduled.has_value());
    EXPECT_NE(trace_of(*scheduled).find("fma_tile"), std::string::npos) << trace_of(*scheduled);
    const auto final = finalize(*scheduled, *machine::find_row("x86-64-v4"));
    ASSERT_TRUE(final.has_value());
    const std::string text = ir::print(**final);
    EXPECT_NE(text.find("] reg\n"), std::string::npos) << text;
  }
}

TEST(default_schedules, long_elementwise_work_is_one_fused_parallel_axis) {
  Model m(false);
  const Expr x = m.input({m.fixed(100), m.fixed(30), m.fixed(40)});
  m.outputs = {m.b.relu(x)};
  const Result<Program> scheduled = schedule_of(lower(m).program, *machine::find_row("x86-64-v4"));
  ASSERT_TRUE(scheduled.has_value());
  EXPECT_EQ(trace_of(*scheduled),
            "schedule 1\n"
            "inline(fill0)\n"
            "max0.task = sample([1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144]) -> "
            "16384\n"
            "max0_i0_0, max0_i0_1 = split(max0_i0, max0.task, tail = predicate)\n"
            "max0.width = sample([16, 32, 64, 128]) -> 64\n"
            "max0_i0_1_0, max0_i0_1_1 = split(max0_i0_1, max0.width, tail = predicate)\n"
            "vectorize(max0_i0_1_1)\n"
            "parallel(max0_i0_0)\n");
}

}  // namespace
}  // namespace tenon::schedule
