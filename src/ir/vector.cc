#include "ir/vector.h"

#include <algorithm>

#include "ir/expr.h"
#include "ir/rewrite.h"
#include "support/check.h"

namespace tenon::ir {
namespace {

int widest(std::span<const Expr> operands) {
  int lanes = 1;
  for (Expr e : operands) lanes = std::max(lanes, e->type->lanes);
  return lanes;
}

Expr widened(Context& c, Expr e, int lanes) {
  return e->type->lanes == lanes ? e : splat(c, e, lanes);
}

}  // namespace

Expr splat(Context& c, Expr scalar, int lanes) {
  TENON_CHECK(!scalar->type->is_vector(), "splat takes a scalar");
  return lanes == 1 ? scalar : c.make(Op::splat, c.scalar(scalar->dtype(), lanes), {scalar});
}

Expr ramp(Context& c, Expr base, int64_t step, int lanes) {
  if (lanes == 1) return base;
  return c.make(Op::ramp, c.scalar(base->dtype(), lanes), {base, c.imm(base->type, step)});
}

Expr shuffle(Context& c, Expr v, Expr w, std::vector<int64_t> pattern) {
  if (pattern.size() == 1 && w == nullptr) return lane(c, v, c.i64(pattern[0]));
  const Type type = c.scalar(v->dtype(), static_cast<int>(pattern.size()));
  std::vector<Attr> attrs{{Key::pattern, std::move(pattern)}};
  if (w == nullptr) return c.make(Op::shuffle, type, {v}, std::move(attrs));
  return c.make(Op::shuffle, type, {v, w}, std::move(attrs));
}

Expr lane(Context& c, Expr v, Expr index) {
  if (!v->type->is_vector() || v->op == Op::splat) return v->op == Op::splat ? v->operand(0) : v;
  return c.make(Op::lane, c.scalar(v->dtype()), {v, index});
}

Expr reduce_lanes(Context& c, std::string kind, Expr v) {
  if (!v->type->is_vector()) return v;
  return c.make(Op::reduce_lanes, c.scalar(v->dtype()), {v}, {{Key::kind, std::move(kind)}});
}

Expr elementwise(Context& c, Expr like, std::span<const Expr> operands) {
  const size_t first = like->op == Op::select && !operands[0]->type->is_vector() ? 1 : 0;
  const int lanes = widest(operands);
  std::vector<Expr> all(operands.begin(), operands.end());
  for (size_t i = first; i < all.size(); ++i) all[i] = widened(c, all[i], lanes);
  return rebuild_folded(c, like, c.scalar(like->dtype(), lanes), all);
}

Expr load_lanes(Context& c, Expr buffer, Expr mask, std::span<const Expr> indices) {
  std::vector<Expr> operands{buffer};
  if (mask != nullptr) operands.push_back(mask);
  operands.insert(operands.end(), indices.begin(), indices.end());
  return c.make(mask == nullptr ? Op::load : Op::masked_load,
                c.scalar(buffer->dtype(), widest(indices)), operands);
}

Expr store_lanes(Context& c, Expr buffer, Expr value, Expr mask, std::span<const Expr> indices) {
  std::vector<Expr> operands{buffer, widened(c, value, widest(indices))};
  if (mask != nullptr) operands.push_back(mask);
  operands.insert(operands.end(), indices.begin(), indices.end());
  return c.make(mask == nullptr ? Op::store : Op::masked_store, c.void_type(), operands);
}

Expr AccessView::mask() const {
  if (node->op == Op::masked_load) return node->operand(1);
  return node->op == Op::masked_store ? node->operand(2) : nullptr;
}

size_t AccessView::first() const {
  switch (node->op) {
    case Op::load:
      return 1;
    case Op::masked_store:
    case Op::update:
      return 3;
    default:
      return 2;
  }
}

bool AccessView::is_offset() const {
  return indices().size() == 1 && indices()[0]->type->is_vector() && buffer()->rank() != 1;
}

int AccessView::lanes() const { return widest(indices()); }

}  // namespace tenon::ir
