// What converters take for granted of operands: element types, as the schemas have them, and ranks,
// which the schemas state in prose only and the table below by name. Checked before a converter
// runs, so that none needs to.
#include "frontend/onnx/operands.h"

#include <algorithm>

#include "frontend/onnx/tensor_proto.h"

namespace tenon::onnx_import {
namespace {

constexpr int kAny = 64;  // more than any rank

struct RankRow {
  std::string_view op;     // "": of any operator
  std::string_view input;  // "": each
  int least, most;
};

/// The first row that fits decides.
constexpr RankRow kRanks[] = {
    {"Slice", "starts", 1, 1},
    {"Slice", "ends", 1, 1},
    {"Slice", "axes", 1, 1},
    {"Slice", "steps", 1, 1},
    {"Pad", "pads", 1, 1},
    {"Pad", "constant_value", 0, 1},
    {"Reshape", "shape", 1, 1},
    {"Expand", "shape", 1, 1},
    {"Tile", "repeats", 1, 1},
    {"ConstantOfShape", "input", 0, 1},
    {"Resize", "roi", 1, 1},
    {"Resize", "scales", 1, 1},
    {"Resize", "sizes", 1, 1},
    {"Upsample", "scales", 1, 1},
    {"Upsample", "X", 1, kAny},
    {"Split", "split", 0, 1},
    {"OneHot", "values", 1, 1},
    {"Compress", "condition", 1, 1},
    {"Concat", "", 1, kAny},
    {"GatherElements", "data", 1, kAny},
    {"GatherND", "data", 1, kAny},
    {"GatherND", "indices", 1, kAny},
    {"ScatterND", "data", 1, kAny},
    {"ScatterND", "indices", 1, kAny},
    {"TensorScatter", "past_cache", 2, kAny},
    {"TensorScatter", "update", 2, kAny},
    {"TensorScatter", "write_indices", 1, 1},
    {"ReverseSequence", "input", 2, kAny},
    {"ReverseSequence", "sequence_lens", 1, 1},
    {"NonMaxSuppression", "boxes", 3, 3},
    {"NonMaxSuppression", "scores", 3, 3},
    {"Conv", "X", 3, kAny},
    {"Conv", "W", 3, kAny},
    {"Conv", "B", 1, 1},
    {"ConvTranspose", "X", 3, kAny},
    {"ConvTranspose", "W", 3, kAny},
    {"ConvTranspose", "B", 1, 1},
    {"ConvInteger", "x", 3, kAny},
    {"ConvInteger", "w", 3, kAny},
    {"ConvInteger", "x_zero_point", 0, 1},
    {"ConvInteger", "w_zero_point", 0, 1},
    {"QLinearConv", "x", 3, kAny},
    {"QLinearConv", "w", 3, kAny},
    {"QLinearConv", "", 0, 1},
    {"QLinearMatMul", "a", 1, kAny},
    {"QLinearMatMul", "b", 1, kAny},
    {"MatMulInteger", "A", 1, kAny},
    {"MatMulInteger", "B", 1, kAny},
    {"Gemm", "A", 2, 2},
    {"Gemm", "B", 2, 2},
    {"Gemm", "C", 0, 2},
    {"Det", "X", 2, kAny},
    {"MaxPool", "X", 3, kAny},
    {"AveragePool", "X", 3, kAny},
    {"LpPool", "X", 3, kAny},
    {"MaxUnpool", "X", 3, kAny},
    {"MaxUnpool", "I", 3, kAny},
    {"MaxUnpool", "output_shape", 1, 1},
    {"GlobalAveragePool", "X", 2, kAny},
    {"GlobalMaxPool", "X", 2, kAny},
    {"GlobalLpPool", "X", 2, kAny},
    {"GridSample", "X", 3, kAny},
    {"GridSample", "grid", 3, kAny},
    {"AffineGrid", "theta", 3, 3},
    {"AffineGrid", "size", 1, 1},
    {"RoiAlign", "X", 4, 4},
    {"RoiAlign", "rois", 2, 2},
    {"RoiAlign", "batch_indices", 1, 1},
    {"Col2Im", "input", 2, 3},
    {"Col2Im", "image_shape", 1, 1},
    {"Col2Im", "block_shape", 1, 1},
    {"CenterCropPad", "shape", 1, 1},
    {"DepthToSpace", "input", 4, 4},
    {"SpaceToDepth", "input", 4, 4},
    {"DFT", "input", 1, kAny},
    {"STFT", "signal", 2, 3},
    {"STFT", "window", 1, 1},
    {"BatchNormalization", "X", 1, kAny},
    {"BatchNormalization", "", 1, 1},
    {"InstanceNormalization", "input", 2, kAny},
    {"InstanceNormalization", "", 1, 1},
    {"GroupNormalization", "X", 2, kAny},
    {"GroupNormalization", "", 1, 1},
    {"LRN", "X", 2, kAny},
    {"LSTM", "X", 3, 3},
    {"GRU", "X", 3, 3},
    {"RNN", "X", 3, 3},
    {"LSTM", "W", 3, 3},
    {"GRU", "W", 3, 3},
    {"RNN", "W", 3, 3},
    {"LSTM", "R", 3, 3},
    {"GRU", "R", 3, 3},
    {"RNN", "R", 3, 3},
    {"NegativeLogLikelihoodLoss", "input", 2, kAny},
    {"NegativeLogLikelihoodLoss", "target", 1, kAny},
    {"NegativeLogLikelihoodLoss", "weight", 1, 1},
    {"SoftmaxCrossEntropyLoss", "scores", 2, kAny},
    {"SoftmaxCrossEntropyLoss", "labels", 1, kAny},
    {"SoftmaxCrossEntropyLoss", "weights", 1, 1},
    // One element, as a scalar or a vector, or a list.
    {"", "axes", 0, 1},
    {"", "axis", 0, 1},
    {"TopK", "K", 0, 1},
    {"OneHot", "depth", 0, 1},
};

/// The values that the operator may take at that input, or nullptr for any rank.
const RankRow* rank_row(std::string_view op, std::string_view input) {
  const auto* found = std::ranges::find_if(kRanks, [&](const RankRow& r) {
    return (r.op.empty() || r.op == op) && (r.input.empty() || r.input == input);
  });
  return found == std::end(kRanks) ? nullptr : found;
}

bool takes(const SchemaFormal& formal, DType dtype) {
  for (int type = 0; type < 32; ++type)
    if ((formal.types >> type & 1) != 0 && dtype_of(type) == dtype) return true;
  return false;
}

std::string ranks_text(const RankRow& row) {
  const std::string least = std::to_string(row.least);
  if (row.least == row.most) return "rank " + least;
  return row.most == kAny ? "rank " + least + " or more"
                          : "rank " + least + " to " + std::to_string(row.most);
}

}  // namespace

std::vector<Diagnostic> operand_problems(const Schema& schema, const Exprs& operands) {
  const auto formals = inputs_of(schema);
  std::vector<Diagnostic> out;
  for (size_t i = 0; i < operands.size() && !formals.empty(); ++i) {
    const Expr x = operands[i];
    if (x == nullptr || !x->type->is_tensor()) continue;
    const SchemaFormal& formal = formals[std::min(i, formals.size() - 1)];
    const std::string name = "input '" + std::string(formal.name) + "'";
    if (!takes(formal, x->dtype()))
      out.push_back({"onnx.type", name + " has elements of type " +
                                      std::string(ir::info(x->dtype()).name) +
                                      ", which the operator does not take"});
    const RankRow* row = rank_row(schema.name, formal.name);
    if (row != nullptr && (x->rank() < row->least || x->rank() > row->most))
      out.push_back({"onnx.shape", name + " must have " + ranks_text(*row) + ", it has rank " +
                                       std::to_string(x->rank())});
  }
  return out;
}

}  // namespace tenon::onnx_import
