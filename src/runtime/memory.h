// Growable blocks of memory: 64-byte aligned, in huge pages where they are large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tenon::runtime {

/// Functions of the caller that memory comes from; they may be called on any thread that runs.
struct Allocator {
  /// At least `bytes` bytes at a multiple of `alignment`, a power of two; nullptr: there are none.
  void* (*allocate)(void* user, size_t bytes, size_t alignment) = nullptr;
  void (*release)(void* user, void* memory, size_t bytes) = nullptr;
  void* user = nullptr;
};

class Memory {
 public:
  Memory() = default;
  /// Of an allocator that outlives it; nullptr: of the system.
  explicit Memory(const Allocator* from) : from_(from) {}
  Memory(Memory&& o) noexcept
      : from_(o.from_),
        data_(std::exchange(o.data_, nullptr)),
        capacity_(std::exchange(o.capacity_, 0)) {}
  Memory& operator=(Memory&& o) noexcept {
    std::swap(from_, o.from_);
    std::swap(data_, o.data_);
    std::swap(capacity_, o.capacity_);
    return *this;
  }
  ~Memory() { give_back(); }

  /// At least `size` bytes, the first `keep` of them preserved. False when there is not that much
  /// memory.
  [[nodiscard]] bool reserve(uint64_t size, uint64_t keep = 0);
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] uint64_t capacity() const { return capacity_; }
  [[nodiscard]] const Allocator* allocator() const { return from_; }

 private:
  [[nodiscard]] std::byte* take(uint64_t bytes, uint64_t alignment) const;
  void give_back();

  const Allocator* from_ = nullptr;
  std::byte* data_ = nullptr;
  uint64_t capacity_ = 0;
};

}  // namespace tenon::runtime
