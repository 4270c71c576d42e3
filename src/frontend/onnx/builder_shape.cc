// The shape half of Builder: broadcasting, data movement, contractions.
#include <algorithm>
#include <numeric>

#include "frontend/onnx/builder.h"
#include "ir/text.h"

namespace tenon::onnx_import {
namespace {

std::string shape_text(std::span<const Expr> shape) {
  std::string text = "[";
  for (Expr e : shape) text += (text.size() > 1 ? ", " : "") + ir::print(e);
  return text + "]";
}

Ints count_up(int64_t first, int64_t last) {
  Ints out;
  for (int64_t i = first; i < last; ++i) out.push_back(i);
  return out;
}

void check_axis(Expr x, int64_t axis) {
  if (axis < 0 || axis >= x->rank())
    refuse("onnx.axis", "axis " + std::to_string(axis) + " is out of range for rank " +
                            std::to_string(x->rank()));
}

/// The simpler of two extents that are assumed equal: a literal, else a variable, else the older
/// one.
Expr simpler(Expr a, Expr b) {
  const auto cost = [](Expr e) { return e->op == Op::imm ? 0 : e->op == Op::var ? 1 : 2; };
  if (cost(a) != cost(b)) return cost(a) < cost(b) ? a : b;
  return a->id <= b->id ? a : b;
}

}  // namespace

Exprs Builder::broadcast_shape(std::span<const Expr> operands) {
  std::vector<Exprs> shapes;
  for (Expr x : operands) shapes.push_back(x->shape());
  return merge_shapes(shapes);
}

Exprs Builder::merge_shapes(std::span<const Exprs> shapes) {
  size_t rank = 0;
  for (const Exprs& from : shapes) rank = std::max(rank, from.size());
  Exprs shape(rank, c.i64(1));
  for (const Exprs& from : shapes) {
    const size_t skip = rank - from.size();
    for (size_t i = 0; i < from.size(); ++i) {
      Expr& have = shape[skip + i];
      const Expr extent = from[i];
      if (ir::is_int(extent, 1) || have == extent) continue;
      if (ir::is_int(have, 1) || same(have, extent)) {
        have = ir::is_int(have, 1) ? extent : simpler(have, extent);
      } else if (ir::as_int(have) && ir::as_int(extent)) {
        std::string text;
        for (const Exprs& s : shapes) text += (text.empty() ? "" : " and ") + shape_text(s);
        refuse("onnx.broadcast", "shapes " + text + " do not broadcast");
      } else {
        have = may_stretch(have, extent) ? stretched(have, extent) : simpler(have, extent);
      }
    }
  }
  return shape;
}

/// Extents that cannot be told apart and do not broadcast count as equal, as in the operators' own
/// rules; the broadcast between them says so.
Expr Builder::broadcast_to(Expr x, std::span<const Expr> shape) {
  const auto bad = [&] {
    refuse("onnx.broadcast",
           "shape " + shape_text(x->shape()) + " does not broadcast to " + shape_text(shape));
  };
  if (x->shape().size() > shape.size()) bad();
  const size_t skip = shape.size() - x->shape().size();
  Exprs wanted = x->shape();
  for (size_t i = 0; i < x->shape().size(); ++i) {
    const Expr from = x->shape()[i];
    const Expr to = shape[skip + i];
    if (!ir::is_int(from, 1) && from != to && ir::as_int(from) && ir::as_int(to)) bad();
    if (is_stretched(from, to)) wanted[i] = to;
  }
  x = stretch(x, wanted);
  if (std::equal(shape.begin(), shape.end(), x->shape().begin(), x->shape().end())) return x;
  // A single known value becomes a literal, so that passes see it.
  if (x->op == Op::constant && static_count(x->type) == 1) x = reshape(x, {});
  const auto rank = static_cast<int64_t>(shape.size());
  return op(Op::broadcast, {x}, {{Key::dims, count_up(rank - x->rank(), rank)}},
            c.tensor(x->dtype(), shape));
}

Expr Builder::reshape(Expr x, std::span<const Expr> shape) {
  Exprs simple;
  for (Expr e : shape) simple.push_back(simplify(e));
  if (simple == x->shape()) return x;
  return op(Op::reshape, {x}, {}, c.tensor(x->dtype(), simple));
}

Expr Builder::transpose(Expr x, std::span<const int64_t> perm) {
  const Ints order(perm.begin(), perm.end());
  if (std::is_sorted(order.begin(), order.end())) return x;
  return op(Op::transpose, {x}, {{Key::perm, order}});
}

Expr Builder::swap_axes(Expr x, int64_t a, int64_t b) {
  check_axis(x, a);
  check_axis(x, b);
  Ints perm = count_up(0, x->rank());
  std::swap(perm[static_cast<size_t>(a)], perm[static_cast<size_t>(b)]);
  return transpose(x, perm);
}

Expr Builder::slice(Expr x, std::span<const Expr> starts, std::span<const Expr> extents,
                    std::span<const int64_t> strides) {
  bool whole = true;
  Exprs from;
  Exprs shape;
  for (size_t i = 0; i < extents.size(); ++i) {
    from.push_back(simplify(starts[i]));
    shape.push_back(simplify(extents[i]));
    whole = whole && ir::is_int(from[i], 0) && strides[i] == 1 && shape[i] == x->shape()[i];
  }
  if (whole) return x;
  return op(Op::slice, {x},
            {{Key::starts, from}, {Key::strides, Ints(strides.begin(), strides.end())}},
            c.tensor(x->dtype(), shape));
}

Expr Builder::narrow(Expr x, int64_t axis, Expr start, Expr extent) {
  check_axis(x, axis);
  Exprs starts(x->shape().size(), c.i64(0));
  Exprs extents = x->shape();
  starts[static_cast<size_t>(axis)] = start;
  extents[static_cast<size_t>(axis)] = extent;
  return slice(x, starts, extents, Ints(extents.size(), 1));
}

Expr Builder::reverse(Expr x, int64_t axis) {
  check_axis(x, axis);
  Exprs starts(x->shape().size(), c.i64(0));
  Ints strides(x->shape().size(), 1);
  starts[static_cast<size_t>(axis)] = ir::add(c, x->shape()[static_cast<size_t>(axis)], c.i64(-1));
  strides[static_cast<size_t>(axis)] = -1;
  return slice(x, starts, x->shape(), strides);
}

Expr Builder::pad(Expr x, Expr value, std::span<const Expr> low, std::span<const Expr> high,
                  Ints interior) {
  if (interior.empty()) interior.assign(x->shape().size(), 0);
  const auto zero = [](Expr e) { return ir::is_int(e, 0); };
  if (std::all_of(low.begin(), low.end(), zero) && std::all_of(high.begin(), high.end(), zero) &&
      std::all_of(interior.begin(), interior.end(), [](int64_t i) { return i == 0; }))
    return x;
  return op(Op::pad, {x, value},
            {{Key::low, Exprs(low.begin(), low.end())},
             {Key::high, Exprs(high.begin(), high.end())},
             {Key::interior, std::move(interior)}});
}

Expr Builder::concat(std::span<const Expr> parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  return op(Op::concat, parts, {{Key::axis, axis}});
}

Expr Builder::gather(Expr x, Expr indices, int64_t axis) {
  return op(Op::gather, {x, indices}, {{Key::axis, axis}});
}

Expr Builder::iota(DType dtype, std::span<const Expr> shape, int64_t axis) {
  return op(Op::iota, std::span<const Expr>{}, {{Key::axis, axis}}, c.tensor(dtype, shape));
}

Expr Builder::reduce(std::string kind, Expr x, Ints axes, bool keep) {
  std::sort(axes.begin(), axes.end());
  Exprs kept = x->shape();
  for (int64_t a : axes) {
    check_axis(x, a);
    kept[static_cast<size_t>(a)] = c.i64(1);
  }
  Expr y =
      axes.empty() ? x : op(Op::reduce, {x}, {{Key::kind, std::move(kind)}, {Key::axes, axes}});
  return keep ? reshape(y, kept) : y;
}

Expr Builder::dot(Expr a, Expr b, Ints batch_a, Ints batch_b, Ints contract_a, Ints contract_b) {
  return op(Op::dot, {a, b},
            {{Key::batch_a, std::move(batch_a)},
             {Key::batch_b, std::move(batch_b)},
             {Key::contract_a, std::move(contract_a)},
             {Key::contract_b, std::move(contract_b)}});
}

Expr Builder::matmul(Expr a, Expr b) {
  if (a->rank() == 0 || b->rank() == 0) refuse("onnx.matmul", "operands must have rank 1 or more");
  if (a->rank() == 1 || b->rank() <= 2) {
    // No batch axes: a[.., k] x b[k, n]; a vector a contracts with the second last axis of b.
    const int64_t contract_b = b->rank() == 1 ? 0 : b->rank() - 2;
    return dot(a, b, {}, {}, {a->rank() - 1}, {contract_b});
  }
  // Leading axes of extent 1 of b fold away: a[.., m, k] x b[1, k, n].
  const bool plain_b = std::all_of(b->shape().begin(), b->shape().end() - 2,
                                   [](Expr e) { return ir::is_int(e, 1); });
  if (plain_b) {
    const Exprs matrix(b->shape().end() - 2, b->shape().end());
    Expr y = dot(a, reshape(b, matrix), {}, {}, {a->rank() - 1}, {0});
    if (b->rank() > a->rank()) y = unsqueeze(y, count_up(0, b->rank() - a->rank()));
    return y;
  }
  const Exprs batch_a(a->shape().begin(), a->shape().end() - 2);
  const Exprs batch_b(b->shape().begin(), b->shape().end() - 2);
  const Exprs both[] = {batch_a, batch_b};
  const Exprs batch = merge_shapes(both);
  const auto widen = [&](Expr x) {
    Exprs shape = batch;
    shape.insert(shape.end(), x->shape().end() - 2, x->shape().end());
    return broadcast_to(x, shape);
  };
  a = widen(a);
  b = widen(b);
  const Ints axes = count_up(0, static_cast<int64_t>(batch.size()));
  return dot(a, b, axes, axes, {a->rank() - 1}, {b->rank() - 2});
}

Expr Builder::squeeze(Expr x, const Ints& axes) {
  Exprs shape;
  for (int64_t i = 0; i < x->rank(); ++i) {
    const Expr extent = x->shape()[static_cast<size_t>(i)];
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      shape.push_back(extent);
    } else if (ir::as_int(extent).value_or(1) != 1) {
      refuse("onnx.squeeze",
             "axis " + std::to_string(i) + " has extent " + ir::print(extent) + ", not 1");
    }
  }
  return reshape(x, shape);
}

Expr Builder::unsqueeze(Expr x, Ints axes) {
  std::sort(axes.begin(), axes.end());
  Exprs shape = x->shape();
  for (int64_t a : axes) {
    if (a < 0 || a > std::ssize(shape))
      refuse("onnx.axis", "axis " + std::to_string(a) + " is out of range for rank " +
                              std::to_string(shape.size()));
    shape.insert(shape.begin() + a, c.i64(1));
  }
  return reshape(x, shape);
}

}  // namespace tenon::onnx_import
