// Graphs that a program makes node by node, without a file: by the names of composites
// (ops/composite.h), with types, options and extents as text. What stands behind tenon/graph.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ir/node.h"
#include "ir/text.h"
#include "ops/op.h"
#include "support/result.h"

namespace tenon::graph_builder {

class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name);

  /// A parameter; `declaration` is what the text form has behind its name: "f32[batch, 64]",
  /// "state f32[n, 64] reserve 4096". Refuses a name that is taken ("graph.name"), and what the
  /// parser refuses.
  [[nodiscard]] Result<ir::Expr> input(const std::string& name, std::string_view declaration);
  /// The name is for those who read the graph.
  [[nodiscard]] Result<ir::Expr> constant(const ops::Tensor& value, std::string name);
  /// A literal of that type, of rank 0.
  [[nodiscard]] ir::Expr scalar(ir::DType type, double value);
  /// The composite or primitive of that name: one node for each result; operands may be nullptr
  /// where the row lets one be absent. `options` is "key=value key=value"; the values of extents
  /// are expressions over the graph's symbols: "shape=batch,12,64". Refuses unknown names
  /// ("graph.operator"), and what the operator's rules do.
  [[nodiscard]] Result<std::vector<ir::Expr>> apply(std::string_view name,
                                                    std::span<const ir::Expr> operands,
                                                    std::string_view options);
  /// A result; the name of an inout or state parameter makes it that parameter's next value.
  /// Refuses a name that is taken ("graph.name"), and another element type or rank than the
  /// parameter's ("graph.type").
  [[nodiscard]] Status output(const std::string& name, ir::Expr value);

  [[nodiscard]] const std::shared_ptr<ir::Context>& context() const { return context_; }
  [[nodiscard]] const ir::Symbols& symbols() const { return symbols_; }
  /// The graph as it is, without nodes that no result needs. Refuses one without results
  /// ("graph.no_output").
  [[nodiscard]] Result<ir::Function> function() const;
  [[nodiscard]] std::string text() const;

 private:
  std::shared_ptr<ir::Context> context_;
  ir::Function function_;
  ir::Symbols symbols_;
  std::unordered_set<std::string> inputs_, outputs_;
};

}  // namespace tenon::graph_builder
