// Shapes: Shape, Size, Reshape, Squeeze, Unsqueeze, Flatten, Transpose, Expand, Tile, Concat,
// Split.
#include "frontend/onnx/convert/common.h"

namespace tenon::onnx_import {
namespace {

Exprs shape(Call& k) {
  const Expr x = k.in(0);
  const int64_t rank = x->rank();
  const auto clamp = [&](int64_t v) {
    return std::min(std::max(v < 0 ? v + rank : v, int64_t{0}), rank);
  };
  const int64_t start = clamp(k.int_attr("start", 0));
  const int64_t end = std::max(clamp(k.int_attr("end", rank)), start);
  return {k.b.from_scalars(
      std::span(x->shape()).subspan(static_cast<size_t>(start), static_cast<size_t>(end - start)))};
}

Exprs size(Call& k) { return {k.b.from_scalar(k.b.product(k.in(0)->shape()))}; }

/// The target of Reshape from known elements: 0 copies an extent, -1 takes what is left.
Exprs known_target(Call& k, Expr x, const Exprs& wanted, bool zero_copies) {
  Builder& b = k.b;
  Exprs out;
  std::optional<size_t> open;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto value = ir::as_int(wanted[i]);
    if (value == 0 && zero_copies) {
      if (i >= x->shape().size())
        k.fail("extent 0 at axis " + std::to_string(i) + " copies an axis that is not there",
               "onnx.shape");
      out.push_back(x->shape()[i]);
      continue;
    }
    if (value == -1) {
      if (open) k.fail("the shape has -1 twice", "onnx.shape");
      open = i;
    } else if (value && *value < 0) {
      k.fail("the shape has extent " + std::to_string(*value), "onnx.shape");
    }
    out.push_back(wanted[i]);
  }
  if (!open) return out;
  out[*open] = b.c.i64(1);
  const Expr total = b.product(x->shape());
  const Expr rest = b.product(out);
  if (ir::is_int(rest, 0)) k.fail("the shape has both -1 and 0", "onnx.shape");
  const auto t = ir::as_int(total);
  const auto r = ir::as_int(rest);
  if (t && r && *t % *r != 0)
    k.fail("cannot reshape " + std::to_string(*t) + " elements into multiples of " +
               std::to_string(*r),
           "onnx.shape");
  out[*open] = b.divide_exactly(x->shape(), out);
  return out;
}

/// The same while running: the target is computed as a tensor and its elements are bound.
Exprs dynamic_target(Call& k, Expr x, Expr wanted, bool zero_copies) {
  Builder& b = k.b;
  const auto count = static_count(wanted->type);
  if (!count || wanted->rank() != 1)
    k.fail("the shape has an unknown number of elements", "onnx.dynamic_rank");
  if (*count > kElementLimit) k.fail("the shape has too many elements", "onnx.shape");
  wanted = b.cast(wanted, DType::i64);
  if (zero_copies) {
    Exprs have(static_cast<size_t>(*count), b.c.i64(0));
    std::copy_n(x->shape().begin(), std::min(have.size(), x->shape().size()), have.begin());
    wanted = b.select(b.binary(Op::eq, wanted, b.c.i64(0)), b.from_scalars(have), wanted);
  }
  const Expr open = b.binary(Op::eq, wanted, b.c.i64(-1));
  const Expr rest = b.reduce("prod", b.select(open, b.c.i64(1), wanted), {0}, false);
  const Expr left = b.binary(Op::div, b.from_scalar(b.product(x->shape())), rest);
  return b.integers(b.select(open, left, wanted));
}

Exprs reshape(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const bool zero_copies = k.int_attr("allowzero", 0) == 0;
  if (k.version() < 5)
    return {b.reshape(x, known_target(k, x, b.i64s(k.ints_attr("shape")), zero_copies))};
  const Expr wanted = k.in(1);
  const auto known = b.known_integers(wanted);
  return {b.reshape(x, known ? known_target(k, x, *known, zero_copies)
                             : dynamic_target(k, x, wanted, zero_copies))};
}

/// Axes from an attribute or, from opset 13 on, operand 1.
std::optional<Ints> given_axes(Call& k) {
  if (k.opt(1) != nullptr) return k.constant_ints(1);
  if (k.has("axes")) return k.ints_attr("axes");
  return std::nullopt;
}

Exprs squeeze(Call& k) {
  const Expr x = k.in(0);
  Ints axes;
  if (const auto given = given_axes(k)) {
    axes = k.axes(*given, x->rank());
  } else {
    for (int64_t i = 0; i < x->rank(); ++i) {
      const auto extent = ir::as_int(x->shape()[static_cast<size_t>(i)]);
      if (!extent)
        k.fail("which axes have extent 1 is not known; give the axes", "onnx.dynamic_rank");
      if (*extent == 1) axes.push_back(i);
    }
  }
  return {k.b.squeeze(x, axes)};
}

Exprs unsqueeze(Call& k) {
  const Expr x = k.in(0);
  const auto given = given_axes(k);
  if (!given) k.fail("the axes are missing");
  return {k.b.unsqueeze(x, k.axes(*given, x->rank() + static_cast<int64_t>(given->size())))};
}

Exprs flatten(Call& k) {
  const Expr x = k.in(0);
  const int64_t axis = k.int_attr("axis", 1);
  return {k.b.flatten(x, axis == x->rank() ? axis : k.axis(axis, x->rank()))};
}

Exprs transpose(Call& k) {
  const Expr x = k.in(0);
  Ints perm = k.ints_attr("perm");
  if (!k.has("perm"))
    for (int64_t i = x->rank(); i-- > 0;) perm.push_back(i);
  perm = k.axes(perm, x->rank());
  if (static_cast<int64_t>(perm.size()) != x->rank())
    k.fail("attribute 'perm' lists " + std::to_string(perm.size()) + " axes of " +
           std::to_string(x->rank()));
  return {k.b.transpose(x, perm)};
}

Exprs expand(Call& k) {
  const Expr x = k.in(0);
  ir::Context& c = k.b.c;
  const Exprs given = k.extents(1);
  const Exprs merged = k.b.merge_shapes({x->shape(), given});
  const size_t skip = merged.size() - given.size();
  for (size_t i = 0; i < given.size(); ++i) {
    const Expr wanted = given[i];
    const Expr extent = merged[skip + i];
    if (ir::is_int(wanted, 1) || k.b.same(wanted, extent)) continue;
    const Expr fits =
        c.make(ir::Op::or_, c.boolean(), {ir::eq(c, wanted, extent), ir::eq(c, wanted, c.i64(1))});
    k.b.facts->guards.push_back(
        {fits, k.b.name + " cannot expand axis " + std::to_string(skip + i) + " to these extents"});
  }
  return {k.b.broadcast_to(x, merged)};
}

/// Each axis becomes (repeats, extent), of which the first is broadcast.
Exprs tile(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const Exprs repeats = k.extents(1);
  if (repeats.size() != x->shape().size())
    k.fail("'repeats' has " + std::to_string(repeats.size()) + " values for rank " +
               std::to_string(x->rank()),
           "onnx.shape");
  Exprs split;
  Exprs repeated;
  Exprs joined;
  for (size_t i = 0; i < repeats.size(); ++i) {
    const Expr extent = x->shape()[i];
    if (!ir::is_int(repeats[i], 1)) {
      split.push_back(b.c.i64(1));
      repeated.push_back(repeats[i]);
    }
    split.push_back(extent);
    repeated.push_back(extent);
    joined.push_back(ir::mul(b.c, extent, repeats[i]));
  }
  return {b.reshape(b.broadcast_to(b.reshape(x, split), repeated), joined)};
}

Exprs concat(Call& k) {
  const Exprs parts = k.all();
  const int64_t axis = k.axis(k.int_attr("axis", 1), parts.at(0)->rank());
  for (Expr part : parts)
    if (part->rank() != parts[0]->rank() || part->dtype() != parts[0]->dtype())
      k.fail("operands differ in rank or element type", "onnx.shape");
  return {k.b.concat(parts, axis)};
}

/// Extents of the parts of Split.
Exprs split_sizes(Call& k, Expr extent) {
  Context& c = k.b.c;
  if (k.opt(1) != nullptr) return k.extents(1);
  if (const Ints sizes = k.ints_attr("split"); !sizes.empty())
    return k.checked_extents(k.b.i64s(sizes));
  const auto parts =
      static_cast<int64_t>(k.has("num_outputs") ? k.int_attr("num_outputs") : k.node.output_size());
  if (parts < 1 || parts != k.node.output_size())
    k.fail("'num_outputs' is " + std::to_string(parts) + ", the node names " +
           std::to_string(k.node.output_size()) + " outputs");
  const Expr part = k.b.simplify(ir::ceildiv(c, extent, c.i64(parts)));
  Exprs sizes(static_cast<size_t>(parts - 1), part);
  sizes.push_back(k.b.simplify(ir::sub(c, extent, ir::mul(c, part, c.i64(parts - 1)))));
  if (const auto last = ir::as_int(sizes.back());
      last && (*last < 0 || (k.version() < 18 && sizes.back() != part)))
    k.fail("the axis does not split into " + std::to_string(parts) + " parts", "onnx.shape");
  return sizes;
}

Exprs split(Call& k) {
  Builder& b = k.b;
  const Expr x = k.in(0);
  const int64_t axis = k.axis(k.int_attr("axis", 0), x->rank());
  const Expr extent = x->shape()[static_cast<size_t>(axis)];
  const Exprs sizes = split_sizes(k, extent);
  if (static_cast<int>(sizes.size()) < k.node.output_size())
    k.fail("there are " + std::to_string(sizes.size()) + " sizes for " +
           std::to_string(k.node.output_size()) + " outputs");
  Expr at = b.c.i64(0);
  Exprs parts;
  for (Expr part : sizes) {
    parts.push_back(b.slice_axis(x, axis, at, part));
    at = b.simplify(ir::add(b.c, at, part));
  }
  if (ir::as_int(at) && ir::as_int(extent) && at != extent)
    k.fail("the sizes of the parts sum to " + std::to_string(*ir::as_int(at)) + ", the axis has " +
               std::to_string(*ir::as_int(extent)),
           "onnx.shape");
  return parts;
}

constexpr ConverterRow kRows[] = {
    {"", "Shape", shape},         {"", "Size", size},           {"", "Reshape", reshape},
    {"", "Squeeze", squeeze},     {"", "Unsqueeze", unsqueeze}, {"", "Flatten", flatten},
    {"", "Transpose", transpose}, {"", "Expand", expand},       {"", "Tile", tile},
    {"", "Concat", concat},       {"", "Split", split},
};

}  // namespace

std::span<const ConverterRow> shape_converters() { return kRows; }

}  // namespace tenon::onnx_import
