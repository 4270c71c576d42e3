// Operators with data-dependent results: a count is computed beside the padded result and bound to
// a fresh variable, by which the result is sliced.
#include "ops/dynamic.h"

#include <limits>

#include "ops/composite/body.h"

namespace tenon::ops {
namespace {

using composite::Body;
using composite::Ints;
using composite::Val;
using ir::DType;
using ir::Key;
using ir::Op;

Result<Expr> finish(Body& b, Val v) {
  TENON_TRY_VOID(b.status());
  return v.e;
}

/// Operand `v` as a rank-0 tensor of the type, or a literal where it is absent.
Val scalar_or(Body& b, Expr v, DType type, double otherwise) {
  if (v == nullptr) return b.lit(type, otherwise);
  return cast(type, reshape(b.wrap(v), {}));
}

}  // namespace

Expr bind_extent(Context& c, std::vector<ir::Binding>& bindings, Expr count, std::string name) {
  const Expr var = c.var(std::move(name));
  bindings.push_back({var, count, 0});
  return var;
}

Result<Expr> build_nonzero(Context& c, std::vector<ir::Binding>& bindings, Expr x,
                           std::string name) {
  Body b(c);
  const Val in = b.wrap(x);
  Ints all;
  for (int i = 0; i < in.rank(); ++i) all.push_back(i);
  const Val flags = x->dtype() == DType::boolean ? in : ne(in, 0.0);
  const Val count = reduce("sum", cast(DType::i64, flags), all);
  TENON_TRY_VOID(b.status());
  const Expr n = bind_extent(c, bindings, count.e, std::move(name));
  const composite::Exprs shape{c.i64(in.rank()), n};
  return finish(b, b.make(Op::nonzero, {in}, {}, c.tensor(DType::i64, shape)));
}

Result<Expr> build_nms(Context& c, std::vector<ir::Binding>& bindings, Expr boxes, Expr scores,
                       Expr max_output, Expr iou_threshold, Expr score_threshold,
                       bool center_point_box, std::string name) {
  Body b(c);
  const Val s = b.wrap(scores);
  if (s.rank() != 3) return fail("nms.C2", "scores must be of rank 3");
  const Val limit = scalar_or(b, max_output, DType::i64, 0);
  const Val iou = scalar_or(b, iou_threshold, DType::f32, 0);
  const Val least =
      scalar_or(b, score_threshold, DType::f32, -std::numeric_limits<double>::infinity());
  TENON_TRY_VOID(b.status());
  Expr each = s.dim(2);
  if (const auto known = ir::as_int(limit.e))
    each = ir::min(c, each, ir::max(c, c.i64(*known), c.i64(0)));
  const Expr most = ir::mul(c, ir::mul(c, s.dim(0), s.dim(1)), each);
  const composite::Exprs shape{most, c.i64(3)};
  const Type types[] = {c.tensor(DType::i64, shape), c.index()};
  const Val both = b.make(Op::nms, {b.wrap(boxes), s, limit, iou, least},
                          {{Key::center_point_box, int64_t{center_point_box}}}, c.tuple(types));
  const Val count = get(both, 1);
  TENON_TRY_VOID(b.status());
  const Expr n = bind_extent(c, bindings, count.e, std::move(name));
  return finish(b, slice(get(both, 0), 0, 0, n));
}

Result<std::vector<Expr>> build_unique(Context& c, std::vector<ir::Binding>& bindings, Expr x,
                                       int64_t axis, bool sorted, std::string name) {
  Body b(c);
  const Val all =
      b.make(Op::unique, {b.wrap(x)}, {{Key::axis, axis}, {Key::sorted, int64_t{sorted}}});
  const Val count = get(all, 4);
  TENON_TRY_VOID(b.status());
  const Expr n = bind_extent(c, bindings, count.e, std::move(name));
  const Val values = slice(get(all, 0), axis < 0 ? 0 : axis, 0, n);
  const Val first = slice(get(all, 1), 0, 0, n);
  const Val counts = slice(get(all, 3), 0, 0, n);
  const Val inverse = get(all, 2);
  TENON_TRY_VOID(b.status());
  return std::vector<Expr>{values.e, first.e, inverse.e, counts.e};
}

Result<Expr> build_compress(Context& c, std::vector<ir::Binding>& bindings, Expr x, Expr condition,
                            int64_t axis, std::string name) {
  TENON_TRY(const Expr where, build_nonzero(c, bindings, condition, std::move(name)));
  Body b(c);
  Val in = b.wrap(x);
  if (axis < 0) in = reshape(in, {ir::product(c, x->shape())});
  const Val indices = reshape(b.wrap(where), {where->shape()[1]});
  return finish(b, gather(in, indices, axis < 0 ? 0 : axis));
}

}  // namespace tenon::ops
