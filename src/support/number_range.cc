#include "support/number_range.h"

#include <charconv>
#include <cstdio>

#include "support/text.h"

namespace tenon {
namespace {

std::string shown(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.16g", value);
  return text;
}

/// False for what is no number, not whole where it has to be, or out of range (NaN is).
bool read(std::string_view text, const NumberRange& range, double& value) {
  const char* end = text.data() + text.size();
  std::from_chars_result read{};
  if (range.whole) {
    int64_t whole = 0;
    read = std::from_chars(text.data(), end, whole);
    value = static_cast<double>(whole);
  } else {
    read = std::from_chars(text.data(), end, value);
  }
  return read.ec == std::errc{} && read.ptr == end && value >= range.least && value <= range.most;
}

}  // namespace

std::string range_problem(std::string_view text, const NumberRange& range) {
  double value = 0;
  if (read(text, range, value)) return "";
  return cat("'", text, "' is not a ", range.whole ? "whole number" : "number", " from ",
             shown(range.least), " to ", shown(range.most));
}

Result<double> parse_number(std::string_view where, std::string_view text,
                            const NumberRange& range) {
  double value = 0;
  if (read(text, range, value)) return value;
  return fail("usage", cat(where, ": ", range_problem(text, range)));
}

}  // namespace tenon
