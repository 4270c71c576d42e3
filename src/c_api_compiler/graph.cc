// Graphs from C.
#include "c_api_compiler/graph.h"

#include "c_api_compiler/compile.h"
#include "ir/expr.h"
#include "ops/composite.h"

namespace tenon::c_api {
namespace {

using ir::Expr;

tenon_node keep(tenon_graph& graph, Expr e) {
  graph.nodes.push_back(e);
  return static_cast<tenon_node>(graph.nodes.size());
}

Result<Expr> node_of(const tenon_graph& graph, tenon_node node) {
  if (node != 0 && node <= graph.nodes.size()) return graph.nodes[node - 1];
  return fail("graph.node",
              cat("the graph has ", graph.nodes.size(), " values, and none of number ", node,
                  "; take one that a function gave"));
}

Result<ops::Tensor> dense_value(const tenon_tensor* given) {
  TENON_TRY(const Tensor t, read_dense(given));
  ops::Tensor value;
  value.dtype = static_cast<ir::DType>(t.dtype);
  value.shape.assign(t.dims.begin(), t.dims.end());
  value.bytes.assign(t.data, t.data + runtime::tensor_bytes(t.dtype, t.dims));
  return value;
}

}  // namespace

Result<compiler::ImportedModel> model_of(const tenon_graph& graph) {
  TENON_TRY(ir::Function function, graph.builder.function());
  return compiler::ImportedModel{graph.builder.context(), std::move(function),
                                 graph.builder.symbols(), graph.name};
}

}  // namespace tenon::c_api

using namespace tenon;
using namespace tenon::c_api;

tenon_error* tenon_graph_create(const char* name, tenon_graph** graph) {
  if (graph != nullptr) *graph = nullptr;
  return call({"tenon_graph_create"}, [&]() -> Status {
    TENON_TRY_VOID(require(graph, "graph"));
    *graph = new tenon_graph(name == nullptr ? "main" : name);
    return {};
  });
}

void tenon_graph_release(tenon_graph* graph) { delete graph; }

tenon_error* tenon_graph_input(tenon_graph* graph, const char* name, const char* type,
                               tenon_node* node) {
  return on_graph("tenon_graph_input", graph, [&]() -> Status {
    TENON_TRY_VOID(require(name, "name"));
    TENON_TRY_VOID(require(type, "type"));
    TENON_TRY_VOID(require(node, "node"));
    TENON_TRY(const Expr made, graph->builder.input(name, type));
    graph->inputs.emplace(made, name);
    *node = keep(*graph, made);
    return {};
  });
}

tenon_error* tenon_graph_constant(tenon_graph* graph, const char* name, const tenon_tensor* value,
                                  tenon_node* node) {
  return on_graph("tenon_graph_constant", graph, [&]() -> Status {
    TENON_TRY_VOID(require(node, "node"));
    TENON_TRY(const ops::Tensor tensor, dense_value(value));
    TENON_TRY(const Expr made, graph->builder.constant(tensor, name == nullptr ? "" : name));
    *node = keep(*graph, made);
    return {};
  });
}

tenon_error* tenon_graph_scalar(tenon_graph* graph, tenon_type type, double value,
                                tenon_node* node) {
  return on_graph("tenon_graph_scalar", graph, [&]() -> Status {
    TENON_TRY_VOID(require(node, "node"));
    if (tenon_type_bytes(type) == 0)
      return fail("api.type", cat("element type ", type, " is none of tenon_type; take one"));
    const auto wanted = static_cast<ir::DType>(type);
    constexpr double kLimit = 9223372036854775808.0;  // 2^63
    if (!ir::is_float(wanted) && !(value >= -kLimit && value <= kLimit))
      return fail("api.value",
                  cat(value, " is no ", tenon_type_name(type), "; give a number of 64 bits"));
    *node = keep(*graph, graph->builder.scalar(static_cast<ir::DType>(type), value));
    return {};
  });
}

