// Constants, casts and fillings: Constant, ConstantOfShape, Identity, Cast, Range, Pad, EyeLike,
// Trilu, OneHot, Dropout.
#include <cmath>

#include "frontend/onnx/convert/common.h"
#include "frontend/onnx/convert/slice.h"

namespace tenon::onnx_import {
namespace {

Exprs constant(Call& k) {
  Builder& b = k.b;
  const std::string name = k.node.output_size() > 0 ? k.node.output(0) : "";
  for (const auto& attribute : k.node.attribute()) {
    const std::string& kind = attribute.name();
    if (kind == "value") return {b.constant(k.tensor_attr("value"), name)};
    if (kind == "value_int") return {b.scalar_i(DType::i64, k.int_attr(kind))};
    if (kind == "value_float") return {b.scalar(DType::f32, k.float_attr(kind))};
    if (kind == "value_ints") return {b.from_scalars(b.i64s(k.ints_attr(kind)))};
    if (kind == "value_floats") {
      const auto values = k.floats_attr(kind);
      ops::Tensor tensor = ops::Tensor::zeros(DType::f32, {static_cast<int64_t>(values.size())});
      for (size_t i = 0; i < values.size(); ++i) tensor.set_f(static_cast<int64_t>(i), values[i]);
      return {b.constant(tensor, name)};
    }
    if (kind == "value_string" || kind == "value_strings")
      k.fail("constants of strings are not supported", "onnx.element_type");
    if (kind == "sparse_value") k.fail("sparse constants are not supported", "onnx.sparse");
  }
  k.fail("the constant has no value");
}

Exprs constant_of_shape(Call& k) {
  Builder& b = k.b;
  Expr value = b.scalar(DType::f32, 0);
  if (k.has("value")) value = as_scalar(k, b.constant(k.tensor_attr("value")));
  const Exprs shape = k.extents(0);
  return {b.broadcast_to(value, shape)};
}

Exprs identity(Call& k) { return {k.in(0)}; }

Expr cast_to(Call& k, Expr x, DType to) {
  Builder& b = k.b;
  if (x->dtype() == to) return x;
  const bool narrow = ir::is_float(to) && ir::info(to).bits <= 8;
  return b.cast(x, to, narrow && to != DType::f4e2m1 && k.int_attr("saturate", 1) != 0);
}

Exprs cast(Call& k) { return {cast_to(k, k.in(0), k.dtype_attr("to"))}; }
Exprs cast_like(Call& k) { return {cast_to(k, k.in(0), k.in(1)->dtype())}; }

/// The number of elements of Range: max(0, ceil((limit - start) / delta)).
Expr range_count(Call& k) {
  Builder& b = k.b;
  Context& c = b.c;
  const Expr start = as_scalar(k, k.in(0));
  const Expr limit = as_scalar(k, k.in(1));
  const Expr delta = as_scalar(k, k.in(2));
  const ops::Tensor* values[] = {b.known(start), b.known(limit), b.known(delta)};
  if (values[2] != nullptr && values[2]->get_f(0) == 0) k.fail("'delta' is 0", "onnx.shape");
  if (values[0] != nullptr && values[1] != nullptr && values[2] != nullptr) {
    const double count =
        std::ceil((values[1]->get_f(0) - values[0]->get_f(0)) / values[2]->get_f(0));
    if (!(count < 1e15)) k.fail("asks for too many elements", "onnx.shape");
    return c.i64(static_cast<int64_t>(std::max(count, 0.0)));
  }
  const auto first = b.known_integers(start);
  const auto last = b.known_integers(limit);
  const auto step = b.known_integers(delta);
  if (first && last && step && ir::as_int((*step)[0])) {
    const int64_t by = *ir::as_int((*step)[0]);
    const Expr span =
        by > 0 ? ir::sub(c, (*last)[0], (*first)[0]) : ir::sub(c, (*first)[0], (*last)[0]);
    return b.simplify(
        ir::max(c, b.simplify(ir::ceildiv(c, b.simplify(span), c.i64(std::abs(by)))), c.i64(0)));
  }
  const Expr real = b.div(b.cast(b.sub(limit, start), DType::f64), b.cast(delta, DType::f64));
  return b.integers(b.binary(Op::max, b.cast(b.unary(Op::ceil, real), DType::i64), c.i64(0)))[0];
}

Exprs range(Call& k) {
  Builder& b = k.b;
  const Expr start = as_scalar(k, k.in(0));
  const Expr delta = as_scalar(k, k.in(2));
  const Expr count = range_count(k);
  const auto length = ir::as_int(count);
  // Ranges of integers take part in shape arithmetic.
  if (length && *length <= kElementLimit && ir::is_integer(start->dtype())) {
    const Expr at = b.cast(b.iota(DType::i64, std::span(&count, 1), 0), start->dtype());
    return {b.add(start, b.mul(at, delta))};
  }
  return {b.apply("range", {start, delta}, {}, std::span(&count, 1))};
}

// ---- Pad

/// x read along `axis` at positions that an index tensor gives: how padding by copying works.
/// Negative padding crops first; what is left is then copied from.
Expr pad_by_index(Call& k, Expr x, int64_t axis, Expr low, Expr high, const std::string& mode) {
  Builder& b = k.b;
  Context& c = b.c;
  const Expr cut_low = b.simplify(ir::min(c, low, c.i64(0)));
  const Expr cut_high = b.simplify(ir::min(c, high, c.i64(0)));
  low = b.simplify(ir::max(c, low, c.i64(0)));
  high = b.simplify(ir::max(c, high, c.i64(0)));
  Expr extent = x->shape()[static_cast<size_t>(axis)];
  extent = b.simplify(ir::add(c, ir::add(c, extent, cut_low), cut_high));
  if (const auto left = ir::as_int(extent); left && *left < 0)
    k.fail("negative padding takes more than axis " + std::to_string(axis) + " has", "onnx.shape");
  x = b.slice_axis(x, axis, b.simplify(ir::neg(c, cut_low)), extent);
  if (ir::is_int(low, 0) && ir::is_int(high, 0)) return x;
  const Expr wanted[] = {b.simplify(ir::add(c, ir::add(c, extent, low), high))};
  const Expr last = b.from_scalar(b.simplify(ir::add(c, extent, c.i64(-1))));
  const Expr at = b.sub(b.iota(DType::i64, wanted, 0), b.from_scalar(low));
  Expr index = at;
  if (mode == "edge") {
    index = b.binary(Op::min, b.binary(Op::max, at, c.i64(0)), last);
  } else if (mode == "wrap") {
    index = b.binary(Op::mod, at, b.from_scalar(extent));
  } else {  // reflect, as often as it takes
    const Expr period = b.mul(last, c.i64(2));
    const Expr once = b.binary(Op::mod, at, period);
    index = b.binary(Op::min, once, b.sub(period, once));
  }
  return b.gather(x, index, axis);
}

Exprs pad(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const bool by_operand = k.version() >= 11;
  const Exprs pads = by_operand ? b.integers(k.in(1)) : b.i64s(k.ints_attr("pads"));
  Ints axes = k.opt(3) != nullptr ? k.axes(k.constant_ints(3), x->rank()) : count_up(0, x->rank());
  if (pads.size() != 2 * axes.size())
    k.fail("'pads' has " + std::to_string(pads.size()) + " values for " +
               std::to_string(axes.size()) + " axes",
           "onnx.shape");
  Exprs low(x->shape().size(), b.c.i64(0));
  Exprs high = low;
  for (size_t i = 0; i < axes.size(); ++i) {
    low[static_cast<size_t>(axes[i])] = pads[i];
    high[static_cast<size_t>(axes[i])] = pads[axes.size() + i];
  }
  const std::string mode = k.string_attr("mode", "constant");
  if (mode == "constant") {
    Expr value = b.like(x, by_operand ? 0 : k.float_attr("value", 0));
    if (by_operand && k.opt(2) != nullptr) value = as_scalar(k, k.in(2));
    if (x->dtype() == DType::boolean) {
      const Expr wide = b.pad(b.cast(x, DType::u8), b.cast(value, DType::u8), low, high);
      return {b.cast(wide, DType::boolean)};
    }
    return {b.pad(x, value, low, high)};
  }
  if (mode != "edge" && mode != "reflect" && mode != "wrap")
    k.fail("attribute 'mode' is '" + mode + "'");
  Expr y = x;
  for (int64_t axis = 0; axis < x->rank(); ++axis)
    y = pad_by_index(k, y, axis, low[static_cast<size_t>(axis)], high[static_cast<size_t>(axis)],
                     mode);
  return {y};
}

// ---- fillings by position

Exprs eye_like(Call& k) {
  ops::Options options = k.options({"k"});
  const DType dtype = k.has("dtype") ? k.dtype_attr("dtype") : k.in(0)->dtype();
  options.emplace_back("dtype", ir::info(dtype).name);
  return {k.b.apply("eye_like", {k.in(0)}, options)};
}

Exprs trilu(Call& k) {
  const Expr shift = k.opt(1) == nullptr ? nullptr : as_scalar(k, k.in(1));
  return {k.b.apply("trilu", {k.in(0), shift}, k.options({"upper"}))};
}

Exprs one_hot(Call& k) {
  Builder& b = k.b;
  const Expr depth = k.checked_extents(b.integers(b.cast(as_scalar(k, k.in(1)), DType::i64)))[0];
  const Expr indices = ir::is_integer(k.in(0)->dtype()) ? k.in(0) : b.cast(k.in(0), DType::i64);
  return {b.apply("one_hot", {indices, k.in(2)}, k.options({"axis"}), std::span(&depth, 1))};
}

/// Only inference: training needs random numbers that no two implementations share.
Exprs dropout(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  if (k.opt(2) != nullptr && k.constant_int(2) != 0) {
    const bool keeps_all = k.opt(1) != nullptr && k.constant_float(1) == 0;
    if (!keeps_all)
      k.fail("training mode is not supported; export the model for inference", "onnx.training");
  }
  const Expr kept = k.version() < 10 ? b.like(x, 1) : b.c.bool_imm(true);
  return {x, k.wants(1) ? b.broadcast_to(kept, x->shape()) : nullptr};
}

constexpr ConverterRow kRows[] = {
    {"", "Constant", constant},   {"", "ConstantOfShape", constant_of_shape},
    {"", "Identity", identity},   {"", "Cast", cast},
    {"", "CastLike", cast_like},  {"", "Range", range},
    {"", "Slice", convert_slice}, {"", "Pad", pad},
    {"", "EyeLike", eye_like},    {"", "Trilu", trilu},
    {"", "OneHot", one_hot},      {"", "Dropout", dropout},
};

}  // namespace

std::span<const ConverterRow> data_converters() { return kRows; }

}  // namespace tenon::onnx_import
