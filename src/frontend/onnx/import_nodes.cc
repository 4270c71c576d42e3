// Nodes one by one: finds what converts each, gathers its operands, and goes on past a bad one.
#include <algorithm>
#include <exception>

#include "frontend/onnx/importer.h"
#include "frontend/onnx/operands.h"
#include "support/check.h"

namespace tenon::onnx_import {
namespace {

/// Nesting of subgraphs and functions; recursion here follows it.
constexpr int kDepthLimit = 48;

std::string plain_domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

/// Replaces attributes that refer to the caller's by those, in subgraphs too; one that the caller
/// lacks disappears.
void resolve_references(NodeList& list,
                        const std::unordered_map<std::string, const onnx::AttributeProto*>& given) {
  for (onnx::NodeProto& node : list) {
    auto& attributes = *node.mutable_attribute();
    for (int i = attributes.size(); i-- > 0;) {
      onnx::AttributeProto& attribute = attributes[i];
      if (!attribute.ref_attr_name().empty()) {
        const auto found = given.find(attribute.ref_attr_name());
        if (found == given.end()) {
          attributes.DeleteSubrange(i, 1);
          continue;
        }
        const std::string name = attribute.name();
        attribute = *found->second;
        attribute.set_name(name);
      } else if (attribute.has_g()) {
        resolve_references(*attribute.mutable_g()->mutable_node(), given);
      }
    }
  }
}

}  // namespace

std::string Importer::describe(const Scope& scope, const onnx::NodeProto& node) const {
  std::string name = scope.path + node.name();
  if (node.name().empty()) {
    name = scope.path;
    for (const std::string& output : node.output())
      if (!output.empty()) {
        name += "-> " + output;
        break;
      }
  }
  const std::string domain = plain_domain(node.domain());
  const auto opset = scope.opsets.find(domain);
  std::string text =
      "node '" + name + "' (" + (domain.empty() ? "" : domain + ".") + node.op_type();
  if (opset != scope.opsets.end()) text += ", opset " + std::to_string(opset->second);
  return text + ")";
}

void Importer::report_node(const Scope& scope, const onnx::NodeProto& node,
                           const Diagnostic& diagnostic) {
  report(diagnostic.code, describe(scope, node) + ": " + diagnostic.message);
}

void Importer::nodes(Scope& scope, const NodeList& list, const Names& outputs) {
  const NodePointers ordered = in_order(list);
  for (size_t i = 0; i < ordered.size(); ++i) {
    if (ordered[i] == &list[static_cast<int>(i)]) continue;
    warnings_.push_back(file_ + ": " + describe(scope, *ordered[i]) +
                        " stands behind a node that reads what it gives; the nodes are sorted");
    break;
  }
  nodes(scope, ordered, outputs);
}

void Importer::nodes(Scope& scope, const NodePointers& list, const Names& outputs) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (--node_budget_ < 0) {
      if (node_budget_ == -1)
        report("onnx.size", "functions and subgraphs expand to too many nodes");
      return;
    }
    if (!node(scope, *list[i])) return branch(scope, list, i, outputs);
  }
}

std::optional<Importer::Target> Importer::resolve(const Scope& scope,
                                                  const onnx::NodeProto& proto) {
  const std::string domain = plain_domain(proto.domain());
  Target target;
  for (const CustomOperator& custom : options_.operators)
    if (plain_domain(custom.domain) == domain && custom.name == proto.op_type()) {
      target.custom = &custom;
      return target;
    }
  const auto function = functions_.find(domain + ":" + proto.op_type() + ":" + proto.overload());
  if (function != functions_.end()) {
    target.function = function->second;
    return target;
  }
  const auto refuse_operator = [&](const std::string& code, const std::string& why) {
    report_node(scope, proto, {code, why});
    return std::nullopt;
  };
  const auto opset = scope.opsets.find(domain);
  if (!is_known_operator(domain, proto.op_type()))
    return refuse_operator(
        "onnx.unknown_operator",
        domain.empty() ? "there is no such operator"
                       : "domain '" + domain + "' has no operator of this name that is supported");
  if (opset == scope.opsets.end())
    return refuse_operator("onnx.opset", "the model imports no opset of domain '" + domain + "'");
  target.schema = find_schema(domain, proto.op_type(), opset->second);
  if (target.schema == nullptr)
    return refuse_operator("onnx.unknown_operator",
                           "the operator does not exist yet in this opset");
  target.row = find_converter(domain, proto.op_type());
  if (target.row != nullptr) return target;
  target.function = schema_function(*target.schema);
  if (target.function == nullptr)
    return refuse_operator("onnx.unsupported_operator", "the operator is not supported yet");
  return target;
}

