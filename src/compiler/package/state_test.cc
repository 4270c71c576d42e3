// States and inout parameters against the interpreter, over several runs.
#include <sys/mman.h>

#include "compiler/package/testing.h"
#include "runtime/footprint.h"

namespace tenon::compiler {
namespace {

using namespace testing;  // NOLINT: the fixture of this file
using artifact::StepKind;
using ir::Op;
using ir::ParamRole;

Expr update_rows(Graph& g, Expr x, Expr rows, Expr start) {
  const Exprs operands{x, rows, g.b.from_scalar(start), g.b.from_scalar(g.n(0))};
  const auto made = ops::build(g.c, Op::dynamic_update_slice, operands);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text());
  return *made;
}

/// Copy steps between memory of two kinds or places.
size_t real_copies(const artifact::Model& m) {
  size_t count = 0;
  for (const artifact::Step& s : m.steps)
    if (s.kind == StepKind::copy && !(m.slots[s.a] == m.slots[s.b])) ++count;
  return count;
}

/// Attention of n new rows over all `total` rows of a cache that grows with each run.
struct Decoder : Graph {
  static constexpr int64_t kWidth = 1024;  // a row is a page
  explicit Decoder(ir::Growth growth) {
    const Expr rows = c.var("n");
    const Expr total = c.var("total");
    const Expr x = param("x", DType::f32, {rows, n(kWidth)});
    const Expr mask = param("mask", DType::f32, {total});
    const Expr cache = param("cache", DType::f32, {total, n(kWidth)}, ParamRole::state, growth);
    const Expr all = update_rows(*this, cache, x, ir::sub(c, total, rows));
    const Expr scores = b.mul(b.matmul(x, b.transpose(all, {1, 0})), 1.0 / 64);
    const Expr weights = b.exp(b.add(scores, b.broadcast_in(mask, Exprs{rows, total}, {1})));
    compile({b.matmul(weights, all), all}, 2, {"y", "cache"});
  }
  void decode(int64_t rows, int64_t total) {
    step({tensor(DType::f32, {rows, kWidth}, total), tensor(DType::f32, {total}, 3)});
  }
};

/// Whole pages of the first `bytes` bytes can only be read while this lives.
class ReadOnly {
 public:
  ReadOnly(const void* data, int64_t bytes) {
    const auto begin = (reinterpret_cast<uintptr_t>(data) + 4095) / 4096 * 4096;
    const auto end =
        (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / 4096 * 4096;
    if (end <= begin) return;
    at_ = reinterpret_cast<void*>(begin);
    size_ = end - begin;
    EXPECT_EQ(mprotect(at_, size_, PROT_READ), 0);
  }
  ~ReadOnly() {
    if (size_ > 0) EXPECT_EQ(mprotect(at_, size_, PROT_READ | PROT_WRITE), 0);
  }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;
  size_t size() const { return size_; }

 private:
  void* at_ = nullptr;
  size_t size_ = 0;
};

TEST(State, a_reserved_cache_grows_and_only_new_rows_are_written) {
  Decoder d({40});
  EXPECT_EQ(real_copies(d.tables), 0u);
  d.decode(5, 5);
  const void* place = d.executor->state(0).data;
  size_t guarded = 0;
  int64_t total = 5;
  for (const int64_t rows : {1, 1, 2, 1, 7, 1, 1}) {
    const ReadOnly old(place, total * Decoder::kWidth * 4);  // a write to an old row ends the test
    guarded += old.size();
    total += rows;
    d.decode(rows, total);
    EXPECT_EQ(d.executor->state(0).data, place);
    EXPECT_EQ(d.executor->output(1).data, place);
  }
  EXPECT_GT(guarded, 7u * 4 * 4096);
  d.decode(1, 6);  // what is behind is forgotten
  d.decode(2, 9);  // a gap is zeros
  EXPECT_EQ(d.executor->state(0).data, place);
  const std::vector<Tensor> many{tensor(DType::f32, {1, Decoder::kWidth}),
                                 tensor(DType::f32, {41})};
  ASSERT_TRUE(d.executor->set_input(0, Graph::view_of(many[0])).has_value());
  ASSERT_TRUE(d.executor->set_input(1, Graph::view_of(many[1])).has_value());
  const Status more = d.executor->run();
  ASSERT_FALSE(more.has_value());
  EXPECT_EQ(more.error().diagnostics[0].code, "run.state");
}

TEST(State, the_forecast_counts_what_a_new_instance_takes) {
  const auto states = [](ir::Growth growth, int64_t total) {
    Decoder d(growth);
    const auto f =
        runtime::footprint(d.tables, {{std::min<int64_t>(total, 1), Decoder::kWidth}, {total}});
    EXPECT_TRUE(f.has_value());
    return f ? f->states : 0;
  };
  constexpr uint64_t kRow = 4 * Decoder::kWidth;
  EXPECT_EQ(states({64}, 5), 64 * kRow);
  EXPECT_EQ(states({64}, 70), 70 * kRow);
  EXPECT_EQ(states({}, 5), 5 * kRow);
  EXPECT_EQ(states({}, 0), 0u);
}

TEST(State, a_doubling_cache_moves_seldom) {
  Decoder d({});
  int moves = 0;
  const void* place = nullptr;
  for (int64_t total = 1; total <= 33; ++total) {
    d.decode(1, total);
    moves += d.executor->state(0).data == place ? 0 : 1;
    place = d.executor->state(0).data;
  }
  EXPECT_LE(moves, 7);
}

TEST(State, instances_fork_copy_and_reset) {
  Decoder d({16});
  d.decode(3, 3);
  auto made = d.executor->fork();
  ASSERT_TRUE(made.has_value());
  std::unique_ptr<runtime::Executor> other = *std::move(made);
  d.check_states(*other);
  EXPECT_NE(other->state(0).data, d.executor->state(0).data);
  const interp::States at_fork = d.states;
  d.decode(1, 4);
  std::swap(d.executor, other);  // goes on from the fork
  d.states = at_fork;
  d.decode(2, 5);
  ASSERT_TRUE(other->copy_states(*d.executor).has_value());
  d.check_states(*other);
  ASSERT_TRUE(d.executor->reset_states().has_value());
  d.states = interp::initial_states(d.f);
  d.decode(1, 2);
  Decoder stranger({16});
  EXPECT_EQ(other->copy_states(*stranger.executor).error().diagnostics[0].code, "run.state");
}

TEST(State, values_that_are_exchanged_kept_or_returned_stay_apart) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n});
  const Expr a = g.param("a", DType::f32, {n}, ParamRole::state);
  const Expr b = g.param("b", DType::f32, {n}, ParamRole::state);
  const Expr kept = g.param("kept", DType::f32, {n}, ParamRole::state);
  const Expr sum = g.param("sum", DType::f32, {n}, ParamRole::state);
  const Expr twice = g.b.add(b, b);
  const Expr next = g.b.add(sum, x);
  g.compile({b, g.b.add(a, x), a, sum, twice, next, g.b.neg(kept), next}, 1,
            {"a", "b", "old_a", "old_sum", "twice", "sum", "kept_too", "again"});
  for (const int64_t seed : {1, 2, 3, 4}) g.step({tensor(DType::f32, {4}, seed)});
  g.step({tensor(DType::f32, {6}, 5)});
  g.step({tensor(DType::f32, {2}, 6)});
}

