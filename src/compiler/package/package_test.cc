#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "artifact/file.h"
#include "compiler/compiler.h"
#include "compiler/package/constants.h"
#include "compiler/package/testing.h"
#include "graph/inplace.h"
#include "interp/pack.h"
#include "schedule/kernel_pass.h"

namespace tenon::compiler {
namespace {

using namespace testing;  // NOLINT: the fixture of this file
using ir::Op;

TEST(Package, static_chain_runs) {
  Graph g;
  const Expr x = g.param("x", DType::f32, {g.n(3), g.n(5)});
  g.compile({g.b.relu(g.b.add(g.b.mul(x, 2.0), 1.0))});
  g.check({tensor(DType::f32, {3, 5})});
  EXPECT_EQ(g.tables.kernels.size(), 1u);
  EXPECT_EQ(g.tables.inputs[0].dims[1].extent, 5);
  EXPECT_EQ(g.tables.target, machine::host().name);
}

TEST(Package, one_artifact_serves_every_shape) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr m = g.c.var("m");
  const Expr x = g.param("x", DType::f32, {n, m});
  const Expr w = g.param("w", DType::f32, {m, g.n(4)});
  const Expr y = g.b.matmul(x, w);
  g.compile({g.b.exp(y), g.b.reduce("sum", x, {1}), g.b.transpose(x, {1, 0})}, 2);
  for (const auto& [a, k] : {std::pair<int64_t, int64_t>{2, 3}, {7, 1}, {1, 16}, {33, 17}, {2, 3}})
    g.check({tensor(DType::f32, {a, k}), tensor(DType::f32, {k, 4}, 2)});
  EXPECT_EQ(g.tables.symbols, (std::vector<std::string>{"n", "m"}));
  EXPECT_EQ(g.tables.outputs[0].dims[0].text, "n");
}

TEST(Package, results_may_be_inputs_constants_and_aliases) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n, g.n(6)});
  const std::vector<double> values{1, 2, 3, 4};
  const Expr k = g.b.constant(ops::testing::of(DType::f32, {2, 2}, values));
  const Expr flat = g.b.reshape(x, Exprs{ir::mul(g.c, n, g.n(6))});
  g.compile({x, k, flat, g.b.reshape(k, g.b.i64s({4})), g.b.neg(flat)});
  g.check({tensor(DType::f32, {2, 6})});
  g.check({tensor(DType::f32, {5, 6})});
  EXPECT_EQ(g.tables.constants.size(), 1u);
}

TEST(Package, shape_arithmetic_becomes_tensors) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n, g.n(6)});
  const Exprs scalars{ir::mul(g.c, n, g.n(3)),
                      ir::floordiv(g.c, n, g.n(2)),
                      ir::sub(g.c, g.n(10), n),
                      ir::mod(g.c, n, g.n(4)),
                      ir::min(g.c, n, g.n(3)),
                      ir::max(g.c, n, g.n(3)),
                      ir::select(g.c, ir::lt(g.c, n, g.n(3)), n, g.n(-1))};
  const Expr shape = g.b.from_scalars(scalars);
  g.compile({shape, g.b.cast(shape, DType::f32), g.b.from_scalar(n), g.b.shape_of(x)});
  for (const int64_t i : {1, 2, 9}) g.check({tensor(DType::f32, {i, 6})});
}

TEST(Package, inputs_that_break_a_derived_extent_are_refused) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n});
  const Expr y = g.param("y", DType::f32, {ir::mul(g.c, n, g.n(2))});
  g.compile({g.b.neg(x), g.b.neg(y)});
  g.check({tensor(DType::f32, {3}), tensor(DType::f32, {6})});
  const Tensor wrong = tensor(DType::f32, {5});
  ASSERT_TRUE(g.executor->set_input(1, {artifact::DType::f32, wrong.shape, wrong.bytes.data()})
                  .has_value());
  const Status ran = g.executor->run();
  ASSERT_FALSE(ran.has_value());
  EXPECT_EQ(ran.error().diagnostics[0].code, "run.check");
  EXPECT_NE(ran.error().text().find("input 'y': axis 0"), std::string::npos);
}

