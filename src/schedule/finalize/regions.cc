#include "schedule/finalize/regions.h"

#include <algorithm>
#include <array>

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

namespace {

/// Disjoint or overlapping parts of a buffer.
using Boxes = std::vector<Region>;

/// A store (the corners of a tile are one) and the branches that it, but not what it must cover,
/// depends on.
struct Write {
  std::vector<const Access*> corners;
  std::vector<Branch> alternatives;
};

bool at_most(Context& c, Expr a, Expr b, const Assumptions& known) {
  return a == b || prove(c, le(c, a, b), known);
}

bool contains(Context& c, const std::optional<SymbolicRange>& a,
              const std::optional<SymbolicRange>& b, const Assumptions& known) {
  return a && b && at_most(c, a->lo, b->lo, known) && at_most(c, b->hi, a->hi, known);
}

/// a and b as one box where that is no more than both: one holds the other, or they touch along
/// one axis and agree in the others.
std::optional<Region> joined(Context& c, const Region& a, const Region& b,
                             const Assumptions& known) {
  size_t in_a = 0, in_b = 0, same = 0, other = 0;
  for (size_t d = 0; d < a.size(); ++d) {
    const bool b_in = contains(c, a[d], b[d], known), a_in = contains(c, b[d], a[d], known);
    in_a += b_in ? 1 : 0;
    in_b += a_in ? 1 : 0;
    same += a_in && b_in ? 1 : 0;
    if (!a_in || !b_in) other = d;
  }
  if (in_a == a.size()) return a;
  if (in_b == a.size()) return b;
  if (same + 1 < a.size() || !a[other] || !b[other]) return std::nullopt;
  const Expr one = c.i64(1);
  if (!at_most(c, a[other]->lo, add(c, b[other]->hi, one), known) ||
      !at_most(c, b[other]->lo, add(c, a[other]->hi, one), known))
    return std::nullopt;
  Region all = a;
  all[other] = unite(c, a[other], b[other], known);
  if (!all[other]) return std::nullopt;
  return all;
}

void add_box(Context& c, Boxes& boxes, Region box, const Assumptions& known) {
  for (size_t i = 0; i < boxes.size();) {
    auto both = joined(c, boxes[i], box, known);
    if (!both) {
      ++i;
      continue;
    }
    boxes.erase(boxes.begin() + static_cast<ptrdiff_t>(i));
    box = std::move(*both);
    i = 0;
  }
  boxes.push_back(std::move(box));
}

/// What a box of either side of an alternative shares with one of the other.
Region intersect(Context& c, const Region& a, const Region& b, const Assumptions& known) {
  Region both(a.size());
  for (size_t d = 0; d < a.size(); ++d) {
    if (!a[d] || !b[d]) continue;
    const Expr lo = larger(c, a[d]->lo, b[d]->lo, known);
    const Expr hi = smaller(c, a[d]->hi, b[d]->hi, known);
    if (lo != nullptr && hi != nullptr) both[d] = SymbolicRange{lo, hi};
  }
  return both;
}

/// What the writes touch whichever way their alternatives from `level` on go.
Boxes certain_boxes(Context& c, const std::vector<Write>& writes, size_t level, size_t outer,
                    const Assumptions& sizes) {
  const Assumptions known = assume_loops(sizes, *writes.front().corners.front());
  Boxes all;
  std::vector<std::pair<Expr, std::array<std::vector<Write>, 2>>> sides;
  for (const Write& w : writes) {
    if (w.alternatives.size() == level) {
      add_box(c, all, region_of(c, w.corners, outer, sizes), known);
      continue;
    }
    const Branch& branch = w.alternatives[level];
    auto at = std::ranges::find(sides, branch.condition, [](const auto& s) { return s.first; });
    if (at == sides.end()) at = sides.insert(at, {branch.condition, {}});
    at->second[branch.then ? 1 : 0].push_back(w);
  }
  for (const auto& [condition, both] : sides) {
    if (both[0].empty() || both[1].empty()) continue;
    const Boxes otherwise = certain_boxes(c, both[0], level + 1, outer, sizes);
    for (const Region& a : certain_boxes(c, both[1], level + 1, outer, sizes))
      for (const Region& b : otherwise) add_box(c, all, intersect(c, a, b, known), known);
  }
  return all;
}

/// A branch that leaves out elements beyond an extent stays out of account, as region_of says: its
/// condition is about the loops inside. Any other decides whether there is a write at all.
bool is_alternative(const Branch& branch, const Access& write, size_t outer,
                    const Assumptions& sizes) {
  for (Expr n : post_order(std::span(&branch.condition, 1)))
    if (n->op == Op::load) return true;
  return visible(branch.condition, write, outer, sizes);
}

bool covers(Context& c, const Region& w, const Access& read, size_t outer,
            const Assumptions& sizes) {
  Region r = region_of(c, {&read}, outer, sizes);
  const Assumptions known = assume_loops(sizes, read);
  for (size_t d = 0; d < r.size(); ++d) {
    if (!w[d]) return false;
    // A tile's room beyond the buffer holds nothing that anyone needs.
    const Expr last = sub(c, read.buffer->shape()[d], c.i64(1));
    if (read.in_tile && r[d] && prove(c, le(c, last, r[d]->hi), known)) r[d]->hi = last;
    if (!r[d]) {
      // A read anywhere is covered by a write of the whole axis.
      const Expr extent = read.buffer->shape()[d];
      if (!is_int(w[d]->lo, 0) || !prove(c, le(c, extent, add(c, w[d]->hi, c.i64(1))), known))
        return false;
    } else if (smaller(c, w[d]->lo, r[d]->lo, known) != w[d]->lo ||
               larger(c, w[d]->hi, r[d]->hi, known) != w[d]->hi) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool written_before_read(Context& c, const std::vector<const Access*>& accesses, size_t outer,
                         const Assumptions& sizes) {
  std::vector<const Access*> before;
  for (const Access* a : accesses) {
    if (a->indices.size() != static_cast<size_t>(a->buffer->rank())) return false;
    if (a->is_store) {
      before.push_back(a);
      continue;
    }
    if (before.empty()) return false;
    std::vector<Write> writes;
    for (const Access* w : before) {
      if (w->in_tile && !writes.empty() && writes.back().corners.front()->in_tile &&
          writes.back().corners.front()->path == w->path) {
        writes.back().corners.push_back(w);
        continue;
      }
      Write write{{w}, {}};
      for (const Branch& branch : w->branches)
        if (std::ranges::find(a->branches, branch) == a->branches.end() &&
            is_alternative(branch, *w, outer, sizes))
          write.alternatives.push_back(branch);
      writes.push_back(std::move(write));
    }
    const Boxes boxes = certain_boxes(c, writes, 0, outer, sizes);
    if (std::ranges::none_of(boxes,
                             [&](const Region& w) { return covers(c, w, *a, outer, sizes); }))
      return false;
  }
  return true;
}

}  // namespace tenon::schedule::finalizing
