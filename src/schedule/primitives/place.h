// Placing a block under a loop over a part of its domain: what compute_at and reverse_compute_at
// share.
#pragma once

#include <functional>

#include "schedule/block_facts.h"

namespace tenon::schedule::primitives {

/// Loops named BLOCK_axis over `ranges` (one for each iterator, inside or across `domain`) around
/// the block, which is guarded where a range may leave the domain. `known`: outside of the loops;
/// `outer`: the loops there.
[[nodiscard]] ir::Expr nest_over(Draft& draft, ir::Expr block, const Ranges& ranges,
                                 const Ranges& domain, ir::Assumptions known,
                                 std::span<const ir::ForView> outer);

/// `box` (of a buffer) seen through the indices of an access with that block's iterators: the
/// ranges of the iterators that stand alone in an index with coefficient 1. Others keep what
/// `ranges` has.
void narrow(ir::Context& c, const std::vector<ir::BlockIter>& iters,
            std::span<const ir::Expr> indices, const Ranges& box, char kind, Ranges& ranges,
            std::vector<bool>& narrowed);

/// Reasons for which nothing can be placed there; empty when it can.
[[nodiscard]] std::string bad_place(const Site& block, const Site& loop);

/// A statement that copies the elements in `box` from one buffer to another, cast where types
/// differ, in a block `name` with loops named after it. The box is free of loop variables.
[[nodiscard]] ir::Expr copy_nest(Draft& draft, const std::string& name, const Ranges& box,
                                 ir::Expr from, ir::Expr to);

/// Whose reads of what go through a copy, made by a block BUFFER<suffix>.
struct ReadCopy {
  const std::string& block;
  const std::string& buffer;
  std::string_view suffix;
};
/// The block with its reads of a buffer turned into reads of the copy.
using RewriteReads =
    std::function<Result<ir::Expr>(ir::Expr block, ir::Expr buffer, ir::Expr copy)>;
/// Copies what the block reads of a buffer into `copied(buffer)`, just before the outermost
/// statement with the block. Handle: the copying block. Refuses where the buffer is written in the
/// same nest or later.
[[nodiscard]] Result<Edited> read_through_copy(Draft& draft, std::string_view primitive,
                                               const ReadCopy& of,
                                               const std::function<ir::Expr(ir::Expr)>& copied,
                                               const RewriteReads& through);

/// The param or internal buffer of that name; nullptr for none.
[[nodiscard]] ir::Expr find_buffer(Draft& draft, const std::string& name);
/// Replaces the statement at the site by `before` (unless nullptr), `statement`, `after`
/// (likewise).
void insert_beside(Draft& draft, const Site& site, ir::Expr before, ir::Expr statement,
                   ir::Expr after);

/// The outermost loop around the site inside of the block or root that it stands in; the site
/// itself when there is none.
[[nodiscard]] Site outermost_loop(const Site& site);

/// The loop and those around it.
[[nodiscard]] std::vector<ir::ForView> loops_inside(const Site& loop);
/// What is known inside of the loop.
[[nodiscard]] ir::Assumptions known_inside(const Draft& draft, const Site& loop);

}  // namespace tenon::schedule::primitives