TEST(State, an_elementwise_step_needs_no_second_buffer) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n});
  const Expr sum = g.param("sum", DType::f32, {n}, ParamRole::state);
  const Expr steps = g.param("steps", DType::i64, {}, ParamRole::state);
  g.compile({g.b.add(sum, x), g.b.add(steps, 1.0), g.b.neg(x)}, 1, {"sum", "steps"});
  EXPECT_EQ(real_copies(g.tables), 0u);
  for (int64_t seed = 0; seed < 5; ++seed) g.step({tensor(DType::f32, {9}, seed)});
}

TEST(State, branches_may_leave_or_change_it) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr change = g.param("change", DType::boolean, {});
  const Expr x = g.param("x", DType::f32, {n});
  const Expr s = g.param("s", DType::f32, {n}, ParamRole::state);
  const Expr p = g.body_param("p", DType::f32, {n});
  const Expr q = g.body_param("q", DType::f32, {n});
  const Expr p2 = g.body_param("p", DType::f32, {n});
  const Expr q2 = g.body_param("q", DType::f32, {n});
  const Exprs operands{change, x, s};
  const Expr both = g.c.make(
      Op::if_, g.c.tuple(std::vector<ir::Type>{s->type}), operands,
      {{ir::Key::then, g.body({p, q}, {g.b.add(p, q)})}, {ir::Key::else_, g.body({p2, q2}, {q2})}});
  g.compile({g.c.make(Op::get, s->type, {both}, {{ir::Key::index, int64_t{0}}}), g.b.neg(s)}, 1,
            {"s", "before"});
  int64_t seed = 0;
  for (const int64_t on : {1, 0, 1, 1, 0})
    g.step({scalar(DType::boolean, on), tensor(DType::f32, {5}, ++seed)});
}

TEST(State, it_starts_with_what_the_model_gives) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::i32, {n});
  const std::vector<double> values{5, 6, 7};
  const Expr literal = g.b.constant(ops::testing::of(DType::i32, {3}, values));
  g.f.params.push_back(
      ir::param_with_role(g.c, "s", literal->type, ParamRole::state, {}, literal->constant_attr()));
  const Expr s = g.f.params.back();
  g.compile({g.b.add(s, s), g.b.neg(x)}, 1, {"s"});
  for (int64_t run = 0; run < 3; ++run) g.step({tensor(DType::i32, {2})});
  ASSERT_TRUE(g.executor->reset_states().has_value());
  g.states = interp::initial_states(g.f);
  g.step({tensor(DType::i32, {2})});
  EXPECT_EQ(g.states[0].get_i(2), 14);
}

