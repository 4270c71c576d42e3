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

Memory::~Memory() { std::free(data_); }

bool Memory::reserve(uint64_t size, uint64_t keep) {
  if (size <= capacity_ && data_ != nullptr) return true;
  if (size > kMost) return false;
  const uint64_t alignment = size >= 2 * kHugePage ? kHugePage : 64;
  const uint64_t rounded = (std::max<uint64_t>(size, 64) + alignment - 1) / alignment * alignment;
  // The system hands out more than it has, and ends the process that touches it.
  if (rounded >= kWorthAsking && rounded > available_memory()) return false;
  auto* fresh = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
  if (fresh == nullptr) return false;
  if (alignment == kHugePage) madvise(fresh, rounded, MADV_HUGEPAGE);
  if (keep > 0 && capacity_ > 0) std::memcpy(fresh, data_, std::min(keep, capacity_));
  std::free(data_);
  data_ = fresh;
  capacity_ = rounded;
  return true;
}

}  // namespace tenon::runtime
