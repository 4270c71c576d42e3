// Wall-clock time of a piece of work.
#pragma once

#include <chrono>

namespace tenon {

class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] Clock::time_point begin() const { return start_; }
  /// Since construction.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  Clock::time_point start_ = Clock::now();
};

}  // namespace tenon
