// Lowering of window: the value at one place of the neighbourhood, the identity in the padding.
// Reduction axes: r<axis> for every axis whose size is not 1.
#include "ir/combiner.h"
#include "ops/reduction/reduction.h"
#include "ops/window/window.h"

namespace tenon::ops {

using ir::Key;

ReduceInfo window_info(Context& graph, Expr node) {
  const auto& size = node->ints_attr(Key::size);
  ReduceInfo info;
  for (size_t i = 0; i < size.size(); ++i)
    if (size[i] != 1) info.axes.push_back({"r" + std::to_string(i), graph.i64(size[i])});
  info.combine = node->string_attr(Key::kind);
  info.accumulate = accumulator(node->dtype());
  return info;
}

Expr window_point(const PointArgs& args) {
  Context& c = args.c;
  const Expr node = args.node;
  const std::vector<Expr>& shape = node->operand(0)->shape();
  const auto& size = node->ints_attr(Key::size);
  const auto& low = node->exprs_attr(Key::low);
  const auto& high = node->exprs_attr(Key::high);
  Expr inside = c.bool_imm(true);
  std::vector<Expr> at;
  size_t reduced = 0;
  for (size_t i = 0; i < size.size(); ++i) {
    Expr place = ir::mul(c, args.out[i], c.i64(node->ints_attr(Key::strides)[i]));
    if (size[i] != 1)
      place = ir::add(c, place,
                      ir::mul(c, args.reduce[reduced++], c.i64(node->ints_attr(Key::dilation)[i])));
    place = ir::sub(c, place, args.extent(low[i]));
    const auto low_known = ir::as_int(low[i]);
    const auto high_known = ir::as_int(high[i]);
    if (!low_known || *low_known > 0)
      inside = ir::logical_and(c, inside, ir::le(c, c.i64(0), place));
    if (!high_known || *high_known > 0)
      inside = ir::logical_and(c, inside, ir::lt(c, place, args.extent(shape[i])));
    at.push_back(place);
  }
  Expr value = args.load(0, at);
  if (!ir::is_int(inside, 1))
    value =
        ir::select(c, inside, value, ir::identity(c, node->string_attr(Key::kind), value->dtype()));
  return ir::cast(c, accumulator(node->dtype()), value);
}

}  // namespace tenon::ops
