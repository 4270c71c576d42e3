// How the lowering of an opaque operator writes its statement: an imperative builder of loops,
// conditions and cells. An expression that loads memory is evaluated where it is used, so a value
// that must survive later stores is held by `let`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace tenon::ops::opaque {

using Exprs = std::vector<Expr>;
using Action = std::function<void()>;

class Code {
 public:
  explicit Code(const OpaqueArgs& args) : c(args.c), args_(args), scopes_(1) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  Context& c;

  // ---- statements, appended to the current scope
  void store(Expr buffer, Expr value, const Exprs& at);
  void loop(const std::string& name, Expr extent, const std::function<void(Expr)>& body);
  /// Loops over all indices of a shape, row-major.
  void loops(const std::string& name, const Exprs& shape,
             const std::function<void(const Exprs&)>& body);
  void when(Expr condition, const Action& then, const Action& otherwise = nullptr);
  void repeat_while(Expr condition, const Action& body);
  /// Leaves the kernel where `index`, counted from the front, is outside; reports it as `given`.
  void fail_unless_in_range(Expr given, Expr index, Expr extent);
  /// A variable that holds the value for the rest of the scope.
  Expr let(const std::string& name, Expr value);
  /// Serial loops over `shape` around a block of which they are spatial iterators: iterations are
  /// independent, so a schedule may run them in parallel. An empty shape gives a lone block.
  void block(const std::string& name, const Exprs& shape,
             const std::function<void(const Exprs&)>& body);
  [[nodiscard]] Expr finish();

  // ---- memory
  [[nodiscard]] Expr load(Expr buffer, const Exprs& at) const { return ir::load(c, buffer, at); }
  [[nodiscard]] Expr temp(const std::string& name, ir::DType type, const Exprs& shape,
                          ir::Scope scope) const {
    return args_.temp(name, type, shape, scope);
  }
  /// A scalar that changes; kept in a register.
  struct Cell {
    Code* code;
    Expr buffer;
    [[nodiscard]] Expr get() const;
    void set(Expr value) const;
  };
  [[nodiscard]] Cell cell(const std::string& name, ir::DType type);
  [[nodiscard]] Cell cell(const std::string& name, Expr initial);

  // ---- scalars
  [[nodiscard]] Expr i64(int64_t v) const { return c.i64(v); }
  [[nodiscard]] Expr add(Expr a, Expr b) const { return ir::add(c, a, b); }
  [[nodiscard]] Expr sub(Expr a, Expr b) const { return ir::sub(c, a, b); }
  [[nodiscard]] Expr mul(Expr a, Expr b) const { return ir::mul(c, a, b); }
  [[nodiscard]] Expr next(Expr a) const { return ir::add(c, a, c.i64(1)); }
  [[nodiscard]] Expr op(ir::Op o, Expr a, Expr b) const { return ir::binary(c, o, a, b); }
  [[nodiscard]] Expr number(ir::DType type, double value) const;
  [[nodiscard]] Expr both(Expr a, Expr b) const { return ir::logical_and(c, a, b); }
  [[nodiscard]] Expr either(Expr a, Expr b) const { return ir::logical_or(c, a, b); }
  [[nodiscard]] Expr negate(Expr a) const { return ir::unary(c, ir::Op::not_, a); }
  /// index + extent where it is negative.
  [[nodiscard]] Expr wrapped(Expr index, Expr extent) const;
  /// The indices of row-major position `i` in a shape.
  [[nodiscard]] Exprs unravel(Expr i, const Exprs& shape) const;
  /// Whether a stands before b in sorted order; NaN is the largest value.
  [[nodiscard]] Expr before(Expr a, Expr b, bool descending) const;

 private:
  /// Statements of a scope; an entry with a variable is a let that spans all that follows.
  struct Entry {
    Expr variable, value;  // of a let
    Expr statement;
  };
  [[nodiscard]] Expr scoped(const Action& body);

  const OpaqueArgs& args_;
  std::vector<std::vector<Entry>> scopes_;
};

/// `at` with `value` inserted at position `axis`.
[[nodiscard]] Exprs with_axis(Exprs at, int64_t axis, Expr value);
/// `shape` without axis.
[[nodiscard]] Exprs without_axis(Exprs shape, int64_t axis);

/// Sorts the numbers 0 .. n-1 into `order` (i64[2, n]) so that before(a, b) never holds for
/// neighbours b, a; stable. `before` may emit statements. Returns the row of `order` that holds the
/// result.
Expr merge_sort(Code& code, Expr order, Expr n, const std::function<Expr(Expr a, Expr b)>& before);

}  // namespace tenon::ops::opaque
