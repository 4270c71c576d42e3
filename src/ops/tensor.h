// Bulk access to tensors of the reference interpreter: whole ranges are read into and written from
// doubles or 64-bit integers, so that the element type is looked at once a range, not once an
// element.
#pragma once

#include <span>
#include <vector>

#include "ops/op.h"

namespace tenon::ops {

/// Elements [begin, begin + out.size()) as doubles.
void read_f(const Tensor& t, int64_t begin, std::span<double> out);
/// The same as 64-bit integers; u64 keeps its bits, floats are converted as `cast` does.
void read_i(const Tensor& t, int64_t begin, std::span<int64_t> out);
/// Writes, rounding once (floats) or wrapping (integers; from doubles as `cast` does).
void write_f(Tensor& t, int64_t begin, std::span<const double> values, bool saturate = false);
void write_i(Tensor& t, int64_t begin, std::span<const int64_t> values);
/// The whole tensor.
[[nodiscard]] std::vector<double> all_f(const Tensor& t);
[[nodiscard]] std::vector<int64_t> all_i(const Tensor& t);

/// What `cast` gives for a float that becomes an integer type: truncated; out of range and NaN as
/// x86 (through i32 for types of up to 32 bits signed or 16 bits, else through i64).
[[nodiscard]] int64_t float_to_int(ir::DType to, double value);

/// A tensor that holds a constant or literal node.
[[nodiscard]] Tensor tensor_of(Expr constant);
/// A constant node with the tensor's content.
[[nodiscard]] Expr constant_of(Context& c, const Tensor& t, std::string name = "");

/// Row-major strides in elements.
[[nodiscard]] std::vector<int64_t> row_major(std::span<const int64_t> shape);
[[nodiscard]] int64_t product(std::span<const int64_t> shape);

/// Steps through all indices of a shape in row-major order, keeping a linear position under given
/// strides: an odometer. `done()` at once for an empty shape product.
class Odometer {
 public:
  Odometer(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t start = 0)
      : shape_(shape.begin(), shape.end()),
        strides_(strides.begin(), strides.end()),
        index_(shape.size(), 0),
        position_(start),
        left_(product(shape)) {}
  [[nodiscard]] bool done() const { return left_ == 0; }
  [[nodiscard]] int64_t position() const { return position_; }
  [[nodiscard]] const std::vector<int64_t>& index() const { return index_; }
  void next() {
    --left_;
    for (size_t d = shape_.size(); d-- > 0;) {
      position_ += strides_[d];
      if (++index_[d] < shape_[d]) return;
      position_ -= strides_[d] * shape_[d];
      index_[d] = 0;
    }
  }

 private:
  std::vector<int64_t> shape_, strides_, index_;
  int64_t position_, left_;
};

}  // namespace tenon::ops
