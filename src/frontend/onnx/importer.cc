// The model around the nodes: header, inputs with symbolic dimensions, initializers, outputs.
#include "frontend/onnx/importer.h"

#include <algorithm>
#include <unordered_set>

#include "ir/default_value.h"
#include "ops/tensor.h"
#include "ops/unpacked.h"
#include "ops/verify.h"
#include "ops/walk.h"
#include "support/check.h"

namespace tenon::onnx_import {
namespace {

constexpr int64_t kOldestOpset = 1;
constexpr size_t kProblemLimit = 200;
/// Nodes that functions may expand to, so that a small file cannot ask for an endless graph.
constexpr int64_t kNodeLimit = 300'000;

std::string plain_domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::string type_kind(const onnx::TypeProto& type) {
  switch (type.value_case()) {
    case onnx::TypeProto::kSequenceType:
      return "a sequence";
    case onnx::TypeProto::kMapType:
      return "a map";
    case onnx::TypeProto::kOptionalType:
      return "an optional";
    case onnx::TypeProto::kSparseTensorType:
      return "a sparse tensor";
    case onnx::TypeProto::kOpaqueType:
      return "an opaque value";
    default:
      return "of an unknown type";
  }
}

/// What to do about a problem, for messages that do not say it themselves.
std::string way_out(const std::string& code) {
  static const std::unordered_map<std::string, std::string> table{
      {"onnx.custom_operator", "correct the text that defines the operator"},
      {"onnx.dynamic_rank", "export the model with static ranks"},
      {"onnx.element_type", "convert the values to numbers before they enter the model"},
      {"onnx.if", "let both branches give tensors of the same types"},
      {"onnx.loop", "give the state a constant shape, for example by padding it"},
      {"onnx.optional", "export the model without optional values"},
      {"onnx.reshape", "give an extent for each axis that the input declares"},
      {"onnx.scan", "export the model with opset 9 or newer"},
      {"onnx.size", "remove the repetition from functions and subgraphs"},
      {"onnx.sparse", "save the tensor as a dense one"},
      {"onnx.unknown_operator", "export the model with operators of its opset"},
      {"onnx.unknown_rank", "run onnx.shape_inference or export the model with shapes"},
      {"onnx.unsupported_operator", "replace the node by others before the export"},
  };
  const auto found = table.find(code);
  return found == table.end() ? "check the model with onnx.checker, or export it again"
                              : found->second;
}

/// Whether an initializer that is also an input is a default that a caller may override. Up to IR
/// version 3 every initializer had to be an input; exporters that still list all of them list
/// their weights (docs/decisions/0009-defaults-of-inputs.md).
bool honours_defaults(const onnx::ModelProto& proto) {
  constexpr uint64_t kWeights = 64 * 1024;
  if (proto.ir_version() < 4) return false;
  std::unordered_set<std::string> inputs;
  for (const auto& input : proto.graph().input()) inputs.insert(input.name());
  uint64_t bytes = 0;
  for (const auto& tensor : proto.graph().initializer()) {
    if (!inputs.contains(tensor.name())) return true;
    uint64_t count = 4;
    for (const int64_t d : tensor.dims())
      if (d < 0 || __builtin_mul_overflow(count, static_cast<uint64_t>(d), &count)) return false;
    if (__builtin_add_overflow(bytes, count, &bytes)) return false;
  }
  return bytes <= kWeights;
}

/// Conditions that the nodes of a function, and of the bodies in it, take to hold.
void collect_conditions(Context& c, const ir::Function& f, std::vector<Expr>& conditions,
                        std::unordered_set<const ir::Function*>& seen) {
  if (!seen.insert(&f).second) return;
  for (const ir::Guard& g : f.guards) conditions.push_back(g.condition);
  for (Expr n : ops::value_order(f)) {
    (void)ops::relied_on(c, n, conditions);
    for (const Attr& a : n->attrs)
      if (const auto* body = std::get_if<const ir::Function*>(&a.value))
        collect_conditions(c, **body, conditions, seen);
  }
}

}  // namespace

Importer::Importer(std::shared_ptr<Context> context, const ImportOptions& options, std::string file,
                   ExternalFiles* files)
    : context_(std::move(context)),
      b_(*context_),
      options_(options),
      file_(std::move(file)),
      files_(files),
      symbols_(*context_, options.dims) {
  b_.symbols = &symbols_;
}

void Importer::report(std::string code, std::string message) {
  if (problems_.size() >= kProblemLimit) {
    ++suppressed_;
    return;
  }
  if (message.find("; ") == std::string::npos) message += "; " + way_out(code);
  problems_.push_back({std::move(code), file_ + ": " + message});
}

void Importer::forget(size_t problems, size_t suppressed) {
  problems_.resize(problems);
  suppressed_ = suppressed;
}

std::unique_ptr<ir::Function> Importer::main_graph(const onnx::GraphProto& graph,
                                                   const Scope& initialized) {
  Frame frame;
  Scope scope = initialized;
  scope.frame = &frame;
  b_.facts = &frame.facts;
  node_budget_ = kNodeLimit + graph.node_size();
  params_.clear();
  specialized_.clear();
  warnings_.clear();
  auto function = std::make_unique<ir::Function>();
  function->name = graph.name().empty() ? "model" : graph.name();
  read_inputs(graph, scope, *function);
  Names outputs;
  for (const auto& output : graph.output()) outputs.insert(output.name());
  nodes(scope, graph.node(), outputs);
  read_outputs(graph, scope, *function);
  function->bindings = std::move(frame.facts.bindings);
  function->guards = std::move(frame.facts.guards);
  return function;
}

std::optional<Imported> Importer::model(onnx::ModelProto& proto) {
  Scope scope;
  if (!read_header(proto, scope)) return std::nullopt;
  read_functions(proto);
  onnx::GraphProto& graph = *proto.mutable_graph();
  read_initializers(graph, scope);
  reshape_inputs(graph);
  has_defaults_ = honours_defaults(proto);
  const size_t problems = problems_.size();
  const size_t suppressed = suppressed_;
  auto function = main_graph(graph, scope);
  for (size_t pinned = 0; pinned != pinned_.size(); function = main_graph(graph, scope)) {
    pinned = pinned_.size();
    forget(problems, suppressed);
    symbols_.restart();
  }
  // Axes that share a name are one where operators need it, which the first import finds out.
  if (!symbols_.hints().empty()) {
    bool again = problems_.size() + suppressed_ > problems + suppressed;
    if (again) {
      symbols_.join_all();
    } else {
      std::vector<Expr> conditions;
      std::unordered_set<const ir::Function*> seen;
      collect_conditions(*context_, *function, conditions, seen);
      again = symbols_.join(conditions);
    }
    if (again) {
      forget(problems, suppressed);
      symbols_.restart();
      function = main_graph(graph, scope);
    }
  }
  // Where an attempt met the limit, its own report was taken back.
  if (node_budget_ < 0 && std::none_of(
                              problems_.begin(), problems_.end(),
                              [](const Diagnostic& d) { return d.code == "onnx.size"; }))
    report("onnx.size",
           "functions, subgraphs and branches of different ranks expand to too many nodes");
  if (suppressed_ > 0)
    problems_.push_back(
        {"onnx.more", file_ + ": and " + std::to_string(suppressed_) + " more problems"});
  if (!problems_.empty()) return std::nullopt;

  Imported out;
  out.context = context_;
  out.function = context_->add(std::move(function));
  out.symbols = symbols_.all();
  out.specialized = std::move(specialized_);
  out.warnings = std::move(warnings_);
  out.graph_name = proto.graph().name();
  out.producer_name = proto.producer_name();
  out.producer_version = proto.producer_version();
  out.ir_version = proto.ir_version();
  out.opset = scope.opsets.contains("") ? scope.opsets[""] : 0;
  return out;
}

bool Importer::read_header(const onnx::ModelProto& proto, Scope& scope) {
  for (const auto& import : proto.opset_import()) {
    const std::string domain = plain_domain(import.domain());
    if (scope.opsets.contains(domain) && scope.opsets[domain] != import.version())
      report("onnx.opset", "two versions of the operators of domain '" + domain + "' are imported");
    scope.opsets[domain] = import.version();
  }
  const auto standard = scope.opsets.find("");
  if (standard == scope.opsets.end()) return true;
  const int newest = schema_tables().newest_opset;
  if (standard->second > newest)
    report("onnx.opset",
           "opset " + std::to_string(standard->second) + " is newer than " +
               std::to_string(newest) +
               ", the newest that this build knows; export the model with an older opset");
  if (standard->second < kOldestOpset)
    report("onnx.opset", "opset " + std::to_string(standard->second) + " is older than " +
                             std::to_string(kOldestOpset) +
                             "; convert the model with onnx.version_converter");
  return problems_.empty();
}

void Importer::read_functions(const onnx::ModelProto& proto) {
  for (const auto& function : proto.functions()) {
    const std::string key =
        plain_domain(function.domain()) + ":" + function.name() + ":" + function.overload();
    if (!functions_.emplace(key, &function).second)
      report("onnx.duplicate", "function '" + function.name() + "' of domain '" +
                                   function.domain() + "' is defined twice");
  }
}

void Importer::read_initializers(onnx::GraphProto& graph, Scope& scope) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) {
    const std::string name = tensor.name();
    if (name.empty()) {
      report("onnx.initializer", "an initializer has no name");
      continue;
    }
    if (scope.values.contains(name)) {
      report("onnx.duplicate", "initializer '" + name + "' is defined twice");
      continue;
    }
    Expr& value = scope.values[name];
    value = nullptr;
    auto data = take_tensor(tensor, files_);
    if (!data) {
      for (Diagnostic& d : data.error().diagnostics) report(d.code, d.message);
      continue;
    }
    const Type type = context_->tensor(data->dtype, b_.i64s(data->shape));
    if (data->shape.empty()) {
      value = b_.constant(ops::unpacked(data->dtype, {}, data->bytes));
    } else {
      value = context_->constant(type, data->bytes, data->size, name, data->owner);
    }
  }
  for (const auto& sparse : graph.sparse_initializer()) {
    report("onnx.sparse",
           "initializer '" + sparse.values().name() + "' is sparse, which is not supported");
    scope.values[sparse.values().name()] = nullptr;
  }
}

