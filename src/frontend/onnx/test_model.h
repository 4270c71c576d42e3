// For tests: small ONNX models built through the protobuf classes, and shorthand to look at
// imports.
#pragma once

#include <onnx-ml.pb.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "ops/shape.h"
#include "ops/tensor.h"

namespace tenon::onnx_import::testing {

using onnx::AttributeProto;
using onnx::TensorProto;

/// A dimension: a number, or a symbol; "?" leaves it unnamed.
struct Dim {
  Dim(int value_in) : value(value_in) {}                        // NOLINT: written as literals
  Dim(const char* symbol_in) : value(-1), symbol(symbol_in) {}  // NOLINT
  int64_t value;
  std::string symbol;
};

inline void set_type(onnx::ValueInfoProto& info, const std::string& name, int dtype,
                     const std::vector<Dim>& dims) {
  info.set_name(name);
  auto* tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(dtype);
  tensor->mutable_shape();
  for (const Dim& d : dims) {
    auto* dim = tensor->mutable_shape()->add_dim();
    if (d.symbol.empty()) dim->set_dim_value(d.value);
    if (!d.symbol.empty() && d.symbol != "?") dim->set_dim_param(d.symbol);
  }
}

inline TensorProto int_tensor(const std::string& name, const std::vector<int64_t>& dims,
                              const std::vector<int64_t>& values) {
  TensorProto t;
  t.set_name(name);
  t.set_data_type(TensorProto::INT64);
  for (int64_t d : dims) t.add_dims(d);
  for (int64_t v : values) t.add_int64_data(v);
  return t;
}

inline TensorProto float_tensor(const std::string& name, const std::vector<int64_t>& dims,
                                const std::vector<float>& values) {
  TensorProto t;
  t.set_name(name);
  t.set_data_type(TensorProto::FLOAT);
  for (int64_t d : dims) t.add_dims(d);
  for (float v : values) t.add_float_data(v);
  return t;
}

/// Fluent access to one node.
struct NodeRef {
  onnx::NodeProto* node;
  NodeRef& name(const std::string& text) {
    node->set_name(text);
    return *this;
  }
  AttributeProto* attribute(const std::string& key, AttributeProto::AttributeType type) {
    auto* a = node->add_attribute();
    a->set_name(key);
    a->set_type(type);
    return a;
  }
  NodeRef& i(const std::string& key, int64_t value) {
    attribute(key, AttributeProto::INT)->set_i(value);
    return *this;
  }
  NodeRef& f(const std::string& key, float value) {
    attribute(key, AttributeProto::FLOAT)->set_f(value);
    return *this;
  }
  NodeRef& s(const std::string& key, const std::string& value) {
    attribute(key, AttributeProto::STRING)->set_s(value);
    return *this;
  }
  NodeRef& ints(const std::string& key, const std::vector<int64_t>& values) {
    auto* a = attribute(key, AttributeProto::INTS);
    for (int64_t v : values) a->add_ints(v);
    return *this;
  }
  NodeRef& g(const std::string& key, const onnx::GraphProto& graph) {
    *attribute(key, AttributeProto::GRAPH)->mutable_g() = graph;
    return *this;
  }
};

inline NodeRef add_node(onnx::GraphProto& graph, const std::string& op,
                        const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
  auto* node = graph.add_node();
  node->set_op_type(op);
  for (const auto& x : inputs) node->add_input(x);
  for (const auto& y : outputs) node->add_output(y);
  return {node};
}

struct Model {
  explicit Model(int64_t opset = 17) {
    proto.set_ir_version(8);
    auto* import = proto.add_opset_import();
    import->set_version(opset);
    proto.mutable_graph()->set_name("test");
  }
  onnx::ModelProto proto;

  onnx::GraphProto& graph() { return *proto.mutable_graph(); }
  Model& input(const std::string& name, const std::vector<Dim>& dims,
               int dtype = TensorProto::FLOAT) {
    set_type(*graph().add_input(), name, dtype, dims);
    return *this;
  }
  Model& output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  Model& init(const TensorProto& tensor) {
    *graph().add_initializer() = tensor;
    return *this;
  }
  NodeRef node(const std::string& op, const std::vector<std::string>& inputs,
               const std::vector<std::string>& outputs) {
    return add_node(graph(), op, inputs, outputs);
  }
  [[nodiscard]] Result<Imported> import(const ImportOptions& options = {},
                                        const std::filesystem::path& folder = {}) const {
    const std::string bytes = proto.SerializeAsString();
    return import_bytes({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, folder,
                        "test.onnx", options);
  }
  /// "f32[2, n]" of output `i`, or the diagnostics.
  [[nodiscard]] std::string type(size_t i = 0, const ImportOptions& options = {}) const {
    const auto imported = import(options);
    return imported ? ops::show(imported->function->results.at(i)->type) : imported.error().text();
  }
  /// Values of output `i`, which must have been folded to a constant; else a message.
  [[nodiscard]] std::string values(size_t i = 0) const {
    const auto imported = import();
    if (!imported) return imported.error().text();
    const ir::Expr e = imported->function->results.at(i);
    if (e->op != ir::Op::imm && e->op != ir::Op::constant)
      return "not constant: " + std::string(ir::info(e->op).name);
    const ops::Tensor t = ops::tensor_of(e);
    std::string text;
    for (int64_t k = 0; k < t.count(); ++k) {
      char number[40];
      if (ir::is_float(t.dtype)) {
        std::snprintf(number, sizeof number, "%g", t.get_f(k));
      } else {
        std::snprintf(number, sizeof number, "%lld", static_cast<long long>(t.get_i(k)));
      }
      text += (k > 0 ? " " : "") + std::string(number);
    }
    return text;
  }
  /// All diagnostics, "" when the model imports.
  [[nodiscard]] std::string problems(const ImportOptions& options = {},
                                     const std::filesystem::path& folder = {}) const {
    const auto imported = import(options, folder);
    return imported ? "" : imported.error().text();
  }
};

}  // namespace tenon::onnx_import::testing
