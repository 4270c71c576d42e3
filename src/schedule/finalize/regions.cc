#include "schedule/finalize/regions.h"

#include <algorithm>
#include <array>

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

std::span<const Step> common_path(const std::vector<const Use*>& uses) {
  std::span<const Step> shared = uses.front()->site.path;
  for (const Use* use : uses) {
    const auto differ = std::ranges::mismatch(shared, use->site.path);
    shared = shared.first(static_cast<size_t>(differ.in1 - shared.begin()));
  }
  return shared;
}

size_t common_loops(const std::vector<const Use*>& uses) {
  return static_cast<size_t>(std::ranges::count_if(
      common_path(uses), [](const Step& s) { return s.parent->op == Op::for_; }));
}

namespace {

/// True if every variable of e is a size or the variable of one of the use's first `outer` loops.
bool visible(Expr e, const Use& use, size_t outer, const Assumptions& sizes) {
  std::unordered_set<Expr> vars;
  collect_vars(e, vars);
  for (size_t l = 0; l < outer; ++l) vars.erase(use.loops[l].var);
  for (Expr v : vars)
    if (!sizes.ranges.contains(v)) return false;
  return !has_load(e);
}

}  // namespace

Box region_of(Context& c, const std::vector<const Use*>& uses, size_t outer,
              const Assumptions& sizes) {
  Box all;
  for (const Use* a : uses) {
    const Assumptions known = assume_loops(sizes, *a);
    Box mine = box_of(c, *a, outer, sizes);
    if (!a->in_tile) clamp(c, mine, a->buffer->shape(), known);
    for (auto& axis : mine)
      if (axis && (!visible(axis->lo, *a, outer, sizes) || !visible(axis->hi, *a, outer, sizes)))
        axis.reset();
    all = a == uses.front() ? mine : unite(c, all, mine, known);
  }
  return all;
}

namespace {

/// One side of an if_then.
struct Branch {
  Expr condition;
  bool then = true;
  bool operator==(const Branch&) const = default;
};

/// Around a use, outermost first.
std::vector<Branch> branches_of(const Use& use) {
  std::vector<Branch> all;
  for (const Step& step : use.site.path)
    if (step.parent->op == Op::cond) all.push_back({step.parent->operand(0), step.child == 1});
  return all;
}

/// Disjoint or overlapping parts of a buffer.
using Boxes = std::vector<Box>;

/// A store (the corners of a tile are one) and the branches that it, but not what it must cover,
/// depends on.
struct Write {
  std::vector<const Use*> corners;
  std::vector<Branch> alternatives;
};

void add_box(Context& c, Boxes& boxes, Box box, const Assumptions& known) {
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
    for (const Box& a : certain_boxes(c, both[1], level + 1, outer, sizes))
      for (const Box& b : otherwise) add_box(c, all, intersect(c, a, b, known), known);
  }
  return all;
}

/// A branch that leaves out elements beyond an extent stays out of account, as region_of says: its
/// condition is about the loops inside. Any other decides whether there is a write at all.
bool is_alternative(const Branch& branch, const Use& write, size_t outer,
                    const Assumptions& sizes) {
  return has_load(branch.condition) || visible(branch.condition, write, outer, sizes);
}

bool covers(Context& c, const Box& w, const Use& read, size_t outer, const Assumptions& sizes) {
  Box r = region_of(c, {&read}, outer, sizes);
  const Assumptions known = assume_loops(sizes, read);
  const std::vector<Expr>& shape = read.buffer->shape();
  // A tile's room beyond the buffer holds nothing that anyone needs.
  if (read.in_tile) clamp(c, r, shape, known);
  // A read anywhere is covered by a write of the whole axis.
  for (size_t d = 0; d < r.size(); ++d)
    if (!r[d]) r[d] = {c.i64(0), sub(c, shape[d], c.i64(1))};
  return contains(c, w, r, known);
}

}  // namespace

bool written_before_read(Context& c, const std::vector<const Use*>& uses, size_t outer,
                         const Assumptions& sizes) {
  std::vector<const Use*> before;
  for (const Use* a : uses) {
    if (a->indices.size() != static_cast<size_t>(a->buffer->rank())) return false;
    if (a->write) {
      before.push_back(a);
      continue;
    }
    if (before.empty()) return false;
    const std::vector<Branch> shared = branches_of(*a);
    std::vector<Write> writes;
    for (const Use* w : before) {
      if (w->in_tile && !writes.empty() && writes.back().corners.front()->in_tile &&
          writes.back().corners.front()->site.path == w->site.path) {
        writes.back().corners.push_back(w);
        continue;
      }
      Write write{{w}, {}};
      for (const Branch& branch : branches_of(*w))
        if (std::ranges::find(shared, branch) == shared.end() &&
            is_alternative(branch, *w, outer, sizes))
          write.alternatives.push_back(branch);
      writes.push_back(std::move(write));
    }
    const Boxes boxes = certain_boxes(c, writes, 0, outer, sizes);
    if (std::ranges::none_of(boxes, [&](const Box& w) { return covers(c, w, *a, outer, sizes); }))
      return false;
  }
  return true;
}

}  // namespace tenon::schedule::finalizing
