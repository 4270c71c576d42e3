// Reference evaluation of window.
#include <cmath>

#include "ir/combiner.h"
#include "ops/reduction/reduction.h"
#include "ops/scalar.h"
#include "ops/tensor.h"
#include "ops/window/window.h"

namespace tenon::ops {
namespace {

using ir::Key;
using Ints = std::vector<int64_t>;

struct Geometry {
  Ints in, out, size, strides, low, dilation;
};

/// Combines the neighbourhood of every output element. One axis of the window is walked at a time
/// over its part that lies inside the input.
template <class T, class F>
std::vector<T> slide(const Geometry& g, const std::vector<T>& x, T identity, F combine) {
  const size_t rank = g.in.size();
  const Ints steps = row_major(g.in);
  std::vector<T> values;
  values.reserve(static_cast<size_t>(product(g.out)));
  Ints counts(rank);
  Ints jumps(rank);
  for (Odometer at(g.out, Ints(rank, 0)); !at.done(); at.next()) {
    int64_t start = 0;
    for (size_t d = 0; d < rank; ++d) {
      const int64_t base = at.index()[d] * g.strides[d] - g.low[d];
      const int64_t first = base >= 0 ? 0 : (-base + g.dilation[d] - 1) / g.dilation[d];
      const int64_t room = g.in[d] - 1 - base;
      const int64_t end = room < 0 ? 0 : std::min(g.size[d], room / g.dilation[d] + 1);
      counts[d] = std::max<int64_t>(0, end - first);
      jumps[d] = g.dilation[d] * steps[d];
      start += (base + first * g.dilation[d]) * steps[d];
    }
    T value = identity;
    for (Odometer r(counts, jumps, start); !r.done(); r.next())
      value = combine(value, x[static_cast<size_t>(r.position())]);
    values.push_back(value);
  }
  return values;
}

std::vector<double> slide_floats(const Geometry& g, const std::vector<double>& x,
                                 const std::string& kind) {
  const double start = ir::identity_f(kind);
  if (kind == "sum") return slide(g, x, start, [](double a, double b) { return a + b; });
  if (kind == "prod") return slide(g, x, start, [](double a, double b) { return a * b; });
  if (kind == "max")
    return slide(g, x, start, [](double a, double b) { return std::isnan(a) || a > b ? a : b; });
  return slide(g, x, start, [](double a, double b) { return std::isnan(a) || a < b ? a : b; });
}

}  // namespace

Result<std::vector<Tensor>> window_eval(const EvalArgs& args) {
  const Expr node = args.node;
  const Tensor& x = *args.operands[0];
  const std::string& kind = node->string_attr(Key::kind);
  Geometry g{x.shape,
             args.shape,
             node->ints_attr(Key::size),
             node->ints_attr(Key::strides),
             {},
             node->ints_attr(Key::dilation)};
  for (Expr e : node->exprs_attr(Key::low)) g.low.push_back(args.integer(e));
  Tensor out = Tensor::zeros(x.dtype, args.shape);
  if (ir::is_float(x.dtype)) {
    write_f(out, 0, slide_floats(g, all_f(x), kind));
  } else {
    const auto join = [&](int64_t a, int64_t b) {
      Scalar p;
      Scalar q;
      p.i = a;
      q.i = b;
      return combine(kind, x.dtype, p, q).i;
    };
    write_i(out, 0, slide(g, all_i(x), ir::identity_i(kind, x.dtype), join));
  }
  return std::vector<Tensor>{std::move(out)};
}

}  // namespace tenon::ops
