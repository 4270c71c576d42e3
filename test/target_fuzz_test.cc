// The targets against the loop interpreter: every elementwise operator on every element type,
// and random loop programs with odd sizes, gathers, masks, reductions and scratch memory.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "interp/interp.h"
#include "ir/dtype.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "schedule/testing.h"
#include "target/llvm/testing.h"

namespace tenon {
namespace {

using ir::DType;
using ir::Expr;
using ir::Op;
using ops::Tensor;

// ---- helpers
// -------------------------------------------------------------------------------------------

std::vector<DType> all_types() {
  std::vector<DType> types;
  for (int i = 0; i < ir::kDTypeCount; ++i) types.push_back(static_cast<DType>(i));
  return types;
}

/// Rows to test: the best and the plainest of those at hand. Scalar code is the same in both.
std::vector<const machine::Machine*> rows(bool only_best = false) {
  const std::vector<const machine::Machine*> all = target::testing::runnable_rows();
  if (only_best || all.size() == 1) return {all.back()};
  return {all.back(), all.front()};
}

Tensor fill(DType t, int64_t n, std::mt19937& random) {
  Tensor out = Tensor::zeros(t, {n});
  for (int64_t i = 0; i < n; ++i) {
    if (!ir::is_float(t)) {
      const uint64_t bits = uint64_t{random()} << 32 | random();
      const auto small = static_cast<int64_t>(random() % 21) - 10;
      const int64_t extremes[] = {0,
                                  1,
                                  -1,
                                  2,
                                  std::numeric_limits<int64_t>::min() >> (64 - ir::info(t).bits),
                                  std::numeric_limits<int64_t>::max() >> (64 - ir::info(t).bits)};
      out.set_i(i, i % 3 == 0 ? static_cast<int64_t>(bits)
                              : (i % 3 == 1 ? small : extremes[random() % 6]));
      continue;
    }
    const double inf = std::numeric_limits<double>::infinity();
    const double corners[] = {0.0, -0.0, 1.0,   -1.0,   inf,   -inf, std::nan(""), 0.5,
                              2.5, -3.5, 1e-40, -1e-42, 65504, 448,  1e30,         1e-8};
    std::normal_distribution<double> normal(0, 3);
    out.set_f(i, i % 3 == 0 ? corners[random() % 16] : normal(random));
  }
  return out;
}

/// Whether two results may differ in sign: f4e2m1 has no NaN and takes a NaN's sign, which is
/// unspecified, to its largest number.
bool is_nan_of_f4(DType t, double got, double want) {
  return t == DType::f4e2m1 && std::fabs(got) == 6 && std::fabs(want) == 6;
}

/// Distance in units of the last place of the element type.
double distance(DType t, double got, double want) {
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0 : 1e30;
  if (got == want || is_nan_of_f4(t, got, want)) return 0;
  if (std::isinf(got) || std::isinf(want)) return 1e30;
  const double next = ir::round_to(t, want);
  double step = 0;
  switch (t) {
    case DType::f64:
      step = std::ldexp(1.0, std::max(std::ilogb(next == 0 ? 5e-324 : next), -1022) - 52);
      break;
    case DType::f32:
      step = std::ldexp(1.0, std::max(std::ilogb(next == 0 ? 5e-324 : next), -126) - 23);
      break;
    default: {
      const uint64_t bits = ir::encode_float(t, std::fabs(want));
      step = std::fabs(ir::decode_float(t, bits + 1) - ir::decode_float(t, bits));
      if (std::isnan(step) || std::isinf(step) || step == 0) step = std::fabs(want) / 4;
    }
  }
  return std::fabs(got - want) / step;
}

struct Program {
  ir::Kernel kernel;
  ir::Context& c() { return *kernel.context; }
  explicit Program(std::string name) {
    kernel.name = std::move(name);
    kernel.context = std::make_shared<ir::Context>();
  }
  Expr param(const std::string& name, DType t, std::vector<Expr> shape,
             ir::ParamRole role = ir::ParamRole::in) {
    const Expr b = c().buffer(name, c().tensor(t, shape));
    kernel.params.push_back({b, role, {}});
    return b;
  }
  Expr internal(const std::string& name, DType t, std::vector<Expr> shape, ir::Scope scope) {
    kernel.buffers.push_back(c().buffer(name, c().tensor(t, shape, scope)));
    return kernel.buffers.back();
  }
};

/// Runs the kernel by the interpreter and by compiled code for every row; `compare` sees both
/// results of every out param.
template <class Compare>
void check(const ir::Kernel& kernel, const std::vector<Tensor>& buffers,
           std::span<const int64_t> sizes, const Compare& compare, bool only_best = false) {
  std::vector<Tensor> want = buffers;
  const Status status = interp::run(kernel, sizes, want);
  ASSERT_TRUE(status) << status.error().text() << "\n" << ir::print(kernel);
  for (const machine::Machine* row : rows(only_best)) {
    std::vector<Tensor> got = buffers;
    std::vector<void*> pointers;
    for (Tensor& t : got) pointers.push_back(t.bytes.data());
    const schedule::Program lanes =
        schedule::testing::in_lanes(std::make_shared<ir::Kernel>(kernel), *row);
    const Status sound = ir::verify(*lanes, 'T');
    ASSERT_TRUE(sound) << sound.error().text() << ir::print(*lanes);
    std::vector<Tensor> interpreted = buffers;
    const Status ran = interp::run(*lanes, sizes, interpreted);
    ASSERT_TRUE(ran) << ran.error().text() << ir::print(*lanes);
    ASSERT_EQ(target::testing::run(*lanes, *row, pointers, sizes), 0) << row->name << "\n"
                                                                      << ir::print(*lanes);
    for (size_t i = 0; i < kernel.params.size(); ++i)
      if (kernel.params[i].role == ir::ParamRole::out) {
        compare(*row, i, interpreted[i], want[i]);
        compare(*row, i, got[i], want[i]);
      }
  }
}

// ---- every operator, every type
// ------------------------------------------------------------------------

/// Types whose vector code is tested on narrow vectors too; the others differ only in width.
bool runs_on_every_row(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::i32 || t == DType::i8 ||
         t == DType::boolean;
}

/// Functions that compiled code approximates.
bool is_elementary(Op op) { return ir::info(op).error > 0; }

/// Loop programs may use an operator on more element types than the graph does: rounding and tests
/// of integers, divisions of floats.
bool is_legal(Op op, DType t) {
  if (op == Op::cast || op == Op::select) return false;  // tested apart
  const ir::OpInfo& row = ir::info(op);
  if (row.domain == ir::Domain::bits || op == Op::shl || op == Op::shr) return !ir::is_float(t);
  if (row.domain == ir::Domain::real && row.cost >= ir::kSlowCost) return ir::is_float(t);
  return t != DType::boolean || ir::is_comparison(op);
}

/// out[i] = value(i) for i below n: a launch in vectors of `lanes` with a guarded tail, or
/// serially.
Expr launch_over(ir::Context& c, Expr n, int64_t lanes, bool vector, Expr out,
                 const std::function<Expr(Expr)>& value) {
  const Expr i = c.var("i");
  const Expr j = c.var("j");
  const Expr at = ir::add(c, ir::mul(c, i, c.i64(lanes)), j);
  const Expr body = ir::if_then(c, ir::lt(c, at, n), ir::store(c, out, value(at), std::vector{at}));
  return ir::for_loop(c, i, ir::ceildiv(c, n, c.i64(lanes)),
                      ir::for_loop(c, j, c.i64(lanes), body, vector ? "vector" : "serial"),
                      "parallel");
}

/// A launch for each operator: out_k[i] = op(x[i], y[i], z[i]) in lanes with a guarded tail, or
/// serially.
void check_operators(DType t, const std::vector<Op>& operators, bool vector) {
  const int64_t lanes = t == DType::f32 ? 24 : 16;
  constexpr int64_t kCount = 24 * 5 + 7;
  std::mt19937 random(static_cast<unsigned>(t) + 1);
  Program p("operators");
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr inputs[] = {p.param("x", t, {n}), p.param("y", t, {n}), p.param("z", t, {n})};
  std::vector<Tensor> buffers{fill(t, kCount, random), fill(t, kCount, random),
                              fill(t, kCount, random)};
  std::vector<Expr> launches;
  for (const Op op : operators) {
    const DType result = ir::is_predicate(op) ? DType::boolean : t;
    const Expr out = p.param("out", result, {n}, ir::ParamRole::out);
    buffers.push_back(Tensor::zeros(result, {kCount}));
    launches.push_back(launch_over(c, n, lanes, vector, out, [&](Expr at) {
      std::vector<Expr> operands;
      for (int k = 0; k < ir::info(op).min_operands; ++k)
        operands.push_back(ir::load(c, inputs[k], std::vector{at}));
      return c.make(op, c.scalar(result), operands);
    }));
  }
  p.kernel.body = ir::seq(c, launches);
  const int64_t sizes[] = {kCount};
  check(
      p.kernel, buffers, sizes,
      [&](const machine::Machine& row, size_t which, const Tensor& got, const Tensor& want) {
        const Op op = operators[which - 3];
        const double limit = is_elementary(op) && ir::is_float(t) ? (t == DType::f64 ? 64 : 2) : 0;
        for (int64_t i = 0; i < kCount; ++i) {
          const bool real = ir::is_float(got.dtype);
          const double error = real ? distance(got.dtype, got.get_f(i), want.get_f(i))
                                    : (got.get_i(i) == want.get_i(i) ? 0 : 1e30);
          const auto text = [&](const Tensor& v) {
            return real ? std::to_string(v.get_f(i)) : std::to_string(v.get_i(i));
          };
          const auto arg = [&](size_t k) {
            return ir::is_float(t) ? std::to_string(buffers[k].get_f(i))
                                   : std::to_string(buffers[k].get_i(i));
          };
          ASSERT_LE(error, limit) << ir::info(op).name << " on " << ir::info(t).name << " "
                                  << row.name << (vector ? " vector" : " scalar") << "(" << arg(0)
                                  << ", " << arg(1) << ", " << arg(2) << ") = " << text(got)
                                  << " for " << text(want);
        }
      },
      !vector || !runs_on_every_row(t));
}

TEST(Target, every_operator_on_every_type_matches_the_interpreter) {
  for (const DType t : all_types()) {
    // Elementary functions of 8-bit floats, and the sizes of integers, share their code.
    const bool small = ir::is_float(t) && ir::info(t).bits <= 8;
    const bool repeats = t == DType::i16 || t == DType::u16 || t == DType::u2 || t == DType::i2;
    std::vector<Op> operators;
    for (const Op op : ir::all_ops()) {
      if (!ir::is_elementwise(op)) continue;
      if (!is_legal(op, t) || (small && is_elementary(op) && op != Op::exp)) continue;
      if (repeats && op != Op::add && op != Op::div && op != Op::shr && op != Op::max) continue;
      operators.push_back(op);
    }
    check_operators(t, operators, true);
    check_operators(t, operators, false);
    if (HasFatalFailure()) return;
  }
}

void check_casts(DType from, bool vector, bool saturate) {
  constexpr int64_t kLanes = 16;
  constexpr int64_t kCount = 16 * 9 + 5;
  std::mt19937 random(static_cast<unsigned>(from) + 100);
  Program p("casts");
  ir::Context& c = p.c();
  const Expr n = c.var("n");
  p.kernel.sizes = {n};
  const Expr x = p.param("x", from, {n});
  std::vector<Tensor> buffers{fill(from, kCount, random)};
  std::vector<Expr> launches;
  for (const DType to : all_types()) {
    const Expr out = p.param("out", to, {n}, ir::ParamRole::out);
    buffers.push_back(Tensor::zeros(to, {kCount}));
    std::vector<ir::Attr> attrs;
    if (saturate && ir::is_float(to) && ir::info(to).bits == 8)
      attrs.push_back({ir::Key::saturate, int64_t{1}});
    launches.push_back(launch_over(c, n, kLanes, vector, out, [&](Expr at) {
      return c.make(Op::cast, c.scalar(to), {ir::load(c, x, std::vector{at})}, attrs);
    }));
  }
  p.kernel.body = ir::seq(c, launches);
  const int64_t sizes[] = {kCount};
  check(
      p.kernel, buffers, sizes,
      [&](const machine::Machine& row, size_t which, const Tensor& got, const Tensor& want) {
        const DType to = all_types()[which - 1];
        for (int64_t i = 0; i < kCount; ++i) {
          const bool real = ir::is_float(to);
          const double error = real ? distance(to, got.get_f(i), want.get_f(i))
                                    : (got.get_i(i) == want.get_i(i) ? 0 : 1e30);
          ASSERT_EQ(error, 0) << ir::info(from).name << " to " << ir::info(to).name << " "
                              << row.name << (vector ? " vector " : " scalar ") << saturate << ": "
                              << (ir::is_float(from) ? buffers[0].get_f(i)
                                                     : static_cast<double>(buffers[0].get_i(i)))
                              << " gives "
                              << (real ? got.get_f(i) : static_cast<double>(got.get_i(i)))
                              << " for "
                              << (real ? want.get_f(i) : static_cast<double>(want.get_i(i)));
        }
      },
      !vector || !runs_on_every_row(from));
}

TEST(Target, every_cast_matches_the_interpreter) {
  for (const DType from : all_types()) {
    check_casts(from, true, false);
    check_casts(from, false, false);
    if (from == DType::f32 || from == DType::i32) check_casts(from, true, true);
    if (HasFatalFailure()) return;
  }
}

// ---- random programs
// -----------------------------------------------------------------------------------

/// Random statements over rows i < n and columns j < m of a few buffers.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed), p("random") {
    ir::Context& c = p.c();
    n = c.var("n");
    m = c.var("m");
    p.kernel.sizes = {n, m};
    a = p.param("a", DType::f32, {n, m});
    b = p.param("b", DType::f32, {m});
    h = p.param("h", DType::f16, {m, n});
    ints = p.param("ints", DType::i32, {n, m});
    picks = p.param("picks", DType::i64, {m});
    std::vector<Expr> launches;
    for (int k = 0; k < 3; ++k) launches.push_back(launch(k));
    p.kernel.body = ir::seq(c, launches);
  }

