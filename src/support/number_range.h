// The range of every number that a command line takes, in one table; commands and messages use it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/result.h"

namespace tenon {

struct NumberRange {
  double least, most;  // both included
  bool whole = true;
};

inline constexpr NumberRange kThreadsRange{0, 4096};  // 0: all processors
inline constexpr NumberRange kJobsRange{0, 4096};     // 0: all processors
inline constexpr NumberRange kRepeatRange{1, 10'000'000};
inline constexpr NumberRange kWarmupRange{0, 1'000'000};
inline constexpr NumberRange kSecondsRange{0, 86'400, false};
inline constexpr NumberRange kLimitRange{0.001, 86'400, false};  // seconds of one test case
inline constexpr NumberRange kToleranceRange{0, 1e9, false};
inline constexpr NumberRange kExtentRange{0, 0x1p47};  // no tensor of more elements fits a machine
inline constexpr NumberRange kSeedRange{0, 0x1p53};

/// "" when the text is a number of the range, else "'-5' is not a whole number from 1 to 100".
[[nodiscard]] std::string range_problem(std::string_view text, const NumberRange& range);

/// The number, or the problem as a "usage" error that begins with `where`.
[[nodiscard]] Result<double> parse_number(std::string_view where, std::string_view text,
                                          const NumberRange& range);

}  // namespace tenon
