// How the lowering of a composite writes its blocks: each computes one buffer, with a plain loop
// for every iterator.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace tenon::ops::composite {

class Blocks {
 public:
  using Exprs = std::vector<Expr>;
  using At = std::function<Expr(const Exprs& at)>;
  using Over = std::function<Expr(const Exprs& at, const Exprs& over)>;

  /// Names begin with that of the first result's buffer.
  explicit Blocks(const OpaqueArgs& args);

  Context& c;

  /// Extents of a graph type, in the kernel.
  [[nodiscard]] Exprs extents(Type type) const;
  [[nodiscard]] Expr load(Expr buffer, const Exprs& at) const { return ir::load(c, buffer, at); }
  [[nodiscard]] Expr op(ir::Op o, Expr x, Expr y) const { return ir::binary(c, o, x, y); }
  [[nodiscard]] Expr number(ir::DType type, double value) const;

  /// A buffer of that shape, filled point by point.
  Expr map(const std::string& name, ir::DType type, const Exprs& shape, const At& value);
  void store(Expr buffer, const At& value);
  /// A buffer of that shape, each element combined (sum, max, fma ...) over all of `over`, from the
  /// combiner's identity on.
  Expr reduce(const std::string& name, const char* combine, ir::DType type, const Exprs& shape,
              const Exprs& over, const Over& value);
  [[nodiscard]] Expr finish() { return ir::seq(c, statements_); }

 private:
  void emit(const std::string& name, const Exprs& shape, const Exprs& over, const Over& statement);
  Expr temp(const std::string& name, ir::DType type, const Exprs& shape);

  const OpaqueArgs& args_;
  std::string prefix_;
  std::vector<Expr> statements_;
};

}  // namespace tenon::ops::composite
