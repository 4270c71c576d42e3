#include "schedule/attach.h"

#include <gtest/gtest.h>

#include "ir/expr.h"

namespace tenon::schedule {
namespace {

class Attach : public testing::Test {
 protected:
  ir::Expr extent(int64_t n) { return c_.i64(n); }
  std::vector<ir::Expr> shape(std::initializer_list<int64_t> extents) {
    std::vector<ir::Expr> all;
    for (int64_t n : extents) all.push_back(extent(n));
    return all;
  }
  Candidate candidate(Form form, std::initializer_list<int64_t> extents, int rows = 0) {
    Candidate c;
    c.form = form;
    c.extents = shape(extents);
    c.rows = rows;
    return c;
  }
  InnerRead read(std::initializer_list<int64_t> extents, std::optional<std::vector<int>> axes,
                 bool repeats = false) {
    return {shape(extents), std::move(axes), repeats};
  }
  static std::string_view answer(const Attachment& a) { return a ? name(*a.place) : a.reason; }

  ir::Context c_;
};

TEST_F(Attach, work_on_points_follows_points_of_any_shape) {
  const Anchor points{Form::point, shape({2, 3}), false};
  EXPECT_EQ(answer(can_attach(points, candidate(Form::point, {2, 3}))), "point");
  EXPECT_EQ(answer(can_attach(points, candidate(Form::moved, {3, 2}))), "point");
  EXPECT_EQ(answer(can_attach(points, candidate(Form::listed, {7}))), "point");
  EXPECT_EQ(answer(can_attach(points, candidate(Form::anchor, {2, 3}))),
            "it does not work on single points");
  EXPECT_FALSE(can_attach(points, candidate(Form::whole, {2, 3})));
}

TEST_F(Attach, dear_values_are_not_computed_for_each_point_that_repeats_them) {
  Candidate sum = candidate(Form::point, {4, 3});
  sum.reads.push_back(read({3}, std::vector<int>{1}, /*repeats=*/true));
  EXPECT_EQ(answer(can_attach({Form::point, shape({3}), false}, sum)), "point");
  EXPECT_EQ(answer(can_attach({Form::point, shape({3}), true}, sum)),
            "a dear value would be computed again for each point");
}

TEST_F(Attach, what_others_read_too_is_stored_by_the_same_loops) {
  const std::vector<ir::Expr> same = shape({3, 2}), other = shape({2, 3});
  Candidate moved = candidate(Form::moved, {3, 2});
  moved.beside.emplace_back(same);
  EXPECT_TRUE(can_attach({Form::point, other, false}, moved));
  moved.beside.emplace_back(other);
  EXPECT_EQ(answer(can_attach({Form::point, other, false}, moved)),
            "a value that others read has other points");
}

TEST_F(Attach, rows_take_work_on_the_same_rows) {
  const Anchor rows{Form::rows, shape({4}), false};
  EXPECT_EQ(answer(can_attach(rows, candidate(Form::point, {4, 9}))), "row");
  EXPECT_EQ(answer(can_attach(rows, candidate(Form::rows, {4}, 1))), "row");
  EXPECT_EQ(answer(can_attach(rows, candidate(Form::point, {5, 9}))),
            "its rows have other extents");
  EXPECT_FALSE(can_attach(rows, candidate(Form::point, {})));  // has no rows
  EXPECT_EQ(answer(can_attach(rows, candidate(Form::moved, {4, 9}))),
            "it does not work on the same rows");
  EXPECT_FALSE(can_attach(rows, candidate(Form::rows, {4, 9}, 2)));
}

TEST_F(Attach, work_in_rows_reads_its_own_row) {
  const Anchor rows{Form::rows, shape({4}), false};
  const auto reads = [&](InnerRead r) {
    Candidate point = candidate(Form::point, {4, 4});
    point.reads.push_back(std::move(r));
    return can_attach(rows, point);
  };
  EXPECT_TRUE(reads(read({4}, std::vector<int>{0}, true)));  // a value a row, spread over it
  EXPECT_TRUE(reads(read({4, 4}, std::vector<int>{0, 1})));
  EXPECT_FALSE(reads(read({4}, std::vector<int>{1}, true)));        // of all rows
  EXPECT_FALSE(reads(read({1, 4}, std::vector<int>{0, 1}, true)));  // of the first row alone
  EXPECT_FALSE(reads(read({4, 4}, std::nullopt)));
  EXPECT_FALSE(reads(read({}, std::vector<int>{}, true)));
}

TEST_F(Attach, points_become_rows_when_all_members_fit) {
  const Anchor points{Form::point, shape({4, 9}), false};
  const Candidate sum = candidate(Form::rows, {4}, 1);
  const std::vector<Candidate> good{candidate(Form::point, {4, 9})};
  const std::vector<Candidate> bad{candidate(Form::point, {4, 9}), candidate(Form::moved, {4, 9})};
  EXPECT_EQ(answer(can_attach(points, sum, good)), "row");
  EXPECT_EQ(answer(can_attach(points, sum, bad)), "it does not work on the same rows");
  EXPECT_EQ(answer(can_attach(points, candidate(Form::rows, {}, 0), good)), "it leaves no rows");
}

TEST_F(Attach, a_sum_takes_an_epilogue_of_its_own_points) {
  const Anchor sum{Form::anchor, shape({4, 9}), false};
  EXPECT_EQ(answer(can_attach(sum, candidate(Form::point, {4, 9}))), "epilogue");
  EXPECT_EQ(answer(can_attach(sum, candidate(Form::point, {9, 4}))),
            "its points are not those of the sum");
  EXPECT_FALSE(can_attach(sum, candidate(Form::point, {4, 9, 1})));
  EXPECT_FALSE(can_attach(sum, candidate(Form::moved, {4, 9})));
  EXPECT_FALSE(can_attach(sum, candidate(Form::rows, {4}, 1)));
  Candidate turned = candidate(Form::point, {4, 9});
  turned.reads.push_back(read({4, 9}, std::vector<int>{0, 1}, /*repeats=*/true));
  EXPECT_EQ(answer(can_attach(sum, turned)), "it reads an element of the sum at several points");
}

TEST_F(Attach, what_a_kernel_reads_may_be_computed_in_it) {
  Candidate other = candidate(Form::point, {4, 9});
  other.before = true;
  EXPECT_EQ(answer(can_attach({Form::point, shape({4, 9}), false}, other)), "point");
  EXPECT_EQ(answer(can_attach({Form::point, shape({9, 4}), false}, other)),
            "its points are others");
  EXPECT_EQ(answer(can_attach({Form::rows, shape({4}), false}, other)), "row");
  EXPECT_EQ(answer(can_attach({Form::anchor, shape({4, 9}), false}, other)), "epilogue");
  const std::vector<ir::Expr> stored = shape({4, 9});
  other.beside.emplace_back(stored);
  EXPECT_EQ(answer(can_attach({Form::anchor, shape({4, 9}), false}, other)),
            "others read what would be computed on pieces");
  other.form = Form::listed;
  EXPECT_TRUE(can_attach({Form::point, shape({4, 9}), false}, other));
  other.form = Form::moved;
  EXPECT_EQ(answer(can_attach({Form::point, shape({4, 9}), false}, other)),
            "its points lie elsewhere");
}

TEST_F(Attach, the_kernel_takes_the_shape_of_its_last_work) {
  Anchor kernel{Form::point, shape({2, 3}), false};
  Candidate next = candidate(Form::moved, {3, 2});
  next.dear = true;
  attach(kernel, next, Place::point);
  EXPECT_EQ(kernel.domain, shape({3, 2}));
  EXPECT_TRUE(kernel.dear);
  attach(kernel, candidate(Form::rows, {3}, 1), Place::row);
  EXPECT_EQ(kernel.form, Form::rows);
  EXPECT_EQ(kernel.domain, shape({3}));
}

}  // namespace
}  // namespace tenon::schedule
