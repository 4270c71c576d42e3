// Printing and parsing of trace lines.
#include "schedule/trace.h"

#include "schedule/program.h"

namespace tenon::schedule {

std::string format_ints(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(values[i]);
  return text + "]";
}

std::string format_line(const TraceLine& line) {
  std::string text;
  for (size_t i = 0; i < line.results.size(); ++i) text += (i == 0 ? "" : ", ") + line.results[i];
  if (!line.results.empty()) text += " = ";
  text += line.primitive + "(";
  for (size_t i = 0; i < line.arguments.size(); ++i)
    text += (i == 0 ? "" : ", ") + line.arguments[i];
  return text + ")";
}

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  if (trimmed(text).empty()) return parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    } else {
      depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
    }
  }
  return parts;
}

Result<TraceLine> parse_line(const std::string& text) {
  TraceLine line;
  const size_t open = text.find('(');
  const std::string all = trimmed(text);
  if (open == std::string::npos || !all.ends_with(')'))
    return fail("schedule.trace",
                "expected `results = primitive(arguments)`, found '" + text + "'");
  std::string head = text.substr(0, open);
  if (const size_t equals = head.find('='); equals != std::string::npos) {
    line.results = parts_of(std::string_view(head).substr(0, equals));
    head = head.substr(equals + 1);
  }
  line.primitive = trimmed(head);
  line.arguments = parts_of(std::string_view(text).substr(open + 1, text.rfind(')') - open - 1));
  for (const std::string& name : line.results)
    if (!primitives::is_name(name))
      return fail("schedule.trace", "'" + name + "' is no name of a result");
  return line;
}

}  // namespace tenon::schedule
