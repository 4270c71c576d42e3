// Operators whose number of results depends on data: nonzero, nms, unique. nms and unique give
// padded results beside a count.
//
// nonzero  C1 the type i64[rank, n] is proposed
// nms      C1 boxes f32[b, n, 4], scores f32[b, c, n]  C2 scores and boxes agree
//          C3 max_output i64 and the thresholds f32, all of rank 0
//          C4 the type (i64[max, 3], i64[]) is proposed
// unique   C1 axis is -1 or in range
#include <algorithm>
#include <array>
#include <cmath>

#include "ops/opaque/code.h"
#include "ops/opaque/opaque.h"
#include "ops/opaque/order.h"
#include "ops/rule.h"
#include "ops/tensor.h"

namespace tenon::ops::opaque {

using ir::DType;
using ir::Key;
using ir::Op;
using Ints = std::vector<int64_t>;

// ---- nonzero

Result<Type> nonzero_type(const TypeArgs& args) {
  const Rule rule(args);
  const Type wanted = args.wanted;
  if (wanted == nullptr || !wanted->is_tensor() || wanted->dtype != DType::i64 ||
      wanted->rank() != 2 || !ir::is_int(wanted->shape[0], rule.rank(0)))
    return rule.refuse(1, "a type i64[" + std::to_string(rule.rank(0)) +
                              ", n] must be proposed for " + show(rule.operand(0)->type));
  return wanted;
}

Result<std::vector<Tensor>> nonzero_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const Ints none(x.shape.size(), 0);
  std::vector<Ints> found;
  int64_t i = 0;
  for (Odometer at(x.shape, none); !at.done(); at.next(), ++i) {
    const bool zero = ir::is_float(x.dtype) ? x.get_f(i) == 0 : x.get_i(i) == 0;
    if (!zero) found.push_back(at.index());
  }
  const auto n = static_cast<int64_t>(found.size());
  // The extent is negative where nothing has announced it.
  if (args.shape[1] >= 0 && args.shape[1] != n)
    return fail("nonzero.count", "nonzero: " + std::to_string(n) + " elements where " +
                                     std::to_string(args.shape[1]) + " were announced");
  Tensor out = Tensor::zeros(DType::i64, {static_cast<int64_t>(x.shape.size()), n});
  for (size_t d = 0; d < x.shape.size(); ++d)
    for (size_t k = 0; k < found.size(); ++k)
      out.set_i(static_cast<int64_t>(d) * n + static_cast<int64_t>(k), found[k][d]);
  std::vector<Tensor> results;
  results.push_back(std::move(out));
  return results;
}

Expr nonzero_lower(const OpaqueArgs& args) {
  Code code(args);
  Context& c = code.c;
  const Expr x = args.ins[0];
  const Expr out = args.outs[0];
  code.block("nonzero", {}, [&](const Exprs&) {
    const Code::Cell count = code.cell("count", c.i64(0));
    code.loops("i", x->shape(), [&](const Exprs& at) {
      const Expr value = code.load(x, at);
      const Expr set = value->dtype() == DType::boolean
                           ? value
                           : code.op(Op::ne, value, code.number(value->dtype(), 0));
      code.when(set, [&] {
        const Expr place = code.let("place", count.get());
        for (size_t d = 0; d < at.size(); ++d)
          code.store(out, at[d], {c.i64(static_cast<int64_t>(d)), place});
        count.set(code.next(place));
      });
    });
  });
  return code.finish();
}

// ---- nms

