// Softmax and its kin over one axis, numerically stable; NaN propagates; narrow floats are worked
// in f32.
// C3: x is of a float type (hardmax takes any number).
// hardmax is 1 at the first largest element and 0 elsewhere; reduce_log_sum_exp is
// log(sum(exp(x))).
//
//   softmax, log_softmax, hardmax (x)     axis[-1]
//   reduce_log_sum_exp (x)                axes[all] keepdims[1]
#include "ops/composite/composite_row.h"

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
  const Val best = a.b.make(
      ir::Op::arg_reduce, {x},
      {{ir::Key::kind, std::string("max")}, {ir::Key::axis, axis}, {ir::Key::last, int64_t{0}}});
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

constexpr CompositeRow kRows[] = {
    {"softmax", "x", "axis", softmax},
    {"log_softmax", "x", "axis", log_softmax},
    {"hardmax", "x", "axis", hardmax},
    {"reduce_log_sum_exp", "x", "axes,keepdims", reduce_log_sum_exp},
};

}  // namespace

std::span<const CompositeRow> softmax_rows() { return kRows; }

}  // namespace tenon::ops::composite
