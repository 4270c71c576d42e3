// Growable blocks of memory: 64-byte aligned, in huge pages where they are large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tenon::runtime {

class Memory {
 public:
  Memory() = default;
  Memory(Memory&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)), capacity_(std::exchange(o.capacity_, 0)) {}
  Memory& operator=(Memory&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(capacity_, o.capacity_);
    return *this;
  }
  ~Memory();

  /// At least `size` bytes, the first `keep` of them preserved. False when there is not that much
  /// memory.
  [[nodiscard]] bool reserve(uint64_t size, uint64_t keep = 0);
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] uint64_t capacity() const { return capacity_; }

 private:
  std::byte* data_ = nullptr;
  uint64_t capacity_ = 0;
};

}  // namespace tenon::runtime
