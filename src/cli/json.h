// The JSON of commands: docs/schemas has a schema for each, and says what versions mean.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace tenon::cli {

/// Prints the object with its member `schema`, such as "tenon.bench/1" where `what` is "bench".
/// Text that is no UTF-8 gets replacement characters.
void print_json(std::string_view what, nlohmann::json object);

}  // namespace tenon::cli
