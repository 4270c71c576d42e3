#include "frontend/onnx/builder.h"

#include <algorithm>

#include "frontend/onnx/tensor_proto.h"
#include "ir/rewrite.h"
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

bool are_literal(const Elements& values) {
  return std::all_of(values.begin(), values.end(),
                     [](const Element& e) { return ir::as_int(e.num).has_value(); });
}

ops::Tensor tensor_of(const Elements& literals, Type type) {
  ops::Tensor value = ops::Tensor::zeros(type->dtype, *static_shape(type));
  for (size_t i = 0; i < literals.size(); ++i)
    value.set_i(static_cast<int64_t>(i), *ir::as_int(literals[i].num));
  return value;
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

Expr Builder::known_form(Expr node) {
  if (!may_fold(node->op) || !node->type->is_tensor()) return node;
  if (const auto found = elements_.find(node); found != elements_.end() && found->second != nullptr)
    return node;
  const auto count = static_count(node->type);
  if (!count || *count > kFoldLimit) return node;
  if (const Expr folded = fold_values(node)) return folded;
  return *count <= kElementLimit && follows_elements(node->dtype()) ? fold_elements(node) : node;
}

Expr Builder::fold_values(Expr node) {
  const ops::OpRow* row = ops::find_op(node->op);
  if (node->op == Op::from_scalars || row == nullptr || row->eval == nullptr) return nullptr;
  std::vector<const ops::Tensor*> values;
  for (Expr operand : node->operands) {
    values.push_back(known(operand));
    if (values.back() == nullptr) return nullptr;
  }
  for (const Attr& attr : node->attrs)
    if (const auto* exprs = std::get_if<std::vector<Expr>>(&attr.value))
      for (Expr e : *exprs)
        if (!ir::as_int(e)) return nullptr;
  auto result = row->eval(
      {node, values, *static_shape(node->type), [](Expr e) { return ir::as_int(e).value_or(0); }});
  if (!result) throw ConvertError{std::move(result).error().diagnostics};
  if (!keeps_form(node->op)) return constant(result->front());
  set_known(node, std::move(result->front()));
  return node;
}

Expr Builder::fold_elements(Expr node) {
  if (node->op == Op::from_scalars) {
    Elements values;
    for (Expr e : node->operands) values.push_back({e, nullptr});
    set_elements(node, std::move(values));
    return node;
  }
  std::vector<const Elements*> operands;
  for (Expr operand : node->operands) {
    operands.push_back(elements(operand));
    if (operands.back() == nullptr) return node;
  }
  auto inferred = infer_elements(c, node, operands);
  if (!inferred || static_cast<int64_t>(inferred->size()) != *static_count(node->type)) return node;
  const bool integers_only = node->dtype() == DType::i64 || node->dtype() == DType::i32;
  if (integers_only && !keeps_form(node->op)) return materialize(*inferred, node->type);
  if (node->dtype() == DType::boolean && are_literal(*inferred))
    return constant(tensor_of(*inferred, node->type));
  set_elements(node, std::move(*inferred));
  return node;
}

Expr Builder::materialize(const Elements& values, Type type) {
  if (are_literal(values)) return constant(tensor_of(values, type));
  Exprs nums;
  for (const Element& e : values) nums.push_back(e.num);
  const bool scalar = type->shape.empty();
  Expr node = checked(Op::from_scalars, nums, {}, scalar ? c.index() : nullptr);
  set_elements(node, values);
  if (type->rank() > 1) {
    node = checked(Op::reshape, std::span<const Expr>(&node, 1), {},
                   c.tensor(DType::i64, type->shape));
    set_elements(node, values);
  }
  if (type->dtype != DType::i64) {
    node =
        checked(Op::cast, std::span<const Expr>(&node, 1), {}, c.tensor(type->dtype, type->shape));
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
    out.push_back(get(tuple, static_cast<int64_t>(i)));
  return out;
}

Expr Builder::condition(Expr x) {
  const Elements* known_as = elements(x);
  if (known_as == nullptr || ir::as_int(known_as->at(0).num)) return x;
  return checked(Op::from_scalars, std::span<const Expr>(&known_as->at(0).num, 1), {}, c.boolean());
}

// ---- integer expressions

Expr Builder::open_extent(size_t result, size_t axis) {
  return c.var(cat(name, ".", result, ".d", axis));
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
