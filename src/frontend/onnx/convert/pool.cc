// Pooling and resizing.
#include <cmath>

#include "frontend/onnx/convert/common.h"
#include "ir/simplify.h"

namespace tenon::onnx_import {
namespace {

ops::Options pool_options(Call& k, std::initializer_list<std::string_view> more = {}) {
  ops::Options options =
      k.options({"kernel_shape", "strides", "pads", "dilations", "ceil_mode", "auto_pad"});
  for (auto& option : k.options(more)) options.push_back(std::move(option));
  return options;
}

Exprs max_pool(Call& k) {
  ops::Options options = pool_options(k, {"storage_order"});
  if (k.wants(1)) options.emplace_back("indices", "1");
  const Expr x = k.in(0);
  return k.b.composite("max_pool", std::span(&x, 1), options);
}

Exprs average_pool(Call& k) {
  return {k.b.apply("average_pool", {k.in(0)}, pool_options(k, {"count_include_pad"}))};
}
Exprs lp_pool(Call& k) { return {k.b.apply("lp_pool", {k.in(0)}, pool_options(k, {"p"}))}; }

Exprs max_unpool(Call& k) {
  const Exprs extents = k.opt(2) != nullptr ? k.extents(2) : Exprs{};
  return {k.b.apply("max_unpool", {k.in(0), k.in(1)},
                    k.options({"kernel_shape", "strides", "pads"}), extents)};
}

// ---- Resize

/// The scales as an option, when they are constants.
std::optional<std::string> constant_scales(Call& k, size_t i) {
  const ops::Tensor* value = k.constant_or_null(i);
  if (value == nullptr) return std::nullopt;
  std::string text;
  for (int64_t j = 0; j < value->count(); ++j) {
    const double scale = value->get_f(j);
    if (!(scale > 0 && scale < 1e6)) k.fail("a scale is " + option_text(scale), "onnx.shape");
    text += (j > 0 ? "," : "") + option_text(scale);
  }
  return text;
}

/// Sizes from scales that are known only as expressions, or only while running: floor(extent *
/// scale).
Exprs sizes_from_scales(Call& k, Expr x, Expr scales, const Ints& axes) {
  Builder& b = k.b;
  Exprs extents;
  for (int64_t a : axes) extents.push_back(x->shape()[static_cast<size_t>(a)]);
  if (const Elements* known = b.elements(scales)) {
    for (size_t i = 0; i < extents.size(); ++i) {
      const Element& e = known->at(i);
      const Expr both[] = {extents[i], e.num};
      const Exprs divisor = e.den == nullptr ? Exprs{} : Exprs{e.den};
      extents[i] = b.divide_exactly(both, divisor);
    }
    return extents;
  }
  const Expr real = b.mul(b.cast(b.from_scalars(extents), scales->dtype()), scales);
  return b.integers(b.cast(b.unary(Op::floor, real), DType::i64));
}

bool is_empty(Expr x) { return x == nullptr || static_count(x->type) == 0; }

Exprs resize(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  ops::Options options = k.options({"mode", "coordinate_transformation_mode", "nearest_mode",
                                    "cubic_coeff_a", "exclude_outside", "extrapolation_value",
                                    "antialias", "axes", "keep_aspect_ratio_policy"});
  const bool first_version = k.version() == 10;
  if (first_version) {
    options.emplace_back("coordinate_transformation_mode", "asymmetric");
    options.emplace_back("nearest_mode", "floor");
  }
  Expr roi = first_version || is_empty(k.opt(1)) ? nullptr : k.in(1);
  const size_t scales_at = first_version ? 1 : 2;
  const Expr scales = is_empty(k.opt(scales_at)) ? nullptr : k.in(scales_at);
  const Expr sizes = is_empty(k.opt(3)) ? nullptr : k.in(3);
  const Ints axes = k.has("axes") ? k.axes(k.ints_attr("axes"), x->rank()) : count_up(0, x->rank());
  if (roi != nullptr && k.string_attr("coordinate_transformation_mode") != "tf_crop_and_resize")
    roi = nullptr;
  const auto check_length = [&](Expr v, size_t length, const std::string& what) {
    if (v != nullptr && static_count(v->type) != static_cast<int64_t>(length))
      k.fail(what + " must have " + std::to_string(length) + " elements", "onnx.shape");
  };
  check_length(roi, 2 * axes.size(), "'roi'");
  check_length(scales, axes.size(), "'scales'");
  check_length(sizes, axes.size(), "'sizes'");
  if (roi != nullptr && roi->dtype() != DType::f32) roi = b.cast(roi, DType::f32);
  // Some modes decide on more than extents: they need the values now.
  const bool needs_values = k.string_attr("keep_aspect_ratio_policy", "stretch") != "stretch" ||
                            k.int_attr("antialias", 0) != 0;
  if (sizes != nullptr)
    return {b.apply("resize", {x, roi, nullptr}, options,
                    needs_values ? k.checked_extents(b.i64s(k.constant_ints(3))) : k.extents(3))};
  if (scales == nullptr) k.fail("neither scales nor sizes are given", "onnx.input");
  if (needs_values) (void)k.constant_tensor(scales_at);
  if (auto text = needs_values || b.known(scales) != nullptr ? constant_scales(k, scales_at)
                                                             : std::nullopt) {
    options.emplace_back("scales", *text);
    return {b.apply("resize", {x, roi, nullptr}, options)};
  }
  return {b.apply("resize", {x, roi, scales}, options, sizes_from_scales(k, x, scales, axes))};
}

Exprs upsample(Call& k) {
  ops::Options options = k.options({"mode"});
  std::string scales;
  if (k.version() < 9) {
    for (double s : k.floats_attr("scales")) scales += (scales.empty() ? "" : ",") + option_text(s);
  } else {
    (void)k.constant_tensor(1);
    scales = *constant_scales(k, 1);
  }
  options.emplace_back("scales", scales);
  return {k.b.apply("upsample", {k.in(0)}, options)};
}

constexpr ConverterRow kRows[] = {
    {"", "MaxPool", max_pool},
    {"", "AveragePool", average_pool},
    {"", "LpPool", lp_pool},
    {"", "GlobalAveragePool",
     [](Call& k) -> Exprs { return {k.b.apply("global_average_pool", {k.in(0)})}; }},
    {"", "GlobalMaxPool",
     [](Call& k) -> Exprs { return {k.b.apply("global_max_pool", {k.in(0)})}; }},
    {"", "GlobalLpPool",
     [](Call& k) -> Exprs { return {k.b.apply("global_lp_pool", {k.in(0)}, k.options({"p"}))}; }},
    {"", "MaxUnpool", max_unpool},
    {"", "Resize", resize},
    {"", "Upsample", upsample},
};

}  // namespace

std::span<const ConverterRow> pool_converters() { return kRows; }

}  // namespace tenon::onnx_import
