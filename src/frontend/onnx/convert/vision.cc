// Detection and image operators.
#include "frontend/onnx/convert/common.h"
#include "support/text.h"

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
  return {k.b.apply("affine_grid", {k.in(0)}, k.options({"align_corners"}), k.extents(1))};
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
  Exprs extents = k.extents(1);
  const Exprs block = k.checked_extents(k.b.i64s(k.constant_ints(2)));
  extents.insert(extents.end(), block.begin(), block.end());
  return {k.b.apply("col2im", {k.in(0)}, k.options({"dilations", "pads", "strides"}), extents)};
}

Exprs center_crop_pad(Call& k) {
  return {k.b.apply("center_crop_pad", {k.in(0)}, k.options({"axes"}), k.extents(1))};
}

/// Mode CRD (opset 28) keeps the channels outermost.
Exprs space_to_depth(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  if (k.string_attr("mode", "DCR") == "DCR")
    return {b.apply("space_to_depth", {x}, k.options({"blocksize"}))};
  if (k.string_attr("mode") != "CRD") k.fail("attribute 'mode' is '" + k.string_attr("mode") + "'");
  const int64_t block = k.int_attr("blocksize");
  constexpr int64_t kMostBlock = 1 << 20;
  if (x->rank() != 4 || block < 1 || block > kMostBlock)
    k.fail(cat("needs an input of rank 4 and a block of 1 to ", kMostBlock), "onnx.shape");
  const Expr size[] = {b.c.i64(block)};
  const Expr height[] = {x->shape()[2]};
  const Expr width[] = {x->shape()[3]};
  const Expr rows = b.divide_exactly(height, size);
  const Expr columns = b.divide_exactly(width, size);
  const Exprs split{x->shape()[0], x->shape()[1], rows, size[0], columns, size[0]};
  const Exprs joined{x->shape()[0], ir::mul(b.c, x->shape()[1], b.c.i64(block * block)), rows,
                     columns};
  return {b.reshape(b.transpose(b.reshape(x, split), Ints{0, 1, 3, 5, 2, 4}), joined)};
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
    {"", "SpaceToDepth", space_to_depth},
};

}  // namespace

std::span<const ConverterRow> vision_converters() { return kRows; }

}  // namespace tenon::onnx_import
