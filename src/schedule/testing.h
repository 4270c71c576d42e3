// Builds definition-form kernels for tests: one nest a block, as src/graph/lower.cc makes them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ir/expr.h"
#include "schedule/kernel_pass.h"
#include "schedule/schedule.h"
#include "support/check.h"

namespace tenon::schedule::testing {
using ir::DType;
using ir::Expr;
using Exprs = std::vector<Expr>;

/// The kernel with its vector loops as operations on lanes.
inline Program in_lanes(const Program& kernel, const machine::Machine& machine) {
  const auto after = run_pass(*pass::find(kernel_passes(), kLanesPass), kernel, machine);
  TENON_CHECK(after.has_value(), after ? "" : after.error().text());
  return *after;
}

class KernelBuilder {
 public:
  KernelBuilder() : kernel_(std::make_shared<ir::Kernel>()) {
    kernel_->context = std::make_shared<ir::Context>();
    kernel_->name = "test";
  }
  ir::Context& c() { return *kernel_->context; }
  Expr n(int64_t v) { return c().i64(v); }
  Expr size(const std::string& name) {
    kernel_->sizes.push_back(c().var(name));
    return kernel_->sizes.back();
  }
  Expr param(const std::string& name, const Exprs& shape, ir::ParamRole role,
             DType type = DType::f32) {
    const Expr b = c().buffer(name, c().tensor(type, shape));
    kernel_->params.push_back({b, role, {}});
    return b;
  }
  Expr in(const std::string& name, const Exprs& shape, DType type = DType::f32) {
    return param(name, shape, ir::ParamRole::in, type);
  }
  Expr constant(const std::string& name, const Exprs& shape) {
    return param(name, shape, ir::ParamRole::constant);
  }
  Expr out(const std::string& name, const Exprs& shape, DType type = DType::f32) {
    return param(name, shape, ir::ParamRole::out, type);
  }
  Expr internal(const std::string& name, const Exprs& shape, DType type = DType::f32) {
    const Expr b = c().buffer(name, c().tensor(type, shape));
    kernel_->buffers.push_back(b);
    return b;
  }
  Expr f32(double v) { return c().imm_f(c().scalar(DType::f32), v); }
  Expr load(Expr buffer, const Exprs& at) { return ir::load(c(), buffer, at); }
  Expr op(ir::Op o, Expr a, Expr b) { return ir::binary(c(), o, a, b); }
  Expr op(ir::Op o, Expr a) { return ir::unary(c(), o, a); }

  struct Axis {
    std::string name;
    Expr extent;
    char kind = 's';
  };
  /// A nest with one block; `body` sees the iterators.
  void block(const std::string& name, const std::vector<Axis>& axes,
             const std::function<Expr(const Exprs&)>& body) {
    std::vector<ir::BlockIter> iters;
    Exprs vars, loops;
    for (const Axis& a : axes) {
      loops.push_back(c().var(a.name));
      vars.push_back(c().var("v" + a.name));
      iters.push_back({vars.back(), loops.back(), a.kind});
    }
    Expr s = ir::block(c(), name, iters, c().bool_imm(true), body(vars));
    for (size_t i = axes.size(); i-- > 0;) s = ir::for_loop(c(), loops[i], axes[i].extent, s);
    statements_.push_back(s);
  }
  /// out[i..] = value(i..)
  void map(const std::string& name, Expr out, const std::function<Expr(const Exprs&)>& value) {
    std::vector<Axis> axes;
    for (size_t d = 0; d < out->shape().size(); ++d)
      axes.push_back({"i" + std::to_string(d), out->shape()[d]});
    block(name, axes, [&](const Exprs& v) { return ir::store(c(), out, value(v), v); });
  }
  void statement(Expr s) { statements_.push_back(s); }
  Program build() {
    kernel_->body = ir::seq(c(), statements_);
    return kernel_;
  }

 private:
  std::shared_ptr<ir::Kernel> kernel_;
  Exprs statements_;
};

/// c[m, n] = sum over k of a[m, k] * b[k, n], then out = max(c + bias, 0) in two blocks.
struct DotProgram {
  KernelBuilder k;
  explicit DotProgram(int64_t m, int64_t n, int64_t depth, bool constant_b = true) {
    build(k.n(m), k.n(n), k.n(depth), constant_b);
  }
  DotProgram() { build(k.size("M"), k.size("N"), k.size("K"), false); }
  Program program() { return k.build(); }

 private:
  void build(Expr m, Expr n, Expr depth, bool constant_b) {
    const Expr a = k.in("a", {m, depth});
    const Expr b = constant_b ? k.constant("b", {depth, n}) : k.in("b", {depth, n});
    const Expr bias = k.in("bias", {n});
    const Expr out = k.out("out", {m, n});
    const Expr dot = k.internal("dot", {m, n});
    const Expr sum = k.internal("sum", {m, n});
    k.block("dot", {{"i", m}, {"j", n}, {"k", depth, 'r'}}, [&](const Exprs& v) {
      return ir::update(k.c(), dot, k.f32(0),
                        k.op(ir::Op::mul, k.load(a, {v[0], v[2]}), k.load(b, {v[2], v[1]})),
                        Exprs{v[0], v[1]}, "fma");
    });
    k.map("add", sum,
          [&](const Exprs& v) { return k.op(ir::Op::add, k.load(dot, v), k.load(bias, {v[1]})); });
    k.map("relu", out, [&](const Exprs& v) { return k.op(ir::Op::max, k.load(sum, v), k.f32(0)); });
  }
};

/// A sum of each row and the row times its sum, where loops share a name with a buffer, an
/// iterator, a size or each other.
inline Program rows_times_their_sums() {
  KernelBuilder k;
  const Expr n = k.size("i1");
  const Expr x = k.in("i0", {n, k.n(20)});
  const Expr sum = k.internal("vi0", {n});
  const Expr out = k.out("vi0_1", {n, k.n(20)});
  k.block("total", {{"i0", n}, {"i1", k.n(20), 'r'}}, [&](const Exprs& v) {
    return ir::update(k.c(), sum, k.f32(0), k.load(x, v), Exprs{v[0]}, "sum");
  });
  k.map("scaled", out,
        [&](const Exprs& v) { return k.op(ir::Op::mul, k.load(x, v), k.load(sum, {v[0]})); });
  return k.build();
}

}  // namespace tenon::schedule::testing