std::optional<Exprs> Importer::read_shape(const onnx::ValueInfoProto& input) {
  const auto& tensor = input.type().tensor_type();
  if (!tensor.has_shape()) {
    report("onnx.unknown_rank",
           "input '" + input.name() + "' has no shape; its rank must be known");
    return std::nullopt;
  }
  Exprs shape;
  for (const auto& dim : tensor.shape().dim()) {
    const std::string axis = std::to_string(shape.size());
    if (dim.has_dim_value() && dim.dim_value() < -1) {
      report("onnx.shape", "input '" + input.name() + "' has extent " +
                               std::to_string(dim.dim_value()) + " on axis " + axis);
      return std::nullopt;
    }
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      shape.push_back(context_->i64(dim.dim_value()));
    } else {
      shape.push_back(symbols_.extent(input.name(), shape.size(), dim.dim_param()));
    }
  }
  return shape;
}

void Importer::read_inputs(const onnx::GraphProto& graph, Scope& scope, ir::Function& function) {
  for (const auto& input : graph.input()) {
    const std::string& name = input.name();
    if (name.empty()) {
      report("onnx.input", "an input has no name");
      continue;
    }
    if (const auto have = scope.values.find(name); have != scope.values.end()) {
      const bool again = have->second != nullptr && have->second->op == Op::param;
      if (again) {
        report("onnx.duplicate", "input '" + name + "' is defined twice");
      } else if (has_defaults_ && have->second != nullptr && !pinned_.contains(name)) {
        read_default(input, have->second, function);
      }
      continue;
    }
    Expr& value = scope.values[name];
    value = nullptr;
    if (!input.type().has_tensor_type()) {
      report("onnx.type",
             "input '" + name + "' is " + type_kind(input.type()) + ", which is not supported");
      continue;
    }
    const auto dtype = dtype_of(input.type().tensor_type().elem_type());
    if (!dtype) {
      report("onnx.element_type", "input '" + name + "' has elements of type " +
                                      data_type_name(input.type().tensor_type().elem_type()) +
                                      ", which are not supported");
      continue;
    }
    const auto shape = read_shape(input);
    if (!shape) continue;
    value = context_->param(name, context_->tensor(*dtype, *shape));
    params_[value] = name;
    function.params.push_back(value);
  }
}

