#include "ir/expr.h"

#include <algorithm>
#include <limits>

#include "ir/dtype.h"
#include "support/check.h"

namespace tenon::ir {
namespace {

int64_t wrap(__int128 v) { return static_cast<int64_t>(static_cast<uint64_t>(v)); }

int64_t floor_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return wrap(-static_cast<__int128>(a));
  const int64_t q = a / b;
  return (a % b != 0 && ((a % b < 0) != (b < 0))) ? q - 1 : q;
}

/// Literals stand last in commutative operators; other operands in order of creation.
bool before(Expr a, Expr b) {
  const bool la = a->op == Op::imm;
  const bool lb = b->op == Op::imm;
  return la != lb ? lb : a->id < b->id;
}

Expr raw(Context& c, Op op, Expr a, Expr b) { return c.make(op, c.index(), {a, b}); }

}  // namespace

std::optional<int64_t> as_int(Expr e) {
  if (e->op != Op::imm) return std::nullopt;
  const auto* v = std::get_if<int64_t>(e->find(Key::value));
  return v == nullptr ? std::nullopt : std::optional<int64_t>(*v);
}
bool is_int(Expr e, int64_t value) { return as_int(e) == value; }

Expr add(Context& c, Expr a, Expr b) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (x && y) return c.i64(wrap(static_cast<__int128>(*x) + *y));
  if (before(b, a)) return add(c, b, a);
  if (y == 0) return a;
  // (p + k) + q: the literal moves outwards.
  if (a->op == Op::add && as_int(a->operand(1))) {
    const int64_t k = *as_int(a->operand(1));
    if (y) return add(c, a->operand(0), c.i64(wrap(static_cast<__int128>(k) + *y)));
    return add(c, add(c, a->operand(0), b), a->operand(1));
  }
  if (b->op == Op::add && as_int(b->operand(1)))
    return add(c, add(c, a, b->operand(0)), b->operand(1));
  return raw(c, Op::add, a, b);
}

Expr sub(Context& c, Expr a, Expr b) {
  if (a == b) return c.i64(0);
  if (const auto y = as_int(b)) return add(c, a, c.i64(wrap(-static_cast<__int128>(*y))));
  // (p + k) - q and p - (q + k): the literal moves outwards.
  if (a->op == Op::add && as_int(a->operand(1)))
    return add(c, sub(c, a->operand(0), b), a->operand(1));
  if (b->op == Op::add && as_int(b->operand(1)))
    return add(c, sub(c, a, b->operand(0)),
               c.i64(wrap(-static_cast<__int128>(*as_int(b->operand(1))))));
  if (a->op == Op::add) {
    if (a->operand(0) == b) return a->operand(1);
    if (a->operand(1) == b) return a->operand(0);
  }
  return raw(c, Op::sub, a, b);
}

Expr mul(Context& c, Expr a, Expr b) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (x && y) return c.i64(wrap(static_cast<__int128>(*x) * *y));
  if (before(b, a)) return mul(c, b, a);
  if (y == 0) return b;
  if (y == 1) return a;
  if (y && a->op == Op::mul && as_int(a->operand(1)))
    return mul(c, a->operand(0), c.i64(wrap(static_cast<__int128>(*as_int(a->operand(1))) * *y)));
  return raw(c, Op::mul, a, b);
}

Expr floordiv(Context& c, Expr a, Expr b) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (y == 1) return a;
  if (y == 0) return b;
  if (x && y) return c.i64(floor_div(*x, *y));
  if (x == 0) return a;
  return raw(c, Op::floordiv, a, b);
}

Expr mod(Context& c, Expr a, Expr b) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (y == 1) return c.i64(0);
  if (y == 0) return b;
  if (x && y)
    return c.i64(wrap(static_cast<__int128>(*x) - static_cast<__int128>(floor_div(*x, *y)) * *y));
  if (x == 0) return a;
  return raw(c, Op::mod, a, b);
}

Expr min(Context& c, Expr a, Expr b) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (a == b) return a;
  if (x && y) return c.i64(std::min(*x, *y));
  return before(b, a) ? raw(c, Op::min, b, a) : raw(c, Op::min, a, b);
}

Expr max(Context& c, Expr a, Expr b) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (a == b) return a;
  if (x && y) return c.i64(std::max(*x, *y));
  return before(b, a) ? raw(c, Op::max, b, a) : raw(c, Op::max, a, b);
}

Expr ceildiv(Context& c, Expr a, Expr b) { return floordiv(c, add(c, a, add(c, b, c.i64(-1))), b); }

Expr logical_and(Context& c, Expr a, Expr b) {
  if (is_int(a, 0) || is_int(b, 0)) return c.bool_imm(false);
  if (is_int(a, 1) || a == b) return b;
  if (is_int(b, 1)) return a;
  return c.make(Op::and_, c.boolean(), {a, b});
}

