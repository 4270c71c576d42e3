// Decisions and their lines; numbers that are expressions over decisions.
#include "schedule/decision.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "schedule/program.h"
#include "schedule/trace.h"

namespace tenon::schedule {
namespace {

bool is_word_char(char ch) {
  return std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_';
}

std::optional<int64_t> integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Number combine(const Number& a, const Number& b, int64_t value, std::string_view op, int level,
               int right) {
  if (a.text.empty() && b.text.empty()) return value;
  Number out(value, a.written(level) + " " + std::string(op) + " " + b.written(right));
  out.level = level;
  return out;
}

/// Recursive descent over `+ - * / ( )`; the depth of parentheses is bounded.
class Evaluator {
 public:
  Evaluator(std::string_view text,
            const std::function<std::optional<Value>(std::string_view)>& find)
      : text_(text), find_(find) {}

  Result<int64_t> run() {
    TENON_TRY(const int64_t value, sum());
    if (at_ != text_.size()) return wrong("an operator");
    return value;
  }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  tl::unexpected<Error> wrong(const std::string& expected) const {
    return fail("schedule.trace", "expected " + expected + ", found '" +
                                      std::string(text_.substr(std::min(at_, text_.size()))) +
                                      "' in '" + std::string(text_) + "'");
  }
  Result<int64_t> apply(char op, int64_t a, int64_t b) {
    int64_t value = 0;
    const bool overflow = op == '+'   ? __builtin_add_overflow(a, b, &value)
                          : op == '-' ? __builtin_sub_overflow(a, b, &value)
                          : op == '*' ? __builtin_mul_overflow(a, b, &value)
                                      : b == 0 || (a == INT64_MIN && b == -1);
    if (overflow)
      return fail("schedule.trace", "'" + std::string(text_) + "' has no value: " +
                                        std::to_string(a) + " " + op + " " + std::to_string(b));
    if (op == '/') value = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
    return value;
  }
  Result<int64_t> sum() {
    TENON_TRY(int64_t value, product());
    for (char op = peek(); op == '+' || op == '-'; op = peek()) {
      ++at_;
      TENON_TRY(const int64_t right, product());
      TENON_TRY(value, apply(op, value, right));
    }
    return value;
  }
  Result<int64_t> product() {
    TENON_TRY(int64_t value, atom());
    for (char op = peek(); op == '*' || op == '/'; op = peek()) {
      ++at_;
      TENON_TRY(const int64_t right, atom());
      TENON_TRY(value, apply(op, value, right));
    }
    return value;
  }
  Result<int64_t> atom() {
    const char first = peek();
    if (first == '(') {
      if (++depth_ > 32) return wrong("fewer parentheses");
      ++at_;
      TENON_TRY(const int64_t value, sum());
      if (peek() != ')') return wrong("')'");
      ++at_;
      --depth_;
      return value;
    }
    const size_t begin = at_;
    if (first == '-') ++at_;
    while (at_ < text_.size() && (is_word_char(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (const auto value = integer(word)) return *value;
    const auto value = find_(word);
    if (value && std::holds_alternative<int64_t>(*value)) return std::get<int64_t>(*value);
    if (word.find('.') != std::string_view::npos && is_decision_name(word))
      return fail("schedule.trace", value
                                        ? "the decision '" + std::string(word) + "' is no number"
                                        : "there is no decision '" + std::string(word) + "' above");
    at_ = begin;
    return wrong("an integer");
  }

  std::string_view text_;
  const std::function<std::optional<Value>(std::string_view)>& find_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string text_of(const Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return std::get<std::string>(value);
}

Value value_of(const std::string& text) {
  if (const auto number = integer(text)) return *number;
  return text;
}

std::string Number::written(int most_level) const {
  if (text.empty()) return std::to_string(value);
  return level > most_level ? "(" + text + ")" : text;
}

Number operator+(const Number& a, const Number& b) {
  return combine(a, b, a.value + b.value, "+", 2, 2);
}
Number operator-(const Number& a, const Number& b) {
  return combine(a, b, a.value - b.value, "-", 2, 1);
}
Number operator*(const Number& a, const Number& b) {
  return combine(a, b, a.value * b.value, "*", 1, 0);
}
Number operator/(const Number& a, const Number& b) {
  return combine(a, b, a.value / b.value, "/", 1, 0);
}

std::vector<std::string> decisions_in(std::string_view text) {
  std::vector<std::string> names;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && (is_word_char(text[end]) || text[end] == '.')) ++end;
    const std::string_view word = text.substr(i, end - i);
    if (word.find('.') != std::string_view::npos && is_decision_name(word))
      names.emplace_back(word);
    i = end + 1;
  }
  return names;
}

bool is_decision_name(std::string_view text) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (!primitives::is_name(text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return !text.empty();
}

Result<int64_t> evaluate(std::string_view text,
                         const std::function<std::optional<Value>(std::string_view)>& find) {
  return Evaluator(text, find).run();
}

Result<std::optional<Decision>> parse_decision(const std::string& line) {
  const size_t equals = line.find('='), open = line.find('(');
  if (equals == std::string::npos || open == std::string::npos || open < equals ||
      trimmed(std::string_view(line).substr(equals + 1, open - equals - 1)) != "sample")
    return std::optional<Decision>();
  const auto wrong = [&] {
    return fail("schedule.trace",
                "expected `NAME = sample([candidate, ...]) -> value`, found '" + line + "'");
  };
  const size_t close = line.find(')', open), arrow = line.find("->", std::min(close, line.size()));
  if (close == std::string::npos || arrow == std::string::npos ||
      !trimmed(std::string_view(line).substr(close + 1, arrow - close - 1)).empty())
    return wrong();
  Decision d;
  d.name = trimmed(std::string_view(line).substr(0, equals));
  std::string list = trimmed(std::string_view(line).substr(open + 1, close - open - 1));
  const std::string value = trimmed(std::string_view(line).substr(arrow + 2));
  if (!is_decision_name(d.name) || !(integer(value) || is_decision_name(value))) return wrong();
  if (!list.empty()) {
    if (list.size() < 2 || list.front() != '[' || list.back() != ']') return wrong();
    for (const std::string& each : parts_of(std::string_view(list).substr(1, list.size() - 2)))
      d.candidates.push_back(value_of(each));
  }
  d.value = d.preferred = value_of(value);
  return d;
}

std::string format_decision(const Decision& d) {
  std::string text = d.name + " = sample(";
  for (size_t i = 0; i < d.candidates.size(); ++i)
    text += (i == 0 ? "[" : ", ") + text_of(d.candidates[i]);
  return text + (d.candidates.empty() ? "" : "]") + ") -> " + text_of(d.value);
}

}  // namespace tenon::schedule