const onnx::FunctionProto* Importer::schema_function(const Schema& schema) {
  if (schema.body < 0) return nullptr;
  auto& parsed = schema_functions_[&schema];
  if (parsed == nullptr) {
    parsed = std::make_unique<onnx::FunctionProto>();
    const std::string_view bytes = schema_tables().bodies[static_cast<size_t>(schema.body)];
    const bool ok = parsed->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    TENON_CHECK(ok, "function body of an operator schema does not parse");
  }
  return parsed.get();
}

bool Importer::check_against_schema(const Scope& scope, const onnx::NodeProto& proto,
                                    const Schema& schema) {
  int inputs = proto.input_size();
  while (inputs > 0 && proto.input(inputs - 1).empty()) --inputs;
  const auto bad = [&](const std::string& code, const std::string& what) {
    report_node(scope, proto, {code, what});
    return false;
  };
  const auto range = [](int lo, int hi) {
    if (hi < 0) return std::to_string(lo) + " or more";
    return lo == hi ? std::to_string(lo) : std::to_string(lo) + " to " + std::to_string(hi);
  };
  if (proto.input_size() < schema.min_inputs ||
      (schema.max_inputs >= 0 && inputs > schema.max_inputs))
    return bad("onnx.input", "takes " + range(schema.min_inputs, schema.max_inputs) +
                                 " inputs, has " + std::to_string(inputs));
  if (schema.max_outputs >= 0 && proto.output_size() > schema.max_outputs)
    return bad("onnx.output", "gives " + range(schema.min_outputs, schema.max_outputs) +
                                  " outputs, " + std::to_string(proto.output_size()) +
                                  " are named");
  bool good = true;
  for (const SchemaAttribute& attribute : attributes_of(schema)) {
    const auto& given = proto.attribute();
    if (attribute.required && std::none_of(given.begin(), given.end(), [&](const auto& a) {
          return a.name() == attribute.name;
        }))
      good = bad("onnx.attribute", "attribute '" + std::string(attribute.name) + "' is missing");
  }
  for (const auto& attribute : proto.attribute()) {
    const auto known = attributes_of(schema);
    const auto found = std::find_if(known.begin(), known.end(), [&](const SchemaAttribute& a) {
      return a.name == attribute.name();
    });
    if (found == known.end())
      good =
          bad("onnx.attribute", "attribute '" + attribute.name() + "' does not exist in version " +
                                    std::to_string(schema.since_version) + " of the operator");
  }
  return good;
}

/// Looks for unsupported operators inside the graphs of a node that cannot be converted itself.
void Importer::check_graphs(const Scope& scope, const onnx::NodeProto& proto, int depth) {
  if (depth > kDepthLimit) return;
  for (const auto& attribute : proto.attribute())
    for (const auto& inner : attribute.g().node()) {
      (void)resolve(scope, inner);
      check_graphs(scope, inner, depth + 1);
    }
}

