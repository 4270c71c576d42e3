#include "support/interrupt.h"

namespace tenon {
namespace {

volatile std::sig_atomic_t noted = 0;  // a handler can reach nothing else

void note(int) { noted = 1; }

}  // namespace

InterruptNote::InterruptNote() {
  noted = 0;
  struct sigaction action{};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one is not caught
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_);
}

InterruptNote::~InterruptNote() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptNote::seen() const { return noted != 0; }

}  // namespace tenon
