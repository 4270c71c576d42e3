// Softmax and its kin over one axis, numerically stable; NaN propagates; narrow floats are worked
// in f32.
// C3: x is of a float type (hardmax takes any number).
// hardmax is 1 at the first largest element and 0 elsewhere; reduce_log_sum_exp is
// log(sum(exp(x))).
//
//   softmax, log_softmax, hardmax (x)     axis[-1]
//   reduce_log_sum_exp (x)                axes[all] keepdims[1]
#include "ops/composite/composite_row.h"
#include "ops/reduction/reduction.h"

namespace tenon::ops::composite {
namespace {

bool require_float(const Composite& a) {
  return a.require(ir::is_float(a.in[0].dtype()), 3, "x must be of a float type");
}

std::vector<Val> softmax(Composite& a) {
  if (!require_float(a)) return {};
  const Ints axis{a.axis("axis", -1, a.in[0].rank())};
  const Val x = up(a.in[0]);
  const Val e = exp(x - spread(reduce("max", x, axis), x, axis));
  return {cast(a.in[0].dtype(), e / spread(reduce("sum", e, axis), x, axis))};
}

std::vector<Val> log_softmax(Composite& a) {
  if (!require_float(a)) return {};
  const Ints axis{a.axis("axis", -1, a.in[0].rank())};
  const Val x = up(a.in[0]);
  const Val d = x - spread(reduce("max", x, axis), x, axis);
  return {cast(a.in[0].dtype(), d - spread(log(reduce("sum", exp(d), axis)), x, axis))};
}

std::vector<Val> hardmax(Composite& a) {
  const Val x = a.in[0];
  const int64_t axis = a.axis("axis", -1, x.rank());
  const Val best = arg_max(x, axis);
  const Val here = eq(a.b.iota(ir::DType::i64, x.shape(), axis), spread(best, x, {axis}));
  return {cast(x.dtype(), here)};
}

std::vector<Val> reduce_log_sum_exp(Composite& a) {
  if (!require_float(a)) return {};
  Ints all;
  for (int i = 0; i < a.in[0].rank(); ++i) all.push_back(i);
  const Ints axes = a.axes("axes", all, a.in[0].rank());
  const Val x = up(a.in[0]);
  const Val top = reduce("max", x, axes);
  const Val shift = select(is_inf(top), 0.0, top);
  Val y = log(reduce("sum", exp(x - spread(shift, x, axes)), axes)) + shift;
  if (a.integer("keepdims", 1) != 0) {
    Exprs shape = x.shape();
    for (int64_t axis : axes) shape[static_cast<size_t>(axis)] = a.c().i64(1);
    y = reshape(y, shape);
  }
  return {cast(a.in[0].dtype(), y)};
}

// Kept over the last axis: what rows of a kernel are.
bool over_rows(Expr call) {
  const Type x = call->operand(0)->type;
  const auto rank = static_cast<int64_t>(x->shape.size());
  return rank > 1 && wrap_axis(integer_option(call, "axis", -1), rank) == rank - 1;
}

/// The axes of the rows, then the one that the row goes along.
std::vector<int> row_axes(Expr call, size_t) {
  const int rank = call->operand(0)->rank();
  std::vector<int> axes;
  for (int i = 0; i + 1 < rank; ++i) axes.push_back(i);
  axes.push_back(rank);
  return axes;
}

/// One division a row; a row's sum is 1 or more, or NaN.
Expr softmax_blocks(const OpaqueArgs& args) {
  Blocks b(args);
  const Expr x = args.ins[0], y = args.outs[0];
  const ir::DType type = accumulator(x->dtype());
  Exprs shape = x->shape();
  const Exprs along{shape.back()};
  const Exprs rows(shape.begin(), shape.end() - 1);
  const auto in_row = [](Exprs at, const Exprs& k) { return at.push_back(k[0]), at; };
  const auto row = [](Exprs at) { return at.pop_back(), at; };
  const Expr top = b.reduce("max", "max", type, rows, along, [&](const Exprs& at, const Exprs& k) {
    return ir::cast(b.c, type, b.load(x, in_row(at, k)));
  });
  const Expr e = b.map("exp", type, shape, [&](const Exprs& at) {
    return ir::unary(b.c, ir::Op::exp,
                     b.op(ir::Op::sub, ir::cast(b.c, type, b.load(x, at)), b.load(top, row(at))));
  });
  const Expr sum = b.reduce("sum", "sum", type, rows, along, [&](const Exprs& at, const Exprs& k) {
    return b.load(e, in_row(at, k));
  });
  const Expr factor = b.map("factor", type, rows, [&](const Exprs& at) {
    return b.op(ir::Op::div, b.number(type, 1), b.load(sum, at));
  });
  b.store(y, [&](const Exprs& at) {
    return ir::cast(b.c, y->dtype(), b.op(ir::Op::mul, b.load(e, at), b.load(factor, row(at))));
  });
  return b.finish();
}

constexpr Lowering kSoftmax{over_rows, row_work(softmax_blocks, row_axes)};

constexpr CompositeRow kRows[] = {
    {"softmax", "x", "axis", softmax, false, &kSoftmax},
    {"log_softmax", "x", "axis", log_softmax},
    {"hardmax", "x", "axis", hardmax},
    {"reduce_log_sum_exp", "x", "axes,keepdims", reduce_log_sum_exp},
};

}  // namespace

std::span<const CompositeRow> softmax_rows() { return kRows; }

}  // namespace tenon::ops::composite
