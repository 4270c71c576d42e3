// Builders of graph nodes for importers, composites and passes.
//
//   ops::Builder b(context);
//   Expr y = b.add(b.matmul(x, w), bias);          // broadcasts as numpy does
//   TENON_TRY_VOID(b.status());
//
// A builder keeps the first refusal and from then on returns some operand of each call without
// building anything, so a formula is written straight and asked once; what is built in between is
// meaningless but safe to hold. Passes, whose inputs are known to fit, call `b.expect()` instead.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
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
  explicit Builder(Context& c) : c_(c) {}

  [[nodiscard]] Context& context() const { return c_; }
  [[nodiscard]] bool ok() const { return status_.has_value(); }
  /// The first refusal, if any.
  [[nodiscard]] const Status& status() const { return status_; }
  /// Stops the program on a refusal: for callers whose inputs are known to fit.
  void expect() const;
  /// Records a refusal of the caller's own.
  void refuse(std::string code, std::string message);

  // ---- anything
  Expr node(ir::Op op, Exprs operands, std::vector<ir::Attr> attrs = {}, Type wanted = nullptr);
  Expr node(ir::Op op, std::initializer_list<Expr> operands, std::vector<ir::Attr> attrs = {},
            Type wanted = nullptr);

  // ---- literals
  Expr scalar(ir::DType type, double value);  // rank 0; wraps or rounds
  Expr scalar_i(ir::DType type, int64_t value);
  Expr scalar_like(Expr x, double value);  // of x's element type
  Expr full(ir::DType type, double value, Exprs shape);
  Expr constant(ir::DType type, const Ints& shape, std::span<const double> values);
  Expr constant_i(ir::DType type, const Ints& shape, std::span<const int64_t> values);

  // ---- elementwise; operands broadcast against each other as numpy does
  Expr unary(ir::Op op, Expr x);
  Expr binary(ir::Op op, Expr a, Expr b);
  Expr select(Expr condition, Expr a, Expr b);
  Expr cast(Expr x, ir::DType to, bool saturate = false);
  Expr add(Expr a, Expr b) { return binary(ir::Op::add, a, b); }
  Expr sub(Expr a, Expr b) { return binary(ir::Op::sub, a, b); }
  Expr mul(Expr a, Expr b) { return binary(ir::Op::mul, a, b); }
  Expr div(Expr a, Expr b) { return binary(ir::Op::div, a, b); }
  Expr max(Expr a, Expr b) { return binary(ir::Op::max, a, b); }
  Expr min(Expr a, Expr b) { return binary(ir::Op::min, a, b); }
  Expr pow(Expr a, Expr b) { return binary(ir::Op::pow, a, b); }
  Expr eq(Expr a, Expr b) { return binary(ir::Op::eq, a, b); }
  Expr lt(Expr a, Expr b) { return binary(ir::Op::lt, a, b); }
  Expr le(Expr a, Expr b) { return binary(ir::Op::le, a, b); }
  Expr gt(Expr a, Expr b) { return binary(ir::Op::gt, a, b); }
  Expr ge(Expr a, Expr b) { return binary(ir::Op::ge, a, b); }
  Expr logical_and(Expr a, Expr b) { return binary(ir::Op::and_, a, b); }
  Expr logical_or(Expr a, Expr b) { return binary(ir::Op::or_, a, b); }
  Expr logical_not(Expr x) { return unary(ir::Op::not_, x); }
  Expr neg(Expr x) { return unary(ir::Op::neg, x); }
  Expr abs(Expr x) { return unary(ir::Op::abs, x); }
  Expr exp(Expr x) { return unary(ir::Op::exp, x); }
  Expr log(Expr x) { return unary(ir::Op::log, x); }
  Expr sqrt(Expr x) { return unary(ir::Op::sqrt, x); }
  Expr tanh(Expr x) { return unary(ir::Op::tanh, x); }
  Expr sigmoid(Expr x) { return unary(ir::Op::sigmoid, x); }
  Expr erf(Expr x) { return unary(ir::Op::erf, x); }
  Expr relu(Expr x) { return max(x, scalar_like(x, 0)); }
  Expr square(Expr x) { return mul(x, x); }
  // With a literal of the tensor's element type.
  Expr add(Expr a, double k) { return add(a, scalar_like(a, k)); }
  Expr sub(Expr a, double k) { return sub(a, scalar_like(a, k)); }
  Expr mul(Expr a, double k) { return mul(a, scalar_like(a, k)); }
  Expr div(Expr a, double k) { return div(a, scalar_like(a, k)); }
  Expr max(Expr a, double k) { return max(a, scalar_like(a, k)); }
  Expr min(Expr a, double k) { return min(a, scalar_like(a, k)); }

  // ---- shapes; a negative axis counts from the end
  [[nodiscard]] Expr extent(Expr x, int64_t axis) const;
  Expr broadcast_to(Expr x, Exprs shape);  // numpy style: aligned at the last axis
  Expr broadcast_in(Expr x, Exprs shape, Ints dims);
  Expr reshape(Expr x, Exprs shape);
  Expr reshape(Expr x, const Ints& shape);
  Expr transpose(Expr x, Ints perm);
  Expr squeeze(Expr x, const Ints& axes);
  Expr unsqueeze(Expr x, const Ints& axes);  // axes of the result
  Expr flatten(Expr x, int64_t axis);        // [product before axis, product from axis]
  Expr slice(Expr x, std::vector<Expr> starts, Exprs extents, Ints strides);
  Expr slice_axis(Expr x, int64_t axis, Expr start, Expr extent, int64_t stride = 1);
  Expr slice_axis(Expr x, int64_t axis, int64_t start, int64_t extent, int64_t stride = 1);
  Expr pad(Expr x, Expr filling, std::vector<Expr> low, std::vector<Expr> high, Ints interior = {});
  Expr concat(Exprs parts, int64_t axis);
  Expr iota(ir::DType type, Exprs shape, int64_t axis);
  Expr from_scalars(Exprs scalars);  // rank 1
  Expr from_scalar(Expr scalar);     // rank 0
  Expr shape_of(Expr x);             // i64[rank]
  Expr gather(Expr x, Expr indices, int64_t axis);
  Expr gather_elements(Expr x, Expr indices, int64_t axis);
  Expr gather_nd(Expr x, Expr indices, int64_t batch = 0);
  Expr dynamic_slice(Expr x, Exprs starts, Exprs extents);

  // ---- reductions; axes in any order, negative ones from the end
  Expr reduce(std::string_view kind, Expr x, Ints axes, bool keep = false);
  Expr reduce_sum(Expr x, Ints axes, bool keep = false) {
    return reduce("sum", x, std::move(axes), keep);
  }
  Expr reduce_max(Expr x, Ints axes, bool keep = false) {
    return reduce("max", x, std::move(axes), keep);
  }
  Expr reduce_min(Expr x, Ints axes, bool keep = false) {
    return reduce("min", x, std::move(axes), keep);
  }
  Expr reduce_mean(Expr x, Ints axes, bool keep = false);  // floats
  /// The number of elements along axes as a scalar of `type`: a literal, or a cast of from_scalar.
  Expr count(Expr x, const Ints& axes, ir::DType type);
  Expr arg_reduce(std::string_view kind, Expr x, int64_t axis, bool keep = false,
                  bool last = false);

  // ---- contractions and windows
  Expr dot(Expr a, Expr b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b,
           std::string product = "", std::string accumulate = "");
  Expr matmul(Expr a, Expr b);  // as numpy.matmul, batch axes broadcast
  Expr conv(Expr x, Expr w, ConvAttrs attrs);
  Expr window(std::string_view kind, Expr x, WindowAttrs attrs);

  // ---- structure
  Expr tuple(Exprs fields);
  Expr get(Expr tuple, int64_t index);

 private:
  Expr fallback(Exprs operands) const;
  [[nodiscard]] int64_t axis_of(Expr x, int64_t axis, int64_t extra = 0);

  Context& c_;
  Status status_;
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
