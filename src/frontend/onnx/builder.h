// Builds graph nodes for the importer: numpy broadcasting, folding of small constants, and shape
// arithmetic that stays symbolic. A failure inside the importer travels as ConvertError, an
// exception that import.cc catches at each ONNX node; it never leaves this folder.
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
#include "ops/op.h"
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

class Builder {
 public:
  explicit Builder(Context& context) : c(context) {}
  Context& c;

  /// Of the function being built.
  Facts* facts = nullptr;
  /// Attached to every new node.
  std::string location;
  /// Prefix of names of new variables.
  std::string name;
  /// The variables of the model's inputs.
  const Symbols* symbols = nullptr;

  // ---- nodes
  /// A checked node; folded where all operands are small constants or known shape arithmetic.
  Expr op(Op op, std::span<const Expr> operands, std::vector<Attr> attrs = {},
          Type wanted = nullptr);
  Expr op(Op kind, std::initializer_list<Expr> operands, std::vector<Attr> attrs = {},
          Type wanted = nullptr) {
    return op(kind, std::span<const Expr>(operands.begin(), operands.size()), std::move(attrs),
              wanted);
  }
  Exprs composite(std::string_view composite, std::span<const Expr> operands,
                  const ops::Options& options = {}, std::span<const Expr> extents = {});
  /// A composite's first result.
  Expr apply(std::string_view composite, std::initializer_list<Expr> operands,
             const ops::Options& options = {}, std::span<const Expr> extents = {});
  /// All results of a node that gives a tuple.
  Exprs results(Expr tuple);

  // ---- literals
  Expr scalar(DType dtype, double value);  // rank 0
  Expr integer(DType dtype, int64_t value);
  Expr fill(Expr scalar, std::span<const Expr> shape);
  Expr constant(const ops::Tensor& value, std::string tensor_name = "");
  Expr ints(std::span<const int64_t> values);  // i64[n]
  Expr scalars(std::span<const Expr> values);  // i64[n] of expressions
  Expr from_scalar(Expr value);                // i64, rank 0
  /// A condition for branches: where it is known as one over extents, that.
  Expr condition(Expr x);
  /// A rank-0 value of the element type of `like`.
  Expr like(Expr like, double value) { return scalar(like->dtype(), value); }

  // ---- elementwise, with numpy broadcasting
  Expr unary(Op kind, Expr x) { return op(kind, {x}); }
  Expr binary(Op kind, Expr a, Expr b);
  Expr select(Expr cond, Expr a, Expr b);
  Expr cast(Expr x, DType to);
  Expr add(Expr a, Expr b) { return binary(Op::add, a, b); }
  Expr sub(Expr a, Expr b) { return binary(Op::sub, a, b); }
  Expr mul(Expr a, Expr b) { return binary(Op::mul, a, b); }
  Expr div(Expr a, Expr b) { return binary(Op::div, a, b); }

  // ---- shapes
  /// The shape of a broadcast of all operands; refuses extents that cannot agree.
  Exprs broadcast_shape(std::span<const Expr> operands);
  Exprs merge_shapes(std::span<const Exprs> shapes);
  /// numpy's broadcast_to; an axis may turn out to be 1 only at run time.
  Expr broadcast_to(Expr x, std::span<const Expr> shape);
  Expr reshape(Expr x, std::span<const Expr> shape);
  Expr transpose(Expr x, std::span<const int64_t> perm);
  Expr swap_axes(Expr x, int64_t a, int64_t b);
  Expr slice(Expr x, std::span<const Expr> starts, std::span<const Expr> extents,
             std::span<const int64_t> strides);
  /// x[start : start + extent] along one axis.
  Expr narrow(Expr x, int64_t axis, Expr start, Expr extent);
  Expr reverse(Expr x, int64_t axis);
  Expr pad(Expr x, Expr scalar, std::span<const Expr> low, std::span<const Expr> high,
           Ints interior = {});
  Expr concat(std::span<const Expr> parts, int64_t axis);
  Expr gather(Expr x, Expr indices, int64_t axis);
  Expr iota(DType dtype, std::span<const Expr> shape, int64_t axis);
  Expr reduce(std::string kind, Expr x, Ints axes, bool keep);
  Expr dot(Expr a, Expr b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b);
  /// numpy's matmul.
  Expr matmul(Expr a, Expr b);
  Expr squeeze(Expr x, const Ints& axes);
  Expr unsqueeze(Expr x, Ints axes);  // axes of the result, ascending
  /// The extents of x as a tensor i64[rank].
  Expr shape_of(Expr x) { return scalars(x->shape()); }

  // ---- integer expressions
  Expr i64(int64_t value) { return c.i64(value); }
  Exprs i64s(std::span<const int64_t> values);
  Expr simplify(Expr e);
  bool same(Expr a, Expr b);
  /// A new extent, which the node being built gives by its results alone.
  Expr open_extent(size_t result, size_t axis);
  Expr product(std::span<const Expr> extents);
  /// product(total) / product(part), where that is a whole number: common factors cancel.
  Expr divide_exactly(std::span<const Expr> total, std::span<const Expr> part);

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

 private:
  Expr raw(Op op, std::span<const Expr> operands, std::vector<Attr> attrs, Type wanted);
  Expr fold(Expr node);
  Expr materialize(const Elements& values, Type type);

  // stretch.cc: extents that broadcast when a run makes one of them 1
  bool may_stretch(Expr a, Expr b);
  Expr stretched(Expr a, Expr b);
  bool is_stretched(Expr from, Expr to) const;
  std::string partners(Expr from, Expr to) const;
  Expr stretch(Expr x, const Exprs& shape);

  std::unordered_map<Expr, std::shared_ptr<const ops::Tensor>> known_;
  std::unordered_map<Expr, std::shared_ptr<const Elements>>
      elements_;  // nullptr: looked up, not known
  std::unordered_map<Expr, Expr> simplified_;
  std::unordered_map<Expr, std::unordered_set<Expr>> parts_;  // of the extents of broadcasts
  std::map<std::pair<Expr, Type>, Expr> stretches_;
};

/// True where an extent speaks of a variable that is no older than the node `first`: in the types
/// of a body's results, one that the body makes.
[[nodiscard]] bool is_newer(Expr extent, size_t first);

/// Static number of elements, empty when an extent is symbolic.
[[nodiscard]] std::optional<int64_t> static_count(Type type);

}  // namespace tenon::onnx_import
