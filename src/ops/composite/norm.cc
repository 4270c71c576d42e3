// Normalizations. Means and variances are taken in two passes, in f32 for narrower floats.
//
// batch_norm is that of inference: one multiply and one add an element. layer_norm and rms_norm
// work over axis and all that follow. group_norm and instance_norm take x [n, c, ..]. lp_norm takes
// p 1 or 2 and gives 0 for a zero norm. lrn works across the channels of [n, c, ..].
//
// C3: x is of a float type. C4: x has enough axes. C5: scale and bias fit. C6: a parameter's range.
//
//   batch_norm (x, scale, bias, mean, var)  epsilon[1e-5] axis[1]
//   layer_norm (x, scale?, bias?)         axis[-1] epsilon[1e-5] statistics[1]
//                                         -> y, and with statistics mean, inv_std_dev (f32)
//   rms_norm (x, scale?)                  axis[-1] epsilon[1e-5]  -> y, inv_rms (f32)
//   group_norm (x, scale, bias)           num_groups epsilon[1e-5]; scale is [c] or [num_groups]
//   instance_norm (x, scale, bias)        epsilon[1e-5]
//   lp_norm (x)                           axis[-1] p[2]
//   mean_variance_norm (x)                axes[0,2,3]
//   lrn (x)                               size alpha[1e-4] beta[0.75] bias[1]
#include <algorithm>

#include "ops/call.h"
#include "ops/composite/composite_row.h"
#include "ops/reduction/reduction.h"

