// Lowering of reduce (a value to combine) and arg_reduce (a statement that carries the best value
// and its index along the axis).
#include <algorithm>

#include "ops/reduction/reduction.h"

namespace tenon::ops {

using ir::Key;

ReduceInfo reduce_info(Context&, Expr node) {
  const Expr x = node->operand(0);
  ReduceInfo info;
  for (int64_t axis : node->ints_attr(Key::axes))
    info.axes.push_back({"r" + std::to_string(axis), x->shape()[static_cast<size_t>(axis)]});
  info.combine = node->string_attr(Key::kind);
  info.accumulate = accumulator(x->dtype());
  return info;
}

Expr reduce_point(const PointArgs& args) {
  const auto& axes = args.node->ints_attr(Key::axes);
  const Expr x = args.node->operand(0);
  std::vector<Expr> at;
  size_t reduced = 0;
  size_t kept = 0;
  for (int64_t i = 0; i < x->rank(); ++i) {
    const bool is_reduced = std::binary_search(axes.begin(), axes.end(), i);
    at.push_back(is_reduced ? args.reduce[reduced++] : args.out[kept++]);
  }
  return ir::cast(args.c, accumulator(x->dtype()), args.load(0, at));
}

namespace {

/// Whether `value` takes the place of `best`: the first NaN stays, `last` prefers later equals.
Expr is_better(Context& c, Expr value, Expr best, bool largest, bool last) {
  const ir::Op op = largest ? (last ? ir::Op::ge : ir::Op::gt) : (last ? ir::Op::le : ir::Op::lt);
  const Expr wins = ir::binary(c, op, value, best);
  if (!ir::is_float(value->dtype())) return wins;
  const Expr nan = ir::unary(c, ir::Op::is_nan, value);
  const Expr held = ir::unary(c, ir::Op::is_nan, best);
  const Expr free = ir::unary(c, ir::Op::not_, held);
  return ir::logical_and(c, free, ir::logical_or(c, nan, wins));
}

}  // namespace

Expr arg_reduce_opaque(const OpaqueArgs& args) {
  Context& c = args.c;
  const Expr in = args.ins[0];
  const Expr out = args.outs[0];
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  const bool largest = args.node->string_attr(Key::kind) == "max";
  const bool last = args.node->int_attr_or(Key::last, 0) != 0;
  std::vector<Expr> extents;
  for (Expr e : args.node->shape()) extents.push_back(args.extent(e));
  const Expr best = args.temp("best", in->dtype(), extents, ir::Scope::global);

  std::vector<ir::BlockIter> iters;
  std::vector<Expr> loops;
  std::vector<Expr> place;
  for (size_t i = 0; i < extents.size(); ++i) {
    loops.push_back(c.var("i" + std::to_string(i)));
    place.push_back(c.var("v" + std::to_string(i)));
    iters.push_back({place.back(), loops.back(), 's'});
  }
  const Expr loop = c.var("r");
  const Expr step = c.var("vr");
  iters.push_back({step, loop, 'r'});
  std::vector<Expr> at = place;
  at.insert(at.begin() + static_cast<int64_t>(axis), step);

  const Expr value = ir::load(c, in, at);
  const std::vector<Expr> take{ir::store(c, best, value, place), ir::store(c, out, step, place)};
  const Expr first = ir::eq(c, step, c.i64(0));
  const Expr wins = is_better(c, value, ir::load(c, best, place), largest, last);
  const Expr taken = ir::seq(c, take);
  const Expr body = ir::if_then(c, first, taken, ir::if_then(c, wins, taken));
  Expr statement = ir::block(c, "arg_reduce", iters, c.bool_imm(true), body);
  statement = ir::for_loop(c, loop, args.extent(args.node->operand(0)->shape()[axis]), statement);
  for (size_t i = extents.size(); i-- > 0;)
    statement = ir::for_loop(c, loops[i], extents[i], statement);
  return statement;
}

}  // namespace tenon::ops
