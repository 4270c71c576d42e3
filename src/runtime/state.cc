#include "runtime/state.h"

#include <algorithm>
#include <cstring>

#include "runtime/footprint.h"
#include "support/text.h"

namespace tenon::runtime {
namespace {

Result<uint64_t> bytes_of(const artifact::State& row, std::span<const int64_t> dims) {
  const int64_t bytes = tensor_bytes(row.dtype, dims);
  if (bytes >= 0) return static_cast<uint64_t>(bytes);
  return fail("run.state", cat("state '", row.name, "' of shape ", shape_text(dims),
                               " is too large or negative"));
}

}  // namespace

/// `keep` bytes at the front stay.
Status State::reserve(const artifact::State& row, std::span<const int64_t> dims, uint64_t keep) {
  TENON_TRY(const uint64_t bytes, bytes_of(row, dims));
  uint64_t wanted = bytes;
  if (row.reserved > 0) {
    if (static_cast<uint64_t>(dims[0]) > row.reserved)
      return fail(
          "run.state",
          cat("state '", row.name, "' of shape ", shape_text(dims), " has more than the ",
              row.reserved, " elements on axis 0 that the model reserves; run a shorter one"));
    std::vector<int64_t> most(dims.begin(), dims.end());
    most[0] = static_cast<int64_t>(row.reserved);
    TENON_TRY(wanted, bytes_of(row, most));
  } else if (bytes > memory_.capacity()) {
    wanted = std::max(bytes, 2 * memory_.capacity());
  }
  if (memory_.reserve(wanted, keep)) return {};
  if (row.reserved == 0 && memory_.reserve(bytes, keep)) return {};
  return no_memory(cat("state '", row.name, "' needs"), wanted);
}

bool State::keeps_places(std::span<const int64_t> dims) const {
  const auto empty = [](std::span<const int64_t> d) {
    return std::find(d.begin(), d.end(), 0) != d.end();
  };
  if (dims_.size() != dims.size() || empty(dims_) || empty(dims)) return true;
  size_t d = 0;
  while (d < dims.size() && dims[d] == dims_[d]) ++d;
  if (d == dims.size()) return true;
  return std::all_of(dims.begin(), dims.begin() + static_cast<ptrdiff_t>(d),
                     [](int64_t n) { return n == 1; }) &&
         std::equal(dims.begin() + static_cast<ptrdiff_t>(d) + 1, dims.end(),
                    dims_.begin() + static_cast<ptrdiff_t>(d) + 1);
}

Status State::move_elements(const artifact::State& row, std::span<const int64_t> dims) {
  State moved(memory_.allocator());
  TENON_TRY_VOID(moved.reserve(row, dims, 0));
  TENON_TRY(const uint64_t bytes, bytes_of(row, dims));
  if (bytes > 0) std::memset(moved.data(), 0, bytes);
  const size_t width = artifact::info(row.dtype).element_bytes;
  const size_t rank = dims.size();
  std::vector<int64_t> at(rank, 0);
  const auto lines =
      [&](std::span<const int64_t> shape) {  // offset of the line at `at`, in elements
        int64_t offset = 0;
        for (size_t d = 0; d < rank; ++d) offset = offset * shape[d] + at[d];
        return static_cast<size_t>(offset);
      };
  const size_t line = static_cast<size_t>(std::min(dims[rank - 1], dims_[rank - 1])) * width;
  for (bool more = true; more;) {
    std::memcpy(moved.data() + lines(dims) * width, data() + lines(dims_) * width, line);
    more = false;
    for (size_t d = rank - 1; d-- > 0;) {
      more = ++at[d] < std::min(dims[d], dims_[d]);
      if (more) break;
      at[d] = 0;
    }
  }
  memory_ = std::move(moved.memory_);
  dims_.assign(dims.begin(), dims.end());
  return {};
}

Status State::resize(const artifact::State& row, std::span<const int64_t> dims) {
  if (memory_.data() != nullptr && std::equal(dims.begin(), dims.end(), dims_.begin(), dims_.end()))
    return {};
  if (!keeps_places(dims)) return move_elements(row, dims);
  TENON_TRY(const uint64_t now, bytes_of(row, dims));
  uint64_t kept = 0;
  if (memory_.data() != nullptr && dims_.size() == dims.size()) {
    TENON_TRY(kept, bytes_of(row, dims_));
  }
  kept = std::min(kept, now);
  TENON_TRY_VOID(reserve(row, dims, kept));
  if (now > kept) std::memset(data() + kept, 0, now - kept);
  dims_.assign(dims.begin(), dims.end());
  return {};
}

Status State::assign(const artifact::State& row, const TensorView& value) {
  TENON_TRY(const uint64_t bytes, bytes_of(row, value.dims));
  TENON_TRY_VOID(reserve(row, value.dims, 0));
  if (bytes > 0) std::memmove(data(), value.data, bytes);
  dims_.assign(value.dims.begin(), value.dims.end());
  return {};
}

Status State::reset(const artifact::State& row, std::span<const artifact::Constant> all) {
  if (row.constant != artifact::kNone)
    return assign(row, {row.dtype, row.initial, all[row.constant].bytes});
  const std::vector<int64_t> none(row.dims.size(), 0);
  TENON_TRY_VOID(reserve(row, none, 0));
  TENON_TRY(const uint64_t bytes, bytes_of(row, none));
  if (bytes > 0) std::memset(data(), 0, bytes);  // a scalar
  dims_ = none;
  return {};
}

}  // namespace tenon::runtime
