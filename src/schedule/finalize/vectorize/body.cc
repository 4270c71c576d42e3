// Statements and values of a vector loop's body.
#include "ir/expr.h"
#include "ir/rewrite.h"
#include "ir/vector.h"
#include "schedule/finalize/passes.h"
#include "schedule/finalize/vectorize/vectorize.h"
#include "support/check.h"

namespace tenon::schedule::finalizing {
using namespace ir;  // NOLINT

bool VectorScope::has_load(Expr e) {
  if (const bool* seen = loads.find(e)) return *seen;
  bool any = is_load(e->op);
  for (Expr operand : e->operands) any = any || has_load(operand);
  loads.put(e, any);
  return any;
}

// ---- statements

Expr VectorBody::statement(Expr s) {
  memo_.assign(1, {});
  switch (s->op) {
    case Op::seq: {
      std::vector<Expr> all;
      for (Expr e : s->operands) all.push_back(statement(e));
      return seq(c_, all);
    }
    case Op::for_: {
      const ForView f{s};
      const std::string kind = f.kind() == "vector" ? "serial" : f.kind();
      return for_loop(c_, f.var(), value(f.extent(), 0), statement(f.body()), kind,
                      std::string(f.note()));
    }
    case Op::cond:
      return conditional(s);
    case Op::let:
      return let(s);
    case Op::store:
      return versions(s);
    case Op::fail_:
      return fail(s);
    default:
      TENON_UNREACHABLE("a statement that has no lanes");
  }
}

Expr VectorBody::let(Expr s) {
  const Expr var = s->operand(0);
  const Expr given = s->operand(1);
  facts_.define(var, given);
  if (facts_.is_uniform(given)) return ir::let(c_, var, value(given, 0), statement(s->operand(2)));
  std::vector<Expr> values;
  std::vector<Expr>& parts = lets_[var];
  for (size_t k = 0; k < chunks_.size(); ++k) {
    values.push_back(value(given, k));
    parts.push_back(c_.var(var->string_attr(Key::name), values[k]->type));
  }
  const std::vector<Expr> vars = parts;
  Expr body = statement(s->operand(2));
  lets_.erase(var);  // a copy of the statement lane by lane has the variable itself
  for (size_t k = chunks_.size(); k-- > 0;) body = ir::let(c_, vars[k], values[k], body);
  return body;
}

/// Leaves with the code of the first active lane.
Expr VectorBody::fail(Expr s) {
  const Expr code = s->operand(0);
  Expr found = value(code, 0);
  if (found->type->is_vector() && !mask_) found = lane(c_, found, c_.i64(0));
  if (mask_ && !facts_.is_uniform(code)) {
    found = nullptr;
    for (size_t k = chunks_.size(); k-- > 0;) {
      const int width = chunks_[k].width;
      const Expr at =
          ir::select(c_, mask_->parts[k], counts(width), count(c_.i64(width - 1), width));
      const Expr number = cast(c_, DType::i64, reduce_lanes(c_, "min", at));
      const Expr here = lane(c_, vector(code, k), number);
      found = found == nullptr
                  ? here
                  : ir::select(c_, reduce_lanes(c_, "or", mask_->parts[k]), here, found);
    }
  }
  return c_.make(Op::fail_, c_.void_type(), {found});
}

Expr VectorBody::masked(const std::vector<Expr>& mask, Expr body) {
  const std::optional<Mask> outer = mask_;
  Mask inner{mask, true};
  Expr any = c_.bool_imm(false);
  for (size_t k = 0; k < chunks_.size(); ++k) {
    if (outer) inner.parts[k] = binary(c_, Op::and_, inner.parts[k], outer->parts[k]);
    any = logical_or(c_, any, reduce_lanes(c_, "or", inner.parts[k]));
  }
  mask_ = inner;
  const Expr out = if_then(c_, any, statement(body));
  mask_ = outer;
  return out;
}

Expr VectorBody::conditional(Expr s) {
  if (facts_.is_uniform(s->operand(0))) {
    const Expr then = statement(s->operand(1));
    const Expr otherwise = s->operands.size() > 2 ? statement(s->operand(2)) : nullptr;
    return if_then(c_, value(s->operand(0), 0), then, otherwise);
  }
  Condition cond = condition(s->operand(0));
  // What a load gave may change under the statements that follow: it is asked once.
  std::vector<std::pair<Expr, Expr>> asked;
  Map names;
  for (Expr& part : cond.parts) {
    if (!scope_.has_load(part)) continue;
    asked.emplace_back(c_.var("mask", part->type), part);
    part = names[part] = asked.back().first;
  }
  cond.all = substitute(c_, cond.all, names);
  cond.any = substitute(c_, cond.any, names);
  Expr out = branches(s, cond);
  for (size_t k = asked.size(); k-- > 0;) out = ir::let(c_, asked[k].first, asked[k].second, out);
  return out;
}

Expr VectorBody::branches(Expr s, const Condition& cond) {
  const Expr then = s->operand(1);
  if (s->operands.size() > 2) {
    std::vector<Expr> negated;
    for (Expr m : cond.parts) negated.push_back(logical_not(c_, m));
    return seq(c_, std::vector{masked(cond.parts, then), masked(negated, s->operand(2))});
  }
  if (mask_) return masked(cond.parts, then);
  // Whole vectors take a copy without masks.
  const Expr whole = statement(then);
  if (const auto tail = range(s->operand(0));
      tail && !scope_.has_load(tail->bound) && !masks_exist(then))
    return if_then(c_, cond.all, whole, lane_by_lane(*tail, then));
  mask_ = Mask{cond.parts, true};
  const Expr some = statement(then);
  mask_.reset();
  return if_then(c_, cond.all, whole, if_then(c_, cond.any, some));
}

// ---- values

Expr VectorBody::spread(Expr e, size_t k) {
  return e->type->is_vector() ? e : splat(c_, e, chunks_[k].width);
}

Expr VectorBody::value(Expr e, size_t k) {
  if (e->op == Op::imm) return e;
  if (e == var_) return ramp(c_, c_.i64(chunks_[k].offset), 1, chunks_[k].width);
  if (e->op == Op::var) {
    const auto parts = lets_.find(e);
    return parts == lets_.end() ? e : parts->second[k];
  }
  const MemoKey key{e, k, false};
  if (const Expr known = remembered(key); known != nullptr) return known;
  const Expr found = find_value(e, k);
  memo_.back().emplace(key, found);
  return found;
}

Expr VectorBody::remembered(const MemoKey& key) const {
  for (size_t i = memo_.size(); i-- > 0;)
    if (const auto found = memo_[i].find(key); found != memo_[i].end()) return found->second;
  return nullptr;
}

Expr VectorBody::find_value(Expr e, size_t k) {
  const Chunk& chunk = chunks_[k];
  if (facts_.is_uniform(e) && (!scope_.has_load(e) || guard(k) == nullptr)) return e;
  if (e->dtype() == DType::i64 && !is_load(e->op))
    if (const auto step = facts_.step(e, chunk))
      return *step == 0 ? first(e, k) : ramp(c_, first(e, k), *step, chunk.width);
  if (is_load(e->op)) return load(e, k);
  if (e->op == Op::select) return select(e, k);
  if (const auto found = range(e)) return part(*found, k);
  std::vector<Expr> operands;
  for (Expr x : e->operands) operands.push_back(value(x, k));
  return elementwise(c_, e, operands);
}

/// Where lanes choose, each arm that reads memory is evaluated under its part of the mask.
Expr VectorBody::select(Expr e, size_t k) {
  const Expr cond = value(e->operand(0), k);
  if (const auto known = as_int(cond)) return value(e->operand(*known != 0 ? 1 : 2), k);
  Expr arms[2];
  for (size_t i = 0; i < 2; ++i) {
    const Expr one = e->operand(1 + i);
    const bool masks = cond->type->is_vector() && scope_.has_load(one);
    arms[i] = arm(one, k, !masks ? nullptr : i == 0 ? cond : logical_not(c_, cond));
  }
  return elementwise(c_, e, std::vector{cond, arms[0], arms[1]});
}

Expr VectorBody::arm(Expr e, size_t k, Expr mask) {
  memo_.emplace_back();
  const std::optional<Mask> outer = mask_;
  if (mask != nullptr) {
    if (outer) mask = binary(c_, Op::and_, outer->parts[k], mask);
    mask_ = Mask{std::vector<Expr>(chunks_.size(), mask), false};
  }
  const Expr found = value(e, k);
  mask_ = outer;
  memo_.pop_back();
  return found;
}

Expr VectorBody::first(Expr e, size_t k) {
  if (e->op == Op::imm || e->op == Op::buffer) return e;
  if (e == var_) return c_.i64(chunks_[k].offset);
  if (e->op == Op::var) {
    const auto parts = lets_.find(e);
    return parts == lets_.end() ? e : lane(c_, parts->second[k], c_.i64(0));
  }
  const MemoKey key{e, k, true};
  if (const Expr known = remembered(key); known != nullptr) return known;
  const Expr found = find_first(e, k);
  memo_.back().emplace(key, found);
  return found;
}

Expr VectorBody::find_first(Expr e, size_t k) {
  if (facts_.is_uniform(e) && (!scope_.has_load(e) || guard(k) == nullptr)) return e;
  std::vector<Expr> operands;
  for (Expr x : e->operands) {
    const bool is_arm = e->op == Op::select && !operands.empty();
    if (is_arm) memo_.emplace_back();
    operands.push_back(first(x, k));
    if (is_arm) memo_.pop_back();
  }
  if (is_load(e->op)) return load_lanes(c_, operands[0], guard(k), std::span(operands).subspan(1));
  return rebuild_folded(c_, e, e->type, operands);
}

}  // namespace tenon::schedule::finalizing