  std::mt19937 random_;
  Program p;
  Expr n, m, a, b, h, ints, picks;

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  ir::Context& c() { return p.c(); }
  Expr f(double v) { return c().imm_f(c().scalar(DType::f32), v); }

  /// An f32 value at row i, column j (0 <= j < m).
  Expr value(Expr i, Expr j, int depth) {
    if (depth == 0 || pick(5) == 0) return leaf(i, j);
    ir::Context& x = c();
    const auto sub = [&] { return value(i, j, depth - 1); };
    switch (pick(11)) {
      case 0:
        return ir::binary(x, Op::add, sub(), sub());
      case 1:
        return ir::binary(x, Op::mul, sub(), sub());
      case 2:
        return ir::binary(x, Op::max, sub(), pick(2) == 0 ? f(0) : sub());
      case 3:
        return ir::binary(x, Op::min, sub(), sub());
      case 4:
        return ir::unary(x, Op::tanh, sub());
      case 5:
        return ir::unary(x, Op::neg, sub());
      case 6:
        return ir::select(x, ir::binary(x, Op::lt, sub(), sub()), sub(), sub());
      case 7:
        return ir::cast(
            x, DType::f32,
            ir::cast(x, DType::i32, ir::binary(x, Op::min, ir::unary(x, Op::abs, sub()), f(1000))));
      case 8:
        return ir::binary(x, Op::sub, sub(), sub());
      case 9:
        return ir::cast(x, DType::f32, ir::cast(x, DType::bf16, sub()));
      default:
        return padded(i, j);
    }
  }

