#include "ops/movement/copy.h"

#include <cstring>

#include "ops/tensor.h"

namespace tenon::ops {
namespace {

template <class T>
void copy_typed(std::span<const int64_t> shape, const Tensor& from, const Side& source, Tensor& to,
                const Side& target) {
  const T* in = reinterpret_cast<const T*>(from.bytes.data());
  T* out = reinterpret_cast<T*>(to.bytes.data());
  if (shape.empty()) {
    out[target.start] = in[source.start];
    return;
  }
  const size_t last = shape.size() - 1;
  const int64_t n = shape[last];
  const int64_t step_in = source.strides[last];
  const int64_t step_out = target.strides[last];
  if (product(shape) == 0) return;
  Odometer read(shape.first(last), std::span(source.strides).first(last), source.start);
  Odometer write(shape.first(last), std::span(target.strides).first(last), target.start);
  for (; !read.done(); read.next(), write.next()) {
    const T* p = in + read.position();
    T* q = out + write.position();
    if (step_in == 1 && step_out == 1) {
      std::memcpy(q, p, static_cast<size_t>(n) * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) q[i * step_out] = p[i * step_in];
    }
  }
}

}  // namespace

void copy_region(std::span<const int64_t> shape, const Tensor& from, const Side& source, Tensor& to,
                 const Side& target) {
  switch (ir::info(from.dtype).bytes) {
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
