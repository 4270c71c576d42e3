// Reference evaluation of gather, gather_elements, gather_nd.
#include <cstring>

#include "ops/movement/movement.h"
#include "ops/tensor.h"

namespace tenon::ops {
namespace {

using ir::Key;
using Ints = std::vector<int64_t>;

/// The index counted from the front, or an error when it is out of range.
Result<int64_t> in_range(std::string_view op, int64_t index, int64_t extent) {
  const int64_t at = index < 0 ? index + extent : index;
  if (at < 0 || at >= extent)
    return fail(std::string(op) + ".index_out_of_range",
                std::string(op) + ": index " + std::to_string(index) +
                    " is out of range of an axis of extent " + std::to_string(extent));
  return at;
}

std::span<const int64_t> head(const Ints& shape, int64_t n) {
  return std::span(shape).first(static_cast<size_t>(n));
}
std::span<const int64_t> tail(const Ints& shape, int64_t n) {
  return std::span(shape).subspan(static_cast<size_t>(n));
}

void copy_elements(const Tensor& from, int64_t at, Tensor& to, int64_t place, int64_t count) {
  const size_t width = ir::info(from.dtype).element_bytes;
  if (count != 0)
    std::memcpy(to.bytes.data() + static_cast<size_t>(place) * width,
                from.bytes.data() + static_cast<size_t>(at) * width,
                static_cast<size_t>(count) * width);
}

}  // namespace

Result<std::vector<Tensor>> gather_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const int64_t axis = args.node->int_attr(Key::axis);
  const int64_t extent = x.shape[static_cast<size_t>(axis)];
  const int64_t outer = product(head(x.shape, axis));
  const int64_t inner = product(tail(x.shape, axis + 1));
  Ints indices = all_i(*args.operands[1]);
  for (int64_t& index : indices) {
    TENON_TRY(index, in_range("gather", index, extent));
  }
  Tensor out = Tensor::zeros(x.dtype, args.shape);
  int64_t place = 0;
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t index : indices) {
      copy_elements(x, (i * extent + index) * inner, out, place, inner);
      place += inner;
    }
  return std::vector<Tensor>{std::move(out)};
}

Result<std::vector<Tensor>> gather_elements_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  const Ints indices = all_i(*args.operands[1]);
  const Ints& shape = args.operands[1]->shape;
  Ints strides = row_major(x.shape);
  const int64_t step = strides[axis];
  strides[axis] = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    if (i != axis && shape[i] > x.shape[i] && !indices.empty())
      return fail(
          "gather_elements.C4",
          "gather_elements: indices are longer than the operand on axis " + std::to_string(i));
  Tensor out = Tensor::zeros(x.dtype, shape);
  int64_t place = 0;
  for (Odometer at(shape, strides); !at.done(); at.next(), ++place) {
    TENON_TRY(const int64_t index,
              in_range("gather_elements", indices[static_cast<size_t>(place)], x.shape[axis]));
    copy_elements(x, at.position() + index * step, out, place, 1);
  }
  return std::vector<Tensor>{std::move(out)};
}

Result<std::vector<Tensor>> gather_nd_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const Ints indices = all_i(*args.operands[1]);
  const Ints& shape = args.operands[1]->shape;
  const int64_t batch = args.node->int_attr(Key::batch);
  const int64_t depth = shape.back();
  const int64_t inner = product(tail(x.shape, batch + depth));
  const int64_t batches = product(head(x.shape, batch));
  const int64_t x_block = product(tail(x.shape, batch));
  const int64_t count = batches == 0 ? 0 : product(shape) / depth / batches;
  const Ints strides = row_major(x.shape);
  Tensor out = Tensor::zeros(x.dtype, args.shape);
  for (int64_t i = 0; i < batches * count; ++i) {
    int64_t at = i / count * x_block;
    for (int64_t j = 0; j < depth; ++j) {
      const auto axis = static_cast<size_t>(batch + j);
      TENON_TRY(const int64_t index,
                in_range("gather_nd", indices[static_cast<size_t>(i * depth + j)], x.shape[axis]));
      at += index * strides[axis];
    }
    copy_elements(x, at, out, i * inner, inner);
  }
  return std::vector<Tensor>{std::move(out)};
}

}  // namespace tenon::ops
