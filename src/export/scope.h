// Where nodes of ONNX are written: the graph, the body of a branch or a loop, or a function. A
// scope knows the name of each value, and where the value of a symbolic extent comes from. Private
// to the library.
#pragma once

#include <onnx-ml.pb.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/node.h"

namespace tenon::onnx_export {

using ir::DType;
using ir::Expr;
using ir::Type;
using Ints = std::vector<int64_t>;
using Names = std::vector<std::string>;
class Exporter;

/// An attribute of a node.
[[nodiscard]] onnx::AttributeProto attribute(const std::string& name, int64_t value);
[[nodiscard]] onnx::AttributeProto attribute(const std::string& name, const Ints& values);
[[nodiscard]] onnx::AttributeProto attribute(const std::string& name, const std::string& value);
using Attributes = std::vector<onnx::AttributeProto>;

void set_type(onnx::TypeProto& to, Type type);
void set_type(onnx::TypeProto& to, DType type, const Ints& dims);

class Scope {
 public:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
  /// Of a graph; `parent` is the scope whose values its nodes may use too (nullptr: none).
  Scope(Exporter& exporter, onnx::GraphProto& graph, Scope* parent);
  /// Of a function.
  Scope(Exporter& exporter, onnx::FunctionProto& function);

  Exporter& exporter() { return exporter_; }
  [[nodiscard]] bool is_function() const { return function_ != nullptr; }

  // ---- values of the IR
  void put(Expr value, Names fields);
  [[nodiscard]] std::string value(Expr e);
  [[nodiscard]] Names fields(Expr e);
  /// The name that the value is to have: that of a result.
  void want(Expr value, const std::string& name) { wanted_.emplace(value, name); }
  /// A new name for field `i` of the value, with its type noted.
  [[nodiscard]] std::string name_for(Expr value, const std::string& hint, size_t i = 0);
  /// The value is there under that name, or under the one that it is to have.
  void finish(Expr value, const std::string& made);
  /// A binding of the scope's function.
  void bind(Expr var, Expr tensor, int64_t index) { bound_[var] = {tensor, index}; }
  /// Variables that this function takes as inputs, behind its others.
  [[nodiscard]] const std::vector<Expr>& size_inputs() const { return size_inputs_; }

  // ---- nodes
  onnx::NodeProto& add(const std::string& op, const Names& inputs, const Names& outputs,
                       Attributes attributes = {}, const std::string& domain = "");
  /// One with a new output of that type (nullptr: not noted).
  std::string node(const std::string& op, const Names& inputs, Attributes attributes, DType type,
                   const std::vector<Expr>* shape);
  std::string node(const std::string& op, const Names& inputs, Attributes attributes = {});

  // ---- integers
  std::string ints(const Ints& values);  // a constant of rank 1
  std::string scalar(DType type, double value);
  /// An i64 scalar, or a condition: an expression over symbolic variables.
  std::string integer(Expr e);
  /// Extents as a tensor of rank 1.
  std::string shape(const std::vector<Expr>& extents);

 private:
  std::string size(Expr var);
  std::string constant(Expr e);
  void learn(const std::string& name, Type type);
  void note(const std::string& name, Type type);
  bool rename_last(const std::string& from, const std::string& to);

  struct Source {
    std::string name;
    int64_t axis;
  };
  Exporter& exporter_;
  Nodes* nodes_;
  onnx::GraphProto* graph_ = nullptr;
  onnx::FunctionProto* function_ = nullptr;
  Scope* parent_ = nullptr;
  std::unordered_map<Expr, Names> values_;
  std::unordered_map<Expr, std::string> wanted_;
  std::unordered_map<Expr, Source> sources_;
  std::unordered_map<Expr, std::pair<Expr, int64_t>> bound_;
  std::unordered_map<Expr, std::string> integers_;
  std::map<Ints, std::string> int_lists_;
  std::vector<Expr> size_inputs_;
  std::set<std::string> kept_;  // names that more than the next node may read
  int next_ = 0;                // of names in a function
};

}  // namespace tenon::onnx_export