TEST(State, an_extent_that_no_input_gives_is_refused) {
  Graph g;
  const Expr x = g.param("x", DType::f32, {g.n(2)});
  const Expr s = g.param("s", DType::f32, {g.c.var("m")}, ParamRole::state);
  g.f.name = "test";
  g.f.results = {g.b.neg(x), g.b.neg(s)};
  const Compilation compilation = compile_fused(g.context, graph::testing::fused(g.c, g.f));
  const auto packaged = package(compilation, {});
  ASSERT_FALSE(packaged.has_value());
  EXPECT_EQ(packaged.error().diagnostics[0].code, "package.unbound_size");
}

TEST(Inout, the_callers_memory_is_changed_in_place) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr k = g.c.var("k");
  const Expr p = g.param("p", DType::f32, {n, g.n(1024)}, ParamRole::inout);
  const Expr u = g.param("u", DType::f32, {k, g.n(1024)});
  const Expr next = update_rows(g, p, u, ir::sub(g.c, n, k));
  g.compile({g.b.reduce("sum", next, {1}), next}, 2, {"sums", "p"});
  EXPECT_EQ(real_copies(g.tables), 0u);
  const std::vector<Tensor> inputs{tensor(DType::f32, {9, 1024}), tensor(DType::f32, {2, 1024}, 4)};
  g.step(inputs);  // set_input: the caller's value stays
  const auto want = interp::run(g.f, inputs);
  ASSERT_TRUE(want.has_value());
  Tensor mine = inputs[0];
  ASSERT_TRUE(
      g.executor->set_inout(0, artifact::DType::f32, mine.shape, mine.bytes.data()).has_value());
  {
    const ReadOnly old(mine.bytes.data(), 7 * 1024 * 4);
    EXPECT_GE(old.size(), 6u * 4096);
    ASSERT_TRUE(g.executor->run().has_value());
  }
  EXPECT_EQ(mine.bytes, (*want)[1].bytes);
  EXPECT_EQ(g.executor->output(1).data, mine.bytes.data());
  g.step(inputs);
  EXPECT_EQ(mine.bytes, (*want)[1].bytes);
}

TEST(Inout, a_value_that_is_read_later_is_copied_first) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr p = g.param("p", DType::f32, {n, g.n(3)}, ParamRole::inout);
  const Expr u = g.param("u", DType::f32, {g.n(1), g.n(3)});
  const Expr next = update_rows(g, p, u, g.n(0));
  g.compile({next, g.b.sub(next, p), p}, 1, {"p", "change", "before"});
  EXPECT_GT(real_copies(g.tables), 0u);
  g.step({tensor(DType::f32, {4, 3}), tensor(DType::f32, {1, 3}, 4)});
  Tensor mine = tensor(DType::f32, {4, 3});
  const Tensor before = mine;
  ASSERT_TRUE(
      g.executor->set_inout("p", artifact::DType::f32, mine.shape, mine.bytes.data()).has_value());
  ASSERT_TRUE(g.executor->run().has_value());
  EXPECT_EQ(std::memcmp(g.executor->output(2).data, before.bytes.data(), before.bytes.size()), 0);
  EXPECT_NE(mine.bytes, before.bytes);
}

TEST(Inout, roles_are_kept_to) {
  Graph g;
  const Expr n = g.c.var("n");
  const Expr x = g.param("x", DType::f32, {n});
  const Expr w = g.param("w", DType::f32, {n}, ParamRole::constant);
  const Expr p = g.param("p", DType::f32, {n}, ParamRole::inout);
  g.compile({g.b.add(g.b.mul(x, w), p)}, 1, {"p"});
  Tensor t = tensor(DType::f32, {4});
  Tensor other = tensor(DType::f32, {4}, 2);
  const auto code = [](const Status& s) { return s ? "" : s.error().diagnostics[0].code; };
  const auto lend = [&](std::string_view name, Tensor& to) {
    return g.executor->set_inout(name, artifact::DType::f32, to.shape, to.bytes.data());
  };
  EXPECT_EQ(code(lend("x", t)), "run.role");
  EXPECT_EQ(code(lend("q", t)), "run.input_name");
  ASSERT_TRUE(g.executor->set_input("x", Graph::view_of(t)).has_value());
  ASSERT_TRUE(g.executor->set_input("w", Graph::view_of(other)).has_value());
  ASSERT_TRUE(lend("p", t).has_value());
  EXPECT_EQ(code(g.executor->run()), "run.overlap");
  Tensor mine = tensor(DType::f32, {4}, 3);
  ASSERT_TRUE(lend("p", mine).has_value());
  EXPECT_EQ(code(g.executor->run()), "");
  EXPECT_EQ(code(g.executor->set_input("w", Graph::view_of(t))), "run.role");
  EXPECT_EQ(code(g.executor->set_state("s", Graph::view_of(t))), "run.state_name");
  EXPECT_EQ(code(g.executor->set_state(0, Graph::view_of(t))), "run.state_name");
}

}  // namespace
}  // namespace tenon::compiler
