#include "runtime/tensor.h"

#include <algorithm>
#include <cstring>

namespace tenon::runtime {

int64_t tensor_bytes(DType dtype, std::span<const int64_t> dims) {
  int64_t n = artifact::info(dtype).element_bytes;
  bool fits = true;
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) return -1;
    empty = empty || d == 0;
    fits = fits && !__builtin_mul_overflow(n, std::max<int64_t>(d, 1), &n);
  }
  if (!fits) return -1;
  return empty ? 0 : n;
}

std::optional<ByteRange> byte_range(const StridedView& view) {
  const int64_t width = artifact::info(view.dtype).element_bytes;
  ByteRange r{0, width};
  for (size_t d = 0; d < view.dims.size(); ++d) {
    if (view.dims[d] == 0) return ByteRange{};
    int64_t reach = 0;
    if (__builtin_mul_overflow(view.dims[d] - 1, view.strides[d], &reach) ||
        __builtin_mul_overflow(reach, width, &reach))
      return std::nullopt;
    int64_t& bound = reach < 0 ? r.begin : r.end;
    if (__builtin_add_overflow(bound, reach, &bound)) return std::nullopt;
  }
  return r;
}

bool is_dense(const StridedView& view) {
  if (std::find(view.dims.begin(), view.dims.end(), 0) != view.dims.end()) return true;
  int64_t step = 1;
  for (size_t d = view.dims.size(); d-- > 0;) {
    if (view.dims[d] != 1 && view.strides[d] != step) return false;
    step *= view.dims[d];
  }
  return true;
}

namespace {

template <size_t kWidth>
void copy_line(const std::byte* from, int64_t n, int64_t stride, std::byte* to) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * kWidth);
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    std::memcpy(to + i * static_cast<int64_t>(kWidth),
                from + i * stride * static_cast<int64_t>(kWidth), kWidth);
}

/// Recursion is as deep as the tensor has axes.
template <size_t kWidth>
std::byte* copy_axes(const StridedView& view, size_t axis, const std::byte* from, std::byte* to) {
  if (axis + 1 >= view.dims.size()) {
    const int64_t n = view.dims.empty() ? 1 : view.dims[axis];
    copy_line<kWidth>(from, n, view.dims.empty() ? 1 : view.strides[axis], to);
    return to + n * static_cast<int64_t>(kWidth);
  }
  for (int64_t i = 0; i < view.dims[axis]; ++i)
    to = copy_axes<kWidth>(view, axis + 1,
                           from + i * view.strides[axis] * static_cast<int64_t>(kWidth), to);
  return to;
}

}  // namespace

void copy_dense(const StridedView& view, std::byte* to) {
  const auto* from = static_cast<const std::byte*>(view.data);
  switch (artifact::info(view.dtype).element_bytes) {
    case 1:
      copy_axes<1>(view, 0, from, to);
      break;
    case 2:
      copy_axes<2>(view, 0, from, to);
      break;
    case 4:
      copy_axes<4>(view, 0, from, to);
      break;
    default:
      copy_axes<8>(view, 0, from, to);
  }
}

}  // namespace tenon::runtime
