#include "ops/movement/copy.h"

#include <algorithm>
#include <cstring>

#include "ops/tensor.h"

namespace tenon::ops {
namespace {

/// One line: n elements along an axis.
template <class T>
void copy_line(int64_t n, const T* from, int64_t step_from, T* to, int64_t step_to) {
  if (step_from == 1 && step_to == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * step_to] = from[i * step_from];
  }
}

/// The axis that is contiguous in the source while the last one is not (a transpose), or the last.
size_t partner_axis(std::span<const int64_t> shape, const Side& source) {
  const size_t last = shape.size() - 1;
  if (source.strides[last] == 1) return last;
  for (size_t d = 0; d < last; ++d)
    if (source.strides[d] == 1 && shape[d] > 1) return d;
  return last;
}

template <class T>
void copy_typed(std::span<const int64_t> shape, const Tensor& from, const Side& source, Tensor& to,
                const Side& target) {
  constexpr int64_t kTile = 16;  // lines of a transpose that share cache lines of the source
  const T* in = reinterpret_cast<const T*>(from.bytes.data());
  T* out = reinterpret_cast<T*>(to.bytes.data());
  if (shape.empty()) {
    out[target.start] = in[source.start];
    return;
  }
  if (product(shape) == 0) return;
  const size_t last = shape.size() - 1;
  const size_t partner = partner_axis(shape, source);
  const bool tiled = partner != last;
  std::vector<int64_t> outer(shape.begin(), shape.end() - 1);
  if (tiled) outer[partner] = 1;
  const int64_t rows = tiled ? shape[partner] : 1;
  const int64_t columns = tiled ? kTile : shape[last];
  Odometer read(outer, std::span(source.strides).first(last), source.start);
  Odometer write(outer, std::span(target.strides).first(last), target.start);
  for (; !read.done(); read.next(), write.next()) {
    for (int64_t j = 0; j < shape[last]; j += columns) {
      const int64_t n = std::min(columns, shape[last] - j);
      const T* p = in + read.position() + j * source.strides[last];
      T* q = out + write.position() + j * target.strides[last];
      for (int64_t i = 0; i < rows; ++i)
        copy_line(n, p + i * source.strides[partner], source.strides[last],
                  q + i * target.strides[partner], target.strides[last]);
    }
  }
}

}  // namespace

void copy_region(std::span<const int64_t> shape, const Tensor& from, const Side& source, Tensor& to,
                 const Side& target) {
  switch (ir::info(from.dtype).element_bytes) {
    case 1:
      return copy_typed<uint8_t>(shape, from, source, to, target);
    case 2:
      return copy_typed<uint16_t>(shape, from, source, to, target);
    case 4:
      return copy_typed<uint32_t>(shape, from, source, to, target);
    default:
      return copy_typed<uint64_t>(shape, from, source, to, target);
  }
}

void fill(Tensor& to, const Tensor& value) {
  const Side all{row_major(to.shape), 0};
  const Side same{std::vector<int64_t>(to.shape.size(), 0), 0};
  copy_region(to.shape, value, same, to, all);
}

}  // namespace tenon::ops
