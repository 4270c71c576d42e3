// Gather and scatter, and operators whose result's size depends on data: NonZero, Compress, Unique,
// NonMaxSuppression, TopK.
#include "frontend/onnx/convert/common.h"
#include "ops/dynamic.h"

namespace tenon::onnx_import {
namespace {

/// A Result of the operators' library as a value or a ConvertError.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw ConvertError{std::move(result).error().diagnostics};
  return *std::move(result);
}

/// One constant position is a slice, which fuses better than a gather.
Exprs gather(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const int64_t axis = k.axis(k.int_attr("axis", 0), x->rank());
  const ops::Tensor* indices = b.known(k.in(1));
  if (indices == nullptr || indices->count() != 1 || !ir::is_integer(indices->dtype))
    return {b.gather(x, k.in(1), axis)};
  const int64_t index = indices->get_i(0);
  const Expr extent = x->shape()[static_cast<size_t>(axis)];
  if (const auto n = ir::as_int(extent); n && (index < -*n || index >= *n))
    k.fail("index " + std::to_string(index) + " is out of range for extent " + std::to_string(*n),
           "onnx.index");
  const Expr start = index < 0 ? ir::add(b.c, extent, b.c.i64(index)) : b.c.i64(index);
  const Expr one = b.slice_axis(x, axis, start, b.c.i64(1));
  Exprs shape(x->shape().begin(), x->shape().begin() + axis);
  shape.insert(shape.end(), static_cast<size_t>(k.in(1)->rank()), b.c.i64(1));
  shape.insert(shape.end(), x->shape().begin() + axis + 1, x->shape().end());
  return {b.reshape(one, shape)};
}

Exprs gather_elements(Call& k) {
  return {k.b.gather_elements(k.in(0), k.in(1), k.axis(k.int_attr("axis", 0), k.in(0)->rank()))};
}

Exprs gather_nd(Call& k) { return {k.b.gather_nd(k.in(0), k.in(1), k.int_attr("batch_dims", 0))}; }

/// ONNX's reduction word as the primitive's kind.
std::string scatter_kind(Call& k) {
  const std::string reduction = k.string_attr("reduction", "none");
  if (reduction == "none") return "set";
  if (reduction == "add") return "sum";
  if (reduction == "mul") return "prod";
  if (reduction == "max" || reduction == "min") return reduction;
  k.fail("attribute 'reduction' is '" + reduction + "'");
}

Exprs scatter_elements(Call& k) {
  return {k.b.node(
      Op::scatter_elements, {k.in(0), k.in(1), k.in(2)},
      {{Key::axis, k.axis(k.int_attr("axis", 0), k.in(0)->rank())}, {Key::kind, scatter_kind(k)}})};
}

Exprs scatter_nd(Call& k) {
  return {k.b.node(Op::scatter_nd, {k.in(0), k.in(1), k.in(2)}, {{Key::kind, scatter_kind(k)}})};
}

Exprs nonzero(Call& k) {
  Expr x = k.in(0);
  if (x->rank() == 0) x = k.b.reshape(x, k.b.i64s({1}));
  return {value_of(ops::build_nonzero(k.b.c, k.b.facts->bindings, x, k.b.name + ".count"))};
}

Exprs compress(Call& k) {
  const int64_t axis = k.has("axis") ? k.axis(k.int_attr("axis"), k.in(0)->rank()) : -1;
  return {value_of(ops::build_compress(k.b.c, k.b.facts->bindings, k.in(0), k.in(1), axis,
                                       k.b.name + ".count"))};
}

Exprs unique(Call& k) {
  const int64_t axis = k.has("axis") ? k.axis(k.int_attr("axis"), k.in(0)->rank()) : -1;
  return value_of(ops::build_unique(k.b.c, k.b.facts->bindings, k.in(0), axis,
                                    k.int_attr("sorted", 1) != 0, k.b.name + ".count"));
}

Exprs non_max_suppression(Call& k) {
  const auto optional = [&](size_t i) {
    return k.opt(i) == nullptr ? nullptr : as_scalar(k, k.in(i));
  };
  return {value_of(ops::build_nms(k.b.c, k.b.facts->bindings, k.in(0), k.in(1), optional(2),
                                  optional(3), optional(4), k.int_attr("center_point_box", 0) != 0,
                                  k.b.name + ".count"))};
}

Exprs topk(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const int64_t axis = k.axis(k.int_attr("axis", -1), x->rank());
  const Expr count = k.version() < 10 ? b.c.i64(k.int_attr("k"))
                                      : k.checked_extents(b.integers(as_scalar(k, k.in(1))))[0];
  ops::Options options = k.options({"largest", "sorted"});
  options.emplace_back("axis", std::to_string(axis));
  return b.composite("topk", std::span(&x, 1), options, std::span(&count, 1));
}

Exprs reverse_sequence(Call& k) {
  return {
      k.b.apply("reverse_sequence", {k.in(0), k.in(1)}, k.options({"batch_axis", "time_axis"}))};
}

/// A cache with `update` written along an axis from a position of each batch on.
Exprs tensor_scatter(Call& k) {
  Builder& b = k.b;
  const Expr cache = k.in(0);
  const Expr update = k.in(1);
  const int64_t axis = k.axis(k.int_attr("axis", -2), cache->rank());
  if (axis == 0 || update->rank() != cache->rank()) k.fail("axis 0 is the batch", "onnx.axis");
  const std::string mode = k.string_attr("mode", "linear");
  Expr at = b.iota(DType::i64, update->shape(), axis);
  if (k.opt(2) != nullptr) {
    Expr first = b.cast(k.in(2), DType::i64);
    for (int64_t i = 1; i < cache->rank(); ++i) first = b.unsqueeze(first, {i});
    at = b.add(at, first);
  }
  if (mode == "circular")
    at = b.binary(Op::mod, at, b.from_scalar(cache->shape()[static_cast<size_t>(axis)]));
  if (mode != "circular" && mode != "linear") k.fail("attribute 'mode' is '" + mode + "'");
  return {b.node(Op::scatter_elements, {cache, at, update},
                 {{Key::axis, axis}, {Key::kind, std::string("set")}})};
}

constexpr ConverterRow kRows[] = {
    {"", "Gather", gather},
    {"", "GatherElements", gather_elements},
    {"", "GatherND", gather_nd},
    {"", "Scatter", scatter_elements},
    {"", "ScatterElements", scatter_elements},
    {"", "ScatterND", scatter_nd},
    {"", "TensorScatter", tensor_scatter},
    {"", "NonZero", nonzero},
    {"", "Compress", compress},
    {"", "Unique", unique},
    {"", "NonMaxSuppression", non_max_suppression},
    {"", "TopK", topk},
    {"", "ReverseSequence", reverse_sequence},
};

}  // namespace

std::span<const ConverterRow> index_converters() { return kRows; }

}  // namespace tenon::onnx_import
