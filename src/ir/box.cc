#include "ir/box.h"

#include <algorithm>

#include "ir/expr.h"

namespace tenon::ir {
namespace {

using Axis = std::optional<SymbolicRange>;

bool at_most(Context& c, Expr a, Expr b, const Assumptions& known) {
  return a == b || prove(c, le(c, a, b), known);
}
/// The bound that is known not to be above (below) the other; nullptr: neither is.
Expr smaller(Context& c, Expr a, Expr b, const Assumptions& known) {
  if (at_most(c, a, b, known)) return a;
  return prove(c, le(c, b, a), known) ? b : nullptr;
}
Expr larger(Context& c, Expr a, Expr b, const Assumptions& known) {
  if (at_most(c, b, a, known)) return a;
  return prove(c, le(c, a, b), known) ? b : nullptr;
}

bool contains(Context& c, const Axis& a, const Axis& b, const Assumptions& known) {
  return a && b && at_most(c, a->lo, b->lo, known) && at_most(c, b->hi, a->hi, known);
}

Axis range(Expr lo, Expr hi) {
  return lo != nullptr && hi != nullptr ? Axis({lo, hi}) : std::nullopt;
}

Axis unite(Context& c, const Axis& a, const Axis& b, const Assumptions& known) {
  if (!a || !b) return std::nullopt;
  return range(smaller(c, a->lo, b->lo, known), larger(c, a->hi, b->hi, known));
}

Axis hull(Context& c, const Axis& a, const Axis& b, const Assumptions& known) {
  if (!a || !b) return std::nullopt;
  const Expr lo = smaller(c, a->lo, b->lo, known), hi = larger(c, a->hi, b->hi, known);
  return range(lo != nullptr ? lo : min(c, a->lo, b->lo),
               hi != nullptr ? hi : max(c, a->hi, b->hi));
}

Axis intersect(Context& c, const Axis& a, const Axis& b, const Assumptions& known) {
  if (!a || !b) return std::nullopt;
  return range(larger(c, a->lo, b->lo, known), smaller(c, a->hi, b->hi, known));
}

using OnAxis = Axis (*)(Context&, const Axis&, const Axis&, const Assumptions&);
Box each_axis(OnAxis f, Context& c, const Box& a, const Box& b, const Assumptions& known) {
  Box out;
  for (size_t d = 0; d < a.size(); ++d) out.push_back(f(c, a[d], b[d], known));
  return out;
}

}  // namespace

std::optional<std::vector<SymbolicRange>> bounded(const Box& box) {
  std::vector<SymbolicRange> all;
  for (const Axis& axis : box) {
    if (!axis) return std::nullopt;
    all.push_back(*axis);
  }
  return all;
}

void clamp(Context& c, Box& box, const std::vector<Expr>& shape, const Assumptions& known) {
  for (size_t d = 0; d < box.size(); ++d) {
    const Expr last = sub(c, shape[d], c.i64(1));
    if (box[d] && prove(c, le(c, last, box[d]->hi), known)) box[d]->hi = last;
  }
}

bool contains(Context& c, const Box& outer, const Box& inner, const Assumptions& known) {
  if (outer.size() != inner.size()) return false;
  for (size_t d = 0; d < outer.size(); ++d)
    if (!contains(c, outer[d], inner[d], known)) return false;
  return true;
}

Box unite(Context& c, const Box& a, const Box& b, const Assumptions& known) {
  return each_axis(unite, c, a, b, known);
}

Box hull(Context& c, const Box& a, const Box& b, const Assumptions& known) {
  return each_axis(hull, c, a, b, known);
}

Box intersect(Context& c, const Box& a, const Box& b, const Assumptions& known) {
  return each_axis(intersect, c, a, b, known);
}

std::optional<Box> joined(Context& c, const Box& a, const Box& b, const Assumptions& known) {
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
  Box all = a;
  all[other] = unite(c, a[other], b[other], known);
  if (!all[other]) return std::nullopt;
  return all;
}

}  // namespace tenon::ir