Expr logical_or(Context& c, Expr a, Expr b) {
  if (is_int(a, 1) || is_int(b, 1)) return c.bool_imm(true);
  if (is_int(a, 0) || a == b) return b;
  if (is_int(b, 0)) return a;
  return c.make(Op::or_, c.boolean(), {a, b});
}

namespace {
template <class F>
Expr compare(Context& c, Op op, Expr a, Expr b, bool when_same, F decide) {
  const auto x = as_int(a);
  const auto y = as_int(b);
  if (x && y) return c.bool_imm(decide(*x, *y));
  if (a == b) return c.bool_imm(when_same);
  return c.make(op, c.boolean(), {a, b});
}
}  // namespace

Expr lt(Context& c, Expr a, Expr b) {
  return compare(c, Op::lt, a, b, false, [](int64_t x, int64_t y) { return x < y; });
}
Expr le(Context& c, Expr a, Expr b) {
  return compare(c, Op::le, a, b, true, [](int64_t x, int64_t y) { return x <= y; });
}
Expr eq(Context& c, Expr a, Expr b) {
  return compare(c, Op::eq, a, b, true, [](int64_t x, int64_t y) { return x == y; });
}

Expr ne(Context& c, Expr a, Expr b) {
  return compare(c, Op::ne, a, b, false, [](int64_t x, int64_t y) { return x != y; });
}
Expr gt(Context& c, Expr a, Expr b) { return lt(c, b, a); }
Expr ge(Context& c, Expr a, Expr b) { return le(c, b, a); }
Expr neg(Context& c, Expr a) { return mul(c, a, c.i64(-1)); }

Expr logical_not(Context& c, Expr a) {
  if (const auto v = as_int(a)) return c.bool_imm(*v == 0);
  if (a->op == Op::not_) return a->operand(0);
  if (a->operands.size() == 2 && a->operand(0)->type == c.index()) {
    const Expr x = a->operand(0);
    const Expr y = a->operand(1);
    switch (a->op) {
      case Op::lt:
        return le(c, y, x);
      case Op::le:
        return lt(c, y, x);
      case Op::gt:
        return le(c, x, y);
      case Op::ge:
        return lt(c, x, y);
      case Op::eq:
        return ne(c, x, y);
      case Op::ne:
        return eq(c, x, y);
      default:
        break;
    }
  }
  return c.make(Op::not_, a->type, {a});
}

Expr product(Context& c, std::span<const Expr> extents) {
  Expr all = c.i64(1);
  for (Expr e : extents) all = mul(c, all, e);
  return all;
}

// ---- scalars of any type

Expr unary(Context& c, Op op, Expr a) {
  return c.make(op, is_predicate(op) ? c.scalar(DType::boolean, a->type->lanes) : a->type, {a});
}

Expr binary(Context& c, Op op, Expr a, Expr b) {
  TENON_CHECK(a->type == b->type, "operands of a scalar operator differ in type");
  if (a->type == c.index()) {
    switch (op) {
      case Op::add:
        return add(c, a, b);
      case Op::sub:
        return sub(c, a, b);
      case Op::mul:
        return mul(c, a, b);
      case Op::floordiv:
        return floordiv(c, a, b);
      case Op::mod:
        return mod(c, a, b);
      case Op::min:
        return min(c, a, b);
      case Op::max:
        return max(c, a, b);
      case Op::lt:
        return lt(c, a, b);
      case Op::le:
        return le(c, a, b);
      case Op::gt:
        return lt(c, b, a);
      case Op::ge:
        return le(c, b, a);
      case Op::eq:
        return eq(c, a, b);
      case Op::ne:
        return ne(c, a, b);
      default:
        break;
    }
  }
  if (a->type == c.boolean()) {
    if (op == Op::and_) return logical_and(c, a, b);
    if (op == Op::or_) return logical_or(c, a, b);
  }
  return c.make(op, is_predicate(op) ? c.scalar(DType::boolean, a->type->lanes) : a->type, {a, b});
}

Expr select(Context& c, Expr cond, Expr a, Expr b) {
  TENON_CHECK(a->type == b->type, "arms of select differ in type");
  if (const auto known = as_int(cond)) return *known != 0 ? a : b;
  if (a == b) return a;
  return c.make(Op::select, a->type, {cond, a, b});
}

Expr cast(Context& c, DType to, Expr a) {
  if (a->dtype() == to) return a;
  if (a->op == Op::imm && to != DType::boolean && a->dtype() != DType::boolean) {
    const Type type = c.scalar(to);
    if (const auto v = as_int(a); v && is_integer(to)) return c.imm(type, *v);
    if (const auto v = as_int(a); v && is_float(to)) return c.imm_f(type, static_cast<double>(*v));
    if (is_float(a->dtype()) && is_float(to) && info(to).bits >= 16)
      return c.imm_f(type, a->float_attr(Key::value));
  }
  return c.make(Op::cast, c.scalar(to, a->type->lanes), {a});
}

// ---- memory and statements