bool Importer::node(Scope& scope, const onnx::NodeProto& proto) {
  const auto target = resolve(scope, proto);
  bool good = target.has_value();
  if (good && target->schema != nullptr) good = check_against_schema(scope, proto, *target->schema);
  Exprs operands;
  for (const std::string& name : proto.input()) {
    if (name.empty()) {
      operands.push_back(nullptr);
      continue;
    }
    const auto value = lookup(scope, name);
    if (!value) {
      report_node(scope, proto,
                  {"onnx.undefined",
                   "reads '" + name + "', which no earlier node, input or initializer gives"});
      good = false;
    }
    good = good && value && *value != nullptr;
    operands.push_back(value.value_or(nullptr));
  }
  if (good && target->schema != nullptr)
    for (const Diagnostic& problem : operand_problems(*target->schema, operands)) {
      report_node(scope, proto, problem);
      good = false;
    }
  if (!good) {
    check_graphs(scope, proto, 0);
    define(scope, proto, {});
    return true;
  }
  b_.location = scope.path + (proto.name().empty() ? (proto.output().empty() ? "" : proto.output(0))
                                                   : proto.name());
  b_.name = proto.output().empty() ? proto.name() : proto.output(0);
  Exprs results;
  Call call(*this, b_, scope, proto, target->schema, std::move(operands));
  try {
    results = target->custom != nullptr ? apply(call, *target->custom)
              : target->row != nullptr  ? target->row->convert(call)
                                        : expand(call, *target->function);
    for (int i = 0; i < proto.output_size(); ++i)
      if (!proto.output(i).empty() &&
          (i >= static_cast<int>(results.size()) || results[static_cast<size_t>(i)] == nullptr))
        refuse("onnx.output",
               "output " + std::to_string(i) + " ('" + proto.output(i) + "') is not supported");
  } catch (const RankConflict&) {
    return false;
  } catch (const ConvertError& error) {
    for (const Diagnostic& d : error.diagnostics) report_node(scope, proto, d);
    results.clear();
  } catch (const std::exception& error) {  // of the standard library: a count that does not fit
    report_node(scope, proto,
                {"onnx.malformed", std::string("cannot be converted: ") + error.what()});
    results.clear();
  }
  define(scope, proto, results);
  return true;
}

void Importer::define(Scope& scope, const onnx::NodeProto& proto, const Exprs& results) {
  for (int i = 0; i < proto.output_size(); ++i) {
    const std::string& name = proto.output(i);
    if (name.empty()) continue;
    const auto at = static_cast<size_t>(i);
    if (!scope.values.emplace(name, at < results.size() ? results[at] : nullptr).second)
      report_node(scope, proto,
                  {"onnx.duplicate", "gives '" + name + "', which is defined already"});
  }
}

std::optional<Expr> Importer::lookup(Scope& scope, const std::string& name) {
  for (Scope* s = &scope; s != nullptr; s = s->parent) {
    const auto found = s->values.find(name);
    if (found == s->values.end()) continue;
    return found->second == nullptr ? nullptr : bring(s->frame, scope.frame, found->second);
  }
  return std::nullopt;
}

Expr Importer::bring(Frame* from, Frame* to, Expr value) {
  if (from == to) return value;
  TENON_CHECK(to != nullptr, "a scope's frame is not inside that of its parent");
  return capture(*to, bring(from, to->parent, value));
}

Expr Importer::capture(Frame& frame, Expr outer) {
  if (b_.is_closed(outer)) return outer;
  const auto found = std::find(frame.outer.begin(), frame.outer.end(), outer);
  if (found != frame.outer.end())
    return frame.inner[static_cast<size_t>(found - frame.outer.begin())];
  const Expr inner = context_->param("captured" + std::to_string(frame.outer.size()), outer->type);
  if (const Elements* known = b_.elements(outer)) b_.set_elements(inner, *known);
  if (const auto name = params_.find(outer); name != params_.end())
    params_[inner] = std::string(name->second);
  frame.outer.push_back(outer);
  frame.inner.push_back(inner);
  return inner;
}

Exprs Importer::body(Scope& outer, Frame& frame, const onnx::GraphProto& graph,
                     const Exprs& formals) {
  if (depth_ >= kDepthLimit) refuse("onnx.depth", "subgraphs and functions are nested too deeply");
  if (static_cast<size_t>(graph.input_size()) != formals.size())
    refuse("onnx.subgraph", "the body takes " + std::to_string(graph.input_size()) + " inputs, " +
                                std::to_string(formals.size()) + " are given");
  Scope scope{&outer, &frame, {}, outer.opsets, outer.path};
  auto* const saved_facts = b_.facts;
  const std::string saved_location = b_.location;
  const std::string saved_name = b_.name;
  ++depth_;
  b_.facts = &frame.facts;
  onnx::GraphProto initializers;  // taking data out of a tensor needs one of our own
  *initializers.mutable_initializer() = graph.initializer();
  *initializers.mutable_sparse_initializer() = graph.sparse_initializer();
  const size_t before = problems_.size() + suppressed_;
  read_initializers(initializers, scope);
  for (size_t i = 0; i < formals.size(); ++i)
    scope.values[graph.input(static_cast<int>(i)).name()] = formals[i];
  Names outputs;
  for (const auto& output : graph.output()) outputs.insert(output.name());
  nodes(scope, graph.node(), outputs);
  Exprs results;
  bool good = true;
  for (const auto& output : graph.output()) {
    const auto value = lookup(scope, output.name());
    if (!value && node_budget_ >= 0)
      report("onnx.output",
             "subgraph '" + graph.name() + "' has no value '" + output.name() + "' to give");
    good = good && value && *value != nullptr;
    results.push_back(value.value_or(nullptr));
  }
  --depth_;
  b_.facts = saved_facts;
  b_.location = saved_location;
  b_.name = saved_name;
  if (!good || problems_.size() + suppressed_ > before) throw ConvertError{};
  return results;
}

