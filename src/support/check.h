// TENON_CHECK: stops the program when an invariant of Tenon itself is broken (never for bad input).
#pragma once

#include <string>
#include <string_view>

namespace tenon {

/// Prints "internal error: WHAT at FILE:LINE" with `detail` (usually printed IR) and aborts.
[[noreturn]] void internal_error(std::string_view what, const char* file, int line,
                                 const std::string& detail = "");

}  // namespace tenon

#define TENON_CHECK(cond, ...)                                                                  \
  do {                                                                                          \
    if (!(cond)) ::tenon::internal_error(#cond, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
#define TENON_UNREACHABLE(what) ::tenon::internal_error(what, __FILE__, __LINE__)
