// The operator schemas of ONNX as a table: every version of every operator with its inputs,
// attributes, defaults and function body. The rows are generated at build time by
// tools/onnx_schema.py.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tenon::onnx_import {

struct SchemaFormal {
  std::string_view name;
  int option;      // 0 single, 1 optional, 2 variadic
  uint32_t types;  // bit n: tensors of elements of data type n, in any version of the operator
};

struct SchemaAttribute {
  std::string_view name;
  int type;  // AttributeProto::AttributeType
  bool required;
  std::string_view default_value;  // a serialized AttributeProto; empty when there is none
};

/// One version of one operator. Counts of -1 are unbounded; ranges index the shared arrays.
struct Schema {
  std::string_view domain;  // "" for ai.onnx
  std::string_view name;
  int since_version;
  bool deprecated;
  int min_inputs, max_inputs, min_outputs, max_outputs;
  int first_input, inputs;
  int first_attribute, attributes;
  int body;  // index of the function body; -1 when there is none
};

struct SchemaTables {
  std::span<const SchemaFormal> formals;
  std::span<const SchemaAttribute> attributes;
  std::span<const std::string_view> bodies;  // serialized FunctionProto
  std::span<const Schema> schemas;           // sorted by domain, name, version
  int newest_opset;
  std::string_view package_version;
};
[[nodiscard]] const SchemaTables& schema_tables();

/// The version of an operator that is in force at `opset`; nullptr when there is none (yet).
[[nodiscard]] const Schema* find_schema(std::string_view domain, std::string_view name,
                                        int64_t opset);
/// True if any version of the operator exists.
[[nodiscard]] bool is_known_operator(std::string_view domain, std::string_view name);
[[nodiscard]] std::span<const SchemaFormal> inputs_of(const Schema& schema);
[[nodiscard]] std::span<const SchemaAttribute> attributes_of(const Schema& schema);

}  // namespace tenon::onnx_import
