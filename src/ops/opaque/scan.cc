// sort and cumulative: along one axis, independent over the others.
//
// sort        C1 axis in range
// cumulative  C1 axis in range  C2 kind is sum, prod, max or min  C3 x is numeric
#include <algorithm>
#include <cmath>

#include "ir/combiner.h"
#include "ops/opaque/code.h"
#include "ops/opaque/opaque.h"
#include "ops/opaque/order.h"
#include "ops/reduction/reduction.h"
#include "ops/rule.h"
#include "ops/scalar.h"
#include "ops/tensor.h"

namespace tenon::ops::opaque {

using ir::DType;
using ir::Key;
using ir::Op;
using Ints = std::vector<int64_t>;

// ---- sort

Result<Type> sort_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  const Type x = rule.operand(0)->type;
  const Type both[] = {x, args.c.tensor(DType::i64, x->shape)};
  return args.c.tuple(both);
}

namespace {

/// Calls visit(first, step, n) for the first position of each line along axis.
template <class F>
void each_line(const Ints& shape, int64_t axis, F visit) {
  const auto at = static_cast<size_t>(axis);
  const int64_t n = shape[at];
  const int64_t inner = product(std::span(shape).subspan(at + 1));
  const int64_t outer = product(std::span(shape).first(at));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) visit(o * n * inner + i, inner, n);
}

template <class T, class Less>
void sort_lines(const Tensor& x, const std::vector<T>& values, int64_t axis, Less less, Tensor& out,
                Tensor& indices) {
  each_line(x.shape, axis, [&](int64_t first, int64_t step, int64_t n) {
    Ints order;
    for (int64_t k = 0; k < n; ++k) order.push_back(k);
    stable_order(order, [&](int64_t a, int64_t b) {
      return less(values[static_cast<size_t>(first + a * step)],
                  values[static_cast<size_t>(first + b * step)]);
    });
    for (int64_t k = 0; k < n; ++k) {
      const int64_t from = first + order[static_cast<size_t>(k)] * step;
      const auto bytes = static_cast<int64_t>(ir::info(x.dtype).element_bytes);
      std::copy_n(x.bytes.begin() + from * bytes, bytes,
                  out.bytes.begin() + (first + k * step) * bytes);
      indices.set_i(first + k * step, order[static_cast<size_t>(k)]);
    }
  });
}

}  // namespace

Result<std::vector<Tensor>> sort_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const int64_t axis = args.node->int_attr(Key::axis);
  const bool descending = args.node->int_attr_or(Key::descending, 0) != 0;
  Tensor out = Tensor::zeros(x.dtype, x.shape);
  Tensor indices = Tensor::zeros(DType::i64, x.shape);
  if (ir::is_float(x.dtype)) {
    const auto less = [](double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); };
    if (descending) {
      sort_lines(x, all_f(x), axis, [&](double a, double b) { return less(b, a); }, out, indices);
    } else {
      sort_lines(x, all_f(x), axis, less, out, indices);
    }
  } else {
    // Unsigned 64-bit values come as their bits.
    const int64_t flip = x.dtype == DType::u64 ? INT64_MIN : 0;
    sort_lines(
        x, all_i(x), axis,
        [&](int64_t a, int64_t b) {
          return descending ? (a ^ flip) > (b ^ flip) : (a ^ flip) < (b ^ flip);
        },
        out, indices);
  }
  std::vector<Tensor> results;
  results.push_back(std::move(out));
  results.push_back(std::move(indices));
  return results;
}

