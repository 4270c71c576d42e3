// What loop programs consist of: which operands of a statement are statements, where one stands,
// and what expressions mention. Walks of statements are recursive: they nest as deep as loops do.
#pragma once

#include <functional>
#include <ranges>
#include <span>
#include <unordered_set>
#include <vector>

#include "ir/node.h"

namespace tenon::ir {

// ---- statements

/// True for a node that is executed and has no value.
[[nodiscard]] inline bool is_statement(Expr e) { return e->type->kind == TypeKind::void_; }
/// Positions of the operands that are statements themselves, in program order; they lie side by
/// side. Everything else among the operands is evaluated before them.
[[nodiscard]] std::ranges::iota_view<size_t, size_t> child_positions(Expr statement);
/// These operands.
[[nodiscard]] std::span<const Expr> children(Expr statement);
/// The statements of a sequence, or the one statement that is none.
[[nodiscard]] std::span<const Expr> in_sequence(const Expr& statement);
std::span<const Expr> in_sequence(Expr&&) = delete;
/// True for a sequence of nothing.
[[nodiscard]] bool is_empty(Expr statement);

/// The statement with its child at that position replaced.
[[nodiscard]] Expr with_child(Context& c, Expr statement, size_t child, Expr replacement);
/// The statement with its children mapped. What then does nothing vanishes, sequences are
/// flattened, loops keep kind and note.
[[nodiscard]] Expr map_children(Context& c, Expr statement, const std::function<Expr(Expr)>& f);

/// Where a statement stands: parents from the root down, each with the operand that leads on.
struct Step {
  Expr parent;
  size_t child;
  bool operator==(const Step&) const = default;
};
struct Site {
  std::vector<Step> path;
  Expr node = nullptr;
};
/// Calls `f` on every statement at or below root in program order, parents first; false from `f`
/// skips what is below.
void visit_statements(Expr root, const std::function<bool(const Site&)>& f);

// ---- expressions, and statements as a whole

/// True if one of the nodes stands at or below e.
[[nodiscard]] bool mentions(Expr e, Expr node);
[[nodiscard]] bool mentions_any(Expr e, std::span<const Expr> nodes);
[[nodiscard]] bool mentions_any(Expr e, const std::unordered_set<Expr>& nodes);
/// True if evaluating e reads memory.
[[nodiscard]] bool has_load(Expr e);
/// Adds the variables of e to `out`.
void collect_vars(Expr e, std::unordered_set<Expr>& out);

/// Row-major offset of an element.
[[nodiscard]] Expr offset_of(Context& c, std::span<const Expr> shape,
                             std::span<const Expr> indices);

/// Conjuncts of a condition, left to right; none for `true`.
[[nodiscard]] std::vector<Expr> conjuncts(Expr condition);
[[nodiscard]] Expr conjunction(Context& c, std::span<const Expr> parts);

}  // namespace tenon::ir
