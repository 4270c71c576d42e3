// The one builder of graph nodes: importers, composites and passes make every node through it,
// checked and with NumPy's broadcasting.
//
//   ops::Builder b(context);
//   Expr y = b.add(b.matmul(x, w), bias);
//   TENON_TRY_VOID(b.status());
//
// A builder keeps the first refusal and from then on returns some operand of each call without
// building anything, so a formula is written straight and asked once; what is built in between is
// meaningless but safe to hold. Passes, whose inputs are known to fit, call `b.expect()` instead.
//
// Who derives from it may say more: what becomes of each node (the importer folds what it knows of
// values), which extents broadcast, and what a refusal does. composite::Body adds a notation.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ops/op.h"
#include "ops/shape.h"

namespace tenon::ops {

using Exprs = std::span<const Expr>;
using Ints = std::vector<int64_t>;

/// Attributes of a channels-last convolution; empty lists mean 1 (strides, dilations) and 0
/// (padding).
struct ConvAttrs {
  Ints strides = {}, dilation = {}, input_dilation = {};
  std::vector<Expr> low = {}, high = {};
  int64_t groups = 1;
  std::string product = {};
  std::string accumulate = {};  // an element type; empty: the operands' own
};
/// Attributes of a window over every axis; empty lists mean 1 and 0.
struct WindowAttrs {
  Ints size = {}, strides = {}, dilation = {};
  std::vector<Expr> low = {}, high = {};
};

class Builder {
 public:
  explicit Builder(Context& context) : c(context) {}
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  virtual ~Builder() = default;

  Context& c;

  [[nodiscard]] bool ok() const { return status_.has_value(); }
  /// The first refusal, if any.
  [[nodiscard]] const Status& status() const { return status_; }
  /// Stops the program on a refusal: for callers whose inputs are known to fit.
  void expect() const;
  /// Records a refusal of the caller's own.
  void refuse(std::string code, std::string message);
  void refuse(Error error);

  // ---- anything
  Expr node(ir::Op op, Exprs operands, std::vector<ir::Attr> attrs = {}, Type wanted = nullptr);
  Expr node(ir::Op op, std::initializer_list<Expr> operands, std::vector<ir::Attr> attrs = {},
            Type wanted = nullptr);

  // ---- literals
  Expr scalar(ir::DType type, double value);  // rank 0; wraps or rounds
  Expr scalar_i(ir::DType type, int64_t value);
  Expr like(Expr x, double value) { return scalar(x->dtype(), value); }
  Expr full(ir::DType type, double value, Exprs shape);
  Expr constant(const Tensor& value, std::string name = "");  // of rank 0: a literal
  Expr from_scalars(Exprs scalars);                           // integer expressions as i64[n]
  /// An integer expression as a rank-0 tensor of the type: a literal where it is known.
  Expr from_scalar(Expr scalar, ir::DType type = ir::DType::i64);

  // ---- elementwise; operands broadcast against each other as NumPy's do
  Expr unary(ir::Op op, Expr x) { return node(op, {x}); }
  Expr binary(ir::Op op, Expr a, Expr b);
  Expr select(Expr condition, Expr a, Expr b);
  Expr cast(Expr x, ir::DType to, bool saturate = false);
  Expr add(Expr a, Expr b) { return binary(ir::Op::add, a, b); }
  Expr sub(Expr a, Expr b) { return binary(ir::Op::sub, a, b); }
  Expr mul(Expr a, Expr b) { return binary(ir::Op::mul, a, b); }
  Expr div(Expr a, Expr b) { return binary(ir::Op::div, a, b); }
  // With a literal of the operand's element type.
  Expr add(Expr a, double k) { return add(a, like(a, k)); }
  Expr sub(Expr a, double k) { return sub(a, like(a, k)); }
  Expr mul(Expr a, double k) { return mul(a, like(a, k)); }
  Expr div(Expr a, double k) { return div(a, like(a, k)); }
  Expr neg(Expr x) { return unary(ir::Op::neg, x); }
  Expr exp(Expr x) { return unary(ir::Op::exp, x); }
  Expr sqrt(Expr x) { return unary(ir::Op::sqrt, x); }
  Expr tanh(Expr x) { return unary(ir::Op::tanh, x); }
  Expr relu(Expr x) { return binary(ir::Op::max, x, like(x, 0)); }

  // ---- extents
  /// The extent of that axis; a negative one counts from the end, beyond both ends it is 1.
  [[nodiscard]] Expr extent(Expr x, int64_t axis) const;
  /// In its smallest form, so that equal ones are the same node.
  Expr simplify(Expr extent);
  Expr product(Exprs extents) { return simplify(ir::product(c, extents)); }
  /// True if the extents are known to be equal.
  bool same(Expr a, Expr b);
  /// product(total) / product(part), where that is a whole number: common factors cancel.
  Expr divide_exactly(Exprs total, Exprs part);
  std::vector<Expr> i64s(std::span<const int64_t> values);
  std::vector<Expr> i64s(std::initializer_list<int64_t> values);
  /// The shape to which all broadcast, aligned at the last axis.
  std::vector<Expr> merge_shapes(std::initializer_list<Exprs> shapes);

