// TENON_CHECK: an invariant of Tenon itself is broken (never bad input). An exception, so that a
// library can give it to its caller as an error; where nobody catches it, the program ends with it.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace tenon {

class InternalError : public std::exception {
 public:
  explicit InternalError(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Throws InternalError "WHAT at FILE:LINE", with `detail` (usually printed IR) on further lines.
[[noreturn]] void internal_error(std::string_view what, const char* file, int line,
                                 const std::string& detail = "");

}  // namespace tenon

#define TENON_CHECK(cond, ...)                                                                  \
  do {                                                                                          \
    if (!(cond)) ::tenon::internal_error(#cond, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
#define TENON_UNREACHABLE(what) ::tenon::internal_error(what, __FILE__, __LINE__)
