// Who decides a schedule, and kernels as text: what is printed reads back under the same names.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "schedule/testing.h"

namespace tenon::schedule {
namespace {
using ir::Expr;
using testing::DotProgram;
using testing::Exprs;
using testing::KernelBuilder;

const machine::Machine& any_machine() { return machine::rows().front(); }

Program with_trace(const Program& program, std::vector<std::string> lines) {
  auto out = std::make_shared<ir::Kernel>(*program);
  out->trace = std::move(lines);
  return out;
}

Program read_back(const std::string& text) {
  Result<ir::Module> module = ir::parse(text, "kernel.tir");
  EXPECT_TRUE(module.has_value()) << module.error().text() << "\n" << text;
  return module->kernels.at(0);
}

TEST(Choose, a_trace_in_the_kernel_is_the_schedule) {
  const Program definition = DotProgram(13, 37, 9).program();
  const std::vector<std::string> lines{"inline(add)", "io, ii = split(i, 4, tail = peel)",
                                       "parallel(io)"};
  const auto choice = choose(with_trace(definition, lines), any_machine());
  ASSERT_TRUE(choice.has_value()) << choice.error().text();
  EXPECT_EQ(choice->origin, Origin::trace);
  EXPECT_EQ(choice->program->trace, lines);
  EXPECT_NE(ir::print(*choice->program).find("for io in parallel(3)"), std::string::npos);
}

TEST(Choose, a_trace_that_does_not_apply_is_refused_with_its_place) {
  const Program kernel =
      with_trace(DotProgram(13, 37, 9).program(), {"inline(add)", "split(nowhere, 4)"});
  const auto choice = choose(kernel, any_machine());
  ASSERT_FALSE(choice.has_value());
  EXPECT_EQ(choice.error().diagnostics[0].code, "schedule.split");
  const std::vector<std::string> places{"k.tir:2:9", "k.tir:3:9"};
  const auto placed = replay(kernel, kernel->trace, places);
  ASSERT_FALSE(placed.has_value());
  EXPECT_TRUE(placed.error().diagnostics[0].message.starts_with("k.tir:3:9: `split(nowhere, 4)`"))
      << placed.error().text();
}

TEST(Choose, a_page_of_the_book_schedules_what_computes_the_same) {
  const Program definition = DotProgram(13, 37, 9).program();
  const Program renamed =
      read_back(std::string("kernel @other") +
                ir::canonical_text(*definition).substr(ir::canonical_text(*definition).find('[')));
  const std::string loop = Schedule(renamed).loops(Schedule(renamed).blocks()[0])[0];
  Book book;
  ASSERT_TRUE(book.add({with_trace(renamed, {"parallel(" + loop + ")"}), {"a.tir:2:3"}, "a.tir"}));
  const auto choice = choose(definition, any_machine(), &book);
  ASSERT_TRUE(choice.has_value()) << choice.error().text();
  EXPECT_EQ(choice->origin, Origin::book);
  EXPECT_EQ(choice->name, "file");
  EXPECT_EQ(choice->file, "a.tir");
  EXPECT_EQ(choice->program->trace, std::vector<std::string>{"parallel(" + loop + ")"});

  const Status second = book.add({definition, {}, "b.tir"});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().diagnostics[0].message,
            "b.tir: schedules what a.tir does too; leave one out");
  const auto other = choose(DotProgram(13, 37, 10).program(), any_machine(), &book);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->origin, Origin::standard);
}

TEST(Choose, what_a_default_schedule_passed_over_is_kept) {
  // Two columns are too few for a register tile.
  const auto choice = choose(DotProgram(64, 2, 64).program(), any_machine());
  ASSERT_TRUE(choice.has_value());
  ASSERT_FALSE(choice->refusals.empty());
  for (const Refusal& r : choice->refusals) {
    EXPECT_NE(r.attempt, choice->name);
    EXPECT_NE(r.reason, "");
  }
}

TEST(Choose, a_definition_without_trace_gets_the_default_schedule) {
  const Program definition = DotProgram(64, 64, 64).program();
  const auto choice = choose(definition, any_machine());
  const auto standard = default_schedule(definition, any_machine());
  ASSERT_TRUE(choice.has_value() && standard.has_value());
  EXPECT_EQ(choice->origin, Origin::standard);
  EXPECT_EQ(choice->name, "contraction");
  EXPECT_EQ(ir::print(*choice->program), ir::print(*standard->program));
}

TEST(Choose, a_program_that_was_scheduled_already_stays_as_it_is) {
  Schedule s(DotProgram(13, 37, 9).program());
  ASSERT_TRUE(s.apply("inline(add)") && s.apply("parallel(i)"));
  const Program again = read_back(print_scheduled(*s.program()));
  EXPECT_TRUE(again->trace.empty());
  const auto choice = choose(again, any_machine());
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->origin, Origin::written);
  EXPECT_EQ(ir::canonical_text(*choice->program), ir::canonical_text(*s.program()));
}

TEST(Choose, default_schedules_replay_on_the_text_of_their_definition) {
  for (const Program& definition : {testing::rows_times_their_sums(),
                                    DotProgram(13, 37, 9).program(), DotProgram().program()}) {
    const auto scheduled = default_schedule(definition, any_machine());
    ASSERT_TRUE(scheduled.has_value()) << scheduled.error().text();
    const std::string text =
        ir::print(*with_trace(Schedule(definition).program(), scheduled->program->trace));
    const Program again = read_back(text);
    const auto choice = choose(again, any_machine());
    ASSERT_TRUE(choice.has_value()) << choice.error().text() << "\n" << text;
    EXPECT_EQ(choice->program->trace, scheduled->program->trace);
    EXPECT_EQ(ir::canonical_text(*choice->program), ir::canonical_text(*scheduled->program))
        << text;
  }
}

}  // namespace
}  // namespace tenon::schedule