Result<Type> nms_type(const TypeArgs& args) {
  const Rule rule(args);
  const Type boxes = rule.operand(0)->type;
  const Type scores = rule.operand(1)->type;
  if (boxes->dtype != DType::f32 || boxes->rank() != 3 || !ir::is_int(boxes->shape[2], 4) ||
      scores->dtype != DType::f32 || scores->rank() != 3)
    return rule.refuse(1, "boxes and scores are " + show(boxes) + " and " + show(scores) +
                              ", not f32[b, n, 4] and f32[b, c, n]");
  if (!rule.unify(boxes->shape[0], scores->shape[0]) ||
      !rule.unify(boxes->shape[1], scores->shape[2]))
    return rule.refuse(2, "scores " + show(scores) + " do not fit boxes " + show(boxes));
  const Type real = args.c.scalar(DType::f32);
  if (rule.operand(2)->type != args.c.index() || rule.operand(3)->type != real ||
      rule.operand(4)->type != real)
    return rule.refuse(3, "max_output must be i64[], the thresholds f32[]");
  const Type wanted = args.wanted;
  if (wanted == nullptr || wanted->kind != ir::TypeKind::tuple || wanted->fields.size() != 2 ||
      wanted->fields[0]->rank() != 2 || wanted->fields[0]->dtype != DType::i64 ||
      !ir::is_int(wanted->fields[0]->shape[1], 3) || wanted->fields[1] != args.c.index())
    return rule.refuse(4, "a type (i64[max, 3], i64[]) must be proposed");
  return wanted;
}

namespace {

struct Box {
  double low_y, low_x, high_y, high_x;
};
Box box_of(const Tensor& boxes, int64_t at, bool center) {
  const double a = boxes.get_f(at * 4);
  const double b = boxes.get_f(at * 4 + 1);
  const double p = boxes.get_f(at * 4 + 2);
  const double q = boxes.get_f(at * 4 + 3);
  // Centre form is x, y, width, height; corner form is y, x, y, x of any two opposite corners.
  if (center) return {b - q / 2, a - p / 2, b + q / 2, a + p / 2};
  return {std::min(a, p), std::min(b, q), std::max(a, p), std::max(b, q)};
}
bool overlaps(const Box& a, const Box& b, double threshold) {
  const double height = std::min(a.high_y, b.high_y) - std::max(a.low_y, b.low_y);
  const double width = std::min(a.high_x, b.high_x) - std::max(a.low_x, b.low_x);
  if (!(height > 0) || !(width > 0)) return false;
  const double area_a = (a.high_y - a.low_y) * (a.high_x - a.low_x);
  const double area_b = (b.high_y - b.low_y) * (b.high_x - b.low_x);
  if (!(area_a > 0) || !(area_b > 0)) return false;
  return height * width / (area_a + area_b - height * width) > threshold;
}

}  // namespace

Result<std::vector<Tensor>> nms_eval(const EvalArgs& args) {
  const Tensor& boxes = *args.operands[0];
  const Tensor& scores = *args.operands[1];
  const int64_t limit = args.operands[2]->get_i(0);
  const double iou = args.operands[3]->get_f(0);
  const double least = args.operands[4]->get_f(0);
  const bool center = args.node->int_attr_or(Key::center_point_box, 0) != 0;
  const int64_t n = boxes.shape[1];
  const int64_t most = args.shape[0];
  Tensor out = Tensor::zeros(DType::i64, {most, 3});
  for (int64_t i = 0; i < most * 3; ++i) out.set_i(i, -1);
  int64_t count = 0;
  for (int64_t plane = 0; plane < scores.shape[0] * scores.shape[1]; ++plane) {
    const int64_t batch = plane / scores.shape[1];
    Ints order;
    for (int64_t i = 0; i < n; ++i)
      if (scores.get_f(plane * n + i) > least) order.push_back(i);
    stable_order(order, [&](int64_t a, int64_t b) {
      return scores.get_f(plane * n + a) > scores.get_f(plane * n + b);
    });
    std::vector<Box> kept;
    for (int64_t i : order) {
      if (static_cast<int64_t>(kept.size()) >= limit || count >= most) break;
      const Box box = box_of(boxes, batch * n + i, center);
      if (std::any_of(kept.begin(), kept.end(),
                      [&](const Box& k) { return overlaps(box, k, iou); }))
        continue;
      kept.push_back(box);
      out.set_i(count * 3, batch);
      out.set_i(count * 3 + 1, plane % scores.shape[1]);
      out.set_i(count * 3 + 2, i);
      ++count;
    }
  }
  Tensor total = Tensor::zeros(DType::i64, {});
  total.set_i(0, count);
  std::vector<Tensor> results;
  results.push_back(std::move(out));
  results.push_back(std::move(total));
  return results;
}

