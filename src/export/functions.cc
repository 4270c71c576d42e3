// Nodes, the functions that kernels and composites become, branches and loops.
#include <cctype>

#include "export/exporter.h"
#include "interp/order.h"
#include "ir/expr.h"
#include "ir/text.h"
#include "support/check.h"
#include "support/text.h"

namespace tenon::onnx_export {

using ir::Key;
using ir::Op;

namespace {

void add_metadata(onnx::NodeProto& node, const std::string& key, std::string value) {
  auto& entry = *node.add_metadata_props();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

size_t field_count(Expr n) {
  return n->type->kind == ir::TypeKind::tuple ? n->type->fields.size() : 1;
}

Names names_for(Scope& scope, Expr n, const std::string& hint) {
  Names out;
  for (size_t i = 0; i < field_count(n); ++i) out.push_back(scope.name_for(n, hint, i));
  return out;
}

/// A letter, then letters, digits, _.
std::string identifier(const std::string& text) {
  std::string out;
  for (const char c : text) out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return out.empty() || std::isdigit(static_cast<unsigned char>(out[0])) != 0 ? "k" + out : out;
}

/// What ONNX has no operator for: attributes as text.
void emit_own(Scope& scope, Expr n) {
  Names inputs;
  for (Expr operand : n->operands) inputs.push_back(scope.value(operand));
  Attributes attributes;
  for (const ir::Attr& a : n->attrs) {
    const std::string key(ir::key_name(a.key));
    if (const auto* i = std::get_if<int64_t>(&a.value)) attributes.push_back(attribute(key, *i));
    if (const auto* l = std::get_if<Ints>(&a.value)) attributes.push_back(attribute(key, *l));
    if (const auto* t = std::get_if<std::string>(&a.value))
      attributes.push_back(attribute(key, *t));
    if (const auto* e = std::get_if<std::vector<Expr>>(&a.value)) {
      std::string text;
      for (Expr part : *e) text += (text.empty() ? "" : ", ") + ir::print(part);
      attributes.push_back(attribute(key, text));
    }
  }
  attributes.push_back(attribute("type", ir::print(n->type)));
  const std::string name(ir::info(n->op).name);
  const Names outputs = names_for(scope, n, name);
  scope.add(name, inputs, outputs, std::move(attributes), kOwnDomain);
  scope.put(n, outputs);
}

}  // namespace

void Exporter::emit(Scope& scope, Expr n) {
  if (n->op == Op::param || n->op == Op::constant || n->op == Op::imm || n->op == Op::var) return;
  if (n->op == Op::tuple) {
    Names fields;
    for (Expr operand : n->operands) fields.push_back(scope.value(operand));
    return scope.put(n, std::move(fields));
  }
  if (n->op == Op::get)
    return scope.finish(n,
                        scope.fields(n->operand(0))[static_cast<size_t>(n->int_attr(Key::index))]);
  if (n->op == Op::call_kernel) return call_kernel(scope, n);
  if (n->op == Op::call) return call_composite(scope, n);
  if (n->op == Op::if_) return if_node(scope, n);
  if (n->op == Op::loop) return loop_node(scope, n);
  if (emit_elementwise(scope, n) || emit_movement(scope, n) || emit_contraction(scope, n)) return;
  emit_own(scope, n);
}

void Exporter::emit_body(Scope& scope, const ir::Function& f) {
  for (const ir::Binding& b : f.bindings) scope.bind(b.var, b.tensor, b.index);
  for (Expr n : interp::evaluation_order(f).nodes) emit(scope, n);
}

/// A function that equals one that is there, but for its name, is that one.
Exporter::Made Exporter::function_of(const std::string& domain, const std::string& name,
                                     std::vector<Expr> inputs, const std::vector<Expr>& nodes,
                                     const std::vector<Expr>& outputs) {
  onnx::FunctionProto f;
  f.set_domain(domain);
  Scope scope(*this, f);
  for (size_t i = 0; i < inputs.size(); ++i) {
    f.add_input(cat("x", i));
    scope.put(inputs[i], {f.input(static_cast<int>(i))});
  }
  for (Expr out : outputs) {
    const std::string y = cat("y", f.output_size());
    if (out->type->is_tensor()) {
      f.add_output(y);
      scope.want(out, y);
      continue;
    }
    for (size_t i = 0; i < out->type->fields.size(); ++i) f.add_output(cat("y", f.output_size()));
  }
  for (Expr n : nodes) emit(scope, n);
  int at = 0;
  for (Expr out : outputs)
    for (const std::string& field : scope.fields(out)) {
      const std::string& y = f.output(at++);
      if (field != y) scope.add("Identity", {field}, {y});
    }
  for (size_t i = 0; i < scope.size_inputs().size(); ++i) f.add_input(cat("size", i));
  for (const auto& [imported, version] :
       {std::pair<const char*, int64_t>{"", opset_}, {kOwnDomain, 1}, {kCompositeDomain, 1}}) {
    auto& opset = *f.add_opset_import();
    opset.set_domain(imported);
    opset.set_version(version);
  }
  std::string text = f.SerializeAsString();
  const auto found = function_by_text_.find(text);
  if (found != function_by_text_.end()) return {found->second.name, scope.size_inputs()};
  Made made{identifier(name), scope.size_inputs()};
  for (int i = 2; !function_names_.insert(made.name).second; ++i)
    made.name = cat(identifier(name), "_", i);
  f.set_name(made.name);
  *model_.add_functions() = std::move(f);
  return function_by_text_.emplace(std::move(text), std::move(made)).first->second;
}

void Exporter::call_kernel(Scope& scope, Expr n) {
  const auto group = compilation_.groups.find(n->kernel_attr());
  const std::string& name = n->kernel_attr()->name;
  Names inputs;
  for (Expr operand : n->operands) inputs.push_back(scope.value(operand));
  std::string function = identifier(name);
  const char* domain = kOwnDomain;  // a kernel that was written by hand: nothing is known of it
  if (group != compilation_.groups.end()) {
    const auto& [reads, nodes, outputs] = group->second;
    const Made made = function_of(kKernelDomain, name, reads, nodes, outputs);
    for (Expr var : made.sizes) inputs.push_back(scope.integer(var));
    function = made.name;
    domain = kKernelDomain;
  }
  const Names outputs = names_for(scope, n, function);
  onnx::NodeProto& node = scope.add(function, inputs, outputs, {}, domain);
  add_metadata(node, "kernel", name);
  if (const std::string_view from = context().location(n); !from.empty())
    add_metadata(node, "from", std::string(from));
  if (const auto at = facts_.find(n); at != facts_.end())
    for (const auto& [key, value] : at->second) add_metadata(node, key, value);
  scope.put(n, outputs);
}

void Exporter::call_composite(Scope& scope, Expr n) {
  const ir::Function& f = *n->function_attr(Key::body);
  Names inputs;
  for (Expr operand : n->operands) inputs.push_back(scope.value(operand));
  const Made made = function_of(kCompositeDomain, n->string_attr(Key::name), f.params,
                                interp::evaluation_order(f).nodes, f.results);
  for (Expr var : made.sizes) inputs.push_back(scope.integer(var));
  const Names outputs = names_for(scope, n, made.name);
  scope.add(made.name, inputs, outputs, {}, kCompositeDomain);
  scope.put(n, outputs);
}

/// The body's nodes and outputs; its params have their names in `body` already.
void Exporter::fill_subgraph(Scope& body, onnx::GraphProto& graph, const ir::Function& f) {
  graph.set_name(fresh_node(f.name.empty() ? "body" : f.name));
  emit_body(body, f);
  for (Expr r : f.results) {
    // An output of a graph is made in it, and once.
    const std::string out = fresh("result");
    body.add("Identity", {body.value(r)}, {out});
    auto& info = *graph.add_output();
    info.set_name(out);
    set_type(*info.mutable_type(), r->type);
  }
}

void Exporter::if_node(Scope& scope, Expr n) {
  const std::string condition = scope.value(n->operand(0));
  Attributes attributes;
  for (const auto& [key, name] :
       {std::pair{Key::then, "then_branch"}, {Key::else_, "else_branch"}}) {
    const ir::Function& f = *n->function_attr(key);
    onnx::AttributeProto a;
    a.set_name(name);
    a.set_type(onnx::AttributeProto::GRAPH);
    Scope body(*this, *a.mutable_g(), &scope);
    for (size_t i = 0; i < f.params.size(); ++i)
      body.put(f.params[i], {scope.value(n->operand(i + 1))});
    fill_subgraph(body, *a.mutable_g(), f);
    attributes.push_back(std::move(a));
  }
  const Names outputs = names_for(scope, n, "if");
  scope.add("If", {condition}, outputs, std::move(attributes));
  scope.put(n, outputs);
}

void Exporter::loop_node(Scope& scope, Expr n) {
  const ir::Function& f = *n->function_attr(Key::body);
  const auto carried = static_cast<size_t>(n->int_attr(Key::carried));
  Names inputs;
  for (size_t i = 0; i < 2 + carried; ++i) inputs.push_back(scope.value(n->operand(i)));
  onnx::AttributeProto a;
  a.set_name("body");
  a.set_type(onnx::AttributeProto::GRAPH);
  onnx::GraphProto& graph = *a.mutable_g();
  Scope body(*this, graph, &scope);
  const auto add_input = [&](const std::string& name, Type type) {
    auto& info = *graph.add_input();
    info.set_name(name);
    set_type(*info.mutable_type(), type);
  };
  // The body's own params: the trip, then what is carried; between them ONNX has the condition.
  for (size_t i = 0; i <= carried; ++i) {
    const std::string name = fresh(i == 0 ? "trip" : "carried");
    add_input(name, f.params[i]->type);
    body.put(f.params[i], {name});
    if (i == 0) add_input(fresh("condition"), context().boolean());
  }
  for (size_t i = carried + 1; i < f.params.size(); ++i)
    body.put(f.params[i], {scope.value(n->operand(i + 1))});
  fill_subgraph(body, graph, f);
  const Names outputs = names_for(scope, n, "loop");
  scope.add("Loop", inputs, outputs, {std::move(a)});
  scope.put(n, outputs);
}

std::string Exporter::integer_node(Scope& s, Expr e) {
  Names x;
  for (Expr operand : e->operands) x.push_back(s.integer(operand));
  const auto node = [&](const char* op, const Names& inputs) {
    return s.node(op, inputs, {}, DType::i64, nullptr);
  };
  const auto test = [&](const char* op, const Names& inputs) {
    return s.node(op, inputs, {}, DType::boolean, nullptr);
  };
  switch (e->op) {
    case Op::add:
      return node("Add", x);
    case Op::sub:
      return node("Sub", x);
    case Op::mul:
      return node("Mul", x);
    case Op::min:
      return node("Min", x);
    case Op::max:
      return node("Max", x);
    case Op::mod:
      return node("Mod", x);
    case Op::div:
      return node("Div", x);
    case Op::floordiv:
      return node("Div", {node("Sub", {x[0], node("Mod", x)}), x[1]});
    case Op::select:
      return s.node("Where", x, {}, e->dtype(), nullptr);
    case Op::eq:
      return test("Equal", x);
    case Op::ne:
      return test("Not", {test("Equal", x)});
    case Op::lt:
      return test("Less", x);
    case Op::le:
      return test("LessOrEqual", x);
    case Op::gt:
      return test("Greater", x);
    case Op::ge:
      return test("GreaterOrEqual", x);
    case Op::and_:
      return test("And", x);
    case Op::or_:
      return test("Or", x);
    case Op::not_:
      return test("Not", x);
    default:
      TENON_CHECK(false, "no ONNX for an extent: " + ir::print(e));
      return "";
  }
}

}  // namespace tenon::onnx_export
