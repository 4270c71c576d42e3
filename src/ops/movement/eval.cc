// Reference evaluation of broadcast, reshape, transpose, slice, pad, concat, iota, from_scalars,
// dynamic_slice.
#include <algorithm>

#include "ops/movement/copy.h"
#include "ops/movement/movement.h"
#include "ops/shape.h"
#include "ops/tensor.h"

namespace tenon::ops {
namespace {

using ir::Key;
using Ints = std::vector<int64_t>;

std::vector<Tensor> one(Tensor t) {
  std::vector<Tensor> all;
  all.push_back(std::move(t));
  return all;
}

/// Copies `shape` elements from a view of `in` to the whole of a new tensor.
std::vector<Tensor> view(const EvalArgs& args, const Side& source) {
  Tensor out = Tensor::zeros(args.node->dtype(), args.shape);
  copy_region(args.shape, *args.operands[0], source, out, {row_major(args.shape), 0});
  return one(std::move(out));
}

Ints values_of(const EvalArgs& args, Key key) {
  Ints values;
  for (Expr e : args.node->exprs_attr(key)) values.push_back(args.integer(e));
  return values;
}

}  // namespace

Result<std::vector<Tensor>> broadcast_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const Ints& dims = args.node->ints_attr(Key::dims);
  const Ints strides = row_major(x.shape);
  Side source{Ints(args.shape.size(), 0), 0};
  for (size_t i = 0; i < dims.size(); ++i) {
    const auto d = static_cast<size_t>(dims[i]);
    if (x.shape[i] == 1) continue;
    if (x.shape[i] != args.shape[d])
      return fail("broadcast.C3",
                  "broadcast: " + show(x.shape) + " does not stretch to " + show(args.shape));
    source.strides[d] = strides[i];
  }
  return view(args, source);
}

Result<std::vector<Tensor>> reshape_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  if (x.count() != product(args.shape))
    return fail("reshape.C2", "reshape: " + show(x.shape) + " and " + show(args.shape) +
                                  " have different numbers of elements");
  Tensor out = x;
  out.shape = args.shape;
  return one(std::move(out));
}

Result<std::vector<Tensor>> transpose_eval(const EvalArgs& args) {
  const Ints strides = row_major(args.operands[0]->shape);
  Side source;
  for (int64_t axis : args.node->ints_attr(Key::perm))
    source.strides.push_back(strides[static_cast<size_t>(axis)]);
  return view(args, source);
}

Result<std::vector<Tensor>> slice_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const Ints strides = row_major(x.shape);
  const Ints starts = values_of(args, Key::starts);
  const Ints& steps = args.node->ints_attr(Key::strides);
  Side source;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    const int64_t last = starts[i] + (args.shape[i] - 1) * steps[i];
    if (args.shape[i] > 0 &&
        (std::min(starts[i], last) < 0 || std::max(starts[i], last) >= x.shape[i]))
      return fail("slice.C3", "slice: axis " + std::to_string(i) + " of " + show(x.shape) +
                                  " does not hold the range from " + std::to_string(starts[i]) +
                                  " to " + std::to_string(last));
    source.strides.push_back(strides[i] * steps[i]);
    source.start += strides[i] * starts[i];
  }
  return view(args, source);
}

Result<std::vector<Tensor>> pad_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const Ints low = values_of(args, Key::low);
  const Ints& interior = args.node->ints_attr(Key::interior);
  Tensor out = Tensor::zeros(x.dtype, args.shape);
  fill(out, *args.operands[1]);
  const Ints in_strides = row_major(x.shape);
  const Ints out_strides = row_major(args.shape);
  Side source;
  Side target;
  Ints region;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    const int64_t step = interior[i] + 1;
    // Input indices whose place low + index * step lies within [0, shape).
    const int64_t first = low[i] >= 0 ? 0 : (-low[i] + step - 1) / step;
    const int64_t end =
        args.shape[i] <= low[i] ? 0 : std::min(x.shape[i], (args.shape[i] - 1 - low[i]) / step + 1);
    region.push_back(std::max<int64_t>(0, end - first));
    source.strides.push_back(in_strides[i]);
    source.start += in_strides[i] * first;
    target.strides.push_back(out_strides[i] * step);
    target.start += out_strides[i] * (low[i] + first * step);
  }
  copy_region(region, x, source, out, target);
  return one(std::move(out));
}

Result<std::vector<Tensor>> concat_eval(const EvalArgs& args) {
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  Tensor out = Tensor::zeros(args.node->dtype(), args.shape);
  const Ints strides = row_major(args.shape);
  int64_t offset = 0;
  for (const Tensor* part : args.operands) {
    for (size_t i = 0; i < part->shape.size(); ++i)
      if (i != axis && part->shape[i] != args.shape[i])
        return fail("concat.C3", "concat: " + show(part->shape) + " does not fit into " +
                                     show(args.shape) + " off axis " + std::to_string(axis));
    copy_region(part->shape, *part, {row_major(part->shape), 0}, out,
                {strides, offset * strides[axis]});
    offset += part->shape[axis];
  }
  return one(std::move(out));
}

Result<std::vector<Tensor>> iota_eval(const EvalArgs& args) {
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  Tensor line = Tensor::zeros(args.node->dtype(), {args.shape[axis]});
  for (int64_t i = 0; i < args.shape[axis]; ++i) line.set_i(i, i);
  Side source{Ints(args.shape.size(), 0), 0};
  source.strides[axis] = 1;
  Tensor out = Tensor::zeros(args.node->dtype(), args.shape);
  copy_region(args.shape, line, source, out, {row_major(args.shape), 0});
  return one(std::move(out));
}

Result<std::vector<Tensor>> from_scalars_eval(const EvalArgs& args) {
  Tensor out = Tensor::zeros(args.node->dtype(), args.shape);
  int64_t i = 0;
  for (Expr e : args.node->operands) out.set_i(i++, args.integer(e));
  return one(std::move(out));
}

Result<std::vector<Tensor>> dynamic_slice_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  Side source{row_major(x.shape), 0};
  for (size_t i = 0; i < x.shape.size(); ++i) {
    if (args.shape[i] > x.shape[i])
      return fail("dynamic_slice.C3",
                  "dynamic_slice: " + show(args.shape) + " is longer than " + show(x.shape));
    const int64_t start = args.operands[i + 1]->get_i(0);
    source.start += source.strides[i] * std::clamp<int64_t>(start, 0, x.shape[i] - args.shape[i]);
  }
  return view(args, source);
}

}  // namespace tenon::ops