TEST(Package, extents_that_operators_take_to_be_equal_are_checked) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr m = g.c.var("m");
  const Expr x = g.param("x", DType::f32, {n, g.n(3)});
  const Expr y = g.param("y", DType::f32, {m, g.n(3)});
  const Expr z = g.param("z", DType::f32, {g.n(6)});
  g.compile({g.b.add(x, y), g.b.add(g.b.reshape(x, Exprs{ir::mul(g.c, n, g.n(3))}), z)});
  const auto inputs = [](int64_t rows, int64_t others) {
    return std::vector{tensor(DType::f32, {rows, 3}), tensor(DType::f32, {others, 3}),
                       tensor(DType::f32, {6})};
  };
  g.check(inputs(2, 2));
  g.refuses(inputs(2, 1), "m");
  g.refuses(inputs(2, 4000), "m");
  g.refuses(inputs(0, 2), "needs");
  g.refuses(inputs(3, 3), "2");
  g.check(inputs(2, 2));
}

TEST(Package, extents_that_data_give_are_checked_once_they_are_known) {
  Graph g;
  const Expr x = g.param("x", DType::f32, {g.n(8)});
  const Expr count = g.b.reduce(
      "sum", g.b.cast(g.b.binary(Op::gt, x, g.b.scalar(DType::f32, 0)), DType::i64), {0});
  const Expr k = g.c.var("count");
  g.f.bindings.push_back({k, count, 0});
  const Exprs from{g.n(2)};
  const Exprs size{k};
  g.compile({g.b.slice(x, from, size, {1})});
  const auto positive = [](int64_t wanted) {
    Tensor t = Tensor::zeros(DType::f32, {8});
    for (int64_t i = 0; i < 8; ++i) t.set_f(i, i < wanted ? 1.0 : -1.0);
    return std::vector{t};
  };
  for (const int64_t good : {0, 1, 6}) g.check(positive(good));
  g.refuses(positive(7), "count");
  g.refuses(positive(8), "count");
  g.check(positive(3));
}

TEST(Package, extents_that_data_give_are_not_negative) {
  Graph g;
  const Expr x = g.param("x", DType::f32, {g.n(10)});
  const Expr shape = g.param("shape", DType::i64, {g.n(2)});
  const Expr rows = g.c.var("rows");
  const Expr columns = g.c.var("columns");
  g.f.bindings = {{rows, shape, 0}, {columns, shape, 1}};
  g.compile({g.b.reshape(x, Exprs{rows, columns})});
  const auto inputs = [](int64_t a, int64_t b) {
    Tensor wanted = Tensor::zeros(DType::i64, {2});
    wanted.set_i(0, a);
    wanted.set_i(1, b);
    return std::vector{tensor(DType::f32, {10}), wanted};
  };
  g.check(inputs(2, 5));
  g.refuses(inputs(-2, -5), "0 <= rows");
  g.refuses(inputs(3, 4), "rows * columns");
}

TEST(Package, computed_extents_open_a_stage) {
  Graph g;
  const Expr x = g.param("x", DType::f32, {g.n(4), g.n(5)});
  const Expr count = g.b.reduce(
      "sum", g.b.cast(g.b.binary(Op::gt, x, g.b.scalar(DType::f32, 0)), DType::i64), {0, 1});
  const Expr k = g.c.var("count");
  g.f.bindings.push_back({k, count, 0});
  const Expr longer = g.b.iota(DType::i64, Exprs{k, g.n(3)}, 0);
  g.compile({longer, g.b.from_scalar(ir::mul(g.c, k, k)), g.b.mul(longer, 2.0)});
  for (int64_t seed = 1; seed < 6; ++seed) g.check({tensor(DType::f32, {4, 5}, seed)});
  g.check({Tensor::zeros(DType::f32, {4, 5})});
}

