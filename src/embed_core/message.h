// A line of text put together without a library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon::embed {

class Message {
 public:
  Message& operator<<(const char* text) {
    for (; *text != 0 && length_ + 1 < kMost; ++text) text_[length_++] = *text;
    text_[length_] = 0;
    return *this;
  }
  Message& operator<<(int64_t value) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    uint64_t rest = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    do digits[--at] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0) digits[--at] = '-';
    return *this << &digits[at];
  }
  [[nodiscard]] const char* text() const { return text_; }

 private:
  static constexpr size_t kMost = 512;
  char text_[kMost];
  size_t length_ = 0;
};

}  // namespace tenon::embed
