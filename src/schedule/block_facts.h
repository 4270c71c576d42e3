// What primitives ask about blocks: boxes that accesses cover, kinds of blocks and the domains of
// their iterators, and the dependences that decide whether loops may be reordered or run in
// parallel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/accesses.h"
#include "schedule/program.h"

namespace tenon::schedule::primitives {

/// Inclusive bounds for each iterator or axis.
using Ranges = std::vector<ir::SymbolicRange>;

/// True if an instruction at or below root names the buffer.
[[nodiscard]] bool used_by_instruction(ir::Expr root, ir::Expr buffer);

/// Shapes of blocks that primitives tell apart.
enum class BlockKind : uint8_t {
  store,      // one store, a function of spatial iterators, each element written by one instance
  reduction,  // one update, likewise, over reduction iterators
  tile,       // a tensorized reduction
  opaque,     // anything else
};
[[nodiscard]] BlockKind kind_of(ir::Context& c, ir::Expr block);
/// The store, update or instr that is the block's body; nullptr when it is something else.
[[nodiscard]] ir::Expr sole_statement(ir::Expr block);
/// Its indices: operands behind buffer and values.
[[nodiscard]] std::vector<ir::Expr> target_indices(ir::Expr store_or_update);
[[nodiscard]] bool is_initialized(ir::Expr block);  // note init=done

/// True if a reduction iterator of the block is bound to an expression with this variable.
[[nodiscard]] bool feeds_reduction(ir::Expr block, ir::Expr loop_var);

/// True if the variable stands in the binding of an iterator of that kind.
[[nodiscard]] bool in_bindings(ir::Expr block, char kind, ir::Expr var);
/// True if a loop around the block carries both spatial and reduction iterators (a fused one): the
/// block then starts an element where its reduction iterators are 0, inside those loops.
[[nodiscard]] bool starts_inside(const Site& block);
/// True if the loops around the block that carry its reduction are known to have iterations.
[[nodiscard]] bool reduction_runs(Draft& draft, const Site& block);
/// Refuses unless the block is a plain reduction that is not decomposed.
[[nodiscard]] Status check_reduction(std::string_view primitive, ir::Context& c, const Site& block);

/// Ranges of the iterators over all iterations, free of loop variables, when they form a box.
[[nodiscard]] std::optional<Ranges> iterator_domain(Draft& draft, const Site& block);

/// True if different iterations of `loops` (around the block) give different values of its
/// iterators. After compute_at with overlapping regions they may not: such blocks have the note
/// again=yes.
[[nodiscard]] bool runs_once(ir::Context& c, ir::Expr block, std::span<const ir::ForView> loops);
/// The block with that note set or removed, by what runs_once tells.
[[nodiscard]] ir::Expr with_repetition_note(ir::Context& c, ir::Expr block,
                                            std::span<const ir::ForView> loops);
/// Loops from `top` (included) down to the site of a statement below it.
[[nodiscard]] std::vector<ir::ForView> loops_from(const Site& site, ir::Expr top);
/// True if the block accumulates over one of the loops and may take an element more than once.
[[nodiscard]] bool accumulates_again(ir::Context& c, ir::Expr block,
                                     std::span<const ir::ForView> loops);

/// Why iterations of the loops `vars`, which enclose the statement `nest`, may not run in another
/// order; empty when they may. `parallel`: at the same time.
[[nodiscard]] std::string order_matters(Draft& draft, const Site& nest,
                                        std::span<const ir::Expr> vars, bool parallel);
/// The part of it that concerns buffers: what blocks (or just `reader`, unless nullptr) read of
/// what other blocks of the nest write must be written earlier in the same iteration of `vars`.
[[nodiscard]] std::string reads_other_iterations(Draft& draft, const Site& nest,
                                                 std::span<const ir::Expr> vars, ir::Expr reader);

}  // namespace tenon::schedule::primitives
