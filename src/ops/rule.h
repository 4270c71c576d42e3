// What the families' type rules share: attribute access and refusals with numbered constraints.
#pragma once

#include <string>

#include "ops/op.h"
#include "ops/shape.h"

namespace tenon::ops {

/// A view of TypeArgs for one rule. Rules read like a list of constraints: check, else refuse(n,
/// ...).
class Rule {
 public:
  explicit Rule(const TypeArgs& args) : args_(args) {}

  [[nodiscard]] Context& c() const { return args_.c; }
  [[nodiscard]] Expr operand(size_t i) const { return args_.operands[i]; }
  [[nodiscard]] const std::vector<Expr>& shape(size_t i) const { return operand(i)->shape(); }
  [[nodiscard]] int rank(size_t i) const { return operand(i)->rank(); }

  /// The attribute, or nullptr when it is absent or holds another alternative.
  template <class T>
  [[nodiscard]] const T* attr(ir::Key key) const {
    for (const ir::Attr& a : args_.attrs)
      if (a.key == key) return std::get_if<T>(&a.value);
    return nullptr;
  }
  [[nodiscard]] const std::vector<int64_t>* ints(ir::Key key) const {
    return attr<std::vector<int64_t>>(key);
  }
  [[nodiscard]] const std::vector<Expr>* exprs(ir::Key key) const {
    return attr<std::vector<Expr>>(key);
  }

  /// The extent (or the shape) that a and b share, as by ops::unify; where they cannot be told
  /// apart, the node relies on their equality.
  [[nodiscard]] std::optional<Expr> unify(Expr a, Expr b) const;
  [[nodiscard]] std::optional<std::vector<Expr>> unify(std::span<const Expr> a,
                                                       std::span<const Expr> b) const;
  /// False where a and b provably differ; otherwise the node relies on their equality.
  [[nodiscard]] bool may_equal(Expr a, Expr b) const;
  /// False where a is provably longer than b; otherwise the node relies on a <= b.
  [[nodiscard]] bool may_fit(Expr a, Expr b) const;
  /// Notes that the node means nothing where `condition` does not hold.
  void rely_on(Expr condition) const;

  /// "message [op.Cn]".
  [[nodiscard]] tl::unexpected<Error> refuse(int constraint, std::string message) const;
  /// For an attribute that must be there: "[op.attribute]".
  [[nodiscard]] tl::unexpected<Error> missing(ir::Key key) const;

  /// Refuses with `constraint` unless 0 <= axis < rank.
  [[nodiscard]] Status check_axis(int constraint, int64_t axis, int rank) const;
  /// Refuses unless the axes are in range and distinct.
  [[nodiscard]] Status check_axes(int constraint, std::span<const int64_t> axes, int rank) const;

 private:
  const TypeArgs& args_;
};

}  // namespace tenon::ops
