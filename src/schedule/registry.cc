// The rows of primitives.def as a table, and arguments between text and values.
#include "schedule/registry.h"

#include <utility>

#include "schedule/primitives/primitives.h"
#include "schedule/trace.h"
#include "support/check.h"

namespace tenon::schedule {
namespace {

template <auto* F, class... P, size_t... I>
Result<primitives::Edited> call(const Program& program, std::span<const Argument> arguments,
                                std::index_sequence<I...> /*positions*/) {
  return F(program, std::get<typename P::Value>(arguments[I])...);
}

template <auto* F, class... P>
Primitive row(std::string_view name) {
  return {
      name, {P::kParameter...}, [](const Program& program, std::span<const Argument> arguments) {
        TENON_CHECK(arguments.size() == sizeof...(P), "a primitive's arguments do not fit");
        return call<F, P...>(program, arguments, std::index_sequence_for<P...>{});
      }};
}

std::vector<Primitive> make_table() {
  using namespace primitives;  // NOLINT: the rows name its functions and parameters
  return {
#define TENON_PRIMITIVE(function, name, ...) row<&function, __VA_ARGS__>(name),
#include "schedule/primitives/primitives.def"
  };
}

/// What an argument of that kind is called in messages and in signatures.
std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::loop:
      return "loop";
    case Kind::loops:
      return "loop, ...";
    case Kind::block:
      return "block";
    case Kind::target:
      return "loop or block";
    case Kind::buffer:
      return "buffer";
    case Kind::scope:
      return "scope";
    case Kind::element_type:
      return "element type";
    case Kind::instruction:
      return "instruction";
    case Kind::tail:
    case Kind::word:
      return "word";
    case Kind::factor:
      return "integer";
    case Kind::numbers:
    case Kind::factors:
    case Kind::permutation:
      return "[integer, ...]";
  }
  return "";
}

tl::unexpected<Error> wrong(std::string_view found, std::string_view expected) {
  return fail("schedule.trace",
              "expected " + std::string(expected) + ", found '" + std::string(found) + "'");
}

Result<std::vector<int64_t>> integers(const std::string& list, const FindDecision& find) {
  if (list.size() < 2 || list.front() != '[' || list.back() != ']')
    return wrong(list, "a list of integers");
  std::vector<int64_t> values;
  for (const std::string& item : parts_of(std::string_view(list).substr(1, list.size() - 2))) {
    TENON_TRY(const int64_t value, evaluate(item, find));
    values.push_back(value);
  }
  return values;
}

/// The value of `key = value`, or a bare value.
Result<std::string> without_key(const Parameter& parameter, const std::string& written) {
  const size_t equals = written.find('=');
  if (parameter.key.empty() || equals == std::string::npos) return written;
  const std::string key = written.substr(0, written.find_last_not_of(" =", equals) + 1);
  if (key != parameter.key) return wrong(written, std::string(parameter.key) + " = value");
  return written.substr(std::min(written.find_first_not_of(' ', equals + 1), written.size()));
}

/// A word, or what the decision of that name decided.
Result<Argument> word(const std::string& text, const FindDecision& find) {
  const auto decided = find(text);
  if (!decided) return text;
  if (!std::holds_alternative<std::string>(*decided))
    return fail("schedule.trace", "the decision '" + text + "' is a number");
  return std::get<std::string>(*decided);
}

Result<Argument> parse(const Parameter& parameter, const std::string& text,
                       const FindDecision& find) {
  switch (parameter.kind) {
    case Kind::factor:
      return evaluate(text, find);
    case Kind::numbers:
    case Kind::factors:
    case Kind::permutation:
      return integers(text, find);
    default:
      return word(text, find);
  }
}

}  // namespace

std::span<const Primitive> primitive_table() {
  static const std::vector<Primitive> table = make_table();
  return table;
}

const Primitive* find_primitive(std::string_view name) {
  for (const Primitive& p : primitive_table())
    if (p.name == name) return &p;
  return nullptr;
}

std::string signature(const Primitive& primitive) {
  std::string text = std::string(primitive.name) + "(";
  for (const Parameter& p : primitive.parameters) {
    text += text.ends_with('(') ? "" : ", ";
    if (!p.key.empty()) text += std::string(p.key) + " = ";
    text += p.otherwise.empty() ? kind_name(p.kind) : p.otherwise;
  }
  return text + ")";
}

Result<Arguments> parse_arguments(const Primitive& primitive, std::span<const std::string> written,
                                  const FindDecision& find) {
  const auto refuse = [&](const std::string& why) {
    return fail("schedule.trace", why + " in " + signature(primitive));
  };
  Arguments all;
  for (const Parameter& p : primitive.parameters) {
    if (p.kind == Kind::loops) {
      all.values.emplace_back(Handles(written.begin(), written.end()));
      all.texts.emplace_back();
      written = {};
      continue;
    }
    if (written.empty() && p.otherwise.empty()) return refuse("an argument is missing");
    const Result<std::string> text =
        without_key(p, written.empty() ? std::string(p.otherwise) : written[0]);
    if (!text) return refuse(text.error().diagnostics[0].message);
    const Result<Argument> one = parse(p, *text, find);
    if (!one) return refuse(one.error().diagnostics[0].message);
    all.values.push_back(*one);
    bool decided = false;
    for (const std::string& name : decisions_in(*text)) decided = decided || find(name).has_value();
    all.texts.push_back(decided ? *text : "");
    if (!written.empty()) written = written.subspan(1);
  }
  if (!written.empty()) return refuse("there are too many arguments");
  return all;
}

std::vector<std::string> format_arguments(const Primitive& primitive,
                                          std::span<const Argument> values,
                                          std::span<const std::string> texts) {
  std::vector<std::string> all;
  for (size_t i = 0; i < values.size(); ++i) {
    const Argument& value = values[i];
    if (const auto* names = std::get_if<Handles>(&value)) {
      all.insert(all.end(), names->begin(), names->end());
      continue;
    }
    const std::string_view key = primitive.parameters[i].key;
    std::string text = key.empty() ? "" : std::string(key) + " = ";
    if (i < texts.size() && !texts[i].empty()) {
      all.push_back(text + texts[i]);
      continue;
    }
    if (const auto* word = std::get_if<std::string>(&value)) text += *word;
    if (const auto* number = std::get_if<int64_t>(&value)) text += std::to_string(*number);
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) text += format_ints(*list);
    all.push_back(std::move(text));
  }
  return all;
}

}  // namespace tenon::schedule
