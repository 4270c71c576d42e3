// Results and diagnostics: how a failure that a user can cause travels through Tenon.
//
// A function that can fail because of its input returns Result<T>; nothing throws across a library
// border. A broken invariant of Tenon itself is not a Result: see check.h.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace tenon {

/// One thing that is wrong with the user's input. `message` is lower case without a final period
/// and says where, what was expected, what was found and a way out; `code` is stable and listed in
/// docs/errors.md, for example "conv.C4" or "onnx.unknown_operator".
struct Diagnostic {
  std::string code;
  std::string message;
  /// Everything that a terminal shows: "message [code]".
  [[nodiscard]] std::string text() const {
    return code.empty() ? message : message + " [" + code + "]";
  }
};

/// One or more diagnostics; never empty.
struct Error {
  std::vector<Diagnostic> diagnostics;
  /// All diagnostics, one a line.
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const Diagnostic& d : diagnostics) all += (all.empty() ? "" : "\n") + d.text();
    return all;
  }
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// Makes the error that `return fail(...)` hands to any Result.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string code, std::string message) {
  return tl::make_unexpected(Error{{{std::move(code), std::move(message)}}});
}

}  // namespace tenon

/// Evaluates a Result expression; returns its error from the enclosing function or binds its value.
#define TENON_CONCAT_INNER(a, b) a##b
#define TENON_CONCAT(a, b) TENON_CONCAT_INNER(a, b)
#define TENON_TRY_IMPL(tmp, lhs, ...)                           \
  auto tmp = (__VA_ARGS__);                                     \
  if (!tmp) return tl::make_unexpected(std::move(tmp).error()); \
  lhs = *std::move(tmp)
#define TENON_TRY(lhs, ...) TENON_TRY_IMPL(TENON_CONCAT(try_, __LINE__), lhs, __VA_ARGS__)
#define TENON_TRY_VOID(...)                                      \
  do {                                                           \
    if (auto try_status = (__VA_ARGS__); !try_status)            \
      return tl::make_unexpected(std::move(try_status).error()); \
  } while (false)
