// The model that is being written: names, constants, functions, and the conversion of each node.
// Private to the library.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "export/onnx.h"
#include "export/scope.h"
#include "ir/node.h"

namespace tenon::onnx_export {

inline constexpr const char* kOwnDomain = "tenon";
inline constexpr const char* kKernelDomain = "tenon.kernel";
inline constexpr const char* kCompositeDomain = "tenon.composite";

class Exporter {
 public:
  Exporter(const compiler::Compilation& compilation, const FactsOfCalls& facts);
  [[nodiscard]] Status run();
  /// Behind `run`.
  [[nodiscard]] Status write(const std::string& path, uint64_t most_in_file);

  [[nodiscard]] ir::Context& context() { return *compilation_.context; }

  // ---- names: unique in the model's graphs
  [[nodiscard]] std::string fresh(const std::string& hint);
  [[nodiscard]] std::string fresh_node(const std::string& hint);

  // ---- constants
  /// The name of the constant in the model's graph.
  std::string initializer(Expr constant);
  void fill(onnx::TensorProto& to, Expr constant);

  // ---- nodes (nodes.cc, contractions.cc, control.cc)
  /// Writes the node into the scope, and puts its values there.
  void emit(Scope& scope, Expr n);
  /// All nodes of a function body, in order.
  void emit_body(Scope& scope, const ir::Function& f);
  /// An expression over i64 scalars.
  std::string integer_node(Scope& scope, Expr e);

 private:
  // functions.cc
  struct Made {
    std::string name;
    std::vector<Expr> sizes;
  };
  Made function_of(const std::string& domain, const std::string& name, std::vector<Expr> inputs,
                   const std::vector<Expr>& nodes, const std::vector<Expr>& outputs);
  void call_kernel(Scope& scope, Expr n);
  void call_composite(Scope& scope, Expr n);
  void if_node(Scope& scope, Expr n);
  void loop_node(Scope& scope, Expr n);
  void fill_subgraph(Scope& body, onnx::GraphProto& graph, const ir::Function& f);
  // model.cc
  void add_inputs(Scope& scope);
  void add_outputs(Scope& scope);
  [[nodiscard]] std::string output_name(size_t result) const;
  void choose_versions();

  const compiler::Compilation& compilation_;
  const FactsOfCalls& facts_;
  onnx::ModelProto model_;
  int64_t opset_ = 0;  // of the standard operators
  std::set<std::string> names_, node_names_;
  std::unordered_map<std::string, size_t> next_name_;
  std::unordered_map<Expr, std::string> initializers_;
  std::unordered_map<std::string, Made> function_by_text_;
  std::set<std::string> function_names_;
};

/// Emits a node with operators of ONNX; false: it has none of that meaning, nothing is written.
bool emit_elementwise(Scope& scope, Expr n);
bool emit_movement(Scope& scope, Expr n);
bool emit_contraction(Scope& scope, Expr n);
/// Element types that ONNX's arithmetic takes: not the narrow ones.
[[nodiscard]] bool is_common(DType type);
/// The value padded by expressions; `fill` is a scalar.
[[nodiscard]] std::string padded(Scope& scope, const std::string& x, const std::vector<Expr>& low,
                                 const std::vector<Expr>& high, const std::string& fill, Type type);

}  // namespace tenon::onnx_export