  // ---- shapes and movement; a negative axis counts from the end, nothing to do gives x
  Expr broadcast_to(Expr x, Exprs shape);             // aligned at the last axis
  Expr broadcast_in(Expr x, Exprs shape, Ints dims);  // dims[i]: the result's axis for axis i
  Expr reshape(Expr x, Exprs shape);
  Expr transpose(Expr x, Ints perm);
  Expr squeeze(Expr x, const Ints& axes);
  Expr unsqueeze(Expr x, const Ints& axes);  // axes of the result
  Expr flatten(Expr x, int64_t axis);        // [product before axis, product from axis]
  Expr slice(Expr x, Exprs starts, Exprs extents, Ints strides);
  /// x[start : start + extent * stride : stride] of one axis.
  Expr slice_axis(Expr x, int64_t axis, Expr start, Expr extent, int64_t stride = 1);
  Expr flip(Expr x, int64_t axis);
  Expr pad(Expr x, Expr filling, std::vector<Expr> low, std::vector<Expr> high, Ints interior = {});
  Expr concat(Exprs parts, int64_t axis);
  Expr iota(ir::DType type, Exprs shape, int64_t axis);
  Expr shape_of(Expr x) { return from_scalars(x->shape()); }  // i64[rank]
  Expr gather(Expr x, Expr indices, int64_t axis);
  Expr gather_elements(Expr x, Expr indices, int64_t axis);
  Expr gather_nd(Expr x, Expr indices, int64_t batch = 0);
  Expr dynamic_slice(Expr x, Exprs starts, Exprs extents);

  // ---- reductions; axes in any order, negative ones from the end
  Expr reduce(std::string_view kind, Expr x, Ints axes, bool keep = false);
  Expr mean(Expr x, const Ints& axes, bool keep = false);
  /// The number of elements along axes as a scalar of `type`.
  Expr count(Expr x, const Ints& axes, ir::DType type);
  Expr arg_reduce(std::string_view kind, Expr x, int64_t axis, bool keep = false,
                  bool last = false);
  Expr cumulative(std::string_view kind, Expr x, int64_t axis, bool exclusive, bool reverse);
  Expr sort(Expr x, int64_t axis, bool descending);  // a tuple: values, indices

  // ---- contractions and windows
  /// Batch axes, then free axes of a, then free axes of b.
  Expr dot(Expr a, Expr b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b,
           std::string product = "", std::string accumulate = "");
  Expr matmul(Expr a, Expr b);  // as numpy.matmul, batch axes broadcast
  Expr conv(Expr x, Expr w, ConvAttrs attrs);
  Expr window(std::string_view kind, Expr x, WindowAttrs attrs);

  // ---- structure
  Expr tuple(Exprs fields) { return node(ir::Op::tuple, fields); }
  Expr get(Expr tuple, int64_t index);
  /// Operands: the condition, then one for each param of both functions.
  Expr choose(Exprs operands, const ir::Function* then, const ir::Function* otherwise,
              std::span<const Type> results);
  /// Operands: trip count, condition, carried values, captured ones.
  Expr loop(Exprs operands, const ir::Function* body, size_t carried, size_t stacked,
            std::span<const Type> results);

 protected:
  /// A checked node as it is, not in its known form.
  Expr checked(ir::Op op, Exprs operands, std::vector<ir::Attr> attrs = {}, Type wanted = nullptr);
  /// Sees each node when it is made.
  virtual void on_new(Expr /*node*/) {}
  /// What stands for a node that a call asked for.
  virtual Expr known_form(Expr node) { return node; }
  /// The extent to which two broadcast that are not the same and neither of which is 1; nullptr
  /// refuses. Extents that cannot be told apart are taken to be equal.
  virtual Expr merge_extents(Expr a, Expr b);
  /// x with those of its extents that merge_extents made larger for a run brought to `shape`.
  virtual Expr stretch(Expr x, Exprs /*shape*/) { return x; }
  virtual void on_refusal(Error error);

 private:
  Expr fallback(Exprs operands) const;
  int64_t axis_of(Expr x, int64_t axis, int64_t extra = 0);

  Status status_;
  std::unordered_map<Expr, Expr> simplified_;
};

/// The value of a node that is one repeated number (a literal, a constant of one element, or such a
/// one broadcast or reshaped), as a literal of its element type; nullptr for others.
[[nodiscard]] Expr splat_value(Context& c, Expr x);

/// The simpler node that an operator's local rules give for checked operands, or nullptr:
/// identities (cast to the same type, transpose by the identity), neutral elements, compositions
/// (reshape of reshape). `build` applies it.
[[nodiscard]] Expr fold_local(Context& c, ir::Op op, Type type, Exprs operands,
                              std::span<const ir::Attr> attrs);

}  // namespace tenon::ops
