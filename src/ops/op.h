// What every graph operator provides: shape rule with numbered constraints, reference evaluation,
// lowering to a loop-program definition. One row an operator (families.h); one folder an operator
// family, src/ops/<family>/.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/expr.h"
#include "ir/node.h"
#include "support/result.h"

namespace tenon::ops {

using ir::Context;
using ir::Expr;
using ir::Type;

// ---- reference values
// ----------------------------------------------------------------------------
/// A dense row-major tensor of the reference interpreter; `bytes` holds storage elements
/// (info(dtype).element_bytes each). Tuples are vectors of these. Sub-byte types take one byte an
/// element.
struct Tensor {
  ir::DType dtype = ir::DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  [[nodiscard]] int64_t count() const;
  /// Element as double / int64 (exact for every type that fits); set rounds or wraps to the type.
  [[nodiscard]] double get_f(int64_t i) const;
  [[nodiscard]] int64_t get_i(int64_t i) const;
  void set_f(int64_t i, double value);
  void set_i(int64_t i, int64_t value);
  static Tensor zeros(ir::DType dtype, std::vector<int64_t> shape);
};

/// What reference evaluation of one node sees. Floating-point work is done in double, rounded once
/// to the output type.
struct EvalArgs {
  Expr node;
  std::span<const Tensor* const> operands;
  std::vector<int64_t> shape;            // of the (first) result, evaluated
  std::function<int64_t(Expr)> integer;  // value of a symbolic expression
};
using EvalFn = Result<std::vector<Tensor>> (*)(const EvalArgs&);

// ---- shape rule
// ----------------------------------------------------------------------------------
/// The result type from operands and attributes, or why not ("[conv.C4]" codes). `wanted` is the
/// type that the builder proposes for operators whose type is not implied (reshape, slice, iota,
/// cast ...).
struct TypeArgs {
  Context& c;
  ir::Op op;
  std::span<const Expr> operands;
  std::span<const ir::Attr> attrs;
  Type wanted;
  /// Where given, takes the conditions over extents that the rule can neither prove nor refute and
  /// takes to hold.
  std::vector<Expr>* relied_on = nullptr;
};
using TypeFn = Result<Type> (*)(const TypeArgs&);

// ---- lowering to definitions
// ----------------------------------------------------------------------
/// How an operator's output depends on its inputs; fusion reasons on this, not on names.
enum class Pattern : uint8_t {
  elementwise,  // out[i] from in[i]
  broadcast,    // out[i] from in[subset of i]
  injective,  // each out element reads at most one element of each operand: transpose, slice, pad,
              // gather
  reduction,  // out[i] = combine over r of f(in[g(i, r)])
  pieces,     // the operands one after the other (concat): a block for each
  contraction,  // a reduction of products: dot, conv
  window,       // a reduction over a sliding neighbourhood
  opaque,       // anything else: scan, sort, scatter: a statement over whole buffers
  structural,   // tuple, get, if, loop, call: not lowered here
};

/// Lowering runs in the kernel's context. `load(k, indices)` is the value of operand k at indices;
/// `extent(e)` brings a graph extent (an i64 expression of the graph's context) into the kernel.
struct PointArgs {
  Context& c;
  Expr node;                  // graph node (types' extents belong to the graph's context)
  std::span<const Expr> out;  // output indices, i64, kernel context
  std::function<Expr(size_t, std::span<const Expr>)> load;
  std::function<Expr(Expr)> extent;
  std::span<const Expr> reduce;  // reduction iterators, for reductions
};
/// elementwise, broadcast, injective: the output's value at `out`. Reductions: the value to
/// combine.
using PointFn = Expr (*)(const PointArgs&);

struct ReduceAxis {
  std::string name;
  Expr extent;  // graph context
};
struct ReduceInfo {
  std::vector<ReduceAxis> axes;
  std::string combine;   // sum|prod|max|min|and|or|fma
  ir::DType accumulate;  // type of the accumulator; differs from the output's for f16, bf16
};
using ReduceFn = ReduceInfo (*)(Context& graph, Expr node);

/// Opaque operators: a statement that writes `outs` (one buffer each result) from `ins`.
struct OpaqueArgs {
  Context& c;
  Expr node;
  std::span<const Expr> ins;   // buffers
  std::span<const Expr> outs;  // buffers
  std::function<Expr(Expr)> extent;
  std::function<Expr(std::string, ir::DType, std::span<const Expr> shape, ir::Scope)>
      temp;  // fresh internal buffer
};
using OpaqueFn = Expr (*)(const OpaqueArgs&);

/// Operators that index by data (gather): the condition that every element of operand
/// `OpRow::checked_operand` must meet at run time. `value` is the element (its own integer type),
/// `at` its position, both in the kernel's context. The lowering adds a block that executes `fail_`
/// where the condition does not hold; the operator's PointFn is safe to evaluate either way.
struct CheckArgs {
  Context& c;
  Expr node;
  Expr value;
  std::span<const Expr> at;
  std::function<Expr(Expr)> extent;
};
using CheckFn = Expr (*)(const CheckArgs&);
/// Whether a node needs that block: its row has a check, and its indices are not literals that were
/// found in range when the node was built.
[[nodiscard]] bool needs_check(Expr node);

/// index_map.h says what it returns.
using AxesFn = std::vector<int> (*)(Expr node, size_t operand);

struct OpRow {
  ir::Op op;
  Pattern pattern;
  TypeFn type;
  EvalFn eval;
  PointFn point = nullptr;
  ReduceFn reduce = nullptr;
  OpaqueFn opaque = nullptr;
  AxesFn axes = nullptr;  // nullptr: of elementwise operators the same axes, of others unknown
  CheckFn check = nullptr;
  int checked_operand = 1;
  /// Of an opaque operator: the operand whose value the result starts from. Its lowering may be
  /// given that operand's buffer as the result's (outs[0] == ins[updated_operand]) and then writes
  /// what changes, nothing else. -1: none.
  int updated_operand = -1;
  double tolerance =
      0;  // relative, of a compiled f32 result against the reference; the row says why
};
/// The row, or nullptr for an operator that is not a graph operator.
[[nodiscard]] const OpRow* find_op(ir::Op op);
/// What kernels need to know of a node: its operator's row, or for the call of a kept composite
/// (call.h) that of the composite's lowering. nullptr: it belongs to no kernel.
[[nodiscard]] const OpRow* kernel_row(Expr node);

/// Builds a checked graph node: applies the shape rule and the operator's local folds.
[[nodiscard]] Result<Expr> build(Context& c, ir::Op op, std::span<const Expr> operands,
                                 std::vector<ir::Attr> attrs = {}, Type wanted = nullptr);

}  // namespace tenon::ops
