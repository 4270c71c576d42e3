// Reference evaluation of reduce and arg_reduce.
#include <cmath>

#include "ir/combiner.h"
#include "ops/reduction/reduction.h"
#include "ops/scalar.h"
#include "ops/tensor.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using Ints = std::vector<int64_t>;

/// Combines every input element into the accumulator of its output element. `strides` are the
/// output's strides seen from input axes, 0 for reduced ones.
template <class T, class F>
void accumulate(const Ints& shape, const Ints& strides, const std::vector<T>& in,
                std::vector<T>& out, F combine) {
  if (in.empty()) return;
  if (shape.empty()) {
    out[0] = combine(out[0], in[0]);
    return;
  }
  const size_t last = shape.size() - 1;
  const T* from = in.data();
  for (Odometer at(std::span(shape).first(last), std::span(strides).first(last)); !at.done();
       at.next()) {
    T* to = out.data() + at.position();
    for (int64_t i = 0; i < shape[last]; ++i, to += strides[last]) *to = combine(*to, *from++);
  }
}

void reduce_floats(std::string_view kind, const Ints& shape, const Ints& strides,
                   const std::vector<double>& in, std::vector<double>& out) {
  using std::isnan;
  if (kind == "sum") {
    accumulate(shape, strides, in, out, [](double a, double b) { return a + b; });
  } else if (kind == "prod") {
    accumulate(shape, strides, in, out, [](double a, double b) { return a * b; });
  } else if (kind == "max") {
    accumulate(shape, strides, in, out,
               [](double a, double b) { return isnan(a) || a > b ? a : b; });
  } else {
    accumulate(shape, strides, in, out,
               [](double a, double b) { return isnan(a) || a < b ? a : b; });
  }
}

void reduce_integers(std::string_view kind, DType type, const Ints& shape, const Ints& strides,
                     const std::vector<int64_t>& in, std::vector<int64_t>& out) {
  accumulate(shape, strides, in, out, [&](int64_t a, int64_t b) {
    Scalar x;
    Scalar y;
    x.i = a;
    y.i = b;
    return combine(kind, type, x, y).i;
  });
}

}  // namespace

Result<std::vector<Tensor>> reduce_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const std::string& kind = args.node->string_attr(Key::kind);
  Ints strides(x.shape.size(), -1);
  for (int64_t axis : args.node->ints_attr(Key::axes)) strides[static_cast<size_t>(axis)] = 0;
  const Ints out_strides = row_major(args.shape);
  size_t next = 0;
  for (int64_t& s : strides)
    if (s != 0) s = out_strides[next++];
  Tensor out = Tensor::zeros(x.dtype, args.shape);
  const auto count = static_cast<size_t>(out.count());
  if (ir::is_float(x.dtype)) {
    std::vector<double> values(count, ir::identity_f(kind));
    reduce_floats(kind, x.shape, strides, all_f(x), values);
    write_f(out, 0, values);
  } else {
    std::vector<int64_t> values(count, ir::identity_i(kind, x.dtype));
    reduce_integers(kind, x.dtype, x.shape, strides, all_i(x), values);
    write_i(out, 0, values);
  }
  return std::vector<Tensor>{std::move(out)};
}

namespace {

/// Whether `value` takes the place of `best`: the first NaN stays.
bool better(double value, double best, bool largest, bool last) {
  if (std::isnan(best)) return false;
  if (std::isnan(value)) return true;
  if (last && value == best) return true;
  return largest ? value > best : value < best;
}

template <class T>
bool better_int(T value, T best, bool largest, bool last) {
  if (last && value == best) return true;
  return largest ? value > best : value < best;
}

/// Index of the extreme among n elements, `step` apart.
template <class T, class Better>
int64_t find(const T* line, int64_t n, int64_t step, Better is_better) {
  int64_t at = 0;
  for (int64_t i = 1; i < n; ++i)
    if (is_better(line[i * step], line[at * step])) at = i;
  return at;
}

template <class T, class Better>
Tensor find_all(const std::vector<T>& x, const Ints& shape, size_t axis, const Ints& out_shape,
                Better is_better) {
  Tensor out = Tensor::zeros(DType::i64, out_shape);
  const int64_t n = shape[axis];
  const int64_t inner = product(std::span(shape).subspan(axis + 1));
  Ints found;
  for (int64_t i = 0; i < out.count(); ++i)
    found.push_back(find(x.data() + i / inner * n * inner + i % inner, n, inner, is_better));
  write_i(out, 0, found);
  return out;
}

}  // namespace

Result<std::vector<Tensor>> arg_reduce_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  const bool largest = args.node->string_attr(Key::kind) == "max";
  const bool last = args.node->int_attr_or(Key::last, 0) != 0;
  if (x.shape[axis] == 0 && product(args.shape) != 0)
    return fail("arg_reduce.C4", "arg_reduce: axis " + std::to_string(axis) + " is empty");
  std::vector<Tensor> out;
  if (ir::is_float(x.dtype)) {
    out.push_back(find_all(all_f(x), x.shape, axis, args.shape,
                           [&](double a, double b) { return better(a, b, largest, last); }));
  } else if (ir::is_signed(x.dtype)) {
    out.push_back(find_all(all_i(x), x.shape, axis, args.shape,
                           [&](int64_t a, int64_t b) { return better_int(a, b, largest, last); }));
  } else {
    out.push_back(find_all(all_i(x), x.shape, axis, args.shape, [&](int64_t a, int64_t b) {
      return better_int(static_cast<uint64_t>(a), static_cast<uint64_t>(b), largest, last);
    }));
  }
  return out;
}

}  // namespace tenon::ops
