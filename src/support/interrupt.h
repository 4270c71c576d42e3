// Ctrl-C as a question that a long measurement asks, in place of an end without a word.
#pragma once

#include <csignal>

namespace tenon {

/// While it lives, the first SIGINT is only noted; a second one ends the process as usual. One at a
/// time, in main programs, and not while temporary files exist.
class InterruptNote {
 public:
  InterruptNote();
  ~InterruptNote();
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;
  [[nodiscard]] bool seen() const;

 private:
  struct sigaction before_{};
};

/// The exit status of a program that SIGINT ended.
inline constexpr int kInterruptedStatus = 130;

}  // namespace tenon