tenon_error* tenon_graph_apply(tenon_graph* graph, const char* operator_name,
                               const tenon_node* operands, size_t count, const char* options,
                               tenon_node* results, size_t capacity, size_t* result_count) {
  return on_graph("tenon_graph_apply", graph, [&]() -> Status {
    TENON_TRY_VOID(require(operator_name, "operator_name"));
    if (count > 0) TENON_TRY_VOID(require(operands, "operands"));
    if (capacity > 0) TENON_TRY_VOID(require(results, "results"));
    std::vector<Expr> given;
    for (size_t i = 0; i < count; ++i) {
      Expr operand = nullptr;
      if (operands[i] != 0) {
        TENON_TRY(operand, node_of(*graph, operands[i]));
      }
      given.push_back(operand);
    }
    TENON_TRY(const std::vector<Expr> made,
              graph->builder.apply(operator_name, given, options == nullptr ? "" : options));
    if (result_count != nullptr) *result_count = made.size();
    if (made.size() > capacity)
      return fail("api.capacity",
                  cat(operator_name, " has ", made.size(), " results, and there is room for ",
                      capacity, "; give room for all"));
    for (size_t i = 0; i < made.size(); ++i) results[i] = keep(*graph, made[i]);
    return {};
  });
}

tenon_error* tenon_graph_output(tenon_graph* graph, const char* name, tenon_node node) {
  return on_graph("tenon_graph_output", graph, [&]() -> Status {
    TENON_TRY_VOID(require(name, "name"));
    TENON_TRY(const Expr value, node_of(*graph, node));
    return graph->builder.output(name, value);
  });
}

tenon_error* tenon_graph_node(tenon_graph* graph, tenon_node node, tenon_value* value) {
  return on_graph("tenon_graph_node", graph, [&]() -> Status {
    TENON_TRY(const Expr e, node_of(*graph, node));
    graph->axes.clear();
    graph->described = {};
    auto& extents = graph->described.extents.emplace_back();
    auto& axes = graph->described.axes.emplace_back();
    for (const Expr extent : e->shape()) {
      extents.push_back(std::max<int64_t>(ir::as_int(extent).value_or(-1), -1));
      graph->axes.push_back(ir::print(extent));
    }
    for (const std::string& axis : graph->axes) axes.push_back(axis.c_str());
    const auto input = graph->inputs.find(e);
    tenon_value v{};
    v.name = input == graph->inputs.end() ? "" : input->second.c_str();
    v.type = static_cast<tenon_type>(e->dtype());
    v.rank = e->rank();
    v.extents = extents.data();
    v.axes = axes.data();
    return write_struct(value, v);
  });
}

tenon_error* tenon_graph_text(tenon_graph* graph, const char** text) {
  return on_graph("tenon_graph_text", graph, [&]() -> Status {
    TENON_TRY_VOID(require(text, "text"));
    graph->text = graph->builder.text();
    *text = graph->text.c_str();
    return {};
  });
}

tenon_error* tenon_graph_compile(tenon_graph* graph, const tenon_compile_options* options,
                                 tenon_model** model) {
  if (model != nullptr) *model = nullptr;
  return on_graph("tenon_graph_compile", graph, [&]() -> Status {
    TENON_TRY_VOID(require(model, "model"));
    const auto make =
        [&](const tenon_compile_options&,
            const compiler::Options& o) -> Result<std::shared_ptr<const runtime::Model>> {
      TENON_TRY(compiler::ImportedModel imported, c_api::model_of(*graph));
      return to_run(compiler::compile(std::move(imported), o));
    };
    TENON_TRY(*model, compile_with(options, graph->name, make));
    return {};
  });
}

size_t tenon_operator_count(void) { return ops::composites().size(); }

tenon_error* tenon_operator_at(size_t index, tenon_operator* row) {
  return call({"tenon_operator_at"}, [&]() -> Status {
    struct Texts {
      std::string name, operands, options, extents;
    };
    static const std::vector<Texts> all = [] {
      std::vector<Texts> texts;
      for (const ops::CompositeInfo& known : ops::composites())
        texts.push_back({std::string(known.name), std::string(known.operands),
                         std::string(known.options), std::string(known.extents)});
      return texts;
    }();
    if (index >= all.size())
      return fail("api.index",
                  cat("there are ", all.size(), " operators, and none of index ", index));
    const Texts& known = all[index];
    return write_struct(row, {0, known.name.c_str(), known.operands.c_str(), known.options.c_str(),
                              known.extents.c_str()});
  });
}