/// An initializer that is also an input is its default.
void Importer::read_default(const onnx::ValueInfoProto& input, Expr& value,
                            ir::Function& function) {
  if (dtype_of(input.type().tensor_type().elem_type()) != value->dtype()) {
    report("onnx.type", "input '" + input.name() + "' has a default of another element type, " +
                            std::string(ir::info(value->dtype()).name));
    return;
  }
  if (value->op != Op::constant) value = ops::constant_of(*context_, ops::tensor_of(value));
  value = ir::param_with_default(*context_, input.name(), value->type, *value->constant_attr());
  params_[value] = input.name();
  defaults_.insert(input.name());
  function.params.push_back(value);
}

void Importer::read_outputs(const onnx::GraphProto& graph, Scope& scope, ir::Function& function) {
  if (graph.output().empty()) report("onnx.output", "the model has no outputs");
  for (const auto& output : graph.output()) {
    const auto value = lookup(scope, output.name());
    if (!value) {
      report("onnx.output", "output '" + output.name() + "' is not produced by any node");
      continue;
    }
    if (*value == nullptr) continue;
    if (std::find(function.result_names.begin(), function.result_names.end(), output.name()) !=
        function.result_names.end())
      report("onnx.duplicate", "output '" + output.name() + "' is listed twice");
    function.results.push_back(*value);
    function.result_names.push_back(output.name());
  }
}

const ops::Tensor* Importer::input_value(Expr param) {
  const auto name = params_.find(param);
  if (name == params_.end()) return nullptr;
  const auto value = options_.input_values.find(name->second);
  if (value == options_.input_values.end()) {
    // A default that decides axes or ranks is a constant, in another import.
    if (defaults_.contains(name->second)) pinned_.insert(name->second);
    return nullptr;
  }
  if (std::find(specialized_.begin(), specialized_.end(), name->second) == specialized_.end())
    specialized_.push_back(name->second);
  return &value->second;
}

}  // namespace tenon::onnx_import
