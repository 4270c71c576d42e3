#include "schedule/finalize/regions.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

size_t common_loops(const std::vector<const Access*>& accesses) {
  const Access& first = *accesses.front();
  size_t common = first.loops.size();
  for (const Access* a : accesses) {
    common = std::min(common, a->loops.size());
    for (size_t l = 0; l < common; ++l) {
      const size_t depth = first.depths[l];
      const bool same =
          a->loops[l] == first.loops[l] && a->depths[l] == depth &&
          std::equal(first.path.begin(), first.path.begin() + static_cast<ptrdiff_t>(depth),
                     a->path.begin());
      if (!same) common = l;
    }
  }
  return common;
}

Assumptions assume_loops(const Assumptions& sizes, const Access& access) {
  Assumptions known = sizes;
  for (Expr loop : access.loops) known.below(loop->operand(0), loop->operand(1));
  return known;
}

namespace {

/// True if every variable of e is a size or the variable of one of the access' first `outer` loops.
bool visible(Expr e, const Access& access, size_t outer, const Assumptions& sizes) {
  std::unordered_set<Expr> vars;
  collect_vars(e, vars);
  for (size_t l = 0; l < outer; ++l) vars.erase(access.loops[l]->operand(0));
  for (Expr v : vars)
    if (!sizes.ranges.contains(v)) return false;
  for (Expr n : post_order(std::span(&e, 1)))
    if (n->op == Op::load) return false;
  return true;
}

Expr smaller(Context& c, Expr a, Expr b, const Assumptions& known) {
  if (a == b || prove(c, le(c, a, b), known)) return a;
  if (prove(c, le(c, b, a), known)) return b;
  return nullptr;
}
Expr larger(Context& c, Expr a, Expr b, const Assumptions& known) {
  if (a == b || prove(c, le(c, b, a), known)) return a;
  if (prove(c, le(c, a, b), known)) return b;
  return nullptr;
}

std::optional<SymbolicRange> unite(Context& c, const std::optional<SymbolicRange>& a,
                                   const std::optional<SymbolicRange>& b,
                                   const Assumptions& known) {
  if (!a || !b) return std::nullopt;
  const Expr lo = smaller(c, a->lo, b->lo, known);
  const Expr hi = larger(c, a->hi, b->hi, known);
  if (lo == nullptr || hi == nullptr) return std::nullopt;
  return SymbolicRange{lo, hi};
}

}  // namespace

Region region_of(Context& c, const std::vector<const Access*>& accesses, size_t outer,
                 const Assumptions& sizes) {
  Region all;
  for (const Access* a : accesses) {
    const size_t rank = static_cast<size_t>(a->buffer->rank());
    if (a->indices.size() != rank) return Region(rank);
    const Assumptions known = assume_loops(sizes, *a);
    std::vector<Expr> inner;
    for (size_t l = outer; l < a->loops.size(); ++l) inner.push_back(a->loops[l]->operand(0));
    Region mine(rank);
    for (size_t d = 0; d < rank; ++d) {
      auto range = range_over(c, a->indices[d], inner, known);
      if (!range) continue;
      range->lo = simplify(c, range->lo, known);
      range->hi = simplify(c, range->hi, known);
      // Guards keep accesses inside the buffer, whatever the loops around them cover.
      const Expr last = sub(c, a->buffer->shape()[d], c.i64(1));
      if (!a->in_tile && prove(c, le(c, last, range->hi), known)) range->hi = last;
      if (visible(range->lo, *a, outer, sizes) && visible(range->hi, *a, outer, sizes))
        mine[d] = range;
    }
    if (a == accesses.front()) {
      all = mine;
      continue;
    }
    for (size_t d = 0; d < rank; ++d) all[d] = unite(c, all[d], mine[d], known);
  }
  return all;
}

bool written_before_read(Context& c, const std::vector<const Access*>& accesses, size_t outer,
                         const Assumptions& sizes) {
  std::vector<const Access*> reads, writes;
  for (const Access* a : accesses) {
    if (a->indices.size() != static_cast<size_t>(a->buffer->rank())) return false;
    (a->is_store ? writes : reads).push_back(a);
  }
  if (reads.empty()) return true;
  if (writes.empty() || !accesses.front()->is_store) return false;
  const Region r = region_of(c, reads, outer, sizes);
  const Region w = region_of(c, writes, outer, sizes);
  const Assumptions known = assume_loops(sizes, *accesses.front());
  for (size_t d = 0; d < r.size(); ++d) {
    if (!r[d] || !w[d]) {
      // A read anywhere is covered by a write of the whole axis.
      const Expr extent = accesses.front()->buffer->shape()[d];
      if (!w[d] || !is_int(w[d]->lo, 0) ||
          !prove(c, le(c, extent, add(c, w[d]->hi, c.i64(1))), known))
        return false;
      continue;
    }
    if (smaller(c, w[d]->lo, r[d]->lo, known) != w[d]->lo ||
        larger(c, w[d]->hi, r[d]->hi, known) != w[d]->hi)
      return false;
  }
  return true;
}

}  // namespace tenon::schedule::finalizing
