// Decisions: their lines, expressions over them, the space of a program, schedules under chosen
// values, and canonical handles.
#include "schedule/space.h"

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <set>

#include "ir/text.h"
#include "schedule/program.h"
#include "schedule/testing.h"

namespace tenon::schedule {
namespace {
using ir::Expr;
using testing::DotProgram;
using testing::Exprs;
using testing::KernelBuilder;

const machine::Machine& v4() { return *machine::find_row("x86-64-v4"); }
Program product() { return DotProgram(50, 64, 40).program(); }

std::string message(const auto& result) {
  return result.has_value() ? "" : result.error().diagnostics[0].message;
}
void expect_words(const std::string& text, const std::string& words) {
  EXPECT_NE(text.find(words), std::string::npos) << text;
}
std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}
std::vector<std::string> replaced(std::vector<std::string> lines, const std::string& from,
                                  const std::string& to) {
  for (std::string& line : lines)
    if (const size_t at = line.find(from); at != std::string::npos)
      line.replace(at, from.size(), to);
  return lines;
}
const Decision* find(const std::vector<Decision>& all, const std::string& name) {
  for (const Decision& d : all)
    if (d.name == name) return &d;
  return nullptr;
}

TEST(Decision, lines_read_back) {
  for (const char* line : {"dot0.rows = sample([4, 5, 6]) -> 6",
                           "sketch = sample([a, dot0.b]) -> a", "dot0.rows = sample() -> 7"}) {
    const auto parsed = parse_decision(line);
    ASSERT_TRUE(parsed.has_value() && parsed->has_value()) << line;
    EXPECT_EQ(format_decision(**parsed), line);
  }
  const auto other = parse_decision("a, b = split(i, 4)");
  ASSERT_TRUE(other.has_value());
  EXPECT_FALSE(other->has_value());
  for (const char* line : {"x = sample([1])", "x = sample([1] -> 2", "x y = sample([1]) -> 1",
                           "x = sample(1) -> 1", "x = sample([1]) -> ", "x = sample([1]) -> 1 2"})
    EXPECT_FALSE(parse_decision(line).has_value()) << line;
}

TEST(Decision, expressions_have_values_and_print_as_they_compute) {
  const auto find_rows = [](std::string_view name) -> std::optional<Value> {
    if (name == "a.rows") return Value(int64_t{7});
    if (name == "a.word") return Value(std::string("tile"));
    return std::nullopt;
  };
  const std::vector<std::pair<std::string, int64_t>> good{{"12", 12},
                                                          {"a.rows", 7},
                                                          {"(a.rows + 2) / 3", 3},
                                                          {"2 * a.rows - 3 - 1", 10},
                                                          {"-7 / 2", -4}};
  for (const auto& [text, value] : good) {
    const auto result = evaluate(text, find_rows);
    ASSERT_TRUE(result.has_value()) << text << message(result);
    EXPECT_EQ(*result, value) << text;
  }
  for (const char* text : {"", "a.rows +", "(1", "1)", "a.none", "a.word", "rows", "1 / 0", "1 % 2",
                           "9223372036854775807 + 1", "99999999999999999999"})
    EXPECT_FALSE(evaluate(text, find_rows).has_value()) << text;
  EXPECT_FALSE(evaluate(std::string(5000, '('), find_rows).has_value());
  const Number n(7, "a.rows");
  for (const Number& e : {(n + 2) / 3, 2 * n - (n - 1), n / 2 * 2, n * (n + 1), Number(3) * 4}) {
    const auto again = evaluate(e.written(), find_rows);
    ASSERT_TRUE(again.has_value()) << e.written();
    EXPECT_EQ(*again, e.value) << e.written();
  }
  EXPECT_EQ(((n + 2) / 3).written(), "(a.rows + 2) / 3");
}

TEST(Space, a_product_names_its_decisions_with_candidates) {
  const auto decisions = space(product(), v4());
  ASSERT_TRUE(decisions.has_value()) << message(decisions);
  for (const char* name : {"sketch", "dot0.instruction", "dot0.columns", "dot0.rows", "dot0.chunk",
                           "dot0.epilogue", "dot0.parallel"})
    EXPECT_NE(find(*decisions, name), nullptr) << name;
  std::set<std::string> names;
  for (const Decision& d : *decisions) {
    EXPECT_TRUE(names.insert(d.name).second) << d.name;
    EXPECT_EQ(d.value, d.preferred) << d.name;
    EXPECT_NE(std::find(d.candidates.begin(), d.candidates.end(), d.value), d.candidates.end())
        << d.name;
  }
}

TEST(Space, changed_decisions_are_realized_or_refused) {
  const auto eight = realize(product(), v4(), Assignment{{"dot0.rows", int64_t{8}}});
  ASSERT_TRUE(eight.has_value()) << message(eight);
  const std::string trace = joined(eight->program->trace);
  expect_words(trace, "dot0.rows = sample([");
  expect_words(trace, "]) -> 8\n");
  expect_words(trace, "split(i0, dot0.rows, tail = predicate)");
  expect_words(trace, "[dot0.rows, dot0.columns, (dot0.rows + 2) / 3, (2 * dot0.rows + 2) / 3]");
  expect_words(ir::print(*eight->program), "fma_tile<8, 32, 3, 6>");
  EXPECT_EQ(find(eight->decisions, "dot0.rows")->value, Value(int64_t{8}));

  const auto window = realize(product(), v4(), Assignment{{"sketch", std::string("dot0.window")}});
  ASSERT_TRUE(window.has_value()) << message(window);
  EXPECT_EQ(window->name, "window");
  EXPECT_EQ(find(window->decisions, "dot0.rows"), nullptr);

  const std::vector<std::pair<Assignment, std::string>> refused{
      {{{"dot0.height", int64_t{8}}}, "does not decide 'dot0.height'"},
      {{{"sketch", std::string("none")}}, "'sketch' is one of "},
      {{{"sketch", std::string("dot0.contraction")}, {"dot0.rows", int64_t{100}}}, "registers"},
      {{{"sketch", std::string("dot0.contraction")}, {"dot0.rows", int64_t{0}}}, "from 1 to"},
      {{{"sketch", std::string("dot0.contraction")}, {"dot0.rows", std::string("x")}}, "not x"},
      {{{"dot0.rows", int64_t{100}}}, "registers do not hold a tile"}};
  for (const auto& [values, words] : refused) {
    const auto choice = realize(product(), v4(), values);
    ASSERT_FALSE(choice.has_value()) << words;
    expect_words(message(choice), words);
  }
}

TEST(Space, samplers_draw_by_name_and_find_what_is_near) {
  const Decision d{"a.n", {int64_t{4}, int64_t{8}, int64_t{16}}, int64_t{4}, int64_t{4}};
  EXPECT_EQ(prefer()(d), std::nullopt);
  EXPECT_EQ(given({{"a.n", int64_t{5}}})(d), Value(int64_t{5}));
  EXPECT_EQ(nearest({{"a.n", int64_t{13}}})(d), Value(int64_t{16}));
  EXPECT_EQ(nearest({{"a.n", INT64_MIN}})(d), Value(int64_t{4}));
  EXPECT_EQ(nearest({{"a.n", std::string("x")}})(d), std::nullopt);
  EXPECT_EQ(nearest({{"b.n", int64_t{13}}})(d), std::nullopt);
  std::set<Value> drawn;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    drawn.insert(*sample(seed)(d));
    EXPECT_EQ(sample(seed)(d), sample(seed)(d));
  }
  EXPECT_EQ(drawn.size(), 3u);
}

