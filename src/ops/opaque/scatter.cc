// Operators that write into a copy of their first operand.
//
// scatter_elements      C1 axis in range  C2 kind is set, sum, prod, max or min and fits the type
//                       C3 indices are i32 or i64  C4 updates have x's type, the indices' shape
//                       C5 ranks agree and, off axis, indices fit into x
// scatter_nd            C2, C3 as above  C4 updates have x's element type
//                       C5 the last axis of indices is known and at most x's rank
//                       C6 updates' shape is that of indices but the last, then the rest of x's
// dynamic_update_slice  C1 the update has x's element type and rank and is not larger
//                       C2 one i64 start of rank 0 for each axis
#include <algorithm>

#include "ir/combiner.h"
#include "ops/opaque/code.h"
#include "ops/opaque/opaque.h"
#include "ops/reduction/reduction.h"
#include "ops/rule.h"
#include "ops/scalar.h"
#include "ops/tensor.h"

namespace tenon::ops::opaque {

using ir::DType;
using ir::Key;
using ir::Op;
using Ints = std::vector<int64_t>;

Result<int64_t> checked_index(std::string_view op, int64_t index, int64_t extent) {
  const int64_t wrapped = index < 0 ? index + extent : index;
  if (wrapped >= 0 && wrapped < extent) return wrapped;
  return fail(std::string(op) + ".index", std::string(op) + ": index " + std::to_string(index) +
                                              " is out of range for extent " +
                                              std::to_string(extent));
}

namespace {

Status check_kind(const Rule& rule) {
  const auto* kind = rule.attr<std::string>(Key::kind);
  if (kind == nullptr) return rule.missing(Key::kind);
  const bool known =
      *kind == "set" || *kind == "sum" || *kind == "prod" || *kind == "max" || *kind == "min";
  if (!known || (*kind != "set" && !is_reduce_kind(*kind, rule.operand(0)->dtype())))
    return rule.refuse(2, "kind '" + *kind + "' does not fit " + show(rule.operand(0)->type));
  if (rule.operand(1)->dtype() != DType::i64 && rule.operand(1)->dtype() != DType::i32)
    return rule.refuse(3, "indices are " + show(rule.operand(1)->type) + ", not i32 or i64");
  if (rule.operand(2)->dtype() != rule.operand(0)->dtype())
    return rule.refuse(
        4, "updates are " + show(rule.operand(2)->type) + ", x is " + show(rule.operand(0)->type));
  return {};
}

/// The reference's combination of one element.
void write(Tensor& out, int64_t to, const Tensor& updates, int64_t from, const std::string& kind) {
  const bool real = ir::is_float(out.dtype);
  if (kind == "set") {
    const auto bytes = static_cast<int64_t>(ir::info(out.dtype).element_bytes);
    std::copy_n(updates.bytes.begin() + from * bytes, bytes, out.bytes.begin() + to * bytes);
  } else if (real) {
    Scalar a{}, b{};
    a.f = out.get_f(to);
    b.f = updates.get_f(from);
    out.set_f(to, combine(kind, out.dtype, a, b).f);
  } else {
    Scalar a{}, b{};
    a.i = out.get_i(to);
    b.i = updates.get_i(from);
    out.set_i(to, combine(kind, out.dtype, a, b).i);
  }
}

std::vector<Tensor> one(Tensor t) {
  std::vector<Tensor> results;
  results.push_back(std::move(t));
  return results;
}

void copy_first(Code& code, const OpaqueArgs& args) {
  code.block("scatter_copy", args.outs[0]->shape(),
             [&](const Exprs& at) { code.store(args.outs[0], code.load(args.ins[0], at), at); });
}

/// Stores one update under the kind.
void store_update(Code& code, const std::string& kind, Expr out, Expr value, const Exprs& at) {
  if (kind == "set") {
    code.store(out, value, at);
    return;
  }
  code.store(out, code.op(ir::combiner(kind), code.load(out, at), value), at);
}

}  // namespace

// ---- scatter_elements

Result<Type> scatter_elements_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  TENON_TRY_VOID(check_kind(rule));
  if (!rule.unify(rule.shape(1), rule.shape(2)))
    return rule.refuse(4, "updates " + show(rule.operand(2)->type) + " and indices " +
                              show(rule.operand(1)->type) + " differ in shape");
  if (rule.rank(1) != rule.rank(0))
    return rule.refuse(5, "indices " + show(rule.operand(1)->type) + " and x " +
                              show(rule.operand(0)->type) + " differ in rank");
  for (int i = 0; i < rule.rank(0); ++i) {
    const auto at = static_cast<size_t>(i);
    if (i != *axis && !rule.may_fit(rule.shape(1)[at], rule.shape(0)[at]))
      return rule.refuse(5, "indices " + show(rule.operand(1)->type) + " do not fit into x " +
                                show(rule.operand(0)->type));
  }
  return rule.operand(0)->type;
}

