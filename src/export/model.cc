// The model as a whole: inputs, outputs, constants, and its file.
#include <algorithm>
#include <filesystem>

#include "compiler/contain.h"
#include "export/exporter.h"
#include "frontend/onnx/tensor_proto.h"
#include "interp/order.h"
#include "ir/default_value.h"
#include "ir/expr.h"
#include "ir/param_role.h"
#include "ir/text.h"
#include "support/file.h"
#include "support/text.h"

namespace tenon::onnx_export {

using ir::Key;
using ir::Op;

namespace {

/// Of constants that go to a file of their own where one is needed.
constexpr uint64_t kLarge = 1 << 16;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

Exporter::Exporter(const compiler::Compilation& compilation, const FactsOfCalls& facts)
    : compilation_(compilation), facts_(facts) {
  // Value names of the model stay its own; others make way.
  for (Expr p : compilation.function.params) names_.insert(p->string_attr(Key::name));
  for (size_t i = 0; i < compilation.function.results.size(); ++i) names_.insert(output_name(i));
}

std::string Exporter::fresh(const std::string& hint) {
  std::string name = hint;
  while (!names_.insert(name).second) name = cat(hint, "_", ++next_name_[hint]);
  return name;
}

std::string Exporter::fresh_node(const std::string& hint) {
  std::string name = hint;
  for (size_t& i = next_name_["node " + hint]; !node_names_.insert(name).second;)
    name = cat(hint, "_", ++i);
  return name;
}

/// An output with the name of a param is its next value; ONNX has each name once.
std::string Exporter::output_name(size_t result) const {
  const ir::Function& f = compilation_.function;
  std::string name =
      result < f.result_names.size() ? f.result_names[result] : cat("output", result);
  for (Expr p : f.params)
    if (p->string_attr(Key::name) == name) return name + "_next";
  return name;
}

std::string Exporter::initializer(Expr e) {
  const auto [at, is_new] = initializers_.try_emplace(e);
  if (!is_new) return at->second;
  const std::string& name = e->constant_attr()->name;
  at->second = fresh(name.empty() ? "constant" : name);
  onnx::TensorProto& t = *model_.mutable_graph()->add_initializer();
  t.set_name(at->second);
  fill(t, e);
  return at->second;
}

void Exporter::fill(onnx::TensorProto& to, Expr e) {
  const ir::ConstantRef data = e->constant_attr();
  to.set_data_type(onnx_import::data_type_of(e->dtype()));
  for (Expr extent : e->shape()) to.add_dims(*ir::as_int(extent));
  to.set_raw_data(std::string(reinterpret_cast<const char*>(data->bytes), data->size));
}

void Exporter::add_inputs(Scope& scope) {
  static constexpr const char* kRoles[] = {"in", "out", "const", "inout", "state"};
  onnx::GraphProto& graph = *model_.mutable_graph();
  for (Expr p : compilation_.function.params) {
    auto& info = *graph.add_input();
    info.set_name(p->string_attr(Key::name));
    set_type(*info.mutable_type(), p->type);
    scope.put(p, {info.name()});
    if (ir::role_of(p) != ir::ParamRole::in) {
      auto& entry = *info.add_metadata_props();
      entry.set_key("role");
      entry.set_value(kRoles[static_cast<size_t>(ir::role_of(p))]);
    }
    const ir::ConstantRef value = ir::default_of(p);
    if (value == nullptr) continue;
    onnx::TensorProto& t = *graph.add_initializer();
    fill(t, context().constant(p->type, *value));
    t.set_name(info.name());
  }
}

void Exporter::add_outputs(Scope& scope) {
  const ir::Function& f = compilation_.function;
  for (size_t i = 0; i < f.results.size(); ++i) {
    auto& info = *model_.mutable_graph()->add_output();
    info.set_name(output_name(i));
    set_type(*info.mutable_type(), f.results[i]->type);
    // A param, a constant, or a value that has another output's name.
    const std::string have = scope.value(f.results[i]);
    if (have != info.name()) scope.add("Identity", {have}, {info.name()});
  }
}

/// The oldest that know metadata of nodes, and the element types of the model: most readers know
/// them.
void Exporter::choose_versions() {
  opset_ = 21;
  int64_t format = 10;
  const auto look = [&](Expr n) {
    if (!n->type->is_tensor()) return;
    const bool two_bits = info(n->dtype()).bits == 2;
    if (n->dtype() == DType::f4e2m1 || two_bits) {
      opset_ = std::max<int64_t>(opset_, two_bits ? 25 : 23);
      format = std::max<int64_t>(format, two_bits ? 13 : 11);
    }
  };
  for (const auto& [kernel, group] : compilation_.groups) {
    for (Expr n : group.inputs) look(n);
    for (Expr n : group.nodes) look(n);
  }
  for (Expr n : interp::evaluation_order(compilation_.function).nodes) look(n);
  model_.set_ir_version(format);
}

Status Exporter::run() {
  const ir::Function& f = compilation_.function;
  choose_versions();
  model_.set_producer_name("tenon");
  for (const auto& [domain, version] : {std::pair<const char*, int64_t>{"", opset_},
                                        {kOwnDomain, 1},
                                        {kKernelDomain, 1},
                                        {kCompositeDomain, 1}}) {
    auto& opset = *model_.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(version);
  }
  onnx::GraphProto& graph = *model_.mutable_graph();
  graph.set_name(f.name.empty() ? "model" : f.name);
  Scope scope(*this, graph, nullptr);
  add_inputs(scope);
  for (size_t i = 0; i < f.results.size(); ++i)
    if (f.results[i]->op != Op::param) scope.want(f.results[i], output_name(i));
  emit_body(scope, f);
  add_outputs(scope);
  for (const ir::Guard& g : f.guards) {
    auto& entry = *model_.add_metadata_props();
    entry.set_key(cat("guard ", model_.metadata_props_size()));
    entry.set_value(cat(ir::print(g.condition), ": ", g.message));
  }
  return {};
}

Status Exporter::write(const std::string& path, uint64_t most_in_file) {
  uint64_t total = 0;
  for (const onnx::TensorProto& t : model_.graph().initializer()) total += t.raw_data().size();
  if (total > most_in_file) {
    const std::string data_path = path + ".data";
    TENON_TRY(AtomicFile data, AtomicFile::create(data_path));
    uint64_t offset = 0;
    for (onnx::TensorProto& t : *model_.mutable_graph()->mutable_initializer()) {
      if (t.raw_data().size() < kLarge) continue;
      const std::string bytes = std::move(*t.mutable_raw_data());
      t.clear_raw_data();
      t.set_data_location(onnx::TensorProto::EXTERNAL);
      for (const auto& [key, value] :
           {std::pair<const char*, std::string>{
                "location", std::filesystem::path(data_path).filename().string()},
            {"offset", std::to_string(offset)},
            {"length", std::to_string(bytes.size())}}) {
        auto& entry = *t.add_external_data();
        entry.set_key(key);
        entry.set_value(value);
      }
      TENON_TRY_VOID(data.write(bytes_of(bytes)));
      offset += bytes.size();
    }
    TENON_TRY_VOID(data.commit());
  }
  std::string text;
  if (!model_.SerializeToString(&text))
    return fail("export.size", path +
                                   ": a model file holds at most 2 GB, and what stays in it "
                                   "beside the weights is more; export a smaller model");
  return write_file(path, bytes_of(text));
}

Status write_onnx(const compiler::Compilation& compilation, const FactsOfCalls& facts,
                  const std::string& path, uint64_t most_in_file) {
  return compiler::contain([&]() -> Status {
    Exporter exporter(compilation, facts);
    TENON_TRY_VOID(exporter.run());
    return exporter.write(path, most_in_file);
  });
}

}  // namespace tenon::onnx_export