namespace {

struct BoxExpr {
  Expr low_y, low_x, high_y, high_x;
};
BoxExpr box_of(Code& code, Expr boxes, Expr batch, Expr i, bool center) {
  Exprs v;
  for (int64_t k = 0; k < 4; ++k)
    v.push_back(code.let("b", code.load(boxes, {batch, i, code.i64(k)})));
  const auto half = [&](Expr e) { return code.op(Op::mul, e, code.number(DType::f32, 0.5)); };
  if (center)
    return {code.op(Op::sub, v[1], half(v[3])), code.op(Op::sub, v[0], half(v[2])),
            code.op(Op::add, v[1], half(v[3])), code.op(Op::add, v[0], half(v[2]))};
  return {code.op(Op::min, v[0], v[2]), code.op(Op::min, v[1], v[3]), code.op(Op::max, v[0], v[2]),
          code.op(Op::max, v[1], v[3])};
}
Expr overlaps(Code& code, const BoxExpr& a, const BoxExpr& b, Expr threshold) {
  const Expr zero = code.number(DType::f32, 0);
  const auto positive = [&](Expr e) { return code.op(Op::gt, e, zero); };
  const auto area = [&](const BoxExpr& box) {
    return code.op(Op::mul, code.op(Op::sub, box.high_y, box.low_y),
                   code.op(Op::sub, box.high_x, box.low_x));
  };
  const auto overlap = [&](Expr high_a, Expr high_b, Expr low_a, Expr low_b) {
    return code.op(Op::sub, code.op(Op::min, high_a, high_b), code.op(Op::max, low_a, low_b));
  };
  const Expr height = code.let("height", overlap(a.high_y, b.high_y, a.low_y, b.low_y));
  const Expr width = code.let("width", overlap(a.high_x, b.high_x, a.low_x, b.low_x));
  const Expr area_a = code.let("area_a", area(a));
  const Expr area_b = code.let("area_b", area(b));
  const Expr common = code.let("common", code.op(Op::mul, height, width));
  const Expr whole = code.op(Op::sub, code.op(Op::add, area_a, area_b), common);
  const Expr enough = code.op(Op::gt, code.op(Op::div, common, whole), threshold);
  return code.both(code.both(positive(height), positive(width)),
                   code.both(code.both(positive(area_a), positive(area_b)), enough));
}

}  // namespace

