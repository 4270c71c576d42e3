// Small text helpers for messages: concatenation, numbers in lists, and the nearest known name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace tenon {

namespace detail {
inline void append(std::string& out, std::string_view s) { out += s; }
inline void append(std::string& out, char c) { out += c; }
template <class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, char>)
void append(std::string& out, T v) {
  out += std::to_string(v);
}
}  // namespace detail

/// Texts, characters and numbers joined into one string.
template <class... Args>
[[nodiscard]] std::string cat(const Args&... args) {
  std::string out;
  (detail::append(out, args), ...);
  return out;
}

/// "1x3x224x224"; "scalar" for no extents.
[[nodiscard]] std::string shape_text(std::span<const int64_t> dims);

/// Number of insertions, deletions and replacements between two names.
[[nodiscard]] size_t edit_distance(std::string_view a, std::string_view b);

/// The known name that a misspelt one most likely means; empty when none is near.
[[nodiscard]] std::string_view closest_name(std::string_view name,
                                            std::span<const std::string> known);

/// The text as a JSON string literal, quotes included.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace tenon
