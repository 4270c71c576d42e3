// Linear quantization as plain arithmetic: round(x / scale) to even + zero_point, limited to the
// type. Scale and zero point are one value, one an index of an axis, or blocked: one for each
// block_size indices of an axis.
//
// C3: types. C4: shape of scale and zero_point.
//
//   quantize_linear (x, scale, zero_point?)    axis[1] block_size[0] saturate[1] output_dtype
//       precision
//   dequantize_linear (x, scale, zero_point?)  axis[1] block_size[0] output_dtype
//   dynamic_quantize_linear (x)           -> y (u8), scale, zero_point
#include <cmath>

#include "ops/composite/composite_row.h"

namespace tenon::ops::composite {
namespace {

using ir::DType;

/// A quantization parameter as a value that broadcasts against x; empty after a refusal.
Val parameter(const Composite& a, Val v, Val x) {
  Context& c = a.c();
  if (v.rank() == 0 || (v.rank() == 1 && ir::is_int(v.dim(0), 1))) return reshape(v, {});
  const int64_t axis = a.axis("axis", 1, x.rank());
  const int64_t block = a.integer("block_size", 0);
  if (block == 0) {
    if (!a.require(v.rank() == 1, 4, "scale and zero_point must be of rank 0 or 1"))
      return {&a.b, nullptr};
    return along(v, axis, x.rank());
  }
  if (!a.require(block > 0 && v.rank() == x.rank(), 4, "a blocked scale must have x's rank"))
    return {&a.b, nullptr};
  // Each entry is repeated block times; a last block may be cut short.
  Exprs wide = v.shape();
  wide.insert(wide.begin() + axis + 1, c.i64(block));
  Ints dims;
  for (int64_t i = 0; i < v.rank(); ++i) dims.push_back(i <= axis ? i : i + 1);
  Exprs merged = v.shape();
  Expr& extent = merged[static_cast<size_t>(axis)];
  extent = ir::mul(c, extent, c.i64(block));
  return slice(reshape(broadcast_in(v, wide, dims), merged), axis, 0, x.dim(axis));
}

struct Range {
  double low, high;
};
Range range_of(DType type) {
  const int bits = ir::info(type).bits;
  if (ir::is_signed(type)) return {-std::ldexp(1.0, bits - 1), std::ldexp(1.0, bits - 1) - 1};
  return {0, std::ldexp(1.0, bits) - 1};
}

std::vector<Val> quantize_linear(Composite& a) {
  const DType type = a.in[2] ? a.in[2].dtype() : a.dtype("output_dtype", DType::u8);
  const bool real = ir::is_float(type);
  if (!a.require(
          real ? ir::info(type).bits <= 8 : ir::is_integer(type) && ir::info(type).bits <= 16, 3,
          "the result must be an integer of up to 16 bits or a float of up to 8"))
    return {};
  const Val scale = parameter(a, a.in[1], a.in[0]);
  const DType given = a.dtype("precision", scale.dtype());
  const DType work = ir::is_float(given) && ir::info(given).bits >= 32 ? given : DType::f32;
  Val y = cast(work, a.in[0]) / cast(work, scale);
  if (real) return {cast(type, y, a.integer("saturate", 1) != 0)};
  y = round(y);
  if (a.in[2]) y = y + cast(work, parameter(a, a.in[2], a.in[0]));
  const Range r = range_of(type);
  return {cast(type, min(max(y, r.low), r.high))};
}

std::vector<Val> dequantize_linear(Composite& a) {
  if (!a.require(ir::is_float(a.in[1].dtype()), 3, "scale must be of a float type")) return {};
  const DType type = a.dtype("output_dtype", a.in[1].dtype());
  const DType work = a.in[1].dtype() == DType::f64 ? DType::f64 : DType::f32;
  Val y = cast(work, a.in[0]);
  if (a.in[2]) y = y - cast(work, parameter(a, a.in[2], a.in[0]));
  return {cast(type, y * cast(work, parameter(a, a.in[1], a.in[0])))};
}

std::vector<Val> dynamic_quantize_linear(Composite& a) {
  const Val x = a.in[0];
  if (!a.require(x.dtype() == DType::f32, 3, "x must be f32")) return {};
  Ints all;
  for (int i = 0; i < x.rank(); ++i) all.push_back(i);
  const Val high = max(reduce("max", x, all), 0.0);
  const Val low = min(reduce("min", x, all), 0.0);
  const Val scale = select(eq(high, low), 1.0, high - low) / 255.0;
  const Val zero = round(min(max(0.0 - low / scale, 0.0), 255.0));
  const Val y = min(max(round(x / scale) + zero, 0.0), 255.0);
  return {cast(DType::u8, y), scale, cast(DType::u8, zero)};
}

constexpr CompositeRow kRows[] = {
    {"quantize_linear", "x,scale,zero_point?", "axis,block_size,saturate,output_dtype,precision",
     quantize_linear},
    {"dequantize_linear", "x,scale,zero_point?", "axis,block_size,output_dtype", dequantize_linear},
    {"dynamic_quantize_linear", "x", "", dynamic_quantize_linear},
};

}  // namespace

std::span<const CompositeRow> quantize_rows() { return kRows; }

}  // namespace tenon::ops::composite