Expr nms_lower(const OpaqueArgs& args) {
  Code code(args);
  Context& c = code.c;
  const Expr boxes = args.ins[0];
  const Expr scores = args.ins[1];
  const Expr rows = args.outs[0];
  const bool center = args.node->int_attr_or(Key::center_point_box, 0) != 0;
  const Expr n = boxes->shape()[1];
  const Expr most = rows->shape()[0];
  const Expr candidates = code.temp("candidates", DType::i64, {n}, ir::Scope::global);
  code.block("nms", {}, [&](const Exprs&) {
    code.loops("r", rows->shape(), [&](const Exprs& at) { code.store(rows, c.i64(-1), at); });
    const Expr limit = code.let("limit", code.load(args.ins[2], {}));
    const Expr iou = code.let("iou", code.load(args.ins[3], {}));
    const Expr least = code.let("least", code.load(args.ins[4], {}));
    const Code::Cell count = code.cell("count", c.i64(0));
    const Code::Cell left = code.cell("left", DType::i64);    // candidates that are still in
    const Code::Cell taken = code.cell("taken", DType::i64);  // of this class
    const Code::Cell best = code.cell("best", DType::i64);
    const Code::Cell score = code.cell("score", DType::f32);
    code.loops("p", {scores->shape()[0], scores->shape()[1]}, [&](const Exprs& p) {
      left.set(c.i64(0));
      taken.set(c.i64(0));
      const auto score_of = [&](Expr i) { return code.load(scores, {p[0], p[1], i}); };
      code.loop("i", n, [&](Expr i) {
        code.when(code.op(Op::gt, score_of(i), least), [&] {
          const Expr at = code.let("at", left.get());
          code.store(candidates, i, {at});
          left.set(code.next(at));
        });
      });
      const Expr more =
          code.both(ir::lt(c, c.i64(0), left.get()),
                    code.both(ir::lt(c, taken.get(), limit), ir::lt(c, count.get(), most)));
      code.repeat_while(more, [&] {
        best.set(code.load(candidates, {c.i64(0)}));
        score.set(score_of(best.get()));
        const Expr size = code.let("size", left.get());
        code.loop("k", size, [&](Expr k) {
          const Expr i = code.let("i", code.load(candidates, {k}));
          code.when(code.op(Op::gt, score_of(i), score.get()), [&] {
            best.set(i);
            score.set(score_of(i));
          });
        });
        const Expr chosen = code.let("chosen", best.get());
        const Expr row = code.let("row", count.get());
        code.store(rows, p[0], {row, c.i64(0)});
        code.store(rows, p[1], {row, c.i64(1)});
        code.store(rows, chosen, {row, c.i64(2)});
        count.set(code.next(row));
        taken.set(code.next(taken.get()));
        // What overlaps the chosen box, and the box itself, leaves the list; order is kept.
        const BoxExpr box = box_of(code, boxes, p[0], chosen, center);
        left.set(c.i64(0));
        code.loop("k", size, [&](Expr k) {
          const Expr i = code.let("i", code.load(candidates, {k}));
          const Expr out = overlaps(code, box_of(code, boxes, p[0], i, center), box, iou);
          code.when(code.negate(code.either(ir::eq(c, i, chosen), out)), [&] {
            const Expr at = code.let("at", left.get());
            code.store(candidates, i, {at});
            left.set(code.next(at));
          });
        });
      });
    });
    code.store(args.outs[1], count.get(), {});
  });
  return code.finish();
}

// ---- unique

Result<Type> unique_type(const TypeArgs& args) {
  const Rule rule(args);
  const auto* axis = rule.attr<int64_t>(Key::axis);
  if (axis == nullptr) return rule.missing(Key::axis);
  if (*axis != -1) TENON_TRY_VOID(rule.check_axis(1, *axis, rule.rank(0)));
  const Type x = rule.operand(0)->type;
  Context& c = args.c;
  const Expr n = *axis == -1 ? ir::product(c, x->shape) : x->shape[static_cast<size_t>(*axis)];
  const Type line = c.tensor(DType::i64, std::span(&n, 1));
  const Type values = *axis == -1 ? c.tensor(x->dtype, std::span(&n, 1)) : x;
  const Type fields[] = {values, line, line, line, c.index()};
  return c.tuple(fields);
}

