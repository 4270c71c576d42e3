// Detection and image operators.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

Exprs grid_sample(Call& k) {
  ops::Options options = k.options({"padding_mode", "align_corners"});
  std::string mode = k.string_attr("mode", "linear");
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  options.emplace_back("mode", mode);
  return {k.b.apply("grid_sample", {k.in(0), k.in(1)}, options)};
}

Exprs affine_grid(Call& k) {
  return {k.b.apply("affine_grid", {k.in(0)}, k.options({"align_corners"}), k.b.integers(k.in(1)))};
}

Exprs roi_align(Call& k) {
  ops::Options options =
      k.options({"mode", "output_height", "output_width", "sampling_ratio", "spatial_scale"});
  options.emplace_back(
      "coordinate_transformation_mode",
      k.version() < 16 ? "output_half_pixel" : k.string_attr("coordinate_transformation_mode"));
  return {k.b.apply("roi_align", {k.in(0), k.in(1), k.in(2)}, options)};
}

Exprs col2im(Call& k) {
  Exprs extents = k.b.integers(k.in(1));
  const Exprs block = k.b.integers(k.in(2));
  extents.insert(extents.end(), block.begin(), block.end());
  return {k.b.apply("col2im", {k.in(0)}, k.options({"dilations", "pads", "strides"}), extents)};
}

Exprs center_crop_pad(Call& k) {
  return {k.b.apply("center_crop_pad", {k.in(0)}, k.options({"axes"}), k.b.integers(k.in(1)))};
}

constexpr ConverterRow kRows[] = {
    {"", "GridSample", grid_sample},
    {"", "AffineGrid", affine_grid},
    {"", "RoiAlign", roi_align},
    {"", "Col2Im", col2im},
    {"", "CenterCropPad", center_crop_pad},
    {"", "DepthToSpace",
     [](Call& k) -> Exprs {
       return {k.b.apply("depth_to_space", {k.in(0)}, k.options({"blocksize", "mode"}))};
     }},
    {"", "SpaceToDepth",
     [](Call& k) -> Exprs {
       return {k.b.apply("space_to_depth", {k.in(0)}, k.options({"blocksize"}))};
     }},
};

}  // namespace

std::span<const ConverterRow> vision_converters() { return kRows; }

}  // namespace tenon::onnx_import
