// The importer's state: scopes of names, functions being built, problems found so far. Converters
// of control flow call back into it for the graphs that their nodes carry.
#pragma once

#include <onnx-ml.pb.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/onnx/builder.h"
#include "frontend/onnx/call.h"
#include "frontend/onnx/import.h"
#include "frontend/onnx/order.h"
#include "frontend/onnx/symbols.h"
#include "frontend/onnx/tensor_proto.h"

namespace tenon::onnx_import {

/// A graph function being built: the model, or the body of an if or loop, which is closed: an outer
/// value that it uses becomes a param.
struct Frame {
  Frame* parent = nullptr;
  Facts facts;
  Exprs outer, inner;  // captured values and the params that stand for them
};

/// A branch being built: its frame and what it gives.
struct Branch {
  explicit Branch(Frame* parent) { frame.parent = parent; }
  Frame frame;
  Exprs results;
};

/// Thrown by Importer::choose where branches give values of different ranks.
struct RankConflict {};

/// Names that are visible to a list of nodes. A name with nullptr stands for a value that could not
/// be imported: its users are skipped in silence.
struct Scope {
  Scope* parent = nullptr;
  Frame* frame = nullptr;
  std::unordered_map<std::string, Expr> values;
  std::map<std::string, int64_t> opsets;  // by domain
  std::string path = {};                  // of enclosing functions, "outer/"
};

class Importer {
 public:
  Importer(std::shared_ptr<Context> context, const ImportOptions& options, std::string file,
           ExternalFiles* files);

  /// Imports the whole model; empty when problems were found.
  [[nodiscard]] std::optional<Imported> model(onnx::ModelProto& proto);
  [[nodiscard]] std::vector<Diagnostic>& problems() { return problems_; }

  // ---- for converters
  [[nodiscard]] ExternalFiles* external_files() { return files_; }
  /// The value given for a model input (ImportOptions::input_values); nullptr when there is none.
  [[nodiscard]] const ops::Tensor* input_value(Expr param);
  /// Imports the nodes of a graph attribute in `frame` with values for its inputs; gives its
  /// outputs. `frame` is `outer.frame` to place the nodes in the enclosing function.
  [[nodiscard]] Exprs body(Scope& outer, Frame& frame, const onnx::GraphProto& graph,
                           const Exprs& formals);
  /// The param that stands for `outer` in a closed body, made at first use.
  [[nodiscard]] Expr capture(Frame& frame, Expr outer);
  /// Finishes a body: a function with these params, owned by the context.
  [[nodiscard]] const ir::Function* finish(Frame& frame, std::string name, Exprs params,
                                           Exprs results);
  /// The node that gives the results of one branch or the other. Variables of the branches are no
  /// older than `first`.
  [[nodiscard]] Exprs choose(Expr condition, Branch& then, Branch& otherwise, size_t first);
  /// Runs `convert`; where it refuses, its problems are forgotten and the result is false.
  [[nodiscard]] bool attempt(const std::function<void()>& convert);
  /// Imports the body of a function operator with the call's operands.
  [[nodiscard]] Exprs expand(Call& call, const onnx::FunctionProto& function);
  /// What the caller's own operator makes of the call's operands (custom.cc).
  [[nodiscard]] Exprs apply(Call& call, const CustomOperator& custom);

 private:
  void report(std::string code, std::string message);
  void report_node(const Scope& scope, const onnx::NodeProto& node, const Diagnostic& diagnostic);
  std::string describe(const Scope& scope, const onnx::NodeProto& node) const;
  bool read_header(const onnx::ModelProto& proto, Scope& scope);
  void read_functions(const onnx::ModelProto& proto);
  void reshape_inputs(onnx::GraphProto& graph);  // reshape.cc
  void read_initializers(onnx::GraphProto& graph, Scope& scope);
  void read_inputs(const onnx::GraphProto& graph, Scope& scope, ir::Function& function);
  void read_default(const onnx::ValueInfoProto& input, Expr& value, ir::Function& function);
  std::optional<Exprs> read_shape(const onnx::ValueInfoProto& input);
  /// The model's inputs, nodes and outputs; `initialized` holds its initializers.
  std::unique_ptr<ir::Function> main_graph(const onnx::GraphProto& graph, const Scope& initialized);
  void forget(size_t problems, size_t suppressed);
  void read_outputs(const onnx::GraphProto& graph, Scope& scope, ir::Function& function);

  /// `outputs` names the values that are wanted of the nodes.
  void nodes(Scope& scope, const NodeList& list, const Names& outputs);
  void nodes(Scope& scope, const NodePointers& list, const Names& outputs);
  /// False, and nothing done, for an If whose branches give values of different ranks.
  [[nodiscard]] bool node(Scope& scope, const onnx::NodeProto& proto);

  // branches.cc: such an If, with the nodes that read what it gives
  void branch(Scope& scope, const NodePointers& list, size_t at, const Names& outputs);
  std::vector<Diagnostic> import_branch(Scope& scope, Branch& branch, const onnx::NodeProto& proto,
                                        bool then, const NodePointers& readers,
                                        const std::vector<std::string>& wanted);
  void assume(Expr condition, bool holds, const std::string& message);
  Type merged_type(Expr condition, Type then, Type otherwise, size_t result, size_t first);
  void define(Scope& scope, const onnx::NodeProto& proto, const Exprs& results);
  /// What converts a node: a model function, a table row, or a schema's function body.
  struct Target {
    const Schema* schema = nullptr;
    const ConverterRow* row = nullptr;
    const onnx::FunctionProto* function = nullptr;
    const CustomOperator* custom = nullptr;
  };
  std::optional<Target> resolve(const Scope& scope, const onnx::NodeProto& proto);
  bool check_against_schema(const Scope& scope, const onnx::NodeProto& proto, const Schema& schema);
  void check_graphs(const Scope& scope, const onnx::NodeProto& proto, int depth);
  std::optional<Expr> lookup(Scope& scope, const std::string& name);
  Expr bring(Frame* from, Frame* to, Expr value);
  const onnx::FunctionProto* schema_function(const Schema& schema);

  std::shared_ptr<Context> context_;
  Builder b_;
  const ImportOptions& options_;
  std::string file_;
  ExternalFiles* files_;
  std::vector<Diagnostic> problems_;
  size_t suppressed_ = 0;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  std::unordered_map<const Schema*, std::unique_ptr<onnx::FunctionProto>> schema_functions_;
  std::vector<const onnx::FunctionProto*> expanding_;  // functions whose expansion is under way
  Symbols symbols_;
  std::vector<std::string> warnings_;
  std::unordered_map<Expr, std::string> params_;  // names of the model's inputs
  std::vector<std::string> specialized_;
  bool has_defaults_ = false;       // an initializer that is also an input may be overridden
  std::set<std::string> defaults_;  // inputs that have one
  std::set<std::string> pinned_;    // those whose default decides axes or ranks: constants
  int depth_ = 0;
  int64_t node_budget_ = 0;
};

}  // namespace tenon::onnx_import
