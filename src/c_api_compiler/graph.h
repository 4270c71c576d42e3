// The handle of a graph.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "c_api/objects.h"
#include "compiler/compiler.h"
#include "frontend/graph/graph_builder.h"
#include "tenon/graph.h"

struct tenon_graph {
  explicit tenon_graph(const std::string& given) : name(given), builder(given) {}

  std::string name;
  tenon::graph_builder::GraphBuilder builder;
  std::vector<tenon::ir::Expr> nodes;  // node i + 1
  std::unordered_map<tenon::ir::Expr, std::string> inputs;

  // What the last call gave.
  std::string text;
  tenon::c_api::Values described;
  std::vector<std::string> axes;
};

namespace tenon::c_api {

/// The graph as the compiler takes it. Refuses "graph.no_output".
[[nodiscard]] Result<compiler::ImportedModel> model_of(const tenon_graph& graph);

/// A call on a graph.
template <class Work>
tenon_error* on_graph(const char* function, tenon_graph* graph, const Work& work) noexcept {
  if (graph == nullptr) return call({function}, [&] { return require(graph, "graph"); });
  return call({function, graph->name}, [&]() -> Status { return work(); });
}

}  // namespace tenon::c_api
