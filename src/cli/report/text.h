// The profile on a terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tenon::cli {

/// Prints a report (report.h) with bars: times by operator, and the `most` slowest kernels.
void print_profile(const nlohmann::json& report, size_t most);
/// What changed by operator since the report `before`, which `name` calls; largest change first.
void print_comparison(const nlohmann::json& report, const nlohmann::json& before,
                      const std::string& name);

}  // namespace tenon::cli
