#include "ops/opaque/code.h"

#include "ops/index_check.h"
#include "support/check.h"

namespace tenon::ops::opaque {

using ir::DType;
using ir::Op;

Expr Code::scoped(const Action& body) {
  scopes_.emplace_back();
  body();
  std::vector<Entry> entries = std::move(scopes_.back());
  scopes_.pop_back();
  Exprs statements;  // of the current tail, in reverse
  const auto gather = [&] {
    const Exprs forward(statements.rbegin(), statements.rend());
    return ir::seq(c, forward);
  };
  for (size_t i = entries.size(); i-- > 0;) {
    if (entries[i].variable == nullptr) {
      statements.push_back(entries[i].statement);
      continue;
    }
    statements = {ir::let(c, entries[i].variable, entries[i].value, gather())};
  }
  return gather();
}

void Code::store(Expr buffer, Expr value, const Exprs& at) {
  scopes_.back().push_back({nullptr, nullptr, ir::store(c, buffer, value, at)});
}

void Code::loop(const std::string& name, Expr extent, const std::function<void(Expr)>& body) {
  const Expr var = c.var(name);
  const Expr inside = scoped([&] { body(var); });
  scopes_.back().push_back({nullptr, nullptr, ir::for_loop(c, var, extent, inside)});
}

void Code::loops(const std::string& name, const Exprs& shape,
                 const std::function<void(const Exprs&)>& body) {
  Exprs vars;
  for (size_t i = 0; i < shape.size(); ++i) vars.push_back(c.var(name + std::to_string(i)));
  Expr statement = scoped([&] { body(vars); });
  for (size_t i = shape.size(); i-- > 0;) statement = ir::for_loop(c, vars[i], shape[i], statement);
  scopes_.back().push_back({nullptr, nullptr, statement});
}

void Code::when(Expr condition, const Action& then, const Action& otherwise) {
  const Expr yes = scoped(then);
  const Expr no = otherwise ? scoped(otherwise) : nullptr;
  scopes_.back().push_back({nullptr, nullptr, ir::if_then(c, condition, yes, no)});
}

void Code::repeat_while(Expr condition, const Action& body) {
  const Expr inside = scoped(body);
  scopes_.back().push_back({nullptr, nullptr, ir::while_loop(c, condition, inside)});
}

void Code::fail_unless_in_range(Expr given, Expr index, Expr extent) {
  const Expr outside = either(ir::lt(c, index, c.i64(0)), ir::le(c, extent, index));
  when(outside,
       [&] { scopes_.back().push_back({nullptr, nullptr, index_failure(c, given, extent)}); });
}

Expr Code::let(const std::string& name, Expr value) {
  if (value->op == Op::imm || value->op == Op::var) return value;
  const Expr var = c.var(name, value->type);
  scopes_.back().push_back({var, value, nullptr});
  return var;
}

void Code::block(const std::string& name, const Exprs& shape,
                 const std::function<void(const Exprs&)>& body) {
  std::vector<ir::BlockIter> iters;
  Exprs vars;
  for (size_t i = 0; i < shape.size(); ++i) {
    vars.push_back(c.var("v" + std::to_string(i)));
    iters.push_back({vars.back(), c.var("i" + std::to_string(i)), 's'});
  }
  const Expr inside = scoped([&] { body(vars); });
  Expr statement = ir::block(c, name, iters, c.bool_imm(true), inside);
  for (size_t i = shape.size(); i-- > 0;)
    statement = ir::for_loop(c, iters[i].binding, shape[i], statement);
  scopes_.back().push_back({nullptr, nullptr, statement});
}

Expr Code::finish() {
  TENON_CHECK(scopes_.size() == 1, "an open scope");
  std::vector<Entry> entries = std::move(scopes_.back());
  return scoped([&] { scopes_.back() = std::move(entries); });
}

Expr Code::Cell::get() const { return ir::load(code->c, buffer, Exprs{code->c.i64(0)}); }
void Code::Cell::set(Expr value) const { code->store(buffer, value, {code->c.i64(0)}); }

Code::Cell Code::cell(const std::string& name, DType type) {
  return {this, temp(name, type, {c.i64(1)}, ir::Scope::reg)};
}
Code::Cell Code::cell(const std::string& name, Expr initial) {
  const Cell made = cell(name, initial->dtype());
  made.set(initial);
  return made;
}

Expr Code::number(DType type, double value) const {
  const Type scalar = c.scalar(type);
  return ir::is_float(type) ? c.imm_f(scalar, value) : c.imm(scalar, static_cast<int64_t>(value));
}

Expr Code::wrapped(Expr index, Expr extent) const {
  return ir::select(c, ir::lt(c, index, c.i64(0)), add(index, extent), index);
}

Exprs Code::unravel(Expr i, const Exprs& shape) const {
  Exprs at(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    at[d] = d == 0 ? i : ir::mod(c, i, shape[d]);
    i = ir::floordiv(c, i, shape[d]);
  }
  return at;
}

Expr Code::before(Expr a, Expr b, bool descending) const {
  if (a->dtype() == DType::boolean) {
    a = ir::cast(c, DType::i32, a);
    b = ir::cast(c, DType::i32, b);
  } else if (ir::is_float(a->dtype()) && ir::info(a->dtype()).bits < 32) {
    a = ir::cast(c, DType::f32, a);
    b = ir::cast(c, DType::f32, b);
  }
  const Expr wins = op(descending ? Op::gt : Op::lt, a, b);
  if (!ir::is_float(a->dtype())) return wins;
  const Expr nan_a = ir::unary(c, Op::is_nan, a);
  const Expr nan_b = ir::unary(c, Op::is_nan, b);
  const Expr odd = descending ? both(nan_a, negate(nan_b)) : both(nan_b, negate(nan_a));
  return either(wins, odd);
}

Exprs with_axis(Exprs at, int64_t axis, Expr value) {
  at.insert(at.begin() + axis, value);
  return at;
}
Exprs without_axis(Exprs shape, int64_t axis) {
  shape.erase(shape.begin() + axis);
  return shape;
}

Expr merge_sort(Code& code, Expr order, Expr n, const std::function<Expr(Expr, Expr)>& before) {
  Context& c = code.c;
  const Expr zero = c.i64(0);
  code.loop("k", n, [&](Expr k) { code.store(order, k, {zero, k}); });
  const Code::Cell width = code.cell("width", c.i64(1));
  const Code::Cell side = code.cell("side", zero);
  const Code::Cell left = code.cell("left", DType::i64);
  const Code::Cell right = code.cell("right", DType::i64);
  const Code::Cell take_right = code.cell("take_right", DType::i64);
  code.repeat_while(ir::lt(c, width.get(), n), [&] {
    const Expr w = code.let("w", width.get());
    const Expr from = code.let("from", side.get());
    const Expr to = code.sub(c.i64(1), from);
    const Expr step = code.let("step", code.mul(w, c.i64(2)));
    code.loop("run", ir::ceildiv(c, n, step), [&](Expr run) {
      const Expr low = code.let("low", code.mul(run, step));
      const Expr middle = code.let("middle", ir::min(c, code.add(low, w), n));
      const Expr high = code.let("high", ir::min(c, code.add(low, step), n));
      left.set(low);
      right.set(middle);
      code.loop("k", code.sub(high, low), [&](Expr k) {
        const Expr i = code.let("i", left.get());
        const Expr j = code.let("j", right.get());
        const auto decide = [&](int64_t v) {
          return [&take_right, &c, v] { take_right.set(c.i64(v)); };
        };
        code.when(ir::le(c, middle, i), decide(1), [&] {
          code.when(ir::le(c, high, j), decide(0), [&] {
            const Expr a = code.let("a", code.load(order, {from, i}));
            const Expr b = code.let("b", code.load(order, {from, j}));
            take_right.set(ir::select(c, before(b, a), c.i64(1), c.i64(0)));
          });
        });
        code.when(
            ir::eq(c, take_right.get(), c.i64(1)),
            [&] {
              code.store(order, code.load(order, {from, j}), {to, code.add(low, k)});
              right.set(code.next(j));
            },
            [&] {
              code.store(order, code.load(order, {from, i}), {to, code.add(low, k)});
              left.set(code.next(i));
            });
      });
    });
    width.set(step);
    side.set(to);
  });
  return code.let("sorted", side.get());
}

}  // namespace tenon::ops::opaque