namespace {

/// The groups of equal rows: for each row its group, and for each group its first row and size.
struct Groups {
  Ints of_row, first, size;
};

template <class T, class Less>
Groups group_rows(const std::vector<T>& x, const Ints& shape, int64_t axis, bool sorted,
                  Less less) {
  const auto at = static_cast<size_t>(axis);
  const int64_t n = shape[at];
  const int64_t inner = product(std::span(shape).subspan(at + 1));
  const int64_t outer = product(std::span(shape).first(at));
  const auto row_before = [&](int64_t a, int64_t b) {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) {
        const T& u = x[static_cast<size_t>((o * n + a) * inner + i)];
        const T& v = x[static_cast<size_t>((o * n + b) * inner + i)];
        if (less(u, v)) return true;
        if (less(v, u)) return false;
      }
    return false;
  };
  Ints order;
  for (int64_t i = 0; i < n; ++i) order.push_back(i);
  stable_order(order, row_before);
  Groups groups;
  groups.of_row.assign(static_cast<size_t>(n), 0);
  for (size_t k = 0; k < order.size(); ++k) {
    if (k == 0 || row_before(order[k - 1], order[k])) {
      groups.first.push_back(order[k]);
      groups.size.push_back(0);
    }
    ++groups.size.back();
    groups.of_row[static_cast<size_t>(order[k])] = static_cast<int64_t>(groups.first.size()) - 1;
  }
  if (sorted) return groups;
  // In order of first appearance: groups renumbered by their first rows.
  Ints by_first(groups.first.size());
  for (size_t g = 0; g < by_first.size(); ++g) by_first[g] = static_cast<int64_t>(g);
  std::sort(by_first.begin(), by_first.end(), [&](int64_t a, int64_t b) {
    return groups.first[static_cast<size_t>(a)] < groups.first[static_cast<size_t>(b)];
  });
  Groups renamed = groups;
  Ints rank(by_first.size());
  for (size_t k = 0; k < by_first.size(); ++k) {
    const auto g = static_cast<size_t>(by_first[k]);
    rank[g] = static_cast<int64_t>(k);
    renamed.first[k] = groups.first[g];
    renamed.size[k] = groups.size[g];
  }
  for (int64_t& g : renamed.of_row) g = rank[static_cast<size_t>(g)];
  return renamed;
}

}  // namespace

Result<std::vector<Tensor>> unique_eval(const EvalArgs& args) {
  const Tensor& x = *args.operands[0];
  const int64_t given = args.node->int_attr(Key::axis);
  const bool sorted = args.node->int_attr_or(Key::sorted, 1) != 0;
  const Ints shape = given == -1 ? Ints{x.count()} : x.shape;
  const int64_t axis = given == -1 ? 0 : given;
  const auto at = static_cast<size_t>(axis);
  const int64_t n = shape[at];
  const int64_t flip = x.dtype == DType::u64 ? INT64_MIN : 0;
  const Groups groups =
      ir::is_float(x.dtype)
          ? group_rows(
                all_f(x), shape, axis, sorted,
                [](double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); })
          : group_rows(all_i(x), shape, axis, sorted,
                       [&](int64_t a, int64_t b) { return (a ^ flip) < (b ^ flip); });
  Tensor values = Tensor::zeros(x.dtype, shape);
  Tensor first = Tensor::zeros(DType::i64, {n});
  Tensor inverse = first;
  Tensor counts = first;
  Tensor total = Tensor::zeros(DType::i64, {});
  const auto bytes = static_cast<int64_t>(ir::info(x.dtype).element_bytes);
  const int64_t inner = product(std::span(shape).subspan(at + 1));
  const int64_t outer = product(std::span(shape).first(at));
  for (size_t g = 0; g < groups.first.size(); ++g) {
    const auto row = static_cast<int64_t>(g);
    first.set_i(row, groups.first[g]);
    counts.set_i(row, groups.size[g]);
    for (int64_t o = 0; o < outer; ++o)
      std::copy_n(x.bytes.begin() + (o * n + groups.first[g]) * inner * bytes, inner * bytes,
                  values.bytes.begin() + (o * n + row) * inner * bytes);
  }
  for (int64_t i = 0; i < n; ++i) inverse.set_i(i, groups.of_row[static_cast<size_t>(i)]);
  total.set_i(0, static_cast<int64_t>(groups.first.size()));
  std::vector<Tensor> results;
  for (Tensor* t : {&values, &first, &inverse, &counts, &total}) results.push_back(std::move(*t));
  return results;
}

