// A profile as JSON: what `tenon profile --json` prints, the page shows, and --against reads back.
// docs/guide.md says what each number means.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/report/run.h"

namespace tenon::cli {

inline constexpr std::string_view kReportSchema = "tenon.profile/";  // then the version
inline constexpr int kReportVersion = 1;

[[nodiscard]] nlohmann::json report_of(const Profiled& profiled);
/// A report that was saved before, JSON or page. Refuses other files ("profile.format") and later
/// versions ("profile.version").
[[nodiscard]] Result<nlohmann::json> read_report(const std::string& path);

/// The graph of kernel calls for a report: nodes with what they read. `kernels` gives the row of
/// the report's kernels for one of the kernel table.
[[nodiscard]] nlohmann::json graph_of(const Profiled& profiled);
/// For each call in the tables, seconds in one run.
[[nodiscard]] std::vector<double> call_times(const Profiled& profiled);

/// The recording as an array of trace events: passes of the compiler, steps, threads, arena. For
/// Perfetto and chrome://tracing.
[[nodiscard]] nlohmann::json trace_of(const Subject& subject, const Recording& recording);
/// The page: one file that shows the report, and beside it the one it is compared with (null:
/// none).
[[nodiscard]] std::string page_of(const nlohmann::json& report, const nlohmann::json& against);

[[nodiscard]] Status write_text(const std::string& path, const std::string& text);

}  // namespace tenon::cli
