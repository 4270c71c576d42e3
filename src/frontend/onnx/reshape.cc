// ImportOptions::shapes: the model is imported as if its inputs had been declared so.
#include "frontend/onnx/importer.h"
#include "support/text.h"

namespace tenon::onnx_import {
namespace {

std::string declared(const onnx::ValueInfoProto& input) {
  std::string text;
  for (const auto& dim : input.type().tensor_type().shape().dim())
    text += cat(text.empty() ? "" : "x", dim.has_dim_value()       ? std::to_string(dim.dim_value())
                                         : dim.dim_param().empty() ? std::string("?")
                                                                   : dim.dim_param());
  return text.empty() ? "scalar" : text;
}

}  // namespace

void Importer::reshape_inputs(onnx::GraphProto& graph) {
  std::unordered_map<std::string, onnx::ValueInfoProto*> inputs;
  std::string names;
  for (onnx::ValueInfoProto& input : *graph.mutable_input()) {
    inputs[input.name()] = &input;
    names += cat(names.empty() ? "" : ", ", input.name(), " (", declared(input), ")");
  }
  for (const auto& [name, extents] : options_.shapes) {
    const auto found = inputs.find(name);
    if (found == inputs.end()) {
      report("onnx.reshape",
             cat("a shape is given for '", name, "', which is no input; the inputs are ", names));
      continue;
    }
    auto& tensor = *found->second->mutable_type()->mutable_tensor_type();
    if (tensor.has_shape() && static_cast<size_t>(tensor.shape().dim_size()) != extents.size()) {
      report("onnx.reshape",
             cat("a shape of ", extents.size(), " axes is given for input '", name, "', which has ",
                 tensor.shape().dim_size(), " (", declared(*found->second), ")"));
      continue;
    }
    tensor.mutable_shape()->clear_dim();
    for (const Extent& extent : extents) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (extent.symbol.empty())
        dim.set_dim_value(extent.value);
      else
        dim.set_dim_param(extent.symbol);
    }
  }
}

}  // namespace tenon::onnx_import
