// Lowering of reshape. Axes are grouped so that each group of output axes holds the elements of one
// group of input axes: [b, s, 768] -> [b * s, 12, 64] is {b, s | b*s} {768 | 12, 64}. Within a
// group the output index is made linear and split again by floordiv and mod; a group of one axis on
// both sides is the index itself. Groups are found from the left, then from the right; what cannot
// be matched (extents that are only assumed equal) is one group.
#include <algorithm>

#include "ops/movement/movement.h"

namespace tenon::ops {
namespace {

/// A product of extents: a literal times a sorted list of symbolic factors.
struct Factors {
  int64_t literal = 1;
  std::vector<Expr> symbols;

  void multiply(Expr e) {
    std::vector<Expr> work{e};
    while (!work.empty()) {
      const Expr f = work.back();
      work.pop_back();
      if (const auto n = ir::as_int(f)) {
        literal *= *n;
      } else if (f->op == ir::Op::mul) {
        work.push_back(f->operand(0));
        work.push_back(f->operand(1));
      } else {
        symbols.insert(std::upper_bound(symbols.begin(), symbols.end(), f,
                                        [](Expr a, Expr b) { return a->id < b->id; }),
                       f);
      }
    }
  }
  bool operator==(const Factors&) const = default;
  /// Could divide `other`: then more factors must join on this side.
  [[nodiscard]] bool within(const Factors& other) const {
    return literal != 0 && other.literal % literal == 0 &&
           std::includes(other.symbols.begin(), other.symbols.end(), symbols.begin(), symbols.end(),
                         [](Expr a, Expr b) { return a->id < b->id; });
  }
};

struct Group {
  size_t in_begin, in_end, out_begin, out_end;
};

/// One side of the walk: extents from one end, those of 1 left out.
struct Walk {
  std::span<const Expr> shape;
  bool backwards;
  size_t used = 0;

  [[nodiscard]] bool done() const { return used == shape.size(); }
  Expr take() {
    const Expr e = backwards ? shape[shape.size() - 1 - used] : shape[used];
    ++used;
    return e;
  }
};

/// Matches axes from one end; returns how many of each side are in complete groups.
std::vector<Group> match(std::span<const Expr> in, std::span<const Expr> out, bool backwards) {
  Walk a{in, backwards};
  Walk b{out, backwards};
  std::vector<Group> groups;
  while (!a.done() && !b.done()) {
    const size_t a_begin = a.used;
    const size_t b_begin = b.used;
    Factors left;
    Factors right;
    left.multiply(a.take());
    right.multiply(b.take());
    while (!(left == right)) {
      if (left.within(right) && !a.done()) {
        left.multiply(a.take());
      } else if (right.within(left) && !b.done()) {
        right.multiply(b.take());
      } else if (left.symbols.empty() && right.symbols.empty() && left.literal != 0 &&
                 right.literal != 0 && !(left.literal < right.literal ? a : b).done()) {
        // Literals such as 6 against 4: both go on growing until they meet.
        (left.literal < right.literal) ? left.multiply(a.take()) : right.multiply(b.take());
      } else {
        return groups;
      }
    }
    if (backwards) {
      groups.push_back(
          {in.size() - a.used, in.size() - a_begin, out.size() - b.used, out.size() - b_begin});
    } else {
      groups.push_back({a_begin, a.used, b_begin, b.used});
    }
  }
  return groups;
}

/// Groups that cover all axes of both sides. Shapes here have no extents of 1.
std::vector<Group> group_axes(std::span<const Expr> in, std::span<const Expr> out) {
  std::vector<Group> groups = match(in, out, false);
  const size_t in_done = groups.empty() ? 0 : groups.back().in_end;
  const size_t out_done = groups.empty() ? 0 : groups.back().out_end;
  std::vector<Group> ends = match(in.subspan(in_done), out.subspan(out_done), true);
  size_t in_rest = in.size();
  size_t out_rest = out.size();
  for (Group& g : ends) {
    g = {g.in_begin + in_done, g.in_end + in_done, g.out_begin + out_done, g.out_end + out_done};
    in_rest = g.in_begin;
    out_rest = g.out_begin;
  }
  if (in_done < in_rest || out_done < out_rest)
    groups.push_back({in_done, in_rest, out_done, out_rest});
  groups.insert(groups.end(), ends.begin(), ends.end());
  return groups;
}

std::vector<size_t> longer_than_one(std::span<const Expr> shape) {
  std::vector<size_t> axes;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!ir::is_int(shape[i], 1)) axes.push_back(i);
  return axes;
}

std::vector<Expr> pick(std::span<const Expr> values, std::span<const size_t> axes) {
  std::vector<Expr> picked;
  for (size_t i : axes) picked.push_back(values[i]);
  return picked;
}

/// Writes the input indices of one group from the output indices `out` (of axes longer than 1).
void map_group(const PointArgs& args, const Group& g, std::span<const Expr> in_shape,
               std::span<const Expr> out_shape, std::span<const Expr> out, std::vector<Expr>& in) {
  Context& c = args.c;
  Expr linear = c.i64(0);
  for (size_t i = g.out_begin; i < g.out_end; ++i)
    linear = ir::add(c, ir::mul(c, linear, args.extent(out_shape[i])), out[i]);
  for (size_t i = g.in_end; i-- > g.in_begin;) {
    const Expr extent = args.extent(in_shape[i]);
    in[i] = i == g.in_begin ? linear : ir::mod(c, linear, extent);
    linear = ir::floordiv(c, linear, extent);
  }
}

}  // namespace

Expr reshape_point(const PointArgs& args) {
  const std::vector<Expr>& in_shape = args.node->operand(0)->shape();
  const std::vector<Expr>& out_shape = args.node->shape();
  const std::vector<size_t> in_axes = longer_than_one(in_shape);
  const std::vector<size_t> out_axes = longer_than_one(out_shape);
  const std::vector<Expr> in = pick(in_shape, in_axes);
  const std::vector<Expr> out = pick(out_shape, out_axes);
  const std::vector<Expr> index = pick(args.out, out_axes);
  std::vector<Expr> places(in.size(), args.c.i64(0));
  for (const Group& g : group_axes(in, out)) map_group(args, g, in, out, index, places);
  std::vector<Expr> at(in_shape.size(), args.c.i64(0));
  for (size_t i = 0; i < in_axes.size(); ++i) at[in_axes[i]] = places[i];
  return args.load(0, at);
}

}  // namespace tenon::ops