Result<std::vector<Tensor>> scatter_elements_eval(const EvalArgs& args) {
  Tensor out = *args.operands[0];
  const Tensor& indices = *args.operands[1];
  const Tensor& updates = *args.operands[2];
  const std::string& kind = args.node->string_attr(Key::kind);
  const auto axis = static_cast<size_t>(args.node->int_attr(Key::axis));
  const Ints strides = row_major(out.shape);
  Ints others = strides;
  others[axis] = 0;
  int64_t from = 0;
  for (Odometer at(indices.shape, others); !at.done(); at.next(), ++from) {
    TENON_TRY(const int64_t index,
              checked_index("scatter_elements", indices.get_i(from), out.shape[axis]));
    write(out, at.position() + index * strides[axis], updates, from, kind);
  }
  return one(std::move(out));
}

Expr scatter_elements_lower(const OpaqueArgs& args) {
  Code code(args);
  copy_first(code, args);
  const Expr indices = args.ins[1];
  const Expr out = args.outs[0];
  const int64_t axis = args.node->int_attr(Key::axis);
  const Expr extent = out->shape()[static_cast<size_t>(axis)];
  // Lines along the axis write to lines of their own.
  code.block("scatter", without_axis(indices->shape(), axis), [&](const Exprs& at) {
    code.loop("k", indices->shape()[static_cast<size_t>(axis)], [&](Expr k) {
      const Exprs from = with_axis(at, axis, k);
      const Expr given = code.let("given", ir::cast(code.c, DType::i64, code.load(indices, from)));
      const Expr index = code.let("index", code.wrapped(given, extent));
      code.fail_unless_in_range(given, index, extent);
      store_update(code, args.node->string_attr(Key::kind), out, code.load(args.ins[2], from),
                   with_axis(at, axis, index));
    });
  });
  return code.finish();
}

// ---- scatter_nd

Result<Type> scatter_nd_type(const TypeArgs& args) {
  const Rule rule(args);
  TENON_TRY_VOID(check_kind(rule));
  const auto depth = rule.rank(1) > 0 ? ir::as_int(rule.shape(1).back()) : std::nullopt;
  if (!depth || *depth > rule.rank(0))
    return rule.refuse(5, "indices " + show(rule.operand(1)->type) + " do not index into x " +
                              show(rule.operand(0)->type));
  std::vector<Expr> wanted(rule.shape(1).begin(), rule.shape(1).end() - 1);
  wanted.insert(wanted.end(), rule.shape(0).begin() + *depth, rule.shape(0).end());
  if (!rule.unify(wanted, rule.shape(2)))
    return rule.refuse(
        6, "updates are " + show(rule.operand(2)->type) + ", not of shape " + show(wanted));
  return rule.operand(0)->type;
}

Result<std::vector<Tensor>> scatter_nd_eval(const EvalArgs& args) {
  Tensor out = *args.operands[0];
  const Tensor& indices = *args.operands[1];
  const Tensor& updates = *args.operands[2];
  const std::string& kind = args.node->string_attr(Key::kind);
  const int64_t depth = indices.shape.back();
  const Ints strides = row_major(out.shape);
  const int64_t inner = product(std::span(out.shape).subspan(static_cast<size_t>(depth)));
  const int64_t count = product(std::span(indices.shape).first(indices.shape.size() - 1));
  for (int64_t q = 0; q < count; ++q) {
    int64_t base = 0;
    for (int64_t d = 0; d < depth; ++d) {
      const auto at = static_cast<size_t>(d);
      TENON_TRY(const int64_t index,
                checked_index("scatter_nd", indices.get_i(q * depth + d), out.shape[at]));
      base += index * strides[at];
    }
    for (int64_t i = 0; i < inner; ++i) write(out, base + i, updates, q * inner + i, kind);
  }
  return one(std::move(out));
}

