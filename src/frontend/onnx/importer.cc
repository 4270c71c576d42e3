// The model around the nodes: header, inputs with symbolic dimensions, initializers, outputs.
#include "frontend/onnx/importer.h"

#include <algorithm>

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
      {"onnx.dynamic_rank", "export the model with static ranks"},
      {"onnx.element_type", "convert the values to numbers before they enter the model"},
      {"onnx.if", "let both branches give tensors of the same types"},
      {"onnx.loop", "give the state a constant shape, for example by padding it"},
      {"onnx.optional", "export the model without optional values"},
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

}  // namespace

Importer::Importer(std::shared_ptr<Context> context, const ImportOptions& options, std::string file,
                   ExternalFiles* files)
    : context_(std::move(context)),
      b_(*context_),
      options_(options),
      file_(std::move(file)),
      files_(files),
      node_budget_(kNodeLimit) {}

void Importer::report(std::string code, std::string message) {
  if (problems_.size() >= kProblemLimit) {
    ++suppressed_;
    return;
  }
  if (message.find("; ") == std::string::npos) message += "; " + way_out(code);
  problems_.push_back({std::move(code), file_ + ": " + message});
}

std::optional<Imported> Importer::model(onnx::ModelProto& proto) {
  Frame frame;
  Scope scope;
  scope.frame = &frame;
  b_.facts = &frame.facts;
  if (!read_header(proto, scope)) return std::nullopt;
  read_functions(proto);
  auto function = std::make_unique<ir::Function>();
  function->name = proto.graph().name().empty() ? "model" : proto.graph().name();
  onnx::GraphProto& graph = *proto.mutable_graph();
  read_initializers(graph, scope);
  read_inputs(graph, scope, *function);
  node_budget_ += graph.node_size();
  nodes(scope, graph.node());
  read_outputs(graph, scope, *function);
  if (suppressed_ > 0)
    problems_.push_back(
        {"onnx.more", file_ + ": and " + std::to_string(suppressed_) + " more problems"});
  if (!problems_.empty()) return std::nullopt;

  function->bindings = std::move(frame.facts.bindings);
  function->guards = std::move(frame.facts.guards);
  Imported out;
  out.context = context_;
  out.function = context_->add(std::move(function));
  out.symbols = std::move(symbols_);
  out.specialized = std::move(specialized_);
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
      ops::Tensor scalar{data->dtype, {}, {data->bytes, data->bytes + data->size}};
      value = b_.constant(scalar);
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

Expr Importer::symbol(const std::string& name) {
  if (const auto fixed = options_.dims.find(name); fixed != options_.dims.end())
    return context_->i64(fixed->second);
  Expr& var = symbols_by_name_[name];
  if (var == nullptr) {
    var = context_->var(name);
    symbols_.emplace_back(name, var);
  }
  return var;
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
      shape.push_back(
          symbol(dim.dim_param().empty() ? input.name() + ".d" + axis : dim.dim_param()));
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
      // An initializer of the same name is the input's default: it is a constant here.
      const bool again = have->second != nullptr && have->second->op == Op::param;
      if (again) report("onnx.duplicate", "input '" + name + "' is defined twice");
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
  if (value == options_.input_values.end()) return nullptr;
  if (std::find(specialized_.begin(), specialized_.end(), name->second) == specialized_.end())
    specialized_.push_back(name->second);
  return &value->second;
}

}  // namespace tenon::onnx_import
