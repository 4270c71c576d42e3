// Trace lines: `a, b = primitive(argument, key = value, [1, 2])`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schedule/schedule.h"

namespace tenon::schedule {

struct TraceLine {
  Handles results;
  std::string primitive;
  std::vector<std::string> arguments;  // as written, blanks trimmed
};

[[nodiscard]] std::string format_line(const TraceLine& line);
[[nodiscard]] std::string format_ints(const std::vector<int64_t>& values);  // [1, 2]
[[nodiscard]] Result<TraceLine> parse_line(const std::string& line);

[[nodiscard]] std::string trimmed(std::string_view text);  // without blanks around it
/// Parts between commas that stand in no bracket, blanks trimmed.
[[nodiscard]] std::vector<std::string> parts_of(std::string_view text);

}  // namespace tenon::schedule
