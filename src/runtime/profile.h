// What the runs of an executor took, step by step, while it is asked to measure
// (Executor::profile).
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace tenon::runtime {

/// What an executor measures: nothing, the time of each step, or when each step began and ended
/// too, and in a launch each thread.
enum class Profiling : uint8_t { off, times, events };

/// Of one step, or of one row of the kernel table, since profiling began.
struct StepTime {
  double seconds = 0;
  uint64_t calls = 0;
};

/// Times are those of the steady clock.
struct StepEvent {
  static constexpr int32_t kWhole = -1;
  uint32_t step;
  int32_t thread;  // that carried out a part of a launch, 0 the calling one; kWhole: the step
  std::chrono::steady_clock::time_point begin, end;
};

class Profile {
 public:
  Profile(size_t steps, int threads, bool keeps_events)
      : times_(steps), parts_(static_cast<size_t>(threads)), keeps_events_(keeps_events) {}

  [[nodiscard]] std::span<const StepTime> times() const { return times_; }
  /// In order of their ends; a step's parts stand in front of it.
  [[nodiscard]] std::span<const StepEvent> events() const { return events_; }
  [[nodiscard]] bool keeps_events() const { return keeps_events_; }
  /// Events that were not kept, since a profile has at most kMostEvents.
  [[nodiscard]] uint64_t left_out() const { return left_out_; }
  static constexpr size_t kMostEvents = 1 << 20;

  using Clock = std::chrono::steady_clock;
  /// A thread's part of the launch that is going on. Threads may call it at once.
  void add_part(int thread, Clock::time_point begin, Clock::time_point end) {
    parts_[static_cast<size_t>(thread)] = {begin, end};
  }
  /// A step that took from `begin` to now.
  void add_step(uint32_t step, Clock::time_point begin);

 private:
  struct Part {
    Clock::time_point begin = {}, end = {};  // equal: no part
  };
  void keep(const StepEvent& event);

  std::vector<StepTime> times_;
  std::vector<Part> parts_;  // by thread
  std::vector<StepEvent> events_;
  bool keeps_events_;
  uint64_t left_out_ = 0;
};

}  // namespace tenon::runtime
