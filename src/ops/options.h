// Options of a composite, as its call node carries them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::ops {

/// Options are ordered key=value pairs with integer, float or word values, or "1,2,3" for a vector.
using Options = std::vector<std::pair<std::string, std::string>>;

/// The options of a call node (or of any "key=value key=value" text).
/// A word without '=' goes on with the value before it: "shape=2 * n, 8".
[[nodiscard]] Options parse_options(std::string_view text);

/// The parts between separators, without an empty one at the end.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace tenon::ops