  /// Loads that only the condition keeps in range.
  Expr padded(Expr i, Expr j) {
    ir::Context& x = c();
    const Expr shift = x.i64(pick(5) - 2);
    const Expr at = ir::add(x, j, shift);
    const Expr inside = ir::logical_and(x, ir::le(x, x.i64(0), at), ir::lt(x, at, m));
    const Expr row = ir::add(x, i, x.i64(pick(3) - 1));
    const Expr row_inside = ir::logical_and(x, ir::le(x, x.i64(0), row), ir::lt(x, row, n));
    switch (pick(3)) {
      case 0:
        return ir::select(x, inside, ir::load(x, a, std::vector{i, at}), f(1));
      case 1:
        return ir::select(x, row_inside, ir::load(x, a, std::vector{row, j}), f(-1));
      default:
        return ir::select(x, ir::logical_and(x, inside, row_inside),
                          ir::load(x, a, std::vector{row, at}), f(0.5));
    }
  }

  Expr leaf(Expr i, Expr j) {
    ir::Context& x = c();
    const Expr last = ir::add(x, m, x.i64(-1));
    switch (pick(12)) {
      case 0:
        return f(pick(9) - 4);
      case 1:
        return ir::load(x, b, std::vector{j});
      case 2:
        return ir::load(x, a, std::vector{i, ir::sub(x, last, j)});
      case 3:
        return ir::load(x, b, std::vector{ir::floordiv(x, j, x.i64(1 + pick(20)))});
      case 4:
        return ir::load(x, a, std::vector{i, ir::mod(x, ir::mul(x, j, x.i64(2 + pick(2))), m)});
      case 5:
        return ir::cast(x, DType::f32, ir::load(x, h, std::vector{j, i}));
      case 6:
        return ir::cast(x, DType::f32, ir::load(x, ints, std::vector{i, j}));
      case 7:
        return ir::load(x, a, std::vector{i, ir::load(x, picks, std::vector{j})});
      case 8:
        return ir::load(x, a, std::vector{i, x.i64(0)});
      case 9:
        return ir::load(x, b, std::vector{ir::mod(x, ir::add(x, j, i), m)});
      case 10:
        return ir::cast(x, DType::f32, ir::mod(x, j, x.i64(4 << pick(3))));
      default:
        return ir::load(x, a, std::vector{i, j});
    }
  }

