// A program that runs beside this one.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/result.h"

namespace tenon {

/// Owned: ended and awaited when this goes.
class Process {
 public:
  /// Starts the program argv[0], looked up in PATH ("process.start" where there is none). With
  /// `connected` its standard input and output are the other end of channel().
  [[nodiscard]] static Result<Process> start(const std::vector<std::string>& argv, bool connected);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  [[nodiscard]] int channel() const { return channel_; }
  /// Waits for its end; refuses one that is not exit status 0 ("process.failed").
  [[nodiscard]] Status wait();

 private:
  Process(std::string name, pid_t pid, int channel)
      : name_(std::move(name)), pid_(pid), channel_(channel) {}
  std::string name_;
  pid_t pid_;  // 0: awaited
  int channel_;
};

}  // namespace tenon
