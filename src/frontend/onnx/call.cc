#include "frontend/onnx/call.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <mutex>

#include "frontend/onnx/importer.h"
#include "ops/unpacked.h"

namespace tenon::onnx_import {
namespace {

using onnx::AttributeProto;

/// The schema's default of an attribute; parsed once.
const AttributeProto* default_of(const Schema* schema, std::string_view name) {
  if (schema == nullptr) return nullptr;
  static std::mutex mutex;
  static std::unordered_map<const SchemaAttribute*, std::unique_ptr<AttributeProto>> parsed;
  for (const SchemaAttribute& attribute : attributes_of(*schema)) {
    if (attribute.name != name || attribute.default_value.empty()) continue;
    const std::scoped_lock lock(mutex);
    auto& proto = parsed[&attribute];
    if (proto == nullptr) {
      proto = std::make_unique<AttributeProto>();
      if (!proto->ParseFromArray(attribute.default_value.data(),
                                 static_cast<int>(attribute.default_value.size())))
        return nullptr;
    }
    return proto.get();
  }
  return nullptr;
}

std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

template <class Values, class Text>
std::string join(const Values& values, Text text) {
  std::string out;
  for (const auto& v : values) out += (out.empty() ? "" : ",") + text(v);
  return out;
}

}  // namespace

Expr Call::in(size_t i) const {
  if (i >= inputs.size() || inputs[i] == nullptr)
    fail("input " + std::to_string(i) + " is missing", "onnx.input");
  return inputs[i];
}

Exprs Call::all() const {
  for (size_t i = 0; i < inputs.size(); ++i) (void)in(i);
  return inputs;
}

const ops::Tensor* Call::constant_or_null(size_t i) {
  const Expr x = in(i);
  if (const ops::Tensor* value = b.known(x)) return value;
  return importer.input_value(x);
}

const ops::Tensor& Call::constant_tensor(size_t i) {
  const ops::Tensor* value = constant_or_null(i);
  if (value != nullptr) return *value;
  std::string name = std::to_string(i);
  if (schema != nullptr && i < inputs_of(*schema).size())
    name = "'" + std::string(inputs_of(*schema)[i].name) + "'";
  fail("input " + name +
           " must be a constant: its value decides axes or ranks; make it an initializer",
       "onnx.needs_constant");
}

Ints Call::constant_ints(size_t i) {
  const ops::Tensor& value = constant_tensor(i);
  if (ir::is_float(value.dtype))
    fail("input " + std::to_string(i) + " must be of integers", "onnx.type");
  Ints out;
  for (int64_t k = 0; k < value.count(); ++k) out.push_back(value.get_i(k));
  return out;
}

int64_t Call::constant_int(size_t i) {
  const Ints values = constant_ints(i);
  if (values.size() != 1)
    fail("input " + std::to_string(i) + " must have one element", "onnx.shape");
  return values[0];
}

Exprs Call::extents(size_t i) { return checked_extents(b.integers(in(i))); }

Exprs Call::checked_extents(Exprs extents) const {
  constexpr int64_t kLargest = int64_t{1} << 40;
  for (Expr e : extents)
    if (const auto n = ir::as_int(e); n && (*n < 0 || *n > kLargest))
      fail("an extent would be " + std::to_string(*n), "onnx.shape");
  return extents;
}

double Call::constant_float(size_t i) {
  const ops::Tensor& value = constant_tensor(i);
  if (value.count() != 1)
    fail("input " + std::to_string(i) + " must have one element", "onnx.shape");
  return value.get_f(0);
}

const AttributeProto* Call::find(std::string_view name) const {
  for (const AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return default_of(schema, name);
}

const AttributeProto& Call::get(std::string_view name, int type) const {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) fail("attribute '" + std::string(name) + "' is missing");
  if (attribute->type() != type) {
    const auto wanted =
        AttributeProto::AttributeType_Name(static_cast<AttributeProto::AttributeType>(type));
    const auto found = AttributeProto::AttributeType_Name(attribute->type());
    fail("attribute '" + std::string(name) + "' is " +
         (found.empty() ? "of an unknown type" : found) + ", not " + wanted);
  }
  return *attribute;
}

int64_t Call::int_attr(std::string_view name) const { return get(name, AttributeProto::INT).i(); }
int64_t Call::int_attr(std::string_view name, int64_t otherwise) const {
  return has(name) ? int_attr(name) : otherwise;
}
double Call::float_attr(std::string_view name) const {
  return static_cast<double>(get(name, AttributeProto::FLOAT).f());
}
double Call::float_attr(std::string_view name, double otherwise) const {
  return has(name) ? float_attr(name) : otherwise;
}
std::string Call::string_attr(std::string_view name, std::string otherwise) const {
  return has(name) ? get(name, AttributeProto::STRING).s() : otherwise;
}
Ints Call::ints_attr(std::string_view name, Ints otherwise) const {
  if (!has(name)) return otherwise;
  const AttributeProto& attribute = get(name, AttributeProto::INTS);
  return {attribute.ints().begin(), attribute.ints().end()};
}
std::vector<double> Call::floats_attr(std::string_view name) const {
  if (!has(name)) return {};
  const AttributeProto& attribute = get(name, AttributeProto::FLOATS);
  return {attribute.floats().begin(), attribute.floats().end()};
}
std::vector<std::string> Call::strings_attr(std::string_view name) const {
  if (!has(name)) return {};
  const AttributeProto& attribute = get(name, AttributeProto::STRINGS);
  return {attribute.strings().begin(), attribute.strings().end()};
}

ops::Tensor Call::tensor_attr(std::string_view name) const {
  onnx::TensorProto tensor = get(name, AttributeProto::TENSOR).t();
  auto data = take_tensor(tensor, importer.external_files());
  if (!data) throw ConvertError{std::move(data).error().diagnostics};
  return ops::unpacked(data->dtype, std::move(data->shape), data->bytes);
}

const onnx::GraphProto& Call::graph_attr(std::string_view name) const {
  return get(name, AttributeProto::GRAPH).g();
}

DType Call::dtype_attr(std::string_view name) const {
  const int64_t value = int_attr(name);
  const auto dtype =
      value >= 0 && value <= INT32_MAX ? dtype_of(static_cast<int>(value)) : std::nullopt;
  if (!dtype)
    fail("attribute '" + std::string(name) + "' asks for elements of type " +
             data_type_name(static_cast<int>(value)) + ", which are not supported",
         "onnx.element_type");
  return *dtype;
}

ops::Options Call::options(std::initializer_list<std::string_view> names) const {
  ops::Options out;
  for (std::string_view name : names) {
    const AttributeProto* a = find(name);
    if (a == nullptr) continue;
    std::string text;
    switch (a->type()) {
      case AttributeProto::INT:
        text = std::to_string(a->i());
        break;
      case AttributeProto::FLOAT:
        text = text_of(static_cast<double>(a->f()));
        break;
      case AttributeProto::STRING:
        text = a->s();
        break;
      case AttributeProto::INTS:
        text = join(a->ints(), [](int64_t v) { return std::to_string(v); });
        break;
      case AttributeProto::FLOATS:
        text = join(a->floats(), [](float v) { return text_of(static_cast<double>(v)); });
        break;
      case AttributeProto::STRINGS:
        text = join(a->strings(), [](const std::string& v) { return v; });
        break;
      default:
        fail("attribute '" + std::string(name) + "' has an unexpected type");
    }
    // Options are words: a value with a space would read as two of them.
    if (text.find_first_of(" =\t\n") != std::string::npos && name != "equation")
      fail("attribute '" + std::string(name) + "' has the value '" + text +
           "', which is not one of its words");
    if (!text.empty()) out.emplace_back(name, std::move(text));
  }
  return out;
}

int64_t Call::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    fail("axis " + std::to_string(axis) + " is out of range for rank " + std::to_string(rank),
         "onnx.axis");
  return axis < 0 ? axis + rank : axis;
}