TEST(Package, unbound_sizes_are_an_error) {
  Graph g;
  const Expr k = g.c.var("mystery");
  g.f.results = {g.b.from_scalar(k)};
  const Compilation compilation = compile_fused(g.context, graph::testing::fused(g.c, g.f));
  const auto packaged = package(compilation, {});
  ASSERT_FALSE(packaged.has_value());
  EXPECT_EQ(packaged.error().diagnostics[0].code, "package.unbound_size");
  EXPECT_NE(packaged.error().text().find("mystery"), std::string::npos);
}

TEST(Package, graphs_that_steps_cannot_express_are_an_error) {
  const auto refused = [](const Compilation& compilation, const std::string& words) {
    const auto packaged = package(compilation, {});
    ASSERT_FALSE(packaged.has_value());
    EXPECT_EQ(packaged.error().diagnostics[0].code, "package.unsupported");
    EXPECT_NE(packaged.error().text().find(words), std::string::npos) << packaged.error().text();
  };
  Graph bare;  // not fused: a primitive stands outside of kernels
  const Expr x = bare.param("x", DType::f32, {bare.n(4)});
  bare.f.results = {bare.b.neg(x)};
  Compilation unfused;
  unfused.context = bare.context;
  unfused.function = bare.f;
  unfused.machine = &machine::host();
  refused(unfused, "'neg' is not part of any kernel");
}

TEST(Package, index_errors_name_the_node_that_took_the_index) {
  Graph g;
  const Expr x = g.param("x", DType::f32, {g.n(4)});
  const Expr i = g.param("i", DType::i64, {g.n(2)});
  const Expr j = g.param("j", DType::i64, {g.n(3)});
  const auto named = [&](Expr e, const char* name) {
    g.c.set_location(e, name);
    return e;
  };
  g.compile({named(g.b.neg(x), "plain"), named(g.b.gather(x, i, 0), "first"),
             named(g.b.gather(x, j, 0), "second")});
  const auto indices = [](std::vector<int64_t> values) {
    Tensor t = Tensor::zeros(DType::i64, {std::ssize(values)});
    for (size_t k = 0; k < values.size(); ++k) t.set_i(static_cast<int64_t>(k), values[k]);
    return t;
  };
  const auto error = [&](const Tensor& a, const Tensor& b) {
    const Tensor values = tensor(DType::f32, {4});
    size_t at = 0;
    for (const Tensor* t : {&values, &a, &b}) {
      const auto type = t->dtype;
      EXPECT_TRUE(g.executor->set_input(at++, {type, t->shape, t->bytes.data()}).has_value());
    }
    const Status ran = g.executor->run();
    return ran ? "" : ran.error().text();
  };
  EXPECT_EQ(error(indices({0, 3}), indices({-4, 1, 2})), "");
  EXPECT_NE(error(indices({0, 4}), indices({0, 1, 2})).find("node 'first': index 4"),
            std::string::npos);
  EXPECT_NE(error(indices({0, 3}), indices({0, -5, 2})).find("node 'second': index -5"),
            std::string::npos);
  EXPECT_EQ(g.tables.messages, (std::vector<std::string>{"first", "second"}));
}

TEST(Package, kernel_rows_know_their_cost) {
  Graph g;
  const Expr n = g.c.var("batch");
  const Expr x = g.param("x", DType::f32, {n, g.n(64)});
  const Expr w = g.param("w", DType::f32, {g.n(64), g.n(32)});
  g.compile({g.b.matmul(x, w)});
  g.check({tensor(DType::f32, {3, 64}), tensor(DType::f32, {64, 32})});
  ASSERT_EQ(g.tables.kernels.size(), 1u);
  EXPECT_EQ(g.tables.kernels[0].op, "dot");
  EXPECT_EQ(g.tables.kernels[0].shape, "batchx32x64");
  EXPECT_EQ(g.executor->kernel_flops(0), 2 * 3 * 64 * 32);
  EXPECT_EQ(g.executor->kernel_bytes(0), 4 * (3 * 64 + 64 * 32 + 3 * 32));
}

