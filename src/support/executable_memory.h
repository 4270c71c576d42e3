// Memory that holds machine code.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "support/result.h"

namespace tenon {

/// A copy of position-independent code at a page's start, for reading and executing.
class ExecutableMemory {
 public:
  /// Refuses where memory is short, or the system lets no program make it executable
  /// ("run.memory").
  [[nodiscard]] static Result<std::unique_ptr<const ExecutableMemory>> of(
      std::span<const std::byte> code);
  ~ExecutableMemory();
  ExecutableMemory(const ExecutableMemory&) = delete;
  ExecutableMemory& operator=(const ExecutableMemory&) = delete;

  [[nodiscard]] const std::byte* data() const { return at_; }
  /// The function at an offset of the code.
  template <class Function>
  [[nodiscard]] Function function(uint64_t offset) const {
    return reinterpret_cast<Function>(reinterpret_cast<uintptr_t>(at_ + offset));
  }

 private:
  ExecutableMemory(std::byte* at, size_t size) : at_(at), size_(size) {}
  std::byte* at_;
  size_t size_;
};

}  // namespace tenon
