// What a converter sees of one ONNX node: operands, attributes with the schema's defaults, the
// version of the operator, and the builder of graph nodes.
#pragma once

#include <onnx-ml.pb.h>

#include <string>
#include <string_view>
#include <vector>

#include "frontend/onnx/builder.h"
#include "frontend/onnx/schema.h"
#include "frontend/onnx/tensor_proto.h"

namespace tenon::onnx_import {

class Importer;
struct Scope;

class Call {
 public:
  Call(Importer& importer_in, Builder& builder, Scope& scope_in, const onnx::NodeProto& proto,
       const Schema* schema_in, Exprs operands)
      : importer(importer_in),
        b(builder),
        scope(scope_in),
        node(proto),
        schema(schema_in),
        inputs(std::move(operands)) {}

  Importer& importer;
  Builder& b;
  Scope& scope;
  const onnx::NodeProto& node;
  const Schema* schema;
  Exprs inputs;  // nullptr: absent

  /// The since-version of the operator that is in force.
  [[nodiscard]] int version() const { return schema->since_version; }

  // ---- operands
  [[nodiscard]] size_t input_count() const { return inputs.size(); }
  /// Operand `i`, which must be there.
  [[nodiscard]] Expr in(size_t i) const;
  /// Operand `i`, or nullptr when it is absent.
  [[nodiscard]] Expr opt(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  /// All operands; absent ones are refused.
  [[nodiscard]] Exprs all() const;
  /// True if the node names output `i`.
  [[nodiscard]] bool wants(int i) const {
    return i < node.output_size() && !node.output(i).empty();
  }

  // ---- operands whose value is needed now
  /// Values of integer operand `i`; refuses one that is not constant (see
  /// ImportOptions::input_values).
  [[nodiscard]] Ints constant_ints(size_t i);
  [[nodiscard]] const ops::Tensor& constant_tensor(size_t i);
  [[nodiscard]] int64_t constant_int(size_t i);
  [[nodiscard]] double constant_float(size_t i);
  [[nodiscard]] const ops::Tensor* constant_or_null(size_t i);
  /// Elements of integer operand `i` that serve as extents; refuses negative and enormous ones.
  [[nodiscard]] Exprs extents(size_t i);
  [[nodiscard]] Exprs checked_extents(Exprs extents) const;

  // ---- attributes; a missing one takes the schema's default
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] int64_t int_attr(std::string_view name) const;
  [[nodiscard]] int64_t int_attr(std::string_view name, int64_t otherwise) const;
  [[nodiscard]] double float_attr(std::string_view name) const;
  [[nodiscard]] double float_attr(std::string_view name, double otherwise) const;
  [[nodiscard]] std::string string_attr(std::string_view name, std::string otherwise = "") const;
  [[nodiscard]] Ints ints_attr(std::string_view name, Ints otherwise = {}) const;
  [[nodiscard]] std::vector<double> floats_attr(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> strings_attr(std::string_view name) const;
  [[nodiscard]] ops::Tensor tensor_attr(std::string_view name) const;
  [[nodiscard]] const onnx::GraphProto& graph_attr(std::string_view name) const;
  /// An attribute that names an element type.
  [[nodiscard]] DType dtype_attr(std::string_view name) const;
  /// The attributes of those names that the node carries or has defaults for, as composite options.
  [[nodiscard]] ops::Options options(std::initializer_list<std::string_view> names) const;

  /// `axis` made non-negative for that rank.
  [[nodiscard]] int64_t axis(int64_t axis, int64_t rank) const;
  [[nodiscard]] Ints axes(const Ints& axes, int64_t rank) const;  // also refuses duplicates
  [[noreturn]] void fail(const std::string& message,
                         const std::string& code = "onnx.attribute") const {
    refuse(code, message);
  }

 private:
  [[nodiscard]] const onnx::AttributeProto* find(std::string_view name) const;
  [[nodiscard]] const onnx::AttributeProto& get(std::string_view name, int type) const;
};

using ConvertFn = Exprs (*)(Call&);

/// One row for each operator that is converted directly.
struct ConverterRow {
  std::string_view domain;  // "" for ai.onnx
  std::string_view name;
  ConvertFn convert;
};
/// The row, or nullptr.
[[nodiscard]] const ConverterRow* find_converter(std::string_view domain, std::string_view name);

// The rows of each family, one file each in convert/.
[[nodiscard]] std::span<const ConverterRow> math_converters();
[[nodiscard]] std::span<const ConverterRow> logic_converters();
[[nodiscard]] std::span<const ConverterRow> activation_converters();
[[nodiscard]] std::span<const ConverterRow> reduce_converters();
[[nodiscard]] std::span<const ConverterRow> shape_converters();
[[nodiscard]] std::span<const ConverterRow> data_converters();
[[nodiscard]] std::span<const ConverterRow> index_converters();
[[nodiscard]] std::span<const ConverterRow> matrix_converters();
[[nodiscard]] std::span<const ConverterRow> conv_converters();
[[nodiscard]] std::span<const ConverterRow> norm_converters();
[[nodiscard]] std::span<const ConverterRow> loss_converters();
[[nodiscard]] std::span<const ConverterRow> pool_converters();
[[nodiscard]] std::span<const ConverterRow> recurrent_converters();
[[nodiscard]] std::span<const ConverterRow> attention_converters();
[[nodiscard]] std::span<const ConverterRow> control_converters();
[[nodiscard]] std::span<const ConverterRow> quant_converters();
[[nodiscard]] std::span<const ConverterRow> vision_converters();
[[nodiscard]] std::span<const ConverterRow> signal_converters();
[[nodiscard]] std::span<const ConverterRow> random_converters();

}  // namespace tenon::onnx_import
