#include "frontend/onnx/builder.h"

#include <algorithm>
#include <cstring>

#include "frontend/onnx/tensor_proto.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "ir/text.h"
#include "ops/composite.h"
#include "ops/tensor.h"
#include "support/text.h"

namespace tenon::onnx_import {
namespace {

/// True for operators whose constant result is better kept as the operator: it says more in less
/// space.
bool keeps_form(Op op) { return op == Op::broadcast || op == Op::iota; }

bool may_fold(Op op) {
  switch (op) {
    case Op::param:
    case Op::var:
    case Op::imm:
    case Op::constant:
    case Op::tuple:
    case Op::get:
    case Op::call:
    case Op::if_:
    case Op::loop:
    case Op::random:
    case Op::nonzero:
    case Op::nms:
    case Op::unique:
    case Op::sort:
      return false;
    default:
      return true;
  }
}

bool follows_elements(DType type) {
  return type == DType::i64 || type == DType::i32 || type == DType::boolean || type == DType::f32 ||
         type == DType::f64;
}

std::optional<Ints> static_shape(Type type) {
  Ints shape;
  for (Expr e : type->shape) {
    const auto extent = ir::as_int(e);
    if (!extent) return std::nullopt;
    shape.push_back(*extent);
  }
  return shape;
}

}  // namespace

void refuse(std::string code, std::string message) {
  throw ConvertError{{{std::move(code), std::move(message)}}};
}

bool is_newer(Expr extent, size_t first) {
  const std::vector<Expr> all = ir::post_order(std::span(&extent, 1));
  return std::any_of(all.begin(), all.end(),
                     [&](Expr e) { return e->op == Op::var && e->id >= first; });
}

std::optional<int64_t> static_count(Type type) {
  if (!type->is_tensor()) return std::nullopt;
  const auto shape = static_shape(type);
  return shape ? checked_count(*shape) : std::nullopt;
}

// ---- nodes

Expr Builder::raw(Op kind, std::span<const Expr> operands, std::vector<Attr> attrs, Type wanted) {
  const size_t before = c.node_count();
  auto built = ops::build(c, kind, operands, std::move(attrs), wanted);
  if (!built) throw ConvertError{std::move(built).error().diagnostics};
  if ((*built)->id >= before) c.set_location(*built, location);
  return *built;
}

Expr Builder::op(Op kind, std::span<const Expr> operands, std::vector<Attr> attrs, Type wanted) {
  return fold(raw(kind, operands, std::move(attrs), wanted));
}

Expr Builder::fold(Expr node) {
  if (!may_fold(node->op) || !node->type->is_tensor()) return node;
  if (const auto found = elements_.find(node); found != elements_.end() && found->second != nullptr)
    return node;
  const auto count = static_count(node->type);
  if (!count || *count > kFoldLimit) return node;
  std::vector<const ops::Tensor*> values;
  for (Expr operand : node->operands)
    if (const ops::Tensor* value = known(operand)) values.push_back(value);
  const ops::OpRow* row = ops::find_op(node->op);
  if (values.size() == node->operands.size() && node->op != Op::from_scalars && row != nullptr &&
      row->eval != nullptr) {
    const ops::EvalArgs args{node, values, *static_shape(node->type),
                             [](Expr e) { return ir::as_int(e).value_or(0); }};
    bool literal = true;
    for (const Attr& attr : node->attrs)
      if (const auto* exprs = std::get_if<std::vector<Expr>>(&attr.value))
        for (Expr e : *exprs) literal = literal && ir::as_int(e).has_value();
    if (literal) {
      auto result = row->eval(args);
      if (!result) throw ConvertError{std::move(result).error().diagnostics};
      if (keeps_form(node->op)) {
        set_known(node, std::move(result->front()));
        return node;
      }
      return constant(result->front());
    }
  }
  if (*count > kElementLimit || !follows_elements(node->dtype())) return node;
  if (node->op == Op::from_scalars) {
    Elements values_of;
    for (Expr e : node->operands) values_of.push_back({e, nullptr});
    const bool all = std::all_of(node->operands.begin(), node->operands.end(),
                                 [](Expr e) { return ir::as_int(e).has_value(); });
    if (all) return materialize(values_of, node->type);
    set_elements(node, std::move(values_of));
    return node;
  }
  std::vector<const Elements*> known_elements;
  for (Expr operand : node->operands) {
    const Elements* e = elements(operand);
    if (e == nullptr) return node;
    known_elements.push_back(e);
  }
  auto inferred = infer_elements(c, node, known_elements);
  if (!inferred || static_cast<int64_t>(inferred->size()) != *count) return node;
  const bool integers_only = node->dtype() == DType::i64 || node->dtype() == DType::i32;
  if (integers_only && !keeps_form(node->op)) return materialize(*inferred, node->type);
  const bool decided = node->dtype() == DType::boolean &&
                       std::all_of(inferred->begin(), inferred->end(),
                                   [](const Element& e) { return ir::as_int(e.num); });
  if (decided) {
    ops::Tensor value = ops::Tensor::zeros(DType::boolean, *static_shape(node->type));
    for (size_t i = 0; i < inferred->size(); ++i)
      value.set_i(static_cast<int64_t>(i), *ir::as_int((*inferred)[i].num));
    return constant(value);
  }
  set_elements(node, std::move(*inferred));
  return node;
}

Expr Builder::materialize(const Elements& values, Type type) {
  const bool literal = std::all_of(values.begin(), values.end(),
                                   [](const Element& e) { return ir::as_int(e.num).has_value(); });
  if (literal) {
    ops::Tensor value = ops::Tensor::zeros(type->dtype, *static_shape(type));
    for (size_t i = 0; i < values.size(); ++i)
      value.set_i(static_cast<int64_t>(i), *ir::as_int(values[i].num));
    return constant(value);
  }
  Exprs nums;
  for (const Element& e : values) nums.push_back(e.num);
  const bool scalar = type->shape.empty();
  Expr node = raw(Op::from_scalars, nums, {},
                  scalar ? c.index() : c.tensor(DType::i64, {static_cast<int64_t>(nums.size())}));
  set_elements(node, values);
  if (type->rank() > 1) {
    node = raw(Op::reshape, std::span<const Expr>(&node, 1), {}, c.tensor(DType::i64, type->shape));
    set_elements(node, values);
  }
  if (type->dtype != DType::i64) {
    node = raw(Op::cast, std::span<const Expr>(&node, 1), {}, c.tensor(type->dtype, type->shape));
    set_elements(node, values);
  }
  return node;
}

Exprs Builder::composite(std::string_view which, std::span<const Expr> operands,
                         const ops::Options& options, std::span<const Expr> extents) {
  const size_t before = c.node_count();
  auto built = ops::build_composite(c, which, operands, options, extents);
  if (!built) throw ConvertError{std::move(built).error().diagnostics};
  for (Expr e : *built)
    if (e != nullptr && e->id >= before) c.set_location(e, location);
  return *std::move(built);
}

Expr Builder::apply(std::string_view which, std::initializer_list<Expr> operands,
                    const ops::Options& options, std::span<const Expr> extents) {
  return composite(which, std::span<const Expr>(operands.begin(), operands.size()), options,
                   extents)[0];
}

Exprs Builder::results(Expr tuple) {
  Exprs out;
  for (size_t i = 0; i < tuple->type->fields.size(); ++i)
    out.push_back(
        op(Op::get, {tuple}, {{Key::index, static_cast<int64_t>(i)}}, tuple->type->fields[i]));
  return out;
}

// ---- literals

Expr Builder::scalar(DType dtype, double value) {
  return ir::is_float(dtype) ? c.imm_f(c.scalar(dtype), value)
                             : c.imm(c.scalar(dtype), static_cast<int64_t>(value));
}

Expr Builder::integer(DType dtype, int64_t value) {
  return ir::is_float(dtype) ? c.imm_f(c.scalar(dtype), static_cast<double>(value))
                             : c.imm(c.scalar(dtype), value);
}

Expr Builder::fill(Expr value, std::span<const Expr> shape) { return broadcast_to(value, shape); }

Expr Builder::constant(const ops::Tensor& value, std::string tensor_name) {
  if (value.shape.empty())
    return ir::is_float(value.dtype) ? c.imm_f(c.scalar(value.dtype), value.get_f(0))
                                     : c.imm(c.scalar(value.dtype), value.get_i(0));
  const Expr node = ops::constant_of(c, value, std::move(tensor_name));
  c.set_location(node, location);
  return node;
}

Expr Builder::ints(std::span<const int64_t> values) { return scalars(i64s(values)); }

Expr Builder::scalars(std::span<const Expr> values) {
  return op(Op::from_scalars, values, {},
            c.tensor(DType::i64, {static_cast<int64_t>(values.size())}));
}

Expr Builder::from_scalar(Expr value) {
  if (ir::as_int(value)) return value;
  return op(Op::from_scalars, {value}, {}, c.index());
}

Expr Builder::condition(Expr x) {
  const Elements* known_as = elements(x);
  if (known_as == nullptr || ir::as_int(known_as->at(0).num)) return x;
  return raw(Op::from_scalars, std::span<const Expr>(&known_as->at(0).num, 1), {}, c.boolean());
}

// ---- elementwise

Expr Builder::binary(Op kind, Expr a, Expr b) {
  if (a->dtype() != b->dtype())
    refuse("onnx.type", "operands have different element types, " +
                            std::string(ir::info(a->dtype()).name) + " and " +
                            std::string(ir::info(b->dtype()).name));
  const Expr both[] = {a, b};
  const Exprs shape = broadcast_shape(both);
  return op(kind, {broadcast_to(a, shape), broadcast_to(b, shape)});
}

Expr Builder::select(Expr cond, Expr a, Expr b) {
  if (a->dtype() != b->dtype())
    refuse("onnx.type", "operands have different element types, " +
                            std::string(ir::info(a->dtype()).name) + " and " +
                            std::string(ir::info(b->dtype()).name));
  const Expr all[] = {cond, a, b};
  const Exprs shape = broadcast_shape(all);
  return op(Op::select,
            {broadcast_to(cond, shape), broadcast_to(a, shape), broadcast_to(b, shape)});
}

Expr Builder::cast(Expr x, DType to) {
  return x->dtype() == to ? x : op(Op::cast, {x}, {}, c.tensor(to, x->shape()));
}

// ---- integer expressions

Exprs Builder::i64s(std::span<const int64_t> values) {
  Exprs out;
  for (int64_t v : values) out.push_back(c.i64(v));
  return out;
}

Expr Builder::simplify(Expr e) {
  if (e->op == Op::imm || e->op == Op::var) return e;
  const auto [found, is_new] = simplified_.try_emplace(e, nullptr);
  if (is_new) {
    const Expr simple = ir::simplify(c, e);
    simplified_[e] = simple;
    return simple;
  }
  return found->second;
}

bool Builder::same(Expr a, Expr b) {
  if (a == b) return true;
  if (ir::as_int(a) && ir::as_int(b)) return false;
  return simplify(a) == simplify(b) || ir::is_int(simplify(ir::sub(c, a, b)), 0);
}

Expr Builder::open_extent(size_t result, size_t axis) {
  return c.var(cat(name, ".", result, ".d", axis));
}

Expr Builder::product(std::span<const Expr> extents) { return simplify(ir::product(c, extents)); }

namespace {
/// Factors of a product, literals multiplied into `literal`.
void factors_of(Expr e, Exprs& factors, int64_t& literal) {
  Exprs stack{e};
  while (!stack.empty()) {
    const Expr top = stack.back();
    stack.pop_back();
    if (const auto value = ir::as_int(top)) {
      literal *= *value;
    } else if (top->op == Op::mul) {
      stack.push_back(top->operand(1));
      stack.push_back(top->operand(0));
    } else {
      factors.push_back(top);
    }
  }
}
}  // namespace

Expr Builder::divide_exactly(std::span<const Expr> total, std::span<const Expr> part) {
  Exprs up;
  Exprs down;
  int64_t a = 1;
  int64_t b = 1;
  for (Expr e : total) factors_of(e, up, a);
  for (Expr e : part) factors_of(e, down, b);
  if (b == 0) return c.i64(0);
  std::erase_if(down, [&](Expr d) {
    const auto found = std::find_if(up.begin(), up.end(), [&](Expr u) { return same(u, d); });
    if (found == up.end()) return false;
    up.erase(found);
    return true;
  });
  if (a % b == 0) {
    a /= b;
    b = 1;
  }
  const Expr num = ir::mul(c, ir::product(c, up), c.i64(a));
  const Expr den = ir::mul(c, ir::product(c, down), c.i64(b));
  return simplify(ir::floordiv(c, num, den));
}

// ---- what is known of values

void Builder::set_known(Expr x, ops::Tensor value) {
  known_[x] = std::make_shared<ops::Tensor>(std::move(value));
}

const ops::Tensor* Builder::known(Expr x) {
  if (const auto found = known_.find(x); found != known_.end()) return found->second.get();
  if (x->op != Op::imm && x->op != Op::constant) return nullptr;
  const auto count = static_count(x->type);
  if (!count || *count > kFoldLimit) return nullptr;
  set_known(x, ops::tensor_of(x));
  return known_[x].get();
}

const Elements* Builder::elements(Expr x) {
  if (const auto found = elements_.find(x); found != elements_.end()) return found->second.get();
  if (!x->type->is_tensor() || !follows_elements(x->dtype())) return nullptr;
  const auto count = static_count(x->type);
  if (!count || *count > kElementLimit) return nullptr;
  const ops::Tensor* value = known(x);
  if (value == nullptr) return nullptr;
  Elements out;
  for (int64_t i = 0; i < *count; ++i) {
    std::optional<Element> element;
    if (x->dtype() == DType::boolean) {
      element = Element{c.bool_imm(value->get_i(i) != 0)};
    } else if (ir::is_float(x->dtype())) {
      element = element_of(c, value->get_f(i));
    } else {
      element = Element{c.i64(value->get_i(i))};
    }
    if (!element) {
      elements_[x] = nullptr;
      return nullptr;
    }
    out.push_back(*element);
  }
  set_elements(x, std::move(out));
  return elements_[x].get();
}

std::optional<Exprs> Builder::known_integers(Expr x) {
  const Elements* known_elements = elements(x);
  if (known_elements == nullptr) {
    // Narrow integer types are not followed, but constants are known.
    const ops::Tensor* value = known(x);
    if (value == nullptr || !ir::is_integer(x->dtype())) return std::nullopt;
    Exprs out;
    for (int64_t i = 0; i < value->count(); ++i) out.push_back(c.i64(value->get_i(i)));
    return out;
  }
  Exprs out;
  for (const Element& e : *known_elements) {
    if (e.den != nullptr || e.num->dtype() != DType::i64) return std::nullopt;
    out.push_back(e.num);
  }
  return out;
}

Exprs Builder::integers(Expr x) {
  if (auto found = known_integers(x)) return *std::move(found);
  const auto count = static_count(x->type);
  if (!count || *count > kElementLimit)
    refuse("onnx.dynamic_rank",
           "a tensor that gives extents has itself an unknown number of elements");
  Elements values;
  Exprs out;
  for (int64_t i = 0; i < *count; ++i) {
    const Expr var = c.var(name + "." + std::to_string(i));
    facts->bindings.push_back({var, x, i});
    values.push_back({var, nullptr});
    out.push_back(var);
  }
  set_elements(x, std::move(values));
  return out;
}

bool Builder::is_closed(Expr x) {
  return x->op == Op::imm || x->op == Op::constant || x->op == Op::from_scalars;
}

}  // namespace tenon::onnx_import