Expr load(Context& c, Expr buffer, std::span<const Expr> indices) {
  TENON_CHECK(static_cast<int>(indices.size()) == buffer->rank(), "load: wrong number of indices");
  std::vector<Expr> operands{buffer};
  operands.insert(operands.end(), indices.begin(), indices.end());
  return c.make(Op::load, c.scalar(buffer->dtype()), operands);
}

Expr store(Context& c, Expr buffer, Expr value, std::span<const Expr> indices) {
  TENON_CHECK(static_cast<int>(indices.size()) == buffer->rank(), "store: wrong number of indices");
  TENON_CHECK(value->dtype() == buffer->dtype(), "store: value and buffer differ in type");
  std::vector<Expr> operands{buffer, value};
  operands.insert(operands.end(), indices.begin(), indices.end());
  return c.make(Op::store, c.void_type(), operands);
}

Expr update(Context& c, Expr buffer, Expr init, Expr value, std::span<const Expr> indices,
            std::string combine) {
  std::vector<Expr> operands{buffer, init, value};
  operands.insert(operands.end(), indices.begin(), indices.end());
  // A rank-0 buffer leaves three operands.
  return c.make(Op::update, c.void_type(), operands, {{Key::combine, std::move(combine)}});
}

Expr seq(Context& c, std::span<const Expr> statements) {
  std::vector<Expr> flat;
  for (Expr s : statements) {
    if (s->op == Op::seq) {
      flat.insert(flat.end(), s->operands.begin(), s->operands.end());
    } else {
      flat.push_back(s);
    }
  }
  return flat.size() == 1 ? flat[0] : c.make(Op::seq, c.void_type(), flat);
}

Expr for_loop(Context& c, Expr var, Expr extent, Expr body, std::string kind, std::string note) {
  std::vector<Attr> attrs{{Key::kind, std::move(kind)}};
  if (!note.empty()) attrs.push_back({Key::note, std::move(note)});
  return c.make(Op::for_, c.void_type(), {var, extent, body}, std::move(attrs));
}

Expr if_then(Context& c, Expr condition, Expr then, Expr otherwise) {
  if (const auto known = as_int(condition)) {
    if (*known != 0) return then;
    return otherwise != nullptr ? otherwise : seq(c, {});
  }
  if (otherwise == nullptr) return c.make(Op::cond, c.void_type(), {condition, then});
  return c.make(Op::cond, c.void_type(), {condition, then, otherwise});
}

Expr while_loop(Context& c, Expr condition, Expr body) {
  return c.make(Op::while_, c.void_type(), {condition, body});
}

Expr let(Context& c, Expr var, Expr value, Expr body) {
  return c.make(Op::let, c.void_type(), {var, value, body});
}

std::vector<BlockIter> BlockView::iters() const {
  const std::string& kinds = node->string_attr(Key::kinds);
  std::vector<BlockIter> all;
  for (size_t i = 0; i < kinds.size(); ++i)
    all.push_back({node->operand(2 + 2 * i), node->operand(3 + 2 * i), kinds[i]});
  return all;
}

Expr block(Context& c, std::string name, std::span<const BlockIter> iters, Expr predicate,
           Expr body, std::string note) {
  std::vector<Expr> operands{predicate, body};
  std::string kinds;
  for (const BlockIter& it : iters) {
    operands.push_back(it.var);
    operands.push_back(it.binding);
    kinds += it.kind;
  }
  std::vector<Attr> attrs{{Key::name, std::move(name)}, {Key::kinds, std::move(kinds)}};
  if (!note.empty()) attrs.push_back({Key::note, std::move(note)});
  return c.make(Op::block, c.void_type(), operands, std::move(attrs));
}

namespace {
/// The pairs of variable and extent end where the first load stands.
size_t axis_operands(Expr instr) {
  size_t n = 0;
  while (n + 1 < instr->operands.size() && instr->operand(n)->op == Op::var) n += 2;
  return n;
}
}  // namespace

std::span<const int64_t> InstrView::params() const {
  const AttrValue* all = node->find(Key::params);
  return all == nullptr ? std::span<const int64_t>{} : std::get<std::vector<int64_t>>(*all);
}

std::vector<InstrAxis> InstrView::axes() const {
  std::vector<InstrAxis> all;
  for (size_t i = 0; i < axis_operands(node); i += 2)
    all.push_back({node->operand(i), node->operand(i + 1)});
  return all;
}

std::span<const Expr> InstrView::operands() const {
  return node->operands.subspan(axis_operands(node));
}

Expr instr(Context& c, std::string name, std::span<const int64_t> params,
           std::span<const InstrAxis> axes, std::span<const Expr> operands) {
  std::vector<Expr> all;
  for (const InstrAxis& axis : axes) {
    all.push_back(axis.var);
    all.push_back(axis.extent);
  }
  all.insert(all.end(), operands.begin(), operands.end());
  std::vector<Attr> attrs{{Key::name, std::move(name)}};
  if (!params.empty()) attrs.push_back({Key::params, std::vector(params.begin(), params.end())});
  return c.make(Op::instr, c.void_type(), all, std::move(attrs));
}

}  // namespace tenon::ir
