#include "runtime/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "support/available_memory.h"

namespace tenon::runtime {
namespace {
constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kMost = uint64_t{1} << 46;
/// Smaller blocks are not worth reading the system's limits.
constexpr uint64_t kWorthAsking = uint64_t{16} << 20;
}  // namespace

std::byte* Memory::take(uint64_t bytes, uint64_t alignment) const {
  if (from_ != nullptr) {
    void* const memory = from_->allocate(from_->user, bytes, alignment);
    if (reinterpret_cast<uintptr_t>(memory) % alignment == 0)
      return static_cast<std::byte*>(memory);
    from_->release(from_->user, memory, bytes);
    return nullptr;
  }
  // The system hands out more than it has, and ends the process that touches it.
  if (bytes >= kWorthAsking && bytes > available_memory()) return nullptr;
  auto* const memory = static_cast<std::byte*>(std::aligned_alloc(alignment, bytes));
  if (memory != nullptr && alignment == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

void Memory::give_back() {
  if (from_ == nullptr) return std::free(data_);
  if (data_ != nullptr) from_->release(from_->user, data_, capacity_);
}

bool Memory::reserve(uint64_t size, uint64_t keep) {
  if (size <= capacity_ && data_ != nullptr) return true;
  if (size > kMost) return false;
  const uint64_t alignment = from_ == nullptr && size >= 2 * kHugePage ? kHugePage : 64;
  const uint64_t rounded = (std::max<uint64_t>(size, 64) + alignment - 1) / alignment * alignment;
  std::byte* const fresh = take(rounded, alignment);
  if (fresh == nullptr) return false;
  if (keep > 0 && capacity_ > 0) std::memcpy(fresh, data_, std::min(keep, capacity_));
  give_back();
  data_ = fresh;
  capacity_ = rounded;
  return true;
}

}  // namespace tenon::runtime