const ir::Function* Importer::finish(Frame& frame, std::string name, Exprs params, Exprs results) {
  auto function = std::make_unique<ir::Function>();
  function->name = std::move(name);
  function->params = std::move(params);
  function->results = std::move(results);
  function->bindings = std::move(frame.facts.bindings);
  function->guards = std::move(frame.facts.guards);
  return context_->add(std::move(function));
}

bool Importer::attempt(const std::function<void()>& convert) {
  const size_t problems = problems_.size();
  const size_t suppressed = suppressed_;
  try {
    convert();
    return true;
  } catch (const ConvertError&) {
    forget(problems, suppressed);
    return false;
  }
}

Exprs Importer::expand(Call& call, const onnx::FunctionProto& function) {
  const bool again = std::find(expanding_.begin(), expanding_.end(), &function) != expanding_.end();
  if (again && call.schema == nullptr)
    refuse("onnx.recursion", "function '" + function.name() + "' calls itself");
  if (depth_ >= kDepthLimit) refuse("onnx.depth", "subgraphs and functions are nested too deeply");
  if (call.node.input_size() > function.input_size())
    refuse("onnx.input", "the function takes " + std::to_string(function.input_size()) +
                             " inputs, has " + std::to_string(call.node.input_size()));
  std::unordered_map<std::string, const onnx::AttributeProto*> given;
  for (const auto& attribute : function.attribute_proto()) given[attribute.name()] = &attribute;
  onnx::NodeProto defaults;
  if (call.schema != nullptr)
    for (const SchemaAttribute& attribute : attributes_of(*call.schema)) {
      if (attribute.default_value.empty()) continue;
      auto* proto = defaults.add_attribute();
      (void)proto->ParseFromArray(attribute.default_value.data(),
                                  static_cast<int>(attribute.default_value.size()));
    }
  for (const auto& attribute : defaults.attribute()) given[attribute.name()] = &attribute;
  for (const auto& attribute : call.node.attribute()) given[attribute.name()] = &attribute;
  onnx::FunctionProto copy = function;
  resolve_references(*copy.mutable_node(), given);

  Scope scope{nullptr, call.scope.frame, {}, {}, ""};
  scope.path =
      call.scope.path + (call.node.name().empty() ? function.name() : call.node.name()) + "/";
  for (const auto& import : function.opset_import())
    scope.opsets[plain_domain(import.domain())] = import.version();
  for (int i = 0; i < function.input_size(); ++i) {
    const Expr value = call.opt(static_cast<size_t>(i));
    if (value != nullptr) scope.values[function.input(i)] = value;
  }
  // An absent optional operand reads as absent inside too.
  for (onnx::NodeProto& inner : *copy.mutable_node())
    for (std::string& name : *inner.mutable_input())
      for (int i = 0; i < function.input_size(); ++i)
        if (name == function.input(i) && call.opt(static_cast<size_t>(i)) == nullptr) name.clear();
  const std::string saved_location = b_.location;
  const std::string saved_name = b_.name;
  const size_t before = problems_.size() + suppressed_;
  ++depth_;
  expanding_.push_back(&function);
  nodes(scope, copy.node(), Names(function.output().begin(), function.output().end()));
  expanding_.pop_back();
  --depth_;
  b_.location = saved_location;
  b_.name = saved_name;
  if (problems_.size() + suppressed_ > before) throw ConvertError{};
  Exprs results;
  for (const std::string& output : function.output()) {
    const auto found = scope.values.find(output);
    if (found == scope.values.end())
      refuse("onnx.output",
             "function '" + function.name() + "' does not produce its output '" + output + "'");
    results.push_back(found->second);
  }
  return results;
}

}  // namespace tenon::onnx_import
