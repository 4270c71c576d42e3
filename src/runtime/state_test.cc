// The memory of a state by itself, and an instance of a model made by hand that keeps one.
#include "runtime/state.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "runtime/executor.h"
#include "runtime/testing.h"

namespace tenon::runtime {
namespace {

using artifact::SizeOpCode;
using artifact::SlotKind;
using artifact::StepKind;

std::vector<int32_t> elements(const State& s) {
  const auto* p = reinterpret_cast<const int32_t*>(s.data());
  int64_t n = 1;
  for (const int64_t d : s.dims()) n *= d;
  return {p, p + n};
}

artifact::State row_of(size_t rank, uint64_t reserved = 0) {
  artifact::State row{"s", DType::i32, {}, 0, artifact::kNone, {}};
  row.dims.resize(rank);
  row.reserved = reserved;
  return row;
}

State counting(const artifact::State& row, std::vector<int64_t> dims) {
  std::vector<int32_t> values(64);
  std::iota(values.begin(), values.end(), 1);
  State s;
  EXPECT_TRUE(s.assign(row, {DType::i32, dims, values.data()}).has_value());
  return s;
}

TEST(State, elements_inside_both_shapes_keep_their_indices) {
  using Dims = std::vector<int64_t>;
  using Values = std::vector<int32_t>;
  struct Case {
    Dims from, to;
    Values want;
    bool stays;  // at its address
  };
  const artifact::State row = row_of(2, 16);
  for (const Case& c :
       {Case{{2, 3}, {2, 3}, {1, 2, 3, 4, 5, 6}, true},
        Case{{2, 3}, {3, 3}, {1, 2, 3, 4, 5, 6, 0, 0, 0}, true}, Case{{3, 2}, {1, 2}, {1, 2}, true},
        Case{{1, 2}, {1, 3}, {1, 2, 0}, true},  // axes of one element before
        Case{{2, 3}, {2, 4}, {1, 2, 3, 0, 4, 5, 6, 0}, false},
        Case{{2, 3}, {3, 2}, {1, 2, 4, 5, 0, 0}, false}, Case{{2, 3}, {1, 2}, {1, 2}, false},
        Case{{2, 3}, {0, 3}, {}, true}, Case{{0, 3}, {2, 2}, {0, 0, 0, 0}, true}}) {
    State s = counting(row, c.from);
    ASSERT_TRUE(s.resize(row, c.from).has_value());
    ASSERT_TRUE(s.resize(row, c.to).has_value());
    EXPECT_EQ(elements(s), c.want);
    EXPECT_TRUE(std::equal(c.to.begin(), c.to.end(), s.dims().begin(), s.dims().end()));
  }
  State s = counting(row, {2, 3});
  const std::byte* place = s.data();
  for (const int64_t n : {3, 16, 1, 9}) {
    ASSERT_TRUE(s.resize(row, std::array<int64_t, 2>{n, 3}).has_value());
    EXPECT_EQ(s.data(), place);
  }
  EXPECT_EQ(elements(s)[3], 0) << "what was forgotten comes back as zero";
  const artifact::State deep = row_of(3);
  State d = counting(deep, {2, 2, 2});
  ASSERT_TRUE(d.resize(deep, std::array<int64_t, 3>{2, 3, 1}).has_value());
  EXPECT_EQ(elements(d), (Values{1, 3, 0, 5, 7, 0}));
}

TEST(State, growth_follows_its_rule) {
  const artifact::State doubling = row_of(1);
  State s = counting(doubling, {1});
  int moves = 0;
  for (int64_t n = 1; n <= 4096; ++n) {
    const std::byte* before = s.data();
    ASSERT_TRUE(s.resize(doubling, std::array{n}).has_value());
    moves += s.data() == before ? 0 : 1;
  }
  EXPECT_LE(moves, 12);
  EXPECT_EQ(elements(s)[0], 1);
  const artifact::State reserved = row_of(1, 8);
  State r = counting(reserved, {8});
  const Status more = r.resize(reserved, std::array<int64_t, 1>{9});
  ASSERT_FALSE(more.has_value());
  EXPECT_EQ(
      more.error().text(),
      "state 's' of shape 9 has more than the 8 elements on axis 0 that the model reserves; run "
      "a shorter one [run.state]");
  EXPECT_EQ(elements(r)[7], 8);
  EXPECT_FALSE(r.resize(reserved, std::array<int64_t, 1>{-1}).has_value());
  const artifact::State large = row_of(2);
  State l = counting(large, {1, 1});
  EXPECT_FALSE(l.resize(large, std::array<int64_t, 2>{int64_t{1} << 40, 1 << 30}).has_value());
}

TEST(State, each_instance_has_its_own) {
  const auto model = Model::from(counting_model());
  ASSERT_TRUE(model.has_value());
  const auto e = std::move(*Executor::create(*model, 1));
  const std::vector<float> x(8);
  const auto run = [&](Executor& on, int64_t n) {
    EXPECT_TRUE(on.set_input(0, {DType::f32, std::array{n}, x.data()}).has_value());
    EXPECT_TRUE(on.run().has_value());
    const TensorView s = on.state(0);
    EXPECT_EQ(s.data, on.output(0).data);
    const auto* p = static_cast<const int32_t*>(s.data);
    return std::vector<int32_t>(p, p + s.count());
  };
  using V = std::vector<int32_t>;
  EXPECT_EQ(run(*e, 2), (V{1, 1}));
  EXPECT_EQ(run(*e, 3), (V{2, 2, 1}));
  const auto other = std::move(*e->fork());
  EXPECT_EQ(run(*e, 3), (V{3, 3, 2}));
  EXPECT_EQ(run(*other, 2), (V{3, 3}));
  ASSERT_TRUE(e->copy_states(*other).has_value());
  EXPECT_EQ(run(*e, 2), (V{4, 4}));
  ASSERT_TRUE(e->reset_states().has_value());
  EXPECT_EQ(run(*e, 1), (V{1}));
  const std::array<int32_t, 2> given{10, 20};
  ASSERT_TRUE(
      e->set_state("count", {DType::i32, std::array<int64_t, 1>{2}, given.data()}).has_value());
  EXPECT_EQ(run(*e, 3), (V{11, 21, 1}));
  const auto code = [](const Status& s) { return s ? "" : s.error().diagnostics[0].code; };
  EXPECT_EQ(code(e->set_state("count", {DType::f32, std::array<int64_t, 1>{2}, given.data()})),
            "run.state");
  EXPECT_EQ(code(e->set_state("count", {DType::i32, {}, given.data()})), "run.state");
  EXPECT_NE(e->set_state("cont", {DType::i32, {}, given.data()})
                .error()
                .text()
                .find("did you mean 'count'?"),
            std::string::npos);
  const auto strange = Model::from(counting_model());
  EXPECT_EQ(code(e->copy_states(**Executor::create(*strange, 1))), "run.state");
}

}  // namespace
}  // namespace tenon::runtime
