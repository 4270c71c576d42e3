// Type rules of dot and conv.
#include <algorithm>

#include "ops/contraction/contraction.h"
#include "ops/rule.h"

namespace tenon::ops {
namespace {

using ir::DType;
using ir::Key;
using Ints = std::vector<int64_t>;

/// The element type of the result.
Result<DType> check_types(const Rule& rule) {
  const Type a = rule.operand(0)->type;
  const Type b = rule.operand(1)->type;
  if (const auto* wide = rule.attr<std::string>(Key::accumulate)) {
    const auto type = ir::parse_dtype(*wide);
    if (!type || !accumulates(a->dtype, b->dtype, *type))
      return rule.refuse(1, "products of " + show(a) + " and " + show(b) +
                                " do not accumulate in '" + *wide + "'");
    return *type;
  }
  if (a->dtype != b->dtype || a->dtype == DType::boolean)
    return rule.refuse(1, show(a) + " and " + show(b) + " are not of one numeric element type");
  return a->dtype;
}

Status check_product(const Rule& rule, int constraint) {
  const auto* product = rule.attr<std::string>(Key::product);
  if (product == nullptr || *product == "f32") return {};
  if (*product != "bf16x6" && *product != "bf16")
    return rule.refuse(constraint, "there is no product '" + *product + "'");
  if (rule.operand(0)->dtype() != DType::f32)
    return rule.refuse(constraint, "product '" + *product + "' needs f32 operands, not " +
                                       show(rule.operand(0)->type));
  return {};
}

/// Pairs axes of a with axes of b; the shared extents.
Result<std::vector<Expr>> pair_axes(const Rule& rule, int constraint, const Ints& a,
                                    const Ints& b) {
  if (a.size() != b.size())
    return rule.refuse(constraint, "axes " + show(a) + " and " + show(b) + " do not pair up");
  std::vector<Expr> extents;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto both = rule.unify(rule.shape(0)[static_cast<size_t>(a[i])],
                                 rule.shape(1)[static_cast<size_t>(b[i])]);
    if (!both)
      return rule.refuse(constraint, "axis " + std::to_string(a[i]) + " of " +
                                         show(rule.operand(0)->type) + " and axis " +
                                         std::to_string(b[i]) + " of " +
                                         show(rule.operand(1)->type) + " differ in extent");
    extents.push_back(*both);
  }
  return extents;
}

Ints free_axes(int rank, const Ints& batch, const Ints& contract) {
  Ints rest;
  for (int64_t i = 0; i < rank; ++i)
    if (std::find(batch.begin(), batch.end(), i) == batch.end() &&
        std::find(contract.begin(), contract.end(), i) == contract.end())
      rest.push_back(i);
  return rest;
}

Ints joined(const Ints& a, const Ints& b) {
  Ints all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

}  // namespace

bool accumulates(DType a, DType b, DType wide) {
  struct Triple {
    DType a, b, wide;
  };
  static constexpr Triple kTable[] = {
      {DType::bf16, DType::bf16, DType::f32}, {DType::f16, DType::f16, DType::f32},
      {DType::u8, DType::i8, DType::i32},     {DType::i8, DType::u8, DType::i32},
      {DType::u8, DType::u8, DType::i32},     {DType::i8, DType::i8, DType::i32},
  };
  return std::ranges::any_of(
      kTable, [&](const Triple& t) { return t.a == a && t.b == b && t.wide == wide; });
}

Ints dot_free_axes(Expr dot, int which) {
  return which == 0 ? free_axes(dot->operand(0)->rank(), dot->ints_attr(Key::batch_a),
                                dot->ints_attr(Key::contract_a))
                    : free_axes(dot->operand(1)->rank(), dot->ints_attr(Key::batch_b),
                                dot->ints_attr(Key::contract_b));
}

Result<Type> dot_type(const TypeArgs& args) {
  const Rule rule(args);
  for (Key key : {Key::batch_a, Key::batch_b, Key::contract_a, Key::contract_b})
    if (rule.ints(key) == nullptr) return rule.missing(key);
  const Ints& batch_a = *rule.ints(Key::batch_a);
  const Ints& batch_b = *rule.ints(Key::batch_b);
  const Ints& contract_a = *rule.ints(Key::contract_a);
  const Ints& contract_b = *rule.ints(Key::contract_b);
  TENON_TRY(const DType type, check_types(rule));
  TENON_TRY_VOID(rule.check_axes(2, joined(batch_a, contract_a), rule.rank(0)));
  TENON_TRY_VOID(rule.check_axes(2, joined(batch_b, contract_b), rule.rank(1)));
  TENON_TRY(std::vector<Expr> shape, pair_axes(rule, 3, batch_a, batch_b));
  TENON_TRY_VOID(pair_axes(rule, 4, contract_a, contract_b).map([](const auto&) {}));
  TENON_TRY_VOID(check_product(rule, 5));
  for (int64_t i : free_axes(rule.rank(0), batch_a, contract_a))
    shape.push_back(rule.shape(0)[static_cast<size_t>(i)]);
  for (int64_t i : free_axes(rule.rank(1), batch_b, contract_b))
    shape.push_back(rule.shape(1)[static_cast<size_t>(i)]);
  return args.c.tensor(type, shape);
}

Expr sliding_extent(Context& c, Expr input, Expr size, int64_t stride, Expr low, Expr high,
                    int64_t dilation, int64_t input_dilation) {
  Expr spread = input;
  if (input_dilation != 1) {
    const Expr gaps = ir::max(c, ir::sub(c, input, c.i64(1)), c.i64(0));
    spread = ir::add(c, input, ir::mul(c, gaps, c.i64(input_dilation - 1)));
  }
  const Expr padded = ir::add(c, ir::add(c, spread, low), high);
  const Expr reach = ir::mul(c, ir::sub(c, size, c.i64(1)), c.i64(dilation));  // kernel extent - 1
  const Expr room = ir::add(c, ir::sub(c, ir::sub(c, padded, reach), c.i64(1)), c.i64(stride));
  return tidy(c, ir::floordiv(c, room, c.i64(stride)));
}

Result<Type> conv_type(const TypeArgs& args) {
  const Rule rule(args);
  const Ints* strides = rule.ints(Key::strides);
  const std::vector<Expr>* low = rule.exprs(Key::low);
  const std::vector<Expr>* high = rule.exprs(Key::high);
  const Ints* dilation = rule.ints(Key::dilation);
  const Ints* input_dilation = rule.ints(Key::input_dilation);
  const auto* groups = rule.attr<int64_t>(Key::groups);
  if (strides == nullptr) return rule.missing(Key::strides);
  if (low == nullptr) return rule.missing(Key::low);
  if (high == nullptr) return rule.missing(Key::high);
  if (dilation == nullptr) return rule.missing(Key::dilation);
  if (input_dilation == nullptr) return rule.missing(Key::input_dilation);
  if (groups == nullptr) return rule.missing(Key::groups);
  const Type x = rule.operand(0)->type;
  const Type w = rule.operand(1)->type;
  TENON_TRY(const DType type, check_types(rule));
  if (x->rank() < 3 || x->rank() != w->rank())
    return rule.refuse(2, show(x) + " and " + show(w) +
                              " must have one rank: batch, one or more spatial axes, channels");
  const size_t spatial = x->shape.size() - 2;
  for (size_t n :
       {strides->size(), low->size(), high->size(), dilation->size(), input_dilation->size()})
    if (n != spatial)
      return rule.refuse(3, "strides, low, high and dilations need " + std::to_string(spatial) +
                                " entries, one for each spatial axis of " + show(x));
  const auto positive = [](int64_t n) { return n > 0; };
  if (*groups < 1 || !std::all_of(strides->begin(), strides->end(), positive) ||
      !std::all_of(dilation->begin(), dilation->end(), positive) ||
      !std::all_of(input_dilation->begin(), input_dilation->end(), positive))
    return rule.refuse(6, "strides, dilations and groups must be positive");
  Context& c = args.c;
  if (!rule.may_equal(x->shape.back(), ir::mul(c, w->shape[spatial], c.i64(*groups))))
    return rule.refuse(4, std::to_string(*groups) + " groups of the channels of kernel " + show(w) +
                              " do not make the channels of " + show(x));
  if (const auto m = ir::as_int(w->shape.back()); m && *m % *groups != 0)
    return rule.refuse(5, std::to_string(*groups) + " groups do not divide " + std::to_string(*m) +
                              " output channels");
  std::vector<Expr> shape{x->shape[0]};
  for (size_t i = 0; i < spatial; ++i) {
    shape.push_back(sliding_extent(c, x->shape[i + 1], w->shape[i], (*strides)[i], (*low)[i],
                                   (*high)[i], (*dilation)[i], (*input_dilation)[i]));
    if (const auto n = ir::as_int(shape.back()); n && *n < 0)
      return rule.refuse(7, "kernel " + show(w) + " does not fit into " + show(x) +
                                " with its padding on spatial axis " + std::to_string(i));
  }
  shape.push_back(w->shape.back());
  TENON_TRY_VOID(check_product(rule, 8));
  return c.tensor(type, shape);
}

}  // namespace tenon::ops