TEST(Space, the_decisions_of_one_size_serve_another) {
  const auto small = realize(product(), v4(), Assignment{{"dot0.rows", int64_t{13}}});
  ASSERT_TRUE(small.has_value()) << message(small);
  const Program other = DotProgram(3, 64, 40).program();
  const auto repaired = realize(other, v4(), nearest(assignment(small->decisions)));
  ASSERT_TRUE(repaired.has_value()) << message(repaired);
  EXPECT_EQ(find(repaired->decisions, "dot0.rows")->value, Value(int64_t{3}));
}

TEST(Traces, edited_decisions_take_effect) {
  const auto choice = default_schedule(product(), v4());
  ASSERT_TRUE(choice.has_value());
  const std::vector<std::string> trace = choice->program->trace;
  const auto same = follow(product(), v4(), trace);
  ASSERT_TRUE(same.has_value()) << message(same);
  EXPECT_EQ(same->program->trace, trace);
  EXPECT_EQ(ir::print(*same->program), ir::print(*choice->program));
  const std::string rows = text_of(find(choice->decisions, "dot0.rows")->value);
  const auto edited = follow(product(), v4(), replaced(trace, "]) -> " + rows, "]) -> 5"));
  ASSERT_TRUE(edited.has_value()) << message(edited);
  expect_words(ir::print(*edited->program), "fma_tile<5, 32, 2, 4>");
  // Neither is a candidate: the primitives decide, and refuse with their line.
  const auto high = follow(product(), v4(), replaced(trace, "]) -> " + rows, "]) -> 20"));
  ASSERT_TRUE(high.has_value()) << message(high);
  expect_words(ir::print(*high->program), "fma_tile<20, 32, 7, 14>");
  const auto none = follow(product(), v4(), replaced(trace, "]) -> " + rows, "]) -> 0"));
  ASSERT_FALSE(none.has_value());
  expect_words(message(none), "split(i0, dot0.rows");
}