  /// A loop over columns, split by random lanes with a guard (or peeled by a cond around serial
  /// code).
  Expr columns(const std::function<Expr(Expr)>& body) {
    ir::Context& x = c();
    const int widths[] = {1, 3, 4, 8, 12, 16, 24, 32, 40, 64, 100};
    const int64_t lanes = widths[pick(11)];
    const Expr o = x.var("o");
    const Expr l = x.var("l");
    const Expr j = ir::add(x, ir::mul(x, o, x.i64(lanes)), l);
    const char* kinds[] = {"vector", "vector", "vector", "serial", "unroll"};
    const Expr guarded = ir::if_then(x, ir::lt(x, j, m), body(j));
    const Expr inner =
        ir::for_loop(x, l, x.i64(lanes), guarded, lanes <= 16 ? kinds[pick(5)] : "vector");
    return ir::for_loop(x, o, ir::ceildiv(x, m, x.i64(lanes)), inner);
  }

  Expr launch(int number) {
    ir::Context& x = c();
    const Expr i = x.var("i");
    Expr body = nullptr;
    switch (pick(6)) {
      case 0:
        body = reduction(i, number);
        break;
      case 1:
        body = through_scratch(i, number);
        break;
      case 2:
        body = column_sums(number);
        return body;
      case 3:
        body = transposed(i, number);
        break;
      default: {
        const Expr out = p.param("out", DType::f32, {n, m}, ir::ParamRole::out);
        body =
            columns([&](Expr j) { return ir::store(x, out, value(i, j, 3), std::vector{i, j}); });
      }
    }
    return ir::for_loop(x, i, n, body, "parallel");
  }