TEST(Package, long_chains_reuse_memory) {
  Graph g;
  Expr x = g.param("x", DType::f32, {g.n(64), g.n(64)});
  for (int i = 0; i < 6; ++i) x = g.b.matmul(g.b.tanh(x), g.b.transpose(x, {1, 0}));
  g.compile({x});
  g.check({tensor(DType::f32, {64, 64})});
  EXPECT_LE(g.executor->memory_bytes(), 5u * 64 * 64 * 4);
}

TEST(Package, random_graphs_agree_with_the_interpreter) {
  const uint32_t seed = 99;
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  for (int round = 0; round < 4; ++round) {
    Graph g;
    const Expr n = g.c.var("n");
    Exprs pool{g.param("x", DType::f32, {n, g.n(8)}), g.param("y", DType::f32, {n, g.n(8)})};
    const auto pick = [&] {
      return pool[pool.size() - 1 - rng() % std::min<size_t>(pool.size(), 5)];
    };
    for (int i = 0; i < 14; ++i) {
      switch (rng() % 5) {
        case 0:
          pool.push_back(g.b.tanh(pick()));
          break;
        case 1:
          pool.push_back(g.b.add(pick(), pick()));
          break;
        case 2:
          pool.push_back(g.b.sub(pick(), g.b.reduce("max", pick(), {1}, true)));
          break;
        case 3:
          pool.push_back(
              g.b.transpose(g.b.reshape(g.b.transpose(pick(), {1, 0}), Exprs{g.n(8), n}), {1, 0}));
          break;
        default:
          pool.push_back(g.b.matmul(pick(), g.b.full(DType::f32, 0.125, Exprs{g.n(8), g.n(8)})));
      }
    }
    Exprs results{pool.back(), pick(), pick()};
    g.compile(results, 1 + round % 2);
    for (const int64_t size : {3, 17, 1})
      g.check({tensor(DType::f32, {size, 8}), tensor(DType::f32, {size, 8}, 5)});
  }
}

TEST(Package, survives_a_file) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n, g.n(4)});
  const std::vector<double> bias{1, 2, 3, 4};
  g.compile({g.b.add(x, g.b.constant(ops::testing::of(DType::f32, {4}, bias)))});
  std::string pattern = (std::filesystem::temp_directory_path() / "tenon_package_XXXXXX").string();
  const std::string path = std::string(mkdtemp(pattern.data())) + "/m.tenon";
  ASSERT_TRUE(artifact::write(g.tables, path).has_value());
  auto model = runtime::Model::open(path);
  ASSERT_TRUE(model.has_value()) << model.error().text();
  auto executor = runtime::Executor::create(*model, 1);
  g.executor = *std::move(executor);
  g.check({tensor(DType::f32, {6, 4})});
  std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

