// One graph pass on one small graph: the result as a term, and a check that its values stay.
#pragma once

#include "graph/pass.h"
#include "graph_model.h"
#include "interp/interp.h"
#include "ops/verify.h"

namespace tenon::testing {

using ir::DType;
using ir::Key;
using ir::Op;
using ops::Ints;
using Exprs = std::vector<Expr>;
using PassFn = Status (*)(ir::Context&, ir::Function&);

/// "transpose[1 0](x)": params by name, constants as k, permutations and dims in brackets.
inline std::string form(Expr e) {
  if (e->op == Op::param) return e->string_attr(Key::name);
  if (e->op == Op::constant || e->op == Op::imm) return "k";
  std::string text(ir::info(e->op).name);
  for (const Key key : {Key::perm, Key::dims}) {
    if (e->find(key) == nullptr) continue;
    std::string list;
    for (int64_t i : e->ints_attr(key)) list += (list.empty() ? "" : " ") + std::to_string(i);
    text += "[" + list + "]";
  }
  std::string operands;
  for (Expr x : e->operands) operands += (operands.empty() ? "" : ", ") + form(x);
  return text + "(" + operands + ")";
}

struct Forms : ::testing::Test, Model {
  /// The first result after the pass; all results must keep their values.
  std::string after(PassFn pass, Exprs results) {
    b.expect();
    f.results = std::move(results);
    ir::Function g = f;
    EXPECT_TRUE(pass(c, g).has_value());
    const Status sound = ops::verify(c, g);
    EXPECT_TRUE(sound.has_value()) << sound.error().text();
    const std::vector<Tensor> inputs = random_inputs(f, 3);
    const auto want = interp::run(f, inputs);
    const auto got = interp::run(g, inputs);
    EXPECT_TRUE(want.has_value() && got.has_value());
    if (want && got) expect_close(*got, *want, "values");
    return form(g.results[0]);
  }
  std::string after(PassFn pass, Expr result) { return after(pass, Exprs{result}); }
  Expr raw(Op op, const Exprs& operands, std::vector<ir::Attr> attrs, ir::Type type) {
    return c.make(op, type, operands, std::move(attrs));
  }
  Exprs literals(const Ints& values) {
    Exprs all;
    for (int64_t v : values) all.push_back(c.i64(v));
    return all;
  }
  ir::Type type(DType dtype, const Ints& shape) { return c.tensor(dtype, literals(shape)); }
  ir::Type f32(const Ints& shape) { return type(DType::f32, shape); }
  /// A constant of rank 0, as the canonical form has it.
  Expr number(double v, DType dtype = DType::f32) {
    Tensor t = Tensor::zeros(dtype, {});
    t.set_f(0, v);
    return c.constant(c.scalar(dtype), t.bytes.data(), t.bytes.size());
  }
  /// One number in the shape of `like`.
  Expr all(double v, Expr like) {
    return raw(Op::broadcast, {number(v, like->dtype())}, {{Key::dims, Ints{}}}, like->type);
  }
};

}  // namespace tenon::testing
