// What a schedule leaves open, by name: a tile's rows, a vector's width, a loop at which an
// epilogue attaches. A generator of schedules (defaults/) asks for each; what it gets is preferred
// by the cost model, given by a file or a tuner, or drawn at random (space.h). The trace keeps a
// decision where a line refers to it:
//   dot0.rows = sample([4, 5, 6]) -> 6
//   i0_0, i0_1 = split(i0, dot0.rows, tail = predicate)
// Numbers in lines may be expressions over decisions: `(dot0.rows + 2) / 3`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "support/result.h"

namespace tenon::schedule {

/// A number, or a word: an instruction, a loop, yes or no.
using Value = std::variant<int64_t, std::string>;
[[nodiscard]] std::string text_of(const Value& value);
/// An integer is a number, all else a word.
[[nodiscard]] Value value_of(const std::string& text);

struct Decision {
  std::string name;               // BLOCK.WHAT, or `sketch`, which is of the kernel
  std::vector<Value> candidates;  // what is worth trying, `preferred` among it
  Value preferred;                // by the cost model; of attempts the first that goes through
  Value value;                    // what was decided
};

/// Values of decisions by name.
using Assignment = std::map<std::string, Value>;
/// The value of a decision whose candidates and preferred value are set; nullopt: the preferred
/// one.
using Sampler = std::function<std::optional<Value>(const Decision&)>;

/// A number that a schedule takes, and where it came from: an expression over decisions, or empty
/// where it is a literal. Arithmetic keeps both; division rounds down.
struct Number {
  Number(int64_t v) : value(v) {}  // NOLINT(google-explicit-constructor): a literal is a number
  Number(int64_t v, std::string name) : value(v), text(std::move(name)) {}

  int64_t value;
  std::string text;
  int level = 0;  // of the text's last operator: 0 none, 1 product, 2 sum

  [[nodiscard]] std::string written(int most_level = 2) const;
};
[[nodiscard]] Number operator+(const Number& a, const Number& b);
[[nodiscard]] Number operator-(const Number& a, const Number& b);
[[nodiscard]] Number operator*(const Number& a, const Number& b);
[[nodiscard]] Number operator/(const Number& a, const Number& b);

/// A word that a schedule takes, and the name of the decision that it came from, or empty.
struct Term {
  Term(std::string v) : value(std::move(v)) {}  // NOLINT(google-explicit-constructor)
  Term(const char* v) : value(v) {}             // NOLINT(google-explicit-constructor)
  Term(std::string v, std::string name) : value(std::move(v)), text(std::move(name)) {}

  std::string value, text;
  [[nodiscard]] const std::string& written() const { return text.empty() ? value : text; }
};

/// Names of decisions in the text of arguments: those with a dot.
[[nodiscard]] std::vector<std::string> decisions_in(std::string_view text);
/// `dot0.rows`, `sketch`: words of letters, digits and _ between dots.
[[nodiscard]] bool is_decision_name(std::string_view text);

/// The value of an integer expression; `find` gives that of a name. Refuses ("schedule.trace")
/// syntax, unknown names, division by zero and overflow.
[[nodiscard]] Result<int64_t> evaluate(
    std::string_view text, const std::function<std::optional<Value>(std::string_view)>& find);

/// `dot0.rows = sample([4, 5, 6]) -> 6`; nullopt where the line is no such line, an error where it
/// is a broken one. The list of candidates may be left out: `dot0.rows = sample() -> 6`.
[[nodiscard]] Result<std::optional<Decision>> parse_decision(const std::string& line);
[[nodiscard]] std::string format_decision(const Decision& decision);

}  // namespace tenon::schedule