namespace {

/// Emits the comparison of rows a and b; a cell that is -1, 0 or 1 holds the outcome.
void compare_rows(Code& code, const Code::Cell& outcome, Expr x, int64_t axis, Expr a, Expr b) {
  Context& c = code.c;
  outcome.set(c.i64(0));
  const auto step = [&](Expr u, Expr v) {
    code.when(ir::eq(c, outcome.get(), c.i64(0)), [&] {
      const Expr less = code.before(u, v, false);
      const Expr greater = code.before(v, u, false);
      outcome.set(ir::select(c, less, c.i64(-1), ir::select(c, greater, c.i64(1), c.i64(0))));
    });
  };
  if (axis == -1) {
    step(code.load(x, code.unravel(a, x->shape())), code.load(x, code.unravel(b, x->shape())));
    return;
  }
  code.loops("j", without_axis(x->shape(), axis), [&](const Exprs& at) {
    step(code.load(x, with_axis(at, axis, a)), code.load(x, with_axis(at, axis, b)));
  });
}

}  // namespace

Expr unique_lower(const OpaqueArgs& args) {
  Code code(args);
  Context& c = code.c;
  const Expr x = args.ins[0];
  const int64_t axis = args.node->int_attr(Key::axis);
  const bool sorted = args.node->int_attr_or(Key::sorted, 1) != 0;
  const auto [values, first, inverse, counts, total] =
      std::array{args.outs[0], args.outs[1], args.outs[2], args.outs[3], args.outs[4]};
  const Expr n = inverse->shape()[0];
  const Expr order = code.temp("order", DType::i64, {c.i64(2), n}, ir::Scope::global);
  const Expr leader = code.temp("leader", DType::i64, {n}, ir::Scope::global);  // first equal row
  const Expr group = code.temp("group", DType::i64, {n}, ir::Scope::global);    // of a leader
  code.block("unique", {}, [&](const Exprs&) {
    const Code::Cell outcome = code.cell("outcome", DType::i64);
    const Code::Cell count = code.cell("count", c.i64(0));
    const Code::Cell current = code.cell("current", c.i64(0));
    code.loops("z", values->shape(),
               [&](const Exprs& at) { code.store(values, code.number(values->dtype(), 0), at); });
    code.loop("z", n, [&](Expr i) {
      code.store(first, c.i64(0), {i});
      code.store(counts, c.i64(0), {i});
    });
    const Expr row = merge_sort(code, order, n, [&](Expr a, Expr b) {
      compare_rows(code, outcome, x, axis, a, b);
      return ir::lt(c, outcome.get(), c.i64(0));
    });
    const auto open_group = [&](Expr i) {
      const Expr g = code.let("g", count.get());
      code.store(group, g, {i});
      code.store(first, i, {g});
      count.set(code.next(g));
    };
    // Equal rows are neighbours now, the first of them in front.
    code.loop("k", n, [&](Expr k) {
      const Expr i = code.let("i", code.load(order, {row, k}));
      code.when(
          ir::eq(c, k, c.i64(0)), [&] { outcome.set(c.i64(1)); },
          [&] { compare_rows(code, outcome, x, axis, i, current.get()); });
      code.when(code.negate(ir::eq(c, outcome.get(), c.i64(0))), [&] {
        current.set(i);
        if (sorted) open_group(i);
      });
      code.store(leader, current.get(), {i});
    });
    code.loop("i", n, [&](Expr i) {
      const Expr lead = code.let("lead", code.load(leader, {i}));
      if (!sorted) code.when(ir::eq(c, lead, i), [&] { open_group(i); });
      const Expr g = code.let("g", code.load(group, {lead}));
      code.store(inverse, g, {i});
      code.store(counts, code.next(code.load(counts, {g})), {g});
    });
    const Expr found = code.let("found", count.get());
    code.loop("g", found, [&](Expr g) {
      const Expr i = code.let("i", code.load(first, {g}));
      if (axis == -1) {
        code.store(values, code.load(x, code.unravel(i, x->shape())), {g});
        return;
      }
      code.loops("j", without_axis(x->shape(), axis), [&](const Exprs& at) {
        code.store(values, code.load(x, with_axis(at, axis, i)), with_axis(at, axis, g));
      });
    });
    code.store(total, found, {});
  });
  return code.finish();
}

}  // namespace tenon::ops::opaque