Expr scatter_nd_lower(const OpaqueArgs& args) {
  Code code(args);
  copy_first(code, args);
  const Expr indices = args.ins[1];
  const Expr out = args.outs[0];
  const int64_t depth = *ir::as_int(indices->shape().back());
  const Exprs outer(indices->shape().begin(), indices->shape().end() - 1);
  const Exprs inner(out->shape().begin() + depth, out->shape().end());
  code.block("scatter", {}, [&](const Exprs&) {
    code.loops("q", outer, [&](const Exprs& q) {
      Exprs base;
      for (int64_t d = 0; d < depth; ++d) {
        const Expr extent = out->shape()[static_cast<size_t>(d)];
        Exprs from = q;
        from.push_back(code.i64(d));
        const Expr given =
            code.let("given", ir::cast(code.c, DType::i64, code.load(indices, from)));
        base.push_back(code.let("index", code.wrapped(given, extent)));
        code.fail_unless_in_range(given, base.back(), extent);
      }
      code.loops("j", inner, [&](const Exprs& j) {
        Exprs to = base;
        to.insert(to.end(), j.begin(), j.end());
        Exprs from = q;
        from.insert(from.end(), j.begin(), j.end());
        store_update(code, args.node->string_attr(Key::kind), out, code.load(args.ins[2], from),
                     to);
      });
    });
  });
  return code.finish();
}

// ---- dynamic_update_slice

Result<Type> dynamic_update_slice_type(const TypeArgs& args) {
  const Rule rule(args);
  const Type x = rule.operand(0)->type;
  const Type update = rule.operand(1)->type;
  if (update->dtype != x->dtype || update->rank() != x->rank())
    return rule.refuse(1,
                       "update " + show(update) + " and x " + show(x) + " differ in type or rank");
  for (size_t i = 0; i < x->shape.size(); ++i)
    if (!rule.may_fit(update->shape[i], x->shape[i]))
      return rule.refuse(1, "update " + show(update) + " is larger than x " + show(x));
  if (static_cast<int>(args.operands.size()) != 2 + x->rank())
    return rule.refuse(2, "one start is needed for each axis of " + show(x));
  for (size_t i = 2; i < args.operands.size(); ++i)
    if (rule.operand(i)->type != args.c.index())
      return rule.refuse(2, "a start is " + show(rule.operand(i)->type) + ", not i64[]");
  return x;
}

Result<std::vector<Tensor>> dynamic_update_slice_eval(const EvalArgs& args) {
  Tensor out = *args.operands[0];
  const Tensor& update = *args.operands[1];
  const Ints strides = row_major(out.shape);
  int64_t base = 0;
  for (size_t d = 0; d < out.shape.size(); ++d) {
    const int64_t room = std::max<int64_t>(out.shape[d] - update.shape[d], 0);
    base += std::clamp<int64_t>(args.operands[2 + d]->get_i(0), 0, room) * strides[d];
  }
  int64_t from = 0;
  for (Odometer at(update.shape, strides, base); !at.done(); at.next(), ++from)
    write(out, at.position(), update, from, "set");
  return one(std::move(out));
}

Expr dynamic_update_slice_lower(const OpaqueArgs& args) {
  Code code(args);
  Context& c = code.c;
  if (args.outs[0] != args.ins[0]) copy_first(code, args);
  const Expr update = args.ins[1];
  code.block("update_slice", update->shape(), [&](const Exprs& at) {
    Exprs to;
    for (size_t d = 0; d < at.size(); ++d) {
      const Expr room = code.sub(args.outs[0]->shape()[d], update->shape()[d]);
      const Expr start = ir::max(c, ir::min(c, code.load(args.ins[2 + d], {}), room), c.i64(0));
      to.push_back(code.add(start, at[d]));
    }
    code.store(args.outs[0], code.load(update, at), to);
  });
  return code.finish();
}

}  // namespace tenon::ops::opaque