namespace tenon::ops::composite {
namespace {

bool require_float(const Composite& a, int rank) {
  return a.require(ir::is_float(a.in[0].dtype()), 3, "x must be of a float type") &&
         a.require(a.in[0].rank() >= rank, 4, "x needs rank " + std::to_string(rank) + " or more");
}

/// Whether v is a vector of extent n (an unequal symbolic extent is taken as equal).
bool is_vector_of(Val v, Expr n) {
  if (v.rank() != 1) return false;
  const auto have = ir::as_int(v.dim(0));
  const auto want = ir::as_int(n);
  return !have || !want || *have == *want;
}

Ints axes_from(int64_t first, int rank) {
  Ints axes;
  for (int64_t i = first; i < rank; ++i) axes.push_back(i);
  return axes;
}

struct Moments {
  Val centered, mean, inv_std;  // mean and inv_std without the axes
};
Moments moments(Val x, const Ints& axes, double epsilon) {
  const Val m = mean(x, axes);
  const Val d = x - spread(m, x, axes);
  return {d, m, 1.0 / sqrt(mean(d * d, axes) + epsilon)};
}

/// A per-channel vector against x with channels at `axis`.
Val channel(Val v, Val x, int64_t axis) { return broadcast_in(up(v), x.shape(), {axis}); }

std::vector<Val> batch_norm(Composite& a) {
  if (!require_float(a, 1)) return {};
  const Val x = up(a.in[0]);
  const int64_t axis = a.axis("axis", x.rank() > 1 ? 1 : 0, x.rank());
  for (size_t i = 1; i < 5; ++i)
    if (!a.require(is_vector_of(a.in[i], x.dim(axis)), 5,
                   "scale, bias, mean and var need one element a channel"))
      return {};
  const Val factor = up(a.in[1]) / sqrt(up(a.in[4]) + a.real("epsilon", 1e-5));
  const Val offset = up(a.in[2]) - up(a.in[3]) * factor;
  return {cast(a.in[0].dtype(), x * channel(factor, x, axis) + channel(offset, x, axis))};
}

std::vector<Val> layer_norm(Composite& a) {
  if (!require_float(a, 1)) return {};
  const Val x = up(a.in[0]);
  const Ints axes = axes_from(a.axis("axis", -1, x.rank()), x.rank());
  const Moments m = moments(x, axes, a.real("epsilon", 1e-5));
  Val y = m.centered * spread(m.inv_std, x, axes);
  if (a.in[1]) y = y * up(a.in[1]);
  if (a.in[2]) y = y + up(a.in[2]);
  if (!a.require(y.rank() == x.rank(), 5, "scale and bias must broadcast to x")) return {};
  if (a.integer("statistics", 1) == 0) return {cast(a.in[0].dtype(), y)};
  Exprs kept = x.shape();
  for (int64_t axis : axes) kept[static_cast<size_t>(axis)] = a.c().i64(1);
  return {cast(a.in[0].dtype(), y), reshape(m.mean, kept), reshape(m.inv_std, kept)};
}

int64_t norm_axis(Expr call) {
  const int rank = call->operand(0)->rank();
  return wrap_axis(integer_option(call, "axis", -1), rank);
}

/// Kept where y alone is wanted, of rows, and scale and bias are elements of a row each.
bool norm_of_rows(Expr call) {
  const Type x = call->operand(0)->type;
  const int64_t axis = norm_axis(call);
  if (call->type->kind == ir::TypeKind::tuple || axis <= 0) return false;
  const std::span<const Expr> row = std::span(x->shape).subspan(static_cast<size_t>(axis));
  return std::all_of(call->operands.begin() + 1, call->operands.end(), [&](Expr v) {
    return std::equal(v->type->shape.begin(), v->type->shape.end(), row.begin(), row.end());
  });
}

/// The axes of the rows (of x alone), then those that a row goes along.
std::vector<int> norm_axes(Expr call, size_t k) {
  const int rank = call->operand(0)->rank();
  const auto rows = static_cast<int>(norm_axis(call));
  std::vector<int> axes;
  for (int i = k == 0 ? 0 : rows; i < rank; ++i) axes.push_back(i < rows ? i : rank + i - rows);
  return axes;
}

/// As the body: mean, then the mean of squared differences from it.
Expr layer_norm_blocks(const OpaqueArgs& args) {
  Blocks b(args);
  Context& c = b.c;
  const Expr x = args.ins[0], y = args.outs[0];
  const Expr scale = call_operand(args.node, "scale"), bias = call_operand(args.node, "bias");
  const ir::DType type = accumulator(x->dtype());
  const auto n = static_cast<std::ptrdiff_t>(norm_axis(args.node));
  const Exprs shape = x->shape();
  const Exprs rows(shape.begin(), shape.begin() + n), along(shape.begin() + n, shape.end());
  const auto in_row = [](Exprs at, const Exprs& k) {
    return at.insert(at.end(), k.begin(), k.end()), at;
  };
  const auto row = [n](const Exprs& at) { return Exprs(at.begin(), at.begin() + n); };
  const auto element = [n](const Exprs& at) { return Exprs(at.begin() + n, at.end()); };
  const auto wide = [&](Expr e) { return ir::cast(c, type, e); };
  Expr count = c.i64(1);
  for (Expr e : along) count = ir::mul(c, count, e);
  const auto mean_of = [&](const std::string& name, Expr sum) {
    return b.map(name, type, rows,
                 [&](const Exprs& at) { return b.op(ir::Op::div, b.load(sum, at), wide(count)); });
  };
  const Expr sum = b.reduce("sum", "sum", type, rows, along, [&](const Exprs& at, const Exprs& k) {
    return wide(b.load(x, in_row(at, k)));
  });
  const Expr mean = mean_of("mean", sum);
  const Expr centered = b.map("centered", type, shape, [&](const Exprs& at) {
    return b.op(ir::Op::sub, wide(b.load(x, at)), b.load(mean, row(at)));
  });
  const Expr squares =
      b.reduce("squares", "sum", type, rows, along, [&](const Exprs& at, const Exprs& k) {
        const Expr d = b.load(centered, in_row(at, k));
        return b.op(ir::Op::mul, d, d);
      });
  const double epsilon = real_option(args.node, "epsilon", 1e-5);
  const Expr factor = b.map("factor", type, rows, [&](const Exprs& at) {
    const Expr variance = b.op(ir::Op::div, b.load(squares, at), wide(count));
    return b.op(ir::Op::div, b.number(type, 1),
                ir::unary(c, ir::Op::sqrt, b.op(ir::Op::add, variance, b.number(type, epsilon))));
  });
  // Operands behind x stand in the order in which the call has them.
  const Expr scale_buffer = scale == nullptr ? nullptr : args.ins[1];
  const Expr bias_buffer = bias == nullptr ? nullptr : args.ins.back();
  b.store(y, [&](const Exprs& at) {
    Expr value = b.op(ir::Op::mul, b.load(centered, at), b.load(factor, row(at)));
    if (scale_buffer != nullptr)
      value = b.op(ir::Op::mul, value, wide(b.load(scale_buffer, element(at))));
    if (bias_buffer != nullptr)
      value = b.op(ir::Op::add, value, wide(b.load(bias_buffer, element(at))));
    return ir::cast(c, y->dtype(), value);
  });
  return b.finish();
}

constexpr Lowering kLayerNorm{norm_of_rows, row_work(layer_norm_blocks, norm_axes)};

std::vector<Val> rms_norm(Composite& a) {
  if (!require_float(a, 1)) return {};
  const Val x = up(a.in[0]);
  const Ints axes = axes_from(a.axis("axis", -1, x.rank()), x.rank());
  const Val inv = 1.0 / sqrt(mean(x * x, axes) + a.real("epsilon", 1e-5));
  Val y = x * spread(inv, x, axes);
  if (a.in[1]) y = y * up(a.in[1]);
  if (!a.require(y.rank() == x.rank(), 5, "scale must broadcast to x")) return {};
  Exprs kept = x.shape();
  for (int64_t axis : axes) kept[static_cast<size_t>(axis)] = a.c().i64(1);
  return {cast(a.in[0].dtype(), y), reshape(inv, kept)};
}

std::vector<Val> group_norm(Composite& a) {
  if (!require_float(a, 2)) return {};
  Context& c = a.c();
  const Val x = up(a.in[0]);
  const int64_t groups = a.integer("num_groups", 0);
  const auto channels = ir::as_int(x.dim(1));
  if (!a.require(groups > 0 && (!channels || *channels % groups == 0), 6,
                 "num_groups " + std::to_string(groups) + " does not divide the channels"))
    return {};
  // [n, g, c / g, spatial..]: the groups get an axis of their own.
  Exprs split = x.shape();
  split[1] = ir::floordiv(c, x.dim(1), c.i64(groups));
  split.insert(split.begin() + 1, c.i64(groups));
  const Val parts = reshape(x, split);
  const Ints axes = axes_from(2, parts.rank());
  const Moments m = moments(parts, axes, a.real("epsilon", 1e-5));
  const Val y = m.centered * spread(m.inv_std, parts, axes);
  const bool by_group = is_vector_of(a.in[1], c.i64(groups)) && !is_vector_of(a.in[1], x.dim(1));
  if (by_group) {
    if (!a.require(is_vector_of(a.in[2], c.i64(groups)), 5, "bias must be as scale")) return {};
    return {cast(a.in[0].dtype(),
                 reshape(y * channel(a.in[1], parts, 1) + channel(a.in[2], parts, 1), x.shape()))};
  }
  if (!a.require(is_vector_of(a.in[1], x.dim(1)) && is_vector_of(a.in[2], x.dim(1)), 5,
                 "scale and bias need one element a channel or a group"))
    return {};
  return {cast(a.in[0].dtype(),
               reshape(y, x.shape()) * channel(a.in[1], x, 1) + channel(a.in[2], x, 1))};
}

std::vector<Val> instance_norm(Composite& a) {
  if (!require_float(a, 2)) return {};
  const Val x = up(a.in[0]);
  if (!a.require(is_vector_of(a.in[1], x.dim(1)) && is_vector_of(a.in[2], x.dim(1)), 5,
                 "scale and bias need one element a channel"))
    return {};
  const Ints axes = axes_from(2, x.rank());
  const Moments m = moments(x, axes, a.real("epsilon", 1e-5));
  const Val y = m.centered * spread(m.inv_std, x, axes);
  return {cast(a.in[0].dtype(), y * channel(a.in[1], x, 1) + channel(a.in[2], x, 1))};
}

std::vector<Val> lp_norm(Composite& a) {
  if (!require_float(a, 1)) return {};
  const Val x = up(a.in[0]);
  const Ints axis{a.axis("axis", -1, x.rank())};
  const int64_t p = a.integer("p", 2);
  if (!a.require(p == 1 || p == 2, 6, "p must be 1 or 2")) return {};
  const Val norm = p == 1 ? reduce("sum", abs(x), axis) : sqrt(reduce("sum", x * x, axis));
  const Val all = spread(norm, x, axis);
  return {cast(a.in[0].dtype(), select(eq(all, 0.0), 0.0, x / all))};
}

std::vector<Val> mean_variance_norm(Composite& a) {
  if (!require_float(a, 1)) return {};
  const Val x = up(a.in[0]);
  const Ints axes = a.axes("axes", {0, 2, 3}, x.rank());
  const Val m = mean(x, axes);
  const Val d = x - spread(m, x, axes);
  return {cast(a.in[0].dtype(), d / (spread(sqrt(mean(d * d, axes)), x, axes) + 1e-9))};
}

std::vector<Val> lrn(Composite& a) {
  if (!require_float(a, 2)) return {};
  Context& c = a.c();
  const Val x = up(a.in[0]);
  const int64_t size = a.integer("size", 0);
  constexpr int64_t kMostSize = int64_t{1} << 31;
  if (!a.require(size > 0 && size <= kMostSize, 6, "size must be positive, and 2^31 at most"))
    return {};
  const size_t rank = static_cast<size_t>(x.rank());
  Exprs low(rank, c.i64(0));
  Exprs high = low;
  low[1] = c.i64((size - 1) / 2);
  high[1] = c.i64(size - 1 - (size - 1) / 2);
  Ints sizes(rank, 1);
  sizes[1] = size;
  const Val sum = window("sum", x * x, {.size = sizes, .low = low, .high = high});
  const Val base = sum * (a.real("alpha", 1e-4) / static_cast<double>(size)) + a.real("bias", 1.0);
  const double beta = a.real("beta", 0.75);
  // The usual exponent without pow: base^0.75 = sqrt(base) * sqrt(sqrt(base)).
  const Val root = sqrt(base);
  const Val divisor = beta == 0.75  ? root * sqrt(root)
                      : beta == 0.5 ? root
                      : beta == 1.0 ? base
                                    : pow(base, beta);
  return {cast(a.in[0].dtype(), x / divisor)};
}

constexpr CompositeRow kRows[] = {
    {"batch_norm", "x,scale,bias,mean,var", "epsilon,axis", batch_norm},
    {"layer_norm", "x,scale?,bias?", "axis,epsilon,statistics", layer_norm, false, &kLayerNorm},
    {"rms_norm", "x,scale?", "axis,epsilon", rms_norm},
    {"group_norm", "x,scale,bias", "num_groups,epsilon", group_norm},
    {"instance_norm", "x,scale,bias", "epsilon", instance_norm},
    {"lp_norm", "x", "axis,p", lp_norm},
    {"mean_variance_norm", "x", "axes", mean_variance_norm},
    {"lrn", "x", "size,alpha,beta,bias", lrn},
};

}  // namespace

std::span<const CompositeRow> norm_rows() { return kRows; }

}  // namespace tenon::ops::composite