TEST(Traces, decisions_alone_are_completed) {
  const std::vector<std::string> places{"f:1", "f:2", "f:3"};
  const auto choice = follow(product(), v4(),
                             std::vector<std::string>{"schedule 1", "dot0.rows = sample() -> 6",
                                                      "dot0.parallel = sample() -> yes"},
                             places);
  ASSERT_TRUE(choice.has_value()) << message(choice);
  EXPECT_EQ(choice->origin, Origin::trace);
  expect_words(ir::print(*choice->program), "fma_tile<6, 32, 2, 4>");
  expect_words(joined(choice->program->trace), "parallel(");
  const auto refused = follow(
      product(), v4(),
      std::vector<std::string>{"schedule 1", "dot0.rows = sample() -> 6", "dot0.x = sample() -> 3"},
      places);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(message(refused).starts_with("f:3: `dot0.x = sample() -> 3` does not apply"))
      << message(refused);
}

TEST(Traces, what_a_line_may_not_say) {
  const auto refusal = [](std::vector<std::string> lines) {
    return message(follow(product(), v4(), lines, std::vector<std::string>{"f:1", "f:2", "f:3"}));
  };
  expect_words(refusal({"schedule 2"}), "f:1: `schedule 2` does not apply: expected `schedule 1`");
  expect_words(refusal({"parallel(i)", "schedule 1"}), "f:2: ");
  expect_words(refusal({"a.b = sample() -> 3", "a.b = sample() -> 4"}), "decided twice");
  expect_words(refusal({"a.b = sample() -> 3", "parallel(i)"}), "f:1: `a.b = sample() -> 3`");
  expect_words(refusal({"a.b = sample() -> 3", "parallel(i)"}), "no line refers to 'a.b'");
  expect_words(refusal({"split(i, a.b)"}), "no decision 'a.b' above");
  expect_words(refusal({"a.b = sample() -> x", "split(i, a.b)"}), "is no number");
  expect_words(refusal({"a.b = sample() -> 3", "parallel(a.b)"}), "is a number");
  expect_words(refusal({"a.b = sample() -> nowhere", "parallel(a.b)"}), "no loop 'nowhere'");
  EXPECT_EQ(refusal({"a.b = sample() -> i", "parallel(a.b)"}), "");
}

/// The program's text with every name replaced by a random one, read again.
Program with_other_names(const Program& program, uint64_t seed) {
  std::set<std::string> names;
  for (const Expr size : program->sizes) names.insert(primitives::name_of(size));
  for (const ir::KernelParam& p : program->params) names.insert(primitives::name_of(p.buffer));
  for (const Expr b : program->buffers) names.insert(primitives::name_of(b));
  Schedule s(program);
  for (const std::string& block : s.blocks()) {
    names.insert(block);
    for (const std::string& loop : s.loops(block)) names.insert(loop);
  }
  const std::string text = ir::print(*s.program());
  names.erase("out");  // a word of the language
  std::map<std::string, std::string> to;
  for (const std::string& name : names) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    to[name] = (seed >> 40U) % 3 == 0 ? "i" + std::to_string(to.size())
                                      : "q" + std::to_string(seed >> 44U);
  }
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
      ++end;
    const std::string word = text.substr(i, end - i);
    out += to.contains(word) ? to[word] : word;
    if (end == i) out += text[end++];
    i = end;
  }
  Result<ir::Module> module = ir::parse(out, "renamed.tir");
  EXPECT_TRUE(module.has_value()) << module.error().text() << "\n" << out;
  return module->kernels.at(0);
}

