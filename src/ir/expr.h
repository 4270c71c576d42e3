// Builders of scalar expressions and statements. Integer (i64) builders fold and put into a
// canonical form as they build, so that index arithmetic stays small; simplify.h proves more.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "ir/node.h"

namespace tenon::ir {

// ---- scalars of any type: operand types must agree; comparisons give bool
[[nodiscard]] Expr unary(Context& c, Op op, Expr a);
[[nodiscard]] Expr binary(Context& c, Op op, Expr a, Expr b);
[[nodiscard]] Expr select(Context& c, Expr cond, Expr a, Expr b);
[[nodiscard]] Expr cast(Context& c, DType to, Expr a);

// ---- i64 arithmetic
[[nodiscard]] Expr add(Context& c, Expr a, Expr b);
[[nodiscard]] Expr sub(Context& c, Expr a, Expr b);
[[nodiscard]] Expr mul(Context& c, Expr a, Expr b);
[[nodiscard]] Expr floordiv(Context& c, Expr a, Expr b);
[[nodiscard]] Expr mod(Context& c, Expr a, Expr b);
[[nodiscard]] Expr min(Context& c, Expr a, Expr b);
[[nodiscard]] Expr max(Context& c, Expr a, Expr b);
[[nodiscard]] Expr ceildiv(Context& c, Expr a, Expr b);
[[nodiscard]] Expr logical_and(Context& c, Expr a, Expr b);
[[nodiscard]] Expr logical_or(Context& c, Expr a, Expr b);
[[nodiscard]] Expr lt(Context& c, Expr a, Expr b);
[[nodiscard]] Expr le(Context& c, Expr a, Expr b);
[[nodiscard]] Expr eq(Context& c, Expr a, Expr b);
[[nodiscard]] Expr ne(Context& c, Expr a, Expr b);
[[nodiscard]] Expr gt(Context& c, Expr a, Expr b);  // as lt with the operands exchanged
[[nodiscard]] Expr ge(Context& c, Expr a, Expr b);
[[nodiscard]] Expr neg(Context& c, Expr a);  // a * -1
/// The negation of a bool; comparisons of integers turn around.
[[nodiscard]] Expr logical_not(Context& c, Expr a);
[[nodiscard]] Expr product(Context& c, std::span<const Expr> extents);  // 1 for none

/// The literal's value; empty when the node is not an integer or boolean literal.
[[nodiscard]] std::optional<int64_t> as_int(Expr e);
[[nodiscard]] bool is_int(Expr e, int64_t value);

// ---- memory and statements
[[nodiscard]] Expr load(Context& c, Expr buffer, std::span<const Expr> indices);
[[nodiscard]] Expr store(Context& c, Expr buffer, Expr value, std::span<const Expr> indices);
[[nodiscard]] Expr update(Context& c, Expr buffer, Expr init, Expr value,
                          std::span<const Expr> indices, std::string combine);
[[nodiscard]] Expr seq(Context& c,
                       std::span<const Expr> statements);  // flattens; one statement stays itself
[[nodiscard]] Expr for_loop(Context& c, Expr var, Expr extent, Expr body,
                            std::string kind = "serial", std::string note = "");
[[nodiscard]] Expr if_then(Context& c, Expr cond, Expr then, Expr otherwise = nullptr);
[[nodiscard]] Expr while_loop(Context& c, Expr cond, Expr body);
[[nodiscard]] Expr let(Context& c, Expr var, Expr value, Expr body);

struct BlockIter {
  Expr var;
  Expr binding;
  char kind;  // 's' spatial, 'r' reduction
};
/// Views of structured statements.
struct BlockView {
  Expr node;
  [[nodiscard]] const std::string& name() const { return node->string_attr(Key::name); }
  [[nodiscard]] Expr predicate() const { return node->operand(0); }
  [[nodiscard]] Expr body() const { return node->operand(1); }
  [[nodiscard]] std::vector<BlockIter> iters() const;
};
[[nodiscard]] Expr block(Context& c, std::string name, std::span<const BlockIter> iters,
                         Expr predicate, Expr body, std::string note = "");
struct ForView {
  Expr node;
  [[nodiscard]] Expr var() const { return node->operand(0); }
  [[nodiscard]] Expr extent() const { return node->operand(1); }
  [[nodiscard]] Expr body() const { return node->operand(2); }
  [[nodiscard]] const std::string& kind() const { return node->string_attr(Key::kind); }
  [[nodiscard]] std::string_view note() const { return node->string_attr_or(Key::note, ""); }
};

/// One axis of an instruction: its variable runs from 0 to below the extent.
struct InstrAxis {
  Expr var;
  Expr extent;
};
struct InstrView {
  Expr node;
  [[nodiscard]] const std::string& name() const { return node->string_attr(Key::name); }
  [[nodiscard]] std::span<const int64_t> params() const;  // compile-time sizes; none: empty
  [[nodiscard]] std::vector<InstrAxis> axes() const;
  /// Loads whose indices are functions of the axes.
  [[nodiscard]] std::span<const Expr> operands() const;
};
[[nodiscard]] Expr instr(Context& c, std::string name, std::span<const int64_t> params,
                         std::span<const InstrAxis> axes, std::span<const Expr> operands);

}  // namespace tenon::ir
