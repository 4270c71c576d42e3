// The schedule primitives as functions on a program; Schedule wraps them and keeps the trace. Each
// comment is a picture: before --> after, then when it refuses.
#pragma once

#include "schedule/program.h"

namespace tenon::schedule::primitives {

/// for i < n: S(i)  -->  for i_0 < ceil(n / f): for i_1 < f: S(i_0 * f + i_1)
/// tail "predicate": blocks in S get the condition i_0 * f + i_1 < n where f may not divide n.
/// tail "peel": the loops cover floor(n / f) * f, `for i_tail < n % f` runs copies NAME_tail of the
/// rest. tail "pad": refuses unless f divides n. Handles: i_0, i_1.
[[nodiscard]] Result<Edited> split(const Program& p, const std::string& loop, int64_t factor,
                                   const std::string& tail);

/// for i < n: for j < m: S(i, j)  -->  for i_j < n * m: S(i_j / m, i_j % m)
[[nodiscard]] Result<Edited> fuse(const Program& p, const std::string& outer,
                                  const std::string& inner);

/// The loops, all on one chain of perfectly nested loops, take the order given, in the places that
/// they have. Refuses where a loop's extent would precede its variables or a block needs the old
/// order.
[[nodiscard]] Result<Edited> reorder(const Program& p, const Handles& loops);

/// split(a, fa), split(b, fb), reorder(a_0, b_0, a_1, b_1). Handles in that order.
[[nodiscard]] Result<Edited> tile(const Program& p, const std::string& a, const std::string& b,
                                  int64_t fa, int64_t fb);

/// Iterations run on the worker threads. Refuses for reductions, inside of or around a parallel
/// loop, and where an iteration needs what another one writes.
[[nodiscard]] Result<Edited> parallel(const Program& p, const std::string& loop);
/// Iterations run as vector lanes. Constant extent; a reduction loop only when it directly feeds
/// updates.
[[nodiscard]] Result<Edited> vectorize(const Program& p, const std::string& loop);
/// The body is repeated. Constant extent up to 1024.
[[nodiscard]] Result<Edited> unroll(const Program& p, const std::string& loop);
/// Sets key=value in the note of a loop or block.
[[nodiscard]] Result<Edited> annotate(const Program& p, const std::string& target,
                                      const std::string& key, const std::string& value);
/// for L: B  -->  for L: if n <= b0: B[for inner < b0, guarded by inner < n] else if n <= b1: ...
/// else B where n is the extent of `inner`. Names of copies end in _LEb.
[[nodiscard]] Result<Edited> specialize(const Program& p, const std::string& loop,
                                        const std::string& inner,
                                        const std::vector<int64_t>& bounds);

/// Moves a producer into the body of `loop`, before its first consumer there, with loops BLOCK_axis
/// over just the region that the consumers under the loop read (a reduction with all its reduction
/// loops). All consumers must be under the loop.
[[nodiscard]] Result<Edited> compute_at(const Program& p, const std::string& block,
                                        const std::string& loop);
/// Moves a consumer to the end of the body of `loop`, over the region that its producers under the
/// loop write in one iteration.
[[nodiscard]] Result<Edited> reverse_compute_at(const Program& p, const std::string& block,
                                                const std::string& loop);
/// b[i] = f(i); c[j] = g(b[h(j)])  -->  c[j] = g(f(h(j)))
[[nodiscard]] Result<Edited> inline_block(const Program& p, const std::string& block);
/// b[h(i)] = f(i); c[j] = g(b[j])  -->  c[h(i)] = g(f(i))
[[nodiscard]] Result<Edited> reverse_inline(const Program& p, const std::string& block);

/// A copy of what `block` reads of `buffer`, in a new buffer of that scope, made just before the
/// outermost statement with the block. Handle: the copying block BUFFER_read.
[[nodiscard]] Result<Edited> cache_read(const Program& p, const std::string& block,
                                        const std::string& buffer, const std::string& scope);
/// The block writes a new buffer of that scope, which a block BUFFER_write copies to the old one
/// just after the outermost statement with the block. Handle: the copying block.
[[nodiscard]] Result<Edited> cache_write(const Program& p, const std::string& block,
                                         const std::string& scope);
/// See ir::Packing. A constant changes its param and all its readers; for another buffer a block
/// BUFFER_pack writes the packed copy that `block` then reads. Handles: that block's name or none.
[[nodiscard]] Result<Edited> pack(const Program& p, const std::string& block,
                                  const std::string& buffer, const ir::Packing& layout);
/// The buffer that the block writes gets that scope.
[[nodiscard]] Result<Edited> set_scope(const Program& p, const std::string& block,
                                       const std::string& scope);

/// loop: update(b)  -->  NAME_init over the spatial loops at or below `loop`; loop: update without
/// init
[[nodiscard]] Result<Edited> decompose_reduction(const Program& p, const std::string& block,
                                                 const std::string& loop);
/// The iterations of a reduction loop accumulate separately, in the leading axis of a new buffer
/// (block NAME_rf); NAME, after the outermost statement, combines them. Handle: NAME_rf.
[[nodiscard]] Result<Edited> rfactor(const Program& p, const std::string& block,
                                     const std::string& loop);
/// The loop and all below becomes the body of a block LOOP_block whose iterators are the outer
/// loops.
[[nodiscard]] Result<Edited> blockize(const Program& p, const std::string& loop);
/// The nest at `loop` (loops i, j, k in any order around one initialised reduction of products)
/// becomes the instruction fma_tile with params {mr, nr}; see machine.h.
[[nodiscard]] Result<Edited> tensorize(const Program& p, const std::string& loop,
                                       const std::string& instruction,
                                       const std::vector<int64_t>& params);

// ---- shared by several of them

/// `statement` executed only where `condition` holds: blocks get it as predicate, other statements
/// an if.
[[nodiscard]] ir::Expr guard(ir::Context& c, ir::Expr statement, ir::Expr condition);
[[nodiscard]] std::string no_loop(const std::string& name);
[[nodiscard]] std::string no_block(const std::string& name);

}  // namespace tenon::schedule::primitives
