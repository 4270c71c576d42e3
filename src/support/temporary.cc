// Names of temporary files where a signal handler finds them.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <utility>

#include "support/file.h"

namespace tenon {
namespace {

enum State : int { kFree, kFilling, kUsed };

/// A handler may touch only memory that is always valid: a fixed table, owned by the process.
struct Slot {
  std::atomic<int> state{kFree};
  char path[1024] = {};
};
constexpr int kSlots = 64;
Slot slots[kSlots];

int take_slot(const std::string& path) {
  if (path.size() >= sizeof slots[0].path) return -1;
  for (int i = 0; i < kSlots; ++i) {
    int expected = kFree;
    if (!slots[i].state.compare_exchange_strong(expected, kFilling)) continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].state = kUsed;
    return i;
  }
  return -1;  // only the clean-up on a signal is lost
}

void on_signal(int signal_number) {
  for (Slot& slot : slots)
    if (slot.state == kUsed) unlink(slot.path);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

}  // namespace

TemporaryName::TemporaryName(std::string path) : path_(std::move(path)), slot_(take_slot(path_)) {}
TemporaryName::TemporaryName(TemporaryName&& other) noexcept
    : path_(std::exchange(other.path_, {})), slot_(std::exchange(other.slot_, -1)) {}
TemporaryName& TemporaryName::operator=(TemporaryName&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::exchange(other.path_, {});
  slot_ = std::exchange(other.slot_, -1);
  return *this;
}

void TemporaryName::release() {
  if (slot_ >= 0) slots[slot_].state = kFree;
  slot_ = -1;
  path_.clear();
}

void TemporaryName::remove() {
  if (!path_.empty()) unlink(path_.c_str());
  release();
}

void remove_temporaries_on_signals() {
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action{};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(s, &action, nullptr);
  }
}

}  // namespace tenon