Expr sort_lower(const OpaqueArgs& args) {
  Code code(args);
  const Expr x = args.ins[0];
  const int64_t axis = args.node->int_attr(Key::axis);
  const bool descending = args.node->int_attr_or(Key::descending, 0) != 0;
  const Expr n = x->shape()[static_cast<size_t>(axis)];
  const Expr order = code.temp("order", DType::i64, {code.i64(2), n}, ir::Scope::scratch);
  code.block("sort", without_axis(x->shape(), axis), [&](const Exprs& at) {
    const Expr row = merge_sort(code, order, n, [&](Expr a, Expr b) {
      return code.before(code.load(x, with_axis(at, axis, a)), code.load(x, with_axis(at, axis, b)),
                         descending);
    });
    code.loop("k", n, [&](Expr k) {
      const Expr from = code.let("from", code.load(order, {row, k}));
      code.store(args.outs[0], code.load(x, with_axis(at, axis, from)), with_axis(at, axis, k));
      code.store(args.outs[1], from, with_axis(at, axis, k));
    });
  });
  return code.finish();
}

// ---- cumulative

namespace {
bool is_scan_kind(std::string_view kind) {
  return kind == "sum" || kind == "prod" || kind == "max" || kind == "min";
}
}  // namespace

Result<Type> cumulative_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  const auto* kind = rule.attr<std::string>(Key::kind);
  if (axis == nullptr) return rule.missing(Key::axis);
  if (kind == nullptr) return rule.missing(Key::kind);
  TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  if (!is_scan_kind(*kind)) return rule.refuse(2, "there is no scan '" + *kind + "'");
  if (rule.operand(0)->dtype() == DType::boolean)
    return rule.refuse(3, "not defined for " + show(rule.operand(0)->type));
  return rule.operand(0)->type;
}

Result<std::vector<Tensor>> cumulative_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const std::string& kind = args.node->string_attr(Key::kind);
  const bool exclusive = args.node->int_attr_or(Key::exclusive, 0) != 0;
  const bool reverse = args.node->int_attr_or(Key::reverse, 0) != 0;
  const bool real = ir::is_float(x.dtype);
  const DType work = real ? DType::f64 : x.dtype;
  Tensor out = Tensor::zeros(x.dtype, x.shape);
  each_line(x.shape, args.node->int_attr(Key::axis), [&](int64_t first, int64_t step, int64_t n) {
    Scalar sum{};
    if (real) {
      sum.f = ir::identity_f(kind);
    } else {
      sum.i = ir::identity_i(kind, x.dtype);
    }
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = first + (reverse ? n - 1 - k : k) * step;
      Scalar value{};
      if (real) {
        value.f = x.get_f(at);
      } else {
        value.i = x.get_i(at);
      }
      const Scalar next = combine(kind, work, sum, value);
      const Scalar shown = exclusive ? sum : next;
      if (real) {
        out.set_f(at, shown.f);
      } else {
        out.set_i(at, shown.i);
      }
      sum = next;
    }
  });
  std::vector<Tensor> results;
  results.push_back(std::move(out));
  return results;
}

Expr cumulative_lower(const OpaqueArgs& args) {
  Code code(args);
  Context& c = code.c;
  const Expr x = args.ins[0];
  const Expr out = args.outs[0];
  const std::string& kind = args.node->string_attr(Key::kind);
  const int64_t axis = args.node->int_attr(Key::axis);
  const bool exclusive = args.node->int_attr_or(Key::exclusive, 0) != 0;
  const bool reverse = args.node->int_attr_or(Key::reverse, 0) != 0;
  const Expr n = x->shape()[static_cast<size_t>(axis)];
  const DType work = accumulator(x->dtype());
  const Op step = ir::combiner(kind);
  code.block("cumulative", without_axis(x->shape(), axis), [&](const Exprs& at) {
    const Code::Cell sum = code.cell("running", ir::identity(c, kind, work));
    code.loop("k", n, [&](Expr k) {
      const Expr place = reverse ? code.sub(code.sub(n, c.i64(1)), k) : k;
      const Exprs here = with_axis(at, axis, place);
      const Expr before = code.let("before", sum.get());
      const Expr after =
          code.let("after", code.op(step, before, ir::cast(c, work, code.load(x, here))));
      code.store(out, ir::cast(c, x->dtype(), exclusive ? before : after), here);
      sum.set(after);
    });
  });
  return code.finish();
}

}  // namespace tenon::ops::opaque
