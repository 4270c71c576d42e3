#include "runtime/profile.h"

namespace tenon::runtime {

void Profile::keep(const StepEvent& event) {
  if (events_.size() < kMostEvents)
    events_.push_back(event);
  else
    ++left_out_;
}

void Profile::add_step(uint32_t step, Clock::time_point begin) {
  const Clock::time_point end = Clock::now();
  times_[step].seconds += std::chrono::duration<double>(end - begin).count();
  ++times_[step].calls;
  if (!keeps_events_) return;
  for (size_t t = 0; t < parts_.size(); ++t) {
    Part& part = parts_[t];
    // Those of a launch that failed were left by a run before this one.
    if (begin <= part.begin && part.begin < part.end)
      keep({step, static_cast<int32_t>(t), part.begin, part.end});
    part = {};
  }
  keep({step, StepEvent::kWhole, begin, end});
}

}  // namespace tenon::runtime
