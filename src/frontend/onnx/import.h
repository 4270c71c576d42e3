// ONNX models into graphs: opset 6 to the newest, semantics by the version of each operator.
//
// Files are treated as hostile: every offset, count, name and depth is checked before it is used.
// Everything that is wrong with a model is reported at once, one diagnostic a problem.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/node.h"
#include "ops/op.h"
#include "support/result.h"

namespace tenon::onnx_import {

/// One extent of an input: a number, or a symbol by name.
struct Extent {
  int64_t value = 0;
  std::string symbol = {};  // "": the number
};

/// An operator that the caller defines.
struct CustomOperator {
  std::string domain, name;
  /// Text that ends with a model or function, or with a kernel, whose parameters are the node's
  /// operands and results; `{alpha}` stands for an attribute of the node, `{type 0}` for the
  /// element type of operand 0.
  std::string body;
};

struct ImportOptions {
  /// Before those that the importer knows.
  std::vector<CustomOperator> operators = {};
  /// Shapes of inputs, by name, in place of those that the model declares: exporters fix the sizes
  /// that they ran with.
  std::unordered_map<std::string, std::vector<Extent>> shapes = {};
  /// Symbolic dimensions that get a fixed extent.
  std::unordered_map<std::string, int64_t> dims;
  /// Values of inputs that are known while importing. They are used only where an operator needs a
  /// value to know ranks and axes (the axes of a reduction, the pads of Pad ...);
  /// `Imported::specialized` names the inputs whose value was used.
  std::unordered_map<std::string, ops::Tensor> input_values;
};

struct Imported {
  std::shared_ptr<ir::Context> context;
  const ir::Function* function = nullptr;  // owned by the context
  /// Symbolic dimensions by name, in order of first appearance. An unnamed one is called
  /// INPUT.dAXIS. A name stands here more than once where its axes need not be equal.
  std::vector<std::pair<std::string, ir::Expr>> symbols;
  std::vector<std::string> specialized;
  std::vector<std::string> warnings;  // what is odd about the model but does no harm
  std::string graph_name, producer_name, producer_version;
  int64_t ir_version = 0, opset = 0;
};

/// Imports a model file. External data is read from the file's folder.
[[nodiscard]] Result<Imported> import_file(const std::filesystem::path& path,
                                           const ImportOptions& options = {});

/// Imports a serialized ModelProto. `folder` holds external data (empty: none is allowed); `name`
/// stands for the file in diagnostics.
[[nodiscard]] Result<Imported> import_bytes(std::span<const std::byte> bytes,
                                            const std::filesystem::path& folder,
                                            const std::string& name,
                                            const ImportOptions& options = {});

/// Names of a model's inputs without importing it; `required` lacks those with an initializer.
struct InputNames {
  std::vector<std::string> all;
  std::vector<std::string> required;
  /// Those that a data set of so many values gives: one that has more than the model needs
  /// overrides defaults.
  [[nodiscard]] const std::vector<std::string>& given(size_t values) const {
    return values > required.size() ? all : required;
  }
};
[[nodiscard]] Result<InputNames> input_names(const std::filesystem::path& path);

/// Names of the operators with a direct conversion, "domain:Name" or "Name", sorted.
[[nodiscard]] std::vector<std::string> convertible_operators();

}  // namespace tenon::onnx_import
