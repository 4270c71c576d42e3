// The importer's builder: ops::Builder, whose nodes fold where they are small constants or shape
// arithmetic, which stays symbolic, and say which ONNX node they come from. A refusal travels as
// ConvertError, an exception that import.cc catches at each ONNX node; it never leaves this folder.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "frontend/onnx/elements.h"
#include "frontend/onnx/symbols.h"
#include "ir/expr.h"
#include "ir/node.h"
#include "ops/build.h"
#include "ops/options.h"

namespace tenon::onnx_import {

using ir::Attr;
using ir::Context;
using ir::DType;
using ir::Expr;
using ir::Key;
using ir::Op;
using ir::Type;

using Exprs = std::vector<Expr>;
using Ints = std::vector<int64_t>;

/// Why an ONNX node cannot be converted; caught where nodes are imported.
struct ConvertError {
  std::vector<Diagnostic> diagnostics;
};
[[noreturn]] void refuse(std::string code, std::string message);

/// Elements of a tensor that the importer evaluates itself are at most this many.
inline constexpr int64_t kFoldLimit = 4096;

/// What a function says of its variables beside its nodes.
struct Facts {
  std::vector<ir::Binding> bindings;  // of data-dependent extents
  std::vector<ir::Guard> guards;
};

class Builder : public ops::Builder {
 public:
  using ops::Builder::Builder;

  /// Of the function being built.
  Facts* facts = nullptr;
  /// Attached to every new node.
  std::string location;
  /// Prefix of names of new variables.
  std::string name;
  /// The variables of the model's inputs.
  const Symbols* symbols = nullptr;

  // ---- nodes
  Exprs composite(std::string_view composite, std::span<const Expr> operands,
                  const ops::Options& options = {}, std::span<const Expr> extents = {});
  /// A composite's first result.
  Expr apply(std::string_view composite, std::initializer_list<Expr> operands,
             const ops::Options& options = {}, std::span<const Expr> extents = {});
  /// All results of a node that gives a tuple.
  Exprs results(Expr tuple);
  /// A condition for branches: where it is known as one over extents, that.
  Expr condition(Expr x);

  // ---- integer expressions
  /// A new extent, which the node being built gives by its results alone.
  Expr open_extent(size_t result, size_t axis);

  // ---- what is known of values
  /// The value of a small constant tensor; nullptr when it is not one.
  const ops::Tensor* known(Expr x);
  /// The elements of a small tensor as integer expressions; nullptr when not known.
  const Elements* elements(Expr x);
  /// The same, as plain integer expressions of an integer tensor.
  std::optional<Exprs> known_integers(Expr x);
  /// The elements of an integer tensor: known ones, or new variables bound to it at run time. They
  /// must be extents or positions, which are never negative.
  Exprs integers(Expr x);
  /// Records what the elements of a node are.
  void set_elements(Expr x, Elements values) {
    elements_[x] = std::make_shared<Elements>(std::move(values));
  }
  void set_known(Expr x, ops::Tensor value);
  /// True for a node that needs no param to be used in the body of if or loop.
  bool is_closed(Expr x);

 protected:
  void on_new(Expr node) override { c.set_location(node, location); }
  /// Folded where all operands are small constants or known shape arithmetic.
  Expr known_form(Expr node) override;
  void on_refusal(Error error) override { throw ConvertError{std::move(error.diagnostics)}; }
  // stretch.cc: extents that broadcast when a run makes one of them 1
  Expr merge_extents(Expr a, Expr b) override;
  Expr stretch(Expr x, std::span<const Expr> shape) override;

 private:
  /// The constant that a node with known operands is, or the node that keeps its form; nullptr
  /// where an operand or attribute is not known.
  Expr fold_values(Expr node);
  /// The node, or what gives the same elements with less, where those of the operands are known.
  Expr fold_elements(Expr node);
  Expr materialize(const Elements& values, Type type);

  bool may_stretch(Expr a, Expr b);
  Expr stretched(Expr a, Expr b);
  bool is_stretched(Expr from, Expr to) const;
  std::string partners(Expr from, Expr to) const;
  Expr widened(Expr x, const Exprs& shape);

  std::unordered_map<Expr, std::shared_ptr<const ops::Tensor>> known_;
  std::unordered_map<Expr, std::shared_ptr<const Elements>>
      elements_;                                              // nullptr: looked up, not known
  std::unordered_map<Expr, std::unordered_set<Expr>> parts_;  // of the extents of broadcasts
  std::map<std::pair<Expr, Type>, Expr> stretches_;
};

/// True where an extent speaks of a variable that is no older than the node `first`: in the types
/// of a body's results, one that the body makes.
[[nodiscard]] bool is_newer(Expr extent, size_t first);

/// Static number of elements, empty when an extent is symbolic.
[[nodiscard]] std::optional<int64_t> static_count(Type type);

}  // namespace tenon::onnx_import
