// Reference evaluation of the elementwise family, a chunk of elements at a time.
#include <array>
#include <cstring>

#include "ops/elementwise/elementwise.h"
#include "ops/scalar.h"
#include "ops/shape.h"
#include "ops/tensor.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Op;

constexpr int64_t kChunk = 2048;

/// Elements of one operand as scalars: doubles for floats, else integers.
void read_scalars(const Tensor& t, int64_t begin, std::span<Scalar> out) {
  static_assert(sizeof(Scalar) == sizeof(double));
  if (ir::is_float(t.dtype)) {
    read_f(t, begin, {&out[0].f, out.size()});
  } else {
    read_i(t, begin, {&out[0].i, out.size()});
  }
}

void write_scalars(Tensor& t, int64_t begin, std::span<const Scalar> values, bool saturate) {
  if (ir::is_float(t.dtype)) {
    write_f(t, begin, {&values[0].f, values.size()}, saturate);
  } else {
    write_i(t, begin, {&values[0].i, values.size()});
  }
}

/// The frequent float operators without a call an element; false for the others.
bool fast(Op op, std::span<const Scalar> a, std::span<const Scalar> b, std::span<Scalar> out) {
  const size_t n = out.size();
  switch (op) {
    case Op::add:
      for (size_t i = 0; i < n; ++i) out[i].f = a[i].f + b[i].f;
      return true;
    case Op::sub:
      for (size_t i = 0; i < n; ++i) out[i].f = a[i].f - b[i].f;
      return true;
    case Op::mul:
      for (size_t i = 0; i < n; ++i) out[i].f = a[i].f * b[i].f;
      return true;
    case Op::div:
      for (size_t i = 0; i < n; ++i) out[i].f = a[i].f / b[i].f;
      return true;
    case Op::neg:
      for (size_t i = 0; i < n; ++i) out[i].f = -a[i].f;
      return true;
    default:
      return false;
  }
}

using Chunk = std::array<std::vector<Scalar>, 3>;

void compute(Op op, DType from, DType to, bool saturate, const Chunk& in, size_t operands,
             std::span<Scalar> out) {
  const size_t n = out.size();
  if (op == Op::cast) {
    for (size_t i = 0; i < n; ++i) out[i] = cast(from, to, in[0][i], saturate);
  } else if (op == Op::select) {
    for (size_t i = 0; i < n; ++i) out[i] = in[0][i].i != 0 ? in[1][i] : in[2][i];
  } else if (!ir::is_float(from) || !fast(op, in[0], in[1], out)) {
    for (size_t i = 0; i < n; ++i) {
      std::array<Scalar, 3> args{};
      for (size_t k = 0; k < operands; ++k) args[k] = in[k][i];
      out[i] = apply(op, from, args.data());
    }
  }
}

}  // namespace

Result<std::vector<Tensor>> elementwise_eval(const EvalArgs& args) {
  const Op op = args.node->op;
  const std::string name(ir::info(op).name);
  for (const Tensor* t : args.operands)
    if (t->shape != args.operands[0]->shape)
      return fail(name + ".C2", name + ": operands differ in shape: " +
                                    show(args.operands[0]->shape) + " and " + show(t->shape));
  const DType from = args.operands.back()->dtype;
  const bool saturate = args.node->int_attr_or(ir::Key::saturate, 0) != 0;
  Tensor out = Tensor::zeros(args.node->dtype(), args.operands[0]->shape);
  const int64_t count = out.count();
  Chunk in;
  std::vector<Scalar> result;
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const auto n = static_cast<size_t>(std::min(kChunk, count - begin));
    result.resize(n);
    for (size_t k = 0; k < args.operands.size(); ++k) {
      in[k].resize(n);
      read_scalars(*args.operands[k], begin, in[k]);
    }
    compute(op, from, out.dtype, saturate, in, args.operands.size(), result);
    write_scalars(out, begin, result, saturate);
  }
  return std::vector<Tensor>{std::move(out)};
}

}  // namespace tenon::ops
