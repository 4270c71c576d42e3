// Shape, data movement, gathers and scatters.
#include <algorithm>

#include "export/exporter.h"
#include "frontend/onnx/tensor_proto.h"
#include "ir/expr.h"

namespace tenon::onnx_export {

using ir::Key;
using ir::Op;

namespace {

Ints range(int64_t from, int64_t to) {
  Ints all;
  for (int64_t i = from; i < to; ++i) all.push_back(i);
  return all;
}

std::string broadcast(Scope& s, Expr n) {
  const Ints& dims = n->ints_attr(Key::dims);
  Ints fresh;
  for (int64_t d = 0; d < n->rank(); ++d)
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) fresh.push_back(d);
  std::string x = s.value(n->operand(0));
  if (!fresh.empty()) {
    std::vector<Expr> shape(static_cast<size_t>(n->rank()), s.exporter().context().i64(1));
    for (size_t i = 0; i < dims.size(); ++i)
      shape[static_cast<size_t>(dims[i])] = n->operand(0)->shape()[i];
    if (shape == n->shape())
      return s.node("Unsqueeze", {x, s.ints(fresh)}, {}, n->dtype(), &n->shape());
    x = s.node("Unsqueeze", {x, s.ints(fresh)}, {}, n->dtype(), &shape);
  }
  return s.node("Expand", {x, s.shape(n->shape())}, {}, n->dtype(), &n->shape());
}

std::string slice(Scope& s, Expr n) {
  ir::Context& c = s.exporter().context();
  const std::vector<Expr>& starts = n->exprs_attr(Key::starts);
  const Ints& strides = n->ints_attr(Key::strides);
  std::vector<Expr> ends;
  for (size_t d = 0; d < starts.size(); ++d) {
    Expr end = ir::add(c, starts[d], ir::mul(c, n->shape()[d], c.i64(strides[d])));
    // Counted from the axis's end, what lies before its first element is a number like any other.
    if (strides[d] < 0) end = ir::add(c, end, ir::mul(c, n->operand(0)->shape()[d], c.i64(-1)));
    ends.push_back(end);
  }
  return s.node("Slice",
                {s.value(n->operand(0)), s.shape(starts), s.shape(ends),
                 s.ints(range(0, n->rank())), s.ints(strides)},
                {}, n->dtype(), &n->shape());
}

std::string pad(Scope& s, Expr n) {
  const Ints& interior = n->ints_attr(Key::interior);
  if (std::any_of(interior.begin(), interior.end(), [](int64_t i) { return i != 0; })) return "";
  return padded(s, s.value(n->operand(0)), n->exprs_attr(Key::low), n->exprs_attr(Key::high),
                s.value(n->operand(1)), n->type);
}

std::string iota(Scope& s, Expr n) {
  const auto axis = static_cast<size_t>(n->int_attr(Key::axis));
  std::string x = s.node(
      "Range", {s.scalar(DType::i64, 0), s.integer(n->shape()[axis]), s.scalar(DType::i64, 1)});
  const std::vector<Expr> line{n->shape()[axis]};
  if (n->dtype() != DType::i64)
    x = s.node("Cast", {x}, {attribute("to", int64_t{onnx_import::data_type_of(n->dtype())})},
               n->dtype(), &line);
  std::vector<Expr> shape(n->shape().size(), s.exporter().context().i64(1));
  shape[axis] = n->shape()[axis];
  x = s.node("Reshape", {x, s.shape(shape)}, {}, n->dtype(), &shape);
  return shape == n->shape()
             ? x
             : s.node("Expand", {x, s.shape(n->shape())}, {}, n->dtype(), &n->shape());
}

std::string from_scalars(Scope& s, Expr n) {
  std::string x;
  if (n->rank() == 0) {
    x = s.integer(n->operand(0));
  } else {
    x = s.shape({n->operands.begin(), n->operands.end()});
  }
  const DType have = n->operands.empty() || n->rank() > 0 ? DType::i64 : n->operand(0)->dtype();
  if (n->dtype() == have) return x;
  return s.node("Cast", {x}, {attribute("to", int64_t{onnx_import::data_type_of(n->dtype())})},
                n->dtype(), &n->shape());
}

std::string scatter(Scope& s, Expr n, const char* op, Attributes attributes) {
  const std::string& kind = n->string_attr(Key::kind);
  const char* reduction = kind == "set"    ? "none"
                          : kind == "sum"  ? "add"
                          : kind == "prod" ? "mul"
                                           : kind.c_str();
  attributes.push_back(attribute("reduction", std::string(reduction)));
  return s.node(op, {s.value(n->operand(0)), s.value(n->operand(1)), s.value(n->operand(2))},
                std::move(attributes), n->dtype(), &n->shape());
}

/// Starts are clamped so that the slice fits.
std::string dynamic_slice(Scope& s, Expr n) {
  ir::Context& c = s.exporter().context();
  const Expr x = n->operand(0);
  const std::vector<Expr> list{c.i64(n->rank())};
  const auto node = [&](const char* op, const Names& inputs, Attributes attributes = {}) {
    return s.node(op, inputs, std::move(attributes), DType::i64, &list);
  };
  const std::vector<Expr> one{c.i64(1)};
  Names parts;
  for (Expr start : n->operands.subspan(1))
    parts.push_back(s.node("Reshape", {s.value(start), s.ints({1})}, {}, DType::i64, &one));
  if (parts.empty()) return s.value(x);
  const std::string extents = s.shape(n->shape());
  const std::string most = node("Sub", {s.shape(x->shape()), extents});
  const std::string given = node("Concat", parts, {attribute("axis", int64_t{0})});
  const std::string starts = node("Max", {node("Min", {given, most}), s.ints({0})});
  return s.node("Slice",
                {s.value(x), starts, node("Add", {starts, extents}), s.ints(range(0, n->rank()))},
                {}, n->dtype(), &n->shape());
}

std::string made_of(Scope& s, Expr n) {
  const auto one = [&](const char* op, Attributes attributes) {
    Names inputs;
    for (Expr operand : n->operands) inputs.push_back(s.value(operand));
    return s.node(op, inputs, std::move(attributes), n->dtype(), &n->shape());
  };
  const auto axis = [&] { return attribute("axis", n->int_attr(Key::axis)); };
  switch (n->op) {
    case Op::broadcast:
      return broadcast(s, n);
    case Op::reshape:
      return s.node("Reshape", {s.value(n->operand(0)), s.shape(n->shape())},
                    {attribute("allowzero", int64_t{1})}, n->dtype(), &n->shape());
    case Op::transpose:
      return one("Transpose", {attribute("perm", n->ints_attr(Key::perm))});
    case Op::slice:
      return slice(s, n);
    case Op::pad:
      return pad(s, n);
    case Op::concat:
      return one("Concat", {axis()});
    case Op::iota:
      return is_common(n->dtype()) ? iota(s, n) : "";
    case Op::from_scalars:
      return from_scalars(s, n);
    case Op::gather:
      return one("Gather", {axis()});
    case Op::gather_elements:
      return one("GatherElements", {axis()});
    case Op::gather_nd:
      return one("GatherND", {attribute("batch_dims", n->int_attr(Key::batch))});
    case Op::scatter_elements:
      return scatter(s, n, "ScatterElements", {axis()});
    case Op::scatter_nd:
      return scatter(s, n, "ScatterND", {});
    case Op::nonzero:
      return one("NonZero", {});
    case Op::dynamic_slice:
      return dynamic_slice(s, n);
    default:
      return "";
  }
}

}  // namespace

std::string padded(Scope& s, const std::string& x, const std::vector<Expr>& low,
                   const std::vector<Expr>& high, const std::string& fill, Type type) {
  std::vector<Expr> pads = low;
  pads.insert(pads.end(), high.begin(), high.end());
  return s.node("Pad", {x, s.shape(pads), fill}, {}, type->dtype, &type->shape);
}

bool emit_movement(Scope& scope, Expr n) {
  const std::string made = made_of(scope, n);
  if (made.empty()) return false;
  scope.finish(n, made);
  return true;
}

}  // namespace tenon::onnx_export
