// JSON as text. What is not UTF-8, as names in a damaged model may be, becomes U+FFFD.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tenon {

/// In one line, or indented by that many spaces a level.
[[nodiscard]] inline std::string json_text(const nlohmann::json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tenon