Ints Call::axes(const Ints& given, int64_t rank) const {
  Ints out;
  for (int64_t a : given) {
    const int64_t plain = axis(a, rank);
    if (std::find(out.begin(), out.end(), plain) != out.end())
      fail("axis " + std::to_string(a) + " is given twice", "onnx.axis");
    out.push_back(plain);
  }
  return out;
}

namespace {
const std::unordered_map<std::string, const ConverterRow*>& converter_table() {
  static const auto table = [] {
    std::unordered_map<std::string, const ConverterRow*> rows;
    for (const auto family :
         {math_converters(), logic_converters(), activation_converters(), reduce_converters(),
          shape_converters(), data_converters(), index_converters(), matrix_converters(),
          conv_converters(), norm_converters(), loss_converters(), pool_converters(),
          recurrent_converters(), attention_converters(), control_converters(), quant_converters(),
          vision_converters(), signal_converters(), random_converters()})
      for (const ConverterRow& row : family)
        rows[std::string(row.domain) + ":" + std::string(row.name)] = &row;
    return rows;
  }();
  return table;
}
}  // namespace

const ConverterRow* find_converter(std::string_view domain, std::string_view name) {
  const auto& table = converter_table();
  const auto found = table.find(std::string(domain) + ":" + std::string(name));
  return found == table.end() ? nullptr : found->second;
}

std::vector<std::string> convertible_operators() {
  std::vector<std::string> names;
  for (const auto& [key, row] : converter_table())
    names.push_back(row->domain.empty() ? std::string(row->name) : key);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tenon::onnx_import
