#include "export/scope.h"

#include "export/exporter.h"
#include "frontend/onnx/tensor_proto.h"
#include "ir/expr.h"
#include "ir/text.h"
#include "support/check.h"
#include "support/packed.h"
#include "support/text.h"

namespace tenon::onnx_export {

using ir::Key;
using ir::Op;

onnx::AttributeProto attribute(const std::string& name, int64_t value) {
  onnx::AttributeProto a;
  a.set_name(name);
  a.set_type(onnx::AttributeProto::INT);
  a.set_i(value);
  return a;
}

onnx::AttributeProto attribute(const std::string& name, const Ints& values) {
  onnx::AttributeProto a;
  a.set_name(name);
  a.set_type(onnx::AttributeProto::INTS);
  a.mutable_ints()->Add(values.begin(), values.end());
  return a;
}

onnx::AttributeProto attribute(const std::string& name, const std::string& value) {
  onnx::AttributeProto a;
  a.set_name(name);
  a.set_type(onnx::AttributeProto::STRING);
  a.set_s(value);
  return a;
}

void set_type(onnx::TypeProto& to, Type type) {
  auto& tensor = *to.mutable_tensor_type();
  tensor.set_elem_type(onnx_import::data_type_of(type->dtype));
  auto& shape = *tensor.mutable_shape();
  for (Expr e : type->shape) {
    auto& dim = *shape.add_dim();
    if (const auto n = ir::as_int(e))
      dim.set_dim_value(*n);
    else
      dim.set_dim_param(e->op == Op::var ? e->string_attr(Key::name) : ir::print(e));
  }
}

void set_type(onnx::TypeProto& to, DType type, const Ints& dims) {
  auto& tensor = *to.mutable_tensor_type();
  tensor.set_elem_type(onnx_import::data_type_of(type));
  auto& shape = *tensor.mutable_shape();
  for (const int64_t d : dims) shape.add_dim()->set_dim_value(d);
}

Scope::Scope(Exporter& exporter, onnx::GraphProto& graph, Scope* parent)
    : exporter_(exporter), nodes_(graph.mutable_node()), graph_(&graph), parent_(parent) {}

Scope::Scope(Exporter& exporter, onnx::FunctionProto& function)
    : exporter_(exporter), nodes_(function.mutable_node()), function_(&function) {}

void Scope::learn(const std::string& name, Type type) {
  for (size_t d = 0; d < type->shape.size(); ++d)
    if (type->shape[d]->op == Op::var)
      sources_.try_emplace(type->shape[d], Source{name, static_cast<int64_t>(d)});
}

void Scope::note(const std::string& name, Type type) {
  if (graph_ == nullptr) return;
  auto& info = *graph_->add_value_info();
  info.set_name(name);
  set_type(*info.mutable_type(), type);
}

void Scope::put(Expr value, Names fields) {
  const Type type = value->type;
  if (type->is_tensor()) learn(fields[0], type);
  for (size_t i = 0; i < type->fields.size(); ++i) learn(fields[i], type->fields[i]);
  kept_.insert(fields.begin(), fields.end());
  values_[value] = std::move(fields);
}

void Scope::finish(Expr value, const std::string& made) {
  if (!wanted_.contains(value)) return put(value, {made});
  const std::string out = name_for(value, "");
  if (!rename_last(made, out)) add("Identity", {made}, {out});
  put(value, {out});
}

/// The output of the last node takes another name, where nothing else knows it.
bool Scope::rename_last(const std::string& from, const std::string& to) {
  if (nodes_->empty() || kept_.contains(from)) return false;
  onnx::NodeProto& last = *nodes_->rbegin();
  if (last.output_size() != 1 || last.output(0) != from) return false;
  last.set_output(0, to);
  if (graph_ != nullptr && graph_->value_info_size() > 0 &&
      graph_->value_info().rbegin()->name() == from)
    graph_->mutable_value_info()->RemoveLast();
  return true;
}

std::string Scope::value(Expr e) { return fields(e)[0]; }

Names Scope::fields(Expr e) {
  for (const Scope* s = this; s != nullptr; s = s->parent_)
    if (const auto at = s->values_.find(e); at != s->values_.end()) return at->second;
  TENON_CHECK(e->op == Op::constant || e->op == Op::imm, "a value is read before it is written");
  return {constant(e)};
}

std::string Scope::name_for(Expr value, const std::string& hint, size_t i) {
  const Type type = value->type->kind == ir::TypeKind::tuple ? value->type->fields[i] : value->type;
  if (const auto at = wanted_.find(value); at != wanted_.end()) {
    const std::string name = at->second;
    wanted_.erase(at);
    return name;  // the type of a result stands at the graph's outputs
  }
  const std::string name = is_function() ? cat("t", next_++) : exporter_.fresh(hint);
  note(name, type);
  return name;
}

onnx::NodeProto& Scope::add(const std::string& op, const Names& inputs, const Names& outputs,
                            Attributes attributes, const std::string& domain) {
  onnx::NodeProto& n = *nodes_->Add();
  n.set_op_type(op);
  if (!domain.empty()) n.set_domain(domain);
  for (const std::string& name : inputs) n.add_input(name);
  for (const std::string& name : outputs) n.add_output(name);
  for (onnx::AttributeProto& a : attributes) *n.add_attribute() = std::move(a);
  n.set_name(is_function() ? outputs[0] : exporter_.fresh_node(op));
  return n;
}

std::string Scope::node(const std::string& op, const Names& inputs, Attributes attributes) {
  const std::string out = is_function() ? cat("t", next_++) : exporter_.fresh(op);
  add(op, inputs, {out}, std::move(attributes));
  return out;
}

std::string Scope::node(const std::string& op, const Names& inputs, Attributes attributes,
                        DType type, const std::vector<Expr>* shape) {
  const std::string out = node(op, inputs, std::move(attributes));
  static const std::vector<Expr> kScalar;
  note(out, exporter_.context().tensor(type, shape == nullptr ? kScalar : *shape));
  return out;
}

std::string Scope::constant(Expr e) {
  if (e->op == Op::imm) {
    const double value = ir::is_float(e->dtype()) ? e->float_attr(Key::value)
                                                  : static_cast<double>(e->int_attr(Key::value));
    if (!ir::is_float(e->dtype()) && e->dtype() == DType::i64) return integer(e);
    return values_[e] = {scalar(e->dtype(), value)}, values_[e][0];
  }
  if (is_function()) {
    onnx::AttributeProto a;
    a.set_name("value");
    a.set_type(onnx::AttributeProto::TENSOR);
    exporter_.fill(*a.mutable_t(), e);
    const std::string name = node("Constant", {}, {std::move(a)});
    values_[e] = {name};
    return name;
  }
  return exporter_.initializer(e);
}

std::string Scope::scalar(DType type, double value) {
  onnx::AttributeProto a;
  a.set_name("value");
  a.set_type(onnx::AttributeProto::TENSOR);
  onnx::TensorProto& t = *a.mutable_t();
  t.set_data_type(onnx_import::data_type_of(type));
  const uint64_t bits = ir::is_float(type) ? encode_float(type, value)
                                           : static_cast<uint64_t>(static_cast<int64_t>(value));
  t.set_raw_data(std::string(reinterpret_cast<const char*>(&bits), info(type).element_bytes));
  return node("Constant", {}, {std::move(a)}, type, nullptr);
}

std::string Scope::ints(const Ints& values) {
  const auto [at, fresh] = int_lists_.try_emplace(values);
  if (!fresh) return at->second;
  const std::string out = node("Constant", {}, {attribute("value_ints", values)});
  note(out, exporter_.context().tensor(DType::i64, {static_cast<int64_t>(values.size())}));
  kept_.insert(out);
  return at->second = out;
}

std::string Scope::size(Expr var) {
  if (const auto at = sources_.find(var); at != sources_.end()) {
    // Shape of one axis, as a tensor of rank 1, then its element.
    const auto [name, axis] = at->second;
    const std::string extent =
        node("Shape", {name}, {attribute("start", axis), attribute("end", axis + 1)});
    note(extent, exporter_.context().tensor(DType::i64, {1}));
    return node("Squeeze", {extent}, {}, DType::i64, nullptr);
  }
  if (const auto at = bound_.find(var); at != bound_.end()) {
    const auto [tensor, index] = at->second;
    const std::string flat = node("Reshape", {value(tensor), ints({-1})});
    const std::vector<Expr> line{ir::product(exporter_.context(), tensor->shape())};
    note(flat, exporter_.context().tensor(tensor->dtype(), line));
    const std::string picked =
        node("Gather", {flat, scalar(DType::i64, static_cast<double>(index))},
             {attribute("axis", int64_t{0})}, tensor->dtype(), nullptr);
    return node("Cast", {picked}, {attribute("to", int64_t{onnx::TensorProto::INT64})}, DType::i64,
                nullptr);
  }
  if (parent_ != nullptr) return parent_->integer(var);
  TENON_CHECK(is_function(), "a symbolic extent has no value: " + var->string_attr(Key::name));
  const std::string name = cat("size", size_inputs_.size());
  size_inputs_.push_back(var);
  return name;
}

std::string Scope::integer(Expr e) {
  if (const auto at = integers_.find(e); at != integers_.end()) return at->second;
  std::string name;
  if (e->op == Op::var) {
    name = size(e);
  } else if (const auto n = ir::as_int(e)) {
    if (e->dtype() == DType::boolean) {
      name = scalar(DType::boolean, static_cast<double>(*n));
    } else {
      name = node("Constant", {}, {attribute("value_int", *n)}, DType::i64, nullptr);
    }
  } else {
    name = exporter_.integer_node(*this, e);
  }
  kept_.insert(name);
  return integers_[e] = name;
}

std::string Scope::shape(const std::vector<Expr>& extents) {
  Ints known;
  for (Expr e : extents)
    if (const auto n = ir::as_int(e)) known.push_back(*n);
  if (known.size() == extents.size()) return ints(known);
  Names parts;
  for (Expr e : extents) {
    if (const auto n = ir::as_int(e)) {
      parts.push_back(ints({*n}));
      continue;
    }
    parts.push_back(node("Reshape", {integer(e), ints({1})}));
    note(parts.back(), exporter_.context().tensor(DType::i64, {1}));
  }
  if (parts.size() == 1) return parts[0];
  const std::string out = node("Concat", parts, {attribute("axis", int64_t{0})});
  note(out, exporter_.context().tensor(DType::i64, {static_cast<int64_t>(extents.size())}));
  return out;
}

}  // namespace tenon::onnx_export