  Expr reduction(Expr i, int number) {
    ir::Context& x = c();
    const Op ops[] = {Op::max, Op::min, Op::add};
    const Op op = ops[pick(3)];
    const Expr out = p.param("out", DType::f32, {n}, ir::ParamRole::out);
    const Expr acc = p.internal("acc" + std::to_string(number), DType::f32, {x.i64(1)},
                                pick(2) == 0 ? ir::Scope::reg : ir::Scope::scratch);
    const std::vector<Expr> zero{x.i64(0)};
    const double inf = std::numeric_limits<double>::infinity();
    const Expr init = ir::store(x, acc, f(op == Op::max ? -inf : (op == Op::min ? inf : 0)), zero);
    const Expr step = columns([&](Expr j) {
      // Sums of small integers are exact in any order.
      const Expr v = op == Op::add ? ir::cast(x, DType::f32, ir::load(x, ints, std::vector{i, j}))
                                   : value(i, j, 2);
      return ir::store(x, acc, ir::binary(x, op, ir::load(x, acc, zero), v), zero);
    });
    const Expr finish = ir::store(x, out, ir::load(x, acc, zero), std::vector{i});
    return ir::seq(x, std::vector{init, step, finish});
  }

  Expr through_scratch(Expr i, int number) {
    ir::Context& x = c();
    const Expr out = p.param("out", DType::f32, {n, m}, ir::ParamRole::out);
    const Expr row =
        p.internal("row" + std::to_string(number), DType::f32, {m}, ir::Scope::scratch);
    const Expr other =
        p.internal("other" + std::to_string(number), DType::f32, {m, x.i64(2)}, ir::Scope::scratch);
    const Expr fill_row = columns([&](Expr j) {
      return ir::seq(x, std::vector{ir::store(x, row, value(i, j, 2), std::vector{j}),
                                    ir::store(x, other, leaf(i, j), std::vector{j, x.i64(0)}),
                                    ir::store(x, other, leaf(i, j), std::vector{j, x.i64(1)})});
    });
    const Expr last = ir::add(x, m, x.i64(-1));
    const Expr use = columns([&](Expr j) {
      const Expr v = ir::binary(x, Op::add, ir::load(x, row, std::vector{ir::sub(x, last, j)}),
                                ir::load(x, other, std::vector{j, x.i64(pick(2))}));
      const Expr t = x.var("t", x.scalar(DType::f32));
      const Expr twice = ir::store(x, out, ir::binary(x, Op::add, t, t), std::vector{i, j});
      const Expr negated = ir::store(x, out, ir::unary(x, Op::neg, t), std::vector{i, j});
      return ir::let(x, t, v, ir::if_then(x, ir::binary(x, Op::lt, t, f(0)), twice, negated));
    });
    return ir::seq(x, std::vector{fill_row, use});
  }