TEST(Space, rows_are_shared_by_blocks_with_fewer_loops_or_not_at_all) {
  KernelBuilder k;
  const Expr x = k.in("x", {k.n(5), k.n(6), k.n(70)});
  const Expr sum = k.out("sum", {k.n(5), k.n(6)});
  const Expr y = k.out("y", {k.n(5)});
  k.block("sum", {{"i", k.n(5)}, {"j", k.n(6)}, {"k", k.n(70), 'r'}}, [&](const Exprs& v) {
    return ir::update(k.c(), sum, k.f32(0), k.load(x, v), Exprs{v[0], v[1]}, "sum");
  });
  k.map("y", y, [&](const Exprs& v) { return k.load(x, {v[0], k.n(0), k.n(0)}); });
  const auto choice = default_schedule(k.build(), v4());
  ASSERT_TRUE(choice.has_value()) << message(choice);
}

TEST(Canonical, equal_kernels_have_the_same_handles_and_replay_each_other) {
  for (const Program& program :
       {product(), DotProgram().program(), testing::rows_times_their_sums()}) {
    const auto mine = default_schedule(program, v4());
    ASSERT_TRUE(mine.has_value()) << message(mine);
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const Program other = with_other_names(program, seed);
      ASSERT_EQ(ir::canonical_text(*other), ir::canonical_text(*program));
      const auto theirs = default_schedule(other, v4());
      ASSERT_TRUE(theirs.has_value()) << message(theirs);
      EXPECT_EQ(theirs->program->trace, mine->program->trace);
      const auto replayed = replay(other, mine->program->trace);
      ASSERT_TRUE(replayed.has_value()) << message(replayed) << ir::print(*other);
      EXPECT_EQ(ir::canonical_text(**replayed), ir::canonical_text(*mine->program));
    }
  }
}

TEST(Canonical, naming_is_idempotent_and_keeps_the_meaning) {
  for (const Program& program : {product(), testing::rows_times_their_sums()}) {
    const Program once = primitives::canonical(program);
    EXPECT_EQ(ir::canonical_text(*once), ir::canonical_text(*program));
    EXPECT_EQ(ir::print(*primitives::canonical(once)), ir::print(*once));
  }
  EXPECT_EQ(Schedule::canonical(product()).blocks(), (Handles{"dot0", "add0", "max0"}));
  EXPECT_EQ(Schedule::canonical(product()).loops("max0"), (Handles{"max0_i0", "max0_i1"}));
}

TEST(Canonical, text_tells_roles_sizes_and_facts_apart) {
  const auto text = [](ir::ParamRole role, bool two_sizes, int64_t least) {
    KernelBuilder k;
    const Expr n = k.size("n"), m = two_sizes ? k.size("m") : n;
    const Expr bound = ir::max(k.c(), n, k.n(least));
    const Expr x = k.param("x", {bound}, role);
    const Expr y = k.out("y", {m});
    k.map("copy", y, [&](const Exprs& v) { return k.load(x, v); });
    return ir::canonical_text(*k.build());
  };
  const std::string base = text(ir::ParamRole::in, false, 1);
  EXPECT_EQ(base, text(ir::ParamRole::in, false, 1));
  EXPECT_NE(base, text(ir::ParamRole::inout, false, 1));
  EXPECT_NE(base, text(ir::ParamRole::constant, false, 1));
  EXPECT_NE(base, text(ir::ParamRole::in, true, 1));
  EXPECT_NE(base, text(ir::ParamRole::in, false, 2));
}

}  // namespace
}  // namespace tenon::schedule