TEST(Package, time_is_linear_in_the_number_of_calls) {
  // One kernel called n times in a chain, with a symbolic extent.
  const auto seconds = [](int n) {
    Graph g;
    const Expr size = g.c.var("n");
    const Expr x = g.param("x", DType::f32, {size});
    g.f.results = {g.b.tanh(x)};
    Function fused = graph::testing::fused(g.c, g.f);
    Expr y = fused.results[0];
    for (int i = 1; i < n; ++i) y = g.c.rebuild(y, y->type, std::vector<Expr>{y});
    fused.results = {y};
    const Compilation compilation = compile_fused(g.context, fused);
    const auto begin = std::chrono::steady_clock::now();
    const auto packaged = package(compilation, {});
    EXPECT_TRUE(packaged.has_value());
    EXPECT_EQ(packaged->calls.size(), static_cast<size_t>(n));
    EXPECT_LE(packaged->blocks.size(), 2u);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const double small = seconds(10000);
  const double large = seconds(100000);
  EXPECT_LT(large, 20 * small + 0.1) << small << " s and " << large << " s";
}

/// In-place pairs of the one kernel that these results make under the default schedule.
size_t pairs_under_default_schedule(Graph& g, Exprs results) {
  g.f.results = std::move(results);
  const Function fused = graph::testing::fused(g.c, g.f);
  const std::vector<const ir::Kernel*> all = ir::kernels_of(fused);
  EXPECT_EQ(all.size(), 1u);
  const auto scheduled =
      schedule::default_schedule(schedule::Program(g.context, all[0]), machine::host());
  schedule::Program loops;
  const auto finalized =
      schedule::finalize(scheduled->program, machine::host(), {}, schedule::keep_loops(loops));
  EXPECT_TRUE(finalized.has_value());
  return graph::inplace_pairs(*loops).size();
}

TEST(Package, default_schedules_leave_elementwise_results_in_place) {
  {
    Graph g;
    const Expr x = g.param("x", DType::f32, {g.c.var("n"), g.n(100)});
    EXPECT_EQ(pairs_under_default_schedule(g, {g.b.relu(g.b.add(g.b.mul(x, 2.0), 1.0))}), 1u);
  }
  {
    Graph g;
    const Expr x = g.param("x", DType::f32, {g.n(3), g.n(50)});
    const Expr y = g.param("y", DType::f32, {g.n(3), g.n(50)});
    EXPECT_EQ(pairs_under_default_schedule(g, {g.b.add(g.b.tanh(x), y)}), 2u);
  }
}

TEST(ApplyPacking, agrees_with_the_interpreter) {
  const std::vector<ir::Packing> packings{{{0, 0, 0}, {2, 0, 1}},
                                          {{4, 0, 2}, {0, 2, 1, 3, 4}},
                                          {{4, 3, 0}, {3, 0, 2, 4, 1}},
                                          {{0, 0, 16}, {2, 0, 1, 3}}};
  for (const ir::DType type : {DType::i8, DType::f16, DType::f32, DType::i64}) {
    for (const ir::Packing& p : packings) {
      for (const std::vector<int64_t>& dims :
           {std::vector<int64_t>{3, 5, 7}, {4, 6, 8}, {1, 1, 1}, {9, 2, 33}}) {
        const Tensor t = tensor(type, dims);
        const auto got =
            packaging::apply_packing(t.bytes, dims, ir::info(type).element_bytes, std::span(&p, 1));
        EXPECT_EQ(got, interp::pack(t, std::span(&p, 1)).bytes);
      }
    }
  }
  const Tensor t = tensor(DType::f32, {5, 6});
  const std::vector<ir::Packing> twice{{{2, 0}, {0, 2, 1}}, {{0, 4, 0}, {1, 0, 3, 2}}};
  EXPECT_EQ(packaging::apply_packing(t.bytes, t.shape, 4, twice), interp::pack(t, twice).bytes);
}

TEST(Package, each_packed_form_is_stored_once) {
  Context c;
  artifact::Model m;
  packaging::Constants constants(m);
  const Tensor t = tensor(DType::f32, {4, 6});
  const std::vector<int64_t> shape{4, 6};
  const Expr k = c.constant(c.tensor(DType::f32, {4, 6}), t.bytes.data(), t.bytes.size());
  const std::vector<ir::Packing> packing{{{0, 2}, {1, 0, 2}}};
  const uint32_t packed = constants.add(k, shape, packing);
  EXPECT_EQ(constants.add(k, shape, packing), packed);
  const uint32_t plain = constants.add(k);
  EXPECT_NE(plain, packed);
  EXPECT_EQ(constants.add(k), plain);
  const Expr same_bytes = c.constant(c.tensor(DType::f32, {24}), t.bytes.data(), t.bytes.size());
  EXPECT_EQ(constants.add(same_bytes), plain);
  EXPECT_EQ(m.constants.size(), 2u);
  for (const artifact::Constant& x : m.constants)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.bytes) % 64, 0u);
}

}  // namespace
}  // namespace tenon::compiler