  /// Columns in lanes, rows by a loop inside: out[j] = sum over i.
  Expr column_sums(int number) {
    ir::Context& x = c();
    const Expr out = p.param("out", DType::f32, {m}, ir::ParamRole::out);
    const int64_t lanes = std::vector<int64_t>{8, 16, 32, 20}[static_cast<size_t>(pick(4))];
    const Expr acc =
        p.internal("sum" + std::to_string(number), DType::f32, {x.i64(lanes)}, ir::Scope::reg);
    const Expr o = x.var("o");
    const auto lane_loop = [&](const std::function<Expr(Expr, Expr)>& body) {
      const Expr l = x.var("l");
      return ir::for_loop(x, l, x.i64(lanes), body(l, ir::add(x, ir::mul(x, o, x.i64(lanes)), l)),
                          "vector");
    };
    const Expr init =
        lane_loop([&](Expr l, Expr) { return ir::store(x, acc, f(0), std::vector{l}); });
    const Expr sum = lane_loop([&](Expr l, Expr j) {
      const Expr i = x.var("i");
      const Expr v = ir::cast(x, DType::f32, ir::load(x, ints, std::vector{i, j}));
      const Expr add = ir::store(
          x, acc, ir::binary(x, Op::add, ir::load(x, acc, std::vector{l}), v), std::vector{l});
      return ir::for_loop(x, i, n, ir::if_then(x, ir::lt(x, j, m), add));
    });
    const Expr finish = lane_loop([&](Expr l, Expr j) {
      return ir::if_then(x, ir::lt(x, j, m),
                         ir::store(x, out, ir::load(x, acc, std::vector{l}), std::vector{j}));
    });
    return ir::for_loop(x, o, ir::ceildiv(x, m, x.i64(lanes)),
                        ir::seq(x, std::vector{init, sum, finish}), "parallel");
  }

  Expr transposed(Expr i, int) {
    ir::Context& x = c();
    const DType types[] = {DType::f32, DType::f16, DType::boolean, DType::i8};
    const DType t = types[pick(4)];
    const Expr out = p.param("out", t, {m, n}, ir::ParamRole::out);
    return columns([&](Expr j) {
      const Expr v = ir::binary(x, Op::max, ir::binary(x, Op::min, leaf(i, j), f(100)), f(-100));
      return ir::store(x, out, ir::cast(x, t, v), std::vector{j, i});
    });
  }
};

void run_random_program(unsigned seed) {
  Generator g(seed);
  const int64_t n = 1 + static_cast<int64_t>(g.random_() % 5);
  const int64_t m = 1 + static_cast<int64_t>(g.random_() % 130);
  std::vector<Tensor> buffers;
  for (const ir::KernelParam& param : g.p.kernel.params) {
    std::vector<int64_t> shape;
    for (Expr e : param.buffer->shape())
      shape.push_back(e == g.n ? n : (e == g.m ? m : *ir::as_int(e)));
    Tensor t = Tensor::zeros(param.buffer->dtype(), shape);
    for (int64_t i = 0; i < t.count(); ++i) {
      if (ir::is_float(t.dtype))
        t.set_f(i,
                std::ldexp(static_cast<double>(static_cast<int>(g.random_() % 4001) - 2000), -7));
      else
        t.set_i(i, t.dtype == DType::i64 ? static_cast<int64_t>(g.random_()) % m
                                         : static_cast<int64_t>(g.random_() % 200) - 100);
    }
    buffers.push_back(std::move(t));
  }
  const int64_t sizes[] = {n, m};
  check(g.p.kernel, buffers, sizes,
        [&](const machine::Machine& row, size_t which, const Tensor& got, const Tensor& want) {
          for (int64_t i = 0; i < got.count(); ++i) {
            const bool real = ir::is_float(got.dtype);
            const double x = real ? got.get_f(i) : static_cast<double>(got.get_i(i));
            const double y = real ? want.get_f(i) : static_cast<double>(want.get_i(i));
            // tanh may be off by its 2 ulp, which what follows may enlarge; conversions to integers
            // jump.
            const bool close = std::fabs(x - y) <= 1e-3 * std::max(1.0, std::fabs(y)) ||
                               (std::isnan(x) && std::isnan(y));
            ASSERT_TRUE(close) << "seed " << seed << " " << row.name << " result " << which
                               << " at " << i << ": " << x << " for " << y << " n=" << n
                               << " m=" << m << "\n"
                               << ir::print(g.p.kernel);
          }
        });
}

TEST(Target, random_programs_match_the_interpreter) {
  const char* first = std::getenv("TENON_TEST_SEED");
  const unsigned start = first == nullptr ? 1 : static_cast<unsigned>(std::atoi(first));
  const char* count = std::getenv("TENON_FUZZ_COUNT");
  const unsigned end = start + (count == nullptr ? 24U : static_cast<unsigned>(std::atoi(count)));
  for (unsigned seed = start; seed < end; ++seed) {
    run_random_program(seed);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace tenon
